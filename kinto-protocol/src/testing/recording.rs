//! What went on between a program and a server, as a value and as a text.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::secrets::Secrets;
use crate::session::{Response, Session};
use crate::testing::answer::Answer;
use crate::testing::asked::{Asked, Content, content};
use crate::testing::discreet;
use crate::testing::expected::Expected;
use crate::testing::script::Script;
use crate::transport_error::{FailureKind, TransportError};

/// The version of the format.
const VERSION: u32 = 1;

/// What went on between a client and a server, without secrets. A [`Recorder`](crate::testing::Recorder) makes one.
///
/// It is saved as JSON that people can read and compare (`to_string`), and read from there (`parse`). What was JSON stands
/// there as such.
///
/// ```
/// use kinto_protocol::bucket;
/// use kinto_protocol::testing::Recording;
///
/// let recording: Recording = r#"{
///   "kinto_recording": 1,
///   "server": "http://localhost:8888/v1",
///   "exchanges": [
///     {
///       "request": {"method": "GET", "path": "/buckets/blog/collections/posts/records/hello"},
///       "answer": {"status": 200, "json": {"data": {"id": "hello", "last_modified": 7, "title": "Hello"}}}
///     }
///   ]
/// }"#
/// .parse()?;
/// let replay = recording.replay(); // Client::testing(&replay)
/// let post = replay.send(bucket("blog").collection("posts").records().get("hello"))?;
/// assert_eq!(post.data["title"], "Hello");
/// replay.finish();
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Recording {
    pub(super) server: String,
    pub(super) seed: Option<u128>,
    pub(super) exchanges: Vec<Exchanged>,
}

/// A request, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exchanged {
    pub(super) asked: Asked,
    pub(super) outcome: Outcome,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Answered { status: StatusCode, headers: Vec<(String, String)>, body: Content },
    Failed { kind: FailureKind, sent: bool, why: String },
}

/// Headers of answers that nobody needs again, or nobody may read.
const LEFT_OUT: [&str; 15] = [
    "access-control-allow-origin",
    "access-control-expose-headers",
    "connection",
    "content-length",
    "content-security-policy",
    "keep-alive",
    "proxy-authenticate",
    "server",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "via",
    "www-authenticate",
    "x-content-type-options",
];

impl Outcome {
    pub(super) fn failed(failure: &TransportError) -> Self {
        let (kind, sent) = (failure.kind(), failure.may_have_been_sent());
        Self::Failed { kind, sent, why: failure.to_string() }
    }

    /// An answer, and what in it is to be hidden.
    pub(super) fn answered(response: &Response, secrets: &mut Secrets) -> Self {
        #[cfg(feature = "gzip")]
        let response = &crate::gzip::decoded(response.clone(), u64::MAX).unwrap_or_else(|_| response.clone());
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let content_type = response.headers().get(CONTENT_TYPE).map(text);
        let (content_type, body) = content(content_type, response.body());
        discreet::learn(secrets, response.headers(), "", &body);
        // Only one that was counted from says anything.
        let is_dated = response.headers().contains_key(RETRY_AFTER);
        let kept = response.headers().iter().filter(|(name, _)| {
            !LEFT_OUT.contains(&name.as_str()) && *name != CONTENT_TYPE && (is_dated || *name != DATE)
        });
        let mut headers: Vec<_> = kept.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        headers.extend(content_type.map(|kind| (CONTENT_TYPE.as_str().to_owned(), kind)));
        headers.sort();
        Self::Answered { status: response.status(), headers, body }
    }

    pub(super) fn hide(&mut self, secrets: &Secrets) {
        match self {
            Self::Answered { headers, body, .. } => {
                headers.iter_mut().for_each(|(_, value)| discreet::hide_text(value, secrets));
                discreet::hide_content(body, secrets);
            }
            Self::Failed { why, .. } => secrets.hide_in(why),
        }
    }

