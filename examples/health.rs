//! Is everything as it should be? The server, what it publishes, and who signed it.
//!
//! ```text
//! cargo run --example health
//! ```

use std::error::Error;
use std::time::SystemTime;

use kinto_blocking::{Client, JsonMap, Verifier, bucket, changed_collections, heartbeat};
use kinto_examples::{review_place, say, title};
use serde_json::json;

/// The whole of the check: the origin against what its caches give, and both against who must have signed them.
fn check(origin: &Client, cache: &Client, verifier: &Verifier) -> Result<(), Box<dyn Error>> {
    let health = origin.send(heartbeat())?;
    say(&format!("parts of the server: {:?}, healthy: {}", health.parts, health.is_healthy()));
    let changed = origin.send(changed_collections().fresh())?;
    let cached = cache.send(changed_collections())?;
    for entry in &changed.changes {
        let same = cached.changes.iter().any(|other| {
            (&other.bucket, &other.collection, other.last_modified)
                == (&entry.bucket, &entry.collection, entry.last_modified)
        });
        let collection = bucket(&entry.bucket).collection(&entry.collection);
        let verified = cache.send(collection.verified_changeset::<JsonMap>(verifier, SystemTime::now()));
        let signed =
            verified.map_or_else(|error| error.to_string(), |it| format!("{} records signed", it.changes.len()));
        say(&format!("{}/{}: {}, {signed}", entry.bucket, entry.collection, if same { "in time" } else { "TOO OLD" }));
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (server, editor, reviewer) = review_place()?;
    let collection = bucket("main-workspace").collection("regions");
    editor.send(bucket("main-workspace").collections().create("regions", &json!({})))?;
    let plan = editor.send(collection.records().sync([("fr", json!({"name": "France"}))]))?;
    editor.send(plan.apply().then_request_review(&collection.review(), "new"))?.into_result()?;
    reviewer.send(collection.review().approve())?;

    title("As it should be");
    let verifier = Verifier::with_key(&server.public_key().ok_or("the server has no key")?)?;
    check(&editor, &editor, &verifier)?;
    title("If somebody else had signed it");
    let stranger = Verifier::with_key(STRANGER)?;
    check(&editor, &editor, &stranger)
}

/// A key that signed nothing here.
const STRANGER: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEG8o3MuLiAkPp2lTMDv+1l6RzUOUamB6/
QCQ+vo1RRIPaXNcftG4aht12DSaVbU3aOxhEhZHz3rb1te5RcgcEQvHWxC14mj95
B0y4alMkUTI1XcoMjsEOwn06uR3gH2Ii
-----END PUBLIC KEY-----
";
