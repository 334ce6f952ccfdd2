//! Changes since a cursor: a copy that is to be what is there, whatever happens.

use std::collections::BTreeMap;

use kinto_protocol::{
    Cursor, Entry, FullRead, GetChanges, JsonMap, Permissions, Resource, Result, Timestamp, bucket, buckets,
};
use serde_json::json;

use crate::context::{Kinto, refused};
use crate::driver::Driver;

/// A copy of a list, and who keeps it.
struct Copy<'a, D> {
    client: &'a D,
    list: Resource,
    cursor: Cursor,
    there: BTreeMap<String, JsonMap>,
}

impl<'a, D: Driver> Copy<'a, D> {
    fn of(client: &'a D, list: &Resource) -> Self {
        Self { client, list: list.clone(), cursor: Cursor::default(), there: BTreeMap::new() }
    }

    /// Brings it up to date, by what is told, and says what was.
    fn update(&mut self) -> (Vec<String>, Option<FullRead>) {
        let changes = self.client.send(self.list.changes(&self.cursor)).unwrap();
        if changes.is_full() {
            self.there.clear();
        }
        let told = changes.items.into_iter().map(|item| self.take(item)).collect();
        // Kept in a file in the meantime, and in another the next time.
        let saved = serde_json::to_string(&changes.cursor).unwrap();
        let saved = serde_json::from_str::<Cursor>(&saved).unwrap().to_string();
        self.cursor = Cursor::from(saved.as_str());
        assert_eq!(self.cursor, changes.cursor);
        (told, changes.full)
    }

    fn take(&mut self, item: Entry) -> String {
        match item {
            Entry::Live(object) => {
                self.there.insert(object.id.clone(), object.data);
                object.id
            }
            Entry::Deleted(tombstone) => {
                self.there.remove(&tombstone.id);
                format!("-{}", tombstone.id)
            }
        }
    }

    /// Whether it is what this client sees.
    fn is_right(&self) -> bool {
        let there = self.client.send(self.list.list()).unwrap().into_iter();
        there.map(|object| (object.id, object.data)).collect::<BTreeMap<_, _>>() == self.there
    }
}

/// In their order.
fn told(ids: &[&str]) -> (Vec<String>, Option<FullRead>) {
    (ids.iter().map(|id| (*id).to_owned()).collect(), None)
}

/// The cursor as it is when the last change is long ago.
fn later(cursor: &Cursor) -> Cursor {
    let text = cursor.to_string();
    let mut parts: Vec<&str> = text.split(' ').collect();
    parts[4] = parts[3];
    // What it remembers is counted from there on.
    let newest = parts[6].rsplit(',').next().unwrap();
    let newest = format!("1{}", &newest[newest.len() - 8..]);
    parts[6] = &newest;
    Cursor::from(parts.join(" ").as_str())
}

pub(crate) fn what_is_new_and_what_is_gone<D: Driver>(kinto: &Kinto<D>) {
    // The collections last, as the records are in one.
    for kind in kinto.kinds().iter().skip(1).rev() {
        let (name, all) = (kind.name, &kind.resource);
        let mut copy = Copy::of(&kinto.alice, all);
        let before: Vec<String> = kinto.alice.send(all.list()).unwrap().into_iter().map(|object| object.id).collect();
        assert_eq!(copy.update(), (before, Some(FullRead::First)), "{name}");
        assert_eq!(copy.update(), told(&[]), "{name}");

        let put = |id: &str, n: u32| kinto.alice.send(all.replace(id, &kind.data(json!({"n": n})))).unwrap();
        for id in ["x", "y", "z"] {
            kinto.alice.send(all.create(id, &kind.data(json!({"n": 1})))).unwrap();
        }
        assert_eq!(copy.update(), told(&["x", "y", "z"]), "{name}");
        put("x", 2);
        kinto.alice.send(all.delete("y")).unwrap();
        put("z", 2);
        put("x", 3);
        assert_eq!(copy.update(), told(&["-y", "z", "x"]), "{name}");
        assert_eq!(copy.update(), told(&[]), "{name}");
        // What is made again under the same id, and what was never seen.
        kinto.alice.send(all.create("y", &kind.data(json!({"n": 4})))).unwrap();
        kinto.alice.send(all.create("short", &kind.data(json!({"n": 4})))).unwrap();
        kinto.alice.send(all.delete("short")).unwrap();
        assert_eq!(copy.update(), told(&["y", "-short"]), "{name}");
        kinto.alice.send(all.delete_all()).unwrap();
        copy.update();
        assert!(copy.is_right() && copy.there.is_empty(), "{name}");
    }
}

