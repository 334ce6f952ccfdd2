//! What a naive client gets wrong when it sends many operations at once: what the server does, shown with plain
//! requests, and what a batch makes of it.

use http::Method;
use kinto_protocol::{
    Attributes, Batch, Call, Conditional, Deletion, Entry, ErrorKind, GroupData, JsonPatch, Merge, Object, Path,
    Precondition, Reply, Status, Timestamp, bucket, buckets, endpoints, field,
};
use serde_json::{Value, json};

use crate::batches::{so_far, statuses, watched};
use crate::canned::losing;
use crate::context::{Kinto, body, ids_in, map, raw, raw_json, refused, status};
use crate::driver::Driver;

/// A batch as anybody's HTTP client would send it.
fn by_hand(requests: Value) -> Call {
    raw_json(Method::POST, &endpoints::batch(), json!({"requests": requests}))
}

/// The statuses in the answer to one.
fn entries(reply: &Reply) -> Vec<u64> {
    body(reply)["responses"].as_array().unwrap().iter().map(|entry| entry["status"].as_u64().unwrap()).collect()
}

/// A client whose conflicts are not for patience: the server asks for three seconds each time.
fn impatient<D: Driver>(client: &D) -> D {
    client.with_policy(|policy| policy.conflicts = 0)
}

/// Data that PostgreSQL does not take: another record has this timestamp.
fn in_the_way_of(object: &Object) -> Value {
    json!({"last_modified": object.last_modified.as_millis()})
}

pub(crate) fn s05_a_conflict_undoes_what_was_before_it<D: Driver>(kinto: &Kinto<D>) {
    if kinto.is_memory() {
        return;
    }
    let records = kinto.records();
    let there = kinto.record(&records, "there", json!({}));
    let put = |id: &str, data: &Value| json!({"method": "PUT", "path": records.object_path(id).as_str(), "body": {"data": data}});
    let naive = by_hand(json!([put("c1", &json!({})), put("c2", &in_the_way_of(&there)), put("c3", &json!({}))]));
    assert_eq!(entries(&kinto.alice.send(naive).unwrap()), [201, 409, 201]);
    assert_eq!(ids_in(&kinto.alice.send(raw(Method::GET, records.path(), "")).unwrap()), ["c3", "there"]);

    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let mut batch = Batch::new();
    let first = batch.push(records.create("d1", &json!({"n": 1})));
    batch.push(records.create("d2", &in_the_way_of(&there)));
    let third = batch.push(records.create("d3", &json!({"n": 3})));
    let mut outcome = impatient(&client).send(batch).unwrap();
    assert_eq!(statuses(&outcome), [Status::Done, Status::Conflict, Status::Done]);
    assert_eq!(outcome.summary().to_string(), "2 done, 1 in conflict");
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", "POST /batch of 3: 200", "PUT R/d1: 201"]);
    let conflict = outcome.of(Status::Conflict).next().unwrap();
    let error = conflict.error().unwrap();
    assert!(error.is_conflict() && !error.maybe_applied() && error.errno() == Some(122), "{error}");
    assert_eq!(conflict.position(), 1);
    for ticket in [first, third] {
        let object = outcome.take(ticket).unwrap();
        assert!(!object.repeated);
        assert_eq!(kinto.alice.send(records.get(&object.id)).unwrap(), object);
    }
    assert!(!kinto.alice.send(records.exists("d2")).unwrap());
}

/// What was undone may be what the rest relies on.
pub(crate) fn s05_what_was_undone_comes_first<D: Driver>(kinto: &Kinto<D>) {
    if kinto.is_memory() {
        return;
    }
    let records = kinto.records();
    let there = kinto.record(&records, "there", json!({}));
    let old = kinto.record(&records, "old", json!({"n": 1}));
    kinto.record(&records, "gone", json!({}));
    let others = kinto.bucket().collection("d").records();
    let mut batch = Batch::new();
    batch.push(kinto.bucket().collections().create("d", &json!({})));
    let one = batch.push(others.create("one", &json!({"n": 1})));
    let before = batch.push(others.count());
    let patched = batch.push(records.patch(&old, Attributes::new(&json!({"m": 2}))));
    let gone = batch.push(records.delete("gone"));
    batch.push(records.create("never", &in_the_way_of(&there)));
    let two = batch.push(others.create("two", &json!({"n": 2})));
    let read = batch.push(others.get("one"));
    let after = batch.push(others.count());
    let none = batch.push(records.exists("gone"));
    let last = batch.push(records.create("last", &json!({})));
    let mut outcome = impatient(&kinto.alice).send(batch).unwrap();
    assert_eq!(outcome.summary().to_string(), "10 done, 1 in conflict", "{:?}", outcome.items().collect::<Vec<_>>());
    assert_eq!((outcome.take(before).unwrap(), outcome.take(after).unwrap()), (1, 2));
    assert!(!outcome.take(none).unwrap());
    assert_eq!(outcome.take(gone).unwrap().id, "gone");
    let one = outcome.take(one).unwrap();
    assert_eq!(outcome.take(read).unwrap(), one);
    let patched = outcome.take(patched).unwrap();
    assert_eq!(patched.data, map(json!({"n": 1, "m": 2})));
    for (records, object) in [
        (&others, one),
        (&others, outcome.take(two).unwrap()),
        (&records, patched),
        (&records, outcome.take(last).unwrap()),
    ] {
        assert_eq!(kinto.alice.send(records.get(&object.id)).unwrap(), object);
    }
}

