//! Who may do what with an object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

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
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Permissions(
    /// By their names, each once, with its principals in alphabetical order, each once. There are few of them, and every
    /// object that is read has some: trees would take most of the time that it takes to read one.
    Vec<(Name, Vec<String>)>,
);

type Name = Cow<'static, str>;

/// The names that the server knows.
const KNOWN: [&str; 5] = ["write", "read", "record:create", "collection:create", "group:create"];

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
        let named = self.named(Cow::Owned(permission.into()));
        named.extend(principals.into_iter().map(Into::into));
        put_in_order(named);
        self
    }

    /// The principals of a permission, which is named with that.
    fn named(&mut self, permission: Name) -> &mut Vec<String> {
        let place = self.0.binary_search_by(|(name, _)| name.cmp(&permission)).unwrap_or_else(|place| {
            self.0.insert(place, (permission, Vec::new()));
            place
        });
        &mut self.0[place].1
    }

    /// The principals that have a permission, themselves or by name of a group, in alphabetical order.
    pub fn of(&self, permission: &str) -> impl Iterator<Item = &str> {
        let named = self.0.iter().find(|(name, _)| name == permission);
        named.into_iter().flat_map(|(_, principals)| principals).map(String::as_str)
    }

    /// All permissions named, with their principals, both in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(permission, principals)| (&**permission, &**principals))
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

fn put_in_order(principals: &mut Vec<String>) {
    principals.sort_unstable();
    principals.dedup();
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permissions ")?;
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Named(Name);

        impl<'de> Deserialize<'de> for Named {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str(NameVisitor).map(Self)
            }
        }

        struct NameVisitor;

        impl Visitor<'_> for NameVisitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a permission")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                let known = KNOWN.into_iter().find(|known| *known == name);
                Ok(known.map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed))
            }
        }

        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Permissions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("permissions with their principals")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Permissions, A::Error> {
                let mut permissions = Permissions::new();
                while let Some((Named(name), mut principals)) = map.next_entry::<_, Vec<String>>()? {
                    put_in_order(&mut principals);
                    *permissions.named(name) = principals;
                }
                Ok(permissions)
            }
        }

        from.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_order_they_are_the_same() {
        let read = |text| serde_json::from_str::<Permissions>(text).unwrap();
        let one = read(r#"{"write":["b","a","b"],"x:y":[],"read":["c"]}"#);
        let other = Permissions::new().read(["c"]).grant("x:y", [""; 0]).write(["b"]).write(["a", "b"]);
        assert_eq!(one, other);
        assert_eq!(serde_json::to_string(&one).unwrap(), r#"{"read":["c"],"write":["a","b"],"x:y":[]}"#);
        assert_eq!(format!("{one:?}"), r#"Permissions {"read": ["c"], "write": ["a", "b"], "x:y": []}"#);
        assert_eq!(one.of("write").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(one.of("none").count(), 0);
    }

    #[test]
    fn of_a_name_that_is_told_twice_the_last_counts() {
        let twice = serde_json::from_str::<Permissions>(r#"{"read":["a"],"read":["b"]}"#).unwrap();
        assert_eq!(twice, Permissions::new().read(["b"]));
    }
}
