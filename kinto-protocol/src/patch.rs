//! The three kinds of PATCH.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::call::Class;
use crate::error::{Error, Result};
use crate::json;
use crate::object::{JsonMap, Object};
use crate::permissions::Permissions;
use crate::timestamp::Timestamp;

/// What a PATCH says, and in which of the server's three languages: [`Attributes`], [`Merge`] or [`JsonPatch`].
pub trait Patch: Clone + std::fmt::Debug + PartialEq + Send + sealed::Sealed {
    /// The content type, exactly as the server compares it.
    #[doc(hidden)]
    const CONTENT_TYPE: &'static str;
    /// How it may be repeated.
    #[doc(hidden)]
    const CLASS: Class;
    /// The body.
    #[doc(hidden)]
    fn body(&self) -> Result<Bytes>;
    /// Whether an object is as this leaves one, as far as can be told: then it may be what this made of it.
    #[doc(hidden)]
    fn is_met_by(&self, object: &Object) -> bool;
    /// The timestamp that it asks for, if it does.
    #[doc(hidden)]
    fn last_modified(&self) -> Option<Timestamp>;
    /// The same for the object of this id, see [`Envelope::settle_id`].
    #[doc(hidden)]
    fn settled(&self, id: &str, in_default_bucket: bool) -> Result<Self>;
}

#[allow(unnameable_types, reason = "sealed: no other implementations")]
mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Attributes {}
    impl Sealed for super::Merge {}
    impl Sealed for super::JsonPatch {}
}

/// Data or permissions to be written, as text, or why they cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) data: Option<Result<Data, String>>,
    pub(crate) permissions: Option<Permissions>,
}

/// The text of an object. It is kept as it is sent, which is mostly by itself: `{"data": …}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Data {
    body: Bytes,
}

/// What is before it in a body.
const BEFORE: &[u8] = b"{\"data\":";

impl Data {
    fn written(write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<Self> {
        // What most records need, in one piece.
        let mut body = Vec::with_capacity(768);
        body.extend_from_slice(BEFORE);
        write(&mut body)?;
        body.push(b'}');
        Ok(Self { body: body.into() })
    }

    /// Of the text of an object.
    pub(crate) fn of(text: &str) -> Self {
        Self { body: [BEFORE, text.as_bytes(), b"}"].concat().into() }
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.body[BEFORE.len()..self.body.len() - 1]
    }
}

impl Envelope {
    pub(crate) fn data<T: Serialize + ?Sized>(data: &T) -> Self {
        let text = Data::written(|body| json::append(body, data)).map_err(|error| error.to_string());
        let text = text.and_then(|data| match data.text() {
            [b'{', ..] => Ok(data),
            _ => Err("the data of an object must be a JSON object".to_owned()),
        });
        Self { data: Some(text), permissions: None }
    }

    pub(crate) fn permissions(permissions: Permissions) -> Self {
        Self { data: None, permissions: Some(permissions) }
    }

    /// The text of the data.
    pub(crate) fn checked_data(&self) -> Result<Option<&[u8]>> {
        self.data.as_ref().map(|data| data.as_ref().map(Data::text).map_err(Error::input)).transpose()
    }

    /// The timestamp that the data asks for.
    pub(crate) fn last_modified(&self) -> Option<Timestamp> {
        #[derive(serde::Deserialize)]
        struct Forced {
            last_modified: Option<Timestamp>,
        }
        let data = self.data.as_ref()?.as_ref().ok()?;
        json::read::<Forced>(data.text()).ok()?.last_modified
    }

    /// Whether an object has the permissions that are sent, in those of these names and in those that are sent. The
    /// server adds the writer to `write`.
    pub(crate) fn permissions_are_met_by<'a>(
        &'a self,
        object: &'a Object,
        names: impl Iterator<Item = &'a str>,
    ) -> bool {
        let Some(sent) = &self.permissions else { return true };
        // Of what is not shown nobody can tell.
        let Some(visible) = &object.permissions else { return false };
        names.chain(sent.iter().map(|(name, _)| name)).all(|name| sent.is_met_in(visible, name))
    }

    /// Whether an object is as a patch with this leaves one, where `holds` tells for each of its fields. A patch of
    /// nothing is met by anything, and proves nothing.
    fn is_met_by(&self, object: &Object, holds: impl Fn(&str, &Value) -> bool) -> bool {
        let Some(data) = &self.data else { return self.permissions_are_met_by(object, std::iter::empty()) };
        let Some(sent) = data.as_ref().ok().and_then(|data| json::read::<JsonMap>(data.text()).ok()) else {
            return false;
        };
        let own = |name: &str| matches!(name, "id" | "last_modified");
        (!sent.is_empty() || self.permissions.is_some())
            && sent.iter().all(|(name, value)| own(name) || holds(name, value))
            && self.permissions_are_met_by(object, std::iter::empty())
    }

