//! Lines of JSON, however many, poured into a collection; what is there already is not written.
//!
//! ```text
//! cargo run --example pour
//! cargo run --example pour -- --server https://kinto.example/v1 --auth USER:PASS < lines.ndjson
//! ```

use std::error::Error;
use std::io::{self, BufRead, IsTerminal as _};

use kinto_blocking::{BulkMode, Client, JsonMap, Resource, bucket, buckets};
use kinto_examples::{place, say, title};
use serde_json::json;

/// The whole of it, in the memory of a few hundred lines.
pub(crate) fn pour(client: &Client, records: &Resource, lines: impl BufRead) -> Result<(), Box<dyn Error>> {
    let mut bulk = records.bulk(BulkMode::SkipUnchanged).concurrency(3);
    let parsed = lines.lines().map(|line| serde_json::from_str::<JsonMap>(&line?).map_err(io::Error::from));
    let poured = client.pour(&mut bulk, parsed);
    let report = bulk.into_report();
    say(&report.to_string());
    for failure in report.failures() {
        say(&format!("line {}: {}", failure.position() + 1, failure.error()));
    }
    poured?; // what stopped it, if anything did
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let place = place()?;
    let client = Client::builder(&place.url).auth(place.auth.clone()).user_agent("pour/1.0").build()?;
    let home = client.send(buckets().add(&json!({"for": "a tour"})))?;
    client.send(bucket(&home.id).collections().create("lines", &json!({})))?;
    let records = bucket(&home.id).collection("lines").records();
    let told = tour(&client, &records, place.own.is_some());
    client.send(buckets().delete(&home.id))?;
    told
}

fn tour(client: &Client, records: &Resource, alone: bool) -> Result<(), Box<dyn Error>> {
    if !alone && !io::stdin().is_terminal() {
        return pour(client, records, io::stdin().lock());
    }
    let mut lines: String = (0..500).map(|n| format!("{{\"id\": \"line-{n}\", \"n\": {n}}}\n")).collect();
    lines.push_str("{\"id\": \"no good\", \"n\": 1}\nnot JSON at all\n");
    title("The first time");
    pour(client, records, lines.as_bytes())?;
    title("And again, with one line changed");
    pour(client, records, lines.replace("\"n\": 7}", "\"n\": 77}").as_bytes())
}
