//! How patient a session is, and where it stops.

use std::time::Duration;

use crate::transport_error::{FailureKind, TransportError};

/// How often, how long and how much: all finite, all adjustable.
///
/// ```
/// use kinto_protocol::Policy;
/// use std::time::Duration;
///
/// let mut policy = Policy::default();
/// policy.attempts = 1; // no retries
/// policy.deadline = Duration::from_secs(10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How often a request is sent at most: 3, that is twice again. 1 means no retries.
    pub attempts: u32,
    /// How often a write is sent again at most that the server aborted in favour of another one (409): 10. On PostgreSQL
    /// that is normal where several write to one list. Not at all where there are no retries.
    pub conflicts: u32,
    /// The bound of the wait before the first retry, doubled with each: 200 ms. The wait is random below it.
    pub first_wait: Duration,
    /// The bound of all waits that the server did not ask for: 20 s.
    pub longest_wait: Duration,
    /// The time for a whole operation, with all its requests, retries and waits: 120 s. A wait that does not fit is not
    /// begun. Each chunk of a batch has as much.
    pub deadline: Duration,
    /// What to do while the server asks for silence (`Backoff`): wait, within the deadline.
    pub on_backoff: OnBackoff,
    /// Limits of one attempt.
    pub limits: Limits,
    /// How many pages of a list are collected at most, also for a plan or a tree: 10,000. Reading page by page has no such
    /// limit.
    pub pages: u64,
    /// How many redirects a reading request follows: 5. A write follows none.
    pub redirects: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 3,
            conflicts: 10,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(20),
            deadline: Duration::from_secs(120),
            on_backoff: OnBackoff::Wait,
            limits: Limits::default(),
            pages: 10_000,
            redirects: 5,
        }
    }
}

impl Policy {
    /// Whether what was aborted so many times may be sent again.
    pub(crate) fn allows_conflicts(&self, aborted: u32) -> bool {
        self.attempts > 1 && aborted <= self.conflicts
    }
}

/// What to do while the server asks for silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnBackoff {
    /// Wait, if it ends within the deadline.
    #[default]
    Wait,
    /// Give [`ErrorKind::Backoff`](crate::ErrorKind::Backoff), with the time that is left.
    Fail,
}

/// As good as for ever: clocks cannot count to the end of all durations.
const LONG: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The limits of one attempt, for the transport to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The time to have a connection, name resolution and TLS included: 10 s.
    pub connect: Duration,
    /// The time until the head of the answer, from the request being sent: 30 s, and a second more for every 16 MiB of a file
    /// that was sent piece by piece.
    pub head: Duration,
    /// The time for the whole attempt, with the body of the answer: 60 s, and never more than the deadline leaves.
    pub total: Duration,
    /// The time in which something of a file must move, while one is sent or fetched piece by piece: 60 s. It takes the
    /// place of `total` then: how long all of it takes depends on its size.
    pub idle: Duration,
    /// The bytes of an answer's body: 64 MiB. A file that is fetched piece by piece is as large as its record says.
    pub response_bytes: u64,
    /// The bytes of an answer's head: 64 KiB. A parser sees it when its buffer is full, which may be a little later. Of the
    /// policy that a client is made with, for all its connections; never less than 8 KiB or more than 1 MiB. (HTTP/2 has 16
    /// KiB.)
    pub head_bytes: usize,
    /// How many connections a client keeps that nobody uses: 32. Of the policy that it is made with.
    pub idle_connections: usize,
    /// How long it keeps them: 15 s, which is shorter than servers do, so that a request seldom goes out on one that is
    /// just being closed. Of the policy that it is made with.
    pub idle_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            head: Duration::from_secs(30),
            total: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            response_bytes: 64 * 1024 * 1024,
            head_bytes: 64 * 1024,
            idle_connections: 32,
            idle_age: Duration::from_secs(15),
        }
    }
}

impl Limits {
    /// For transports: whether a body of this length, as far as the head of its answer tells, may be read. What is too
    /// large is refused before anything of it has come.
    ///
    /// ```
    /// use kinto_protocol::{FailureKind, Limits};
    ///
    /// let limits = Limits::default();
    /// assert!(limits.admit(Some(1024)).is_ok());
    /// assert!(limits.admit(None).is_ok());
    /// assert_eq!(limits.admit(Some(1 << 40)).unwrap_err().kind(), FailureKind::TooLarge);
    /// ```
    ///
    /// # Errors
    ///
    /// [`FailureKind::TooLarge`] when it is larger than [`response_bytes`](Self::response_bytes).
    pub fn admit(&self, length: Option<u64>) -> Result<(), TransportError> {
        match length {
            Some(length) if length > self.response_bytes => {
                Err(TransportError::new(FailureKind::TooLarge, format!("it has {length} bytes")))
            }
            _ => Ok(()),
        }
    }

    /// The bytes of a head, as HTTP libraries can keep that limit: they have a buffer of that size for each connection.
    #[doc(hidden)]
    #[must_use]
    pub fn __head_bytes(&self) -> usize {
        self.head_bytes.clamp(8 * 1024, 1024 * 1024)
    }

    /// The same, with no more time than this.
    pub(crate) fn within(&self, left: Duration) -> Self {
        let left = left.min(LONG);
        Self { connect: self.connect.min(left), head: self.head.min(left), total: self.total.min(left), ..self.clone() }
    }

    /// The same for moving a file piece by piece, which takes as long as it takes. To think about one that it was sent, a
    /// server gets a second more for every 16 MiB: it hashes and stores all of it before it answers.
    pub(crate) fn unhurried(self, sent: u64) -> Self {
        let head = self.head.saturating_add(Duration::from_secs(sent >> 24));
        Self { total: LONG, head, ..self }
    }
}
