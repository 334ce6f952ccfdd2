//! JSON in: the server's envelope around the caller's types, in one pass and without a tree in between.
//!
//! An object's own fields (`id`, `last_modified`) and the caller's stand side by side in `data`. They are told apart
//! while they stream past: [`Fields`] hands the caller's type everything else, and the server's fields only if it is a
//! struct that has fields of these names. `#[serde(flatten)]` would do the same through a buffer, at twice the cost.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::Value;

use crate::grant::Grant;
use crate::object::{Entry, JsonMap, Object, Tombstone};
use crate::permissions::Permissions;
use crate::timestamp::Timestamp;

/// What a list can be made of.
pub trait ListItem: Sized + Send + sealed::Sealed {
    /// Reads `{"data": [{…}, …]}`, and puts what is in it behind what is there.
    #[doc(hidden)]
    fn list(text: &str, items: &mut Vec<Self>) -> serde_json::Result<()>;

    /// Only some of its fields were asked for.
    #[doc(hidden)]
    fn mark_partial(&mut self) {}
}

#[allow(unnameable_types, reason = "sealed: no other implementations")]
mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Object<T> {}
    impl<T> Sealed for super::Entry<T> {}
    impl Sealed for super::Grant {}
}

impl<T: DeserializeOwned + Send> ListItem for Object<T> {
    fn list(text: &str, items: &mut Vec<Self>) -> serde_json::Result<()> {
        let live = |entry| match entry {
            Entry::Live(object) => Some(object),
            Entry::Deleted(_) => None,
        };
        envelope(text, ListSeed::new(text, items, false, live)).map(drop)
    }

    fn mark_partial(&mut self) {
        self.partial = true;
    }
}

impl<T: DeserializeOwned + Send> ListItem for Entry<T> {
    fn list(text: &str, items: &mut Vec<Self>) -> serde_json::Result<()> {
        envelope(text, ListSeed::new(text, items, true, Some)).map(drop)
    }

    fn mark_partial(&mut self) {
        if let Self::Live(object) = self {
            object.partial = true;
        }
    }
}

/// They have neither a timestamp nor, all of them, an id.
impl ListItem for Grant {
    fn list(text: &str, items: &mut Vec<Self>) -> serde_json::Result<()> {
        envelope(text, PhantomData::<Vec<Self>>).map(|(all, _)| items.extend(all))
    }
}

/// `{"data": [{…}, …]}`.
pub(crate) fn list<I: ListItem>(text: &str) -> serde_json::Result<Vec<I>> {
    let mut items = Vec::new();
    I::list(text, &mut items).map(|()| items)
}

/// `{"data": {…}, "permissions": {…}}`.
pub(crate) fn object<T: DeserializeOwned>(text: &str) -> serde_json::Result<Object<T>> {
    // What is answered alone is there, even if it looks like a tombstone: `deleted` may be a field of the caller's.
    let mut found = None;
    let ((), permissions) =
        envelope(text, EntrySeed::<T, _> { may_be_dead: false, put: |entry| found = Some(entry), of: PhantomData })?;
    match found {
        Some(Entry::Live(object)) => Ok(Object { permissions, ..object }),
        _ => Err(serde_json::Error::custom("a deleted object")),
    }
}

/// `{"data": {…}}`, dead or alive.
pub(crate) fn tombstone(text: &str) -> serde_json::Result<Tombstone> {
    envelope(text, PhantomData).map(|(tombstone, _)| tombstone)
}

/// `{"data": [{…}, …]}`, all of them deleted.
pub(crate) fn tombstones(text: &str) -> serde_json::Result<Vec<Tombstone>> {
    envelope(text, PhantomData).map(|(tombstones, _)| tombstones)
}

/// The name of a member. By itself, `Cow` would take a copy.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads the envelope, its `data` by the seed.
fn envelope<'de, D: DeserializeSeed<'de>>(
    text: &'de str,
    data: D,
) -> serde_json::Result<(D::Value, Option<Permissions>)> {
    struct EnvelopeVisitor<D>(D);

    impl<'de, D: DeserializeSeed<'de>> Visitor<'de> for EnvelopeVisitor<D> {
        type Value = (D::Value, Option<Permissions>);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with a member \"data\"")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut seed = Some(self.0);
            let (mut data, mut permissions) = (None, None);
            while let Some(Name(key)) = map.next_key()? {
                match &*key {
                    "data" => {
                        let seed = seed.take().ok_or_else(|| A::Error::duplicate_field("data"))?;
                        data = Some(map.next_value_seed(seed)?);
                    }
                    // An empty object is what the server shows to those who may not see them.
                    "permissions" => {
                        permissions = map.next_value::<Option<Permissions>>()?.filter(|shown| !shown.is_empty());
                    }
                    _ => {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
            }
            Ok((data.ok_or_else(|| A::Error::missing_field("data"))?, permissions))
        }
    }

    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(EnvelopeVisitor(data))?;
    json.end()?;
    Ok(read)
}

