//! Counting objects.

use http::Method;

use crate::call::{Call, Precondition};
use crate::error::{Error, ErrorKind, Result};
use crate::operation::Operation;
use crate::path::Path;
use crate::query::{Deleted, Filter, Query};
use crate::reply::Reply;
use crate::resource::call;
use crate::session::Session;

/// Counts the objects of a list, see [`Resource::count`](crate::Resource::count). Deleted objects do not count.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    path: Path,
    query: Query,
}

impl Count {
    pub(crate) fn new(path: Path) -> Self {
        Self { path, query: Query { deleted: Deleted::Irrelevant, ..Query::default() } }
    }

    /// Only objects that meet this condition, and all others given.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.query.filters.push(filter);
        self
    }
}

impl Operation for Count {
    type Output = u64;

    fn call(&self, _: &Session) -> Result<Call> {
        Ok(call(Method::HEAD, &self.path, Precondition::None).query(self.query.encode()?))
    }

    fn parse(&self, reply: &Reply) -> Result<u64> {
        let headers = reply.success()?.headers();
        let total = headers.get("total-objects").or_else(|| headers.get("total-records"));
        let total = total.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        total.ok_or_else(|| Error::new(ErrorKind::Decode, "the answer does not say how many objects there are"))
    }
}
