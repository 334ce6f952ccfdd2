//! Time as a value.

use std::time::Duration;

/// A point in time, told as the time elapsed since a start that the driver chose.
///
/// The core reads no clock. Whoever drives an [`Exchange`](crate::Exchange) passes the time in, and all
/// exchanges of one [`Session`](crate::Session) count from the same start. Natively that is an
/// [`Instant`](std::time::Instant) kept next to the session; in a browser it is `performance.now()`; in a test it is
/// any number.
///
/// ```
/// use kinto_protocol::Moment;
/// use std::time::{Duration, Instant};
///
/// let started = Instant::now(); // once per session
/// let now = Moment::at(started.elapsed());
/// assert!(now.after(Duration::from_secs(1)) > now);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The moment this long after the start.
    #[must_use]
    pub const fn at(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// This much later; a wait too long to count ends at the end of time.
    #[must_use]
    pub const fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }

    /// How long from here to `later`; zero when that is past.
    #[must_use]
    pub const fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }

    /// The same, or `None` when `later` is not later.
    pub(crate) fn left_until(self, later: Self) -> Option<Duration> {
        Some(self.until(later)).filter(|left| !left.is_zero())
    }
}

impl From<Duration> for Moment {
    fn from(since_start: Duration) -> Self {
        Self(since_start)
    }
}
