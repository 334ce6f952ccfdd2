//! Who may do what with an object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
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
    /// Each principal with one permission, by their names, each once; a permission that is named and empty has nobody. There
    /// are few of them, and every object that is read has some: trees would take most of the time that it takes to read one.
    Vec<Given>,
);

type Given = (Name, Option<String>);

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
        let permission = Name::Owned(permission.into());
        let given = principals.into_iter().map(|who| (permission.clone(), Some(who.into())));
        self.0.extend(given.collect::<Vec<_>>());
        self.0.push((permission, None));
        self.put_in_order();
        self
    }

    fn put_in_order(&mut self) {
        self.0.sort_unstable();
        // What is named and empty comes first, and is over when somebody follows.
        self.0.dedup_by(|next, given| {
            next == given
                || next.0 == given.0 && given.1.is_none() && {
                    given.1 = next.1.take();
                    true
                }
        });
    }

    /// The principals that have a permission, themselves or by name of a group, in alphabetical order.
    pub fn of(&self, permission: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(name, _)| name == permission).filter_map(|(_, who)| who.as_deref())
    }

    /// All permissions named, with their principals, both in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
        let named = self.0.chunk_by(|(one, _), (other, _)| one == other);
        named.map(|given| (&*given[0].0, given.iter().filter_map(|(_, who)| who.as_deref())))
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

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permissions ")?;
        f.debug_map().entries(self.iter().map(|(name, whom)| (name, whom.collect::<Vec<_>>()))).finish()
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter().map(|(name, whom)| (name, whom.collect::<Vec<_>>())))
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

        /// Puts the principals of one permission behind what is there.
        struct Principals<'a> {
            name: Name,
            of: &'a mut Vec<Given>,
        }

        impl<'de> DeserializeSeed<'de> for Principals<'_> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
                from.deserialize_seq(self)
            }
        }

        impl<'de> Visitor<'de> for Principals<'_> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of principals")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
                let mut who = seq.next_element::<String>()?;
                // Mostly it is one, who may write.
                if self.of.is_empty() {
                    self.of.reserve_exact(1);
                }
                let nobody = who.is_none();
                while let Some(one) = who {
                    self.of.push((self.name.clone(), Some(one)));
                    who = seq.next_element()?;
                }
                if nobody {
                    self.of.push((self.name, None));
                }
                Ok(())
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
                while let Some(Named(name)) = map.next_key()? {
                    // Of a name that is told twice the last counts.
                    permissions.0.retain(|(told, _)| *told != name);
                    map.next_value_seed(Principals { name, of: &mut permissions.0 })?;
                }
                permissions.put_in_order();
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
    fn a_permission_is_empty_until_somebody_has_it() {
        let empty = Permissions::new().read([""; 0]).read([""; 0]).write(["a"]);
        assert_eq!(serde_json::to_string(&empty).unwrap(), r#"{"read":[],"write":["a"]}"#);
        let given = empty.write([""; 0]).read(["c", "b"]).read(["c"]);
        assert_eq!(given, Permissions::new().write(["a"]).read(["b", "c"]));
        assert_eq!(
            given.iter().map(|(name, whom)| (name, whom.count())).collect::<Vec<_>>(),
            [("read", 2), ("write", 1)]
        );
    }

    #[test]
    fn of_a_name_that_is_told_twice_the_last_counts() {
        let read = |text| serde_json::from_str::<Permissions>(text).unwrap();
        assert_eq!(read(r#"{"read":["a"],"read":["b"]}"#), Permissions::new().read(["b"]));
        assert_eq!(read(r#"{"read":["a"],"write":["a"],"read":[]}"#), Permissions::new().read([""; 0]).write(["a"]));
    }
}
