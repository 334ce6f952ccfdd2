//! A configuration as a tree in YAML, the way kinto-wizard has it.
//!
//! ```text
//!  Export ─ lines ─▶ ExportTree ─▶ YamlTree ─▶ text ─▶ a file
//!  a file ─▶ text ─▶ nodes ─▶ YamlTree ─▶ ImportTree ─ object by object ─▶ Import
//! ```

mod document;
mod export_tree;
mod import_tree;
mod read;
mod scalar;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

pub use export_tree::ExportTree;
pub use import_tree::ImportTree;
#[doc(hidden)]
pub use write::YamlText;

use crate::archive::line::{ExportedObject, ExportedPermissions};
use crate::archive::place::Place;
use crate::error::Result;
use crate::object::JsonMap;
use crate::permissions::Permissions;

/// Buckets with what is in them, as one value: what a file in YAML says of them, see [`yaml_format`](crate::yaml_format).
///
/// It is read with [`parse`](Self::parse), made of a server with [`Export::into_tree`](crate::Export::into_tree), written as
/// text by `Display`, and put onto a server with [`Import::tree`](crate::Import::tree). A tree need not say everything: of what
/// it does not name it says nothing.
///
/// It is in memory as a whole, several times its text while it is read. That is for configurations, which people read and edit;
/// large data are better kept in the lines of an [`Export`](crate::Export).
///
/// ```
/// use kinto_protocol::{Import, YamlTree};
///
/// let tree = YamlTree::parse(
///     "buckets:
///        blog:
///          collections:
///            posts:
///              permissions:
///                read: [system.Everyone]
/// ",
/// )?;
/// let import = Import::new().permissions().tree(tree);
/// # let _ = import; // let imported = client.send(import)?;
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct YamlTree {
    buckets: BTreeMap<String, BucketTree>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct BucketTree {
    own: Own,
    groups: Option<BTreeMap<String, Own>>,
    collections: Option<BTreeMap<String, CollectionTree>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct CollectionTree {
    own: Own,
    records: Option<BTreeMap<String, Own>>,
}

/// What is said of an object itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Own {
    pub(super) data: Option<JsonMap>,
    pub(super) permissions: Option<Permissions>,
}

impl YamlTree {
    /// Reads a text in YAML.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input), with the number of the line: for what is no YAML; for what JSON cannot
    /// say, such as names that are no texts, the same name twice, numbers beyond 64 bits, and other types; for members that a
    /// bucket, group, collection or record does not have, as what stands in them would be lost; and for ids that no server
    /// takes.
    pub fn parse(text: &str) -> Result<Self> {
        read::tree(document::parse(text)?)
    }

    /// The ids of its buckets, in alphabetical order.
    pub fn buckets(&self) -> impl Iterator<Item = &str> {
        self.buckets.keys().map(String::as_str)
    }

    /// Adds what another tree has. Where both tell of the same data or the same permissions, the other counts.
    ///
    /// ```
    /// use kinto_protocol::YamlTree;
    ///
    /// let mut both = YamlTree::parse("buckets: {blog: {collections: {posts: {}}}}")?;
    /// both.merge(YamlTree::parse("buckets: {blog: {collections: {drafts: {}}}, shop: {}}")?);
    /// assert_eq!(both.buckets().collect::<Vec<_>>(), ["blog", "shop"]);
    /// # Ok::<(), kinto_protocol::Error>(())
    /// ```
    pub fn merge(&mut self, other: Self) {
        merge_all(&mut self.buckets, other.buckets, |bucket, other| {
            bucket.own.merge(other.own);
            merge_some(&mut bucket.groups, other.groups, Own::merge);
            merge_some(&mut bucket.collections, other.collections, |collection, other| {
                collection.own.merge(other.own);
                merge_some(&mut collection.records, other.records, Own::merge);
            });
        });
    }

    /// Takes an object of an export; of several lines of one object, the last counts.
    fn take(&mut self, object: ExportedObject) -> Result<()> {
        let place = Place::parse(&object.path)?;
        let permissions = match object.permissions {
            ExportedPermissions::Visible(permissions) => Some(permissions),
            ExportedPermissions::NotRead | ExportedPermissions::NotVisible => None,
        };
        let own = Own { data: Some(object.data), permissions };
        let bucket = self.buckets.entry(place.bucket).or_default();
        match (place.collection, place.member) {
            (None, None) => {
                bucket.own = own;
                // All that are in it come after it.
                bucket.groups.get_or_insert_default();
                bucket.collections.get_or_insert_default();
            }
            (None, Some(group)) => {
                bucket.groups.get_or_insert_default().insert(group, own);
            }
            (Some(collection), member) => {
                let collection = bucket.collections.get_or_insert_default().entry(collection).or_default();
                let records = collection.records.get_or_insert_default();
                match member {
                    Some(record) => _ = records.insert(record, own),
                    None => collection.own = own,
                }
            }
        }
        Ok(())
    }
}

impl Own {
    fn merge(&mut self, other: Self) {
        self.data = other.data.or(self.data.take());
        self.permissions = other.permissions.or(self.permissions.take());
    }
}

fn merge_all<T>(one: &mut BTreeMap<String, T>, other: BTreeMap<String, T>, both: impl Fn(&mut T, T)) {
    for (id, new) in other {
        match one.entry(id) {
            Entry::Vacant(entry) => _ = entry.insert(new),
            Entry::Occupied(mut entry) => both(entry.get_mut(), new),
        }
    }
}

fn merge_some<T>(one: &mut Option<BTreeMap<String, T>>, other: Option<BTreeMap<String, T>>, both: impl Fn(&mut T, T)) {
    if let Some(other) = other {
        merge_all(one.get_or_insert_default(), other, both);
    }
}