/// With some patience, in the time that the server asks for.
pub(crate) fn s05_conflicts_end<D: Driver>(kinto: &Kinto<D>) {
    if kinto.is_memory() {
        return;
    }
    let records = kinto.records();
    let there = kinto.record(&records, "there", json!({}));
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let mut batch = Batch::new();
    batch.push(records.create("c1", &json!({})));
    batch.push(records.create("c2", &in_the_way_of(&there)));
    batch.push(records.create("c3", &json!({})));
    let outcome = client.with_policy(|policy| policy.conflicts = 1).send(batch).unwrap();
    assert_eq!(statuses(&outcome), [Status::Done, Status::Conflict, Status::Done]);
    // Sent again once, as the policy says.
    let requests = ["GET /: 200", "POST /batch of 3: 200", "PUT R/c1: 201", "PUT R/c2: 409"];
    assert_eq!(so_far(kinto, &tells), requests);
    assert_eq!(outcome.of(Status::Conflict).next().unwrap().error().unwrap().attempts(), 2);
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 3);
}

pub(crate) fn s20_what_is_not_modified_breaks_all<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let old = kinto.record(&records, "a", json!({}));
    let at = format!("\"{}\"", old.last_modified);
    let path = records.object_path("a");
    let naive = by_hand(json!([{"path": path.as_str(), "headers": {"If-None-Match": at}}, {"path": path.as_str()}]));
    assert_eq!(status(kinto.alice.once().send(naive)), (500, Some(999)));

    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let mut batch = Batch::new();
    batch.push(records.create("b", &json!({})));
    batch.push(records.head("b"));
    let as_it_was = batch.push(records.get("a").if_changed_since(old.last_modified));
    let by_hand = batch.push(Call::new(Method::GET, path).precondition(Precondition::Changed(old.last_modified)));
    batch.push(records.get("a"));
    batch.push(records.get("b"));
    let mut outcome = client.send(batch).unwrap().into_result().unwrap();
    assert_eq!(outcome.take(as_it_was).unwrap(), Conditional::NotModified);
    assert_eq!(outcome.take(by_hand).unwrap().status().as_u16(), 304);
    let batches = "POST /batch of 2: 200";
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", batches, "GET R/a: 304", "GET R/a: 304", batches]);
}

pub(crate) fn s25_paths_with_batch_in_them<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let naive = by_hand(json!([{"path": records.path().as_str()}, {"path": records.object_path("batch1").as_str()}]));
    assert_eq!(status(kinto.alice.send(naive)), (400, Some(107)));

    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let mut batch = Batch::new();
    batch.push(records.create("a", &json!({"path": "/batch"})));
    batch.push(records.create("z-batch", &json!({"path": "/batch"})));
    let made = batch.push(records.create("batch1", &json!({"n": 1})));
    let found = batch.push(records.count().filter(field("path").eq("/batch")));
    let found_too = batch.push(records.count().filter(field("path").eq("batch")));
    batch.push(records.get("a"));
    let mut outcome = client.send(batch).unwrap().into_result().unwrap();
    assert_eq!(outcome.take(made).unwrap().data, map(json!({"n": 1})));
    assert_eq!((outcome.take(found).unwrap(), outcome.take(found_too).unwrap()), (2, 0));
    let batches = "POST /batch of 2: 200";
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", batches, "PUT R/batch1: 201", "HEAD R: 200", batches]);

    // A bucket of such a name: everything in it, in order.
    let id = format!("batch-{}", kinto.id);
    let records = bucket(&id).collection("batch").records();
    let mut batch = Batch::new();
    batch.push(buckets().create(&id, &json!({})));
    batch.push(bucket(&id).collections().create("batch", &json!({})));
    batch.push(bucket(&id).groups().create("batches", &GroupData::of(["account:bob"])));
    batch.extend(["a", "b"].map(|id| records.create(id, &json!({}))));
    let two = batch.push(records.count());
    let mut outcome = client.send(batch).unwrap().into_result().unwrap();
    assert_eq!(outcome.take(two).unwrap(), 2);
    assert_eq!(tells.try_iter().filter(|request| request.starts_with("POST")).count(), 0);
}

