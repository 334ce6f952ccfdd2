//! Reading an object, changing it, and writing it back.
//!
//! ```text
//!            ┌────────────── 412: it was changed meanwhile ──────────────┐
//!            ▼                                                           │
//!  start ─▶ GET ─▶ change(&mut data) ─┬─ something changed ─▶ PUT, If-Match ─▶ done
//!                                     └─ nothing did ──────────────────────▶ done
//! ```

use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::decode;
use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::flows::anew::Anew;
use crate::json;
use crate::object::{JsonMap, Object};
use crate::operation::Operation;
use crate::operations::{Get, Put};
use crate::reply::Reply;
use crate::resource::{Kind, Resource};
use crate::session::Session;

/// Reads an object, changes it and writes it back, see [`Resource::modify`].
pub struct Modify<T, F> {
    resource: Resource<T>,
    id: String,
    change: F,
    otherwise: Option<Result<JsonMap, String>>,
    put: Option<Put<T>>,
    anew: Anew,
    /// What was said of a bucket that is not there or is hidden.
    hidden: Option<Error>,
}

impl<T: DeserializeOwned + Send, F> Modify<T, F> {
    pub(crate) fn new(resource: Resource<T>, id: String, change: F) -> Self {
        Self { resource, id, change, otherwise: None, put: None, anew: Anew::default(), hidden: None }
    }

    fn get(&self) -> Get<T> {
        self.resource.get(self.id.as_str())
    }
}

impl<T: Serialize + DeserializeOwned + Send, F: FnMut(&mut T) + Send> Modify<T, F> {
    /// Where there is no such object, creates one: this, changed.
    #[must_use]
    pub fn or_create(mut self, otherwise: &T) -> Self {
        self.otherwise = Some(members(otherwise).map_err(|error| error.to_string()));
        self
    }

    /// The object that was read, with the change, and what is to be written of it, if anything is.
    fn changed(&mut self, read: &Reply) -> Result<(Object<T>, Option<JsonMap>)> {
        let mut object = self.get().parse(read)?;
        let mut whole = read.json_with(decode::object::<JsonMap>)?.data;
        let before = members(&object.data)?;
        (self.change)(&mut object.data);
        let after = members(&object.data)?;
        if before == after {
            return Ok((object, None));
        }
        // What the caller's type does not know of stays as it is.
        whole.retain(|name, _| after.contains_key(name) || !before.contains_key(name));
        whole.extend(after.into_iter().filter(|(name, value)| before.get(name) != Some(value)));
        Ok((object, Some(whole)))
    }

    fn read(&mut self, session: &Session, reply: &Reply) -> Result<Turn<Object<T>>> {
        let hidden = reply.status() == StatusCode::FORBIDDEN && self.resource.kind() == Kind::Bucket;
        let missing = hidden || reply.status() == StatusCode::NOT_FOUND;
        if let Some(otherwise) = self.otherwise.as_ref().filter(|_| missing) {
            let otherwise = otherwise.clone().map_err(Error::input)?;
            self.hidden = hidden.then(|| reply.error());
            let mut data = serde_json::from_value(otherwise.into())
                .map_err(|error| Error::input("what is to be created cannot be read back").caused_by(error.into()))?;
            (self.change)(&mut data);
            return self.write(session, self.resource.create(self.id.as_str(), &data));
        }
        match self.changed(reply)? {
            (object, Some(whole)) => self.write(session, self.resource.replace(&object, &whole)),
            (object, None) => Ok(Turn::Done(object)),
        }
    }

    fn write(&mut self, session: &Session, put: Put<T>) -> Result<Turn<Object<T>>> {
        self.put.insert(put).start(session)
    }
}

/// What a value has at its top.
fn members<T: Serialize>(value: &T) -> Result<JsonMap> {
    let text = json::to_bytes(value)?;
    json::read(&text)
        .map_err(|error| Error::input("the data of an object must be a JSON object").caused_by(error.into()))
}

impl<T: Serialize + DeserializeOwned + Send, F: FnMut(&mut T) + Send> Flow for Modify<T, F> {
    type Output = Object<T>;

    fn start(&mut self, session: &Session) -> Result<Turn<Object<T>>> {
        (self.put, self.anew) = (None, Anew::default());
        self.get().call(session).map(Turn::ask)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Object<T>>> {
        let Some(put) = &mut self.put else { return self.read(session, &reply) };
        if let Some(doubt) = reply.doubt() {
            // That it holds what was written proves nothing: others may have made the same change. But if changing it once
            // more makes no difference, it is as it was to be, whoever did it; and if it does, it must not be done twice.
            let refusal = put.parse(doubt);
            return match self.changed(&reply) {
                Ok((object, None)) => Ok(Turn::Done(Object { repeated: true, ..object })),
                _ => refusal.map(Turn::Done),
            };
        }
        let lost = reply.is_repeated();
        match put.resume(session, reply) {
            Err(error) if error.is_precondition_failed() && !lost => {
                // It is there after all.
                if let Some(hidden) = self.hidden.take() {
                    return Err(hidden);
                }
                self.put = None;
                let first = self.get().call(session)?;
                self.anew.ask(session, error, first).map(Turn::Ask)
            }
            turn => turn,
        }
    }
}

impl<T, F> std::fmt::Debug for Modify<T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Modify").field("resource", &self.resource).field("id", &self.id).finish_non_exhaustive()
    }
}
