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

use crate::address::Resource;
use crate::decode;
use crate::error::{Error, Result};
use crate::flow::{Ask, Flow, Turn};
use crate::json;
use crate::object::{JsonMap, Object};
use crate::operation::Operation;
use crate::operations::{Get, Put};
use crate::reply::Reply;
use crate::retry;
use crate::session::Session;

/// Reads an object, changes it and writes it back, see [`Resource::modify`].
pub struct Modify<T, F> {
    resource: Resource<T>,
    id: String,
    change: F,
    otherwise: Option<Result<JsonMap, String>>,
    put: Option<Put<T>>,
    /// How often others were faster.
    conflicts: u32,
}

impl<T: DeserializeOwned + Send, F> Modify<T, F> {
    pub(crate) fn new(resource: Resource<T>, id: String, change: F) -> Self {
        Self { resource, id, change, otherwise: None, put: None, conflicts: 0 }
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

    /// The object with the change, and what is to be written of it, if anything is.
    fn changed(&mut self, data: &mut T, mut whole: JsonMap, is_new: bool) -> Result<Option<JsonMap>> {
        let before = members(data)?;
        (self.change)(data);
        let after = members(data)?;
        if before == after && !is_new {
            return Ok(None);
        }
        // What the caller's type does not know of stays as it is.
        whole.retain(|name, _| after.contains_key(name) || !before.contains_key(name));
        whole.extend(after.into_iter().filter(|(name, value)| is_new || before.get(name) != Some(value)));
        Ok(Some(whole))
    }

    fn read(&mut self, session: &Session, reply: &Reply) -> Result<Turn<Object<T>>> {
        let missing = reply.status() == StatusCode::NOT_FOUND;
        if let Some(otherwise) = self.otherwise.clone().filter(|_| missing) {
            let whole = otherwise.map_err(Error::input)?;
            let mut data = serde_json::from_value(whole.clone().into())
                .map_err(|error| Error::input("what is to be created cannot be read back").caused_by(error.into()))?;
            let whole = self.changed(&mut data, whole, true)?.unwrap_or_default();
            return self.write(session, self.resource.create(self.id.as_str(), &whole));
        }
        let mut object = self.get().parse(reply)?;
        let whole = reply.json_with(decode::object::<JsonMap>)?.data;
        match self.changed(&mut object.data, whole, false)? {
            Some(whole) => self.write(session, self.resource.replace(&object, &whole)),
            None => Ok(Turn::Done(object)),
        }
    }

    fn write(&mut self, session: &Session, put: Put<T>) -> Result<Turn<Object<T>>> {
        self.put.insert(put).start(session)
    }
}

/// What a value has at its top.
fn members<T: Serialize>(value: &T) -> Result<JsonMap> {
    let text = json::to_bytes(value)?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::input("the data of an object must be a JSON object").caused_by(error.into()))
}

impl<T: Serialize + DeserializeOwned + Send, F: FnMut(&mut T) + Send> Flow for Modify<T, F> {
    type Output = Object<T>;

    fn start(&mut self, session: &Session) -> Result<Turn<Object<T>>> {
        (self.put, self.conflicts) = (None, 0);
        self.get().call(session).map(Turn::ask)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Object<T>>> {
        let Some(put) = &mut self.put else { return self.read(session, &reply) };
        // An attempt whose answer was lost may have changed it: changing it once more would be twice.
        let lost = reply.is_repeated() || reply.doubt().is_some();
        match put.resume(session, reply) {
            Err(error) if error.is_precondition_failed() && !lost => {
                self.conflicts += 1;
                if !session.policy().allows_conflicts(self.conflicts) {
                    return Err(error.prefix(&format!("others were faster {} times: ", self.conflicts)));
                }
                self.put = None;
                let wait = retry::wait_after_conflict(session, self.conflicts, None);
                Ok(Turn::Ask(Ask::from(self.get().call(session)?).after(wait)))
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