pub(crate) fn s26_s27_patches_other_than_plain<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let data = json!({"o": {"x": 1, "y": 2}, "t": "x", "l": [1]});
    kinto.record(&records, "naive", data.clone());
    let path = records.object_path("naive");
    let merge = json!({
        "method": "PATCH", "path": path.as_str(), "headers": {"Content-Type": "application/merge-patch+json"},
        "body": {"data": {"o": {"x": null}}}
    });
    assert_eq!(entries(&kinto.alice.send(by_hand(json!([merge]))).unwrap()), [200]);
    let spoiled = kinto.alice.send(records.get("naive")).unwrap();
    assert_eq!(spoiled.data["o"], json!({"x": null}), "it was no merge");
    let operations = json!([{"op": "remove", "path": "/data/t"}]);
    let json_patch = json!([{"path": path.as_str()}, {"method": "PATCH", "path": path.as_str(), "body": operations}]);
    assert_eq!(status(kinto.alice.send(by_hand(json_patch))), (400, Some(107)));

    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let mut batch = Batch::new();
    batch.push(records.create("a", &data));
    batch.push(records.create("b", &data));
    let merged = batch.push(records.patch("a", Merge::new(&json!({"o": {"x": null, "z": 3}, "t": null}))));
    let patched = batch.push(records.patch("b", JsonPatch::new().remove("/data/t").add("/data/l/-", 2)));
    let plain = batch.push(records.patch("a", Attributes::new(&json!({"o": {"x": null}}))));
    let read = batch.push(records.get("a"));
    let mut outcome = client.send(batch).unwrap().into_result().unwrap();
    assert_eq!(outcome.take(merged).unwrap().data, map(json!({"o": {"y": 2, "z": 3}, "l": [1]})));
    assert_eq!(outcome.take(patched).unwrap().data, map(json!({"o": {"x": 1, "y": 2}, "l": [1, 2]})));
    let plain = outcome.take(plain).unwrap();
    assert_eq!(plain.data, map(json!({"o": {"x": null}, "l": [1]})));
    assert_eq!(outcome.take(read).unwrap(), plain);
    let batches = "POST /batch of 2: 200";
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", batches, "PATCH R/a: 200", "PATCH R/b: 200", batches]);
}

/// PostgreSQL stores no NUL, and fails for the whole batch as if it were overloaded: whoever goes on finds the one.
pub(crate) fn s31_one_that_the_database_cannot_take<D: Driver>(kinto: &Kinto<D>) {
    if kinto.is_memory() {
        return;
    }
    let records = kinto.records();
    let mut batch = Batch::new();
    for id in ["a", "b", "nul", "y", "z"] {
        batch.push(records.create(id, &json!({"text": if id == "nul" { "\0" } else { id }})));
    }
    let client = kinto.alice.once();
    let stops = (0..10).take_while(|_| client.send(&mut batch).is_err()).count();
    assert!(stops < 10, "it never goes on");
    let mut outcome = batch.into_outcome();
    let (done, unknown) = (Status::Done, Status::Unknown);
    assert_eq!(statuses(&outcome), [done, done, unknown, done, done]);
    let error = outcome.of(unknown).next().unwrap().error().unwrap();
    assert_eq!((error.status().map(|status| status.as_u16()), error.errno()), (Some(503), Some(201)), "{error}");
    assert_eq!(outcome.retry_failed().map(|batch| batch.len()), Some(1));
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 4);
}

