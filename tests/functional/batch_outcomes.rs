//! What came of a batch: how each operation ended, and what is worth repeating.

use kinto_protocol::{Auth, Batch, EVERYONE, ErrorKind, Permissions, Status, bucket, buckets};
use serde_json::json;

use crate::batches::{so_far, statuses, watched};
use crate::canned::nobodys_url;
use crate::context::{Kinto, map, refused};
use crate::driver::{Driver, Setup};

pub(crate) fn how_each_of_them_ended<D: Driver>(kinto: &Kinto<D>) {
    let schema = json!({"schema": {"type": "object", "properties": {"title": {"type": "string"}}}});
    let here = kinto.make_bucket();
    kinto.alice.send(here.collections().create("c", &schema)).unwrap();
    let records = here.collection("c").records();
    let hidden = bucket(&kinto.other("hidden"));
    kinto.bob.send(buckets().create(kinto.other("hidden"), &json!({}))).unwrap();
    let there = kinto.record(&records, "there", json!({"title": "x", "n": [1.0]}));
    let stale = there.clone().map(|_| map(json!({"title": "late"})));
    let there = kinto.alice.send(records.update(&there)).unwrap();

    let mut batch = Batch::new();
    batch.push(records.create("new", &json!({"title": "y"})));
    batch.push(records.create("there", &json!({"n": [1.0], "title": "x"})));
    batch.push(records.delete_if_present("none"));
    batch.push(records.create("there", &json!({"title": "another"})));
    batch.push(records.update(&stale));
    batch.push(records.replace("none", &json!({})));
    batch.push(records.get("none"));
    batch.push(here.collection("none").records().count());
    batch.push(hidden.collections().create("c", &json!({})));
    batch.push(records.create("invalid", &json!({"title": 1})));
    batch.push(records.exists("none"));
    let mut outcome = kinto.alice.send(batch).unwrap();
    assert!(outcome.stopped().is_none());
    let ended = {
        use Status::{AlreadySo, Conflict, Done, Forbidden, Invalid, Missing};
        [Done, AlreadySo, AlreadySo, Conflict, Conflict, Conflict, Missing, Missing, Forbidden, Invalid, Done]
    };
    assert_eq!(statuses(&outcome), ended);
    let summary = outcome.summary();
    assert_eq!(summary.to_string(), "2 done, 2 already so, 3 in conflict, 2 missing, 1 forbidden, 1 invalid");
    assert!((summary.total(), summary.count(Status::Conflict), summary.is_success()) == (11, 3, false));

    let items: Vec<_> = outcome.items().collect();
    let mut stored = there.data.clone();
    stored.insert("id".into(), "there".into());
    stored.insert("last_modified".into(), there.last_modified.as_millis().into());
    assert_eq!((items[3].existing(), items[4].existing(), items[5].existing()), (Some(&stored), Some(&stored), None));
    assert_eq!(items[9].invalid()[0].name, "title");
    assert_eq!(items[9].invalid()[0].description, "1 is not of type 'string'");
    assert_eq!(items[9].request().unwrap().to_string(), format!("PUT {}", records.object_path("invalid")));
    assert!(outcome.of(Status::Conflict).map(|item| item.position()).eq([3, 4, 5]));
    for item in &items {
        assert!(!item.is_repeated(), "{item:?}");
        assert!(item.error().is_none_or(|error| !error.maybe_applied() && error.attempts() == 1), "{item:?}");
    }

    assert!(outcome.retry_failed().is_none(), "none of it is worth repeating");
    let error = refused(outcome.into_result());
    assert!(error.is_precondition_failed() && error.maybe_applied(), "{error}");
    assert!(error.to_string().contains(" of 11 operations failed, the first of them with: 412 "), "{error}");
}

/// What is there with the same content is no failure for anybody.
pub(crate) fn what_is_already_so_is_no_error<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({"n": 1}));
    let mut batch = Batch::new();
    batch.push(records.create("a", &json!({"n": 1})));
    batch.push(records.delete_if_present("none"));
    let outcome = kinto.alice.send(batch).unwrap();
    assert_eq!(outcome.summary().to_string(), "2 already so");
    assert!(outcome.summary().is_success());
    assert_eq!(outcome.into_result().map(drop).map_err(|error| error.to_string()), Ok(()));
}

