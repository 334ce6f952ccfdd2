//! A request, as far as tests compare it.

use std::fmt;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderName, Method};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::call::Call;
use crate::error::Result;
use crate::json;
use crate::session::{Request, Session};

/// So many letters of a body are shown.
const SHOWN: usize = 2_000;

/// A request, as far as tests compare it: what is asked for, and not how it is written. The order of its parameters, the
/// spelling of its JSON, its credentials and whatever else its headers say is no part of it.
///
/// Predicates of a [`Script`](crate::testing::Script) are given one. `Display` is all of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its path below the root of the API, percent-encoded. What is no part of the API is a whole URL.
    pub path: String,
    /// Its parameters as they stand in the URL, percent-encoded.
    pub query: String,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
    /// `Content-Type`, unless it is that of JSON.
    pub content_type: Option<String>,
    /// Its body.
    pub body: Content,
}

/// What stands in a body.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::exhaustive_enums, reason = "anything is one of these")]
pub enum Content {
    /// Nothing.
    #[default]
    Nothing,
    /// JSON.
    Json(Value),
    /// Another text.
    Text(String),
    /// What is no text.
    Bytes(Bytes),
}

impl Asked {
    /// A request that was sent below this root.
    pub(super) fn of(request: &Request, root: &str) -> Self {
        let header = |name: HeaderName| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
        let (content_type, body) = content(header(CONTENT_TYPE), request.body());
        let url = request.uri().to_string();
        let url = url.split('?').next().unwrap_or_default();
        Self {
            method: request.method().clone(),
            path: url.strip_prefix(root).filter(|path| path.starts_with('/')).unwrap_or(url).to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            if_match: header(IF_MATCH),
            if_none_match: header(IF_NONE_MATCH),
            content_type,
            body,
        }
    }

    /// What a call would be, sent by this session.
    pub(super) fn by(call: &Call, session: &Session) -> Result<Self> {
        Ok(Self::of(&session.http_request(call, None)?, &session.url()))
    }

    /// The value of one of its parameters.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().into_iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// All parameters, decoded and in one order.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut pairs: Vec<_> = pairs.map(|(name, value)| (decode(name), decode(value))).collect();
        pairs.sort();
        pairs
    }

    /// Its body, if that is JSON.
    #[must_use]
    pub fn json(&self) -> Option<&Value> {
        match &self.body {
            Content::Json(value) => Some(value),
            _ => None,
        }
    }

    /// The id of the object that it is about: the last of its path or, where something is added to a list, that in its body.
    pub(super) fn id(&self) -> Option<String> {
        if self.method == Method::POST {
            return Some(self.json()?.pointer("/data/id")?.as_str()?.to_owned());
        }
        let last = self.path.rsplit('/').next()?;
        Some(percent_decode_str(last).decode_utf8_lossy().into_owned())
    }

    /// Its first line.
    pub(super) fn line(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{}", self.method, self.path, self.query)
    }
}

/// The type of a body, unless it is what is to be expected, and the body.
pub(super) fn content(content_type: Option<String>, body: &Bytes) -> (Option<String>, Content) {
    let media = |text: &String| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = content_type.as_ref().map(media);
    if body.is_empty() {
        return (None, Content::Nothing);
    }
    if kind.as_deref().is_none_or(|kind| kind.ends_with("json"))
        && let Ok(text) = std::str::from_utf8(body)
        && !json::holds_huge_integer(text)
        && let Ok(value) = serde_json::from_str(text)
    {
        return (kind.filter(|kind| kind != "application/json"), Content::Json(value));
    }
    // What stands between the parts of a form is made up each time.
    let line = content_type.as_deref().filter(|_| kind.as_deref() == Some("multipart/form-data"));
    let line = line.and_then(|line| line.split("boundary=").nth(1)).map(|line| line.trim_matches('"'));
    let body = match line.filter(|line| !line.is_empty()) {
        Some(line) => replaced(body, line.as_bytes(), b"boundary").into(),
        None => body.clone(),
    };
    match std::str::from_utf8(&body) {
        Ok(text) => (kind, Content::Text(text.to_owned())),
        Err(_) => (kind, Content::Bytes(body)),
    }
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        written.extend_from_slice(&rest[..at]);
        written.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    written.extend_from_slice(rest);
    written
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())?;
        let headers = [
            ("If-Match", &self.if_match),
            ("If-None-Match", &self.if_none_match),
            ("Content-Type", &self.content_type),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                write!(f, "\n{name}: {value}")?;
            }
        }
        match &self.body {
            Content::Nothing => Ok(()),
            body => write!(f, "\n{body}"),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no body"),
            Self::Json(value) => shortened(&value.to_string(), f),
            Self::Text(text) => shortened(text, f),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

fn shortened(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let shown: String = text.chars().take(SHOWN).collect();
    f.write_str(&shown)?;
    f.write_str(if shown.len() < text.len() { "…" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str, content_type: &str, body: &'static str) -> Asked {
        let request = http::Request::put(url).header("content-type", content_type).body(body.into());
        Asked::of(&request.unwrap(), "http://x/v1")
    }

    #[test]
    fn what_is_below_the_root_and_what_is_elsewhere() {
        assert_eq!(asked("http://x/v1/buckets/b?_sort=a", "", "").line(), "PUT /buckets/b?_sort=a");
        assert_eq!(asked("http://x/v10/buckets", "", "").path, "http://x/v10/buckets");
        assert_eq!(asked("http://files/a", "", "").path, "http://files/a");
    }

    #[test]
    fn how_it_is_written_does_not_matter() {
        let one = asked("http://x/v1/b?_sort=a&n=1", "application/json", r#"{"a": 1, "b": [ ]}"#);
        let other = asked("http://x/v1/b?n=1&_sort=%61", "application/json; charset=utf-8", r#"{"b":[],"a":1}"#);
        assert_eq!((one.parameters(), one.body, one.content_type), (other.parameters(), other.body, None));
        let patch = asked("http://x/v1/b", "application/merge-patch+json", "{}");
        assert_eq!(patch.content_type.as_deref(), Some("application/merge-patch+json"));
        let form = |line: &str| {
            let body = format!("--{line}\r\n\r\nhello\r\n--{line}--\r\n").into();
            content(Some(format!("multipart/form-data; boundary={line}")), &body)
        };
        assert_eq!(form("abc"), form("xyz"));
        assert!(matches!(content(None, &Bytes::from_static(b"{\"n\":123456789012345678901}")).1, Content::Text(_)));
        assert_eq!(content(None, &Bytes::from_static(b"\xff")).1.to_string(), "1 bytes");
    }
}
