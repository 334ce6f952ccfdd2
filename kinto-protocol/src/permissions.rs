//! Who may do what with an object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
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
        self.add(permission.into(), principals);
        self.put_in_order();
        self
    }

    /// With each of these granted.
    pub(crate) fn of_each<N: Into<String>, P: Into<String>>(
        all: impl IntoIterator<Item = (N, impl IntoIterator<Item = P>)>,
    ) -> Self {
        let mut permissions = Self::default();
        all.into_iter().for_each(|(name, whom)| permissions.add(name.into(), whom));
        permissions.put_in_order();
        permissions
    }

    fn add<P: Into<String>>(&mut self, permission: String, principals: impl IntoIterator<Item = P>) {
        let name = Name::Owned(permission);
        self.0.extend(principals.into_iter().map(|who| (name.clone(), Some(who.into()))));
        self.0.push((name, None));
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
        let names = visible.iter().map(|(name, _)| (Name::Owned(name.to_owned()), None));
        let mut named = Self(self.0.into_iter().chain(names).collect());
        named.put_in_order();
        named
    }

    /// Whether none is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of a name that is told twice the last counts: what comes after its last mark, which is a name without a principal.
fn leave_the_last(told: &mut Vec<Given>) {
    if told.iter().all(|(_, who)| who.is_some()) {
        return;
    }
    told.sort_by(|(one, _), (other, _)| one.cmp(other));
    // From the end.
    told.reverse();
    let mut over = None;
    told.retain(|(name, who)| {
        let counts = over.as_ref() != Some(name);
        if counts && who.is_none() {
            over = Some(name.clone());
        }
        counts
    });
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permissions ")?;
        f.debug_map().entries(self.iter().map(|(name, whom)| (name, whom.collect::<Vec<_>>()))).finish()
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Not everything that is written by serde can be without the length before it.
        let mut map = to.serialize_map(Some(self.iter().count()))?;
        for (name, whom) in self.iter() {
            map.serialize_entry(name, &whom.collect::<Vec<_>>())?;
        }
        map.end()
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
                if self.of.is_empty() && who.is_some() {
                    // Mostly it is one, who may write.
                    self.of.reserve_exact(1);
                } else {
                    // Here begins what counts, if its name was told before.
                    self.of.push((self.name.clone(), None));
                }
                while let Some(one) = who {
                    self.of.push((self.name.clone(), Some(one)));
                    who = seq.next_element()?;
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
                    map.next_value_seed(Principals { name, of: &mut permissions.0 })?;
                }
                leave_the_last(&mut permissions.0);
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
    fn they_are_what_a_map_of_sets_is() {
        use std::collections::{BTreeMap, BTreeSet};

        let mut dice = 1_u32;
        let mut roll = |sides| {
            dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            dice >> 16 & sides
        };
        for _ in 0..5_000 {
            let (mut model, mut told) = (BTreeMap::new(), Vec::new());
            for _ in 0..roll(7) {
                let name = ["write", "read", "x:y", "a"][roll(3) as usize];
                let whom: Vec<String> = (0..roll(3)).map(|_| roll(3).to_string()).collect();
                told.push(format!("\"{name}\":{whom:?}"));
                model.insert(name.to_owned(), whom.into_iter().collect::<BTreeSet<_>>());
            }
            let text = format!("{{{}}}", told.join(","));
            let read = serde_json::from_str::<Permissions>(&text).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&model).unwrap(), "{text}");
            assert_eq!(read, Permissions::of_each(model), "{text}");
        }
    }

    #[test]
    fn however_many_are_told_they_are_read_in_one_go() {
        // With a look at all before it for each of them, this would not come to its end.
        let names = (0..200_000).rev().map(|n| format!("\"{n:06}\":[\"a\"]")).collect::<Vec<_>>().join(",");
        let many: Permissions = serde_json::from_str(&format!("{{{names}}}")).unwrap();
        assert_eq!(many.iter().count(), 200_000);
        assert_eq!(Permissions::new().naming_all_of(&many).iter().filter(|(name, _)| name.len() == 6).count(), 200_000);
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
        let three = read(r#"{"x":[],"read":["a"],"write":["w"],"read":["c","b"],"x":["y"],"read":["b","c","b"]}"#);
        assert_eq!(three, Permissions::new().read(["b", "c"]).write(["w"]).grant("x", ["y"]));
    }
}
