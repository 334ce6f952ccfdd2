//! Which collections changed.
//!
//! ```text
//!                                 ┌─ 204: the caller is ahead ──────────────▶ up to date
//!  start ─▶ GET, with _since ─────┼─ 200 ───────────────────────────────────▶ changes
//!                                 └─ 307: too long ago ─▶ GET, without ─200─▶ all
//! ```

use http::{Method, StatusCode};
use serde::Deserialize;

use crate::address::bucket;
use crate::call::Call;
use crate::endpoints;
use crate::error::Result;
use crate::flow::{Flow, Turn};
use crate::object::JsonMap;
use crate::operations::{Expected, GetChangeset, since};
use crate::query::encode;
use crate::reply::Reply;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Asks which collections of the server changed, and when. Needs the plugin `changes`; nobody needs credentials for it.
///
/// ```
/// use kinto_protocol::{Timestamp, changed_collections};
///
/// let changed = changed_collections().since(Timestamp::from_millis(1_700_000_000_000));
/// # let _ = changed; // for changeset in client.send_all(client.send(changed)?.changesets(), 4) { … }
/// ```
#[must_use]
pub fn changed_collections() -> GetChangedCollections {
    GetChangedCollections { since: None, expected: Expected::Anything, bucket: None, collection: None }
}

/// Asks which collections changed, see [`changed_collections`].
#[derive(Clone, Debug, PartialEq)]
pub struct GetChangedCollections {
    since: Option<Timestamp>,
    expected: Expected,
    bucket: Option<String>,
    collection: Option<String>,
}

impl GetChangedCollections {
    /// Only those that changed after this timestamp, which is that of an earlier [`ChangedCollections`].
    #[must_use]
    pub fn since(mut self, at: Timestamp) -> Self {
        self.since = Some(at);
        self
    }

    /// The timestamp that the answer is to have, as told by [`broadcasts`](crate::broadcasts): caches on the way give no
    /// older one then.
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

    /// Only those of this bucket.
    #[must_use]
    pub fn in_bucket(mut self, id: impl Into<String>) -> Self {
        self.bucket = Some(id.into());
        self
    }

    /// Only those of this name.
    #[must_use]
    pub fn named(mut self, id: impl Into<String>) -> Self {
        self.collection = Some(id.into());
        self
    }

    fn call(&self, session: &Session, at: Option<Timestamp>) -> Result<Call> {
        let mut query = vec![("_expected", self.expected.text(session))];
        query.extend(since(at)?);
        query.extend(self.bucket.clone().map(|id| ("bucket", id)));
        query.extend(self.collection.clone().map(|id| ("collection", id)));
        Ok(Call::new(Method::GET, endpoints::monitor_changeset()).query(encode(&query)))
    }
}

impl Flow for GetChangedCollections {
    type Output = ChangedCollections;

    fn start(&mut self, session: &Session) -> Result<Turn<ChangedCollections>> {
        let call = self.call(session, self.since)?;
        // Where the server sends one to is what it takes itself for, and may be another host.
        let too_long_ago = StatusCode::TEMPORARY_REDIRECT;
        Ok(Turn::ask(if self.since.is_some() { call.expecting(too_long_ago) } else { call }))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<ChangedCollections>> {
        #[derive(Deserialize)]
        struct Answer {
            timestamp: Timestamp,
            changes: Vec<ChangedCollection>,
        }
        if reply.status() == StatusCode::TEMPORARY_REDIRECT {
            return self.call(session, None).map(Turn::ask);
        }
        let is_full = !reply.call().query_text().contains("_since=");
        if reply.status() == StatusCode::NO_CONTENT {
            return Ok(Turn::Done(ChangedCollections { timestamp: self.since, changes: Vec::new(), is_full }));
        }
        let Answer { timestamp, changes } = reply.json()?;
        Ok(Turn::Done(ChangedCollections { timestamp: Some(timestamp), changes, is_full }))
    }
}

/// Which collections changed, see [`changed_collections`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChangedCollections {
    /// When any of them last changed: what to ask for changes since.
    pub timestamp: Option<Timestamp>,
    /// The collections.
    pub changes: Vec<ChangedCollection>,
    /// Whether these are all collections: because no time was given, or because it is too long ago for the server.
    pub is_full: bool,
}

impl ChangedCollections {
    /// What to ask for each of the collections, to be sent side by side with `send_all`.
    pub fn changesets(&self) -> impl Iterator<Item = GetChangeset<JsonMap>> + Send + '_ {
        self.changes.iter().map(|change| {
            let collection = bucket(&change.bucket).collection(&change.collection);
            collection.changeset().expected(change.last_modified)
        })
    }
}

/// A collection that changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ChangedCollection {
    /// Its bucket.
    pub bucket: String,
    /// Its id.
    pub collection: String,
    /// When it last changed.
    pub last_modified: Timestamp,
    /// Where it is served from; often empty.
    #[serde(default)]
    pub host: String,
}
