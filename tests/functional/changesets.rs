//! Collections with all that changed in them, and which collections changed.

use kinto_protocol::{
    ChangedCollections, Entry, ErrorKind, GetChangeset, JsonMap, Object, Timestamp, broadcasts, bucket,
    changed_collections,
};
use kinto_tests::{Backend, Cut, Cutter, Ending};
use serde::Deserialize;
use serde_json::json;

use crate::context::{Kinto, refused, status};
use crate::driver::{Driver, Setup};
use crate::reviews::{Reviewed, reviewed};
use crate::servers::server;

/// Ids of the records in a changeset, the deleted ones marked.
fn ids<T>(changes: &[Entry<T>]) -> Vec<String> {
    let id = |entry: &Entry<T>| match entry {
        Entry::Live(it) => it.id.clone(),
        Entry::Deleted(it) => format!("-{}", it.id),
    };
    changes.iter().map(id).collect()
}

/// The published side of a collection.
fn published<D>(it: &Reviewed<D>) -> GetChangeset<JsonMap> {
    bucket("main").collection(&it.id).changeset()
}

pub(crate) fn all_of_it<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let changeset = || kinto.bucket().collection("c").changeset::<JsonMap>();
    let empty = kinto.alice.send(changeset()).unwrap();
    assert_eq!((ids(&empty.changes), &empty.metadata["id"]), (vec![], &json!("c")));

    let first = kinto.record(&records, "a", json!({"n": 1}));
    let second = kinto.record(&records, "b", json!({"n": 2}));
    let all = kinto.alice.send(changeset()).unwrap();
    assert_eq!(ids(&all.changes), ["b", "a"], "the newest first");
    assert!(all.timestamp == second.last_modified && all.timestamp > empty.timestamp);
    let Entry::Live(oldest) = &all.changes[1] else { panic!("{all:?}") };
    assert_eq!((&oldest.data, oldest.last_modified), (&first.data, first.last_modified));

    // However the caches are to be passed by, here are none.
    for other in [changeset().fresh(), changeset().expected(all.timestamp), changeset().expected(first.last_modified)] {
        assert_eq!(kinto.alice.send(other).unwrap(), all);
    }
    kinto.alice.send(records.delete("a")).unwrap();
    assert_eq!(ids(&kinto.alice.send(changeset()).unwrap().changes), ["b"], "without what was deleted");
}

pub(crate) fn what_changed_since<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let changeset = || kinto.bucket().collection("c").changeset::<JsonMap>();
    kinto.record(&records, "a", json!({"n": 1}));
    let before = kinto.record(&records, "b", json!({"n": 2})).last_modified;
    kinto.record(&records, "c", json!({"n": 3}));
    let deleted = kinto.alice.send(records.delete("a")).unwrap();
    let since = kinto.alice.send(changeset().since(before)).unwrap();
    assert_eq!((ids(&since.changes), since.timestamp), (vec!["-a".into(), "c".into()], deleted.last_modified));
    assert_eq!(since.changes[0].last_modified(), deleted.last_modified);
    let up_to_date = kinto.alice.send(changeset().since(since.timestamp)).unwrap();
    assert_eq!((ids(&up_to_date.changes), up_to_date.timestamp), (vec![], since.timestamp));
    let both = changeset().since(before).expected(since.timestamp);
    assert_eq!(kinto.alice.send(both).unwrap(), since);
    // Since ever, there is what was deleted.
    let ever = kinto.alice.send(changeset().since(Timestamp::from_millis(0))).unwrap();
    assert_eq!(ids(&ever.changes), ["-a", "c", "b"]);

    let error = refused(kinto.alice.send(changeset().since(Timestamp::from_millis(-1))));
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
}

pub(crate) fn of_own_types<D: Driver>(kinto: &Kinto<D>) {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Numbered {
        n: u32,
    }
    let records = kinto.records();
    kinto.record(&records, "a", json!({"n": 1}));
    kinto.record(&records, "b", json!({"n": 2, "other": true}));
    let changeset = || kinto.bucket().collection("c").changeset::<Numbered>();
    let changes = kinto.alice.send(changeset()).unwrap().changes;
    let data = |entry| match entry {
        Entry::Live(Object { data, .. }) => data,
        Entry::Deleted(it) => panic!("{it:?}"),
    };
    assert_eq!(changes.into_iter().map(data).collect::<Vec<_>>(), [Numbered { n: 2 }, Numbered { n: 1 }]);

    // What is deleted has no data to be of a type.
    kinto.record(&records, "c", json!({"n": "three"}));
    let error = refused(kinto.alice.send(changeset()));
    assert_eq!(error.kind(), ErrorKind::Decode);
    kinto.alice.send(records.delete("c")).unwrap();
    assert_eq!(kinto.alice.send(changeset()).unwrap().changes.len(), 2);
}

pub(crate) fn who_may_read_it<D: Driver>(kinto: &Kinto<D>) {
    kinto.records();
    let changeset = kinto.bucket().collection("c").changeset::<JsonMap>();
    assert_eq!(status(kinto.bob.send(changeset.clone())).0, 403);
    assert_eq!(status(kinto.anonymous.send(changeset)).0, 401);
    let absent = kinto.bucket().collection("absent").changeset::<JsonMap>();
    assert_eq!(status(kinto.alice.send(absent)).0, 404);
    // What is published is for all.
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    it.publish(kinto);
    let all = kinto.anonymous.send(published(&it)).unwrap();
    assert_eq!(ids(&all.changes), ["a"]);
    // This version has but one signature.
    assert_eq!(all.metadata["signature"]["mode"], "p384ecdsa");
    assert!(all.metadata["signature"]["signature"].as_str().is_some_and(|text| text.len() == 128));
}

