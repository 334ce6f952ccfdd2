//! Reading one object.

use std::marker::PhantomData;

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::call::{Call, Precondition};
use crate::decode;
use crate::error::Result;
use crate::object::{Conditional, Object};
use crate::operation::Operation;
use crate::path::Path;
use crate::query::{encode, fields};
use crate::reply::Reply;
use crate::resource::call;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Reads an object, see [`Resource::get`](crate::Resource::get).
pub struct Get<T> {
    path: Path,
    fields: Vec<String>,
    of: PhantomData<fn() -> T>,
}

plain_value!(Get<T> { path, fields });

impl<T> Get<T> {
    pub(crate) fn new(path: Path) -> Self {
        Self { path, fields: Vec::new(), of: PhantomData }
    }

    /// Only these fields (with dots into nested objects), `id` and `last_modified`. The permissions are left out then.
    #[must_use]
    pub fn fields<F: Into<String>>(mut self, names: impl IntoIterator<Item = F>) -> Self {
        self.fields = names.into_iter().map(Into::into).collect();
        self
    }

    /// Only if it was changed since this timestamp, which is that of the object when it was read (`If-None-Match`). The output is
    /// a [`Conditional`](crate::Conditional); without a change the server sends no body.
    #[must_use]
    pub fn if_changed_since(self, at: Timestamp) -> GetIfChanged<T> {
        GetIfChanged { get: self, at, of: PhantomData }
    }
}

impl<T: DeserializeOwned + Send> Operation for Get<T> {
    type Output = Object<T>;

    fn call(&self, _: &Session) -> Result<Call> {
        let mut call = call(Method::GET, &self.path, Precondition::None);
        if !self.fields.is_empty() {
            call = call.query(encode(&[("_fields", fields(&self.fields)?)]));
        }
        Ok(call)
    }

    fn parse(&self, reply: &Reply) -> Result<Object<T>> {
        let object = reply.json_with(decode::object)?;
        Ok(Object { partial: !self.fields.is_empty(), ..object })
    }
}

/// Reads an object if it was changed, see [`Get::if_changed_since`].
pub struct GetIfChanged<T> {
    get: Get<T>,
    at: Timestamp,
    of: PhantomData<fn() -> T>,
}

plain_value!(GetIfChanged<T> { get, at });

impl<T: DeserializeOwned + Send> Operation for GetIfChanged<T> {
    type Output = Conditional<Object<T>>;

    fn call(&self, session: &Session) -> Result<Call> {
        Ok(self.get.call(session)?.precondition(Precondition::Changed(self.at)))
    }

    fn parse(&self, reply: &Reply) -> Result<Conditional<Object<T>>> {
        if reply.status() == StatusCode::NOT_MODIFIED {
            return Ok(Conditional::NotModified);
        }
        self.get.parse(reply).map(Conditional::Modified)
    }
}
