//! What a naive client gets wrong when it reads lists and deletes them.

use std::time::Duration;

use http::Method;
use kinto_protocol::{
    Deletion, Entry, ErrorKind, Flow, Moment, Object, Precondition, Resource, Session, Step, Timestamp, bucket,
    buckets, endpoints, field,
};
use serde_json::json;

use crate::context::{Kinto, body, ids_in, map, raw, refused, status};
use crate::driver::Driver;

fn ids(objects: impl IntoIterator<Item = Object>) -> Vec<String> {
    let mut ids: Vec<String> = objects.into_iter().map(|object| object.id).collect();
    ids.sort_unstable();
    ids
}

/// The query that a flow begins with.
fn query_of<F: Flow>(session: &Session, flow: F) -> String {
    match session.exchange(flow).next(Moment::at(Duration::ZERO)) {
        Step::Send(request, _) => request.uri().query().unwrap_or_default().to_owned(),
        _ => panic!("nothing is sent"),
    }
}

fn numbered<D: Driver>(kinto: &Kinto<D>, count: u64) -> Resource {
    let records = kinto.records();
    for n in 0..count {
        kinto.record(&records, &format!("r{n}"), json!({"n": n}));
    }
    records
}

pub(crate) fn s10_deleting_a_list_takes_several_requests<D: Driver>(kinto: &Kinto<D>) {
    let kinto = kinto.with_small_pages();
    let records = numbered(&kinto, 5);
    let reply = kinto.alice.send(raw(Method::DELETE, records.path(), "")).unwrap();
    assert!(reply.headers().contains_key("next-page"));
    assert_eq!(body(&reply)["data"].as_array().unwrap().len(), 3);
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 2, "the others are still there");

    for n in 5..10 {
        kinto.record(&records, &format!("r{n}"), json!({"n": n}));
    }
    assert_eq!(kinto.alice.send(records.delete_all()).unwrap().len(), 7);
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 0);
}

pub(crate) fn s12_a_selection_hides_what_is_deleted<D: Driver>(kinto: &Kinto<D>) {
    let records = numbered(kinto, 2);
    let gone = kinto.alice.send(records.delete("r0")).unwrap();
    let reply = kinto.alice.send(raw(Method::GET, records.path(), "_since=0&_fields=n")).unwrap();
    assert_eq!(body(&reply)["data"][0], json!({"id": "r0", "last_modified": gone.last_modified}));

    let beginning = Timestamp::from_millis(0);
    for list in [records.list().fields(["n"]).since(beginning), records.list().since(beginning).fields(["n"])] {
        let changes = kinto.alice.send(list).unwrap().items;
        assert_eq!(changes[0], Entry::Deleted(gone.clone()));
        let Entry::Live(live) = &changes[1] else { panic!("{changes:?}") };
        assert_eq!((live.id.as_str(), &live.data), ("r1", &map(json!({"n": 1}))));
    }
}

pub(crate) fn s34_ids_are_text<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "1", json!({}));
    kinto.record(&records, "1e5", json!({}));
    for query in ["id=1", "id=1e5", "in_id=1"] {
        assert_eq!(status(kinto.alice.send(raw(Method::GET, records.path(), query))), (400, Some(107)), "{query}");
    }
    for id in ["1", "1e5"] {
        let one = kinto.alice.send(records.list().filter(field("id").eq(id))).unwrap();
        assert_eq!(ids(one), [id]);
    }
    assert_eq!(ids(kinto.alice.send(records.list().filter(field("id").is_in(["1", "1e5"]))).unwrap()), ["1", "1e5"]);
    assert_eq!(refused(kinto.alice.send(records.list().filter(field("id").eq(1)))).kind(), ErrorKind::Input);
}

pub(crate) fn s35_values_have_types<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "r1", json!({"s": "42"}));
    kinto.record(&records, "r2", json!({"s": 42}));
    let asked = |query| ids_in(&kinto.alice.send(raw(Method::GET, records.path(), query)).unwrap());
    assert_eq!(asked("s=42"), ["r2"]);
    assert_eq!(asked("s=%2242%22"), ["r1"]);
    assert_eq!(ids(kinto.alice.send(records.list().filter(field("s").eq("42"))).unwrap()), ["r1"]);
    assert_eq!(ids(kinto.alice.send(records.list().filter(field("s").eq(42))).unwrap()), ["r2"]);
}

