//! One answer.

mod headers;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, ETAG};
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::call::{Call, Class};
use crate::error::{Error, ErrorKind, Result};
use crate::moment::Moment;
use crate::retry;
use crate::server_error::{Escaped, ServerError};
use crate::session::Session;
use crate::timestamp::Timestamp;

pub(crate) use headers::{Headers, Outer, Unread};

/// One answer to one [`Call`](crate::Call), alone or taken out of a batch.
#[derive(Clone)]
pub struct Reply {
    call: Arc<Call>,
    status: StatusCode,
    headers: Headers,
    body: Bytes,
    attempts: Attempts,
    doubt: Option<Arc<Self>>,
    /// Who asked, and so what is not to be told to anybody.
    session: Option<Session>,
}

/// Without the values of headers and the body, which may be anything of anybody.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("call", &self.call)
            .field("status", &self.status)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish_non_exhaustive()
    }
}

/// How an answer was come by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attempts {
    /// How often the request was sent.
    pub(crate) count: u32,
    /// Whether the answer to an earlier attempt was lost, which may have been carried out.
    pub(crate) lost: bool,
    /// When the first attempt began.
    pub(crate) begun: Moment,
    /// When the answer came.
    pub(crate) answered: Moment,
}

impl Reply {
    pub(crate) fn new(call: Arc<Call>, response: http::Response<Bytes>, attempts: Attempts) -> Self {
        let (parts, body) = response.into_parts();
        Self::entry(call, parts.status, Headers::Read(parts.headers), body, attempts)
    }

    /// Out of a batch.
    pub(crate) fn entry(
        call: Arc<Call>,
        status: StatusCode,
        headers: Headers,
        body: Bytes,
        attempts: Attempts,
    ) -> Self {
        // Whatever came with it, such an answer has no body.
        let none =
            *call.method() == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let body = if none { Bytes::new() } else { body };
        Self { call, status, headers, body, attempts, doubt: None, session: None }
    }

    /// As what this session was answered: errors that are made of it do not repeat its secrets, wherever they are kept.
    pub(crate) fn to(mut self, session: Option<&Session>) -> Self {
        self.session = session.cloned();
        self
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    fn discreet(&self, error: Error) -> Error {
        match &self.session {
            Some(session) => error.without(&session.secrets_with(&self.call)),
            None => error,
        }
    }

    #[cfg(test)]
    pub(crate) fn test(method: Method, status: u16, headers: HeaderMap, body: &'static [u8]) -> Self {
        let mut response = http::Response::new(Bytes::from_static(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        *response.headers_mut() = headers;
        Self::new(Arc::new(Call::new(method, crate::endpoints::root())), response, Attempts::default())
    }

    /// With what it is to clear up.
    pub(crate) fn about(mut self, doubt: Option<Arc<Self>>) -> Self {
        self.doubt = doubt;
        self
    }

    /// As the answer to a repeat of an attempt that began then, and whose answer was lost.
    pub(crate) fn after_lost(mut self, begun: Option<Moment>) -> Self {
        if let Some(begun) = begun {
            self.attempts.lost = true;
            self.attempts.begun = self.attempts.begun.min(begun);
        }
        self
    }

    /// The request that this answers.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The method of the request that this answers.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.call.method()
    }

    /// The answer that the request of this one was to clear up, see [`Ask::about`](crate::Ask::about).
    #[must_use]
    pub fn doubt(&self) -> Option<&Self> {
        self.doubt.as_deref()
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers, of a reply out of a batch those of its entry.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.headers.map()
    }

    /// The same, unless there is surely nothing in them to be acted upon.
    pub(crate) fn orders(&self) -> Option<&HeaderMap> {
        match &self.headers {
            Headers::Read(map) => Some(map),
            Headers::Unread(..) => None,
        }
    }

    /// The body, decompressed; empty for HEAD, 204 and 304. A slice of the buffer that the answer came in, also out of a batch.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Whether an earlier attempt at the same request may have been carried out: its answer was lost. Then a 412 or a
    /// 404 may be about what that attempt itself did.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.attempts.lost
    }

    /// Adds to an error what it is about: the request of this answer. For errors that a flow keeps to itself.
    pub(crate) fn blame(&self, error: Error) -> Error {
        let lost = self.attempts.lost.then_some(self.attempts.begun);
        error.during(self.call.line(), self.attempts.count, lost)
    }

    pub(crate) fn attempts(&self) -> Attempts {
        self.attempts
    }

    /// Since when it is in doubt whether the request was carried out, if it is: this answer does not say, or it answers
    /// the repeat of an attempt whose answer was lost.
    pub(crate) fn in_doubt_since(&self) -> Option<Moment> {
        let class = self.call.repeat_class();
        let unsaid = || retry::after_status(class, self.status).is_some_and(retry::Verdict::is_marked);
        (class != Class::Safe && (self.attempts.lost || unsaid())).then_some(self.attempts.begun)
    }

    /// The same, and if this answer says that it was carried out, in whatever words.
    pub(crate) fn carried_out_since(&self) -> Option<Moment> {
        let done = !self.status.is_client_error() && !self.status.is_server_error();
        let write = self.call.repeat_class() != Class::Safe;
        self.in_doubt_since().or((write && done).then_some(self.attempts.begun))
    }

    /// What the server's clock showed when the first attempt began, as far as its `Date` tells, and this much earlier.
    fn begun(&self, lenience: Duration) -> Option<Timestamp> {
        let date = httpdate::parse_http_date(self.headers().get(DATE)?.to_str().ok()?).ok()?;
        let took = self.attempts.begun.until(self.attempts.answered).saturating_add(lenience);
        let begun = date.checked_sub(took)?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        i64::try_from(begun.as_millis()).ok().map(Timestamp::from_millis)
    }

    /// The age of the oldest thing that may be the work of an attempt at this request, if that can be told. A `Date` has
    /// whole seconds, and the clocks of a server's parts differ a little.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.begun(Duration::from_secs(2))
    }

