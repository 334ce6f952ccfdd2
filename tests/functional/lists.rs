//! Lists, for every kind of object: order, selection, pages, counts.

use std::iter;

use http::Method;
use kinto_protocol::{Conditional, Entry, ErrorKind, Listing, Object, Timestamp, field};
use serde_json::json;

use crate::context::{Kind, Kinto, map, raw, refused, status};
use crate::driver::Driver;

/// Five objects, `a` to `e`, with `n` from 1 to 5 and `half` of that.
fn five<D: Driver>(kinto: &Kinto<D>, kind: &Kind) -> Vec<Object> {
    let objects = iter::zip(["a", "b", "c5", "d", "e"], 1..);
    objects
        .map(|(id, n)| {
            let data = kind.data(json!({"n": n, "half": n / 2, "o": {"n": n}}));
            let created = kinto.alice.send(kind.resource.create(kind.id(id), &data)).unwrap();
            // Lists show no permissions.
            let mut listed = created.clone();
            listed.permissions = None;
            listed
        })
        .collect()
}

fn numbers(objects: &[Object]) -> Vec<u64> {
    objects.iter().map(|object| object.data["n"].as_u64().unwrap()).collect()
}

pub(crate) fn all_of_it_in_any_order<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, mut created) = (kind.name, five(kinto, &kind));
        let list = || kind.resource.list().filter(kind.own());
        let sorted = |key| numbers(&kinto.alice.send(list().sort(key)).unwrap().items);

        assert_eq!(kinto.alice.send(list().sort("n")).unwrap().items, created, "{name}");
        created.reverse();
        assert_eq!(kinto.alice.send(list()).unwrap().items, created, "{name}: the newest first");
        assert_eq!(sorted("-n"), [5, 4, 3, 2, 1], "{name}");
        assert_eq!(sorted("half,-n"), [1, 3, 2, 5, 4], "{name}");
        assert_eq!(numbers(&kinto.alice.send(list().sort("-half").sort("n")).unwrap().items), [4, 5, 2, 3, 1]);
        assert_eq!(sorted("+last_modified"), [1, 2, 3, 4, 5], "{name}");
        assert_eq!(sorted("o.n"), [1, 2, 3, 4, 5], "{name}");
        let error = refused(kinto.alice.send(list().sort("a-b")));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{name}");

        let nothing = kinto.alice.send(list().filter(field("n").eq(6))).unwrap();
        assert_eq!(nothing.items, [], "{name}");
        assert!(nothing.timestamp.is_some(), "{name}");
    }
}

/// Numbers as numbers, types one after the other, and what has none last.
pub(crate) fn values_of_all_types_in_order<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let values = [
        ("null", json!({"n": null})),
        ("text", json!({"n": "a"})),
        ("two", json!({"n": 2})),
        ("ten", json!({"n": 10})),
        ("true", json!({"n": true})),
        ("list", json!({"n": [1]})),
        ("object", json!({"n": {"a": 1}})),
        ("missing", json!({})),
    ];
    for (id, data) in values.iter().rev() {
        kinto.record(&records, id, data.clone());
    }
    let sorted = |key| -> Vec<String> {
        kinto.alice.send(records.list().sort(key)).unwrap().into_iter().map(|record| record.id).collect()
    };
    let mut expected = values.map(|(id, _)| id);
    assert_eq!(sorted("n"), expected);
    expected.reverse();
    assert_eq!(sorted("-n"), expected);
}

pub(crate) fn fields<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, created) = (kind.name, five(kinto, &kind));
        let list = kind.resource.list().filter(kind.own()).sort("n").fields(["o.n", "half", "nowhere"]);
        let listed = kinto.alice.send(list).unwrap().items;
        assert_eq!(listed.len(), 5, "{name}");
        for (object, created) in iter::zip(listed, created) {
            let n = created.data["n"].as_u64().unwrap();
            assert_eq!((&object.id, object.last_modified), (&created.id, created.last_modified), "{name}");
            assert_eq!(object.data, map(json!({"o": {"n": n}, "half": n / 2})), "{name}");
            // To write it back would be to lose the rest.
            assert_eq!(refused(kinto.alice.send(kind.resource.update(&object))).kind(), ErrorKind::Input, "{name}");
        }
    }
}

