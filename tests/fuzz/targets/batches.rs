//! Answers to a batch. Each of its operations has one outcome, and what is done was said to be.

use kinto_protocol::{Attributes, Batch, JsonPatch, Status};
use serde_json::{Value, json};

use super::bench::{self, Bench};
use super::flows::records;

pub(super) fn run(bytes: &[u8]) {
    let hello = b"200\n\n{\"settings\": {\"batch_max_requests\": 10}}%%\n200\n\n";
    let text = [hello, bytes].concat();
    for words in ["", "once", "beside"] {
        let mut batch = Batch::new();
        let a = batch.push(records().create("a", &json!({"n": 1})));
        batch.push(records().patch("b", Attributes::new(&json!({"n": 1}))));
        batch.push(records().delete("c"));
        batch.push(records().get("d"));
        batch.push(records().delete_if_present("e"));
        batch.push(records().patch("f", JsonPatch::new().add("/data/n", 1)));
        let number = batch.len();
        drop(Bench::new(words, &text).read(&mut batch));
        let mut outcome = batch.into_outcome();
        outcome.items().filter_map(|item| item.error()).chain(outcome.stopped()).for_each(bench::look_into);
        let summary = outcome.summary();
        assert_eq!((outcome.items().count(), summary.total()), (number, number), "an outcome for each");
        let done = summary.count(Status::Done);
        assert!(done <= successes(bytes), "{done} are done, of {}", successes(bytes));
        if let Ok(a) = outcome.take(a) {
            assert_eq!(a.id, "a");
        }
        drop(outcome.retry_failed().map(Batch::into_outcome));
    }
}

/// How many can be told as done by what was answered: those that say so, and those whose work is found or not needed.
fn successes(bytes: &[u8]) -> usize {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return 6 };
    let responses = body.get("responses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // The last of them goes alone, and the body as a whole may be its answer.
    1 + responses.iter().filter(|entry| matches!(entry["status"].as_u64(), Some(200..=299 | 404 | 409 | 412))).count()
}
