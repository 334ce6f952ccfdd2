//! A script of one's own with the options that all scripts around Kinto have: how many records a collection has.
//!
//! ```text
//! cargo run --example download_records
//! cargo run --example download_records -- --server https://kinto.example/v1 --auth USER:PASS -b blog -c posts -v
//! ```

use std::env;
use std::error::Error;

use clap::Parser;
use kinto_blocking::cli::KintoArgs;
use kinto_blocking::{Client, bucket, buckets};
use kinto_examples::{place, say, title};
use serde_json::json;

/// Download records
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    kinto: KintoArgs,
}

fn download(args: &KintoArgs) -> Result<(), Box<dyn Error>> {
    let client = args.client()?;
    let records = client.send(args.records()?.list())?;
    say(&format!("{} records.", records.items.len()));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    if env::args().len() > 1 {
        return download(&Args::parse().kinto);
    }
    let place = place()?;
    let client = Client::builder(&place.url).auth(place.auth.clone()).build()?;
    let home = client.send(buckets().add(&json!({"for": "a tour"})))?.id;
    client.send(bucket(&home).collections().create("posts", &json!({})))?;
    for title in ["Hello", "More"] {
        client.send(bucket(&home).collection("posts").records().add(&json!({"title": title})))?;
    }
    title("As if it was called with --server, --auth, --bucket and --collection");
    let options = ["", "-s", &place.url, "-a", "alexis:p4ssw0rd", "-b", &home, "-c", "posts", "-v"];
    let told = download(&Args::parse_from(options).kinto);
    client.send(buckets().delete(&home))?;
    told
}
