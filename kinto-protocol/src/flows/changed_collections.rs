//! Which collections changed.
//!
//! ```text
//!                                 ┌─ 204: the caller is ahead ──────────────▶ up to date
//!  start ─▶ GET, with _since ─────┼─ 200 ───────────────────────────────────▶ changes
//!                                 └─ 307: too long ago ─▶ GET, without ─200─▶ all
//! ```

#[cfg(feature = "signatures")]
use std::time::SystemTime;

use http::{Method, StatusCode};
use serde::Deserialize;

use crate::address::bucket;
use crate::call::Call;
use crate::endpoints;
use crate::error::Result;
use crate::flow::{Flow, Turn};
#[cfg(feature = "signatures")]
use crate::flows::GetVerifiedChangeset;
use crate::object::JsonMap;
use crate::operations::{Asked, GetChangeset, asked_setters};
use crate::query::encode;
use crate::reply::Reply;
use crate::session::Session;
#[cfg(feature = "signatures")]
use crate::signatures::Verifier;
use crate::timestamp::Timestamp;

/// Asks which collections of the server changed, and when. Needs the plugin `changes`; nobody needs credentials for it.
///
/// ```
/// use kinto_protocol::{Timestamp, changed_collections};
///
/// let changed = changed_collections().since(Timestamp::from_millis(1_700_000_000_000));
/// # let _ = changed; // for changeset in client.send_each(client.send(changed)?.changesets(), 4) { … }
/// ```
#[must_use]
pub fn changed_collections() -> GetChangedCollections {
    GetChangedCollections { asked: Asked::default(), bucket: None, collection: None }
}

/// Asks which collections changed, see [`changed_collections`].
#[derive(Clone, Debug, PartialEq)]
pub struct GetChangedCollections {
    asked: Asked,
    bucket: Option<String>,
    collection: Option<String>,
}

impl GetChangedCollections {
    asked_setters!("ChangedCollections", "broadcasts");

    /// Only those of this bucket, by its id.
    #[must_use]
    pub fn in_bucket(mut self, id: impl Into<String>) -> Self {
        self.bucket = Some(id.into());
        self
    }

    /// Only those with this id, in whatever bucket.
    #[must_use]
    pub fn named(mut self, id: impl Into<String>) -> Self {
        self.collection = Some(id.into());
        self
    }

    fn call(&self, session: &Session, asked: Asked) -> Result<Call> {
        let mut query = asked.query(session)?;
        query.extend(self.bucket.clone().map(|id| ("bucket", id)));
        query.extend(self.collection.clone().map(|id| ("collection", id)));
        Ok(Call::new(Method::GET, endpoints::monitor_changeset()).query(encode(&query)))
    }
}

impl Flow for GetChangedCollections {
    type Output = ChangedCollections;

    fn start(&mut self, session: &Session) -> Result<Turn<ChangedCollections>> {
        let call = self.call(session, self.asked)?;
        // Where the server sends one to is what it takes itself for, and may be another host.
        let too_long_ago = StatusCode::TEMPORARY_REDIRECT;
        Ok(Turn::ask(if self.asked.since.is_some() { call.expecting(too_long_ago) } else { call }))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<ChangedCollections>> {
        #[derive(Deserialize)]
        struct Answer {
            timestamp: Timestamp,
            changes: Vec<ChangedCollection>,
        }
        if reply.status() == StatusCode::TEMPORARY_REDIRECT {
            return self.call(session, Asked { since: None, ..self.asked }).map(Turn::ask);
        }
        let is_full = !reply.call().query_text().contains("_since=");
        // Without a time nobody can be ahead, and that there is nothing at all is said in another way.
        if let (StatusCode::NO_CONTENT, false, Some(timestamp)) = (reply.status(), is_full, self.asked.since) {
            return Ok(Turn::Done(ChangedCollections { timestamp, changes: Vec::new(), is_full }));
        }
        let Answer { timestamp, changes } = reply.json()?;
        Ok(Turn::Done(ChangedCollections { timestamp, changes, is_full }))
    }
}

/// Which collections changed, see [`changed_collections`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChangedCollections {
    /// When any of them last changed: what to ask for changes since. A server that the caller is ahead of does not
    /// tell: then it is what was asked for.
    pub timestamp: Timestamp,
    /// The collections.
    pub changes: Vec<ChangedCollection>,
    /// Whether these are all collections: because no time was given, or because it is too long ago for the server.
    pub is_full: bool,
}

impl ChangedCollections {
    /// The whole of each of the collections, to be sent side by side with `send_all` or `send_each`.
    pub fn changesets(&self) -> impl Iterator<Item = GetChangeset<JsonMap>> + Send + '_ {
        self.changes.iter().map(ChangedCollection::changeset)
    }

    /// The same, verified, see [`Collection::verified_changeset`](crate::Collection::verified_changeset).
    #[cfg(feature = "signatures")]
    pub fn verified_changesets(
        &self,
        verifier: &Verifier,
        now: SystemTime,
    ) -> impl Iterator<Item = GetVerifiedChangeset<JsonMap>> + Send + '_ {
        let verifier = verifier.clone();
        self.changes.iter().map(move |change| {
            let collection = bucket(&change.bucket).collection(&change.collection);
            collection.verified_changeset(&verifier, now).expected(change.last_modified)
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

impl ChangedCollection {
    /// The collection as it was when it last changed, whatever the caches on the way have. Who has an older one asks it
    /// for what changed [since](GetChangeset::since).
    #[must_use]
    pub fn changeset<T>(&self) -> GetChangeset<T> {
        bucket(&self.bucket).collection(&self.collection).changeset().expected(self.last_modified)
    }
}
