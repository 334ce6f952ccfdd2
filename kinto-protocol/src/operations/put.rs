//! Creating and replacing objects.

use std::borrow::Cow;
use std::marker::PhantomData;

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::{Call, Precondition};
use crate::decode;
use crate::error::Result;
use crate::json;
use crate::object::{JsonMap, Object};
use crate::operation::{Operation, Settled};
use crate::patch::Envelope;
use crate::permissions::Permissions;
use crate::reply::Reply;
use crate::resource::{Kind, Resource, call};
use crate::server_error::ServerError;
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

    /// Only if the object was not changed since this timestamp (`If-Match`), which is that of an object that was read. Otherwise
    /// it is a 412. The check is best effort: see the [guarantees](crate::guarantees#by-backend).
    #[must_use]
    pub fn if_match(mut self, at: Timestamp) -> Self {
        self.precondition = Precondition::Unchanged(at);
        self
    }

    /// Whatever is there: creates the object or overwrites it, without looking, and with it what others have written meanwhile.
    ///
    /// ```
    /// use kinto_protocol::{Session, bucket};
    /// use serde_json::json;
    ///
    /// let put = bucket("default").collection("todos").records().replace("milk", &json!({"done": true})).overwrite();
    /// let request = Session::builder("https://kinto.example/v1").build()?.request(&put)?;
    /// assert!(!request.headers().contains_key("if-match") && !request.headers().contains_key("if-none-match"));
    /// # Ok::<(), kinto_protocol::Error>(())
    /// ```
    #[must_use]
    pub fn overwrite(mut self) -> Self {
        self.precondition = Precondition::None;
        self
    }

    /// The path of the object, if it has an id already.
    #[cfg(feature = "attachments")]
    pub(crate) fn path(&self) -> Option<crate::path::Path> {
        self.id.as_ref().map(|id| self.resource.object_path(id))
    }

    /// Whether it demands that nothing is there.
    #[cfg(feature = "attachments")]
    pub(crate) fn creates(&self) -> bool {
        self.precondition == Precondition::Absent
    }

    /// The same, whatever its data are read as.
    #[cfg(feature = "attachments")]
    pub(crate) fn untyped(self) -> Put<JsonMap> {
        let Self { resource, id, precondition, content, .. } = self;
        Put::new(resource.typed(), id, precondition, content)
    }

    /// Makes it an error instead.
    pub(crate) fn refuse(&mut self, why: &str) {
        self.content.data = Some(Err(why.to_owned()));
    }

    /// Whether data is what this writes, but for what the server makes.
    fn is_what_was_sent(&self, existing: &JsonMap) -> bool {
        let Ok(Some(data)) = self.content.checked_data() else { return self.content.data.is_none() };
        let Ok(sent) = json::read::<JsonMap>(data) else { return false };
        let kind = self.resource.kind();
        let servers = |name: &str| match name {
            "id" | "last_modified" => true,
            "schema" => kind == Kind::Record,
            _ => false,
        };
        // What the server adds where nothing was sent: the members of a group, and the marks of a review.
        let added = |name: &str| match kind {
            Kind::Group => name == "members",
            Kind::Collection => name == "status" || name.starts_with("last_"),
            Kind::Bucket | Kind::Record | Kind::Account => false,
        };
        let holds = |(name, value): (&String, &Value)| existing.get(name).is_some_and(|it| json::same(it, value));
        sent.iter().filter(|(name, _)| !servers(name)).all(holds)
            && existing.keys().all(|name| sent.contains_key(name) || servers(name) || added(name))
    }

    /// Whether an object, read with its permissions, is what this writes.
    fn is_met_by(&self, object: &Object) -> bool {
        let names = object.permissions.iter().flat_map(Permissions::iter).map(|(name, _)| name);
        self.is_what_was_sent(&object.data) && self.content.permissions_are_met_by(object, names)
    }
}

impl<T: DeserializeOwned + Send> Operation for Put<T> {
    type Output = Object<T>;

    fn call(&self, session: &Session) -> Result<Call> {
        let id = self.id.as_deref().map_or_else(|| session.new_id().map(Cow::Owned), |id| Ok(Cow::Borrowed(id)))?;
        let path = self.resource.object_path(&id);
        let body = self.content.body_for(&id, path.in_default_bucket())?;
        Ok(Call::new(Method::PUT, path).precondition(self.precondition).json_body(body))
    }

    fn parse(&self, reply: &Reply) -> Result<Object<T>> {
        reply.json_with(decode::object).map_err(|error| {
            let must_exist = matches!(self.precondition, Precondition::Present | Precondition::Unchanged(_));
            let missing = error.is_precondition_failed() && error.server().is_some_and(|it| it.existing().is_none());
            if must_exist && missing { error.hint("it does not exist: create it, or overwrite()") } else { error }
        })
    }

    fn check(&self, doubt: &Reply) -> Option<Call> {
        read_back(doubt)
    }

    fn settle(&self, doubt: &Reply, found: &Reply) -> Result<Settled<Object<T>>> {
        settled(doubt, found, self.content.last_modified(), |object| self.is_met_by(object))
    }

    fn is_already_so(&self, reply: &Reply) -> bool {
        let error = (reply.status() == StatusCode::PRECONDITION_FAILED).then(|| reply.server_error());
        let existing = error.as_ref().and_then(ServerError::existing);
        self.content.permissions.is_none() && existing.is_some_and(|existing| self.is_what_was_sent(existing))
    }
}

/// The object as it stands, where a refusal may be about what a lost attempt has written.
pub(crate) fn read_back(doubt: &Reply) -> Option<Call> {
    let refused = matches!(doubt.status(), StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT);
    refused.then(|| call(Method::GET, doubt.call().path(), Precondition::None))
}

/// Whose work an object is that was found: one's own if it is what was written, and not older; somebody else's if it is
/// older than any attempt, as it would be newer if one had been carried out.
pub(crate) fn settled<T: DeserializeOwned>(
    doubt: &Reply,
    found: &Reply,
    forced: Option<Timestamp>,
    is_met_by: impl FnOnce(&Object) -> bool,
) -> Result<Settled<Object<T>>> {
    let Ok(object) = found.json_with(decode::object::<JsonMap>) else { return Ok(Settled::Open) };
    let at = object.last_modified;
    if (forced == Some(at) || doubt.may_have_made(at)) && is_met_by(&object) {
        let object = found.json_with(decode::object)?;
        return Ok(Settled::Ours(Object { repeated: true, ..object }));
    }
    // With timestamps of the caller's own, age proves nothing.
    Ok(if forced.is_none() && doubt.is_older(at) { Settled::Theirs } else { Settled::Open })
}
