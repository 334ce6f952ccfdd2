//! What goes wrong: one type, the same in every front-end.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::{Method, StatusCode};

use crate::moment::Moment;
use crate::secrets::Secrets;
use crate::server::ServerInfo;
use crate::server_error::{Escaped, ServerError};

/// What an operation gives: its output or an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The arguments cannot be sent; nothing was.
    Input,
    /// No connection to the server: name not found, refused, unreachable. Nothing was sent.
    Connect,
    /// No trusted connection: certificate not valid, not TLS. Nothing was sent.
    Tls,
    /// The answer did not come within the time limit of one attempt.
    Timeout,
    /// The connection broke before a complete answer.
    Interrupted,
    /// What answered does not speak HTTP, or not with this status to this request.
    Protocol,
    /// The answer is larger than [`Limits`](crate::Limits) allow.
    TooLarge,
    /// The server answered with an error; see [`Error::server`].
    Server,
    /// The answer says success but cannot be understood.
    Decode,
    /// The server points elsewhere, where this request must not follow.
    Redirect,
    /// A list cannot be read to its end.
    Pagination,
    /// The server asked for silence, and the policy is not to wait; see [`Error::retry_in`].
    Backoff,
    /// The time for the whole operation, retries and waits included, is over.
    Deadline,
    /// The server lacks the plugin that this needs; nothing was sent there.
    Unsupported,
    /// The identity provider did not sign the user in, for reasons of its own.
    Login,
    /// An operation of a batch has no answer, as the batch stopped before.
    Stopped,
    /// A file is not what its record says of it, or not where.
    Attachment,
    /// What was to be sent could not be read, or what came could not be written, on this side.
    Io,
    /// The records of a collection are not those that were signed, or it cannot be told whether they are.
    Signature,
    /// A transport failed in a way it could not name, or whatever else is the caller's did.
    Other,
}

/// What went wrong, where, why, and what is known of the effect.
///
/// For programs: [`kind`](Self::kind), the predicates, and [`server`](Self::server) for what the server said. For
/// people: `Display`, which is one complete line: what failed, where, why, what to try. That line includes the
/// underlying cause, so [`source`](StdError::source) does not repeat it; [`cause`](Self::cause) gives the cause itself.
///
/// A write that failed has *not happened*, unless [`maybe_applied`](Self::maybe_applied) says that it may have.
#[derive(thiserror::Error)]
#[error("{}", Line(.0))]
pub struct Error(Box<Facts>);

struct Facts {
    kind: ErrorKind,
    why: String,
    hint: Option<Cow<'static, str>>,
    request: Option<RequestLine>,
    attempts: u32,
    maybe_applied: bool,
    /// Something else was applied, or may have been, of what this error ended.
    others: bool,
    lost: Option<Moment>,
    refuted: bool,
    retry_in: Option<Duration>,
    server: Option<ServerError>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Facts {
    /// Why, down to the last cause.
    fn why(&self) -> String {
        let mut why = Escaped(&self.why).to_string();
        let mut cause = self.cause.as_deref().map(|cause| cause as &dyn StdError);
        let mut said = String::new();
        while let Some(error) = cause {
            let text = error.to_string();
            // Wrappers of transports often say what they wrap.
            if !text.is_empty() && !said.contains(&text) {
                why.push_str(&format!(": {}", Escaped(&text)));
                said = text;
            }
            cause = error.source();
        }
        why
    }
}

/// Which request: its method and its path below the API root, without the query (values stay private).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestLine {
    /// The method.
    pub method: Method,
    /// The path, such as `/buckets/blog`.
    pub path: String,
}