    fn answer(&self) -> Answer {
        match self {
            Self::Failed { kind, sent, why } => Answer::failure_because(*kind, *sent, why.clone()),
            Self::Answered { status, headers, body } => {
                let answer = Answer::status(status.as_u16());
                let answer = match body {
                    Content::Nothing => answer,
                    Content::Json(value) => answer.json(value),
                    Content::Text(text) => answer.body(text.clone()),
                    Content::Bytes(bytes) => answer.body(bytes.clone()),
                };
                headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value))
            }
        }
    }
}

impl Recording {
    /// A [`Script`] of it: the same requests, in the same order, get the same answers. Where the program does several
    /// things at once, their order is [none](Script::in_any_order).
    ///
    /// Its session makes the ids that were made then, as long as they are made in the same order. The one thing that is not
    /// replayed is time: where an answer asked to wait, a client waits again.
    ///
    /// # Panics
    ///
    /// Never: what it is made of was looked at when it was read.
    #[must_use]
    pub fn replay(&self) -> Script {
        let session = self.session().unwrap_or_else(|error| unreachable!("{error}"));
        let script = Script::of(session, true);
        for Exchanged { asked, outcome } in &self.exchanges {
            script.then(Expected::recorded(asked.clone()), outcome.answer());
        }
        script
    }

    fn session(&self) -> Result<Session> {
        let session = Session::builder(&self.server);
        self.seed.into_iter().fold(session, crate::SessionBuilder::seed).build()
    }
}

/// JSON, with two spaces and a line feed at the end.
impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string_pretty(&File::of(self)).map_err(|_| fmt::Error)?;
        writeln!(f, "{text}")
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recording({} exchanges with {})", self.exchanges.len(), self.server)
    }
}

impl FromStr for Recording {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: String| Error::input(format!("this is no recording: {why}"));
        let file: File = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        if file.kinto_recording != VERSION {
            return Err(wrong(format!("it is of version {}, and this is {VERSION}", file.kinto_recording)));
        }
        let recording = file.recording().map_err(wrong)?;
        recording.session()?;
        Ok(recording)
    }
}

/// The text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kinto_recording: u32,
    server: String,
    /// In hexadecimal digits: JSON has no numbers of this size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seed: Option<String>,
    exchanges: Vec<FileExchange>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileExchange {
    request: FileRequest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<FileAnswer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<FileFailure>,
}

#[derive(Serialize, Deserialize)]
struct FileRequest {
    method: String,
    path: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    query: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    if_match: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    if_none_match: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(flatten)]
    body: FileBody,
}

#[derive(Serialize, Deserialize)]
struct FileAnswer {
    status: u16,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, FileHeader>,
    #[serde(flatten)]
    body: FileBody,
}

