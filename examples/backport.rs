//! One collection after another's image, but not all of it; reviewed only if anything changed.
//!
//! ```text
//! cargo run --example backport
//! ```

use std::error::Error;

use kinto_blocking::{Client, ReviewStatus, bucket, field};
use kinto_examples::{review_place, say, title};
use serde_json::json;

/// The whole of the job. Nothing of the source is in memory but one page of it.
pub(crate) fn backport(reader: &Client, writer: &Client) -> Result<(), Box<dyn Error>> {
    let source = bucket("main-workspace").collection("cfr").records();
    let target = bucket("main-workspace").collection("cfr-fr");
    let mut planner = writer.send(target.records().survey())?;
    for record in reader.items(source.list().filter(field("country").eq("FR"))) {
        planner.want(record?)?;
    }
    let plan = planner.finish();
    say(&plan.to_string());
    let changed = !plan.is_empty();
    writer.send(plan.apply())?.into_result()?;
    let status = writer.send(target.review().status())?.data.status;
    if changed || status == Some(ReviewStatus::WorkInProgress) {
        writer.send(target.review().request("as it is in cfr"))?;
        say("a review was asked for");
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (_server, client, _) = review_place()?;
    let workspace = bucket("main-workspace");
    for id in ["cfr", "cfr-fr"] {
        client.send(workspace.collections().create(id, &json!({})))?;
    }
    let messages = workspace.collection("cfr").records();
    for (id, country) in [("bonjour", "FR"), ("hallo", "DE"), ("salut", "FR")] {
        client.send(messages.create(id, &json!({"country": country})))?;
    }
    title("The first time");
    backport(&client, &client)?;
    title("When one of them has moved");
    client.send(messages.replace("hallo", &json!({"country": "FR"})))?;
    client.send(messages.delete("salut"))?;
    backport(&client, &client)?;
    title("When nothing has changed");
    backport(&client, &client)
}
