//! What happened in a bucket, and how its collections were.

use kinto_protocol::{
    Action, Attributes, Change, Conditional, Entry, GroupData, JsonMap, Object, Permissions, Timestamp, bucket,
    buckets, field,
};
use serde_json::{Value, json};

use crate::batches::{so_far, watched};
use crate::context::{Kinto, refused, status, written_by};
use crate::driver::Driver;

/// What was done to what, the newest first.
fn actions(changes: &[Object<Change>]) -> Vec<(Action, &str, &str)> {
    changes.iter().map(|it| (it.data.action, it.data.resource_name.as_str(), id_of(&it.data.uri))).collect()
}

fn id_of(uri: &str) -> &str {
    uri.rsplit('/').next().unwrap()
}

/// The bucket with a collection, a record that was changed by Bob and deleted, another one, and a group.
fn eventful<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.alice.send(kinto.bucket().groups().create("g", &GroupData::of(["account:carol"]))).unwrap();
    let writers = Permissions::new().write(["account:bob"]);
    kinto.alice.send(records.create("r", &json!({"n": 1, "deep": {"x": "é"}})).permissions(writers)).unwrap();
    kinto.bob.send(records.patch("r", Attributes::new(&json!({"n": 2})))).unwrap();
    kinto.alice.send(records.create("42", &json!({"n": 1}))).unwrap();
    kinto.alice.send(records.delete("r")).unwrap();
}

pub(crate) fn who_did_what<D: Driver>(kinto: &Kinto<D>) {
    eventful(kinto);
    let history = kinto.bucket().history();
    assert_eq!(history.path(), &kinto_protocol::endpoints::history(&kinto.id));
    let listing = kinto.alice.send(history.list()).unwrap();
    let all = listing.items;
    let expected = [
        (Action::Delete, "record", "r"),
        (Action::Create, "record", "42"),
        (Action::Update, "record", "r"),
        (Action::Create, "record", "r"),
        (Action::Create, "group", "g"),
        (Action::Create, "collection", "c"),
        (Action::Create, "bucket", &kinto.id),
    ];
    assert_eq!(actions(&all), expected);
    assert!(all.windows(2).all(|two| two[0].last_modified > two[1].last_modified));
    assert_eq!(listing.timestamp, Some(all[0].last_modified));
    assert_eq!(kinto.alice.send(history.timestamp()).unwrap(), all[0].last_modified);

    let [deleted, _, changed, created, group, collection, of_bucket] = &all[..] else { panic!("{all:?}") };
    let records = format!("/buckets/{}/collections/c/records", kinto.id);
    assert_eq!(changed.data.uri, format!("{records}/r"));
    assert_eq!((&created.data.user_id[..], &changed.data.user_id[..]), ("account:alice", "account:bob"));
    assert_eq!(created.data.target.data["deep"], json!({"x": "é"}));
    assert_eq!((&created.data.target.data["n"], &changed.data.target.data["n"]), (&json!(1), &json!(2)));
    let both = Permissions::new().write(["account:alice", "account:bob"]);
    assert_eq!((&created.data.target.permissions, &changed.data.target.permissions), (&both, &both));
    assert_eq!((changed.data.collection_id.as_deref(), changed.data.record_id.as_deref()), (Some("c"), Some("r")));
    assert_eq!((changed.data.bucket_id.as_deref(), changed.data.group_id.as_deref()), (None, None));
    assert!(changed.data.date.starts_with("20") && changed.data.date.contains('T'), "{}", changed.data.date);
    assert_eq!(changed.permissions, None);
    // Of a deleted one its tombstone is left, and nobody's permissions.
    let left: Vec<&String> = deleted.data.target.data.keys().collect();
    assert_eq!(left, ["deleted", "id", "last_modified"]);
    assert_eq!(
        (&deleted.data.target.data["deleted"], &deleted.data.target.permissions),
        (&json!(true), &Permissions::new())
    );
    assert_eq!(group.data.target.data["members"], json!(["account:carol"]));
    assert_eq!((group.data.group_id.as_deref(), collection.data.collection_id.as_deref()), (Some("g"), Some("c")));
    assert_eq!(
        (of_bucket.data.bucket_id.as_deref(), of_bucket.data.collection_id.as_deref()),
        (Some(&kinto.id[..]), None)
    );

    // Its clock is another one than that of what it tells of.
    let target = |change: &Object<Change>| change.data.target.data["last_modified"].as_i64().unwrap();
    assert!(all.iter().all(|it| target(it) <= it.last_modified.as_millis()));
}