pub(crate) fn pages_and_limits<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, created) = (kind.name, five(kinto, &kind));
        let list = || kind.resource.list().filter(kind.own()).sort("n").page_size(2);

        let pages: Vec<Listing<Object>> = kinto.alice.pages(list()).map(Result::unwrap).collect();
        assert_eq!(pages.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [2, 2, 1], "{name}");
        assert!(pages.iter().all(|page| page.timestamp == pages[0].timestamp), "{name}");
        assert_eq!(pages.into_iter().flatten().collect::<Vec<_>>(), created, "{name}");

        let items: Vec<Object> = kinto.alice.items(list()).map(Result::unwrap).collect();
        assert_eq!(items, created, "{name}");
        assert_eq!(kinto.alice.send(list()).unwrap().items, created, "{name}");
        let exact: Vec<_> = kinto.alice.pages(list().page_size(5)).map(Result::unwrap).collect();
        assert_eq!(exact.len(), 1, "{name}: no empty page at the end");

        // The others the same, but for the time it takes.
        let limits: &[usize] = if kind.is("record") { &[0, 1, 2, 3, 5, 9] } else { &[3] };
        for &limit in limits {
            let wanted = &created[..limit.min(5)];
            let limited = || list().limit(limit as u64);
            assert_eq!(kinto.alice.send(limited()).unwrap().items, wanted, "{name}: {limit}");
            let items: Vec<Object> = kinto.alice.items(limited()).map(Result::unwrap).collect();
            assert_eq!(items, wanted, "{name}: {limit}");
            let whole = kind.resource.list().filter(kind.own()).sort("n").limit(limit as u64);
            assert_eq!(kinto.alice.send(whole).unwrap().items, wanted, "{name}: {limit}");
        }
    }
}

pub(crate) fn a_cursor_of_ones_own<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for n in 0..3 {
        kinto.record(&records, &format!("r{n}"), json!({"n": n}));
    }
    let mut pages = records.list().sort("n").page_size(2).pages();
    assert_eq!(numbers(&kinto.alice.send(&mut pages).unwrap().unwrap().items), [0, 1]);
    assert!(!pages.is_at_end());
    // Nobody may read it, until credentials are given again: the cursor stays where it is.
    assert_eq!(status(kinto.anonymous.send(&mut pages)), (401, Some(104)));
    assert_eq!(numbers(&kinto.alice.send(&mut pages).unwrap().unwrap().items), [2]);
    assert!(pages.is_at_end());
    assert_eq!(kinto.alice.send(&mut pages).unwrap(), None);

    let mut list = records.list().sort("n").page_size(2);
    assert_eq!(status(kinto.anonymous.send(&mut list)), (401, Some(104)));
    assert_eq!(numbers(&kinto.alice.send(&mut list).unwrap().items), [0, 1, 2]);
    assert_eq!(numbers(&kinto.alice.send(&mut list).unwrap().items), [0, 1, 2], "from the beginning again");

    let few = kinto.alice.with_policy(|policy| policy.pages = 1);
    let error = refused(few.send(records.list().page_size(2)));
    assert_eq!(error.kind(), ErrorKind::Pagination);
    assert!(error.to_string().contains("the list has more than 1 pages (read it page by page"), "{error}");
}

