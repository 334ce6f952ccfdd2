//! A server made ready: accounts, a bucket, groups and collections, as often as one likes.
//!
//! ```text
//! cargo run --example prepare
//! ```

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use kinto_blocking::{AUTHENTICATED, Auth, Client, Permissions, accounts, bucket, buckets, heartbeat};
use kinto_examples::{say, title};
use kinto_tests::{Backend, KintoServer};
use serde_json::json;

/// The whole of it. What is as it should be is not written.
pub(crate) fn prepare(anonymous: &Client) -> Result<(), Box<dyn Error>> {
    wait_until_ready(anonymous, Duration::from_secs(60))?;
    let admin = anonymous.with_auth(Some(Auth::basic("admin", "p4ssw0rd")))?;
    for name in ["admin", "editor"] {
        match anonymous.send(accounts().create(name, "p4ssw0rd")) {
            Ok(_) => say(&format!("account {name} created")),
            Err(error) if error.is_unauthorized() || error.is_precondition_failed() => {
                say(&format!("account {name} is there"))
            }
            Err(error) => return Err(error.into()),
        }
    }
    let everybody = Permissions::new().grant("collection:create", [AUTHENTICATED]);
    let workspace = admin.send(buckets().get_or_create("main-workspace", &json!({})).permissions(everybody))?;
    say(&format!("bucket main-workspace, new: {}", workspace.is_created()));
    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}});
    let groups = [("integration-editors", json!({"members": ["account:editor"]}))];
    let plan = admin.send(bucket("main-workspace").groups().sync(groups).keep_extra())?;
    say(&format!("groups: {}", admin.send(plan.apply())?));
    let collections = [("integration", json!({"schema": schema}))];
    let plan = admin.send(bucket("main-workspace").collections().sync(collections).keep_extra())?;
    say(&format!("collections: {}", admin.send(plan.apply())?));
    Ok(())
}

fn wait_until_ready(client: &Client, patience: Duration) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + patience;
    loop {
        match client.send(heartbeat()) {
            Ok(health) if health.is_healthy() => return Ok(()),
            Ok(health) if Instant::now() > deadline => return Err(format!("not healthy: {:?}", health.parts).into()),
            Err(error) if !error.is_retryable() || Instant::now() > deadline => return Err(error.into()),
            _ => thread::sleep(Duration::from_millis(500)),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let server = KintoServer::start(Backend::Memory)?;
    let client = Client::builder(server.url()).build()?;
    title("The first time");
    prepare(&client)?;
    title("And again");
    prepare(&client)
}
