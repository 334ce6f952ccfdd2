//! What a naive client gets wrong when it writes or asks who it is: what the server does, shown with plain requests,
//! and what the operations make of it.

use std::sync::Barrier;
use std::thread;

use http::Method;
use kinto_protocol::{
    Attributes, Auth, Call, Conditional, Deletion, Details, EVERYONE, GetOrCreated, GroupData, Merge, Object,
    Permissions, Precondition, Result, Timestamp, bucket, buckets, endpoints, server_info,
};
use serde::Serialize;
use serde_json::json;

use crate::canned::{get_by_hand, sending};
use crate::context::{Kinto, body, map, raw, raw_json, refused, status, written_by};
use crate::driver::{Driver, Setup};

/// What comes of four who do the same at the same time.
fn four_at_once<T: Send>(act: impl Fn(usize) -> Result<T> + Sync) -> Vec<Result<T>> {
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        let act = |n| {
            let (barrier, act) = (&barrier, &act);
            scope.spawn(move || {
                barrier.wait();
                act(n)
            })
        };
        let threads: Vec<_> = (0..4).map(act).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Those who won, with what the server made of it; the others must have been told that they lost.
fn winners(outcomes: Vec<Result<Object>>) -> Vec<(usize, Object)> {
    let mut won = Vec::new();
    for (n, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(object) => {
                assert_eq!(object.data, map(json!({"by": n})), "another's write was taken for one's own");
                assert!(!object.repeated);
                won.push((n, object));
            }
            Err(error) => {
                let status = error.status().map(|status| status.as_u16());
                assert!(matches!(status, Some(409 | 412)) && !error.maybe_applied(), "{error}");
            }
        }
    }
    won
}

/// On PostgreSQL mostly all four pass, on the memory backend mostly one.
pub(crate) fn s01_if_match_is_best_effort<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let alice = kinto.alice.once();
    for round in 0..5 {
        let id = format!("r{round}");
        let object = kinto.record(&records, &id, json!({"by": "nobody"}));
        let won = winners(four_at_once(|n| alice.send(records.update(&object.clone().map(|_| map(json!({"by": n})))))));
        assert!(!won.is_empty(), "everybody was refused");
        // What is left was written by one of them: not always by the one with the newest timestamp.
        let left = kinto.alice.send(records.get(&id)).unwrap();
        assert!(won.iter().any(|(_, object)| *object == left), "{left:?} is none of {won:?}");
    }
}

pub(crate) fn s01_creating_is_exclusive<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let alice = kinto.alice.once();
    for round in 0..5 {
        let id = format!("r{round}");
        let won = winners(four_at_once(|n| alice.send(records.create(&id, &json!({"by": n})))));
        assert_eq!(won.len(), 1, "{won:?}");
        assert_eq!(kinto.alice.send(records.get(&id)).unwrap(), won[0].1);
    }
}

pub(crate) fn s04_post_with_an_id_that_exists<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let stored = kinto.record(&records, "p1", json!({"v": 1}));
    let post = raw_json(Method::POST, records.path(), json!({"data": {"id": "p1", "v": 2}}));
    let reply = kinto.alice.send(post).unwrap();
    assert_eq!(reply.status().as_u16(), 200);
    assert_eq!(body(&reply)["data"]["v"], 1, "what was sent is ignored");

    // Ours say so.
    assert!(refused(kinto.alice.send(records.create("p1", &json!({"v": 2})))).is_precondition_failed());
    let found = kinto.alice.send(records.get_or_create("p1", &json!({"v": 2}))).unwrap();
    assert_eq!(found, GetOrCreated::Found(stored));
}

pub(crate) fn s07_no_data_and_empty_data<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let path = records.object_path("r1");
    kinto.record(&records, "r1", json!({"a": 1}));
    let reply = kinto.alice.send(raw_json(Method::PUT, &path, json!({"permissions": {"read": [EVERYONE]}}))).unwrap();
    assert_eq!(body(&reply)["data"]["a"], 1, "no data keeps the data");
    let reply = kinto.alice.send(raw_json(Method::PUT, &path, json!({"data": {}}))).unwrap();
    assert_eq!(body(&reply)["data"].get("a"), None, "empty data erases it");

    kinto.alice.send(records.replace("r1", &json!({"a": 2}))).unwrap();
    let kept = kinto.alice.send(records.replace_permissions("r1", Permissions::new().read([EVERYONE]))).unwrap();
    assert_eq!(kept.data, map(json!({"a": 2})));
    let erased = kinto.alice.send(records.replace("r1", &json!({}))).unwrap();
    assert_eq!(erased.data, map(json!({})));
    assert_eq!(erased.permissions, kept.permissions);
}

