//! What an exchange tells while it is under way.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::call::Call;

/// Told to the observer of a session (and as an event of `tracing`, with the feature of that name) while something is
/// under way. No event holds a secret, a body or the values of a query.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request was answered, whatever the status.
    Answered {
        /// Which.
        request: &'a Call,
        /// The status.
        status: StatusCode,
    },
    /// A request will be sent again.
    Retry {
        /// Which.
        request: &'a Call,
        /// How often it was tried so far.
        attempts: u32,
        /// The wait before it.
        wait: Duration,
        /// What went wrong.
        why: &'a str,
    },
    /// The server asked for silence, and a request waits.
    Backoff {
        /// Which.
        request: &'a Call,
        /// For how long.
        wait: Duration,
    },
    /// The server announced its end, or the end of what was used (`Alert`). Told again only when it changes.
    Alert {
        /// `soft-eol` or `hard-eol`, where the alert is Kinto's.
        code: Option<&'a str>,
        /// For people; the whole text of an alert that is not Kinto's.
        message: &'a str,
        /// Where to read more.
        url: Option<&'a str>,
    },
    /// The records of a collection are not those that were signed, as far as can be told, and are given all the same, as
    /// was asked for. Told by the feature `signatures`.
    Unverified {
        /// The request for the collection.
        request: &'a Call,
        /// Why its signature cannot be verified.
        why: &'a str,
    },
}

/// Who is told.
pub(crate) type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

#[cfg(feature = "tracing")]
pub(crate) fn trace(event: &Event<'_>) {
    match event {
        Event::Answered { request, status } => tracing::debug!(%request, status = status.as_u16(), "answered"),
        Event::Retry { request, attempts, wait, why } => {
            tracing::info!(%request, attempts, ?wait, why, "trying again");
        }
        Event::Backoff { request, wait } => tracing::info!(%request, ?wait, "the server asked for silence"),
        Event::Alert { code, message, url } => tracing::warn!(code, message, url, "alert of the server"),
        Event::Unverified { request, why } => tracing::warn!(%request, why, "not verified"),
    }
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn trace(_: &Event<'_>) {}
