//! A collection and its changes, in one answer.

use std::marker::PhantomData;

use http::Method;
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::decode;
use crate::error::{Error, Result};
use crate::object::{Entry, JsonMap};
use crate::operation::Operation;
use crate::path::Path;
use crate::query::encode;
use crate::reply::Reply;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Reads a collection, its attributes and signature, and its records or what changed of them, in one answer that caches
/// may keep; see [`Collection::changeset`](crate::Collection::changeset).
pub struct GetChangeset<T> {
    path: Path,
    since: Option<Timestamp>,
    expected: Expected,
    of: PhantomData<fn() -> T>,
}

plain_value!(GetChangeset<T> { path, since, expected });

/// What the answer is expected to be of: caches keep one answer for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever the cache has.
    #[default]
    Anything,
    /// Of this timestamp.
    At(Timestamp),
    /// Of now, whatever the caches have.
    Fresh,
}

impl Expected {
    /// The value of `_expected`.
    pub(crate) fn text(self, session: &Session) -> String {
        match self {
            Self::Anything => "0".to_owned(),
            Self::At(at) => at.to_string(),
            // By convention, a number that begins so is nobody's timestamp.
            Self::Fresh => format!("9999{:09}", session.memory().roll() % 1_000_000_000),
        }
    }
}

/// `_since`, if it is one.
pub(crate) fn since(at: Option<Timestamp>) -> Result<Option<(&'static str, String)>> {
    match at {
        Some(at) if at.as_millis() < 0 => Err(Error::input("_since cannot be negative")),
        // Older servers take it between quotes alone, newer ones both ways.
        at => Ok(at.map(|at| ("_since", at.etag()))),
    }
}

impl<T> GetChangeset<T> {
    pub(crate) fn new(path: Path) -> Self {
        Self { path, since: None, expected: Expected::Anything, of: PhantomData }
    }

    /// Only what was changed or deleted after this timestamp, which is that of an earlier [`Changeset`].
    #[must_use]
    pub fn since(mut self, at: Timestamp) -> Self {
        self.since = Some(at);
        self
    }

    /// The timestamp that the collection has, as told by [`changed_collections`](crate::changed_collections): caches on
    /// the way give no older answer then.
    #[must_use]
    pub fn expected(mut self, at: Timestamp) -> Self {
        self.expected = Expected::At(at);
        self
    }

    /// Past all caches.
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.expected = Expected::Fresh;
        self
    }
}

impl<T: DeserializeOwned + Send> Operation for GetChangeset<T> {
    type Output = Changeset<T>;

    fn call(&self, session: &Session) -> Result<Call> {
        let mut query = vec![("_expected", self.expected.text(session))];
        query.extend(since(self.since)?);
        Ok(Call::new(Method::GET, self.path.clone()).query(encode(&query)))
    }

    fn parse(&self, reply: &Reply) -> Result<Changeset<T>> {
        let (metadata, timestamp, changes) = reply.json_with(decode::changeset)?;
        Ok(Changeset { metadata, timestamp, changes })
    }
}

/// A collection and its changes, see [`Collection::changeset`](crate::Collection::changeset).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Changeset<T = JsonMap> {
    /// The attributes of the collection, its `bucket`, and its `signatures` if it is signed.
    pub metadata: JsonMap,
    /// When its records last changed: what to ask for changes since.
    pub timestamp: Timestamp,
    /// The records, the newest first. Deleted ones only where changes since some time were asked for.
    pub changes: Vec<Entry<T>>,
}
