//! Creating and replacing objects.

use std::marker::PhantomData;

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::address::{Kind, Resource, call};
use crate::call::{Call, Precondition};
use crate::decode;
use crate::error::Result;
use crate::object::{JsonMap, Object};
use crate::operation::Operation;
use crate::patch::Envelope;
use crate::permissions::Permissions;
use crate::reply::Reply;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Writes a whole object: what [`create`](Resource::create), [`add`](Resource::add), [`replace`](Resource::replace),
/// [`update`](Resource::update) and [`replace_permissions`](Resource::replace_permissions) make. They differ in the
/// precondition.
///
/// A precondition that is not met is a 412, [`is_precondition_failed`](crate::Error::is_precondition_failed), with the
/// object as it stands in [`existing`](crate::ServerError::existing).
pub struct Put<T> {
    resource: Resource<T>,
    id: Option<String>,
    precondition: Precondition,
    content: Envelope,
    of: PhantomData<fn() -> T>,
}

plain_value!(Put<T> { resource, id, precondition, content });

impl<T> Put<T> {
    pub(crate) fn new(
        resource: Resource<T>,
        id: Option<String>,
        precondition: Precondition,
        content: Envelope,
    ) -> Self {
        Self { resource, id, precondition, content, of: PhantomData }
    }

    /// With these permissions. On an object that exists they replace all it had: permissions that are not named are
    /// emptied. The writer is added to `write` by the server.
    #[must_use]
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.content.permissions = Some(permissions);
        self
    }

    /// Only if the object was not changed since this timestamp (`If-Match`).
    #[must_use]
    pub fn if_match(mut self, at: Timestamp) -> Self {
        self.precondition = Precondition::Unchanged(at);
        self
    }

    /// Whatever is there: creates the object or overwrites it, without looking.
    #[must_use]
    pub fn overwrite(mut self) -> Self {
        self.precondition = Precondition::None;
        self
    }

    /// Makes it an error instead.
    pub(crate) fn refuse(&mut self, why: &str) {
        self.content.data = Some(Err(why.to_owned()));
    }

    /// Whether an object holds what this writes.
    fn is_what_was_sent(&self, existing: &JsonMap) -> bool {
        let Ok(Some(data)) = self.content.checked_data() else { return false };
        // On records, `schema` is the server's; elsewhere it is the caller's.
        let own: &[&str] = match self.resource.kind() {
            Kind::Record => &["id", "last_modified", "schema"],
            _ => &["id", "last_modified"],
        };
        let callers = |object: &JsonMap| -> JsonMap {
            object
                .iter()
                .filter(|(name, _)| !own.contains(&name.as_str()))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        serde_json::from_slice::<JsonMap>(data).is_ok_and(|sent| callers(existing) == callers(&sent))
    }

    /// Whether an object, read with its permissions, is what this writes.
    pub(crate) fn may_have_made(&self, object: &Object) -> bool {
        let sent = self.content.permissions.as_ref();
        let has = |permission: &str, who: &str| {
            object.permissions.as_ref().is_some_and(|visible| visible.of(permission).any(|principal| principal == who))
        };
        self.is_what_was_sent(&object.data)
            && sent.is_none_or(|sent| sent.iter().all(|(name, whom)| whom.iter().all(|who| has(name, who))))
    }
}

impl<T: DeserializeOwned + Send> Operation for Put<T> {
    type Output = Object<T>;

    fn call(&self, session: &Session) -> Result<Call> {
        let id = self.id.clone().map_or_else(|| session.new_id(), Ok)?;
        let path = self.resource.object_path(&id);
        let mut content = self.content.clone();
        content.settle_id(&id, path.in_default_bucket())?;
        Ok(call(Method::PUT, &path, self.precondition).body("application/json", content.body()?))
    }

    fn parse(&self, reply: &Reply) -> Result<Object<T>> {
        // What exists is told without its permissions: those that were sent could be anybody's.
        match applied_before(reply, |existing| self.content.permissions.is_none() && self.is_what_was_sent(existing)) {
            Some(existing) => Ok(existing),
            None => reply.json_with(decode::object).map_err(|error| {
                let must_exist = matches!(self.precondition, Precondition::Present | Precondition::Unchanged(_));
                let missing =
                    error.is_precondition_failed() && error.server().is_some_and(|it| it.existing().is_none());
                if must_exist && missing { error.hint("it does not exist: create it, or overwrite()") } else { error }
            }),
        }
    }
}

/// What a repeated write finds when its lost first attempt had arrived: a precondition that is no longer met, and an
/// object that is `ours`. Then the write has succeeded.
pub(crate) fn applied_before<T: DeserializeOwned>(
    reply: &Reply,
    ours: impl FnOnce(&JsonMap) -> bool,
) -> Option<Object<T>> {
    if !reply.is_repeated() || reply.status() != StatusCode::PRECONDITION_FAILED {
        return None;
    }
    let error = reply.server_error();
    let existing = error.existing().filter(|existing| ours(existing))?;
    let text = serde_json::json!({"data": existing}).to_string();
    // A type that cannot read it leaves the 412 as it is.
    let object = decode::object(&text).ok()?;
    Some(Object { repeated: true, ..object })
}