pub(crate) fn s08_put_empties_the_other_permissions<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let create = |id| kinto.alice.send(records.create(id, &json!({})).permissions(Permissions::new().read([EVERYONE])));
    create("r1").unwrap();
    let put = raw_json(Method::PUT, &records.object_path("r1"), json!({"data": {}, "permissions": {"write": []}}));
    let reply = kinto.alice.send(put).unwrap();
    assert_eq!(body(&reply)["permissions"], json!({"write": ["account:alice"]}));

    create("r2").unwrap();
    let bobs = || Permissions::new().write(["account:bob"]);
    let patched = kinto.alice.send(records.patch("r2", Attributes::only_permissions(bobs()))).unwrap();
    let given = Permissions::new().write(["account:alice", "account:bob"]);
    assert_eq!(patched.permissions, Some(given.clone().read([EVERYONE])), "a patch names what it changes");
    let replaced = kinto.alice.send(records.replace_permissions("r2", bobs())).unwrap();
    assert_eq!(replaced.permissions, Some(given), "replacing replaces");
    let kept = kinto.alice.send(records.replace("r2", &json!({}))).unwrap();
    assert_eq!(kept.permissions, replaced.permissions, "none named, none changed");
}

pub(crate) fn s19_wrong_credentials_are_none<D: Driver>(kinto: &Kinto<D>) {
    let bucket = kinto.make_bucket();
    kinto.alice.send(buckets().replace_permissions(&kinto.id, Permissions::new().read([EVERYONE]))).unwrap();
    let wrong = kinto.alice.with_auth(Some(Auth::basic("alice", "wrong"))).unwrap();
    let seen = wrong.send(buckets().get(&kinto.id)).unwrap();
    assert_eq!((seen.id.as_str(), seen.permissions), (kinto.id.as_str(), None), "as anybody");
    assert_eq!(wrong.send(server_info()).unwrap().user, None);

    let error = refused(wrong.send(bucket.collections().create("c", &json!({}))));
    assert!((error.status().map(|status| status.as_u16()), error.errno()) == (Some(401), Some(104)), "{error}");
    assert!(error.to_string().contains("check them with server_info(), which shows the user"), "{error}");
    assert!(kinto.alice.send(bucket.collections().create("c", &json!({}))).is_ok());
}

pub(crate) fn s28_post_with_if_match<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let at = kinto.record(&records, "a", json!({})).last_modified;
    assert_eq!(kinto.alice.send(records.timestamp()).unwrap(), at);
    let post = || raw_json(Method::POST, records.path(), json!({"data": {}}));
    let only_if = |precondition| status(kinto.alice.send(post().precondition(precondition)));
    assert_eq!(only_if(Precondition::Unchanged(at)), (412, Some(114)), "although the list is as it was");
    assert_eq!(only_if(Precondition::Present), (412, Some(114)));
    assert!(kinto.alice.send(post().precondition(Precondition::Absent)).is_ok());

    // Ours can only ask for what there is: that the object itself is not there.
    let add = kinto.alice.session().request(&records.add(&json!({}))).unwrap();
    assert_eq!((add.method(), add.headers()["if-none-match"].as_bytes()), (&Method::PUT, &b"*"[..]));
    assert_eq!(add.headers().get("if-match"), None);
}

pub(crate) fn s29_if_none_match_star_on_a_list<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let list = raw(Method::GET, records.path(), "").precondition(Precondition::Absent);
    assert_eq!(status(kinto.alice.send(list)), (412, Some(114)));
    // Ours sends a timestamp or nothing.
    let at = kinto.alice.send(records.timestamp()).unwrap();
    assert_eq!(kinto.alice.send(records.list().if_changed_since(at)).unwrap(), Conditional::NotModified);
}

