//! One request, relative to the API root.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use zeroize::Zeroizing;

use crate::error::{Error, RequestLine, Result};
use crate::path::Path;
use crate::secrets::Secrets;
use crate::timestamp::Timestamp;
use crate::transfer::Transfer;

/// One request, relative to the API root: what an [`Operation`](crate::Operation) turns into. It is sent alone or as
/// an entry of a batch, and only [`Session::request`](crate::Session::request) makes an [`http::Request`] of it.
///
/// A `Call` is an operation itself, whose output is the plain [`Reply`](crate::Reply). So whatever endpoint this
/// library has no operation for is reached with the credentials, the retries and the limits of all others:
///
/// ```
/// use http::Method;
/// use kinto_protocol::{Call, endpoints};
/// use serde_json::json;
///
/// let sign_up = Call::new(Method::PUT, endpoints::account("alexis"))
///     .json(&json!({"data": {"password": "p4ssw0rd"}}))?;
/// assert_eq!(sign_up.path().as_str(), "/accounts/alexis");
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    method: Method,
    path: Path,
    query: String,
    precondition: Precondition,
    content_type: Option<ContentType>,
    body: Option<Bytes>,
    class: Class,
    /// What few have is by itself, as calls are moved a lot.
    rare: Option<Box<Rare>>,
}

#[derive(Clone, PartialEq, Eq)]
enum ContentType {
    Json,
    Other(Box<HeaderValue>),
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Rare {
    headers: HeaderMap,
    expected: Option<StatusCode>,
    elsewhere: Option<Uri>,
    transfer: Option<Transfer>,
    /// What in the body is not to be repeated.
    secrets: Vec<Zeroizing<String>>,
}

/// What may be done when it is not known whether the server acted on a request: the classes of the retry rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// It changes nothing: GET, HEAD.
    Safe,
    /// Twice has the effect of once: PUT, DELETE of one object, plain and merge PATCH.
    Repeatable,
    /// It cannot be applied twice, as it has a precondition; but a second try may meet its own effect.
    Conditional,
    /// Twice may do more than once: POST, JSON Patch, DELETE of a list.
    Once,
}

/// What must be true of the object (or list) for the request to be carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// It does not exist: `If-None-Match: *`. The server's only real mutual exclusion.
    Absent,
    /// It exists: `If-Match: *`.
    Present,
    /// It was not changed since: `If-Match`. Best effort: on PostgreSQL, two writers at the same instant may both pass.
    Unchanged(Timestamp),
    /// It was changed since: `If-None-Match`, for reading.
    Changed(Timestamp),
}

impl Call {
    /// A request without body, query or precondition.
    ///
    /// Its class follows from the method: GET and HEAD are safe, PUT and DELETE repeatable, the others once only.
    #[must_use]
    pub fn new(method: Method, path: Path) -> Self {
        let class = match method {
            Method::GET | Method::HEAD => Class::Safe,
            Method::PUT | Method::DELETE => Class::Repeatable,
            _ => Class::Once,
        };
        Self {
            method,
            path,
            query: String::new(),
            precondition: Precondition::None,
            content_type: None,
            body: None,
            class,
            rare: None,
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn headers(&self) -> Option<&HeaderMap> {
        self.rare.as_ref().map(|rare| &rare.headers)
    }

    /// The values of its headers that are not to be shown.
    fn sensitive(&self) -> impl Iterator<Item = &str> {
        let values = self.headers().into_iter().flat_map(HeaderMap::values);
        values.filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok())
    }

    /// A request for something that the server only names, such as a file: neither credentials nor headers of the caller's
    /// go there. Where it may be is said by [`Root::elsewhere`](crate::root::Root::elsewhere).
    #[cfg(feature = "_elsewhere")]
    pub(crate) fn elsewhere(method: Method, uri: Uri) -> Self {
        // A query may hold a signature.
        let shown = uri.to_string();
        let shown = Path::fixed(shown.split('?').next().unwrap_or_default());
        let mut call = Self::new(method, shown);
        call.rare().elsewhere = Some(uri);
        call
    }

    /// It moves a file, which a driver may do piece by piece.
    #[cfg(feature = "attachments")]
    pub(crate) fn moving(mut self, transfer: Transfer) -> Self {
        self.rare().transfer = Some(transfer);
        self
    }

    /// With this query, percent-encoded, without the question mark.
    #[must_use]
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.query = query.into();
        self
    }

    /// With a precondition. A write that has one is [`Class::Conditional`].
    #[must_use]
    pub fn precondition(mut self, precondition: Precondition) -> Self {
        self.precondition = precondition;
        self
    }