pub(crate) fn filters_know_all_its_fields<D: Driver>(kinto: &Kinto<D>) {
    eventful(kinto);
    let history = kinto.bucket().history();
    let list = |filters: &[kinto_protocol::Filter]| {
        let list = filters.iter().fold(history.list(), |list, filter| list.filter(filter.clone()));
        let items = kinto.alice.send(list).unwrap().items;
        actions(&items).into_iter().map(|(action, _, id)| format!("{action:?} {id}")).collect::<Vec<_>>()
    };
    let record = || field("resource_name").eq("record");
    assert_eq!(list(&[record()]), ["Delete r", "Create 42", "Update r", "Create r"]);
    assert_eq!(list(&[record(), field("action").eq("create")]), ["Create 42", "Create r"]);
    assert_eq!(list(&[field("record_id").eq("r"), field("action").not("delete")]), ["Update r", "Create r"]);
    assert_eq!(list(&[field("record_id").eq("42")]), ["Create 42"], "an id of digits is an id");
    assert_eq!(list(&[field("user_id").eq("account:bob")]), ["Update r"]);
    assert_eq!(list(&[field("uri").like("*/groups/*")]), ["Create g"]);
    assert_eq!(
        list(&[field("resource_name").is_in(["bucket", "group"])]),
        ["Create g", &format!("Create {}", kinto.id)]
    );
    assert_eq!(list(&[field("target.data.id").eq("r"), field("target.data.n").eq(2)]), ["Update r"]);
    assert_eq!(
        list(&[field("target.data.n").has(true), field("target.data.n").min(1)]),
        ["Create 42", "Update r", "Create r"]
    );
    assert_eq!(list(&[field("target.data.deep.x").eq("é")]), ["Update r", "Create r"]);
    assert_eq!(list(&[field("target.data.deleted").eq(true)]), ["Delete r"]);
    assert_eq!(status(kinto.alice.send(history.list().filter(field("nothing").eq(1)))), (400, Some(107)));

    let all = kinto.alice.send(history.list()).unwrap().items;
    let oldest = kinto.alice.send(history.list().sort("last_modified").limit(2)).unwrap().items;
    assert_eq!(oldest, [all[6].clone(), all[5].clone()]);
    let since = kinto.alice.send(history.list().since(all[2].last_modified)).unwrap().items;
    assert_eq!(since, [Entry::Live(all[0].clone()), Entry::Live(all[1].clone())]);
    let unchanged = kinto.alice.send(history.list().if_changed_since(all[0].last_modified)).unwrap();
    assert!(matches!(unchanged, Conditional::NotModified));
}

/// What is not asked for is left out by the server, and may be missing.
pub(crate) fn a_selection_of_its_fields<D: Driver>(kinto: &Kinto<D>) {
    kinto.make_bucket();
    let list = kinto.bucket().history().list().fields(["action", "uri"]);
    let items = kinto.alice.send(list).unwrap().items;
    assert_eq!((items[0].data.action, items[0].data.uri.as_str()), (Action::Create, kinto.bucket().path().as_str()));
}

