//! What happened in a bucket.

use serde::Deserialize;

use crate::flows::{DeleteAll, List};
use crate::object::{JsonMap, Object};
use crate::operations::ListTimestamp;
use crate::path::Path;
use crate::permissions::Permissions;

/// The history of a bucket: who changed what, and to what. Needs the plugin `history`.
///
/// Entries are shown to those who could read the object at that time.
///
/// ```
/// use kinto_protocol::{bucket, field};
///
/// let history = bucket("blog").history();
/// let changes = history.list().filter(field("resource_name").eq("record")).filter(field("record_id").eq("hello"));
/// # let _ = changes; // client.send(changes)?: the newest first
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct History {
    path: Path,
}

impl History {
    pub(crate) fn new(path: Path) -> Self {
        Self { path }
    }

    /// Its path below the root of the API.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the entries, the newest first. They have ids and timestamps of their own, which are not those of what they
    /// tell of; filters know all their fields, also `target.data.…`.
    #[must_use]
    pub fn list(&self) -> List<Object<Change>> {
        List::new(self.path.clone())
    }

    /// Asks when anything was added last. The output is a timestamp of the history's own, in milliseconds.
    #[must_use]
    pub fn timestamp(&self) -> ListTimestamp {
        ListTimestamp::new(self.path.clone())
    }

    /// Deletes the entries, or those that meet its filters, for ever: the objects stay, what they were is forgotten. Only for those
    /// who may write the bucket.
    #[must_use]
    pub fn purge(&self) -> DeleteAll {
        DeleteAll::new(self.path.clone())
    }
}

/// What was done to one object: the data of an entry of the [`History`]. With a selection of fields, the others are
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Change {
    /// What was done.
    pub action: Action,
    /// The object, such as `/buckets/blog/collections/posts`.
    pub uri: String,
    /// What it is: `bucket`, `collection`, `group` or `record`.
    pub resource_name: String,
    /// Who did it, such as `account:alexis`.
    pub user_id: String,
    /// When, in ISO 8601.
    pub date: String,
    /// The object as it was afterwards.
    pub target: Target,
    /// The bucket, where it is one.
    pub bucket_id: Option<String>,
    /// The collection it is or is in.
    pub collection_id: Option<String>,
    /// The group it is.
    pub group_id: Option<String>,
    /// The record it is.
    pub record_id: Option<String>,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Action {
    /// It was created.
    Create,
    /// It was changed.
    Update,
    /// It was deleted.
    Delete,
    /// Something this library does not know of.
    #[default]
    #[serde(other)]
    Other,
}

/// An object as it was after a change.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Target {
    /// Its data, with `id` and `last_modified`; of a deleted one, what was left of it.
    pub data: JsonMap,
    /// Its permissions.
    pub permissions: Permissions,
}
