//! A collection as it was.

use std::marker::PhantomData;

use http::Method;
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::decode;
use crate::error::Result;
use crate::object::{Entry, Object};
use crate::operation::Operation;
use crate::path::Path;
use crate::reply::Reply;
use crate::session::Session;

/// Reads the records of a collection as they were, see [`Collection::snapshot`](crate::Collection::snapshot).
pub struct Snapshot<T> {
    path: Path,
    of: PhantomData<fn() -> T>,
}

plain_value!(Snapshot<T> { path });

impl<T> Snapshot<T> {
    pub(crate) fn new(path: Path) -> Self {
        Self { path, of: PhantomData }
    }
}

impl<T: DeserializeOwned + Send> Operation for Snapshot<T> {
    type Output = Vec<Object<T>>;

    fn call(&self, _: &Session) -> Result<Call> {
        Ok(Call::new(Method::GET, self.path.clone()))
    }

    fn parse(&self, reply: &Reply) -> Result<Vec<Object<T>>> {
        // Of one that was deleted at that time, its tombstone is there.
        let live = |entry| match entry {
            Entry::Live(object) => Some(object),
            Entry::Deleted(_) => None,
        };
        Ok(reply.json_with(decode::list)?.into_iter().filter_map(live).collect())
    }
}
