//! All that is published, read side by side, each collection as it comes.
//!
//! ```text
//! cargo run --example read_all
//! ```

use std::error::Error;

use kinto_async::{Client, changed_collections};
use kinto_blocking::{Client as Editor, bucket};
use kinto_examples::{review_place, say, title};
use serde_json::json;
use tokio_stream::StreamExt as _;

/// The whole of it. No more than eight collections are in memory at a time.
pub(crate) async fn read_all(client: &Client) -> Result<(), Box<dyn Error>> {
    let mut changed = client.send(changed_collections().fresh()).await?;
    changed.changes.retain(|entry| !entry.bucket.ends_with("-preview"));
    let mut entries = changed.changes.iter();
    let mut changesets = client.send_each(changed.changesets(), 8);
    while let (Some(entry), Some(changeset)) = (entries.next(), changesets.next().await) {
        let changeset = changeset?;
        say(&format!("{}/{}: {} records", entry.bucket, entry.collection, changeset.changes.len()));
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (server, editor, reviewer) =
        tokio::task::spawn_blocking(|| scene().map_err(|error| error.to_string())).await??;
    drop((editor, reviewer));
    title("What is published");
    let client = Client::builder(server.url()).build()?;
    read_all(&client).await
}

/// Three collections, published.
fn scene() -> Result<(kinto_tests::KintoServer, Editor, Editor), Box<dyn Error>> {
    let (server, editor, reviewer) = review_place()?;
    for (id, count) in [("regions", 3), ("languages", 5), ("search-config", 1)] {
        editor.send(bucket("main-workspace").collections().create(id, &json!({})))?;
        let collection = bucket("main-workspace").collection(id);
        let wanted = (0..count).map(|n| (format!("r{n}"), json!({"n": n})));
        let plan = editor.send(collection.records().sync(wanted))?;
        editor.send(plan.apply().then_request_review(&collection.review(), "new"))?.into_result()?;
        reviewer.send(collection.review().approve())?;
    }
    Ok((server, editor, reviewer))
}