/// The value of a header, or all of them if it came several times.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum FileHeader {
    One(String),
    Several(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFailure {
    kind: String,
    sent: bool,
    why: String,
}

/// One of them, or none.
#[derive(Default, Serialize, Deserialize)]
struct FileBody {
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    json: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// A body that is `null` is not the same as none.
mod present {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use serde_json::Value;

    pub(super) fn serialize<S: Serializer>(value: &Option<Value>, to: S) -> Result<S::Ok, S::Error> {
        value.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
        Value::deserialize(from).map(Some)
    }
}

const KINDS: [(&str, FailureKind); 8] = [
    ("connect", FailureKind::Connect),
    ("tls", FailureKind::Tls),
    ("timeout", FailureKind::Timeout),
    ("interrupted", FailureKind::Interrupted),
    ("protocol", FailureKind::Protocol),
    ("too large", FailureKind::TooLarge),
    ("local", FailureKind::Local),
    ("other", FailureKind::Other),
];

impl FileHeader {
    fn of(headers: &[(String, String)]) -> BTreeMap<String, Self> {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in headers {
            all.entry(name.clone()).or_default().push(value.clone());
        }
        let one = |mut values: Vec<String>| match (values.pop(), values.is_empty()) {
            (Some(value), true) => Self::One(value),
            (last, _) => Self::Several(values.into_iter().chain(last).collect()),
        };
        all.into_iter().map(|(name, values)| (name, one(values))).collect()
    }

    fn headers(all: BTreeMap<String, Self>) -> Result<Vec<(String, String)>, String> {
        let mut headers = Vec::new();
        for (name, values) in all {
            let values = match values {
                Self::One(value) => vec![value],
                Self::Several(values) => values,
            };
            for value in values {
                if HeaderName::try_from(&name).is_err() || HeaderValue::try_from(&value).is_err() {
                    return Err(format!("{name:?} is no header"));
                }
                headers.push((name.clone(), value));
            }
        }
        Ok(headers)
    }
}

impl FileBody {
    fn of(content: &Content) -> Self {
        match content.clone() {
            Content::Nothing => Self::default(),
            Content::Json(value) => Self { json: Some(value), ..Self::default() },
            Content::Text(text) => Self { text: Some(text), ..Self::default() },
            Content::Bytes(bytes) => Self { base64: Some(STANDARD.encode(bytes)), ..Self::default() },
        }
    }

    fn content(self) -> Result<Content, String> {
        Ok(match (self.json, self.text, self.base64) {
            (None, None, None) => Content::Nothing,
            (Some(value), None, None) => Content::Json(value),
            (None, Some(text), None) => Content::Text(text),
            (None, None, Some(text)) => Content::Bytes(Bytes::from(
                STANDARD.decode(text).map_err(|error| format!("a body is no base64: {error}"))?,
            )),
            _ => return Err("a body is json, text or base64, and no two of them".into()),
        })
    }
}

impl File {
    fn of(recording: &Recording) -> Self {
        let exchange = |Exchanged { asked, outcome }: &Exchanged| {
            let request = FileRequest {
                method: asked.method.to_string(),
                path: asked.path.clone(),
                query: asked.query.clone(),
                if_match: asked.if_match.clone(),
                if_none_match: asked.if_none_match.clone(),
                content_type: asked.content_type.clone(),
                body: FileBody::of(&asked.body),
            };
            match outcome {
                Outcome::Answered { status, headers, body } => {
                    let (status, headers, body) = (status.as_u16(), FileHeader::of(headers), FileBody::of(body));
                    FileExchange { request, answer: Some(FileAnswer { status, headers, body }), failure: None }
                }
                Outcome::Failed { kind, sent, why } => {
                    let name = KINDS.iter().find(|(_, own)| own == kind).map_or("other", |(name, _)| name);
                    let failure = FileFailure { kind: name.to_owned(), sent: *sent, why: why.clone() };
                    FileExchange { request, answer: None, failure: Some(failure) }
                }
            }
        };
        Self {
            kinto_recording: VERSION,
            server: recording.server.clone(),
            seed: recording.seed.map(|seed| format!("{seed:032x}")),
            exchanges: recording.exchanges.iter().map(exchange).collect(),
        }
    }

    fn recording(self) -> Result<Recording, String> {
        let seed =
            self.seed.map(|seed| u128::from_str_radix(&seed, 16).map_err(|_| "its seed is no number".to_owned()));
        let mut exchanges = Vec::new();
        for FileExchange { request, answer, failure } in self.exchanges {
            let method: Method = request.method.parse().map_err(|_| format!("{:?} is no method", request.method))?;
            let FileRequest { path, query, if_match, if_none_match, content_type, body, .. } = request;
            let body = body.content()?;
            let asked = Asked { method, path, query, if_match, if_none_match, content_type, body };
            let outcome = match (answer, failure) {
                (Some(FileAnswer { status, headers, body }), None) => {
                    let status = StatusCode::from_u16(status).map_err(|_| format!("{status} is no status"))?;
                    Outcome::Answered { status, headers: FileHeader::headers(headers)?, body: body.content()? }
                }
                (None, Some(FileFailure { kind, sent, why })) => {
                    let known = KINDS.iter().find(|(name, _)| *name == kind);
                    let kind = known.ok_or_else(|| format!("{kind:?} is no kind of failure"))?.1;
                    Outcome::Failed { kind, sent, why }
                }
                _ => return Err(format!("{} has neither answer nor failure, or both", asked.line())),
            };
            exchanges.push(Exchanged { asked, outcome });
        }
        Ok(Recording { server: self.server, seed: seed.transpose()?, exchanges })
    }
}

#[cfg(test)]
mod tests;