pub(crate) fn a_list_that_changes_while_it_is_read<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for n in 0..5 {
        kinto.record(&records, &format!("r{n}"), json!({"n": n}));
    }
    let list = || records.list().page_size(2);
    let unchanged = kinto.alice.send(list().consistent()).unwrap();
    assert_eq!(numbers(&unchanged.items), [4, 3, 2, 1, 0]);

    let mut consistent = list().consistent().pages();
    let mut hasty = list().pages();
    let first = kinto.alice.send(&mut consistent).unwrap().unwrap();
    assert_eq!(numbers(&first.items), [4, 3]);
    assert_eq!(numbers(&kinto.alice.send(&mut hasty).unwrap().unwrap().items), [4, 3]);

    kinto.alice.send(records.replace("r1", &json!({"n": 10}))).unwrap();
    let error = refused(kinto.alice.send(&mut consistent));
    assert_eq!(error.kind(), ErrorKind::Pagination);
    assert_eq!(
        error.to_string(),
        format!("GET {}: the list was changed while it was read (read it again)", records.path())
    );
    let rest = kinto.alice.send(&mut hasty).unwrap().unwrap();
    assert_eq!(numbers(&rest.items), [2, 0], "r1 moved to the front");
    // To poll with: what changed meanwhile is found with the timestamp of the first page.
    assert_eq!(rest.timestamp, first.timestamp);
    let missed = kinto.alice.send(records.list().since(rest.timestamp.unwrap())).unwrap();
    assert_eq!(missed.items.iter().map(Entry::id).collect::<Vec<_>>(), ["r1"]);
}

pub(crate) fn counts_and_timestamps<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, created) = (kind.name, &kind.resource, five(kinto, &kind));
        let count = || all.count().filter(kind.own());
        assert_eq!(kinto.alice.send(count()).unwrap(), 5, "{name}");
        assert_eq!(kinto.alice.send(count().filter(field("n").gt(3))).unwrap(), 2, "{name}");
        assert_eq!(kinto.alice.send(count().filter(field("n").gt(9))).unwrap(), 0, "{name}");
        let newest = created[4].last_modified;
        let timestamp = kinto.alice.send(all.timestamp()).unwrap();
        let listed = kinto.alice.send(all.list().filter(kind.own()).page_size(2)).unwrap().timestamp.unwrap();
        if kind.is("bucket") {
            // Others make buckets too.
            assert!(timestamp >= newest && listed >= timestamp, "{timestamp} {listed}");
        } else {
            assert_eq!((timestamp, listed), (newest, newest), "{name}");
        }

        let gone = kinto.alice.send(all.delete(kind.id("a"))).unwrap();
        assert_eq!(kinto.alice.send(count()).unwrap(), 4, "{name}");
        assert_eq!(kinto.alice.send(count().filter(field("last_modified").lt(newest))).unwrap(), 3, "{name}");
        assert!(kinto.alice.send(all.timestamp()).unwrap() >= gone.last_modified, "{name}");
    }
}

pub(crate) fn if_changed<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, created) = (kind.name, five(kinto, &kind));
        let list = || kind.resource.list().filter(kind.own()).sort("n").page_size(2);
        let before = created[3].last_modified;
        let changed = kinto.alice.send(list().if_changed_since(before)).unwrap();
        assert_eq!(changed.modified().unwrap().items, created, "{name}");
        if kind.is("bucket") {
            continue; // Others make buckets too.
        }
        let newest = created[4].last_modified;
        let answer = kinto.alice.send(list().if_changed_since(newest)).unwrap();
        assert_eq!(answer, Conditional::NotModified, "{name}");
        let answer = kinto.alice.send(kind.resource.list().if_changed_since(newest)).unwrap();
        assert_eq!(answer, Conditional::NotModified, "{name}");

        kinto.alice.send(kind.resource.delete(kind.id("e"))).unwrap();
        let changed = kinto.alice.send(list().if_changed_since(newest)).unwrap();
        assert_eq!(changed.modified().unwrap().items, created[..4], "{name}");
    }
}

