//! Batches: the requests in them, and the answers that the record has to each.
//!
//! Ours are cut in another way than Python's: one operation alone is a plain request, an object that is written twice is
//! in two chunks. What was recorded is then taken apart, and each request is answered with what was recorded for it.

use std::collections::VecDeque;

use http::Method;
use kinto_protocol::Request;
use serde_json::{Value, json};

use crate::case::{Case, text};

/// The path of a batch.
const BATCH: &str = "/v1/batch";
/// The path, and the id, of answers that were made up for the record: they stand for whatever was asked for.
const MADE_UP: (&str, &str) = ("/v1/x", "x");

/// One operation, alone or in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) method: String,
    /// Below the root, with the query.
    pub(crate) path: String,
}

/// Whether a recorded request is a batch.
pub(crate) fn is_batch(theirs: &Value) -> bool {
    theirs["path"] == BATCH
}

/// Whether a recorded request asks how many requests a batch may hold.
pub(crate) fn is_question(theirs: &Value) -> bool {
    theirs["method"] == "GET" && theirs["path"] == "/v1/"
}

/// The entries of a batch, as they were sent.
pub(crate) fn entries(body: &Value) -> Vec<Value> {
    body["requests"].as_array().cloned().unwrap_or_default()
}

/// The entries of a batch of ours, if it is one.
pub(crate) fn own_entries(ours: &Request) -> Option<Vec<Value>> {
    let is_batch = *ours.method() == Method::POST && ours.uri().path() == BATCH;
    is_batch.then(|| entries(&serde_json::from_slice(ours.body()).expect("a batch is JSON")))
}

fn part(entry: &Value) -> Part {
    Part { method: text(&entry["method"]), path: text(&entry["path"]) }
}

/// What a request of ours asks for.
pub(crate) fn parts(ours: &Request) -> Vec<Part> {
    let alone = || {
        let path = ours.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let path = path.strip_prefix("/v1").unwrap_or(&path).to_owned();
        vec![Part { method: ours.method().to_string(), path }]
    };
    own_entries(ours).map_or_else(alone, |entries| entries.iter().map(part).collect())
}

/// The record of a case, to be used up.
#[derive(Default)]
pub(crate) struct Record {
    left: VecDeque<(Value, Value)>,
    /// Whether it is of a batch, before which Python asks how long it may be.
    of_batch: bool,
}

impl Record {
    pub(crate) fn of(case: &Case, step: usize) -> Self {
        let exchanges = case.recorded(step);
        let left = exchanges.map(|exchange| (exchange.request.clone(), exchange.response.clone())).collect();
        Self { left, of_batch: case.steps[step].method == "batch" }
    }

    /// The recorded answer to a request: the next one, but of batches what is in them.
    pub(crate) fn answer(&mut self, ours: &Request) -> Option<Value> {
        let parts = parts(ours);
        if self.of_batch && ours.uri().path() != "/v1/" && is_question(&self.left.front()?.0) {
            self.left.pop_front();
        }
        let (theirs, answer) = self.left.front_mut()?;
        // Before it removes a file, Python does not look whether there is one.
        let removes = theirs["method"] == "DELETE" && text(&theirs["path"]).ends_with("/attachment");
        if removes && *ours.method() == Method::GET {
            return None;
        }
        let count = own_entries(ours).map(|entries| entries.len());
        let has_entries = is_batch(theirs) && answer["status"] == 200;
        if !has_entries || count == Some(entries(&theirs["body"]).len()) {
            let (_, answer) = self.left.pop_front()?;
            return Some(completed(answer, &parts));
        }
        let taken: Vec<Value> = parts.iter().map(|part| take(theirs, answer, part)).collect::<Option<_>>()?;
        if entries(&theirs["body"]).is_empty() {
            self.left.pop_front();
        }
        let batch = json!({"status": 200, "headers": {}, "body_kind": "json", "body": {"responses": taken}});
        let batch = completed(batch, &parts);
        Some(if count.is_some() { batch } else { alone(&batch["body"]["responses"][0]) })
    }
}

/// The answer to one entry of a recorded batch, which is used up with that.
fn take(theirs: &mut Value, answer: &mut Value, part: &Part) -> Option<Value> {
    let at = entries(&theirs["body"]).iter().position(|entry| self::part(entry) == *part)?;
    theirs["body"]["requests"].as_array_mut()?.remove(at);
    let answers = answer["body"]["responses"].as_array_mut()?;
    (at < answers.len()).then(|| answers.remove(at))
}

/// An entry as an answer of its own.
fn alone(entry: &Value) -> Value {
    let mut answer = entry.clone();
    answer["body_kind"] = "json".into();
    answer
}

/// The same, with what the made-up answers leave out: an object has the id that was asked for, and a timestamp.
fn completed(mut answer: Value, parts: &[Part]) -> Value {
    let answers = answer.pointer_mut("/body/responses").and_then(Value::as_array_mut).into_iter().flatten();
    for (entry, part) in answers.zip(parts).filter(|(entry, _)| entry["path"] == MADE_UP.0) {
        entry["path"] = format!("/v1{}", part.path).into();
        if is_made_up(&entry["body"]) {
            let id = part.path.rsplit('/').next().unwrap_or_default();
            entry["body"]["data"] = json!({"id": id, "last_modified": 1});
        }
        if part.method == "HEAD" {
            entry["headers"]["ETag"] = "\"1\"".into();
        }
    }
    answer
}

/// Whether this stands for whatever was asked for.
pub(crate) fn is_made_up(body: &Value) -> bool {
    *body == json!({"data": {"id": MADE_UP.1}})
}

/// Whether a recorded batch got no answer, and holds what is asked.
pub(crate) fn is_lost_with(theirs: &Value, answer: &Value, ours: &Request) -> bool {
    let lost = answer["dropped"] == true || answer["delayed"] == true;
    let held: Vec<Part> = entries(&theirs["body"]).iter().map(part).collect();
    is_batch(theirs) && lost && held == parts(ours)
}