    /// With a JSON body.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for what JSON cannot carry: NaN and infinity, and nesting deeper than
    /// 120 levels.
    pub fn json<T: serde::Serialize + ?Sized>(self, value: &T) -> Result<Self> {
        let body = crate::json::to_bytes(value)?;
        Ok(self.json_body(body))
    }

    /// With a body that is JSON already, which is sent to the letter.
    pub(crate) fn json_body(mut self, body: Bytes) -> Self {
        self.content_type = Some(ContentType::Json);
        self.body = Some(body);
        self
    }

    /// With a body of that content type, which is sent to the letter.
    pub(crate) fn body(self, content_type: &'static str, body: Bytes) -> Self {
        match content_type {
            JSON => self.json_body(body),
            other => self.other_body(HeaderValue::from_static(other), body),
        }
    }

    fn other_body(mut self, content_type: HeaderValue, body: Bytes) -> Self {
        self.content_type = Some(ContentType::Other(Box::new(content_type)));
        self.body = Some(body);
        self
    }

    /// Only where the server has this capability.
    #[cfg(feature = "attachments")]
    pub(crate) fn needing(mut self, capability: &'static str) -> Self {
        self.path = self.path.needing(capability);
        self
    }

    /// With a form as its body.
    #[cfg(feature = "attachments")]
    pub(crate) fn form(self, content_type: &str, body: Bytes) -> Result<Self> {
        let content_type = HeaderValue::try_from(content_type)
            .map_err(|_| Error::input("the content type of the form cannot be sent"))?;
        Ok(self.other_body(content_type, body))
    }

    /// Of that class, when it is not the one of its method: says what may be done when an answer is lost.
    ///
    /// ```
    /// use http::Method;
    /// use kinto_protocol::{Call, Class, endpoints};
    ///
    /// let post = Call::new(Method::POST, endpoints::batch());
    /// assert_eq!(post.repeat_class(), Class::Once); // is not sent again
    /// assert_eq!(post.class(Class::Repeatable).repeat_class(), Class::Repeatable); // you know that it may be
    /// ```
    #[must_use]
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Takes a status that looks like a failure for an answer, which is not retried: as the 503 of a heartbeat, which says which
    /// part of the server is not well.
    #[must_use]
    pub fn expecting(mut self, status: StatusCode) -> Self {
        self.rare().expected = Some(status);
        self
    }

    /// With a header of its own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for names that the client or the transport sets itself
    /// (`Authorization`, `Accept`, `Host`, framing, preconditions), and for values with line breaks.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        add_header(&mut self.rare().headers, name, value)?;
        Ok(self)
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path below the API root.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The query, percent-encoded; empty when there is none.
    #[must_use]
    pub fn query_text(&self) -> &str {
        &self.query
    }

    /// The body, as it will be sent; `None` when there is none.
    #[must_use]
    pub fn body_bytes(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// How it may be repeated: its [`class`](Self::class), and [`Class::Conditional`] for a write with a precondition.
    #[must_use]
    pub fn repeat_class(&self) -> Class {
        match (self.class, self.precondition) {
            (
                Class::Repeatable | Class::Once,
                Precondition::Absent | Precondition::Present | Precondition::Unchanged(_),
            ) => {
                // `If-Match: *` does not keep a JSON Patch or a list deletion from being applied twice.
                if self.class == Class::Once && self.precondition == Precondition::Present {
                    Class::Once
                } else {
                    Class::Conditional
                }
            }
            (class, _) => class,
        }
    }

    /// What must be true for it to be carried out.
    #[must_use]
    pub fn condition(&self) -> Precondition {
        self.precondition
    }

    /// With something in its body that is not to be repeated, whatever the server says of it.
    pub(crate) fn secret(mut self, secret: &str) -> Self {
        self.rare().secrets.push(Zeroizing::new(secret.to_owned()));
        self
    }

    /// With the secrets of those that it carries.
    pub(crate) fn secrets_of<'a>(mut self, calls: impl IntoIterator<Item = &'a Self>) -> Self {
        for call in calls {
            if let Some(rare) = &call.rare {
                let secrets = &mut self.rare().secrets;
                secrets.extend(rare.secrets.iter().cloned());
                secrets.extend(call.sensitive().map(|value| Zeroizing::new(value.to_owned())));
            }
        }
        self
    }

    /// Adds what is not to be repeated.
    pub(crate) fn add_secrets(&self, to: &mut Secrets) {
        self.sensitive().for_each(|value| to.add(value));
        self.rare.iter().flat_map(|rare| &rare.secrets).for_each(|secret| to.add(secret));
        // One that somebody has written by hand.
        if self.path.as_str().starts_with("/accounts/")
            && let Some(body) = &self.body
            && let Ok(body) = crate::json::read::<serde_json::Value>(body)
            && let Some(password) = body.pointer("/data/password").and_then(serde_json::Value::as_str)
        {
            to.add(password);
        }
    }