pub(crate) fn where_all_are_ones_own<D: Driver>(kinto: &Kinto<D>) {
    // The buckets that one may read are all that one sees of the list.
    let mine = buckets();
    let mut copy = Copy::of(&kinto.alice, &mine);
    assert_eq!(copy.update().1, Some(FullRead::First));
    kinto.make_bucket();
    assert_eq!(copy.update().1, Some(FullRead::Hidden));
    assert!(copy.there.contains_key(&kinto.id));
    kinto.alice.send(mine.delete(kinto.id.as_str())).unwrap();
    copy.update();
    assert!(!copy.there.contains_key(&kinto.id));
}

pub(crate) fn in_small_pages<D: Driver>(kinto: &Kinto<D>) {
    let kinto = kinto.with_small_pages();
    let records = kinto.records();
    let mut copy = Copy::of(&kinto.alice, &records);
    for round in 0..3 {
        for n in 0..7 {
            kinto.alice.send(records.replace(format!("r{n}"), &json!({"n": round})).overwrite()).unwrap();
        }
        assert_eq!(copy.update().0.len(), 7);
        assert!(copy.is_right());
    }
    kinto.alice.send(records.delete_all()).unwrap();
    assert_eq!(copy.update().0.len(), 7);
    assert!(copy.is_right());
}

pub(crate) fn as_it_was_long_ago<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({}));
    let mut copy = Copy::of(&kinto.alice, &records);
    copy.update();
    copy.cursor = later(&copy.cursor);
    // Not even looked at: it would be another cursor.
    let before = copy.cursor.clone();
    assert_eq!(copy.update(), told(&[]));
    assert_eq!(copy.cursor, before);
    kinto.record(&records, "b", json!({}));
    assert_eq!(copy.update(), told(&["b"]));
    kinto.alice.send(records.delete("a")).unwrap();
    copy.cursor = later(&copy.cursor);
    assert_eq!(copy.update(), told(&["-a"]));
    assert!(copy.is_right());
}

pub(crate) fn what_changes_while_it_is_read<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for n in 0..8 {
        kinto.record(&records, &format!("r{n}"), json!({"n": 0}));
    }
    let mut copy = Copy::of(&kinto.alice, &records);
    // First all of them, then what changed.
    for round in 1..3 {
        let changes: GetChanges<JsonMap> = records.changes(&copy.cursor).page_size(3);
        let mut pages = changes.pages();
        let mut met = Vec::new();
        let mut number = 0;
        while let Some(page) = kinto.alice.send(&mut pages).unwrap() {
            met.extend(page.items.into_iter().map(|item| copy.take(item)));
            number += 1;
            if number == 1 {
                // One of those that were met, and one that was not yet; and another that is now met twice.
                for n in [0, 7] {
                    kinto.alice.send(records.delete(format!("r{n}"))).unwrap();
                }
                kinto.alice.send(records.replace("r1", &json!({"n": round}))).unwrap();
                kinto.alice.send(records.replace("r5", &json!({"n": round}))).unwrap();
            }
        }
        assert!(number > 2 && met.iter().any(|id| id == "r5"), "{met:?}");
        copy.cursor = pages.cursor().unwrap().clone();
        copy.update();
        assert!(copy.is_right(), "{round}");
        for n in [0, 2, 3, 4, 6, 7] {
            kinto.alice.send(records.replace(format!("r{n}"), &json!({"n": round})).overwrite()).unwrap();
        }
    }
}

