//! Creating an object, or reading the one that is there.

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::flow::{Ask, Flow, Turn};
use crate::object::Object;
use crate::operation::{Operation, Settled};
use crate::operations::{Get, Put};
use crate::permissions::Permissions;
use crate::reply::Reply;
use crate::session::Session;

/// Creates an object, or reads the one that has its id, see [`Resource::get_or_create`](crate::Resource::get_or_create).
///
/// A PUT with `If-None-Match: *`, and if that is refused (as it is there, or as the caller may not create anything) a
/// GET.
pub struct GetOrCreate<T> {
    create: Put<T>,
    get: Get<T>,
    /// Why nothing could be created, if it was not because of what is there.
    refusal: Option<Error>,
}

/// What [`Resource::get_or_create`](crate::Resource::get_or_create) gives: the object, and whether it is new.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "one or the other")]
pub enum GetOrCreated<T> {
    /// It was not there, and was created.
    Created(Object<T>),
    /// It was there, and is as it was.
    Found(Object<T>),
}

impl<T> GetOrCreated<T> {
    /// The object, old or new.
    #[must_use]
    pub fn into_object(self) -> Object<T> {
        match self {
            Self::Created(object) | Self::Found(object) => object,
        }
    }

    /// Whether it was created.
    #[must_use]
    pub fn is_created(&self) -> bool {
        matches!(self, Self::Created(_))
    }
}

impl<T> GetOrCreate<T> {
    pub(crate) fn new(create: Put<T>, get: Get<T>) -> Self {
        Self { create, get, refusal: None }
    }

    /// With these permissions, if it is created.
    #[must_use]
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.create = self.create.permissions(permissions);
        self
    }
}

impl<T: DeserializeOwned + Send> Flow for GetOrCreate<T> {
    type Output = GetOrCreated<T>;

    fn start(&mut self, session: &Session) -> Result<Turn<Self::Output>> {
        self.create.call(session).map(Turn::ask)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Self::Output>> {
        if reply.method() == Method::GET {
            // What is there may be what a lost attempt has made.
            if let Some(doubt) = reply.doubt()
                && let Settled::Ours(created) = self.create.settle(doubt, &reply)?
            {
                return Ok(Turn::Done(GetOrCreated::Created(created)));
            }
            return match (self.get.parse(&reply), self.refusal.take(), reply.doubt()) {
                (Err(_), Some(refusal), _) => Err(refusal),
                // What is in doubt is the creation.
                (Err(_), None, Some(doubt)) => self.create.parse(doubt).map(GetOrCreated::Created).map(Turn::Done),
                (object, ..) => object.map(GetOrCreated::Found).map(Turn::Done),
            };
        }
        match self.create.parse(&reply) {
            Err(refusal) => {
                // The server asks for the right to create even where nothing would be: what is there may still be read.
                if matches!(reply.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                    self.refusal = Some(refusal);
                } else if reply.status() != StatusCode::PRECONDITION_FAILED {
                    return Err(refusal);
                }
                let get = Ask::from(self.get.call(session)?);
                Ok(Turn::Ask(if reply.is_repeated() { get.about(reply) } else { get }))
            }
            Ok(created) => Ok(Turn::Done(GetOrCreated::Created(created))),
        }
    }
}

impl<T> Clone for GetOrCreate<T> {
    fn clone(&self) -> Self {
        Self::new(self.create.clone(), self.get.clone())
    }
}

impl<T> PartialEq for GetOrCreate<T> {
    fn eq(&self, other: &Self) -> bool {
        self.create == other.create
    }
}

impl<T> std::fmt::Debug for GetOrCreate<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GetOrCreate").field("create", &self.create).finish()
    }
}