pub(crate) fn purging<D: Driver>(kinto: &Kinto<D>) {
    eventful(kinto);
    let history = kinto.bucket().history();
    let before = kinto.alice.send(history.timestamp()).unwrap();
    assert_eq!(status(kinto.bob.send(history.purge())), (403, Some(121)));
    let stale = history.purge().if_match(Timestamp::from_millis(1));
    assert!(refused(kinto.alice.send(stale)).is_precondition_failed());
    let records = history.purge().filter(field("resource_name").eq("record")).filter(field("record_id").eq("r"));
    let purged = kinto.alice.send(records).unwrap();
    assert_eq!(purged.len(), 3);
    let left = kinto.alice.send(history.list()).unwrap().items;
    assert_eq!(actions(&left).iter().map(|(_, _, id)| *id).collect::<Vec<_>>(), ["42", "g", "c", &kinto.id]);
    // What is left of an entry is told with what came later.
    let later = kinto.alice.send(history.list().since(before)).unwrap().items;
    assert!(later.len() == 3 && later.iter().all(|entry| matches!(entry, Entry::Deleted(_))), "{later:?}");
    assert!(purged.iter().all(|tombstone| later.iter().any(|entry| entry.id() == tombstone.id)));

    // What is older than a time, and then the rest.
    let older = history.purge().filter(field("last_modified").lt(left[2].last_modified));
    assert_eq!(kinto.alice.send(older).unwrap().iter().map(|it| &it.id).collect::<Vec<_>>(), [&left[3].id]);
    assert_eq!(kinto.alice.send(history.purge()).unwrap().len(), 3);
    assert_eq!(kinto.alice.send(history.list()).unwrap().items, []);
    assert!(kinto.alice.send(history.timestamp()).unwrap() > before);
    assert_eq!(kinto.alice.send(history.purge()).unwrap(), []);
    // The objects are as they were.
    assert!(kinto.alice.send(kinto.bucket().collection("c").records().exists("42")).unwrap());
}

pub(crate) fn what_one_could_not_read_is_not_shown<D: Driver>(kinto: &Kinto<D>) {
    eventful(kinto);
    let history = kinto.bucket().history();
    let his = kinto.bob.send(history.list()).unwrap().items;
    assert_eq!(actions(&his), [(Action::Update, "record", "r"), (Action::Create, "record", "r")].to_vec(), "{his:?}");
    assert_eq!(status(kinto.anonymous.send(history.list())), (401, Some(104)));
    assert_eq!(status(kinto.alice.send(bucket(&kinto.other("missing")).history().list())), (403, Some(121)));
    kinto.alice.send(buckets().delete(&kinto.id)).unwrap();
    assert_eq!(status(kinto.alice.send(history.list())), (403, Some(121)), "with the bucket it goes");
}

/// Three entries a page.
pub(crate) fn page_by_page<D: Driver>(kinto: &Kinto<D>) {
    let kinto = &kinto.with_small_pages();
    let records = kinto.records();
    (0..6).for_each(|n| drop(kinto.record(&records, &format!("r{n}"), json!({"n": n}))));
    let history = kinto.bucket().history();
    let all = kinto.alice.send(history.list()).unwrap().items;
    assert_eq!(
        actions(&all).iter().map(|(_, _, id)| *id).collect::<Vec<_>>(),
        ["r5", "r4", "r3", "r2", "r1", "r0", "c", &kinto.id]
    );
    let pages: Vec<usize> = kinto.alice.pages(history.list()).map(|page| page.unwrap().items.len()).collect();
    assert_eq!(pages, [3, 3, 2]);
    assert_eq!(kinto.alice.items(history.list()).map(Result::unwrap).collect::<Vec<_>>(), all);
    assert_eq!(kinto.alice.send(history.purge().filter(field("resource_name").eq("record"))).unwrap().len(), 6);
    assert_eq!(kinto.alice.send(history.list()).unwrap().items.len(), 2);
}

