//! The server's milliseconds, as they stand in `last_modified` and in ETags.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// When an object or a list was last changed, in milliseconds, by the server's clock.
///
/// The value of `last_modified`, and between quotes the value of an `ETag`. It increases strictly within one list
/// (the buckets; the collections or groups of a bucket; the records of a collection) and means nothing across lists.
/// Only the server makes timestamps: a local clock never goes into a precondition.
///
/// It reads every form in which it comes back (`"1700000000000"`, a weak `W/"…"` made by a proxy, bare digits) and is
/// written in the only one that the server takes.
///
/// ```
/// use kinto_protocol::Timestamp;
///
/// let weak: Timestamp = r#"W/"1700000000000""#.parse()?;
/// assert_eq!(weak, Timestamp::from_millis(1_700_000_000_000));
/// assert_eq!(weak.etag(), r#""1700000000000""#);
/// # Ok::<(), kinto_protocol::ParseTimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// This many milliseconds. Negative ones can be stored by the server, but not used in a precondition.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The milliseconds since 1970, UTC.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The strong ETag, quotes included.
    #[must_use]
    pub fn etag(self) -> String {
        format!("\"{}\"", self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not a timestamp: digits, bare or between quotes, that fit 63 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a timestamp: digits, bare or between double quotes, were expected")]
#[non_exhaustive]
pub struct ParseTimestampError;

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        let strong = text.strip_prefix("W/").unwrap_or(text);
        let digits = match strong.strip_prefix('"') {
            Some(rest) => rest.strip_suffix('"').ok_or(ParseTimestampError)?,
            None if strong.len() == text.len() => text,
            None => return Err(ParseTimestampError),
        };
        // `i64::from_str` would take a sign.
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseTimestampError);
        }
        digits.parse().map(Self).map_err(|_| ParseTimestampError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_and_writes_one() {
        for text in ["42", "\"42\"", "W/\"42\""] {
            assert_eq!(text.parse(), Ok(Timestamp(42)), "{text}");
        }
        assert_eq!(Timestamp(42).etag(), "\"42\"");
        assert_eq!(serde_json::to_string(&Timestamp(-1)).unwrap(), "-1");
    }

    #[test]
    fn refuses_what_is_no_timestamp() {
        for text in
            ["", "\"\"", "abc", "-5", "\"-5\"", "+5", "1.7e12", "\"42", "42\"", "W/42", "1, 2", "99999999999999999999"]
        {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
