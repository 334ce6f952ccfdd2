//! Deleting one object.

use http::{Method, StatusCode};

use crate::address::{Kind, ObjectRef, Resource, call};
use crate::call::{Call, Precondition};
use crate::decode;
use crate::error::Result;
use crate::object::Tombstone;
use crate::operation::Operation;
use crate::path::Path;
use crate::query::encode;
use crate::reply::Reply;
use crate::server_error::Details;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Deletes an object and all that is in it, see [`Resource::delete`].
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    path: Path,
    precondition: Precondition,
    last_modified: Option<Timestamp>,
}

impl Delete {
    pub(crate) fn new<T>(resource: &Resource<T>, object: ObjectRef) -> Self {
        let precondition = object.precondition();
        Self { path: resource.object_path(&object.id), precondition, last_modified: None }
    }

    /// Only if the object was not changed since this timestamp (`If-Match`).
    #[must_use]
    pub fn if_match(mut self, at: Timestamp) -> Self {
        self.precondition = Precondition::Unchanged(at);
        self
    }

    /// With this timestamp on the tombstone, when it is newer than the object's: for copies that keep timestamps.
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
    /// It is not there (any more: an attempt whose answer was lost may have deleted it).
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
}