/// The ids and numbers of the records then, in the order of their ids.
fn then<D: Driver>(client: &D, kinto: &Kinto<D>, at: Timestamp) -> Vec<(String, Value)> {
    let records = client.send(kinto.bucket().collection("c").snapshot::<JsonMap>(at)).unwrap();
    assert!(records.windows(2).all(|two| two[0].last_modified >= two[1].last_modified), "the newest first");
    assert!(records.iter().all(|it| it.last_modified <= at), "{records:?}");
    let mut records: Vec<_> =
        records.into_iter().map(|it| (it.id, it.data.get("n").cloned().unwrap_or_default())).collect();
    records.sort_by(|one, other| one.0.cmp(&other.0));
    records
}

pub(crate) fn a_collection_as_it_was<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let empty = kinto.alice.send(records.timestamp()).unwrap();
    kinto.record(&records, "a", json!({"n": 1}));
    let first = kinto.record(&records, "b", json!({"n": 1})).last_modified;
    kinto.alice.send(records.patch("a", Attributes::new(&json!({"n": 2})))).unwrap();
    let second = kinto.record(&records, "c", json!({"n": 1})).last_modified;
    let third = kinto.alice.send(records.delete("b")).unwrap().last_modified;
    let (one, two) = (json!(1), json!(2));
    let named = |records: &[(&str, &Value)]| -> Vec<(String, Value)> {
        records.iter().map(|(id, n)| ((*id).to_owned(), (*n).clone())).collect()
    };
    assert_eq!(then(&kinto.alice, kinto, Timestamp::from_millis(empty.as_millis() - 1)), []);
    assert_eq!(then(&kinto.alice, kinto, first), named(&[("a", &one), ("b", &one)]));
    assert_eq!(then(&kinto.alice, kinto, second), named(&[("a", &two), ("b", &one), ("c", &one)]));
    assert_eq!(then(&kinto.alice, kinto, third), named(&[("a", &two), ("c", &one)]));
    let later = Timestamp::from_millis(third.as_millis() + 1_000_000);
    assert_eq!(kinto.alice.send(kinto.bucket().collection("c").snapshot::<JsonMap>(later)).unwrap().len(), 2);

    let snapshot = |name: &str| kinto.bucket().collection(name).snapshot::<JsonMap>(first);
    assert_eq!(status(kinto.bob.send(snapshot("c"))), (403, Some(121)));
    assert_eq!(status(kinto.anonymous.send(snapshot("c"))).0, 401);
    assert_eq!(kinto.alice.send(snapshot("missing")).unwrap(), []);
    let readers = Permissions::new().read(["account:bob"]);
    let shared = kinto.alice.send(kinto.bucket().collections().share("c", readers.clone())).unwrap();
    assert_eq!(shared.permissions, written_by("alice").map(|given| given.read(["account:bob"])));
    assert_eq!(then(&kinto.bob, kinto, first).len(), 2);
    // What it is made of may be gone.
    kinto.alice.send(kinto.bucket().history().purge()).unwrap();
    assert_eq!(then(&kinto.alice, kinto, first), [], "what was changed or deleted since is not known any more");
}

/// Between the deletion of a record and its second creation, it is not there.
pub(crate) fn a_record_that_was_deleted_and_made_again<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({"n": 1}));
    let deleted = kinto.alice.send(records.delete("a")).unwrap().last_modified;
    kinto.record(&records, "a", json!({"n": 2}));
    assert_eq!(then(&kinto.alice, kinto, deleted), []);
}

/// Once, and for all that hang on the same session.
pub(crate) fn the_plugin_is_asked_for_once<D: Driver>(kinto: &Kinto<D>) {
    kinto.make_bucket();
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let history = kinto.bucket().history();
    client.send(history.list()).unwrap();
    client.clone().once().send(history.timestamp()).unwrap();
    client.send(kinto.bucket().collection("c").snapshot::<JsonMap>(Timestamp::from_millis(1))).unwrap();
    let lines = ["GET /: 200", "GET /buckets/ID/history: 200", "HEAD /buckets/ID/history: 200"];
    let seen = so_far(kinto, &tells);
    assert_eq!(seen[..3], lines);
    assert_eq!(seen[3..], ["GET /buckets/ID/snapshot/collections/c@1: 200"]);
}