/// `{"metadata": {…}, "timestamp": …, "changes": [{…}, …]}`.
pub(crate) fn changeset<T: DeserializeOwned>(text: &str) -> serde_json::Result<(JsonMap, Timestamp, Vec<Entry<T>>)> {
    struct ChangesetVisitor<T>(PhantomData<T>);

    impl<'de, T: DeserializeOwned> Visitor<'de> for ChangesetVisitor<T> {
        type Value = (JsonMap, Timestamp, Vec<Entry<T>>);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a changeset")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let (mut metadata, mut timestamp, mut changes, mut all) = (None, None, None, Vec::new());
            while let Some(Name(key)) = map.next_key()? {
                match &*key {
                    "metadata" => metadata = Some(map.next_value()?),
                    "timestamp" => timestamp = Some(map.next_value()?),
                    "changes" => {
                        all.clear();
                        changes = Some(map.next_value_seed(ListSeed::new("", &mut all, true, Some))?);
                    }
                    _ => {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
            }
            let missing = A::Error::missing_field;
            let metadata = metadata.ok_or_else(|| missing("metadata"))?;
            let timestamp = timestamp.ok_or_else(|| missing("timestamp"))?;
            changes.ok_or_else(|| missing("changes"))?;
            Ok((metadata, timestamp, all))
        }
    }

    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(ChangesetVisitor(PhantomData))?;
    json.end()?;
    Ok(read)
}

/// One member of a list, of what was read already.
#[cfg(feature = "signatures")]
pub(crate) fn entry<T: DeserializeOwned>(value: Value) -> serde_json::Result<Entry<T>> {
    let mut found = None;
    EntrySeed { may_be_dead: true, put: |entry| found = Some(entry), of: PhantomData }.deserialize(value)?;
    found.ok_or_else(|| serde_json::Error::custom("no object"))
}

/// Reads the members of a list, and puts what is made of them behind what is there.
struct ListSeed<'a, T, I, F> {
    items: &'a mut Vec<I>,
    may_be_dead: bool,
    take: F,
    of: PhantomData<T>,
}

impl<'a, T, I, F> ListSeed<'a, T, I, F> {
    /// For a list in this text.
    fn new(text: &str, items: &'a mut Vec<I>, may_be_dead: bool, take: F) -> Self {
        // Most objects are smaller than that in JSON, and what is set aside is never more than the text itself.
        items.reserve(text.len() / size_of::<I>().max(1024));
        Self { items, may_be_dead, take, of: PhantomData }
    }
}

impl<'de, T: DeserializeOwned, I, F: Fn(Entry<T>) -> Option<I>> DeserializeSeed<'de> for ListSeed<'_, T, I, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned, I, F: Fn(Entry<T>) -> Option<I>> Visitor<'de> for ListSeed<'_, T, I, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { items, may_be_dead, take, .. } = self;
        let mut put = |entry| {
            if let Some(item) = take(entry) {
                items.push(item);
            }
        };
        while seq.next_element_seed(EntrySeed::<T, _> { may_be_dead, put: &mut put, of: PhantomData })?.is_some() {}
        Ok(())
    }
}

/// Reads one member of a list. It is put where it belongs from here: on its way back it would be moved again and again.
struct EntrySeed<T, P> {
    may_be_dead: bool,
    put: P,
    of: PhantomData<T>,
}

impl<'de, T: DeserializeOwned, P: FnMut(Entry<T>)> DeserializeSeed<'de> for EntrySeed<T, P> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned, P: FnMut(Entry<T>)> Visitor<'de> for EntrySeed<T, P> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an id")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut own = Own::default();
        let data = T::deserialize(Fields { map: &mut map, own: &mut own, wanted: None, held: Held::InMap });
        if data.is_err() && self.may_be_dead && !own.others {
            // The caller's type need not be able to read a tombstone: whether it is one shows in the rest of it.
            let mut rest = Fields { map: &mut map, own: &mut own, wanted: None, held: Held::InMap };
            while rest.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        }
        let Own { id, last_modified, deleted, others } = own;
        // A tombstone has exactly three members.
        let dead = self.may_be_dead && deleted && !others;
        let data = match data {
            Err(error) if !dead => return Err(error),
            data => data,
        };
        let (Some(id), Some(last_modified)) = (id, last_modified) else {
            return Err(A::Error::custom("an object without id or last_modified"));
        };
        (self.put)(match data {
            Ok(data) if !dead => {
                Entry::Live(Object { id, last_modified, data, permissions: None, repeated: false, partial: false })
            }
            _ => Entry::Deleted(Tombstone { id, last_modified, repeated: false }),
        });
        Ok(())
    }
}

