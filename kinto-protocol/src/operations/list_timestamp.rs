//! Asking when a list last changed.

use http::Method;

use crate::call::{Call, Precondition};
use crate::error::Result;
use crate::operation::Operation;
use crate::operations::head::etag;
use crate::path::Path;
use crate::reply::Reply;
use crate::resource::call;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Asks when anything in a list last changed, see [`Resource::timestamp`](crate::Resource::timestamp).
#[derive(Clone, Debug, PartialEq)]
pub struct ListTimestamp {
    path: Path,
}

impl ListTimestamp {
    pub(crate) fn new(path: Path) -> Self {
        Self { path }
    }
}

impl Operation for ListTimestamp {
    type Output = Timestamp;

    fn call(&self, _: &Session) -> Result<Call> {
        Ok(call(Method::HEAD, &self.path, Precondition::None))
    }

    fn parse(&self, reply: &Reply) -> Result<Timestamp> {
        etag(reply)
    }
}