pub(crate) fn s36_no_commas_in_lists_of_values<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "r1", json!({"s": "a,b"}));
    let reply = kinto.alice.send(raw(Method::GET, records.path(), "in_s=%22a%2Cb%22")).unwrap();
    assert_eq!(ids_in(&reply), [""; 0]);
    assert_eq!(refused(kinto.alice.send(records.list().filter(field("s").is_in(["a,b"])))).kind(), ErrorKind::Input);
    assert_eq!(ids(kinto.alice.send(records.list().filter(field("s").eq("a,b"))).unwrap()), ["r1"]);
}

pub(crate) fn s37_what_lacks_the_field_is_above_all<D: Driver>(kinto: &Kinto<D>) {
    let records = numbered(kinto, 3);
    kinto.record(&records, "without", json!({}));
    let asked = |query| ids_in(&kinto.alice.send(raw(Method::GET, records.path(), query)).unwrap());
    assert_eq!(asked("gt_n=1"), ["r2", "without"]);
    assert_eq!(asked("not_n=1"), ["r0", "r2", "without"]);
    assert_eq!(asked("exclude_n=1"), ["r0", "r2", "without"]);
    assert_eq!(asked("has_n=true&gt_n=1"), ["r2"]);
    // On the memory backend it cancels the filters before it.
    let all = if kinto.is_memory() { &["r0", "r1", "r2"][..] } else { &["r2"] };
    assert_eq!(asked("gt_n=1&has_n=true"), all);

    let list = || records.list().filter(field("n").gt(1));
    assert_eq!(ids(kinto.alice.send(list()).unwrap()), ["r2", "without"]);
    assert_eq!(ids(kinto.alice.send(list().filter(field("n").has(true))).unwrap()), ["r2"]);
}

pub(crate) fn s38_unknown_filters_do_not_fail<D: Driver>(kinto: &Kinto<D>) {
    let records = numbered(kinto, 2);
    let asked = |query| ids_in(&kinto.alice.send(raw(Method::GET, records.path(), query)).unwrap());
    assert_eq!(asked("unknown=1"), [""; 0]);
    assert_eq!(asked("_foo=1"), ["r0", "r1"], "ignored");
    assert_eq!(ids(kinto.alice.send(records.list().filter(field("unknown").eq(1))).unwrap()), [""; 0]);
    assert_eq!(ids(kinto.alice.send(records.list().filter(field("_foo").eq(1))).unwrap()), [""; 0]);
    // It would delete everything.
    assert_eq!(kinto.alice.send(records.delete_all().filter(field("_foo").eq(1))).unwrap(), []);
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 2);
}

pub(crate) fn s39_nothing_twice<D: Driver>(kinto: &Kinto<D>) {
    let records = numbered(kinto, 2);
    let asked = |query| kinto.alice.send(raw(Method::GET, records.path(), query));
    assert_eq!(ids_in(&asked("n=0&n=1").unwrap()), [""; 0]);
    assert_eq!(status(asked("_limit=1&_limit=2")), (400, Some(107)));
    let twice = records.list().filter(field("n").eq(0)).filter(field("n").eq(1));
    let error = refused(kinto.alice.send(twice));
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0));
    assert!(error.to_string().contains("the filter n is given twice"), "{error}");
    assert_eq!(query_of(kinto.alice.session(), records.list().page_size(1).page_size(2)), "_limit=2");
    assert_eq!(query_of(kinto.alice.session(), records.list().limit(1).page_size(2)), "_limit=1");
}

pub(crate) fn s40_since_a_timestamp_to_come<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let future = Timestamp::from_millis(99_999_999_999_999);
    let created = kinto.record(&records, "a", json!({"last_modified": future}));
    assert_eq!(created.last_modified, future);
    let seen = kinto.alice.send(records.list()).unwrap().timestamp.unwrap();
    assert_eq!(seen, future);

    let query = format!("_since=%22{seen}%22");
    assert_eq!(status(kinto.alice.send(raw(Method::GET, records.path(), &query))), (400, Some(107)));
    let error = refused(kinto.alice.send(records.list().since(seen)));
    assert_eq!((error.status().map(|status| status.as_u16()), error.errno()), (Some(400), Some(107)));
    assert!(error.to_string().contains("_since"), "{error}");
    // The whole list can still be asked for, if it changed.
    let whole = || records.list().if_changed_since(seen);
    assert_eq!(kinto.alice.send(whole()).unwrap().modified(), None);
    kinto.record(&records, "b", json!({}));
    assert_eq!(ids(kinto.alice.send(whole()).unwrap().modified().unwrap()), ["a", "b"]);
}

