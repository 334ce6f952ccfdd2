//! Batches: wherever the future is dropped, the batch goes on, and every operation is carried out once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use kinto_async::{Batch, Request, Response, Status, bucket};
use serde_json::{Value, json};

use crate::fake::{Dropped, Fake, answer, everywhere, paused, polled};

const RECORDS: usize = 7;
const CHUNK: usize = 3;

/// A server with batches and one list. The first of all creations is aborted.
#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    records: BTreeMap<String, Value>,
    created: usize,
    clock: u64,
    aborted: bool,
}

impl Store {
    pub(crate) fn server(&self) -> Fake {
        let store = self.clone();
        Fake::new(move |request| store.take(request))
    }

    fn take(&self, request: &Request) -> Response {
        let mut content = self.0.lock().unwrap();
        let path = request.uri().path().trim_start_matches("/v1").to_owned();
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let (status, body) = match path.as_str() {
            "/" => (200, json!({"settings": {"batch_max_requests": CHUNK}})),
            "/batch" => {
                let entry = |entry: &Value| {
                    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
                    let (status, body) = content.one(&text("method"), &text("path"), &entry["body"]);
                    json!({"status": status, "body": body, "headers": {}})
                };
                (200, json!({"responses": body["requests"].as_array().unwrap().iter().map(entry).collect::<Vec<_>>()}))
            }
            _ => content.one(request.method().as_str(), &path, &body),
        };
        answer(status, &[("date", "Sun, 06 Nov 1994 12:00:00 GMT".into())], &body)
    }

    pub(crate) fn created(&self) -> (usize, usize) {
        let content = self.0.lock().unwrap();
        (content.records.len(), content.created)
    }
}

impl Content {
    /// As Kinto does it on memory.
    fn one(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let id = path.rsplit('/').next().unwrap_or_default().to_owned();
        match (method, self.records.get(&id)) {
            ("GET", Some(record)) => (200, json!({"data": record})),
            ("PUT", Some(record)) => (412, json!({"errno": 114, "details": {"existing": record}})),
            ("PUT", None) if !std::mem::replace(&mut self.aborted, true) => (409, json!({"errno": 122})),
            ("PUT", None) => {
                self.clock += 1;
                let mut record = body["data"].clone();
                record["id"] = id.clone().into();
                // A moment after the answers say it is.
                record["last_modified"] = (784_123_200_000 + self.clock).into();
                self.records.insert(id, record.clone());
                self.created += 1;
                (201, json!({"data": record}))
            }
            _ => (404, json!({"errno": 110})),
        }
    }
}

fn batch() -> Batch {
    let records = bucket("b").collection("c").records();
    (0..RECORDS).map(|n| records.create(format!("r{n}"), &json!({"n": n}))).collect()
}

/// Drops the sending of a batch after so many polls, for all numbers of them, and sends it again.
async fn dropped_everywhere(batch: impl Fn() -> Batch) -> BTreeSet<Dropped> {
    let mut dropped = BTreeSet::new();
    for polls in 0.. {
        let store = Store::default();
        let fake = store.server();
        let client = fake.client();
        let mut batch = batch();
        let summary = polled(client.send(&mut batch), polls).await;
        let completed = summary.is_some();
        let summary = match summary {
            Some(summary) => summary.unwrap(),
            None => {
                dropped.insert(fake.dropped(polls, 0));
                fake.stays_silent().await;
                assert_eq!(batch.len(), RECORDS, "nothing is lost with the future");
                client.send(&mut batch).await.unwrap()
            }
        };
        assert_eq!(summary.count(Status::Done), RECORDS, "{polls} polls: {summary}");
        assert_eq!(store.created(), (RECORDS, RECORDS), "{polls} polls");
        let outcome = batch.into_outcome();
        let positions: Vec<usize> = outcome.items().map(|item| item.position()).collect();
        assert_eq!(positions, (0..RECORDS).collect::<Vec<_>>());
        if completed {
            return dropped;
        }
    }
    dropped
}

fn but_the_gate() -> BTreeSet<Dropped> {
    let mut expected = everywhere();
    expected.remove(&Dropped::AtTheGate);
    expected
}

#[test]
fn a_batch_goes_on_wherever_it_was_dropped() {
    paused(async { assert_eq!(dropped_everywhere(batch).await, but_the_gate()) });
}

#[test]
fn side_by_side_it_goes_on_as_well() {
    paused(async { assert_eq!(dropped_everywhere(|| batch().concurrency(3)).await, but_the_gate()) });
}

#[test]
fn a_batch_without_patience_comes_to_its_end() {
    paused(async {
        let store = Store::default();
        let fake = store.server();
        let client = fake.client();
        let mut batch = batch().concurrency(2);
        let mut drops = 0;
        let summary = loop {
            match polled(client.send(&mut batch), [9, 4, 6][drops % 3]).await {
                None => drops += 1,
                Some(summary) => break summary.unwrap(),
            }
        };
        assert!(drops > 2 && summary.is_success(), "{drops} drops: {summary}");
        assert_eq!(store.created(), (RECORDS, RECORDS));
    });
}
