//! Headers, on answers of every kind.

use std::time::Duration;

use kinto_protocol::Timestamp;
use serde_json::json;

use super::bench::Bench;
use super::flows::records;

/// As long as a server can have anybody wait.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The text is the headers, one a line.
pub(super) fn run(bytes: &[u8]) {
    let headers = match bytes.iter().position(|byte| *byte == b'\0') {
        Some(end) => &bytes[..end],
        None => bytes,
    };
    // An empty line would end them.
    let lines = headers.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let headers = lines.collect::<Vec<_>>().join(&b'\n');
    let answer =
        |status: u16, body: &str| [format!("{status}\n").as_bytes(), &headers, b"\n\n", body.as_bytes()].concat();
    let list = answer(200, r#"{"data": [{"id": "a", "last_modified": 7}]}"#);
    for words in ["", "impatient"] {
        let bench = || Bench::new(words, &list);
        drop(bench().read(records().list()));
        drop(bench().read(records().list().if_changed_since(Timestamp::from_millis(5))));
        drop(bench().read(records().delete_all()));
        let mut pages = records().list().pages();
        let mut bench = bench();
        for _ in 0..5 {
            drop(bench.read(&mut pages));
        }
        drop(bench.read(records().changes(&kinto_protocol::Cursor::default())));
    }
    let object = answer(200, r#"{"data": {"id": "a", "last_modified": 7}}"#);
    drop(Bench::new("", &object).read(records().get("a")));
    drop(Bench::new("", &object).read(records().create("a", &json!({}))));
    for status in [200, 204, 304, 412] {
        let nothing = answer(status, "");
        drop(Bench::new("", &nothing).read(records().count()));
        drop(Bench::new("", &nothing).read(records().timestamp()));
        drop(Bench::new("", &nothing).read(records().head("a")));
        drop(Bench::new("", &nothing).read(records().exists("a")));
    }
    for status in [301, 302, 307, 308] {
        drop(Bench::new("", &answer(status, "")).read(records().get("a")));
        drop(Bench::new("", &answer(status, "")).read(records().create("a", &json!({}))));
    }
    for status in [429, 500, 503] {
        let refusal = answer(status, "{\"errno\": 201}");
        for words in ["", "once", "impatient"] {
            let error = Bench::new(words, &refusal).read(records().get("a")).expect_err("an error");
            assert!(error.retry_in().is_none_or(|wait| wait <= DAY), "{error}");
        }
    }
}