    pub(crate) fn expects(&self, status: StatusCode) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.expected == Some(status))
    }

    /// Where it goes, if that is no part of the API.
    pub(crate) fn uri_elsewhere(&self) -> Option<&Uri> {
        self.rare.as_ref()?.elsewhere.as_ref()
    }

    /// What it moves besides itself.
    pub(crate) fn transfer(&self) -> Option<&Transfer> {
        self.rare.as_ref()?.transfer.as_ref()
    }

    pub(crate) fn line(&self) -> RequestLine {
        RequestLine { method: self.method.clone(), path: self.path.as_str().to_owned() }
    }

    /// The same, and nothing else is kept.
    pub(crate) fn into_line(self) -> RequestLine {
        RequestLine { method: self.method, path: self.path.into_text() }
    }

    /// Gives each of the same as a batch can hold it: a text, once, and not what a batch says for all of them. False where
    /// there is something else among them.
    pub(crate) fn each_plain_header(&self, mut each: impl FnMut(&str, &str)) -> bool {
        if matches!(self.content_type, Some(ContentType::Other(_))) {
            return false;
        }
        if let Some(Rare { headers, transfer, .. }) = self.rare.as_deref() {
            if transfer.is_some() || headers.keys_len() != headers.len() {
                return false;
            }
            for (name, value) in headers {
                match value.to_str() {
                    Ok(value) => each(name.as_str(), value),
                    Err(_) => return false,
                }
            }
        }
        let (name, at) = match self.precondition {
            Precondition::None => return true,
            Precondition::Absent => ("if-none-match", None),
            Precondition::Present => ("if-match", None),
            Precondition::Unchanged(at) => ("if-match", Some(at)),
            Precondition::Changed(at) => ("if-none-match", Some(at)),
        };
        match at.map(etag) {
            None => each(name, "*"),
            Some(Ok(etag)) => each(name, etag.to_str().unwrap_or_default()),
            Some(Err(_)) => return false,
        }
        true
    }

    /// The headers that belong to the call itself, not to the session.
    pub(crate) fn write_headers(&self, to: &mut HeaderMap) -> Result<()> {
        if let Some(content_type) = &self.content_type {
            let content_type = match content_type {
                ContentType::Json => HeaderValue::from_static(JSON),
                ContentType::Other(other) => HeaderValue::clone(other),
            };
            to.insert(CONTENT_TYPE, content_type);
        }
        for (name, value) in self.headers().into_iter().flatten() {
            to.append(name, value.clone());
        }
        if let Some(transfer) = self.transfer() {
            transfer.write_headers(to);
        }
        let (name, value) = match self.precondition {
            Precondition::None => return Ok(()),
            Precondition::Absent => (http::header::IF_NONE_MATCH, HeaderValue::from_static("*")),
            Precondition::Present => (http::header::IF_MATCH, HeaderValue::from_static("*")),
            Precondition::Unchanged(at) => (http::header::IF_MATCH, etag(at)?),
            Precondition::Changed(at) => (http::header::IF_NONE_MATCH, etag(at)?),
        };
        to.insert(name, value);
        Ok(())
    }
}

/// How many headers the caller may set on a session, and how many on a call; and how many are taken of an entry of a batch.
pub(crate) const MAX_HEADERS: usize = 1_000;

const JSON: &str = "application/json";

fn etag(at: Timestamp) -> Result<HeaderValue> {
    if at.as_millis() < 0 {
        return Err(Error::input(format!("the timestamp {at} cannot be a precondition: it is negative")));
    }
    HeaderValue::try_from(at.etag()).map_err(|error| Error::input(error.to_string()))
}

/// Adds a header of the caller's.
pub(crate) fn add_header(headers: &mut HeaderMap, name: &str, value: &str) -> Result<()> {
    let (name, value) = header(name, value)?;
    // Beyond these no server reads on, and far beyond them a map of headers panics.
    if headers.len() >= MAX_HEADERS {
        return Err(Error::input(format!("a request has {MAX_HEADERS} headers at most")));
    }
    headers.append(name, value);
    Ok(())
}

/// A header of the caller's, checked.
fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    const RESERVED: [&str; 18] = [
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "if-match",
        "if-none-match",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ];
    let parsed = HeaderName::try_from(name)
        .map_err(|_| Error::input(format!("\"{}\" is not the name of a header", name.escape_debug())))?;
    if RESERVED.contains(&parsed.as_str()) {
        return Err(Error::input(format!("the header {parsed} is set by the client itself"))
            .hint("credentials go into auth, the program's name into user_agent, preconditions into the operation"));
    }
    // The value may be a secret: it is not shown, not even when it is wrong.
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        Error::input(format!("the value of the header {parsed} holds line breaks or control characters"))
    })?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