/// The collections of this scenario in an answer, which is of the whole server.
fn own<D>(changed: &ChangedCollections, kinto: &Kinto<D>) -> Vec<String> {
    let own = changed.changes.iter().filter(|change| change.collection.starts_with(&kinto.id));
    let mut own: Vec<String> = own.map(|it| it.bucket.clone()).collect();
    own.sort_unstable();
    own
}

pub(crate) fn which_changed<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    it.publish(kinto);
    let timestamp = kinto.anonymous.send(published(&it)).unwrap().timestamp;
    let all = kinto.anonymous.send(changed_collections()).unwrap();
    assert!(all.is_full && all.timestamp >= timestamp);
    assert_eq!(own(&all, kinto), ["main", "main-preview"], "the workspace is nobody's business");
    let change = all.changes.iter().find(|change| change.bucket == "main" && change.collection == it.id).unwrap();
    assert_eq!(change.last_modified, timestamp);
    assert!(kinto.url.contains(&change.host), "{change:?}");

    let main = kinto.anonymous.send(changed_collections().in_bucket("main").fresh()).unwrap();
    assert_eq!(own(&main, kinto), ["main"]);
    assert!(main.changes.iter().all(|change| change.bucket == "main"));
    let named = changed_collections().named(&it.id).expected(timestamp);
    let named = kinto.anonymous.send(named).unwrap();
    assert_eq!((named.changes.len(), own(&named, kinto)), (2, vec!["main".into(), "main-preview".into()]));
    let one = kinto.anonymous.send(changed_collections().named(&it.id).in_bucket("main")).unwrap();
    assert_eq!((one.changes.len(), &one.changes[0]), (1, change));
    let none = kinto.anonymous.send(changed_collections().in_bucket("other")).unwrap();
    assert!(none.changes.is_empty() && none.is_full, "{none:?}");

    // What to ask for next: each as expected, side by side.
    let changesets = kinto.anonymous.send_all(named.changesets(), 4);
    let changesets: Vec<_> = changesets.into_iter().map(|it| it.unwrap()).collect();
    assert_eq!(changesets.iter().map(|it| ids(&it.changes)).collect::<Vec<_>>(), [["a"], ["a"]]);
    let timestamps: Vec<_> = named.changes.iter().map(|it| it.last_modified).collect();
    assert_eq!(changesets.iter().map(|it| it.timestamp).collect::<Vec<_>>(), timestamps);
    assert!(changesets.iter().all(|it| it.metadata["id"] == json!(kinto.id)));
    let one_by_one = kinto.anonymous.send_each(named.changesets(), 2);
    assert_eq!(one_by_one.map(|it| it.unwrap()).collect::<Vec<_>>(), changesets);
}

pub(crate) fn which_changed_since<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    it.publish(kinto);
    let before = kinto.anonymous.send(published(&it)).unwrap().timestamp;
    let since = |at| changed_collections().since(at).named(&it.id);
    let none = kinto.anonymous.send(since(before)).unwrap();
    assert_eq!((own(&none, kinto), none.is_full), (vec![], false));
    it.write(kinto, "a", 2);
    kinto.alice.send(it.review.request("")).unwrap();
    let one = kinto.anonymous.send(since(before)).unwrap();
    assert_eq!((own(&one, kinto), one.is_full), (vec!["main-preview".into()], false));
    assert!(one.timestamp > before);
    let ahead = Timestamp::from_millis(one.timestamp.as_millis() + 1_000_000);
    let none = kinto.anonymous.send(since(ahead)).unwrap();
    assert!(none.changes.is_empty() && !none.is_full, "{none:?}");
    // This version answers that with its own timestamp, newer ones with 204, which has none.
    let none = kinto.anonymous.send(since(ahead).expected(before)).unwrap();
    assert!(none.changes.is_empty() && !none.is_full, "{none:?}");

    let error = refused(kinto.anonymous.send(since(Timestamp::from_millis(-1))));
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
}

pub(crate) fn too_long_ago_to_tell<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    it.publish(kinto);
    // The server sends one to itself, which is not where the client takes it to be.
    let cutter = Cutter::start(&kinto.url, Ending::Close, |_| Cut::None);
    let client = D::build(Setup::of(cutter.url())).unwrap();
    let long_ago = Timestamp::from_millis(1_000);
    let all = client.send(changed_collections().since(long_ago).named(&it.id).in_bucket("main")).unwrap();
    assert_eq!((own(&all, kinto), all.is_full), (vec!["main".into()], true));
    let log = cutter.log();
    let asked: Vec<_> = log.iter().filter(|it| it.head.path.contains("/changes/changeset?")).collect();
    assert_eq!(asked.iter().map(|it| it.answered.unwrap()).collect::<Vec<_>>(), [307, 200]);
    assert!(!asked[1].head.path.contains("_since") && asked[1].head.path.contains("bucket=main"), "{asked:?}");
}

pub(crate) fn what_is_broadcast<D: Driver>(kinto: &Kinto<D>) {
    // Newer versions of the plugin have it, which the package registry has not.
    let error = refused(kinto.anonymous.send(broadcasts()));
    assert!(error.is_not_found(), "{error}");
}

pub(crate) fn where_there_are_no_changesets<D: Driver>(_: &Kinto<D>) {
    let plain = server(Backend::Memory).unwrap();
    let kinto = Kinto::<D>::on(Backend::Memory, plain, &["admin", "alice", "bob"]);
    kinto.records();
    let changeset = kinto.bucket().collection("c").changeset::<JsonMap>();
    for error in [
        refused(kinto.alice.send(changeset)),
        refused(kinto.alice.send(changed_collections())),
        refused(kinto.alice.send(broadcasts())),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains(r#"the server has no plugin "changes""#), "{error}");
    }
}
