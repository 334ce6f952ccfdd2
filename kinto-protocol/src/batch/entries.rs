//! The answer to a batch: one entry for each of its requests.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;
use http::StatusCode;
use http::header::DATE;
use memchr::memchr_iter;
use memchr::memmem::{self, Finder};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::batch::walk::Walk;
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::reply::{Headers, Outer, Reply, Unread};

/// What is told of one request. Bodies are read by those who asked, and headers when somebody looks: both are found here
/// and left as they are.
struct Entry<'a> {
    status: u16,
    path: Option<Cow<'a, str>>,
    /// Empty where there are none.
    headers: &'a str,
    /// Whether none of them is to be acted upon.
    is_plain: bool,
    /// Empty where there is none.
    body: &'a str,
}

/// The same in whatever form, read with an error that says what is wrong with it.
#[derive(Deserialize)]
struct Told<'a> {
    status: u16,
    #[serde(borrow, default)]
    path: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    headers: Option<&'a RawValue>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Envelope<E> {
    responses: Vec<E>,
}

impl<'a> From<Told<'a>> for Entry<'a> {
    fn from(told: Told<'a>) -> Self {
        let text = |value: Option<&'a RawValue>| value.map_or("", RawValue::get);
        Self {
            status: told.status,
            path: told.path,
            headers: text(told.headers),
            is_plain: false,
            body: text(told.body),
        }
    }
}

/// How to step over a value.
type Step<'a> = fn(&mut Walk<'a>) -> Option<&'a str>;

impl<'a> Entry<'a> {
    /// The next one, unless it has anything unusual. Headers like those that were plain before are plain.
    fn found(walk: &mut Walk<'a>, plain: &mut &'a str, over_headers: Step<'a>, over_body: Step<'a>) -> Option<Self> {
        let (mut status, mut path, mut headers, mut body) = (None, None, None, None);
        walk.object(|walk, name| {
            let is_first = match name {
                "status" => status.replace(number(walk.value()?)?).is_none(),
                "path" => path.replace(walk.text()?).is_none(),
                "headers" => headers.replace(over_headers(walk)?).is_none(),
                "body" => body.replace(over_body(walk)?).is_none(),
                _ => walk.value().is_some(),
            };
            is_first.then_some(())
        })?;
        let (headers, body) = (headers.unwrap_or_default(), body.unwrap_or_default());
        let may_be_headers = headers.is_empty() || headers.starts_with('{');
        let is_plain = may_be_headers.then(|| differ_in_digits(headers, plain) || !holds_order(headers))?;
        if is_plain {
            *plain = headers;
        }
        Some(Self { status: status?, path: path.map(Cow::Borrowed), headers, is_plain, body })
    }
}