pub(crate) fn since_and_before<D: Driver>(kinto: &Kinto<D>) {
    // The deleted buckets are shown to nobody who sees the list of buckets only by those that are theirs.
    for kind in kinto.kinds().iter().skip(1) {
        let (name, all, created) = (kind.name, &kind.resource, five(kinto, kind));
        let gone = kinto.alice.send(all.delete("b")).unwrap();
        let live = |n: usize| Entry::Live(created[n].clone());
        let dead = Entry::Deleted(gone.clone());
        let since = created[2].last_modified;

        let changes = kinto.alice.send(all.list().since(since)).unwrap();
        assert_eq!(changes.items, [dead.clone(), live(4), live(3)], "{name}");
        assert_eq!(changes.timestamp, Some(gone.last_modified), "{name}");
        let changes = kinto.alice.send(all.list().since(since).sort("last_modified").page_size(1)).unwrap();
        assert_eq!(changes.items, [live(3), live(4), dead.clone()], "{name}");
        let changes = kinto.alice.send(all.list().since(since).before(gone.last_modified)).unwrap();
        assert_eq!(changes.items, [live(4), live(3)], "{name}");
        let changes = kinto.alice.send(all.list().before(created[3].last_modified).since(created[0].last_modified));
        assert_eq!(changes.unwrap().items, [live(2)], "{name}");
        assert_eq!(kinto.alice.send(all.list().since(gone.last_modified)).unwrap().items, [], "{name}");

        let newer = all.list().with_deleted().filter(field("last_modified").gt(since));
        assert_eq!(kinto.alice.send(newer).unwrap().items, [dead.clone(), live(4), live(3)], "{name}");
        let alive = all.list().since(since).filter(field("deleted").not(true));
        assert_eq!(kinto.alice.send(alive).unwrap().items, [live(4), live(3)], "{name}");
        let deleted = all.list().since(since).filter(field("deleted").eq(true));
        assert_eq!(kinto.alice.send(deleted).unwrap().items, [dead], "{name}");

        let error = refused(kinto.alice.send(all.list().filter(field("last_modified").gt(since))));
        assert_eq!(error.kind(), ErrorKind::Input, "{name}");
        assert!(error.to_string().contains("with_deleted()"), "{error}");
    }
}

pub(crate) fn with_deleted<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds().iter().skip(1) {
        let (name, all) = (kind.name, &kind.resource);
        let one = kinto.alice.send(all.create("x1", &kind.data(json!({"n": 1})))).unwrap();
        let two = kinto.alice.send(all.create("x2", &kind.data(json!({"n": 2})))).unwrap();
        let gone = kinto.alice.send(all.delete(&one)).unwrap();
        let everything = kinto.alice.send(all.list().with_deleted()).unwrap();
        let ids: Vec<&str> = everything.items.iter().map(Entry::id).take(2).collect();
        assert_eq!(ids, ["x1", "x2"], "{name}: deleted objects too");
        assert_eq!(everything.items[0], Entry::Deleted(gone), "{name}");
        assert_eq!(everything.items[1].last_modified(), two.last_modified, "{name}");
        let items: Vec<Entry> = kinto.alice.items(all.list().with_deleted().page_size(1)).map(Result::unwrap).collect();
        assert_eq!(items, everything.items, "{name}");
    }
}

pub(crate) fn since_the_beginning<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let gone = kinto.record(&records, "gone", json!({"n": 1}));
    kinto.alice.send(records.delete(&gone)).unwrap();
    kinto.record(&records, "there", json!({"n": 2}));
    let all = kinto.alice.send(records.list().since(Timestamp::from_millis(0))).unwrap();
    assert_eq!(all.items.iter().map(Entry::id).collect::<Vec<_>>(), ["there", "gone"]);
    // The server's own default shows no tombstones.
    let plain = kinto.alice.send(raw(Method::GET, records.path(), "")).unwrap();
    assert_eq!(crate::context::ids_in(&plain), ["there"]);
    assert_eq!(kinto.alice.send(records.list()).unwrap().items.len(), 1);
}
