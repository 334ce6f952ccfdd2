//! Who may do what with an object.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The principal of everybody, also without credentials.
pub const EVERYONE: &str = "system.Everyone";
/// The principal of everybody who has valid credentials.
pub const AUTHENTICATED: &str = "system.Authenticated";

/// Which principals have which permission on an object.
///
/// Buckets know `read`, `write`, `collection:create`, `group:create`; collections `read`, `write`, `record:create`;
/// groups, records and accounts `read`, `write`. Permissions are inherited downward, and `write` includes `read`.
/// Principals are `account:NAME`, the URI of a group (`/buckets/B/groups/G`), [`EVERYONE`] or [`AUTHENTICATED`].
/// The writer of an object is always added to its `write`.
///
/// What the server shows of an object's permissions is an `Option` of this: `None` where they are not visible to the
/// caller, which does not mean that nobody has any.
///
/// ```
/// use kinto_protocol::{EVERYONE, Permissions};
///
/// let permissions = Permissions::new().read([EVERYONE]).grant("record:create", ["account:alexis"]);
/// assert_eq!(
///     serde_json::to_string(&permissions)?,
///     r#"{"read":["system.Everyone"],"record:create":["account:alexis"]}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permissions(BTreeMap<String, BTreeSet<String>>);

impl Permissions {
    /// None named: to be filled with [`read`](Self::read), [`write`](Self::write) and [`grant`](Self::grant). What is not named
    /// is not empty, but not spoken of.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds principals to `read`: users (`account:alexis`), groups (`/buckets/blog/groups/staff`),
    /// [`EVERYONE`] or [`AUTHENTICATED`].
    #[must_use]
    pub fn read<P: Into<String>>(self, principals: impl IntoIterator<Item = P>) -> Self {
        self.grant("read", principals)
    }

    /// Adds principals to `write`, which includes reading, deleting, and giving permissions.
    #[must_use]
    pub fn write<P: Into<String>>(self, principals: impl IntoIterator<Item = P>) -> Self {
        self.grant("write", principals)
    }

    /// Adds principals to a permission. With no principal the permission is named and empty, which takes it from all.
    #[must_use]
    pub fn grant<P: Into<String>>(
        mut self,
        permission: impl Into<String>,
        principals: impl IntoIterator<Item = P>,
    ) -> Self {
        self.0.entry(permission.into()).or_default().extend(principals.into_iter().map(Into::into));
        self
    }

    /// The principals that have a permission, themselves or by name of a group, in alphabetical order.
    pub fn of(&self, permission: &str) -> impl Iterator<Item = &str> {
        self.0.get(permission).into_iter().flatten().map(String::as_str)
    }

    /// All permissions named, with their principals.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.0.iter().map(|(permission, principals)| (permission.as_str(), principals))
    }

    /// Whether these, when written, would leave another's as they are, in this permission. The server adds the writer to
    /// `write`.
    pub(crate) fn is_met_in(&self, visible: &Self, name: &str) -> bool {
        let more = visible.of(name).filter(|who| !self.of(name).any(|it| it == *who)).count();
        let fewer = self.of(name).any(|who| !visible.of(name).any(|it| it == who));
        !fewer && more <= usize::from(name == "write")
    }

    /// The same, with all those named that another has: where these are not, they are to be empty.
    pub(crate) fn naming_all_of(self, visible: &Self) -> Self {
        visible.iter().fold(self, |named, (name, _)| named.grant(name, std::iter::empty::<String>()))
    }

    /// Whether none is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