/// A number as JSON writes a status.
fn number(text: &str) -> Option<u16> {
    if text.starts_with(|first: char| first.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Whether two texts differ in digits only: then neither has a name of letters alone that the other has not.
fn differ_in_digits(one: &str, other: &str) -> bool {
    let alike = |(one, other): (u8, u8)| (one == other) | (one.is_ascii_digit() & other.is_ascii_digit());
    // Without an early end, many bytes are looked at at a time.
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(true, |all, both| all & alike(both))
}

/// Whether among these headers may be one that is to be acted upon by whoever has the answer.
fn holds_order(headers: &str) -> bool {
    let text = headers.as_bytes();
    // A name may be written with its letters as numbers.
    memchr_iter(b'\\', text).any(|at| text.get(at + 1) == Some(&b'u'))
        || memchr_iter(b':', text).any(|at| {
            let before = text[..at].trim_ascii_end();
            let order: &[u8] = match before {
                [.., b't' | b'T', b'"'] => b"\"alert\"",
                [.., b'f' | b'F', b'"'] => b"\"backoff\"",
                [.., b'r' | b'R', b'"'] => b"\"retry-after\"",
                [.., b'g' | b'G', b'"'] => b"\"content-encoding\"",
                _ => return false,
            };
            before.len().checked_sub(order.len()).is_some_and(|from| before[from..].eq_ignore_ascii_case(order))
        })
}

/// The entries of an answer, one for each call and in their order.
pub(super) struct Entries<'a> {
    of: &'a Reply,
    all: Vec<serde_json::Result<Entry<'a>>>,
}

impl<'a> Entries<'a> {
    /// Those for these calls. Of one that cannot be understood only that one is lost; if they cannot be told apart, all are.
    pub(super) fn read(reply: &'a Reply, calls: &[Arc<Call>]) -> Result<Self> {
        let all: Vec<serde_json::Result<Entry<'_>>> = reply.text_with(|text| {
            if let Some(entries) = found(text, calls.len()) {
                return Ok(entries);
            }
            // Something in there is not as it should be: each entry is looked at by itself.
            let Envelope { responses } = serde_json::from_str::<Envelope<&RawValue>>(text)?;
            Ok(responses.into_iter().map(|entry| Ok(serde_json::from_str::<Told<'_>>(entry.get())?.into())).collect())
        })?;
        if all.len() != calls.len() {
            let why = format!("the batch had {} requests, and the answer to it has {}", calls.len(), all.len());
            return Err(Error::new(ErrorKind::Decode, why));
        }
        let is_of = |entry: &Entry<'_>, call: &Call| {
            entry.path.as_ref().is_none_or(|path| ends_alike(path, call.path().as_str()))
        };
        let other =
            all.iter().zip(calls).position(|(entry, call)| entry.as_ref().is_ok_and(|entry| !is_of(entry, call)));
        if let Some(number) = other {
            let why = format!("the answer to the batch is in another order: entry {number} is about something else");
            return Err(Error::new(ErrorKind::Decode, why));
        }
        Ok(Self { of: reply, all })
    }

    /// The last one with this status.
    pub(super) fn last(&self, status: StatusCode) -> Option<usize> {
        self.all.iter().rposition(|entry| entry.as_ref().is_ok_and(|entry| entry.status == status.as_u16()))
    }

    /// The reply to each of these calls.
    pub(super) fn replies(self, calls: Vec<Arc<Call>>) -> impl Iterator<Item = Result<Reply>> {
        let Self { of, all } = self;
        let outer = Arc::new(Outer { body: of.body().clone(), date: of.headers().get(DATE).cloned() });
        let reply = move |(entry, call): (serde_json::Result<Entry<'_>>, _)| one(&entry?, call, of, &outer);
        all.into_iter().zip(calls).map(move |both| {
            reply(both).map_err(|error| {
                Error::new(ErrorKind::Decode, "its answer in the batch cannot be used").caused_by(error.into())
            })
        })
    }
}

/// The entries of an answer in which all is as it should be, as far as that shows.
fn found(text: &str, count: usize) -> Option<Vec<serde_json::Result<Entry<'_>>>> {
    cut(text, count).or_else(|| {
        let (mut walk, mut entries) = (Walk::new(text), None);
        walk.object(|walk, name| {
            if name != "responses" {
                return walk.value().map(drop);
            }
            let (mut all, mut plain) = (Vec::with_capacity(count), "");
            walk.array(|walk| {
                all.push(Ok(Entry::found(walk, &mut plain, Walk::value, Walk::value)?));
                Some(())
            })?;
            entries.replace(all).is_none().then_some(())
        })?;
        walk.end().and(entries)
    })
}

/// The same without a step over each value: as servers write it, all entries begin with the same name and end with their
/// headers and their bodies. A body that holds the like makes more pieces than there are entries, and one that is cut in
/// the wrong place is none to whoever reads it.
fn cut(text: &str, count: usize) -> Option<Vec<serde_json::Result<Entry<'_>>>> {
    let entries = text.strip_prefix("{\"responses\":[")?.strip_suffix("]}")?;
    let (mut walk, mut plain) = (Walk::new(entries), "");
    let Entry { headers, body, .. } = Entry::found(&mut walk, &mut plain, Walk::value, Walk::value)?;
    walk.since(0)?.strip_suffix('}')?.strip_suffix(body)?.strip_suffix(BEFORE_BODY)?.strip_suffix(headers)?;
    let (name, _) = entries.split_once(':')?;
    let between = format!("}},{name}:");
    let mut all = Vec::with_capacity(count);
    let mut from = 0;
    for end in memmem::find_iter(entries.as_bytes(), &between).chain([entries.len() - 1]) {
        let mut walk = Walk::new(entries.get(from..=end)?);
        all.push(Ok(Entry::found(&mut walk, &mut plain, before_body, Walk::all_but_the_last)?));
        walk.end()?;
        from = end + 2;
    }
    (all.len() == count).then_some(all)
}