pub(crate) fn s30_only_strong_etags<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let created = records.create("a", &json!({})).permissions(Permissions::new().read([EVERYONE]));
    let at = kinto.alice.send(created).unwrap().last_modified;
    let path = records.object_path("a");
    let by_hand = |value: String| {
        let answer = get_by_hand(&kinto.url, path.as_str(), &format!("If-None-Match: {value}"));
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(by_hand(format!("\"{at}\"")), "304");
    assert_eq!(by_hand(format!("W/\"{at}\"")), "400");
    assert_eq!(by_hand(at.to_string()), "400");

    // Whatever a proxy made of it, ours is the strong one.
    let proxied: Timestamp = format!("W/\"{at}\"").parse().unwrap();
    assert_eq!(kinto.alice.send(records.get("a").if_changed_since(proxied)).unwrap(), Conditional::NotModified);
    let proxy = sending(&format!("HTTP/1.1 200 OK\r\nETag: W/\"{at}\"\r\nConnection: close\r\n\r\n"));
    assert_eq!(D::build(Setup::of(proxy.url())).unwrap().send(records.head("a")).unwrap(), at);
}

pub(crate) fn s48_groups_without_members<D: Driver>(kinto: &Kinto<D>) {
    let groups = kinto.make_bucket().groups();
    let reply = kinto.alice.send(Call::new(Method::PUT, groups.object_path("g"))).unwrap();
    assert_eq!(body(&reply)["data"].get("members"), None);
    let read = kinto.alice.send(groups.get("g")).unwrap();
    assert_eq!(read.data, GroupData::default());
    assert_eq!(kinto.alice.send(groups.list()).unwrap().items[0].data, GroupData::default());
    let updated = kinto.alice.send(groups.update(&read)).unwrap();
    assert_eq!(updated.data, GroupData::default());
}

pub(crate) fn s49_missing_buckets_are_forbidden<D: Driver>(kinto: &Kinto<D>) {
    let path = endpoints::bucket(&kinto.id);
    assert_eq!(status(kinto.alice.send(raw(Method::GET, &path, ""))), (403, Some(121)));
    assert_eq!(status(kinto.anonymous.send(raw(Method::GET, &path, ""))), (401, Some(104)));
    kinto.make_bucket();
    kinto.alice.send(buckets().delete(&kinto.id)).unwrap();
    assert_eq!(status(kinto.alice.send(raw(Method::DELETE, &path, ""))), (403, Some(121)));

    let absent = kinto.alice.send(buckets().delete_if_present(&kinto.id)).unwrap();
    assert_eq!(absent, Deletion::AbsentOrForbidden);
    let unknown = refused(kinto.alice.send(buckets().exists(&kinto.id)));
    assert!(unknown.is_forbidden(), "it may be there and hidden: {unknown}");
    // A record that is hidden is not one that is not there.
    let records = kinto.records();
    kinto.record(&records, "a", json!({}));
    assert_eq!(status(kinto.bob.send(records.delete_if_present("a"))), (403, Some(121)));
    assert_eq!(status(kinto.bob.send(records.exists("a"))), (403, None));
}

pub(crate) fn s50_errors_without_a_message<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let error = refused(kinto.alice.send(records.get("r1")));
    let server = error.server().unwrap();
    assert_eq!((server.message(), server.error(), server.errno()), (None, Some("Not Found"), Some(110)));
    let Details::Missing { id, resource_name } = server.details() else { panic!("{error:?}") };
    assert_eq!((id.as_str(), resource_name.as_str()), ("r1", "record"));

    let error = refused(kinto.anonymous.send(raw(Method::GET, &endpoints::accounts(), "")));
    let server = error.server().unwrap();
    assert_eq!((server.message(), server.error()), (None, Some("Cannot read accounts.")));
    assert_eq!((server.status().as_u16(), server.errno()), (401, Some(999)));
}