    /// Whether something of this age may be the work of an attempt at this request.
    pub(crate) fn may_have_made(&self, last_modified: Timestamp) -> bool {
        self.oldest().is_none_or(|oldest| last_modified >= oldest)
    }

    /// Whether something of this age was surely there before, however much the clocks of a server's parts differ.
    pub(crate) fn is_older(&self, last_modified: Timestamp) -> bool {
        self.begun(Duration::from_secs(60)).is_some_and(|begun| last_modified < begun)
    }

    /// The timestamp in the `ETag`; `None` when there is none, when it is not a timestamp, and when there are two that
    /// differ.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        let mut all = self.headers().get_all(ETAG).iter();
        let first = all.next()?;
        all.all(|other| other == first).then(|| first.to_str().ok()?.trim().parse().ok())?
    }

    /// The answer itself when its status is a success.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Server`] with what the server said for 4xx and 5xx; [`ErrorKind::Protocol`] for a status that is
    /// no answer to such a request.
    pub fn success(&self) -> Result<&Self> {
        match self.status.as_u16() {
            200 | 201 | 204 => Ok(self),
            400..=599 => Err(self.error()),
            _ => Err(self.unexpected()),
        }
    }

    /// What the server said of an error.
    pub(crate) fn server_error(&self) -> ServerError {
        let error = ServerError::read(self.status, &self.body);
        // What exists is told with the hash of its password.
        if self.call.path().capability() == Some("accounts") { error.without_password() } else { error }
    }

    /// The error that this answer is.
    pub(crate) fn error(&self) -> Error {
        self.discreet(Error::of_server(self.server_error()))
    }

    fn unexpected(&self) -> Error {
        Error::new(ErrorKind::Protocol, format!("the status {} is no answer to this request", self.status.as_u16()))
    }

    /// The body of a success, as JSON.
    ///
    /// # Errors
    ///
    /// As [`success`](Self::success), and [`ErrorKind::Decode`] when the body is not the JSON that was expected.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        self.json_with(|text| serde_json::from_str(text))
    }

    pub(crate) fn json_with<T>(&self, parse: impl FnOnce(&str) -> serde_json::Result<T>) -> Result<T> {
        let text = self.text()?;
        if crate::json::holds_huge_integer(text) {
            return Err(self.undecodable("it holds an integer of more than 64 bits, which would be rounded"));
        }
        self.understood(parse(text))
    }

    /// The same where no numbers are read yet.
    pub(crate) fn text_with<'a, T>(&'a self, parse: impl FnOnce(&'a str) -> serde_json::Result<T>) -> Result<T> {
        self.understood(parse(self.text()?))
    }

    fn understood<T>(&self, read: serde_json::Result<T>) -> Result<T> {
        read.map_err(|error| {
            let why =
                if error.is_syntax() || error.is_eof() { "it is not JSON" } else { "it is not of the expected shape" };
            self.discreet(self.undecodable(why).caused_by(error.into()))
        })
    }

    /// The body of a success, as text.
    fn text(&self) -> Result<&str> {
        self.success()?;
        if self.status == StatusCode::NO_CONTENT || self.body.is_empty() {
            return Err(self.undecodable("it is empty, where an object was expected"));
        }
        if let Some(coding) = self.orders().and_then(|headers| headers.get(CONTENT_ENCODING))
            && coding != "identity"
        {
            return Err(self.undecodable("it is encoded in a way that was not asked for"));
        }
        // One check of the whole buffer makes each string after it cheaper than `from_slice` does.
        simdutf8::basic::from_utf8(&self.body).map_err(|_| self.undecodable("it is not UTF-8"))
    }

    fn undecodable(&self, why: &str) -> Error {
        let mut said = format!("the body of the {} answer cannot be used, {why}", self.status.as_u16());
        let kind = self.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match kind {
            Some(kind) if !kind.starts_with("application/json") => {
                said.push_str(&format!(" (it calls itself {})", Escaped(kind)));
                Error::new(ErrorKind::Decode, said)
                    .hint("is the base URL that of a Kinto server, or did a proxy or login page answer?")
            }
            _ => Error::new(ErrorKind::Decode, said),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use serde_json::Value;

    fn reply(status: u16, etags: &[&'static str], body: &'static [u8]) -> Reply {
        let mut headers = HeaderMap::new();
        for etag in etags {
            headers.append(ETAG, HeaderValue::from_static(etag));
        }
        Reply::test(Method::GET, status, headers, body)
    }

    #[test]
    fn timestamps_only_from_clear_etags() {
        assert_eq!(reply(200, &["W/\"5\""], b"").timestamp(), Some(Timestamp::from_millis(5)));
        assert_eq!(reply(200, &["\"5\"", "\"5\""], b"").timestamp(), Some(Timestamp::from_millis(5)));
        for none in [&["\"5\"", "\"6\""][..], &["abc"], &["1.7e12"], &[]] {
            assert_eq!(reply(200, none, b"").timestamp(), None);
        }
    }

    #[test]
    fn a_success_with_an_unusable_body_is_none() {
        for body in [&b""[..], b"<html>", b"{\"data\":", b"{} x", b"\xff", b"\xef\xbb\xbf{}"] {
            assert_eq!(reply(200, &[], body).json::<Value>().unwrap_err().kind(), ErrorKind::Decode);
        }
        assert_eq!(reply(202, &[], b"{}").json::<Value>().unwrap_err().kind(), ErrorKind::Protocol);
        assert_eq!(reply(304, &[], b"").json::<Value>().unwrap_err().kind(), ErrorKind::Protocol);
        assert_eq!(reply(500, &[], b"").json::<Value>().unwrap_err().kind(), ErrorKind::Server);
    }

    #[test]
    fn nesting_without_end_is_an_error() {
        let body: &'static [u8] = Box::leak("[".repeat(1 << 20).into_bytes().into_boxed_slice());
        assert_eq!(reply(200, &[], body).json::<Value>().unwrap_err().kind(), ErrorKind::Decode);
    }
}