/// What is between the headers and the body.
const BEFORE_BODY: &str = ",\"body\":";

fn before_body<'a>(walk: &mut Walk<'a>) -> Option<&'a str> {
    static BODY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(BEFORE_BODY));
    walk.all_before(&BODY)
}

fn one(entry: &Entry<'_>, call: Arc<Call>, of: &Reply, outer: &Arc<Outer>) -> serde_json::Result<Reply> {
    let status = StatusCode::from_u16(entry.status).map_err(serde::de::Error::custom)?;
    let from = entry.headers.as_ptr().addr().wrapping_sub(outer.body.as_ptr().addr());
    let unread = Unread { place: from..from.wrapping_add(entry.headers.len()), of: Arc::clone(outer) };
    let headers = if entry.is_plain { Headers::Unread(unread, OnceLock::new()) } else { Headers::Read(unread.read()?) };
    // What stands in the place of an empty body.
    let body = match entry.body {
        "" | "\"\"" | "null" => Bytes::new(),
        body => outer.body.slice_ref(body.as_bytes()),
    };
    Ok(Reply::entry(call, status, headers, body, of.attempts()).to(of.session()))
}

/// Whether two paths end in the same segment. The server writes the rest in its own way.
fn ends_alike(told: &str, asked: &str) -> bool {
    if told.ends_with(asked) {
        return true;
    }
    let (told, asked) = (last_segment(told), last_segment(asked));
    let decoded = |segment| percent_decode_str(segment).decode_utf8_lossy();
    asked.is_empty() || told == asked || decoded(told) == decoded(asked)
}