/// The server's own fields of an object, as they were met.
#[derive(Default)]
struct Own {
    id: Option<String>,
    last_modified: Option<Timestamp>,
    deleted: bool,
    /// Whether there were any besides these three.
    others: bool,
}

/// The fields of `data` that the caller's type gets to see.
struct Fields<'a, A> {
    map: &'a mut A,
    own: &'a mut Own,
    /// The names of the fields of the caller's struct; `None` for a map, which gets all but the server's own.
    wanted: Option<&'static [&'static str]>,
    held: Held,
}

/// Where the value of the current key is.
enum Held {
    InMap,
    Json(Value),
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Fields<'_, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.wanted = Some(fields);
        visitor.visit_map(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_newtype_struct(self)
    }

    /// `()` is for those who do not want to see the data.
    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, A::Error> {
        while self.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let mut seed = Some(seed);
        loop {
            let Some(key) = self.map.next_key_seed(KeySeed { seed: &mut seed, wanted: self.wanted })? else {
                return Ok(None);
            };
            // Most are the caller's, whose values stay in the map: nothing is put in between for these.
            match key.of {
                KeyOf::Caller => self.own.others = true,
                KeyOf::Id => {
                    let id: String = self.map.next_value()?;
                    if key.passed.is_some() {
                        self.held = Held::Json(id.as_str().into());
                    }
                    self.own.id = Some(id);
                }
                KeyOf::LastModified => {
                    let at: Timestamp = self.map.next_value()?;
                    self.own.last_modified = Some(at);
                    if key.passed.is_some() {
                        self.held = Held::Json(at.as_millis().into());
                    }
                }
                // A live object may have a field of this name, of any type.
                KeyOf::Deleted => {
                    let value: Value = self.map.next_value()?;
                    self.own.deleted = value == Value::Bool(true);
                    if key.passed.is_some() {
                        self.held = Held::Json(value);
                    }
                }
            }
            if key.passed.is_some() {
                return Ok(key.passed);
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match std::mem::replace(&mut self.held, Held::InMap) {
            Held::InMap => self.map.next_value_seed(seed),
            // As JSON, of which options and wrappers can be read as well.
            Held::Json(value) => seed.deserialize(value).map_err(A::Error::custom),
        }
    }
}

/// Reads a key, tells whose it is, and passes it on if the caller's type is to see it.
struct KeySeed<'a, K> {
    seed: &'a mut Option<K>,
    wanted: Option<&'static [&'static str]>,
}