pub(crate) fn s15_deleted_and_made_anew<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let collections = kinto.bucket().collections();
    for id in ["a", "b", "c"] {
        kinto.record(&records, id, json!({"n": 1}));
    }
    let anew = || {
        kinto.alice.send(collections.delete("c")).unwrap();
        kinto.alice.send(collections.create("c", &json!({}))).unwrap();
    };
    let mut copy = Copy::of(&kinto.alice, &records);
    copy.update();
    anew();
    assert_eq!(copy.update(), (vec![], Some(FullRead::Recreated)));
    assert_eq!(copy.update(), told(&[]));

    for id in ["a", "b", "c"] {
        kinto.record(&records, id, json!({"n": 2}));
    }
    assert_eq!(copy.update(), told(&["a", "b", "c"]));
    copy.cursor = later(&copy.cursor);
    anew();
    // The same ids, but for one of which nobody says that it is gone.
    for id in ["a", "c"] {
        kinto.record(&records, id, json!({"n": 3}));
    }
    assert_eq!(copy.update(), (vec!["a".into(), "c".into()], Some(FullRead::Recreated)));
    assert!(copy.is_right());

    // The same collection with other attributes is none.
    copy.cursor = later(&copy.cursor);
    kinto.alice.send(collections.replace("c", &json!({"title": "é"}))).unwrap();
    kinto.record(&records, "d", json!({}));
    assert_eq!(copy.update(), told(&["d"]));
    // Nor is one all of whose last changes were changed once more.
    copy.cursor = later(&copy.cursor);
    kinto.alice.send(collections.replace("c", &json!({"title": "è"}))).unwrap();
    kinto.record(&records, "e", json!({}));
    copy.update();
    copy.cursor = later(&copy.cursor);
    kinto.alice.send(records.replace("e", &json!({"n": 4}))).unwrap();
    let (ids, full) = copy.update();
    assert!(ids.contains(&"e".to_owned()) && copy.is_right());
    // That it was not made anew, nothing shows: it is read as a whole.
    assert_eq!(full, Some(FullRead::Recreated));

    kinto.alice.send(collections.delete("c")).unwrap();
    assert!(refused(kinto.alice.send(records.changes(&copy.cursor))).is_not_found());
    kinto.alice.send(buckets().delete(kinto.id.as_str())).unwrap();
    assert!(refused(kinto.alice.send(records.changes(&copy.cursor))).is_forbidden());
    kinto.records();
    assert_eq!(copy.update(), (vec![], Some(FullRead::Recreated)));
}

pub(crate) fn s16_what_is_only_shared<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for id in ["a", "b", "c"] {
        kinto.record(&records, id, json!({}));
    }
    let bob = || Permissions::new().read(["account:bob"]);
    for id in ["a", "b"] {
        kinto.alice.send(records.share(id, bob())).unwrap();
    }
    let mut copy = Copy::of(&kinto.bob, &records);
    let all = |ids: &[&str], why| (ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(), Some(why));
    assert_eq!(copy.update(), all(&["a", "b"], FullRead::First));
    kinto.alice.send(records.delete("a")).unwrap();
    assert_eq!(copy.update(), all(&["b"], FullRead::Hidden));
    kinto.alice.send(records.delete("c")).unwrap();
    assert_eq!(copy.update(), all(&["b"], FullRead::Hidden));
    kinto.alice.send(records.unshare("b", bob())).unwrap();
    assert!(refused(kinto.bob.send(records.changes(&copy.cursor))).is_forbidden());

    // Who was shown all of it, and is no longer.
    kinto.record(&records, "d", json!({}));
    let collections = kinto.bucket().collections();
    kinto.alice.send(collections.share("c", bob())).unwrap();
    let mut copy = Copy::of(&kinto.bob, &records);
    assert_eq!(copy.update(), all(&["b", "d"], FullRead::First));
    kinto.alice.send(records.share("b", bob())).unwrap();
    // And what was deleted shortly before it was read, as that may have been committed late.
    assert_eq!(copy.update(), told(&["-a", "-c", "b"]));
    kinto.alice.send(collections.unshare("c", bob())).unwrap();
    kinto.alice.send(records.delete("d")).unwrap();
    assert_eq!(copy.update().1, Some(FullRead::Hidden));
    assert!(copy.is_right() && copy.there.len() == 1);
    assert_eq!(copy.update(), all(&["b"], FullRead::Hidden));
}