pub(crate) fn s41_since_null<D: Driver>(kinto: &Kinto<D>) {
    let records = numbered(kinto, 2);
    let reply = kinto.alice.send(raw(Method::GET, records.path(), "_since=null")).unwrap();
    let found = if kinto.is_memory() { &["r0", "r1"][..] } else { &[] };
    assert_eq!(ids_in(&reply), found);
    // Ours takes nothing but a timestamp, and sends none unless there is one.
    let session = kinto.alice.session();
    assert_eq!(query_of(session, records.list()), "");
    assert_eq!(query_of(session, records.list().since(Timestamp::from_millis(5))), "_since=5");
    let negative = refused(kinto.alice.send(records.list().since(Timestamp::from_millis(-1))));
    assert_eq!(negative.kind(), ErrorKind::Input);
}

pub(crate) fn s42_the_next_page_of_another_bucket<D: Driver>(kinto: &Kinto<D>) {
    let records = bucket("default").collection(&kinto.id).records();
    for n in 0..3 {
        kinto.record(&records, &format!("r{n}"), json!({"n": n}));
    }
    let reply = kinto.alice.send(raw(Method::GET, records.path(), "_limit=2")).unwrap();
    let next = reply.headers()["next-page"].to_str().unwrap();
    assert!(next.starts_with(&kinto.url) && !next.contains("/buckets/default/"), "{next}");
    assert_eq!(ids(kinto.alice.send(records.list().page_size(2)).unwrap()), ["r0", "r1", "r2"]);
    kinto.alice.send(records.delete_all().page_size(2)).unwrap();
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 0);
}

pub(crate) fn s42_the_next_page_on_another_host<D: Driver>(kinto: &Kinto<D>) {
    let kinto = kinto.with_small_pages();
    let records = numbered(&kinto, 4);
    let reply = kinto.alice.send(raw(Method::GET, records.path(), "")).unwrap();
    let next = reply.headers()["next-page"].to_str().unwrap();
    assert!(next.starts_with("https://internal.example:9/v1/"), "{next}");
    assert_eq!(ids(kinto.alice.send(records.list()).unwrap()), ["r0", "r1", "r2", "r3"]);
    // To follow a redirect there would be to send the credentials there.
    let mut setup = crate::driver::Setup::of(kinto.url.strip_suffix("/v1").unwrap());
    setup.auth = Some(kinto_protocol::Auth::basic("alice", crate::context::PASSWORD));
    let error = refused(D::build(setup).unwrap().send(records.get("r0")));
    assert_eq!(error.kind(), ErrorKind::Redirect);
    assert_eq!(
        error.to_string(),
        format!(
            "GET {path}: redirected (307) to \"https://internal.example:9/v1{path}\", which is not the origin of this API \
             (use the URL of the API itself as base URL)",
            path = records.object_path("r0")
        )
    );
}

pub(crate) fn s43_if_none_match_on_the_second_page<D: Driver>(kinto: &Kinto<D>) {
    let records = numbered(kinto, 3);
    let first = kinto.alice.send(raw(Method::GET, records.path(), "_limit=2")).unwrap();
    let at = first.timestamp().unwrap();
    let next = first.headers()["next-page"].to_str().unwrap().split_once('?').unwrap().1;
    let second = raw(Method::GET, records.path(), next);
    let cut = kinto.alice.send(second.clone().precondition(Precondition::Changed(at))).unwrap();
    assert_eq!(cut.status().as_u16(), 304, "in the middle of the list");
    assert_eq!(ids_in(&kinto.alice.send(second).unwrap()), ["r0"]);

    let before = Timestamp::from_millis(at.as_millis() - 1);
    let changed = kinto.alice.send(records.list().page_size(2).if_changed_since(before)).unwrap();
    assert_eq!(ids(changed.modified().unwrap()), ["r0", "r1", "r2"]);
    assert_eq!(kinto.alice.send(records.list().page_size(2).if_changed_since(at)).unwrap().modified(), None);
}

