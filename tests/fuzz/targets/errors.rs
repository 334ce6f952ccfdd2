//! Bodies of errors: whatever a server says, an error is one line, not too long, and tells no secrets.

use kinto_protocol::{Batch, Item, accounts};
use serde_json::json;
use serde_json::value::RawValue;

use super::bench::{self, Bench};
use super::flows::records;

/// With how much each kind of error is read.
const STATUSES: [u16; 8] = [400, 401, 403, 404, 405, 409, 412, 503];

pub(super) fn run(bytes: &[u8]) {
    for status in STATUSES {
        let text = [format!("{status}\n\n").as_bytes(), bytes].concat();
        let mut bench = Bench::new("once", &text);
        let error = bench.read(records().get("a")).expect_err("an error");
        let server = error.server().expect("what the server said");
        assert_eq!((error.status().map(|it| it.as_u16()), server.status().as_u16()), (Some(status), status));
        assert_eq!(error.errno(), server.errno());
        drop(Bench::new("once", &text).read(records().create("a", &json!({"n": 1}))));
        drop(Bench::new("once", &text).read(accounts().create("eve", "another-pa55")));
        let hints = Bench::new("", &text).read(records().delete("a"));
        hints.as_ref().err().into_iter().for_each(bench::look_into);
    }
    // As one of a batch, where it can stand in one at all.
    let text = String::from_utf8_lossy(bytes);
    let Ok(body) = serde_json::from_str::<&RawValue>(&text) else { return };
    let entries =
        STATUSES.map(|status| format!(r#"{{"status":{status},"path":"/v1/x","headers":{{}},"body":{body}}}"#));
    for entry in entries {
        let answer = format!("200\n\n{{\"settings\":{{}}}}%%\n200\n\n{{\"responses\":[{entry}]}}");
        let mut batch = Batch::new();
        batch.push(records().create("a", &json!({"n": 1})));
        drop(Bench::new("once", answer.as_bytes()).read(&mut batch));
        let outcome = batch.into_outcome();
        outcome.items().filter_map(|item: Item<'_>| item.error()).for_each(bench::look_into);
    }
}
