//! An error as the server told it.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::json;
use crate::secrets::Secrets;

/// How much of each of an error's texts is kept, in bytes. An existing object is kept whole.
const KEPT: usize = 64 * 1024;
/// How much of a body that is not Kinto's JSON is shown, in characters.
const SHOWN: usize = 512;

/// What the server said of an error: its status, and as much of Kinto's error body as there was.
///
/// A proxy in between answers in HTML or with nothing, a HEAD has no body: then only the status is known, and
/// [`excerpt`](Self::excerpt) holds the start of the text. Branch on [`status`](Self::status) and
/// [`errno`](Self::errno), never on the words.
#[derive(Clone, Debug)]
pub struct ServerError {
    status: StatusCode,
    errno: Option<u16>,
    error: Option<String>,
    message: Option<String>,
    info: Option<String>,
    details: Details,
    excerpt: String,
}

/// The `details` of an error.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Details {
    /// None were given.
    #[default]
    None,
    /// What is wrong with the request (400, 406, 415).
    Invalid(Vec<Invalid>),
    /// The object as it stands on the server (412), without its permissions.
    Existing(Map<String, Value>),
    /// What is missing (404): the object itself or the collection that should hold it.
    Missing {
        /// Its id.
        id: String,
        /// What it is: `bucket`, `collection`, `group`, `record`, `account`.
        resource_name: String,
    },
    /// Anything else, as JSON text.
    Other(String),
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Invalid(list) => f.debug_tuple("Invalid").field(list).finish(),
            // Somebody's data has no place in the log of an error.
            Self::Existing(object) => write!(f, "Existing({} fields)", object.len()),
            Self::Missing { id, resource_name } => {
                f.debug_struct("Missing").field("id", id).field("resource_name", resource_name).finish()
            }
            Self::Other(text) => f.debug_tuple("Other").field(text).finish(),
        }
    }
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invalid {
    /// Where: `body`, `querystring`, `header` or `path`.
    pub location: String,
    /// Which part of it, such as `data.members.0`; the server often gives none.
    pub name: String,
    /// What is wrong.
    pub description: String,
}

/// As much of a text as is kept.
fn kept(text: String) -> String {
    if text.len() > KEPT { text.chars().take(KEPT / 4).collect() } else { text }
}

/// As much of a value, as JSON. Its `Display` would bring along what writes JSON in several lines.
fn as_text(value: &Value) -> String {
    kept(serde_json::to_string(value).unwrap_or_default())
}

impl Invalid {
    fn of(members: &Map<String, Value>) -> Self {
        // Names can be null or (for a schema) an index.
        let text = |name| match members.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => kept(text.clone()),
            Some(other) => as_text(other),
        };
        Self { location: text("location"), name: text("name"), description: text("description") }
    }
}

impl<'de> Deserialize<'de> for Invalid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Map::deserialize(from).map(|members| Self::of(&members))
    }
}

impl ServerError {
    pub(crate) fn read(status: StatusCode, body: &[u8]) -> Self {
        let mut read = Self {
            status,
            errno: None,
            error: None,
            message: None,
            info: None,
            details: Details::None,
            excerpt: String::new(),
        };
        // Each member alone, so that one odd member does not hide the others.
        let parsed: Option<Map<String, Value>> = json::read(body).ok();
        match parsed {
            Some(mut members) => {
                let mut text = |name| match members.remove(name) {
                    Some(Value::String(text)) => Some(kept(text)),
                    _ => None,
                };
                (read.error, read.message, read.info) = (text("error"), text("message"), text("info"));
                read.errno = members.get("errno").and_then(Value::as_u64).and_then(|errno| errno.try_into().ok());
                read.details = members.remove("details").map_or(Details::None, details);
            }
            None => {
                let start = &body[..body.len().min(4 * SHOWN)];
                read.excerpt = String::from_utf8_lossy(start).trim().chars().take(SHOWN).collect();
            }
        }
        read
    }

