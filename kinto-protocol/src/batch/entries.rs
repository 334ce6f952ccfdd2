//! The answer to a batch: one entry for each of its requests.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::StatusCode;
use http::header::DATE;
use memchr::memmem::{self, Finder};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::batch::walk::Walk;
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::reply::{Reply, Unread};

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

impl<'a> Entry<'a> {
    /// The next one, unless it has anything unusual. `step` steps over the body.
    fn found(walk: &mut Walk<'a>, step: impl Fn(&mut Walk<'a>) -> Option<&'a str>) -> Option<Self> {
        static ESCAPE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\\u"));
        let (mut status, mut path, mut headers, mut body, mut is_plain) = (None, None, None, None, true);
        walk.object(|walk, name| {
            let is_first = match name {
                "status" => status.replace(serde_json::from_str(walk.value()?).ok()?).is_none(),
                "path" => path.replace(walk.text()?).is_none(),
                "headers" => {
                    let from = walk.at();
                    walk.object(|walk, name| {
                        is_plain &= !is_order(name);
                        walk.value().map(drop)
                    })?;
                    let text = walk.since(from)?;
                    // Letters that are written as numbers.
                    is_plain &= ESCAPE.find(text.as_bytes()).is_none();
                    headers.replace(text).is_none()
                }
                "body" => body.replace(step(walk)?).is_none(),
                _ => walk.value().is_some(),
            };
            is_first.then_some(())
        })?;
        let (headers, body) = (headers.unwrap_or_default(), body.unwrap_or_default());
        Some(Self { status: status?, path: path.map(Cow::Borrowed), headers, is_plain, body })
    }
}

/// Whether a header of this name is to be acted upon by whoever has the answer.
fn is_order(name: &str) -> bool {
    let among = |names: &[&str]| names.iter().any(|order| name.eq_ignore_ascii_case(order));
    match name.len() {
        5 => among(&["alert"]),
        7 => among(&["backoff"]),
        11 => among(&["retry-after"]),
        16 => among(&["content-encoding"]),
        _ => false,
    }
}

/// The replies to these calls, out of the answer to all of them. Of one that cannot be understood only that one is lost;
/// if they cannot be told apart, all are.
pub(super) fn replies(reply: &Reply, calls: Vec<Arc<Call>>) -> Result<Vec<Result<Reply>>> {
    let entries: Vec<serde_json::Result<Entry<'_>>> = reply.text_with(|text| {
        if let Some(entries) = found(text, calls.len()) {
            return Ok(entries);
        }
        // Something in there is not as it should be: each entry is looked at by itself.
        let Envelope { responses } = serde_json::from_str::<Envelope<&RawValue>>(text)?;
        Ok(responses.into_iter().map(|entry| Ok(serde_json::from_str::<Told<'_>>(entry.get())?.into())).collect())
    })?;
    if entries.len() != calls.len() {
        return Err(Error::new(
            ErrorKind::Decode,
            format!("the batch had {} requests, and the answer to it has {}", calls.len(), entries.len()),
        ));
    }
    let mut replies = Vec::with_capacity(calls.len());
    for (number, (entry, call)) in entries.into_iter().zip(calls).enumerate() {
        match entry {
            Ok(entry) if entry.path.as_ref().is_some_and(|path| !ends_alike(path, call.path().as_str())) => {
                let why =
                    format!("the answer to the batch is in another order: entry {number} is about something else");
                return Err(Error::new(ErrorKind::Decode, why));
            }
            entry => replies.push(entry.and_then(|entry| one(&entry, call, reply)).map_err(|error| {
                Error::new(ErrorKind::Decode, "its answer in the batch cannot be used").caused_by(error.into())
            })),
        }
    }
    Ok(replies)
}

/// The entries of an answer in which all is as it should be, as far as that shows.
fn found(text: &str, count: usize) -> Option<Vec<serde_json::Result<Entry<'_>>>> {
    cut(text, count).or_else(|| {
        let (mut walk, mut entries) = (Walk::new(text), None);
        walk.object(|walk, name| {
            if name != "responses" {
                return walk.value().map(drop);
            }
            let mut all = Vec::with_capacity(count);
            walk.array(|walk| {
                all.push(Ok(Entry::found(walk, Walk::value)?));
                Some(())
            })?;
            entries.replace(all).is_none().then_some(())
        })?;
        walk.end().and(entries)
    })
}

/// The same without a step over each value: as servers write it, all entries begin with the same name and end with their
/// bodies. A body that holds the like makes more pieces than there are entries, and one that is cut in the wrong place is
/// none to whoever reads it.
fn cut(text: &str, count: usize) -> Option<Vec<serde_json::Result<Entry<'_>>>> {
    let entries = text.strip_prefix("{\"responses\":[")?.strip_suffix("]}")?;
    let mut walk = Walk::new(entries);
    let first = Entry::found(&mut walk, Walk::value)?;
    // What was stepped over last is its body.
    walk.since(0)?.strip_suffix('}')?.strip_suffix(first.body).filter(|_| !first.body.is_empty())?;
    let (name, _) = entries.split_once(':')?;
    let between = format!("}},{name}:");
    let mut all = Vec::with_capacity(count);
    let mut from = 0;
    for end in memmem::find_iter(entries.as_bytes(), &between).chain([entries.len() - 1]) {
        let mut walk = Walk::new(entries.get(from..=end)?);
        all.push(Ok(Entry::found(&mut walk, Walk::all_but_the_last)?));
        walk.end()?;
        from = end + 2;
    }
    (all.len() == count).then_some(all)
}

fn one(entry: &Entry<'_>, call: Arc<Call>, outer: &Reply) -> serde_json::Result<Reply> {
    let status = StatusCode::from_u16(entry.status).map_err(serde::de::Error::custom)?;
    let slice = |text: &str| if text.is_empty() { Bytes::new() } else { outer.body().slice_ref(text.as_bytes()) };
    let headers = Unread { text: slice(entry.headers), date: outer.headers().get(DATE).cloned() };
    let headers = if entry.is_plain { Err(headers) } else { Ok(headers.read()?) };
    // What stands in the place of an empty body.
    let body = if matches!(entry.body, "\"\"" | "null") { Bytes::new() } else { slice(entry.body) };
    Ok(Reply::entry(call, status, headers, body, outer.attempts()).to(outer.session()))
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
