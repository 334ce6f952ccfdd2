//! What the caller was given.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::endpoints;
use crate::flows::List;

/// Lists everything the caller was given a permission on: by name, by a group, or as everybody. Needs the plugin
/// `permissions_endpoint`.
///
/// What can only be reached by inheritance (a record, by a permission on its bucket) is not listed.
///
/// ```
/// use kinto_protocol::{field, my_permissions};
///
/// let buckets = my_permissions().filter(field("resource_name").eq("bucket")); // client.send(buckets)?
/// # let _ = buckets;
/// ```
#[must_use]
pub fn my_permissions() -> List<Grant> {
    List::new(endpoints::permissions())
}

/// The caller's permissions on one object. With a selection of fields, the others are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Grant {
    /// The object, such as `/buckets/blog`; `/` for the server itself.
    pub uri: String,
    /// What it is: `root`, `bucket`, `collection`, `group`, `record` or `account`.
    pub resource_name: String,
    /// What the caller may do: `read`, `write`, `read:attributes`, `record:create`, …
    pub permissions: BTreeSet<String>,
    /// Its id; the server itself has none.
    pub id: Option<String>,
    /// The bucket it is or is in.
    pub bucket_id: Option<String>,
    /// The collection it is or is in.
    pub collection_id: Option<String>,
    /// The group it is.
    pub group_id: Option<String>,
    /// The record it is.
    pub record_id: Option<String>,
    /// The account it is.
    pub account_id: Option<String>,
}