    /// The HTTP status, 400 or above; of an operation in a batch, that of its entry.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Kinto's error number: 104 unauthenticated, 107 invalid, 110 missing, 111 unknown URL, 114 modified meanwhile,
    /// 115 not allowed here, 121 forbidden, 122 conflict, 201 overloaded, 202 end of service, 999 undefined.
    #[must_use]
    pub fn errno(&self) -> Option<u16> {
        self.errno
    }

    /// The server's name of the error, such as `Not Found`.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The server's sentence for people. Often missing.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// A link to more, which the server gives on errors 500: to its own bug tracker, mostly.
    #[must_use]
    pub fn info(&self) -> Option<&str> {
        self.info.as_deref()
    }

    /// What is wrong, what exists or what is missing.
    #[must_use]
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// The object as it stands on the server, with its `id` and `last_modified`, on a 412 about an existing object. Its permissions
    /// are not part of it.
    #[must_use]
    pub fn existing(&self) -> Option<&Map<String, Value>> {
        match &self.details {
            Details::Existing(object) => Some(object),
            _ => None,
        }
    }

    /// The start of a body that was not Kinto's but, say, a proxy's page: at most 512 characters are shown of it. Empty for Kinto's
    /// own errors.
    #[must_use]
    pub fn excerpt(&self) -> &str {
        &self.excerpt
    }

    pub(crate) fn without_password(mut self) -> Self {
        if let Details::Existing(account) = &mut self.details {
            account.remove("password");
        }
        self
    }

    /// Takes out these words.
    pub(crate) fn hide(&mut self, secrets: &Secrets) {
        let hide = |text: &mut String| secrets.hide_in(text);
        [&mut self.error, &mut self.message, &mut self.info].into_iter().flatten().for_each(hide);
        hide(&mut self.excerpt);
        match &mut self.details {
            Details::Invalid(list) => list.iter_mut().for_each(|it| {
                [&mut it.location, &mut it.name, &mut it.description].into_iter().for_each(hide);
            }),
            Details::Missing { id, resource_name } => [id, resource_name].into_iter().for_each(hide),
            Details::Other(text) => hide(text),
            // Data, which nothing shows.
            Details::None | Details::Existing(_) => {}
        }
    }

    /// Whether the same request may get another answer later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.status.as_u16(), 408 | 409 | 425 | 429 | 500 | 502 | 503 | 504)
    }

    /// Whether what the object is in is missing, and not only the object.
    pub(crate) fn lacks_parent(&self) -> bool {
        self.errno == Some(111) && matches!(self.details, Details::Missing { .. })
    }

    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match (self.status.as_u16(), self.errno) {
            (401, _) => "the credentials are missing or wrong: check them with server_info(), which shows the user",
            (403, _) => "not permitted, or the bucket does not exist: the server does not tell which",
            (404, Some(111)) if self.lacks_parent() => "create the collection first, and its bucket",
            (404, Some(111)) => "unknown URL: is the version in the base URL right, and the plugin on?",
            (404, None) if !self.excerpt.is_empty() => {
                "this does not look like a Kinto server: is the base URL right, /v1 included?"
            }
            (405, Some(115)) => "the server may be read-only: see settings.readonly in server_info()",
            (409, _) => "nothing was applied: repeat it",
            (410, Some(202)) => "this service has ended",
            (412, _) if self.existing().is_some() => {
                "it is there already, or was changed meanwhile: read it and decide"
            }
            (429 | 503, _) => "the server is overloaded or in maintenance: try later",
            (500 | 502 | 504, _) => "the fault is the server's: try later, or ask its operators",
            _ => return None,
        })
    }
}