    /// `{"data": …, "permissions": …}` with what there is: an absent member is not an empty one.
    pub(crate) fn body(&self) -> Result<Bytes> {
        if let (Some(Ok(data)), None) = (&self.data, &self.permissions) {
            return Ok(data.body.clone());
        }
        let mut body = Vec::with_capacity(64 + self.checked_data()?.map_or(0, <[u8]>::len));
        body.push(b'{');
        if let Some(data) = self.checked_data()? {
            body.extend_from_slice(&BEFORE[1..]);
            body.extend_from_slice(data);
        }
        if let Some(permissions) = &self.permissions {
            if body.len() > 1 {
                body.push(b',');
            }
            body.extend_from_slice(b"\"permissions\":");
            json::append(&mut body, permissions)?;
        }
        body.push(b'}');
        Ok(body.into())
    }

    /// Checks an `id` in the data against the one in the path, and takes it out where the server would misread it.
    pub(crate) fn settle_id(&mut self, id: &str, in_default_bucket: bool) -> Result<()> {
        if let Some(data) = self.data_without_id(id, in_default_bucket)? {
            self.data = Some(Ok(data));
        }
        Ok(())
    }

    /// The body for the object of this id, which is checked in the same way.
    pub(crate) fn body_for(&self, id: &str, in_default_bucket: bool) -> Result<Bytes> {
        match self.data_without_id(id, in_default_bucket)? {
            Some(data) => Self { data: Some(Ok(data)), permissions: self.permissions.clone() }.body(),
            None => self.body(),
        }
    }

    /// The data where they have an `id` that cannot stay.
    fn data_without_id(&self, id: &str, in_default_bucket: bool) -> Result<Option<Data>> {
        let Some(data) = self.data.as_ref().and_then(|data| data.as_ref().ok()).map(Data::text) else {
            return Ok(None);
        };
        let Some(own) = member_id(data) else { return Ok(None) };
        if own.is_null() {
            // What a type with an optional id writes when it has none.
            return without_id(data).map(Some);
        }
        if own != id {
            return Err(Error::input(format!(
                "the data says it has the id {own}, but it is sent to \"{}\"",
                id.escape_debug()
            )));
        }
        if in_default_bucket { without_id(data).map(Some) } else { Ok(None) }
    }
}

/// The member `id` at the top of an object. The quick look spares those who have none a second parse.
fn member_id(data: &[u8]) -> Option<Value> {
    #[derive(serde::Deserialize)]
    struct Id {
        #[serde(default, deserialize_with = "given")]
        id: Option<Value>,
    }
    /// Also when it is null.
    fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
        Value::deserialize(from).map(Some)
    }
    static NAME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"id\""));
    if NAME.find(data).is_some() { json::read::<Id>(data).ok()?.id } else { None }
}

fn without_id(data: &[u8]) -> Result<Data> {
    let mut members: BTreeMap<String, &RawValue> =
        json::read(data).map_err(|error| Error::input("the data is not an object").caused_by(error.into()))?;
    members.remove("id");
    Data::written(|body| json::append(body, &members))
}

/// Sets fields at the top level and leaves the others: the plain PATCH. `null` is stored as null; a field cannot be
/// removed, nested objects are replaced whole. Permissions that are named are replaced, the others stay.
///
/// The kind to prefer: it is the only one that a batch can carry.
///
/// ```
/// use kinto_protocol::{Attributes, EVERYONE, Permissions};
/// use serde_json::json;
///
/// let done = Attributes::new(&json!({"done": true})).permissions(Permissions::new().read([EVERYONE]));
/// # let _ = done;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes(pub(crate) Envelope);

impl Attributes {
    /// These fields, from anything that serialises as a JSON object. Fields that are left out stay as they are.
    #[must_use]
    pub fn new<T: Serialize + ?Sized>(data: &T) -> Self {
        Self(Envelope::data(data))
    }

    /// No field, only these permissions: those named are replaced, the others stay. To add to one,
    /// [`share`](crate::Resource::share).
    #[must_use]
    pub fn only_permissions(permissions: Permissions) -> Self {
        Self(Envelope::permissions(permissions))
    }

    /// These permissions too.
    #[must_use]
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.0.permissions = Some(permissions);
        self
    }
}

impl Patch for Attributes {
    const CONTENT_TYPE: &'static str = "application/json";
    const CLASS: Class = Class::Repeatable;

    fn body(&self) -> Result<Bytes> {
        self.0.body()
    }

    fn is_met_by(&self, object: &Object) -> bool {
        self.0.is_met_by(object, |name, value| object.data.get(name).is_some_and(|it| json::same(it, value)))
    }

    fn last_modified(&self) -> Option<Timestamp> {
        self.0.last_modified()
    }