/// What a lost attempt has done is known for what it is.
pub(crate) fn s33_the_answer_is_lost<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let [updated, patched] = ["updated", "patched"].map(|id| kinto.record(&records, id, json!({"n": 1})));
    for id in ["replaced", "deleted", "also-deleted"] {
        kinto.record(&records, id, json!({"n": 1}));
    }
    let theirs = kinto.record(&records, "theirs", json!({"by": "others"}));
    let server = losing(&kinto.url, &["POST /v1/batch"]);
    let (client, tells) = watched::<D>(server.url(), "alice");
    let mut batch = Batch::new();
    let created = batch.push(records.create("created", &json!({"n": 1, "f": [1.0, 0.1]})));
    let added = batch.push(records.add(&json!({"n": 1})));
    let written = [
        batch.push(records.replace("replaced", &json!({"n": 2}))),
        batch.push(records.create("new", &json!({"n": 2})).overwrite()),
        batch.push(records.update(&updated.clone().map(|_| map(json!({"n": 2}))))),
    ];
    let patched = batch.push(records.patch(&patched, Attributes::new(&json!({"m": 2}))));
    let deleted = batch.push(records.delete("deleted"));
    let also = batch.push(records.delete_if_present("also-deleted"));
    batch.push(records.create("theirs", &json!({"by": "us"})));
    batch.push(records.delete("none"));
    let read = batch.push(records.get("theirs"));
    let mut outcome = client.send(batch).unwrap();
    let ended = statuses(&outcome);
    assert_eq!(ended[..8], [Status::Done; 8], "{:?}", outcome.items().collect::<Vec<_>>());
    assert_eq!(ended[10], Status::Done);
    // Whether one of one's own was there, or is gone, because of the lost attempt: of these it is known that it is not.
    for item in outcome.items().skip(8).take(2) {
        assert!(item.error().is_some(), "{item:?}");
    }
    let repeated: Vec<_> = outcome.items().filter(|item| item.is_repeated()).map(|item| item.position()).collect();
    assert_eq!(repeated, [0, 1, 4, 5, 6, 7]);
    assert_eq!(so_far(kinto, &tells)[..2], ["GET /: 200", "POST /batch of 11: 200"]);

    assert!(outcome.take(deleted).unwrap().repeated);
    assert!(outcome.take(also).unwrap().tombstone().unwrap().repeated);
    assert_eq!(outcome.take(read).unwrap(), theirs);
    let patched = outcome.take(patched).unwrap();
    assert_eq!(patched.data, map(json!({"n": 1, "m": 2})));
    let all = [created, added].into_iter().chain(written).map(|ticket| outcome.take(ticket).unwrap());
    for object in all.chain([patched]).collect::<Vec<_>>() {
        let stored = kinto.alice.send(records.get(&object.id)).unwrap();
        assert_eq!((stored.data, stored.last_modified), (object.data, object.last_modified));
    }
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 7);
}

/// That nothing was there to be deleted is known, and is nothing that an attempt has done.
pub(crate) fn s33_nothing_was_done_by_what_was_lost<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let server = losing(&kinto.url, &["POST /v1/batch"]);
    let (client, _tells) = watched::<D>(server.url(), "alice");
    let mut batch = Batch::new();
    let none = batch.push(records.delete_if_present("none"));
    batch.push(records.count());
    let mut outcome = client.send(batch).unwrap();
    assert!(!outcome.items().next().unwrap().is_repeated());
    assert_eq!(statuses(&outcome), [Status::AlreadySo, Status::Done]);
    assert_eq!(outcome.take(none).unwrap(), Deletion::Absent);
}

/// Deletions, of every kind of object: what is left of it is read back, where it can be.
pub(crate) fn s33_the_answer_to_a_deletion_is_lost<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all) = (kind.name, &kind.resource);
        let [a, b] = ["a", "b"].map(|id| kind.id(id));
        for id in [&a, &b] {
            kinto.alice.send(all.create(id, &kind.data(json!({})))).unwrap();
        }
        let server = losing(&kinto.url, &["POST /v1/batch"]);
        let (client, _tells) = watched::<D>(server.url(), "alice");
        let mut batch = Batch::new();
        let one = batch.push(all.delete(&a));
        batch.push(all.delete_if_present(&b));
        let mut outcome = client.send(batch).unwrap();
        if kind.is("bucket") {
            // Who may see no bucket that was is told nothing: then it is not known.
            assert_eq!(statuses(&outcome)[0], Status::Unknown, "{name}");
            assert!(refused(outcome.take(one)).maybe_applied());
        } else {
            assert_eq!(statuses(&outcome), [Status::Done; 2], "{name}");
            assert!(outcome.take(one).unwrap().repeated, "{name}");
        }
        assert_eq!(kinto.alice.send(all.count().filter(kind.own())).unwrap(), 0, "{name}");
    }
}