impl fmt::Display for RequestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            kind,
            why: why.into(),
            hint: None,
            request: None,
            attempts: 0,
            maybe_applied: false,
            others: false,
            lost: None,
            refuted: false,
            retry_in: None,
            server: None,
            cause: None,
        }))
    }

    pub(crate) fn input(why: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, why)
    }

    pub(crate) fn missing_plugin(name: &str, info: &ServerInfo) -> Self {
        let has = info.capabilities.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let has = if has.is_empty() { "none" } else { &has };
        Self::new(ErrorKind::Unsupported, format!("the server has no plugin \"{name}\"; it has {has}"))
    }

    pub(crate) fn of_server(server: ServerError) -> Self {
        let mut error = Self::new(ErrorKind::Server, server.to_string());
        error.0.hint = server.hint().map(Cow::Borrowed);
        error.0.server = Some(server);
        error
    }

    /// The same for somebody else, its cause in words.
    pub(crate) fn copy(&self) -> Self {
        let Facts { kind, hint, request, attempts, maybe_applied, others, lost, refuted, retry_in, server, .. } =
            &*self.0;
        Self(Box::new(Facts {
            kind: *kind,
            why: self.0.why(),
            hint: hint.clone(),
            request: request.clone(),
            attempts: *attempts,
            maybe_applied: *maybe_applied,
            others: *others,
            lost: *lost,
            refuted: *refuted,
            retry_in: *retry_in,
            server: server.clone(),
            cause: None,
        }))
    }

    /// Adds what to try.
    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn caused_by(mut self, cause: Box<dyn StdError + Send + Sync>) -> Self {
        self.0.cause = Some(cause);
        self
    }

    pub(crate) fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_in = wait;
        self
    }

    pub(crate) fn prefix(mut self, text: &str) -> Self {
        self.0.why.insert_str(0, text);
        self
    }

    /// Without these words, wherever they came from.
    pub(crate) fn without(mut self, secrets: &Secrets) -> Self {
        let facts = &mut *self.0;
        if let Some(server) = &mut facts.server {
            // In its own words, which are not escaped and cut yet.
            let said = server.to_string();
            server.hide(secrets);
            facts.why = facts.why.replace(&said, &server.to_string());
        }
        secrets.hide_in(&mut facts.why);
        if let Some(Cow::Owned(hint)) = &mut facts.hint {
            secrets.hide_in(hint);
        }
        // Parsers repeat what they did not expect. Of a cause with a secret in it the words are left, without that.
        let mut cause = facts.cause.as_deref().map(|cause| cause as &dyn StdError);
        let (mut told, mut words) = (false, Vec::new());
        while let Some(error) = cause {
            words.push(error.to_string());
            told |= words.last().is_some_and(|text| secrets.are_in(text)) || secrets.are_in(&format!("{error:?}"));
            cause = error.source();
        }
        if told {
            facts.cause = Some(secrets.hide(&words.join(": ")).into_owned().into());
        }
        self
    }

    /// Adds what only the exchange knows; the first to know wins. `lost` is when the first attempt began, if one of them
    /// may have been carried out.
    pub(crate) fn during(mut self, request: RequestLine, attempts: u32, lost: Option<Moment>) -> Self {
        self.0.request.get_or_insert(request);
        self.0.attempts = self.0.attempts.max(attempts);
        if !self.0.refuted {
            self.0.maybe_applied |= lost.is_some();
            self.0.lost = self.0.lost.or(lost);
        }
        self
    }

    /// It is proven that no attempt was carried out, lost or not.
    pub(crate) fn refuted(mut self) -> Self {
        (self.0.refuted, self.0.maybe_applied, self.0.lost) = (true, false, None);
        self
    }

    /// The server may have carried out a write, of which this error need not be.
    pub(crate) fn touched(mut self) -> Self {
        self.0.maybe_applied |= !self.0.refuted;
        self
    }

    /// It ends something of which other parts were carried out, or may have been.
    pub(crate) fn among_others(mut self) -> Self {
        self.0.others = true;
        self
    }

    /// When the first attempt began, if one of them may have been carried out.
    pub(crate) fn lost(&self) -> Option<Moment> {
        self.0.lost
    }

    /// What kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The status the server answered, when it answered with an error.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.server().map(ServerError::status)
    }

    /// Kinto's own error number, where the answer is Kinto's, such as 110 for a missing object: all of them stand at
    /// [`ServerError::errno`].
    #[must_use]
    pub fn errno(&self) -> Option<u16> {
        self.server().and_then(ServerError::errno)
    }

    /// What the server said.
    #[must_use]
    pub fn server(&self) -> Option<&ServerError> {
        self.0.server.as_ref()
    }

    /// The request that failed; `None` when there was none yet.
    #[must_use]
    pub fn request(&self) -> Option<&RequestLine> {
        self.0.request.as_ref()
    }

    /// How often it was sent or tried; 0 when nothing was.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether the write may have happened all the same: its answer was lost, or was not to be understood, or a
    /// repeat after a lost answer met a state that the lost attempt itself may have made. Of an error that ends a whole
    /// (a batch, a plan, a copy), whether any part of it was applied, or may have been.
    #[must_use]
    pub fn maybe_applied(&self) -> bool {
        self.0.maybe_applied || self.0.others
    }

    /// How long the server asked to wait before the next try, when it did: `Retry-After` of the last answer, or what is left of
    /// the silence of [`ErrorKind::Backoff`]. At most 24 hours.
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        self.0.retry_in
    }

    /// The underlying error of the transport or of the parser.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }

    fn status_is(&self, status: StatusCode) -> bool {
        self.status() == Some(status)
    }

    /// 404: the object, its parent or the endpoint does not exist.
    ///
    /// A missing *bucket* is mostly 403, see [`is_forbidden`](Self::is_forbidden).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status_is(StatusCode::NOT_FOUND)
    }

    /// 403: not allowed, or in a bucket that does not exist (the server does not tell which).
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.status_is(StatusCode::FORBIDDEN)
    }

    /// 401: no credentials, or wrong ones (the server does not tell which).
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.status_is(StatusCode::UNAUTHORIZED)
    }

    /// 409: the server aborted the write because of another one under way. Nothing was applied.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status_is(StatusCode::CONFLICT)
    }

    /// 412: the object was changed meanwhile, or exists although it should not, or the other way round.
    #[must_use]
    pub fn is_precondition_failed(&self) -> bool {
        self.status_is(StatusCode::PRECONDITION_FAILED)
    }

    /// Whether the same request may succeed later, unchanged: no connection, no answer, an overloaded server, too little time.
    /// Retries have been made by then, as far as the [`Policy`](crate::Policy) lets them; and of a write look at
    /// [`maybe_applied`](Self::maybe_applied) before it is repeated.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::Connect
            | ErrorKind::Timeout
            | ErrorKind::Interrupted
            | ErrorKind::Backoff
            | ErrorKind::Deadline
            | ErrorKind::Stopped => true,
            ErrorKind::Server => self.server().is_some_and(ServerError::is_transient),
            _ => false,
        }
    }
}