    fn settled(&self, id: &str, in_default_bucket: bool) -> Result<Self> {
        let mut settled = self.clone();
        settled.0.settle_id(id, in_default_bucket)?;
        Ok(settled)
    }
}

/// Merges recursively (RFC 7396): `null` removes a field, nested objects are merged. The kind to remove fields with.
///
/// ```
/// use kinto_protocol::Merge;
/// use serde_json::json;
///
/// let without_due_date = Merge::new(&json!({"due": null}));
/// # let _ = without_due_date;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge(pub(crate) Envelope);

impl Merge {
    /// These fields, from anything that serialises as a JSON object: `null` removes one, an object is merged into the one that is
    /// there, anything else takes its place.
    #[must_use]
    pub fn new<T: Serialize + ?Sized>(data: &T) -> Self {
        Self(Envelope::data(data))
    }

    /// These permissions too. **The server then rewrites all permissions of the object from what the caller can see of
    /// them**, which for those who may write only by inheritance is nothing: prefer
    /// [`Attributes::only_permissions`] where that may be.
    #[must_use]
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.0.permissions = Some(permissions);
        self
    }
}

impl Patch for Merge {
    const CONTENT_TYPE: &'static str = "application/merge-patch+json";
    const CLASS: Class = Class::Repeatable;

    fn is_met_by(&self, object: &Object) -> bool {
        self.0.is_met_by(object, |name, value| is_merged(object.data.get(name), value))
    }

    fn last_modified(&self) -> Option<Timestamp> {
        self.0.last_modified()
    }

    fn body(&self) -> Result<Bytes> {
        self.0.body()
    }

    fn settled(&self, id: &str, in_default_bucket: bool) -> Result<Self> {
        let mut settled = self.clone();
        settled.0.settle_id(id, in_default_bucket)?;
        Ok(settled)
    }
}

/// Whether a value is as merging leaves it.
fn is_merged(found: Option<&Value>, merged: &Value) -> bool {
    match (found, merged) {
        (found, Value::Null) => found.is_none(),
        (Some(Value::Object(found)), Value::Object(merged)) => {
            merged.iter().all(|(name, value)| is_merged(found.get(name), value))
        }
        (Some(found), merged) => json::same(found, merged),
        (None, _) => false,
    }
}

/// A list of changes, done in order or not at all (RFC 6902). Paths start with `/data/` or `/permissions/`.
///
/// **The server then rewrites the object's permissions from what the caller can see of them.** A caller who may write
/// only by inheritance sees none, and even a change of data alone makes that caller the only writer. Prefer
/// [`Attributes`] or [`Merge`], unless a `test` or a change inside an array is what is needed.
///
/// ```
/// use kinto_protocol::JsonPatch;
///
/// let patch = JsonPatch::new().test("/data/votes", 3).replace("/data/votes", 4).add("/data/tags/-", "new");
/// # let _ = patch;
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonPatch(Vec<Change>);

/// One change, its value as text: it is to arrive as it is.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    op: &'static str,
    path: String,
    from: Option<String>,
    value: Option<Result<String, String>>,
}

impl JsonPatch {
    /// No change yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a member, or inserts into an array (`-` is its end): `/data/tags/0` before its first. `~` and `/` within a name are
    /// written `~0` and `~1`.
    #[must_use]
    pub fn add(self, path: &str, value: impl Serialize) -> Self {
        self.change("add", path, None, Some(json_text(&value)))
    }

    /// Changes a member that exists. If it does not, the server refuses the whole patch (400).
    #[must_use]
    pub fn replace(self, path: &str, value: impl Serialize) -> Self {
        self.change("replace", path, None, Some(json_text(&value)))
    }

    /// Goes on only if the member has this value: otherwise the server refuses the whole patch (400), and nothing is changed.
    #[must_use]
    pub fn test(self, path: &str, value: impl Serialize) -> Self {
        self.change("test", path, None, Some(json_text(&value)))
    }

    /// Removes a member that exists, or an element of an array. If it does not, the server refuses the whole patch (400).
    #[must_use]
    pub fn remove(self, path: &str) -> Self {
        self.change("remove", path, None, None)
    }

    /// Moves a member.
    #[must_use]
    pub fn move_to(self, from: &str, path: &str) -> Self {
        self.change("move", path, Some(from), None)
    }

    /// Copies a member.
    #[must_use]
    pub fn copy_to(self, from: &str, path: &str) -> Self {
        self.change("copy", path, Some(from), None)
    }

    fn change(
        mut self,
        op: &'static str,
        path: &str,
        from: Option<&str>,
        value: Option<Result<String, String>>,
    ) -> Self {
        self.0.push(Change { op, path: path.to_owned(), from: from.map(str::to_owned), value });
        self
    }
}