fn last_segment(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
    path.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What is found of each entry: its status, its headers and its body.
    fn read(found: Option<Vec<serde_json::Result<Entry<'_>>>>) -> Option<Vec<(u16, Value, Value)>> {
        let value = |text: &str| if text.is_empty() { Value::Null } else { serde_json::from_str(text).unwrap() };
        let entry = |entry: Entry<'_>| (entry.status, value(entry.headers), value(entry.body));
        found.map(|entries| entries.into_iter().map(|it| entry(it.unwrap())).collect())
    }

    fn told(bodies: &[&str]) -> String {
        let entries = bodies.iter().enumerate().map(|(n, body)| {
            format!(r#"{{"path":"/v1/{n}","status":20{n},"headers":{{"ETag":"\"{n}\"","Date":"1:2"}},"body":{body}}}"#)
        });
        format!(r#"{{"responses":[{}]}}"#, entries.collect::<Vec<_>>().join(","))
    }

    #[test]
    fn entries_are_cut_where_they_begin() {
        let bodies = [r#"{"data":{"a":"}{\"\\"}}"#, "\"\"", "null", r#"{"x":[{"y":1},{"z":2}],"body":"},{"}"#];
        let text = told(&bodies);
        let cut = read(cut(&text, 4)).unwrap();
        for (n, (body, read)) in (0..).zip(bodies.iter().zip(&cut)) {
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!(read, &(200 + n, json!({"ETag": format!("\"{n}\""), "Date": "1:2"}), body));
        }
        let spaced = text.replacen('[', " [ ", 1);
        assert!(super::cut(&spaced, 4).is_none());
        assert_eq!(read(found(&spaced, 4)).unwrap(), cut);
    }

    #[test]
    fn what_looks_like_entries_in_a_body_is_none() {
        let body = format!(r#"{{"data":{}}}"#, told(&["1", "2"]));
        let text = told(&[&body, "3"]);
        assert_eq!(text.matches(r#"},{"path":"#).count(), 1 + 1);
        assert!(cut(&text, 2).is_none());
        let found = read(found(&text, 2)).unwrap();
        assert_eq!((found.len(), &found[1].2), (2, &json!(3)));
        assert_eq!(found[0].2["data"]["responses"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn in_whatever_order_things_are_told() {
        for text in [
            r#"{"responses":[{"status":200,"body":{"a":1},"path":"/a"},{"status":201,"body":{"b":[1,"]"]},"path":"/b"}]}"#,
            r#"{"responses":[{"path":"/a","body":{"a":1},"status":200},{"path":"/b","status":201,"body":{"b":[1,"]"]}}]}"#,
            r#"{"responses":[{"body":{"a":1},"status":200,"headers":{}},{"more":{"x":[]},"body":{"b":[1,"]"]},"status":201}]}"#,
            " { \"x\" : 1 , \"responses\" : [ { \"status\" : 200 , \"body\" : {\"a\":1} } , \n{ \"status\":201,\"body\":{\"b\":[1,\"]\"]} } ] } ",
        ] {
            assert!(cut(text, 2).is_none(), "{text}");
            let found = read(found(text, 2)).unwrap();
            let of = |n: usize| (found[n].0, found[n].2.clone());
            assert_eq!((of(0), of(1)), ((200, json!({"a": 1})), (201, json!({"b": [1, "]"]}))), "{text}");
        }
    }

    #[test]
    fn anything_unusual_is_left_to_those_who_can_say_what_it_is() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"responses":[}"#,
            r#"{"responses":[]} x"#,
            r#"{"responses":{}}"#,
            r#"{"responses":[{"status":"200"}]}"#,
            r#"{"responses":[{"status":+200}]}"#,
            r#"{"responses":[{"status":200,"status":201}]}"#,
            r#"{"responses":[{"body":1}]}"#,
            r#"{"responses":[{"status":200,}]}"#,
            r#"{"responses":[{"status":200},]}"#,
            r#"{"responses":[{"status":200}"#,
            r#"{"responses":[{"status":200,"headers":[]}]}"#,
            r#"{"responses":[{"status":200,"path":"\u002f"}]}"#,
            r#"{"responses":[{"status":200,"body":"x}]}"#,
            r#"{"responses":[],"responses":[]}"#,
        ] {
            assert!(found(text, 1).is_none(), "{text}");
        }
    }

    #[test]
    fn what_differs_in_digits_has_the_same_names() {
        assert!(differ_in_digits("", "") && differ_in_digits(r#"{"ETag":"19"}"#, r#"{"ETag":"20"}"#));
        for (one, other) in [("1", "10"), ("a1", "b1"), ("1", "a"), (r"\u0041", r"\n0041"), (":", ";"), ("9", ":")] {
            assert!(!differ_in_digits(one, other) && !differ_in_digits(other, one), "{one} {other}");
        }
        let entry = |headers| format!(r#"{{"status":200,"headers":{headers},"body":{{}}}}"#);
        let all = [r#"{"ETag":"1"}"#, r#"{"ETag":"2"}"#, r#"{"Backoff":"1"}"#, r#"{"Backoff":"2"}"#, r#"{"ETag":"3"}"#];
        let text = format!(r#"{{"responses":[{}]}}"#, all.map(entry).join(","));
        for found in [cut(&text, 5), found(&text.replace(":[", ": ["), 5)] {
            let plain: Vec<bool> = found.unwrap().into_iter().map(|it| it.unwrap().is_plain).collect();
            assert_eq!(plain, [true, true, false, false, true]);
        }
    }

    #[test]
    fn orders_are_found_however_they_are_written() {
        for name in ["Backoff", "backoff", "BACKOFF", "Alert", "Retry-After", "content-encoding", "\\u0042ackoff"] {
            for between in ["\":", "\" :", "\"\n\t:"] {
                let headers = format!(r#"{{"ETag":"\"1\"","{name}{between} "1","X":"y"}}"#);
                assert!(holds_order(&headers), "{headers}");
            }
        }
        for none in [
            "",
            "{}",
            r#"{"Access-Control-Expose-Headers":"Backoff, Retry-After, Alert","Date":"1:2:3"}"#,
            r#"{"X-Alert":"1","ETag":"\"1\"","not":"backoff:","Content-Type":"t:","of":"f","or":"r"}"#,
        ] {
            assert!(!holds_order(none), "{none}");
        }
    }
}