pub(crate) fn s51_reading_the_default_bucket_writes<D: Driver>(kinto: &Kinto<D>) {
    let (one, two) = (kinto.other("one"), kinto.other("two"));
    let own = kinto.alice.send(server_info()).unwrap().user.unwrap().bucket.unwrap();
    kinto.alice.send(raw(Method::GET, &endpoints::collections("default"), "")).unwrap();
    // By its own name it is a bucket like any other.
    let collections = bucket(&own).collections();
    assert!(!kinto.alice.send(collections.exists(&one)).unwrap());
    let reply = kinto.alice.send(raw(Method::GET, &endpoints::collection("default", &one), "")).unwrap();
    assert_eq!(body(&reply)["data"]["id"], one.as_str(), "looked for, and there it is");
    assert!(kinto.alice.send(collections.exists(&one)).unwrap());

    assert!(!kinto.alice.send(collections.exists(&two)).unwrap());
    assert_eq!(status(kinto.alice.send(bucket(&own).collection(&two).records().list())), (404, Some(111)));
    assert!(!kinto.alice.send(collections.exists(&two)).unwrap());
}

pub(crate) fn s52_default_inside_of_ids<D: Driver>(kinto: &Kinto<D>) {
    let records = bucket("default").collection(&kinto.id).records();
    let data = json!({"data": {"id": "default-theme", "n": 1}});
    let put = raw_json(Method::PUT, &records.object_path("default-theme"), data);
    assert_eq!(status(kinto.alice.send(put)), (400, Some(107)));

    let theme = json!({"id": "default-theme", "n": 1});
    let created = kinto.alice.send(records.create("default-theme", &theme)).unwrap();
    assert_eq!((created.id.as_str(), created.data.clone()), ("default-theme", map(json!({"n": 1}))));
    assert_eq!(kinto.alice.send(records.get("default-theme")).unwrap(), created);
    // And the id in the data does not turn a merge into a plain patch.
    let merge = Merge::new(&json!({"id": "default-theme", "n": null, "m": 2}));
    assert_eq!(kinto.alice.send(records.patch("default-theme", merge)).unwrap().data, map(json!({"m": 2})));
    kinto.alice.send(records.delete_all()).unwrap();
}

pub(crate) fn s55_every_write_is_a_change<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let first = kinto.record(&records, "a", json!({"n": 1}));
    let patch = raw_json(Method::PATCH, &records.object_path("a"), json!({"data": {}}));
    let reply = kinto.alice.send(patch).unwrap();
    assert!(reply.timestamp().unwrap() > first.last_modified);

    let mut before = kinto.alice.send(records.get("a")).unwrap();
    for _ in 0..2 {
        let after = kinto.alice.send(records.update(&before)).unwrap();
        assert!(after.last_modified > before.last_modified);
        let patched = kinto.alice.send(records.patch("a", Attributes::new(&json!({})))).unwrap();
        assert!(patched.last_modified > after.last_modified);
        // So who read it before may no longer write it.
        assert_eq!(status(kinto.alice.send(records.update(&before))), (412, Some(114)));
        before = patched;
    }
    assert_eq!(before.data, first.data);
    assert_eq!(before.permissions, written_by("alice"));
}

pub(crate) fn s56_null_is_a_value<D: Driver>(kinto: &Kinto<D>) {
    #[derive(Serialize)]
    struct Naive {
        t: Option<String>,
    }
    #[derive(Serialize)]
    struct Careful {
        #[serde(skip_serializing_if = "Option::is_none")]
        t: Option<String>,
    }
    let records = kinto.records();
    kinto.record(&records, "a", json!({"t": "x", "u": 1}));
    let plain = raw_json(Method::PATCH, &records.object_path("a"), json!({"data": {"t": null}}));
    assert_eq!(body(&kinto.alice.send(plain).unwrap())["data"]["t"], json!(null));

    let careful = kinto.alice.send(records.patch("a", Attributes::new(&Careful { t: None }))).unwrap();
    assert_eq!(careful.data, map(json!({"t": null, "u": 1})));
    let removed = kinto.alice.send(records.patch("a", Merge::new(&Naive { t: None }))).unwrap();
    assert_eq!(removed.data, map(json!({"u": 1})));
    let stored = kinto.alice.send(records.patch("a", Attributes::new(&Naive { t: None }))).unwrap();
    assert_eq!(stored.data, map(json!({"t": null, "u": 1})));
    let replaced = kinto.alice.send(records.replace("a", &Careful { t: None })).unwrap();
    assert_eq!(replaced.data, map(json!({})));
}
