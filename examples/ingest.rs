//! A source of truth here, a collection there: plan, show, apply, ask for a review.
//!
//! ```text
//! cargo run --example ingest
//! ```

use std::error::Error;

use kinto_blocking::{Client, bucket};
use kinto_examples::{review_place, say, title};
use serde_json::{Value, json};

/// The whole of the job.
pub(crate) fn ingest(client: &Client, source: Vec<(&str, Value)>, dry_run: bool) -> Result<(), Box<dyn Error>> {
    let versions = bucket("main-workspace").collection("product-integrity");
    let plan = client.send(versions.records().sync(source))?; // reads only
    say(&plan.to_string());
    plan.changes().for_each(|change| println!("{change}"));
    if dry_run || plan.is_empty() {
        return Ok(());
    }
    let report = client.send(plan.apply().then_request_review(&versions.review(), "new versions"))?;
    say(&report.to_string());
    report.into_result()?; // one error is an error
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (_server, client, _) = review_place()?;
    client.send(bucket("main-workspace").collections().create("product-integrity", &json!({})))?;
    let first = || vec![("v1", json!({"build": 1})), ("v2", json!({"build": 2}))];
    let second = || vec![("v2", json!({"build": 22})), ("v3", json!({"build": 3}))];

    title("What would be done");
    ingest(&client, first(), true)?;
    title("It is done");
    ingest(&client, first(), false)?;
    title("And once more, with other versions");
    ingest(&client, second(), false)?;
    title("Nothing is left to do");
    ingest(&client, second(), false)
}
