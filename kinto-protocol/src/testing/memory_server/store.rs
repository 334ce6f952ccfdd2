//! What the model of a server keeps.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::object::JsonMap;

/// Which principals have which permission. None of them is empty.
pub(super) type Acl = BTreeMap<String, BTreeSet<String>>;

/// All lists, by their paths.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// The time, in milliseconds since 1970. It moves by one with each write.
    now: i64,
    lists: BTreeMap<String, List>,
    /// How many ids were made.
    pub(super) made: u64,
}

/// The objects of one list, and what is known of those that were.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) objects: BTreeMap<String, Stored>,
    pub(super) tombstones: BTreeMap<String, i64>,
    /// Its timestamp.
    pub(super) at: i64,
}

/// An object.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) at: i64,
    /// Without what the server gives itself.
    pub(super) data: JsonMap,
    pub(super) permissions: Acl,
}

impl Stored {
    /// Its data as the server gives them.
    pub(super) fn shown(&self, id: &str) -> Value {
        let mut data = self.data.clone();
        data.insert("id".into(), id.into());
        data.insert("last_modified".into(), self.at.into());
        data.into()
    }

    /// Its permissions, as far as this principal may see them.
    pub(super) fn visible(&self, who: &str) -> Value {
        let sees = self.permissions.get("write").is_some_and(|whom| whom.contains(who));
        if sees { serde_json::json!(self.permissions) } else { serde_json::json!({}) }
    }
}

impl Store {
    /// With nothing in it, at this time.
    pub(super) fn at(now: i64) -> Self {
        Self { now, ..Self::default() }
    }

    /// A list. It has its timestamp from when it was first looked at.
    pub(super) fn list(&mut self, path: &str) -> &mut List {
        if !self.lists.contains_key(path) {
            self.now += 1;
            self.lists.insert(path.to_owned(), List { at: self.now, ..List::default() });
        }
        self.lists.entry(path.to_owned()).or_default()
    }

    pub(super) fn object(&self, path: &str, id: &str) -> Option<&Stored> {
        self.lists.get(path)?.objects.get(id)
    }

    /// The timestamp of the next write to a list. That which is wished for, if it is newer than what is there: else
    /// that of the list moves on.
    pub(super) fn stamp(&mut self, path: &str, wished: Option<i64>, there: Option<i64>) -> i64 {
        self.list(path);
        self.now += 1;
        let now = self.now;
        let list = self.list(path);
        match wished.filter(|wished| there.is_none_or(|there| *wished > there)) {
            // No two writes of a list have the newest one.
            Some(wished) if wished == list.at => list.at += 1,
            // In the past, nobody who polls will ever see it.
            Some(wished) if wished < list.at => return wished,
            Some(wished) => list.at = wished,
            None => list.at = now.max(list.at + 1),
        }
        list.at
    }

    /// Writes an object.
    pub(super) fn put(&mut self, path: &str, id: &str, object: Stored) {
        let list = self.list(path);
        list.tombstones.remove(id);
        list.objects.insert(id.to_owned(), object);
    }

    /// Deletes an object and all that is in it, of which nothing remains. The timestamp of its tombstone.
    pub(super) fn delete(&mut self, path: &str, id: &str, wished: Option<i64>) -> i64 {
        let there = self.object(path, id).map(|object| object.at);
        let at = self.stamp(path, wished, there);
        let list = self.list(path);
        list.objects.remove(id);
        list.tombstones.insert(id.to_owned(), at);
        let within = format!("{path}/{id}/");
        self.lists.retain(|path, _| !path.starts_with(&within));
        at
    }
}
