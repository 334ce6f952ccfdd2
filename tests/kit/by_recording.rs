//! What counts is that it goes on as it once did with a real server.
//!
//! The recordings are made anew, where that is needed, by `cargo test -p kinto-tests --test kit -- --ignored`.

use std::error::Error;
use std::fs;
use std::path::Path;

use kinto_blocking::testing::{Recorder, Recording};
use kinto_blocking::{Auth, Client, Object, accounts, bucket, buckets, server_info};
use kinto_examples::review_place;
use kinto_tests::{Backend, KintoServer};
use serde_json::{Value, json};

use crate::{ingest, publish_files, quickstart, quickstart_async, read_all};

const PASSWORD: &str = "c4n4ry in/the mine";

/// Somebody signs up, takes the tour, and publishes a file, of two megabytes that are no text.
fn tour(anonymous: &Client, file: &Path) -> Result<Object, Box<dyn Error>> {
    anonymous.send(accounts().create("blocking", PASSWORD))?;
    let client = anonymous.with_auth(Some(Auth::basic("blocking", PASSWORD)))?;
    assert_eq!(client.send(server_info())?.user.ok_or("nobody")?.id, "account:blocking");
    let home = client.send(buckets().add(&json!({"for": "a tour"})))?;
    quickstart::tour(&client, &bucket(&home.id))?;
    client.send(bucket(&home.id).collections().create("filters", &json!({})))?;
    let filters = bucket(&home.id).collection("filters");
    publish_files::publish(&client, &filters, &[file.to_owned()])?;
    Ok(home)
}

/// The same on tokio.
async fn tour_async(anonymous: &kinto_async::Client) -> Result<Object, Box<dyn Error>> {
    anonymous.send(accounts().create("async", PASSWORD)).await?;
    let client = anonymous.with_auth(Some(Auth::basic("async", PASSWORD)))?;
    let home = client.send(buckets().add(&json!({"for": "a tour"}))).await?;
    quickstart_async::tour(&client, &bucket(&home.id)).await?;
    Ok(home)
}

fn has_no_secret(text: &str) {
    let basic = |name: &str| Auth::basic(name, PASSWORD);
    let session = kinto_blocking::Session::builder("http://localhost/v1").auth(basic("blocking")).build().unwrap();
    let sent = session.request(&server_info()).unwrap().headers()["authorization"].to_str().unwrap().to_owned();
    let token = sent.split_once(' ').unwrap().1;
    for word in ["c4n4ry", "the mine", "the%20mine", token, "uthorization", "$2b$"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert!(text.contains("\"password\": \"[hidden]\""), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn recorded_now_and_replayed_at_once() {
    let server = tokio::task::spawn_blocking(|| KintoServer::start(Backend::Memory).unwrap()).await.unwrap();
    let recorder = Recorder::new();
    let client = kinto_async::Client::builder(server.url()).build().unwrap().recorded_by(&recorder);
    let home = tour_async(&client).await.unwrap();
    let text = recorder.recording().to_string();
    has_no_secret(&text);
    let replay = text.parse::<Recording>().unwrap().replay();
    assert_eq!(tour_async(&kinto_async::Client::testing(&replay)).await.unwrap(), home);
    replay.finish();

    tokio::task::spawn_blocking(move || {
        let recorder = Recorder::new();
        let client = Client::builder(server.url()).build().unwrap().recorded_by(&recorder);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("monday.jpg");
        fs::write(&file, vec![0xff; 2_000_000]).unwrap();
        let home = tour(&client, &file).unwrap();
        let text = recorder.recording().to_string();
        has_no_secret(&text);
        let recording: Recording = text.parse().unwrap();
        // There is nobody any more who could be asked.
        drop(server);
        let replay = recording.replay();
        assert_eq!(tour(&Client::testing(&replay), &file).unwrap(), home);
        replay.finish();
    })
    .await
    .unwrap();
}

fn versions() -> Vec<(&'static str, Value)> {
    vec![("v1", json!({"build": 1})), ("v2", json!({"build": 2}))]
}

#[test]
fn ingested_as_it_was_recorded() {
    let recording: Recording = include_str!("recordings/ingest.json").parse().unwrap();
    let replay = recording.replay();
    ingest::ingest(&Client::testing(&replay), versions(), false).unwrap();
    replay.finish();
    assert_eq!(recording.to_string(), include_str!("recordings/ingest.json"));
}

#[test]
#[should_panic(expected = "the body at /requests/1/body/data/build: expected 2, came 3")]
fn another_source_is_not_what_was_recorded() {
    let replay = include_str!("recordings/ingest.json").parse::<Recording>().unwrap().replay();
    let another = vec![("v1", json!({"build": 1})), ("v2", json!({"build": 3}))];
    _ = ingest::ingest(&Client::testing(&replay), another, false);
}

#[tokio::test]
async fn read_as_it_was_recorded() {
    // Collections are read side by side.
    let recording: Recording = include_str!("recordings/read_all.json").parse().unwrap();
    let replay = recording.replay().in_any_order();
    read_all::read_all(&kinto_async::Client::testing(&replay)).await.unwrap();
    replay.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "it writes the recordings anew"]
async fn record_anew() {
    let save = |name: &str, recorder: &Recorder| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kit/recordings").join(name);
        fs::write(path, recorder.recording().to_string()).unwrap();
    };
    let server = tokio::task::spawn_blocking(move || {
        let (server, editor, reviewer) = review_place().unwrap();
        let versions_of = bucket("main-workspace").collection("product-integrity");
        editor.send(bucket("main-workspace").collections().create("product-integrity", &json!({}))).unwrap();
        let recorder = Recorder::new();
        ingest::ingest(&editor.recorded_by(&recorder), versions(), false).unwrap();
        save("ingest.json", &recorder);
        reviewer.send(versions_of.review().approve()).unwrap();
        server
    })
    .await
    .unwrap();
    let recorder = Recorder::new();
    let client = kinto_async::Client::builder(server.url()).build().unwrap().recorded_by(&recorder);
    read_all::read_all(&client).await.unwrap();
    save("read_all.json", &recorder);
    tokio::task::spawn_blocking(|| drop(server)).await.unwrap();
}