/// What `Delete` asks when its answer was lost: of buckets, only those who see all of them are told.
pub(crate) fn what_is_left_can_be_looked_up<D: Driver>(kinto: &Kinto<D>) {
    let rich = kinto.with_small_pages();
    for (kinto, who) in [(kinto, "alice"), (&rich, "alice"), (&rich, "admin")] {
        let client = if who == "admin" { &kinto.admin } else { &kinto.alice };
        let kinto = Kinto::<D>::at(kinto.backend, &kinto.url, &[]);
        // Only buckets are shown to the administrator.
        let kinds = kinto.kinds().into_iter().filter(|kind| who == "alice" || kind.is("bucket"));
        for kind in kinds {
            let (name, all) = (kind.name, &kind.resource);
            let [x, other] = ["x", "other"].map(|id| kind.id(id));
            let mut last = None;
            for id in [&other, &x, &other] {
                kinto.alice.send(all.create(id, &kind.data(json!({})))).unwrap();
                let gone = kinto.alice.send(all.delete(id)).unwrap();
                last = if *id == x { Some(gone) } else { last };
            }
            let gone = last.unwrap();
            let since = Timestamp::from_millis(gone.last_modified.as_millis() - 1);
            let found = client.send(all.list().filter(field("id").eq(&x)).since(since)).unwrap().items;
            let told = !kind.is("bucket") || who == "admin";
            assert_eq!(found, told.then_some(Entry::Deleted(gone)).into_iter().collect::<Vec<_>>(), "{name}, {who}");
        }
    }
}

/// In a batch, what is in a bucket goes with it at the very end: also what was made after the bucket was deleted.
pub(crate) fn what_is_made_after_a_deletion_stays<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let put = |path: &Path| json!({"method": "PUT", "path": path.as_str(), "body": {"data": {}}});
    let collection = kinto.bucket().collection("c");
    let delete = json!({"method": "DELETE", "path": collection.path().as_str()});
    let naive = by_hand(json!([delete, put(collection.path()), put(&records.object_path("lost"))]));
    assert_eq!(entries(&kinto.alice.send(naive).unwrap()), [200, 201, 201]);
    assert!(!kinto.alice.send(records.exists("lost")).unwrap());

    let mut batch = Batch::new();
    batch.push(kinto.bucket().collections().delete("c"));
    batch.push(kinto.bucket().collections().create("c", &json!({})));
    batch.push(records.create("a", &json!({})));
    let outcome = kinto.alice.send(batch).unwrap();
    assert_eq!(outcome.summary().to_string(), "3 done");
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 1);
    let mut batch = Batch::new();
    batch.push(records.delete("a"));
    batch.push(buckets().delete(&kinto.id));
    batch.push(buckets().create(&kinto.id, &json!({})));
    batch.push(kinto.bucket().groups().create("g", &GroupData::default()));
    batch.push(kinto.bucket().collections().create("c", &json!({})));
    batch.push(records.create("b", &json!({})));
    let outcome = kinto.alice.send(batch).unwrap();
    assert_eq!(outcome.summary().to_string(), "6 done");
    assert!(kinto.alice.send(records.exists("b")).unwrap());
    assert!(kinto.alice.send(kinto.bucket().groups().exists("g")).unwrap());
}

/// And what is read after it.
pub(crate) fn what_was_in_it_is_not_read_after_a_deletion<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({"n": 1}));
    let mut batch = Batch::new();
    batch.push(buckets().delete(&kinto.id));
    batch.push(records.get("a"));
    batch.push(kinto.bucket().collections().get("c"));
    batch.push(records.count());
    let outcome = kinto.alice.send(batch).unwrap();
    let forbidden = Status::Forbidden;
    assert_eq!(status(kinto.alice.send(records.get("a"))), (403, Some(121)), "as it is when it is asked by itself");
    assert_eq!(statuses(&outcome), [Status::Done, forbidden, forbidden, forbidden]);
}

/// A request that cannot be sent twice stays in doubt, and keeps no other from being sent.
pub(crate) fn what_cannot_be_sent_twice_stays_unknown<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let server = losing(&kinto.url, &["POST /v1/batch"]);
    let (client, tells) = watched::<D>(server.url(), "alice");
    let post = || raw_json(Method::POST, records.path(), json!({"data": {"n": 1}}));
    let mut batch = Batch::new();
    batch.push(post());
    batch.push(post());
    let made = batch.push(records.create("a", &json!({})));
    let error = refused(client.send(&mut batch));
    assert!(error.kind() == ErrorKind::Interrupted && error.maybe_applied(), "{error}");
    assert_eq!(so_far(kinto, &tells), ["GET /: 200"]);
    assert_eq!(client.send(&mut batch).unwrap().to_string(), "1 done, 2 unknown");
    assert_eq!(so_far(kinto, &tells), ["PUT R/a: 201"]);
    let mut outcome = batch.into_outcome();
    for item in outcome.of(Status::Unknown) {
        assert!(item.error().unwrap().maybe_applied(), "{item:?}");
    }
    assert!(outcome.retry_failed().is_none());
    assert!(!outcome.take(made).unwrap().repeated);
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 3);
}
