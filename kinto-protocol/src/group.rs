//! Groups of users.

use serde::{Deserialize, Serialize};

use crate::object::JsonMap;

/// The data of a group: its members and whatever else is kept with it.
///
/// The principal of a group, for permissions, is its path: `/buckets/{bucket}/groups/{group}`.
///
/// ```
/// use kinto_protocol::{GroupData, bucket};
///
/// let staff = bucket("blog").groups().create("staff", &GroupData::of(["account:alexis"]));
/// # let _ = staff;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GroupData {
    /// The user ids, such as `account:alexis`. A group made without data has none.
    #[serde(default)]
    pub members: Vec<String>,
    /// Other fields.
    #[serde(flatten)]
    pub other: JsonMap,
}

impl GroupData {
    /// A group of these users.
    #[must_use]
    pub fn of<M: Into<String>>(members: impl IntoIterator<Item = M>) -> Self {
        Self { members: members.into_iter().map(Into::into).collect(), other: JsonMap::new() }
    }
}
