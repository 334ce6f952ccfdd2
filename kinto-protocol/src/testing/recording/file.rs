//! The text of a recording.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::testing::asked::{Asked, Content};
use crate::testing::recording::{Exchanged, Outcome, Recording};
use crate::transport_error::FailureKind;

/// The version of the format.
const VERSION: u32 = 1;

/// All of it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
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
    pub(super) fn of(recording: &Recording) -> Self {
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

    pub(super) fn recording(self) -> Result<Recording, String> {
        if self.kinto_recording != VERSION {
            return Err(format!("it is of version {}, and this is {VERSION}", self.kinto_recording));
        }
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
