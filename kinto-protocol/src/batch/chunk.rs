//! What goes into one request of a batch.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use memchr::memchr;
use memchr::memmem::Finder;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::batch::slot::Pending;
use crate::call::{Call, Class, Precondition};
use crate::endpoints;
use crate::flow::Ask;

/// The members of one request, by their places in the batch. One alone is sent as it is.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) members: Vec<usize>,
    calls: Vec<Arc<Call>>,
    /// The ends of their paths, by which most of them are told apart.
    ends: Vec<[u8; 8]>,
    /// Whether there is more among them than writes of one object each that may be repeated.
    mixed: bool,
    bytes: usize,
    most: usize,
    alone: bool,
    wait: Duration,
    aborted: u32,
}

impl Chunk {
    /// A chunk of so many at most, and of so many bytes, when so many are left.
    pub(super) fn new(most: usize, bytes: usize, left: usize) -> Self {
        let room = most.min(left);
        let (members, calls, ends) = (Vec::with_capacity(room), Vec::with_capacity(room), Vec::with_capacity(room));
        Self { members, calls, ends, bytes, most, ..Self::default() }
    }

    /// Takes one more, unless that has to wait for the next chunk.
    pub(super) fn take(&mut self, member: usize, pending: &Pending, is_known: bool) -> bool {
        let call = &pending.call;
        let size = size(call);
        let most = self.most.min(pending.most);
        let fits = is_known && fits(call) && size <= self.bytes && most > 1;
        if !self.members.is_empty() && (self.alone || !fits || self.members.len() >= most || !self.goes_with(call)) {
            return false;
        }
        self.alone = !fits;
        self.most = most;
        self.bytes = self.bytes.saturating_sub(size);
        self.wait = self.wait.max(pending.wait);
        self.aborted = pending.aborted;
        self.members.push(member);
        self.mixed |= is_other(call);
        self.ends.push(end(call));
        self.calls.push(Arc::clone(call));
        true
    }

    /// Whether a call can share the chunk's fate. If the answer is lost, all of it is sent once more: then every member
    /// must give what it gave, which is not so where one of them has changed what an earlier one is about. And what is in
    /// something that is deleted goes at the end of the whole request, whatever was made or read in between.
    fn goes_with(&self, call: &Call) -> bool {
        // Of such writes only two of one object do not go together.
        if !self.mixed && !is_other(call) && !self.ends.contains(&end(call)) {
            return true;
        }
        let class = call.repeat_class();
        self.calls.iter().all(|earlier| {
            let apart = match (earlier.repeat_class(), class) {
                (Class::Once, Class::Once) | (_, Class::Safe) => false,
                (Class::Once, _) | (_, Class::Once) => true,
                _ => meets(earlier, call),
            };
            !apart && !is_deleted_by(earlier, call)
        })
    }

    /// The request: the member as it is, if it is the only one.
    pub(super) fn ask(&self) -> Ask {
        let ask = match &self.calls[..] {
            [alone] => Ask::from(Arc::clone(alone)).aborted(self.aborted),
            calls => Ask::from(batch(calls)),
        };
        ask.anew().after(self.wait)
    }
}

/// Whether a call is something else than a write that may be repeated and leaves what is in its object.
fn is_other(call: &Call) -> bool {
    matches!(call.repeat_class(), Class::Safe | Class::Once) || *call.method() == Method::DELETE
}

/// The last bytes of a path.
fn end(call: &Call) -> [u8; 8] {
    call.path().as_str().as_bytes().last_chunk().copied().unwrap_or_default()
}

/// Whether a path lies in another. Mostly its length tells already that it does not.
fn is_in(inner: &Call, outer: &Call) -> bool {
    let (inner, outer) = (inner.path().as_str(), outer.path().as_str());
    inner.as_bytes().get(outer.len()) == Some(&b'/') && inner.starts_with(outer)
}

/// Whether two calls have the same path. Those of one list mostly differ at the end.
fn is_same(one: &Call, other: &Call) -> bool {
    let (one, other) = (one.path().as_str().as_bytes(), other.path().as_str().as_bytes());
    one.len() == other.len() && one.iter().rev().eq(other.iter().rev())
}