fn details(value: Value) -> Details {
    match value {
        Value::Null => Details::None,
        Value::Array(items) => match items.iter().take(100).map(|item| item.as_object().map(Invalid::of)).collect() {
            Some(list) => Details::Invalid(list),
            None => Details::Other(as_text(&Value::Array(items))),
        },
        Value::Object(mut members) => match members.remove("existing") {
            Some(Value::Object(existing)) => Details::Existing(existing),
            Some(other) => Details::Other(as_text(&other)),
            None => match (members.get("id"), members.get("resource_name")) {
                (Some(Value::String(id)), Some(Value::String(name))) => {
                    Details::Missing { id: id.clone(), resource_name: name.clone() }
                }
                _ => Details::Other(as_text(&Value::Object(members))),
            },
        },
        other => Details::Other(as_text(&other)),
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        match (&self.error, self.status.canonical_reason()) {
            (Some(error), _) => write!(f, " {}", Escaped(error))?,
            (None, Some(reason)) => write!(f, " {reason}")?,
            (None, None) => {}
        }
        if let Some(errno) = self.errno {
            write!(f, " (errno {errno})")?;
        }
        match (&self.message, &self.details) {
            (Some(message), _) => write!(f, ": {}", Escaped(message)),
            (None, Details::Missing { id, resource_name }) => {
                write!(f, ": {} {} does not exist", Escaped(resource_name), Escaped(id))
            }
            _ if self.excerpt.is_empty() => Ok(()),
            _ => {
                let words: Vec<&str> = self.excerpt.split_whitespace().collect();
                write!(f, ": the body is not Kinto's, it begins with {}", Escaped(&words.join(" ")))
            }
        }
    }
}

/// Text from outside: control characters escaped, 512 characters at most.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        for (shown, c) in self.0.chars().enumerate() {
            if shown == SHOWN {
                return f.write_char('…');
            }
            if c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            {
                write!(f, "{}", c.escape_debug())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Whether the body of an answer is the one Kinto gives when a transaction was aborted.
pub(crate) fn errno_of(body: &Bytes) -> Option<u16> {
    #[derive(Deserialize)]
    struct Errno<'a> {
        #[serde(borrow)]
        errno: Option<&'a RawValue>,
    }
    serde_json::from_str::<Errno<'_>>(&String::from_utf8_lossy(body)).ok()?.errno?.get().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &'static [u8]) -> ServerError {
        ServerError::read(StatusCode::from_u16(status).unwrap(), body)
    }

    #[test]
    fn kintos_own_errors() {
        let missing = read(
            404,
            br#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"nope","resource_name":"record"}}"#,
        );
        assert_eq!(missing.to_string(), "404 Not Found (errno 110): record nope does not exist");

        let changed = read(412, br#"{"code":412,"errno":114,"error":"Precondition Failed","message":"Resource was modified meanwhile","details":{"existing":{"a":1}}}"#);
        assert_eq!(changed.existing().unwrap()["a"], 1);

        let invalid = read(400, br#"{"errno":107,"error":"Invalid parameters","message":"m","details":[{"location":"path","name":null,"description":"d"},{"name":3}]}"#);
        let Details::Invalid(list) = invalid.details() else { panic!("{invalid:?}") };
        assert_eq!((list[0].location.as_str(), list[0].name.as_str(), list[1].name.as_str()), ("path", "", "3"));
    }

    #[test]
    fn anything_else_is_kept_short_and_escaped() {
        let html = read(502, b"<html>\n<h1>Bad\x1b[31m gateway</h1>");
        assert_eq!(
            html.to_string(),
            "502 Bad Gateway: the body is not Kinto's, it begins with <html> <h1>Bad\\u{1b}[31m gateway</h1>"
        );
        assert_eq!(read(503, b"").to_string(), "503 Service Unavailable");
        for odd in
            [&b"[]"[..], b"\"x\"", b"null", b"{\"errno\":\"x\",\"details\":7,\"message\":[]}", b"{\"errno\":1e99}"]
        {
            assert_eq!(read(500, odd).status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }

    #[test]
    fn five_megabytes_of_message_are_not_shown() {
        let body = format!("{{\"message\":\"{}\"}}", "x".repeat(60_000));
        assert!(read(400, Box::leak(body.into_boxed_str()).as_bytes()).to_string().len() < 700);
    }
}