pub(crate) fn what_one_may_only_add_to<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({}));
    let permissions = Permissions::new().grant("record:create", ["account:bob"]);
    kinto.alice.send(kinto.bucket().collections().share("c", permissions)).unwrap();
    kinto.bob.send(records.create("b", &json!({}))).unwrap();
    // Of this collection Bob sees its attributes, and what is his.
    let mut copy = Copy::of(&kinto.bob, &records);
    assert_eq!(copy.update(), (vec!["b".into()], Some(FullRead::First)));
    kinto.alice.send(records.delete("b")).unwrap();
    assert_eq!(copy.update(), (vec![], Some(FullRead::Hidden)));
    kinto.bob.send(records.create("c", &json!({}))).unwrap();
    assert_eq!(copy.update(), (vec!["c".into()], Some(FullRead::Hidden)));
}

pub(crate) fn of_another_place<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({}));
    kinto.alice.send(kinto.bucket().collections().create("d", &json!({}))).unwrap();
    let cursor = kinto.alice.send(records.changes(&Cursor::default())).unwrap().cursor;
    let why = |client: &D, records: &Resource| client.send(records.changes(&cursor)).map(|changes| changes.full);
    assert_eq!(why(&kinto.alice, &records).unwrap(), None);
    let other = bucket(&kinto.id).collection("d").records();
    assert_eq!(why(&kinto.alice, &other).unwrap(), Some(FullRead::OtherList));
    let there = kinto.with_small_pages();
    assert_eq!(why(&there.alice, &there.records()).unwrap(), Some(FullRead::OtherList));
}

pub(crate) fn s14_forced_into_the_past<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({}));
    let mut copy = Copy::of(&kinto.alice, &records);
    copy.update();
    kinto.record(&records, "past", json!({"last_modified": 1000}));
    assert_eq!(copy.update(), told(&[]), "only a full read sees it");
    copy.cursor = Cursor::default();
    copy.update();
    assert!(copy.is_right());
}

pub(crate) fn s40_ahead_of_the_clock<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let mut copy = Copy::of(&kinto.alice, &records);
    copy.update();
    let future = Timestamp::from_millis(99_999_999_999_999);
    kinto.record(&records, "future", json!({"last_modified": future}));
    assert_eq!(copy.update(), told(&["future"]));
    assert_eq!(copy.cursor.timestamp(), Some(future));
    kinto.record(&records, "next", json!({}));
    assert_eq!(copy.update(), told(&["next"]));
    kinto.alice.send(records.delete("future")).unwrap();
    assert_eq!(copy.update(), told(&["-future"]));
    assert_eq!(copy.update(), told(&[]));
    // As if the clock had been ahead, and were set back.
    copy.cursor = later(&copy.cursor);
    assert_eq!(copy.update(), told(&[]), "it is the same");
    kinto.record(&records, "more", json!({}));
    let result: Result<_> = kinto.alice.send(records.changes(&copy.cursor));
    assert_eq!(result.unwrap().full, Some(FullRead::Refused));
    copy.update();
    assert!(copy.is_right());
}
