//! How one record is wanted.

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::id::IdRule;
use crate::json;
use crate::object::{JsonMap, Object};
use crate::permissions::Permissions;
use crate::resource::Resource;
use crate::sync::files::WantedFile;
use crate::timestamp::Timestamp;

/// A record as it is wanted: its id, its data, and its permissions where these are wanted too.
///
/// Made from an id and data, from a JSON map that holds the id, or from an [`Object`] that was read elsewhere; and from the
/// result of making any of these, of which an error is one for whoever wants the record:
///
/// ```
/// use kinto_protocol::{JsonMap, Object, Wanted};
/// use serde_json::json;
///
/// let milk = Wanted::new("milk", &json!({"title": "Buy milk"}));
/// let same: Wanted = ("milk", json!({"title": "Buy milk"})).into();
/// let copy = |object: Object| Wanted::from(object);
/// let read = |line: &str| Wanted::from(serde_json::from_str::<JsonMap>(line));
/// # let _ = (milk, same, copy, read);
/// ```
#[derive(Clone, Debug)]
pub struct Wanted {
    pub(crate) id: String,
    pub(super) data: Result<JsonMap, String>,
    pub(super) permissions: Option<Permissions>,
    pub(super) last_modified: Option<Timestamp>,
    /// Whether fields that its data do not name stay as they are.
    pub(super) named_fields: bool,
    /// Whether permissions that it does not name stay as they are.
    pub(super) named_permissions: bool,
    pub(super) file: WantedFile,
}

impl Wanted {
    fn of(data: Result<JsonMap, String>) -> Self {
        let (named_fields, named_permissions) = (false, false);
        let (id, file) = (String::new(), WantedFile::OfData);
        Self { id, data, permissions: None, last_modified: None, named_fields, named_permissions, file }
    }

    /// This id, and this data.
    #[must_use]
    pub fn new<T: Serialize + ?Sized>(id: impl Into<String>, data: &T) -> Self {
        let text = json::to_bytes(data).map_err(|error| error.to_string());
        let data = text
            .and_then(|text| json::read(&text).map_err(|_| "the data of an object must be a JSON object".to_owned()));
        let last_modified = data.as_ref().ok().and_then(timestamp);
        Self { id: id.into(), last_modified, ..Self::of(data) }
    }

    /// With these permissions. They are compared and written only where that is asked for.
    #[must_use]
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = Some(permissions);
        self
    }

    /// With this timestamp. It is kept only where that is asked for.
    #[must_use]
    pub fn last_modified(mut self, at: Timestamp) -> Self {
        self.last_modified = Some(at);
        self
    }

    /// With a file of this name and content. It is compared, by size and SHA-256, and attached only where that is
    /// [asked for](crate::PlanSync::attachments).
    ///
    /// Without this, it is to have the file that its field `attachment` says, as that of a record does which was read
    /// elsewhere, and none if there is no such field.
    ///
    /// ```
    /// use kinto_protocol::Wanted;
    /// use serde_json::json;
    ///
    /// let hello = Wanted::new("hello", &json!({"title": "Hello"})).file("hello.txt", "Hello, world");
    /// # let _ = hello;
    /// ```
    #[cfg(feature = "attachments")]
    #[must_use]
    pub fn file(mut self, name: impl Into<String>, content: impl Into<bytes::Bytes>) -> Self {
        self.file = WantedFile::here(name.into(), content.into());
        self
    }

    /// With the file that it has, if it has one.
    #[cfg(feature = "attachments")]
    pub(crate) fn keep_file(mut self) -> Self {
        self.file = WantedFile::AsItIs;
        self
    }

    /// Takes its data, if it can be in this list.
    pub(crate) fn take_data(&mut self, resource: &Resource, rule: IdRule) -> Result<JsonMap> {
        let data = std::mem::replace(&mut self.data, Ok(JsonMap::new())).map_err(Error::input)?;
        resource.object_path(&self.id).check(rule)?;
        match data.get("id") {
            Some(own) if !own.is_null() && *own != self.id => Err(Error::input("its data say that it has another id")),
            _ => Ok(data),
        }
    }
}

#[cfg(feature = "export")]
impl Wanted {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn has_permissions(&self) -> bool {
        self.permissions.is_some()
    }

    /// Whether it is to be there, and all else of it may be as it is.
    pub(crate) fn is_only_named(&self) -> bool {
        self.named_fields && self.permissions.is_none() && self.data.as_ref().is_ok_and(JsonMap::is_empty)
    }
}

#[cfg(feature = "yaml")]
impl Wanted {
    /// Where it is there, only the fields that its data name are compared and written.
    pub(crate) fn named_fields(mut self) -> Self {
        self.named_fields = true;
        self
    }

    /// Where it is there, only the permissions that it names are compared and written.
    pub(crate) fn named_permissions(mut self) -> Self {
        self.named_permissions = true;
        self
    }
}

fn timestamp(data: &JsonMap) -> Option<Timestamp> {
    data.get("last_modified").and_then(Value::as_i64).map(Timestamp::from_millis)
}

impl<I: Into<String>, T: Serialize> From<(I, T)> for Wanted {
    fn from((id, data): (I, T)) -> Self {
        Self::new(id, &data)
    }
}

/// An object as it was read, of any collection on any server.
impl<T: Serialize> From<Object<T>> for Wanted {
    fn from(object: Object<T>) -> Self {
        let mut wanted = Self::new(object.id, &object.data).last_modified(object.last_modified);
        wanted.permissions = object.permissions;
        if object.partial {
            wanted.data = Err("it was read with a selection of its fields, and the others are not known".to_owned());
        }
        wanted
    }
}

/// A record as the server writes it, with its id among its fields.
impl From<JsonMap> for Wanted {
    fn from(data: JsonMap) -> Self {
        let id = data.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { id, last_modified: timestamp(&data), ..Self::of(Ok(data)) }
    }
}

/// What could not be read, and so cannot be written.
impl<W: Into<Self>, E: std::fmt::Display> From<Result<W, E>> for Wanted {
    fn from(read: Result<W, E>) -> Self {
        match read {
            Ok(wanted) => wanted.into(),
            Err(error) => Self::of(Err(error.to_string())),
        }
    }
}
