//! What the server is told to answer.

use std::time::Duration;

use kinto_tests::Answer;

/// An answer, and how long it takes.
#[derive(Clone)]
pub(crate) struct Scripted {
    pub(crate) after: Duration,
    pub(crate) answer: Answer,
}

impl Scripted {
    fn of(answer: Answer) -> Self {
        Self { after: Duration::ZERO, answer }
    }

    /// The same, but not at once.
    pub(crate) fn late(mut self, millis: u64) -> Self {
        self.after = Duration::from_millis(millis);
        self
    }

    /// The same, and the connection is closed without a word of warning.
    pub(crate) fn then_closed(mut self) -> Self {
        self.answer = match self.answer {
            Answer::Keep(bytes) => Answer::Close(bytes),
            other => other,
        };
        self
    }
}

/// A whole answer. `{origin}` in a header stands for the server itself.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Scripted {
    let mut text = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    raw(&format!("{text}\r\n{body}"))
}

/// A whole answer as Kinto gives it.
pub(crate) fn json(status: u16, body: &str) -> Scripted {
    json_with(status, &[], body)
}

/// The same with more headers.
pub(crate) fn json_with(status: u16, headers: &[(&str, &str)], body: &str) -> Scripted {
    answer(status, &[&[("Content-Type", "application/json")], headers].concat(), body)
}

/// An answer to HEAD, which names the length of a body that does not come.
pub(crate) fn head(status: u16, headers: &[(&str, &str)]) -> Scripted {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    raw(&format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 99\r\n{headers}\r\n"))
}

/// These bytes.
pub(crate) fn raw(text: &str) -> Scripted {
    Scripted::of(Answer::Keep(text.as_bytes().to_vec()))
}

/// A whole answer whose body says that it is compressed.
pub(crate) fn gzip(status: u16, body: &[u8]) -> Scripted {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Whatever\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n");
    Scripted::of(Answer::Keep([head.as_bytes(), body].concat()))
}

/// These bytes, and then the end.
pub(crate) fn cut(text: &str) -> Scripted {
    raw(text).then_closed()
}

/// These bytes, and then silence.
pub(crate) fn stall(text: &str) -> Scripted {
    Scripted::of(Answer::Stall(text.as_bytes().to_vec()))
}

/// The connection is closed before an answer.
pub(crate) fn lost() -> Scripted {
    cut("")
}

/// One object.
pub(crate) const RECORD: &str = r#"{"data":{"id":"a","last_modified":7,"n":1},"permissions":{"write":["me"]}}"#;

/// What a deletion leaves.
pub(crate) const TOMBSTONE: &str = r#"{"data":{"id":"a","last_modified":8,"deleted":true}}"#;

/// A record that holds this number.
pub(crate) fn record(n: u64) -> String {
    format!(r#"{{"data":{{"id":"a","last_modified":7,"n":{n}}}}}"#)
}

/// The 412 about a record that holds this number.
pub(crate) fn existing(n: u64) -> Scripted {
    let existing = format!(r#"{{"id":"a","last_modified":9,"n":{n}}}"#);
    json(
        412,
        &format!(r#"{{"code":412,"errno":114,"error":"Precondition Failed","details":{{"existing":{existing}}}}}"#),
    )
}

/// What the server says of itself, with this limit for batches.
pub(crate) fn info(limit: &str) -> Scripted {
    json(200, &format!(r#"{{"settings":{{"batch_max_requests":{limit}}}}}"#))
}

/// The answer to a batch: the status and the body of each.
pub(crate) fn entries(entries: &[(u16, &str)]) -> Scripted {
    entries_with(&[], entries)
}

/// The same with more headers.
pub(crate) fn entries_with(headers: &[(&str, &str)], entries: &[(u16, &str)]) -> Scripted {
    let entries = entries.iter().map(|(status, body)| format!(r#"{{"status":{status},"headers":{{}},"body":{body}}}"#));
    responses_with(headers, &entries.collect::<Vec<_>>())
}

/// The answer to a batch, of entries as they are.
pub(crate) fn responses(entries: &[&str]) -> Scripted {
    responses_with(&[], entries)
}

fn responses_with<E: AsRef<str>>(headers: &[(&str, &str)], entries: &[E]) -> Scripted {
    let entries: Vec<&str> = entries.iter().map(AsRef::as_ref).collect();
    json_with(200, headers, &format!(r#"{{"responses":[{}]}}"#, entries.join(",")))
}

/// One page of a list, with the URL of the next.
pub(crate) fn page(ids: &[&str], next: Option<&str>) -> Scripted {
    let data: Vec<String> = ids.iter().map(|id| format!(r#"{{"id":"{id}","last_modified":1}}"#)).collect();
    paged(&data.join(","), next)
}

/// One page of a list that was deleted.
pub(crate) fn buried(ids: &[&str], next: Option<&str>) -> Scripted {
    let data: Vec<String> =
        ids.iter().map(|id| format!(r#"{{"id":"{id}","last_modified":2,"deleted":true}}"#)).collect();
    paged(&data.join(","), next)
}

fn paged(data: &str, next: Option<&str>) -> Scripted {
    let next = next.map(|url| ("Next-Page", url));
    let headers: Vec<(&str, &str)> = [("ETag", "\"9\"")].into_iter().chain(next).collect();
    json_with(200, &headers, &format!(r#"{{"data":[{data}]}}"#))
}

/// What the server says of itself, with these plugins.
pub(crate) fn has(plugins: &[&str]) -> Scripted {
    json(200, &saying(plugins))
}

/// The same in words.
pub(crate) fn saying(plugins: &[&str]) -> String {
    let plugins: Vec<String> = plugins.iter().map(|name| format!(r#""{name}":{{"url":"http://docs"}}"#)).collect();
    format!(r#"{{"settings":{{"batch_max_requests":25}},"capabilities":{{{}}}}}"#, plugins.join(","))
}
