//! Changing parts of an object.

use std::marker::PhantomData;

use http::Method;
use serde::de::DeserializeOwned;

use crate::call::{Call, Precondition};
use crate::decode;
use crate::error::Result;
use crate::object::Object;
use crate::object_ref::ObjectRef;
use crate::operation::{Operation, Settled};
use crate::operations::put::{read_back, settled};
use crate::patch::Patch;
use crate::path::Path;
use crate::reply::Reply;
use crate::resource::{Resource, call};
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Changes parts of an object, see [`Resource::patch`]. The output is the whole object as it stands afterwards.
///
/// The server counts every patch as a change, also one that changes nothing.
pub struct PatchObject<T, P> {
    id: String,
    path: Path,
    precondition: Precondition,
    patch: P,
    of: PhantomData<fn() -> T>,
}

impl<T, P: Clone> Clone for PatchObject<T, P> {
    fn clone(&self) -> Self {
        let Self { id, path, precondition, patch, of } = self;
        Self { id: id.clone(), path: path.clone(), precondition: *precondition, patch: patch.clone(), of: *of }
    }
}

impl<T, P: PartialEq> PartialEq for PatchObject<T, P> {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, self.precondition, &self.patch) == (&other.path, other.precondition, &other.patch)
    }
}

impl<T, P: std::fmt::Debug> std::fmt::Debug for PatchObject<T, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("PatchObject");
        debug.field("path", &self.path).field("precondition", &self.precondition).field("patch", &self.patch).finish()
    }
}

impl<T, P: Patch> PatchObject<T, P> {
    pub(crate) fn new(resource: &Resource<T>, object: ObjectRef, patch: P) -> Self {
        let precondition = object.precondition();
        Self { path: resource.object_path(&object.id), id: object.id, precondition, patch, of: PhantomData }
    }

    /// Only if the object was not changed since this timestamp (`If-Match`).
    #[must_use]
    pub fn if_match(mut self, at: Timestamp) -> Self {
        self.precondition = Precondition::Unchanged(at);
        self
    }
}

impl<T: DeserializeOwned + Send, P: Patch> Operation for PatchObject<T, P> {
    type Output = Object<T>;

    fn call(&self, _: &Session) -> Result<Call> {
        let body = self.patch.settled(&self.id, self.path.in_default_bucket())?.body()?;
        Ok(call(Method::PATCH, &self.path, self.precondition).class(P::CLASS).body(P::CONTENT_TYPE, body))
    }

    fn parse(&self, reply: &Reply) -> Result<Object<T>> {
        reply.json_with(decode::object)
    }

    fn check(&self, doubt: &Reply) -> Option<Call> {
        read_back(doubt)
    }

    fn settle(&self, doubt: &Reply, found: &Reply) -> Result<Settled<Object<T>>> {
        settled(doubt, found, self.patch.last_modified(), |object| self.patch.is_met_by(object))
    }
}