/// An error of a batch that only reads says of nothing that it may have been applied.
pub(crate) fn reading_changes_nothing<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let mut batch = Batch::new();
    batch.push(records.count());
    batch.push(records.get("none"));
    let error = refused(kinto.alice.send(batch).unwrap().into_result());
    assert!(error.is_not_found() && !error.maybe_applied(), "{error}");
}

pub(crate) fn each_its_own_401<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({}));
    kinto.alice.send(records.replace_permissions("a", Permissions::new().read([EVERYONE]))).unwrap();
    let wrong = kinto.alice.with_auth(Some(Auth::basic("alice", "wrong"))).unwrap();
    for client in [&kinto.anonymous, &wrong] {
        let mut batch = Batch::new();
        batch.push(records.create("b", &json!({})));
        let public = batch.push(records.get("a"));
        batch.push(records.delete("a"));
        let mut outcome = client.send(batch).unwrap();
        assert_eq!(statuses(&outcome), [Status::Forbidden, Status::Done, Status::Forbidden]);
        for item in outcome.of(Status::Forbidden) {
            let error = item.error().unwrap();
            assert!(error.is_unauthorized() && error.errno() == Some(104) && !error.maybe_applied(), "{error}");
            assert!(error.to_string().contains("check them with server_info()"), "{error}");
        }
        assert_eq!(outcome.take(public).unwrap().id, "a");
        assert!(refused(outcome.into_result()).is_unauthorized());
    }
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 1);
}

pub(crate) fn what_was_not_sent_is_sent_later<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let elsewhere = D::build(Setup::of(nobodys_url())).unwrap().once();
    let mut batch = Batch::new();
    let one = batch.push(records.create("a", &json!({"n": 1})));
    batch.push(records.create("a b", &json!({})));
    let two = batch.push(records.add(&json!({"n": 2})));
    let mut outcome = elsewhere.send(batch).unwrap();
    let stopped = outcome.stopped().unwrap();
    assert_eq!(stopped.kind(), ErrorKind::Connect);
    assert!(stopped.to_string().contains("the batch stopped after 0 of 3 operations: "), "{stopped}");
    assert!(!stopped.maybe_applied());
    assert_eq!(statuses(&outcome), [Status::NotSent; 3]);
    let error = outcome.get(one).unwrap().unwrap_err();
    assert!(error.to_string().starts_with("the batch stopped before"), "{error}");
    assert!(error.is_retryable() && !error.maybe_applied());

    let again = outcome.retry_failed().unwrap();
    assert_eq!((again.len(), outcome.items().count()), (3, 0));
    assert!(outcome.stopped().is_none());
    let later = kinto.alice.send(again).unwrap();
    assert_eq!(statuses(&later), [Status::Done, Status::Invalid, Status::Done]);
    outcome.merge(later);
    assert!(outcome.items().map(|item| item.position()).eq(0..3));
    assert_eq!(outcome.take(one).unwrap().data, map(json!({"n": 1})));
    let two = outcome.take(two).unwrap();
    assert_eq!(kinto.alice.send(records.get(&two.id)).unwrap(), two);
}

/// One that the caller keeps goes on where it stood.
pub(crate) fn kept_by_the_caller<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let elsewhere = D::build(Setup::of(nobodys_url())).unwrap().once();
    let mut batch: Batch = (0..30).map(|n| records.create(format!("r{n}"), &json!({"n": n}))).collect();
    for _ in 0..2 {
        let error = refused(elsewhere.send(&mut batch));
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.to_string().contains("the batch stopped after 0 of 30 operations"), "{error}");
        assert!(!error.maybe_applied());
    }
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    assert_eq!(client.send(&mut batch).unwrap().to_string(), "30 done");
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", "POST /batch of 25: 200", "POST /batch of 5: 200"]);
    // More can be added, and what is done is done.
    let last = batch.push(records.delete("r0"));
    assert_eq!(client.send(&mut batch).unwrap().to_string(), "31 done");
    assert_eq!(so_far(kinto, &tells), ["DELETE R/r0: 200"]);
    assert_eq!(client.send(&mut batch).unwrap().total(), 31);
    assert_eq!(so_far(kinto, &tells), [""; 0]);
    let mut outcome = batch.into_outcome();
    assert_eq!(outcome.take(last).unwrap().id, "r0");
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 29);
}