/// Whether a call is about something in what an earlier one deletes.
fn is_deleted_by(earlier: &Call, call: &Call) -> bool {
    *earlier.method() == Method::DELETE && is_in(call, earlier)
}

/// Whether a write changes what an earlier call of the same chunk is about: the same object, a list that was read, or
/// something in what is deleted.
fn meets(earlier: &Call, write: &Call) -> bool {
    is_same(earlier, write)
        || earlier.repeat_class() == Class::Safe && is_in(write, earlier)
        || *write.method() == Method::DELETE && is_in(earlier, write)
}

/// Whether the server does in a batch what it does outside: a batch knows one type of content, is undone by a 304, goes
/// into no other, and follows redirects by itself, as from an id that is missing at the end of a path to the whole list.
fn fits(call: &Call) -> bool {
    static BATCH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"/batch"));
    let holds = |text: &[u8]| BATCH.find(text).is_some();
    let recursive = |text: &str| {
        holds(text.as_bytes())
            || memchr(b'%', text.as_bytes()).is_some() && holds(&Cow::<[u8]>::from(percent_decode_str(text)))
    };
    let path = call.path().as_str();
    call.each_plain_header(|_, _| ())
        && call.body_bytes().is_none_or(|body| body.first() == Some(&b'{'))
        && !matches!(call.condition(), Precondition::Changed(_))
        && !recursive(path)
        && !recursive(call.query_text())
        && (path == "/" || !path.ends_with('/') && !path.contains("//"))
        && matches!(call.method().as_str(), "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE")
}

/// About as many bytes as an entry takes.
fn size(call: &Call) -> usize {
    120 + call.path().as_str().len() + call.query_text().len() + call.body_bytes().map_or(0, Bytes::len)
}

/// The request that holds these.
fn batch(calls: &[Arc<Call>]) -> Call {
    let mut text = Vec::with_capacity(16 + calls.iter().map(|call| size(call)).sum::<usize>());
    text.extend_from_slice(br#"{"requests":["#);
    for (number, call) in calls.iter().enumerate() {
        if number > 0 {
            text.push(b',');
        }
        // The server takes no nulls: what is not there is left out.
        text.extend_from_slice(br#"{"method":"#);
        write_text(&mut text, call.method().as_str());
        text.extend_from_slice(br#","path":"#);
        match call.query_text() {
            "" => write_text(&mut text, call.path().as_str()),
            query => write_text(&mut text, &format!("{}?{query}", call.path().as_str())),
        }
        let mut between = &br#","headers":{"#[..];
        call.each_plain_header(|name, value| {
            text.extend_from_slice(between);
            write_text(&mut text, name);
            text.push(b':');
            write_text(&mut text, value);
            between = b",";
        });
        if between == b"," {
            text.push(b'}');
        }
        if let Some(body) = call.body_bytes() {
            text.extend_from_slice(br#","body":"#);
            text.extend_from_slice(body);
        }
        text.push(b'}');
    }
    text.extend_from_slice(b"]}");
    // As careful as the worst of them.
    let class = calls.iter().fold(Class::Safe, |worst, call| match (worst, call.repeat_class()) {
        (Class::Once, _) | (_, Class::Once) => Class::Once,
        (Class::Conditional, _) | (_, Class::Conditional) => Class::Conditional,
        (Class::Repeatable, _) | (_, Class::Repeatable) => Class::Repeatable,
        (Class::Safe, Class::Safe) => Class::Safe,
    });
    let call = Call::new(Method::POST, endpoints::batch()).class(class).json_body(text.into());
    call.secrets_of(calls.iter().map(|call| &**call))
}

/// A text in JSON.
fn write_text(to: &mut Vec<u8>, text: &str) {
    // Without an early end, many bytes are looked at at a time.
    if text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\')) {
        to.push(b'"');
        to.extend_from_slice(text.as_bytes());
        to.push(b'"');
    } else {
        to.extend_from_slice(Value::from(text).to_string().as_bytes());
    }
}
