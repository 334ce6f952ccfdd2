//! Which object an operation is about.

use crate::call::Precondition;
use crate::object::{Object, Tombstone};
use crate::timestamp::Timestamp;

/// Which object an operation is about: one of that id, or one that was read before and is to be as it was.
///
/// Made from `"an id"` or from `&object`; nobody needs to write its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRef {
    pub(crate) id: String,
    unchanged_since: Option<Timestamp>,
}

impl ObjectRef {
    /// One of that id that was not changed since this timestamp.
    pub(crate) fn unchanged(id: String, at: Timestamp) -> Self {
        Self { id, unchanged_since: Some(at) }
    }

    pub(crate) fn precondition(&self) -> Precondition {
        self.unchanged_since.map_or(Precondition::None, Precondition::Unchanged)
    }

    pub(crate) fn must_exist(self) -> (String, Precondition) {
        let precondition = self.unchanged_since.map_or(Precondition::Present, Precondition::Unchanged);
        (self.id, precondition)
    }
}

impl From<&str> for ObjectRef {
    fn from(id: &str) -> Self {
        Self { id: id.to_owned(), unchanged_since: None }
    }
}

impl From<String> for ObjectRef {
    fn from(id: String) -> Self {
        Self { id, unchanged_since: None }
    }
}

impl From<&String> for ObjectRef {
    fn from(id: &String) -> Self {
        id.as_str().into()
    }
}

impl<T> From<&Object<T>> for ObjectRef {
    fn from(object: &Object<T>) -> Self {
        Self { id: object.id.clone(), unchanged_since: Some(object.last_modified) }
    }
}

impl From<&Tombstone> for ObjectRef {
    fn from(tombstone: &Tombstone) -> Self {
        tombstone.id.as_str().into()
    }
}
