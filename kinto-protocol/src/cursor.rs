//! How far a follower of a list has come.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::object::Entry;
use crate::reply::Reply;
use crate::timestamp::Timestamp;

/// What the text of a cursor begins with. Another one is of another version, and nothing is taken from it.
const VERSION: &str = "1";
/// How much is remembered of what was told lately: some 150 kB as text. What is forgotten is told twice.
const REMEMBERED: usize = 10_000;

/// How far somebody has come who follows the changes of a list, see [`Resource::changes`](crate::Resource::changes).
///
/// The empty one, which is the default, has seen nothing yet. A cursor is kept as text (it is `Display`, and made `From` a
/// text) or in any format of serde's: a hundred bytes, and fifteen for each change of the last minute. It belongs to one
/// list on one server and to one user; anywhere else, and with a version of this library that cannot read it, it does no
/// harm: everything is read then, and the changes [say so](crate::Changes::full).
///
/// ```
/// use kinto_protocol::Cursor;
///
/// let saved = Cursor::default().to_string(); // to be written to a file
/// let cursor = Cursor::from(saved.as_str());
/// assert!(cursor.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor(pub(crate) State);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Empty,
    /// Of another version, or damaged.
    Unreadable,
    At(Box<Place>),
}

impl Cursor {
    /// Whether it has seen nothing yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == State::Empty
    }

    /// When anything in the list had last changed, as far as it has come.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        match &self.0 {
            State::At(place) => Some(place.timestamp),
            State::Empty | State::Unreadable => None,
        }
    }
}

/// A place in the history of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) server: String,
    pub(crate) path: String,
    /// The timestamp of the list.
    pub(crate) timestamp: Timestamp,
    /// Everything up to here was committed when the list was read.
    pub(crate) settled: Timestamp,
    /// The timestamp of what the list is in: another one may mean another list. `None` where not all of the list is shown to
    /// the caller.
    pub(crate) parent: Option<Timestamp>,
    told: BTreeSet<(Timestamp, u32)>,
}

impl Place {
    /// The place that the first page of a list gives. What was written `overlap` before the server was asked is taken to be
    /// committed.
    pub(crate) fn of(
        (server, path): (String, String),
        (reply, timestamp): (&Reply, Timestamp),
        overlap: Duration,
        parent: Option<Timestamp>,
    ) -> Self {
        // By the server's clock, as that makes the timestamps. Without it, by the newest of them.
        let asked = reply.oldest().unwrap_or(timestamp).as_millis();
        let overlap = i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX);
        let settled = Timestamp::from_millis(asked.saturating_sub(overlap).max(0)).min(timestamp);
        Self { server, path, timestamp, settled, parent, told: BTreeSet::new() }
    }

    /// Whether nothing can come any more that is older than the timestamp of the list: only then does the same timestamp
    /// mean that nothing is new.
    pub(crate) fn is_quiet(&self) -> bool {
        self.settled >= self.timestamp
    }

    /// What to read on from: early enough for what was committed late, and for the newest object to be among it. That it
    /// still is shows that this is the same list.
    pub(crate) fn since(&self) -> Timestamp {
        let before = Timestamp::from_millis(self.timestamp.as_millis().saturating_sub(1).max(0));
        self.settled.min(before)
    }

    /// Whether this was told already, as it is.
    pub(crate) fn knows<T>(&self, entry: &Entry<T>) -> bool {
        self.told.contains(&key(entry.id(), entry.last_modified()))
    }

    /// Whether this shows that the list is the same: only what was in it when its timestamp was read does. What came later
    /// may have been read from one that was made anew in the meantime.
    pub(crate) fn is_shown_by<T>(&self, entry: &Entry<T>) -> bool {
        entry.last_modified() <= self.timestamp && self.knows(entry)
    }

    /// Remembers what would be met again.
    pub(crate) fn remember(&mut self, id: &str, last_modified: Timestamp) {
        if last_modified > self.since() {
            self.told.insert(key(id, last_modified));
            if self.told.len() > REMEMBERED {
                self.told.pop_first();
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        // It is one line, so that it can stand in a file of lines.
        if text.contains(char::is_control) {
            return None;
        }
        let mut parts = text.split(' ');
        if parts.next()? != VERSION {
            return None;
        }
        let (server, path) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let (timestamp, settled) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let parent = match parts.next()? {
            "-" => None,
            at => Some(at.parse().ok()?),
        };
        let mut place = Self { server, path, timestamp, settled, parent, told: BTreeSet::new() };
        let since = place.since().as_millis();
        for one in parts.next()?.split(',').filter(|one| *one != "-") {
            let (after, id) = one.split_at_checked(one.len().checked_sub(8)?)?;
            // A sign would make another number of it.
            if !one.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            let at = since.checked_add(i64::from_str_radix(after, 16).ok()?)?;
            place.told.insert((Timestamp::from_millis(at), u32::from_str_radix(id, 16).ok()?));
        }
        parts.next().is_none().then_some(place)
    }
}

/// Nothing else in a list has this timestamp, or nearly so; and no other id is likely to have this number.
fn key(id: &str, last_modified: Timestamp) -> (Timestamp, u32) {
    // FNV-1a, both halves in one: it stands in texts, and is to be the same for ever.
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    (last_modified, u32::try_from((hash >> 32) ^ (hash & 0xffff_ffff)).unwrap_or_default())
}

/// As text, on one line.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.0 {
            State::Empty => return Ok(()),
            State::Unreadable => return f.write_str("?"),
            State::At(place) => place,
        };
        let Place { server, path, timestamp, settled, parent, told } = &**place;
        write!(f, "{VERSION} {server} {path} {timestamp} {settled} ")?;
        match parent {
            Some(at) => write!(f, "{at} ")?,
            None => f.write_str("- ")?,
        }
        if told.is_empty() {
            f.write_str("-")?;
        }
        let since = place.since().as_millis();
        for (number, (at, id)) in told.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma}{:x}{id:08x}", at.as_millis() - since)?;
        }
        Ok(())
    }
}

