//! Why no answer came.

use std::error::Error as StdError;

use crate::error::{Error, ErrorKind};

/// What kept an answer from coming: all that the rules need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// No connection: name not found, refused, unreachable.
    Connect,
    /// No trusted connection: certificate not valid, not TLS. Trying again is useless.
    Tls,
    /// A time limit has passed.
    Timeout,
    /// The connection broke.
    Interrupted,
    /// What answered does not speak HTTP.
    Protocol,
    /// The answer is larger than it may be.
    TooLarge,
    /// What was to be sent could not be read, or what came could not be written, on this side. As the request was not
    /// complete, it was not carried out.
    Local,
    /// Anything else.
    Other,
}

/// Why no answer came, as a transport tells it: the kind, whether something may have been sent, and the cause for
/// people. No type of any HTTP library is part of it.
///
/// ```
/// use kinto_protocol::{FailureKind, TransportError};
///
/// let refused = TransportError::new(FailureKind::Connect, "connection refused");
/// assert!(!refused.may_have_been_sent());
/// let reset = TransportError::new(FailureKind::Interrupted, "reset by peer");
/// assert!(reset.may_have_been_sent());
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct TransportError {
    kind: FailureKind,
    sent: bool,
    cause: Box<dyn StdError + Send + Sync>,
}

impl TransportError {
    /// A failure of this kind. Unless it is said otherwise, nothing was sent when the connection could not be made, and
    /// something may have been in all other cases.
    pub fn new(kind: FailureKind, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let sent = !matches!(kind, FailureKind::Connect | FailureKind::Tls | FailureKind::Local);
        Self { kind, sent, cause: cause.into() }
    }

    /// It is certain that no byte of the request was sent: then even what may happen only once is tried again.
    #[must_use]
    pub fn not_sent(mut self) -> Self {
        self.sent = false;
        self
    }

    /// Some of the request may have been sent: then the server may have carried it out, and a write that may happen only once is not
    /// repeated.
    #[must_use]
    pub fn sent(mut self) -> Self {
        self.sent = true;
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Whether the server may have received the request.
    #[must_use]
    pub fn may_have_been_sent(&self) -> bool {
        self.sent
    }

    /// As an error, with the place that was to be reached where it is known.
    pub(crate) fn at(self, place: Option<String>) -> Error {
        let to = place.map(|place| format!(" to {place}")).unwrap_or_default();
        let (kind, why, hint) = match self.kind() {
            FailureKind::Connect => {
                (ErrorKind::Connect, format!("no connection{to}"), "is the URL right, and the server running?")
            }
            FailureKind::Tls => {
                let hint = "is the certificate valid for this name, its authority known, and the URL's scheme right?";
                (ErrorKind::Tls, format!("no trusted connection{to}"), hint)
            }
            FailureKind::Timeout if !self.may_have_been_sent() => (
                ErrorKind::Timeout,
                format!("no connection{to} in time"),
                "is the URL right, and the server reachable?",
            ),
            FailureKind::Timeout => (ErrorKind::Timeout, "no answer in time".to_owned(), ""),
            FailureKind::Interrupted => {
                (ErrorKind::Interrupted, format!("the connection{to} broke before a complete answer"), "")
            }
            FailureKind::Protocol => {
                let why = format!("what answers the connection{to} does not speak HTTP");
                (ErrorKind::Protocol, why, "are host, port and scheme right?")
            }
            FailureKind::TooLarge => return too_large().caused_by(self.cause),
            FailureKind::Local => (ErrorKind::Io, "reading or writing on this side failed".to_owned(), ""),
            FailureKind::Other => (ErrorKind::Other, "the transport failed".to_owned(), ""),
        };
        let error = Error::new(kind, why).caused_by(self.cause);
        if hint.is_empty() { error } else { error.hint(hint) }
    }
}

impl From<TransportError> for Error {
    fn from(failure: TransportError) -> Self {
        failure.at(None)
    }
}

/// An answer that is larger than it may be.
pub(crate) fn too_large() -> Error {
    Error::new(ErrorKind::TooLarge, "the answer is larger than the limit")
        .hint("raise policy.limits.response_bytes, or ask for smaller pages")
}
