//! When a request is sent again: the decision table, and how long to wait.
//!
//! | what happened | safe | repeatable | conditional | once |
//! | --- | --- | --- | --- | --- |
//! | nothing was sent | again | again | again | again |
//! | the answer was lost | again | again, marked | again, marked | **no**, may have been applied |
//! | 408, 425, 429 | again | again | again | again |
//! | 409: the transaction was aborted | no | again, patiently | again, patiently | again, patiently |
//! | 500, 502, 503, 504 | again | again, marked | again, marked | **no**, may have been applied |
//! | 501, 505 | no | no | no | no |
//! | other 5xx | no | **no**, may have been applied | **no**, may … | **no**, may … |
//! | anything else | no | no | no | no |
//!
//! *Marked*: a later 412 or 404 may be about what the lost attempt did itself. *Patiently*: by a count of its own, and at
//! no cost, as it says nothing about the server but that others write too.

use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::call::Class;
use crate::error::{Error, ErrorKind};
use crate::session::Session;
use crate::transport_error::{FailureKind, TransportError};

/// The longest wait that a server can ask for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What may be done after an attempt that gave no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send it again.
    Again,
    /// Send it again, and remember that the attempt may have reached the server.
    AgainMarked,
    /// Send it again: nothing happened, as the server aborted it in favour of another.
    Aborted,
    /// Do not.
    No,
    /// Do not, and it may have been applied.
    NoMarked,
}

impl Verdict {
    /// Whether the attempt may have reached the server.
    pub(crate) fn is_marked(self) -> bool {
        matches!(self, Self::AgainMarked | Self::NoMarked)
    }
}

/// What may be done after a transport failed.
pub(crate) fn after_failure(class: Class, failure: &TransportError) -> Verdict {
    let lost = |retry: bool| match (class, retry) {
        (Class::Safe, true) => Verdict::Again,
        (Class::Safe, false) => Verdict::No,
        (Class::Repeatable | Class::Conditional, true) => Verdict::AgainMarked,
        _ => Verdict::NoMarked,
    };
    match (failure.kind(), failure.may_have_been_sent()) {
        (
            FailureKind::Tls | FailureKind::Protocol | FailureKind::TooLarge | FailureKind::Local | FailureKind::Other,
            sent,
        ) => {
            if sent {
                lost(false)
            } else {
                Verdict::No
            }
        }
        (_, false) => Verdict::Again,
        (_, true) => lost(true),
    }
}

/// What may be done after an answer of this status; `None` when it is an answer like any other.
pub(crate) fn after_status(class: Class, status: StatusCode) -> Option<Verdict> {
    Some(match (status.as_u16(), class) {
        (408 | 425 | 429, _) => Verdict::Again,
        (409, Class::Safe) => return None,
        (409, _) => Verdict::Aborted,
        (500 | 502 | 503 | 504, Class::Safe) => Verdict::Again,
        (500 | 502 | 503 | 504, Class::Repeatable | Class::Conditional) => Verdict::AgainMarked,
        (500 | 502 | 503 | 504, Class::Once) => Verdict::NoMarked,
        // 501 and 505 say that it was not done; of the others, also those that only proxies know, nobody can tell.
        (501 | 505, _) | (_, Class::Safe) => return None,
        (506.., _) => Verdict::NoMarked,
        _ => return None,
    })
}

/// Whether a status is about the server and all its callers, and not about the request.
pub(crate) fn is_about_all(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 502..=504 | 506..)
}

/// Whether an error is about the server, the way there or the caller, so that what comes next would fail as well.
pub(crate) fn stops_all(error: &Error) -> bool {
    use ErrorKind::{Backoff, Connect, Deadline, Interrupted, Protocol, Server, Stopped, Timeout, Tls};
    match error.kind() {
        Server => error.is_unauthorized() || error.status().is_some_and(is_about_all),
        Backoff | Connect | Deadline | Interrupted | Protocol | Stopped | Timeout | Tls => true,
        _ => false,
    }
}

/// The wait before retry `n` (from 0): anything up to a bound that doubles each time.
pub(crate) fn jitter(n: u32, base: Duration, longest: Duration, random: u64) -> Duration {
    let bound = base.saturating_mul(1_u32.checked_shl(n).unwrap_or(u32::MAX)).min(longest);
    // Never at once, however the dice fall.
    let floor = bound / 16;
    #[allow(clippy::cast_precision_loss, reason = "a dice throw")]
    let share = random as f64 / u64::MAX as f64;
    floor + (bound - floor).mul_f64(share)
}

/// The wait before a request is sent for the `n`th time again.
pub(crate) fn wait(session: &Session, n: u32, asked: Option<Duration>) -> Duration {
    let policy = session.policy();
    let own = jitter(n.saturating_sub(1), policy.first_wait, policy.longest_wait, session.memory().roll());
    own.max(asked.unwrap_or_default())
}

/// The same after the server aborted it for the `n`th time. Others were faster, and that need not be so for long.
pub(crate) fn wait_after_conflict(session: &Session, n: u32, asked: Option<Duration>) -> Duration {
    wait(session, n.min(5), asked)
}

