//! Objects as the server gives them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::permissions::Permissions;
use crate::timestamp::Timestamp;

/// The data of an object whose fields are not known beforehand.
pub type JsonMap = Map<String, Value>;

/// A bucket, collection, group, record or account as it stands on the server.
///
/// The fields that the server makes are apart from the caller's: `data` holds everything but `id` and
/// `last_modified`, unless `T` is a struct with fields of these names, which are then filled too (but not a struct with
/// `#[serde(flatten)]`, whose fields nobody can ask for).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Object<T = JsonMap> {
    /// Its id.
    pub id: String,
    /// When it was last changed: its ETag.
    pub last_modified: Timestamp,
    /// The caller's fields.
    pub data: T,
    /// Its own permissions, or `None` where the server does not show them: in lists, with a selection of fields, and
    /// to those who may not write it or may only by inheritance. `None` does not mean that nobody has any.
    pub permissions: Option<Permissions>,
    /// Whether the write that gave this was repeated after its answer was lost, and had already been applied.
    pub repeated: bool,
    /// Whether only some of its fields were asked for.
    pub(crate) partial: bool,
}

impl<T> Object<T> {
    /// The same object with other data, to be written back with the same precondition.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Object<U> {
        let Self { id, last_modified, data, permissions, repeated, partial } = self;
        Object { id, last_modified, data: change(data), permissions, repeated, partial }
    }
}

/// What is left of a deleted object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tombstone {
    /// The id it had.
    pub id: String,
    /// When it was deleted.
    pub last_modified: Timestamp,
    /// Whether the deletion that gave this was repeated after its answer was lost, and had already been carried out.
    #[serde(skip)]
    pub repeated: bool,
}

/// A member of a list that holds deleted objects too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "an object is there or deleted; a third case would be another list")]
pub enum Entry<T = JsonMap> {
    /// It is there.
    Live(Object<T>),
    /// It was deleted.
    Deleted(Tombstone),
}

impl<T> Entry<T> {
    /// The id, dead or alive.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Live(object) => &object.id,
            Self::Deleted(tombstone) => &tombstone.id,
        }
    }

    /// When it was last changed or deleted.
    #[must_use]
    pub fn last_modified(&self) -> Timestamp {
        match self {
            Self::Live(object) => object.last_modified,
            Self::Deleted(tombstone) => tombstone.last_modified,
        }
    }
}

/// The members of a list, of one page or of all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing<I> {
    /// The members, in the order asked for (the newest first when none was).
    pub items: Vec<I>,
    /// When anything in the whole list last changed, whatever the filters: what to poll with. Taken from the first
    /// page, so that nothing that changed while the others were read is missed. `None` when the server did not say.
    pub timestamp: Option<Timestamp>,
}

impl<I> IntoIterator for Listing<I> {
    type Item = I;
    type IntoIter = std::vec::IntoIter<I>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

/// The answer to "if it changed since".
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "304 or not")]
pub enum Conditional<T> {
    /// It changed: here it is.
    Modified(T),
    /// It is as it was.
    NotModified,
}

impl<T> Conditional<T> {
    /// What changed, if it did: `None` where all is as it was.
    #[must_use]
    pub fn modified(self) -> Option<T> {
        match self {
            Self::Modified(value) => Some(value),
            Self::NotModified => None,
        }
    }
}
