//! Deleting many at once, and timestamps of one's own on what is deleted.

use kinto_protocol::{Entry, Timestamp, field};
use serde_json::json;

use crate::context::{Kinto, refused, status};
use crate::driver::Driver;

pub(crate) fn all_that_match<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all) = (kind.name, &kind.resource);
        for n in 1..=7 {
            kinto.alice.send(all.create(kind.id(&format!("r{n}")), &kind.data(json!({"n": n})))).unwrap();
        }
        let some = all.delete_all().filter(kind.own()).filter(field("n").gt(4)).page_size(2);
        let mut gone = kinto.alice.send(some).unwrap();
        gone.sort_by(|one, other| one.id.cmp(&other.id));
        let ids: Vec<&str> = gone.iter().map(|tombstone| tombstone.id.as_str()).collect();
        assert_eq!(ids, [kind.id("r5"), kind.id("r6"), kind.id("r7")], "{name}");
        assert_eq!(kinto.alice.send(all.count().filter(kind.own())).unwrap(), 4, "{name}");

        let none = all.delete_all().filter(kind.own()).filter(field("n").gt(4));
        assert_eq!(kinto.alice.send(none).unwrap(), [], "{name}");
        assert_eq!(kinto.alice.send(all.delete_all().filter(kind.own())).unwrap().len(), 4, "{name}");
        assert_eq!(kinto.alice.send(all.count().filter(kind.own())).unwrap(), 0, "{name}");
    }
}

pub(crate) fn everything<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for n in 0..5 {
        kinto.record(&records, &format!("r{n}"), json!({"n": n}));
    }
    let before = kinto.alice.send(records.timestamp()).unwrap();
    let mut gone = kinto.alice.send(records.delete_all().page_size(2)).unwrap();
    assert!(gone.iter().all(|tombstone| tombstone.last_modified > before));
    gone.sort_by_key(|tombstone| tombstone.last_modified);
    assert_eq!(kinto.alice.send(records.list()).unwrap().items, []);
    let mut known: Vec<_> = kinto.alice.send(records.list().since(before)).unwrap().items;
    known.sort_by_key(Entry::last_modified);
    assert_eq!(known, gone.into_iter().map(Entry::Deleted).collect::<Vec<_>>());

    // With the collection goes what is in it, without a trace.
    kinto.record(&records, "r", json!({}));
    let collections = kinto.bucket().collections();
    assert_eq!(kinto.alice.send(collections.delete_all()).unwrap().len(), 1);
    assert_eq!(status(kinto.alice.send(records.list())), (404, Some(111)));
}

pub(crate) fn only_if_nothing_changed<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for n in 0..5 {
        kinto.record(&records, &format!("r{n}"), json!({"n": n}));
    }
    let seen = kinto.alice.send(records.list()).unwrap().timestamp.unwrap();
    kinto.record(&records, "late", json!({"n": 9}));
    let stale = refused(kinto.alice.send(records.delete_all().if_match(seen)));
    assert!(stale.is_precondition_failed() && !stale.maybe_applied(), "{stale}");
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 6);

    // The first page changes the timestamp; the others follow all the same.
    let seen = kinto.alice.send(records.timestamp()).unwrap();
    let gone = kinto.alice.send(records.delete_all().if_match(seen).page_size(4)).unwrap();
    assert_eq!(gone.len(), 6);
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 0);
}

pub(crate) fn what_is_others_stays<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let bobs = kinto_protocol::Permissions::new().write(["account:bob"]);
    kinto.alice.send(records.create("his", &json!({})).permissions(bobs.clone())).unwrap();
    kinto.alice.send(records.create("hers", &json!({})).permissions(kinto_protocol::Permissions::new())).unwrap();
    let gone = kinto.bob.send(records.delete_all()).unwrap();
    assert_eq!(gone.iter().map(|tombstone| tombstone.id.as_str()).collect::<Vec<_>>(), ["his"]);
    assert!(kinto.alice.send(records.exists("hers")).unwrap());
    assert_eq!(status(kinto.bob.send(records.delete_all())), (403, Some(121)));
    assert_eq!(status(kinto.anonymous.send(records.delete_all())), (401, Some(104)));
}

pub(crate) fn a_cursor_of_ones_own<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({}));
    let mut deletion = records.delete_all();
    assert_eq!(status(kinto.anonymous.send(&mut deletion)), (401, Some(104)));
    assert_eq!(deletion.deleted(), []);
    let gone = kinto.alice.send(&mut deletion).unwrap();
    assert_eq!(gone.len(), 1);
}

pub(crate) fn forced_timestamps<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let object = kinto.record(&records, "a", json!({}));
    let later = Timestamp::from_millis(object.last_modified.as_millis() + 1_000);
    let gone = kinto.alice.send(records.delete("a").last_modified(later)).unwrap();
    assert_eq!((gone.id.as_str(), gone.last_modified), ("a", later));
    assert_eq!(kinto.alice.send(records.timestamp()).unwrap(), later);

    // One that is not newer does not count.
    let object = kinto.record(&records, "b", json!({}));
    assert!(object.last_modified > later);
    let gone = kinto.alice.send(records.delete(&object).last_modified(later)).unwrap();
    assert!(gone.last_modified > object.last_modified);
}