struct Key<K> {
    of: KeyOf,
    passed: Option<K>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyOf {
    Id,
    LastModified,
    Deleted,
    Caller,
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for KeySeed<'_, K> {
    type Value = Key<K::Value>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for KeySeed<'_, K> {
    type Value = Key<K::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    #[inline]
    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let of = match name {
            "id" => KeyOf::Id,
            "last_modified" => KeyOf::LastModified,
            "deleted" => KeyOf::Deleted,
            _ => KeyOf::Caller,
        };
        let own = matches!(of, KeyOf::Id | KeyOf::LastModified);
        let pass = match self.wanted {
            Some(fields) if of != KeyOf::Caller => fields.contains(&name),
            _ => !own,
        };
        let passed = match self.seed.take_if(|_| pass) {
            Some(seed) => Some(seed.deserialize(name.into_deserializer())?),
            None => None,
        };
        Ok(Key { of, passed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Todo {
        title: String,
        #[serde(default)]
        done: bool,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct WithOwn {
        last_modified: u64,
        id: String,
    }

    const ONE: &str =
        r#"{"permissions":{"write":["account:a"]},"data":{"title":"x","last_modified":7,"id":"milk"},"other":[1]}"#;

    #[test]
    fn the_servers_fields_are_apart() {
        let object = object::<Todo>(ONE).unwrap();
        assert_eq!((object.id.as_str(), object.last_modified.as_millis()), ("milk", 7));
        assert_eq!(object.data, Todo { title: "x".into(), done: false });
        assert_eq!(object.permissions.unwrap().of("write").collect::<Vec<_>>(), ["account:a"]);
    }

    #[test]
    fn but_a_type_that_asks_for_them_gets_them() {
        let object = object::<Option<WithOwn>>(ONE).unwrap();
        assert_eq!(object.data, Some(WithOwn { last_modified: 7, id: "milk".into() }));
        assert_eq!(object.id, "milk");
    }

    #[test]
    fn in_whatever_they_wrap_them() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Id(String);
        #[derive(Debug, Deserialize, PartialEq)]
        struct Wrapped {
            id: Option<Id>,
            last_modified: Option<Timestamp>,
            deleted: Option<bool>,
        }
        let read = object::<Wrapped>(ONE).unwrap().data;
        let expected =
            Wrapped { id: Some(Id("milk".into())), last_modified: Some(Timestamp::from_millis(7)), deleted: None };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_map_gets_the_rest_and_unit_nothing() {
        let map = object::<JsonMap>(ONE).unwrap();
        assert_eq!(Value::Object(map.data), json!({"title": "x"}));
        assert_eq!(object::<Value>(ONE).unwrap().data, json!({"title": "x"}));
        assert_eq!(object::<()>(ONE).unwrap().id, "milk");
        assert_eq!(object::<IgnoredAny>(ONE).unwrap().id, "milk");
    }

    #[test]
    fn hidden_permissions_are_not_empty_ones() {
        for text in
            [r#"{"data":{"id":"a","last_modified":1},"permissions":{}}"#, r#"{"data":{"id":"a","last_modified":1}}"#]
        {
            assert_eq!(object::<JsonMap>(text).unwrap().permissions, None);
        }
    }

    #[test]
    fn tombstones_have_three_members() {
        let text = r#"{"data":[{"id":"a","last_modified":1,"deleted":true},{"deleted":true,"id":"b","title":"x","last_modified":2},{"id":"c","last_modified":3,"deleted":"no","title":"y"}]}"#;
        #[derive(Debug, Deserialize)]
        struct T {
            title: String,
        }
        let entries = list::<Entry<T>>(text).unwrap();
        assert!(matches!(&entries[0], Entry::Deleted(t) if t.id == "a"));
        assert!(matches!(&entries[1], Entry::Live(o) if o.data.title == "x"));
        assert!(matches!(&entries[2], Entry::Live(o) if o.data.title == "y"));
        let maps = list::<Entry<JsonMap>>(text).unwrap();
        assert!(matches!(&maps[1], Entry::Live(o) if o.data["deleted"] == true));
        assert!(list::<Object<T>>(text).is_err(), "there is no title in the first");
        let live = list::<Object<JsonMap>>(text).unwrap();
        assert_eq!(live[0].data["deleted"], true, "where no deleted objects were asked for, it is a field like others");
        #[derive(Debug, Deserialize)]
        struct Odd {
            #[allow(dead_code, reason = "of another type than the server's")]
            deleted: Option<String>,
        }
        for text in [
            r#"{"data":[{"deleted":true,"id":"a","last_modified":1}]}"#,
            r#"{"data":[{"id":"a","last_modified":1,"deleted":true}]}"#,
        ] {
            assert!(matches!(&list::<Entry<Odd>>(text).unwrap()[0], Entry::Deleted(t) if t.id == "a"));
        }
        assert_eq!(
            object::<JsonMap>(r#"{"data":{"id":"a","last_modified":1,"deleted":true}}"#).unwrap().data["deleted"],
            true
        );
    }

    #[test]
    fn the_wrong_shape_is_an_error() {
        for text in [
            "null",
            "[]",
            "1",
            "\"x\"",
            "{}",
            r#"{"data":null}"#,
            r#"{"data":[]}"#,
            r#"{"data":{}}"#,
            r#"{"data":{"id":"a"}}"#,
            r#"{"data":{"id":1,"last_modified":1}}"#,
            r#"{"data":{"id":"a","last_modified":1.5}}"#,
            r#"{"data":{"id":"a","last_modified":"1"}}"#,
            r#"{"data":{"id":"a","last_modified":1}} x"#,
        ] {
            assert!(object::<JsonMap>(text).is_err(), "{text}");
        }
        for text in ["null", "{}", r#"{"data":null}"#, r#"{"data":{}}"#, r#"{"data":[1]}"#, r#"{"data":[{}]}"#] {
            assert!(list::<Object<JsonMap>>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn escaped_keys_are_keys_too() {
        assert_eq!(object::<JsonMap>(r#"{"d\u0061ta":{"\u0069d":"a","last_modified":1}}"#).unwrap().id, "a");
    }
}
