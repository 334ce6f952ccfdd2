//! Deleting one object.

use http::{Method, StatusCode};

use crate::call::{Call, Precondition};
use crate::decode;
use crate::error::Result;
use crate::object::{Entry, Tombstone};
use crate::object_ref::ObjectRef;
use crate::operation::{Operation, Settled};
use crate::path::Path;
use crate::query::{Deleted, Query, encode, field};
use crate::reply::Reply;
use crate::resource::{Kind, Resource, call};
use crate::server_error::Details;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Deletes an object and all that is in it, see [`Resource::delete`].
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    list: Path,
    path: Path,
    id: String,
    precondition: Precondition,
    last_modified: Option<Timestamp>,
}

impl Delete {
    pub(crate) fn new<T>(resource: &Resource<T>, object: ObjectRef) -> Self {
        let precondition = object.precondition();
        let (list, path) = (resource.path().clone(), resource.object_path(&object.id));
        Self { list, path, id: object.id, precondition, last_modified: None }
    }

    /// Only if the object was not changed since this timestamp (`If-Match`).
    #[must_use]
    pub fn if_match(mut self, at: Timestamp) -> Self {
        self.precondition = Precondition::Unchanged(at);
        self
    }

    /// With this timestamp on the tombstone, in place of the server's own, when it is newer than the object's: for copies that
    /// keep timestamps.
    #[must_use]
    pub fn last_modified(mut self, at: Timestamp) -> Self {
        self.last_modified = Some(at);
        self
    }
}

impl Operation for Delete {
    type Output = Tombstone;

    fn call(&self, _: &Session) -> Result<Call> {
        let call = call(Method::DELETE, &self.path, self.precondition);
        Ok(match self.last_modified {
            // Digits without quotes: the server breaks on anything else.
            Some(at) => call.query(encode(&[("last_modified", at.to_string())])),
            None => call,
        })
    }

    fn parse(&self, reply: &Reply) -> Result<Tombstone> {
        reply.json_with(decode::tombstone)
    }

    /// What is left of it, if it was deleted since the first attempt began.
    fn check(&self, doubt: &Reply) -> Option<Call> {
        let begun = doubt.oldest().map_or(0, Timestamp::as_millis);
        let since = self.last_modified.map_or(begun, |forced| begun.min(forced.as_millis()));
        let query = Query {
            filters: vec![field("id").eq(&self.id)],
            since: Some(Timestamp::from_millis((since - 1).max(0))),
            deleted: Deleted::Shown,
            ..Query::default()
        };
        let gone = matches!(doubt.status(), StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::CONFLICT);
        if !gone {
            return None;
        }
        Some(call(Method::GET, &self.list, Precondition::None).query(query.encode().ok()?))
    }

    fn settle(&self, _: &Reply, found: &Reply) -> Result<Settled<Tombstone>> {
        let mut entries = found.json_with(decode::list::<Entry<()>>).unwrap_or_default().into_iter();
        Ok(match entries.find(|entry| entry.id() == self.id) {
            Some(Entry::Deleted(tombstone)) => Settled::Ours(Tombstone { repeated: true, ..tombstone }),
            _ => Settled::Open,
        })
    }
}

/// Deletes an object if it is there, see [`Resource::delete_if_present`].
#[derive(Clone, Debug, PartialEq)]
pub struct DeleteIfPresent {
    delete: Delete,
    hidden_counts: bool,
}

/// What came of deleting an object if it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is no fourth")]
pub enum Deletion {
    /// It was there, and is deleted.
    Deleted(Tombstone),
    /// It is not there.
    Absent,
    /// Of a bucket: it is not there, or it is not for the caller to delete. The server answers 403 to both.
    AbsentOrForbidden,
}

impl Deletion {
    /// What is left of the object, if this deleted it.
    #[must_use]
    pub fn tombstone(self) -> Option<Tombstone> {
        match self {
            Self::Deleted(tombstone) => Some(tombstone),
            Self::Absent | Self::AbsentOrForbidden => None,
        }
    }
}

impl DeleteIfPresent {
    pub(crate) fn new(delete: Delete, kind: Kind) -> Self {
        Self { delete, hidden_counts: kind == Kind::Bucket }
    }

    /// Only if the object was not changed since this timestamp (`If-Match`).
    #[must_use]
    pub fn if_match(mut self, at: Timestamp) -> Self {
        self.delete = self.delete.if_match(at);
        self
    }
}

impl Operation for DeleteIfPresent {
    type Output = Deletion;

    fn call(&self, session: &Session) -> Result<Call> {
        self.delete.call(session)
    }

    fn parse(&self, reply: &Reply) -> Result<Deletion> {
        // An answer that is not Kinto's, or is about an unknown URL, says nothing about the object.
        let errno =
            reply.status().is_client_error().then(|| reply.server_error()).filter(|error| match error.errno() {
                Some(111) => matches!(error.details(), Details::Missing { .. }),
                errno => errno.is_some(),
            });
        match (reply.status(), errno) {
            (StatusCode::NOT_FOUND, Some(_)) => Ok(Deletion::Absent),
            (StatusCode::FORBIDDEN, Some(_)) if self.hidden_counts => Ok(Deletion::AbsentOrForbidden),
            _ => self.delete.parse(reply).map(Deletion::Deleted),
        }
    }

    fn check(&self, doubt: &Reply) -> Option<Call> {
        self.delete.check(doubt)
    }

    fn settle(&self, doubt: &Reply, found: &Reply) -> Result<Settled<Deletion>> {
        Ok(match self.delete.settle(doubt, found)? {
            Settled::Ours(tombstone) => Settled::Ours(Deletion::Deleted(tombstone)),
            Settled::Theirs => Settled::Theirs,
            Settled::Open => Settled::Open,
        })
    }
}