/// `Display` of the facts: one line.
struct Line<'a>(&'a Facts);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.0;
        if let Some(request) = &facts.request {
            write!(f, "{request}: ")?;
        }
        f.write_str(&facts.why())?;
        if facts.attempts > 1 {
            write!(f, ", after {} attempts", facts.attempts)?;
        }
        if let Some(wait) = facts.retry_in {
            write!(f, ", retry in {} s", wait.as_secs_f32().ceil())?;
        }
        if facts.maybe_applied {
            f.write_str("; the change may have been applied")?;
        } else if facts.others {
            f.write_str("; other changes were made, or may have been")?;
        }
        match &facts.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &self.0;
        f.debug_struct("Error")
            .field("kind", &facts.kind)
            .field("message", &format_args!("{self}"))
            .field("attempts", &facts.attempts)
            .field("maybe_applied", &self.maybe_applied())
            .field("server", &facts.server)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_all_and_the_source_nothing_again() {
        let request = RequestLine { method: Method::PUT, path: "/buckets/b".into() };
        let error = Error::new(ErrorKind::Interrupted, "the connection broke")
            .caused_by("reset by\npeer".into())
            .hint("try again")
            .during(request, 3, Some(Moment::default()));
        assert_eq!(
            error.to_string(),
            "PUT /buckets/b: the connection broke: reset by\\npeer, after 3 attempts; the change may have been applied (try again)"
        );
        let shown = format!("{error:?}");
        assert!(shown.contains("kind: Interrupted") && shown.contains(&format!("message: {error}")), "{shown}");
        assert!(error.source().is_none());
        assert!(error.cause().is_some());
        assert!(error.is_retryable() && error.maybe_applied() && error.attempts() == 3);
    }

    #[test]
    fn what_was_refused_is_not_said_to_have_happened_because_others_did() {
        let error = Error::new(ErrorKind::Server, "refused").refuted().among_others();
        assert!(error.maybe_applied() && error.copy().maybe_applied());
        assert_eq!(error.to_string(), "refused; other changes were made, or may have been");
        let error = Error::new(ErrorKind::Timeout, "late").touched().among_others();
        assert_eq!(error.to_string(), "late; the change may have been applied");
    }

    #[test]
    fn an_error_is_one_pointer() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