pub(crate) fn s44_totals_only_on_head<D: Driver>(kinto: &Kinto<D>) {
    let records = numbered(kinto, 7);
    let head = kinto.alice.send(raw(Method::HEAD, records.path(), "_limit=2")).unwrap();
    assert_eq!(
        (&head.headers()["total-objects"], &head.headers()["total-records"]),
        (&"7".parse().unwrap(), &"7".parse().unwrap())
    );
    let get = kinto.alice.send(raw(Method::GET, records.path(), "_limit=2")).unwrap();
    assert!(!get.headers().contains_key("total-objects") && !get.headers().contains_key("total-records"));
    assert_eq!(kinto.alice.send(records.count()).unwrap(), 7);
    assert_eq!(kinto.alice.send(records.count().filter(field("n").max(2))).unwrap(), 3);
}

pub(crate) fn s45_pages_that_nobody_asked_for<D: Driver>(kinto: &Kinto<D>) {
    let kinto = kinto.with_small_pages();
    let records = numbered(&kinto, 5);
    let reply = kinto.alice.send(raw(Method::GET, records.path(), "")).unwrap();
    assert_eq!(ids_in(&reply), ["r2", "r3", "r4"]);
    assert!(reply.headers().contains_key("next-page"));
    let everything = ["r0", "r1", "r2", "r3", "r4"];
    assert_eq!(ids(kinto.alice.send(records.list()).unwrap()), everything);
    assert_eq!(ids(kinto.alice.send(records.list().page_size(100)).unwrap()), everything);
    assert_eq!(ids(kinto.alice.items(records.list()).map(Result::unwrap)), everything);
    assert_eq!(kinto.alice.pages(records.list()).count(), 2);
    assert_eq!(kinto.alice.send(records.list().limit(4)).unwrap().items.len(), 4);
    let before = kinto.alice.send(records.head("r0")).unwrap();
    assert_eq!(kinto.alice.send(records.list().since(before)).unwrap().items.len(), 4);
}

pub(crate) fn s46_what_only_looks_deleted<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let zombie = kinto.record(&records, "zombie", json!({"deleted": true, "k": 1}));
    assert_eq!(kinto.alice.send(records.get("zombie")).unwrap(), zombie);
    let changes = kinto.alice.send(records.list().since(Timestamp::from_millis(0))).unwrap();
    let Entry::Live(live) = &changes.items[0] else { panic!("{changes:?}") };
    assert_eq!(live.data, zombie.data);
    // The memory backend counts it among the deleted.
    assert_eq!(kinto.alice.send(records.count()).unwrap(), u64::from(!kinto.is_memory()));

    // No list without `since` holds a deleted object, so this is none.
    let bare = kinto.record(&records, "bare", json!({"deleted": true}));
    assert_eq!(bare.data, map(json!({"deleted": true})));
    let listed = kinto.alice.send(records.list()).map_err(|error| error.to_string());
    assert_eq!(listed.map(ids), Ok(vec!["bare".to_owned(), "zombie".to_owned()]));
}

pub(crate) fn s49_missing_buckets_to_those_who_see_all<D: Driver>(kinto: &Kinto<D>) {
    let kinto = kinto.with_small_pages();
    assert_eq!(status(kinto.admin.send(raw(Method::GET, &endpoints::bucket(&kinto.id), ""))), (404, Some(110)));
    assert!(!kinto.admin.send(buckets().exists(&kinto.id)).unwrap());
    assert_eq!(kinto.admin.send(buckets().delete_if_present(&kinto.id)).unwrap(), Deletion::Absent);
    kinto.make_bucket();
    assert!(kinto.admin.send(buckets().exists(&kinto.id)).unwrap());
    let seen = kinto.admin.send(buckets().get(&kinto.id)).unwrap();
    assert_eq!(seen.permissions, None, "by a setting, not by its permissions");
    let gone = kinto.admin.send(buckets().delete_if_present(&kinto.id)).unwrap();
    assert_eq!(gone.tombstone().unwrap().id, kinto.id);
}
