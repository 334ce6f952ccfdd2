//! Files with records about them: no record without its file, and no file that is there already.
//!
//! ```text
//! cargo run --example publish_files
//! cargo run --example publish_files -- --server https://kinto.example/v1 --auth USER:PASS
//! ```

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use kinto_blocking::{Client, Collection, bucket, buckets};
use kinto_examples::{place, say, title};
use serde_json::json;

/// The whole of the job.
pub(crate) fn publish(client: &Client, filters: &Collection, files: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    for path in files {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a name that is not text")?;
        let id = name.replace('.', "-");
        let about = json!({"about": name});
        let upload = filters.attachment(&id).upload(name).data(&about).media_type("application/octet-stream");
        let done = client.upload_file(upload.any_extension(), path)?;
        let what = if done.skipped { "is there already" } else { "was sent" };
        say(&format!("{name} {what}: {} bytes, SHA-256 {}…", done.attachment.size, &done.attachment.hash[..12]));
    }
    Ok(())
}

/// The record is created with its file, or neither is there.
fn create_both(client: &Client, filters: &Collection, path: &Path) -> Result<(), Box<dyn Error>> {
    let create = filters.records().create("once", &json!({"about": "created, and never overwritten"}));
    let upload = filters.attachment("once").upload("once.txt").together_with(create);
    match client.upload_file(upload, path) {
        Ok(done) => say(&format!("created, with {} bytes", done.attachment.size)),
        Err(error) if error.is_precondition_failed() => say("there is one already, and it stays as it is"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let place = place()?;
    let client = Client::builder(&place.url).auth(place.auth.clone()).user_agent("publish-files/1.0").build()?;
    let home = client.send(buckets().add(&json!({"for": "a tour"})))?;
    client.send(bucket(&home.id).collections().create("filters", &json!({})))?;
    let filters = bucket(&home.id).collection("filters");
    let folder = std::env::temp_dir().join(format!("publish-files-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let paths: Vec<PathBuf> = ["monday.txt", "tuesday.txt"].iter().map(|name| folder.join(name)).collect();
    let told = (|| {
        for path in &paths {
            fs::write(path, format!("the filter of {}", path.display()))?;
        }
        title("Files and their records");
        publish(&client, &filters, &paths)?;
        title("Both or neither");
        create_both(&client, &filters, &paths[0])?;
        create_both(&client, &filters, &paths[1])
    })();
    client.send(buckets().delete(&home.id))?;
    fs::remove_dir_all(&folder)?;
    told
}