/// From its text. What cannot be read is taken for a cursor of another version.
impl From<&str> for Cursor {
    fn from(text: &str) -> Self {
        // The end of a line comes with many a file, and must not cost a cursor.
        let text = text.trim();
        Self(match Place::parse(text) {
            Some(place) => State::At(Box::new(place)),
            None if text.is_empty() => State::Empty,
            None => State::Unreadable,
        })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        Ok(Self::from(&*text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(timestamp: i64, settled: i64) -> Place {
        Place {
            server: "http://localhost:8888/v1".into(),
            path: "/buckets/b/collections/c/records".into(),
            timestamp: Timestamp::from_millis(timestamp),
            settled: Timestamp::from_millis(settled),
            parent: Some(Timestamp::from_millis(7)),
            told: BTreeSet::new(),
        }
    }

    #[test]
    fn it_is_one_line_and_comes_back() {
        let mut at = place(1_700_000_060_000, 1_700_000_000_000);
        at.remember("milk", Timestamp::from_millis(1_700_000_060_000));
        at.remember("eggs", Timestamp::from_millis(1_700_000_000_010));
        at.remember("old", Timestamp::from_millis(1_700_000_000_000));
        let cursor = Cursor(State::At(Box::new(at)));
        let text = cursor.to_string();
        assert!(text.starts_with(
            "1 http://localhost:8888/v1 /buckets/b/collections/c/records 1700000060000 1700000000000 7 a"
        ));
        assert!(text.len() < 150 && !text.contains('\n'), "{text}");
        assert_eq!(Cursor::from(text.as_str()), cursor);
        assert_eq!(Cursor::from(format!("{text}\r\n").as_str()), cursor);
        let json = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);

        let none = Cursor(State::At(Box::new(Place { parent: None, ..place(5, 5) })));
        assert_eq!(Cursor::from(none.to_string().as_str()), none, "with nothing to remember");
        assert_eq!(Cursor::from(Cursor::default().to_string().as_str()), Cursor::default());
    }

    #[test]
    fn what_cannot_be_read_is_no_error() {
        let good = "1 http://h/v1 /p 9 9 7 1aabbccdd";
        assert!(Cursor::from(good).timestamp().is_some());
        for text in [
            "2 http://h/v1 /p 9 9 7 -",
            "1 http://h/v1 /p 9 9 7",
            "1 http://h/v1 /p 9 9 7 - -",
            "1 http://h/v1 /p 9 x 7 -",
            "1 http://h/v1 /p 9 9 7 1",
            "1 http://h/v1 /p 9 9 7 aabbccdd",
            "1 http://h/v1 /p 9 9 7 7fffffffffffffffaabbccdd",
            "1 http://h/v1 /p 9 9 7 1ééééé",
            "1 http://h/v1 /p 9 9 7 -5aabbccdd",
            "1 http://h/v1 /p 9 9 7 +5aabbccdd",
            "1 http://h/v1 /p 9 9 7 1+abbccdd",
            "1 http://h/v1 /p\n/q 9 9 7 -",
            "{}",
            "?",
        ] {
            let cursor = Cursor::from(text);
            assert_eq!((cursor.timestamp(), cursor.is_empty()), (None, false), "{text}");
            assert_eq!(Cursor::from(cursor.to_string().as_str()), cursor, "{text}");
        }
    }

    #[test]
    fn the_newest_is_always_read_again() {
        assert_eq!(place(9, 9).since().as_millis(), 8);
        assert_eq!(place(9, 3).since().as_millis(), 3);
        assert_eq!(place(0, 0).since().as_millis(), 0);
        assert!(place(9, 9).is_quiet() && !place(9, 8).is_quiet());
    }

    #[test]
    fn ids_have_the_same_number_for_ever() {
        let number = |id| key(id, Timestamp::from_millis(0)).1;
        // What the authors of FNV give for these, both halves in one.
        assert_eq!(number("a"), 0xaf63_dc4c ^ 0x8601_ec8c);
        assert_eq!(number("foobar"), 0x8594_4171 ^ 0xf739_67e8);
    }

    #[test]
    fn it_stays_small() {
        let mut at = place(1_700_000_060_000, 1_700_000_000_000);
        for n in 0..100_000 {
            at.remember(&format!("record-{n}"), Timestamp::from_millis(1_700_000_000_001 + n));
        }
        let text = Cursor(State::At(Box::new(at))).to_string();
        assert!(text.len() < 150_000, "{}", text.len());
        assert!(text.ends_with(&format!("{:08x}", key("record-99999", Timestamp::from_millis(0)).1)));
    }
}
