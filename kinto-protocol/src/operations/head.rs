//! Asking about one object without reading it.

use http::{Method, StatusCode};

use crate::call::{Call, Precondition};
use crate::error::{Error, ErrorKind, Result};
use crate::operation::Operation;
use crate::path::Path;
use crate::reply::Reply;
use crate::resource::call;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Asks when an object was last changed, see [`Resource::head`](crate::Resource::head).
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    path: Path,
}

impl Head {
    pub(crate) fn new(path: Path) -> Self {
        Self { path }
    }
}

impl Operation for Head {
    type Output = Timestamp;

    fn call(&self, _: &Session) -> Result<Call> {
        Ok(call(Method::HEAD, &self.path, Precondition::None))
    }

    fn parse(&self, reply: &Reply) -> Result<Timestamp> {
        etag(reply)
    }
}

/// The timestamp that an answer without a body must carry.
pub(crate) fn etag(reply: &Reply) -> Result<Timestamp> {
    let none = || Error::new(ErrorKind::Decode, "the answer has no ETag that is a timestamp");
    reply.success()?.timestamp().ok_or_else(none)
}

/// Asks whether an object is there, see [`Resource::exists`](crate::Resource::exists).
///
/// The answer is `false` for 404 only. A bucket that does not exist is 403 to those who may not see all buckets, and
/// that stays an error: it may also be there and hidden.
#[derive(Clone, Debug, PartialEq)]
pub struct Exists {
    path: Path,
}

impl Exists {
    pub(crate) fn new(path: Path) -> Self {
        Self { path }
    }
}

impl Operation for Exists {
    type Output = bool;

    fn call(&self, _: &Session) -> Result<Call> {
        Ok(call(Method::HEAD, &self.path, Precondition::None))
    }

    fn parse(&self, reply: &Reply) -> Result<bool> {
        if reply.status() == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        reply.success().map(|_| true)
    }
}