fn json_text(value: &impl Serialize) -> Result<String, String> {
    let text = json::to_bytes(value).map_err(|error| error.to_string())?;
    String::from_utf8(text.to_vec()).map_err(|error| error.to_string())
}

impl Change {
    fn text(&self) -> Result<Box<RawValue>> {
        let mut members: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
        let inside = |pointer: &str, root: &str| {
            pointer.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        for (name, pointer) in [("path", Some(&self.path)), ("from", self.from.as_ref())] {
            let Some(pointer) = pointer else { continue };
            if !inside(pointer, "/data") && !inside(pointer, "/permissions") {
                return Err(Error::input(format!("\"{}\" points outside of the object", pointer.escape_debug()))
                    .hint("paths of a JSON Patch start with /data or /permissions"));
            }
            members.insert(name, raw(json_text(pointer))?);
        }
        members.insert("op", raw(json_text(&self.op))?);
        if let Some(value) = &self.value {
            members.insert("value", raw(value.clone())?);
        }
        raw(json_text(&members))
    }
}

fn raw(text: Result<String, String>) -> Result<Box<RawValue>> {
    RawValue::from_string(text.map_err(Error::input)?).map_err(|error| Error::input(error.to_string()))
}

impl Patch for JsonPatch {
    const CONTENT_TYPE: &'static str = "application/json-patch+json";
    const CLASS: Class = Class::Once;

    /// Nobody can tell without knowing what was there before.
    fn is_met_by(&self, _: &Object) -> bool {
        false
    }

    fn last_modified(&self) -> Option<Timestamp> {
        None
    }

    fn body(&self) -> Result<Bytes> {
        let changes: Vec<Box<RawValue>> = self.0.iter().map(Change::text).collect::<Result<_>>()?;
        json::to_bytes(&changes)
    }

    fn settled(&self, _: &str, _: bool) -> Result<Self> {
        Ok(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(patch: &impl Patch) -> String {
        String::from_utf8(patch.body().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn absent_is_not_empty() {
        assert_eq!(text(&Attributes::new(&json!({}))), r#"{"data":{}}"#);
        let readers = Permissions::new().read(["a"]);
        assert_eq!(text(&Attributes::only_permissions(readers.clone())), r#"{"permissions":{"read":["a"]}}"#);
        let both = Attributes::new(&json!({"a": null})).permissions(readers);
        assert_eq!(text(&both), r#"{"data":{"a":null},"permissions":{"read":["a"]}}"#);
        assert_eq!(text(&Merge::new(&json!({"a": {"b": null}}))), r#"{"data":{"a":{"b":null}}}"#);
    }

    #[test]
    fn json_patch_stays_inside() {
        let patch = JsonPatch::new()
            .test("/data/a", 1)
            .remove("/data/b")
            .move_to("/data/c", "/data/d")
            .copy_to("/data/d", "/data/e");
        assert_eq!(
            serde_json::from_str::<Value>(&text(&patch)).unwrap(),
            json!([{"op": "test", "path": "/data/a", "value": 1}, {"op": "remove", "path": "/data/b"},
                {"op": "move", "from": "/data/c", "path": "/data/d"}, {"op": "copy", "from": "/data/d", "path": "/data/e"}])
        );
        for bad in ["/a", "", "data/a", "/database"] {
            assert!(JsonPatch::new().remove(bad).body().is_err(), "{bad}");
        }
        assert!(JsonPatch::new().add("/data/x", f64::NAN).body().is_err());
        let huge = JsonPatch::new().add("/data/x", 123_456_789_012_345_678_901_u128);
        assert!(text(&huge).contains("123456789012345678901"), "as it is");
    }

    #[test]
    fn only_an_object_is_data() {
        for bad in [json!([]), json!(null), json!("x"), json!(1)] {
            assert!(Attributes::new(&bad).body().is_err());
        }
    }

    #[test]
    fn the_id_in_the_data_is_that_of_the_path() {
        let settle = |data: Value, default| {
            let mut envelope = Envelope::data(&data);
            envelope.settle_id("a", default).map(|()| String::from_utf8(envelope.body().unwrap().to_vec()).unwrap())
        };
        assert_eq!(settle(json!({"id": "a"}), false).unwrap(), r#"{"data":{"id":"a"}}"#);
        assert_eq!(
            settle(json!({"id": "a", "x": 1.0, "y": "\"id\""}), true).unwrap(),
            r#"{"data":{"x":1.0,"y":"\"id\""}}"#
        );
        assert_eq!(settle(json!({"o": {"id": "b"}}), true).unwrap(), r#"{"data":{"o":{"id":"b"}}}"#);
        assert!(settle(json!({"id": "b"}), false).is_err());
        assert!(settle(json!({"id": 1}), false).is_err());
        assert_eq!(settle(json!({"id": null, "x": 1}), false).unwrap(), r#"{"data":{"x":1}}"#);
    }
}
