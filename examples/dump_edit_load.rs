//! A bucket in a file, edited there, and loaded under another name: looked at first, then done.
//!
//! ```text
//! cargo run --example dump_edit_load
//! cargo run --example dump_edit_load -- --server https://kinto.example/v1 --auth USER:PASS
//! ```

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use kinto_blocking::{Client, EVERYONE, Import, Permissions, bucket, buckets};
use kinto_examples::{place, say, title};
use serde_json::json;

fn dump(client: &Client, from: &str, file: &Path) -> Result<(), Box<dyn Error>> {
    let export = bucket(from).export().record_permissions().at(SystemTime::now());
    say(&format!("{} objects", client.export_file(export, file)?));
    Ok(())
}

fn load(client: &Client, file: &Path, into: &str) -> Result<(), Box<dyn Error>> {
    let import = || Import::new().into_bucket(into).permissions().delete_extra();
    let show = import().dry_run().show(|plan| {
        say(&plan.to_string());
        plan.changes().for_each(|change| println!("{change}"));
    });
    say(&format!("a dry run: {}", client.import_file(show, file)?)); // reads only
    say(&client.import_file(import(), file)?.to_string());
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let place = place()?;
    let client = Client::builder(&place.url).auth(place.auth.clone()).user_agent("dump-edit-load/1.0").build()?;
    let from = client.send(buckets().add(&json!({"for": "a tour"})))?.id;
    let into = format!("{from}-copy");
    let file = std::env::temp_dir().join(format!("dump-{}.ndjson", std::process::id()));
    let told = tour(&client, &from, &into, &file);
    for id in [&from, &into] {
        client.send(buckets().delete_if_present(id))?;
    }
    fs::remove_file(&file)?;
    told
}

pub(crate) fn tour(client: &Client, from: &str, into: &str, file: &Path) -> Result<(), Box<dyn Error>> {
    client.send(bucket(from).collections().create("search-config", &json!({"displayFields": ["name"]})))?;
    let engines = bucket(from).collection("search-config").records();
    let everybody = Permissions::new().read([EVERYONE]);
    client.send(engines.create("duck", &json!({"name": "Duck"})).permissions(everybody))?;
    client.send(engines.create("goose", &json!({"name": "Goose"})))?;

    title("Dumped");
    dump(client, from, file)?;
    title("Loaded under another name");
    load(client, file, into)?;
    title("Edited, and loaded again");
    fs::write(file, fs::read_to_string(file)?.replace("Goose", "Swan"))?;
    load(client, file, into)
}
