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
    asked: Asked,
    of: PhantomData<fn() -> T>,
}

plain_value!(GetChangeset<T> { path, asked });

/// Since when changes are asked for, and of which moment the answer is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) since: Option<Timestamp>,
    pub(crate) expected: Expected,
}

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

impl Asked {
    /// The query of it.
    pub(crate) fn query(self, session: &Session) -> Result<Vec<(&'static str, String)>> {
        let expected = match self.expected {
            Expected::Anything => "0".to_owned(),
            Expected::At(at) => at.to_string(),
            // By convention, a number that begins so is nobody's timestamp.
            Expected::Fresh => format!("9999{:09}", session.memory().roll() % 1_000_000_000),
        };
        let mut query = vec![("_expected", expected)];
        match self.since {
            Some(at) if at.as_millis() < 0 => return Err(Error::input("_since cannot be negative")),
            // Older servers take it between quotes alone, newer ones both ways.
            at => query.extend(at.map(|at| ("_since", at.etag()))),
        }
        Ok(query)
    }
}

/// The setters of a type with a field `asked`: `since` an earlier answer of this type, and `expected` by what somebody
/// told.
macro_rules! asked_setters {
    ($earlier:literal, $told_by:literal) => {
        #[doc = concat!("Only what changed after this timestamp, which is that of an earlier [`", $earlier, "`].")]
        #[must_use]
        pub fn since(mut self, at: $crate::timestamp::Timestamp) -> Self {
            self.asked.since = Some(at);
            self
        }

        /// The timestamp that the answer is to have: caches on the way give no older one then.
        ///
        #[doc = concat!("It is told by [`", $told_by, "`](crate::", $told_by, ").")]
        #[must_use]
        pub fn expected(mut self, at: $crate::timestamp::Timestamp) -> Self {
            self.asked.expected = $crate::operations::Expected::At(at);
            self
        }

        /// Past all caches.
        #[must_use]
        pub fn fresh(mut self) -> Self {
            self.asked.expected = $crate::operations::Expected::Fresh;
            self
        }
    };
}
pub(crate) use asked_setters;

impl<T> GetChangeset<T> {
    pub(crate) fn new(path: Path) -> Self {
        Self { path, asked: Asked::default(), of: PhantomData }
    }

    asked_setters!("Changeset", "changed_collections");
}

impl<T: DeserializeOwned + Send> Operation for GetChangeset<T> {
    type Output = Changeset<T>;

    fn call(&self, session: &Session) -> Result<Call> {
        Ok(Call::new(Method::GET, self.path.clone()).query(encode(&self.asked.query(session)?)))
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