/// The method and the path, without the query: its values stay private.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("path", &self.path.as_str())
            .field("precondition", &self.precondition)
            .field("body", &self.body.as_ref().map(|body| format_args!("{} bytes", body.len()).to_string()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints;

    #[test]
    fn a_class_for_every_request() {
        let at = Precondition::Unchanged(Timestamp::from_millis(1));
        let call = |method: Method| Call::new(method, endpoints::record("b", "c", "r"));
        assert_eq!(call(Method::GET).precondition(at).repeat_class(), Class::Safe);
        assert_eq!(call(Method::PUT).repeat_class(), Class::Repeatable);
        assert_eq!(call(Method::PUT).precondition(Precondition::Absent).repeat_class(), Class::Conditional);
        assert_eq!(call(Method::PUT).precondition(Precondition::Present).repeat_class(), Class::Conditional);
        assert_eq!(call(Method::DELETE).precondition(at).repeat_class(), Class::Conditional);
        assert_eq!(call(Method::POST).repeat_class(), Class::Once);
        assert_eq!(call(Method::PATCH).precondition(at).repeat_class(), Class::Conditional);
        assert_eq!(call(Method::PATCH).precondition(Precondition::Present).repeat_class(), Class::Once);
    }

    #[test]
    fn headers_of_the_caller_cannot_break_the_request() {
        let call = || Call::new(Method::GET, endpoints::root());
        for name in
            ["Host", "Accept", "content-length", "Transfer-Encoding", "Authorization", "If-Match", "a b", "", "x\r\ny"]
        {
            assert!(call().header(name, "1").is_err(), "{name}");
        }
        let error = call().header("x-token", "s3cr3t\r\nX-Evil: 1").unwrap_err().to_string();
        assert!(!error.contains("s3cr3t"), "{error}");
        let twice = call().header("X-Token", "s3cr3t").unwrap().header("X-Token", "t0k3n").unwrap();
        let mut sent = HeaderMap::new();
        twice.write_headers(&mut sent).unwrap();
        assert_eq!(sent.get_all("x-token").iter().count(), 2, "none of them is lost");
    }

    #[test]
    fn headers_without_end() {
        let mut call = Ok(Call::new(Method::GET, endpoints::root()));
        for number in 0..40_000 {
            call = call.and_then(|call| call.header(&format!("x-{number}"), "1"));
        }
        assert!(call.unwrap_err().to_string().contains("1000 headers at most"));
    }

    #[test]
    fn a_batch_keeps_the_secrets_of_what_is_in_it() {
        let plain = Call::new(Method::GET, endpoints::root());
        let with_token = plain.clone().header("X-Token", "a-long-token").unwrap();
        let with_password = plain.clone().secret("a-long-password");
        let batch = Call::new(Method::POST, endpoints::batch()).secrets_of([&plain, &with_token, &with_password]);
        let mut secrets = Secrets::default();
        batch.add_secrets(&mut secrets);
        assert_eq!(secrets.hide("a-long-token, a-long-password"), "[hidden], [hidden]");
        assert!(Call::new(Method::POST, endpoints::batch()).secrets_of([&plain]).rare.is_none());
    }

    #[test]
    fn what_a_batch_cannot_hold_is_told() {
        let plain = || Call::new(Method::PUT, endpoints::root());
        let header = |call: Call, value| call.header("X-Token", value).unwrap();
        let named = |call: &Call| {
            let mut all = Vec::new();
            call.each_plain_header(|name, value| all.push(format!("{name}: {value}"))).then_some(all)
        };
        assert_eq!(named(&plain()).unwrap(), [""; 0]);
        let one = header(plain().json(&1).unwrap(), "1").precondition(Precondition::Absent);
        assert_eq!(named(&one).unwrap(), ["x-token: 1", "if-none-match: *"]);
        assert_eq!(named(&header(header(plain(), "1"), "2")), None, "it would be sent once");
        assert_eq!(named(&header(plain(), "é")), None, "it is no text");
        assert_eq!(named(&plain().body("application/merge-patch+json", Bytes::new())), None);
    }

    #[test]
    fn a_negative_timestamp_is_no_precondition() {
        let call = Call::new(Method::PUT, endpoints::root());
        let call = call.precondition(Precondition::Unchanged(Timestamp::from_millis(-1)));
        assert!(call.write_headers(&mut HeaderMap::new()).is_err());
    }
}