/// The wait that an answer asks for in `Retry-After`: seconds, or a date counted from the answer's own `Date`.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let from_date = |text: &str| {
        let at = httpdate::parse_http_date(text).ok()?;
        let sent: SystemTime = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
        // A date in the past asks for nothing.
        at.duration_since(sent).ok().map(|wait| wait.min(LONGEST))
    };
    let values = headers.get_all(RETRY_AFTER).iter().filter_map(|value| value.to_str().ok());
    values.filter_map(|text| seconds(text).or_else(|| from_date(text.trim()))).filter(|wait| !wait.is_zero()).max()
}

/// The silence that an answer asks for in `Backoff`.
pub(crate) fn backoff(headers: &HeaderMap) -> Option<Duration> {
    const BACKOFF: HeaderName = HeaderName::from_static("backoff");
    let values = headers.get_all(BACKOFF).iter().filter_map(|value| seconds(value.to_str().ok()?));
    values.filter(|wait| !wait.is_zero()).max()
}

/// Digits and nothing else; more than a day is a day.
fn seconds(text: &str) -> Option<Duration> {
    let digits = text.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().map_or(LONGEST, |seconds| Duration::from_secs(seconds).min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Class::{Conditional, Once, Repeatable, Safe};
    use Verdict::{Aborted, Again, AgainMarked, No, NoMarked};
    use http::HeaderValue;

    const CLASSES: [Class; 4] = [Safe, Repeatable, Conditional, Once];

    fn failed(kind: FailureKind, sent: bool) -> [Verdict; 4] {
        let error = TransportError::new(kind, "test");
        let error = if sent { error.sent() } else { error.not_sent() };
        CLASSES.map(|class| after_failure(class, &error))
    }

    #[test]
    fn every_cell_of_the_table_of_failures() {
        for kind in [FailureKind::Connect, FailureKind::Timeout, FailureKind::Interrupted] {
            assert_eq!(failed(kind, false), [Again; 4], "{kind:?}");
            assert_eq!(failed(kind, true), [Again, AgainMarked, AgainMarked, NoMarked], "{kind:?}");
        }
        for kind in
            [FailureKind::Tls, FailureKind::Protocol, FailureKind::TooLarge, FailureKind::Local, FailureKind::Other]
        {
            assert_eq!(failed(kind, false), [No; 4], "{kind:?}");
            assert_eq!(failed(kind, true), [No, NoMarked, NoMarked, NoMarked], "{kind:?}");
        }
    }

    #[test]
    fn every_cell_of_the_table_of_statuses() {
        let row = |status| CLASSES.map(|class| after_status(class, StatusCode::from_u16(status).unwrap()));
        for status in [408, 425, 429] {
            assert_eq!(row(status), [Some(Again); 4], "{status}");
        }
        assert_eq!(row(409), [None, Some(Aborted), Some(Aborted), Some(Aborted)]);
        for status in [500, 502, 503, 504] {
            assert_eq!(row(status), [Some(Again), Some(AgainMarked), Some(AgainMarked), Some(NoMarked)], "{status}");
        }
        for status in
            [200, 201, 204, 206, 301, 304, 400, 401, 403, 404, 405, 406, 410, 411, 412, 413, 414, 415, 431, 501, 505]
        {
            assert_eq!(row(status), [None; 4], "{status}");
        }
        for status in [507, 520, 524, 599] {
            assert_eq!(row(status), [None, Some(NoMarked), Some(NoMarked), Some(NoMarked)], "{status}");
        }
    }

    #[test]
    fn waits_grow_and_are_never_nothing() {
        let (base, longest) = (Duration::from_millis(200), Duration::from_secs(20));
        for n in 0..40 {
            let (least, most) = (jitter(n, base, longest, 0), jitter(n, base, longest, u64::MAX));
            assert!(!least.is_zero() && least < most && most <= longest, "{n}: {least:?} {most:?}");
        }
        assert_eq!(jitter(0, base, longest, u64::MAX), base);
        assert_eq!(jitter(31, base, longest, u64::MAX), longest);
    }

    fn asked(values: &[&'static str], date: Option<&'static str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, HeaderValue::from_static(value));
        }
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        retry_after(&headers)
    }

    #[test]
    fn retry_after_in_all_its_forms() {
        let secs = |n| Some(Duration::from_secs(n));
        assert_eq!(asked(&["3"], None), secs(3));
        assert_eq!(asked(&[" 3  "], None), secs(3));
        assert_eq!(asked(&["3", "7"], None), secs(7));
        assert_eq!(asked(&["99999999999999999999999"], None), secs(86_400));
        let sent = Some("Sun, 06 Nov 1994 08:49:00 GMT");
        for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(asked(&[date], sent), secs(37), "{date}");
            assert_eq!(asked(&[date], None), None, "{date}");
        }
        for nothing in [
            "0",
            "-1",
            "1.5",
            "soon",
            "",
            "1, 3",
            "+1",
            "1s",
            "0x10",
            "Sun, 06 Nov 1994 08:48:00 GMT",
            "Xxx, 99 Nov 1994",
        ] {
            assert_eq!(asked(&[nothing], sent), None, "{nothing}");
        }
        assert_eq!(asked(&["Sat, 06 Nov 2094 08:49:37 GMT"], sent), secs(86_400));
    }
}
