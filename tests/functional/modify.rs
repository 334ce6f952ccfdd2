//! Reading, changing and writing back: nobody's changes are lost.

use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use kinto_protocol::{Attributes, Auth, EVERYONE, ErrorKind, GroupData, Permissions, buckets};
use kinto_tests::Answer;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::batches::{so_far, watched};
use crate::canned::{between, losing};
use crate::context::{Kinto, PASSWORD, map, refused, status, written_by};
use crate::driver::{Driver, Setup};

/// Some of the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Title {
    title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    #[serde(default)]
    stars: u32,
}

/// Has something done by others while a closure runs. In a thread of its own: an async client cannot wait within a
/// future.
fn meanwhile(act: impl FnOnce() + Send) {
    thread::scope(|scope| scope.spawn(act).join().unwrap());
}

pub(crate) fn what_is_not_changed_stays<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let data = kind.data(json!({"title": "é", "due": "today", "other": {"n": [1.0, null]}, "big": u64::MAX}));
        let readers = Permissions::new().read([EVERYONE]);
        let created = kinto.alice.send(all.create(&id, &data).permissions(readers)).unwrap();

        let modified = kinto.alice.send(all.typed::<Title>().modify(&id, |it| {
            it.title.push('!');
            it.due = None;
        }));
        let modified = modified.unwrap();
        assert_eq!(modified.data, Title { title: "é!".into(), due: None, stars: 0 }, "{name}");
        assert_eq!(modified.permissions, written_by("alice").map(|given| given.read([EVERYONE])), "{name}");
        assert!(modified.last_modified > created.last_modified && !modified.repeated, "{name}");
        let stored = kinto.alice.send(all.get(&id)).unwrap();
        let left = kind.data(json!({"title": "é!", "other": {"n": [1.0, null]}, "big": u64::MAX}));
        assert_eq!(stored.data, left, "{name}: a default of the type's was written, or something is gone");
        assert_eq!((stored.last_modified, stored.permissions), (modified.last_modified, created.permissions), "{name}");

        let modified = kinto.alice.send(all.modify(&id, |data| {
            data.remove("other");
            data.insert("new".into(), json!(null));
        }));
        let expected = kind.data(json!({"title": "é!", "big": u64::MAX, "new": null}));
        assert_eq!(modified.unwrap().data, expected, "{name}");
    }
    let groups = kinto.bucket().groups();
    let staff = kinto.alice.send(groups.create("staff", &GroupData::of(["account:alice"]))).unwrap();
    kinto.alice.send(groups.patch(&staff, Attributes::new(&json!({"title": "Staff"})))).unwrap();
    let staff = kinto.alice.send(groups.modify("staff", |it| it.members.push("account:bob".into()))).unwrap();
    assert_eq!((staff.data.members.len(), &staff.data.other), (2, &map(json!({"title": "Staff"}))));
}

pub(crate) fn what_changes_nothing_writes_nothing<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let created = kinto.record(&records, "a", json!({"title": "x", "other": 1}));
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let same = client.send(records.modify("a", |_| {})).unwrap();
    assert_eq!(same, created);
    let same = client.send(records.typed::<Title>().modify("a", |it| it.title = "x".into())).unwrap();
    assert_eq!((same.last_modified, same.data.title.as_str()), (created.last_modified, "x"));
    let same = client.send(records.modify("a", |_| {}).or_create(&map(json!({"n": 1})))).unwrap();
    assert_eq!(same, created);
    assert_eq!(so_far(kinto, &tells), ["GET R/a: 200"; 3]);
    assert_eq!(kinto.alice.send(records.timestamp()).unwrap(), created.last_modified);

    // Who may only read may change nothing.
    kinto.alice.send(records.replace_permissions("a", Permissions::new().read(["account:bob"]))).unwrap();
    assert_eq!(kinto.bob.send(records.modify("a", |_| {})).unwrap().data, created.data);
    let change = records.modify("a", |data| drop(data.insert("by".into(), "bob".into())));
    assert_eq!(status(kinto.bob.send(change)), (403, Some(121)));
    assert_eq!(kinto.alice.send(records.get("a")).unwrap().data, created.data);
}

pub(crate) fn what_is_not_there<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("none"));
        let missing = if kind.is("bucket") { (403, Some(121)) } else { (404, Some(110)) };
        assert_eq!(status(kinto.alice.send(all.modify(&id, |_| panic!("of nothing")))), missing, "{name}");
        assert_eq!(kinto.alice.send(all.count().filter(kind.own())).unwrap(), 0, "{name}");
    }
    // Data that is of another shape is not changed.
    let records = kinto.bucket().collection("c").records();
    let odd = kinto.record(&records, "odd", json!({"title": 5}));
    let error = refused(kinto.alice.send(records.typed::<Title>().modify("odd", |_| panic!("of nothing"))));
    assert!(error.kind() == ErrorKind::Decode && !error.maybe_applied(), "{error}");
    assert_eq!(kinto.alice.send(records.get("odd")).unwrap(), odd);
}

pub(crate) fn or_created<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds().iter().skip(1) {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let visits = || all.modify(&id, |data| data["n"] = (data["n"].as_u64().unwrap() + 1).into());
        let otherwise = kind.data(json!({"n": 0}));
        let created = kinto.alice.send(visits().or_create(&otherwise)).unwrap();
        assert_eq!(created.data, kind.data(json!({"n": 1})), "{name}");
        assert_eq!(created.permissions, written_by("alice"), "{name}");
        let modified = kinto.alice.send(visits().or_create(&otherwise)).unwrap();
        assert_eq!(modified.data, kind.data(json!({"n": 2})), "{name}");
        kinto.alice.send(all.delete(&id)).unwrap();
        let again = kinto.alice.send(all.modify(&id, |_| {}).or_create(&otherwise)).unwrap();
        assert_eq!(again.data, otherwise, "{name}: also what nobody changes");
    }
    let nowhere = kinto.bucket().collection("none").records();
    let otherwise = map(json!({}));
    assert_eq!(status(kinto.alice.send(nowhere.modify("a", |_| {}).or_create(&otherwise))), (404, Some(111)));
}

/// The server does not tell a missing bucket from a hidden one (S49), but creating one is refused where it is hidden.
pub(crate) fn s49_or_created_a_bucket<D: Driver>(kinto: &Kinto<D>) {
    let change = || buckets().modify(&kinto.id, |data| drop(data.insert("by".into(), "alice".into())));
    let created = kinto.alice.send(change().or_create(&map(json!({"n": 1}))));
    let data = created.map(|object| object.data).map_err(|error| error.to_string());
    assert_eq!(data, Ok(map(json!({"n": 1, "by": "alice"}))));
    // It is hers now.
    assert_eq!(status(kinto.bob.send(change().or_create(&map(json!({}))))).0, 403);
}

pub(crate) fn others_who_are_faster<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let visits = records.clone();
    kinto.record(&records, "a", json!({"n": 1}));
    let mut times = 0;
    let modified = kinto.alice.send(visits.modify("a", |data| {
        times += 1;
        data["n"] = (data["n"].as_u64().unwrap() + 1).into();
        if times < 3 {
            meanwhile(|| drop(kinto.alice.send(records.replace("a", &json!({"n": 10 * times}))).unwrap()));
        }
    }));
    let modified = modified.unwrap();
    assert_eq!((modified.data.clone(), times), (map(json!({"n": 21})), 3));
    assert_eq!(kinto.alice.send(records.get("a")).unwrap(), modified);

    // Of creating, too: what is there then is what is changed.
    let mut times = 0;
    let modified = records.modify("b", |data| {
        times += 1;
        data["n"] = (data["n"].as_u64().unwrap() + 1).into();
        if times == 1 {
            meanwhile(|| drop(kinto.record(&records, "b", json!({"n": 5, "by": "others"}))));
        }
    });
    let modified = kinto.alice.send(modified.or_create(&map(json!({"n": 0})))).unwrap();
    assert_eq!((modified.data, times), (map(json!({"n": 6, "by": "others"})), 2));

    // And what is deleted meanwhile is not there.
    let gone = records.modify("a", |data| {
        data["n"] = 7.into();
        meanwhile(|| drop(kinto.alice.send(records.delete_if_present("a")).unwrap()));
    });
    assert_eq!(status(kinto.alice.send(gone)), (404, Some(110)));
    assert!(!kinto.alice.send(records.exists("a")).unwrap());
}

pub(crate) fn others_who_are_always_faster<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({"n": 0}));
    let never = kinto.alice.with_policy(|policy| policy.conflicts = 2);
    for (client, expected) in [(&never, 3), (&kinto.alice.once(), 1)] {
        let mut times = 0;
        let error = refused(client.send(records.modify("a", |data| {
            times += 1;
            data["n"] = "ours".into();
            meanwhile(|| drop(kinto.alice.send(records.replace("a", &json!({"n": times}))).unwrap()));
        })));
        assert_eq!(times, expected);
        assert!(error.is_precondition_failed() && !error.maybe_applied(), "{error}");
        assert!(error.to_string().contains(&format!("others were faster {expected} times: ")), "{error}");
        assert_eq!(error.server().unwrap().existing().unwrap()["n"], times);
        assert_eq!(kinto.alice.send(records.get("a")).unwrap().data["n"], times);
    }
}

/// An attempt whose answer was lost may have changed it: it is not changed twice.
pub(crate) fn the_answer_is_lost<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let before = kinto.record(&records, "a", json!({"n": 1}));
    let server = losing(&kinto.url, &["PUT "]);
    let (client, tells) = watched::<D>(server.url(), "alice");
    let modified = client.send(records.modify("a", |data| drop(data.insert("by".into(), "alice".into()))));
    let modified = modified.map_err(|error| error.to_string()).unwrap();
    assert_eq!((&modified.data, modified.repeated), (&map(json!({"n": 1, "by": "alice"})), true));
    assert!(modified.last_modified > before.last_modified);
    assert_eq!(kinto.alice.send(records.get("a")).unwrap().data, modified.data);
    assert_eq!(so_far(kinto, &tells), ["GET R/a: 200", "PUT R/a: 412", "GET R/a: 200"]);

    // Nobody can tell whose work a counter shows.
    let server = losing(&kinto.url, &["PUT "]);
    let (client, _tells) = watched::<D>(server.url(), "alice");
    let visits = records.modify("a", |data| data["n"] = (data["n"].as_u64().unwrap() + 1).into());
    let error = refused(client.send(visits));
    assert!(error.is_precondition_failed() && error.maybe_applied(), "{error}");
    assert_eq!(kinto.alice.send(records.get("a")).unwrap().data["n"], 2, "once");

    // And so it is where others have changed it.
    let server = losing(&kinto.url, &["PUT "]);
    let (client, _tells) = watched::<D>(server.url(), "alice");
    let after = kinto.alice.clone();
    let mut times = 0;
    let error = refused(client.send(records.modify("a", |data| {
        times += 1;
        data["n"] = "ours".into();
        if times == 1 {
            // So that the first PUT is refused, and its answer is lost.
            meanwhile(|| drop(after.send(records.replace("a", &json!({"n": "theirs"}))).unwrap()));
        }
    })));
    assert!(error.is_precondition_failed() && error.maybe_applied(), "{error}");
    assert_eq!(kinto.alice.send(records.get("a")).unwrap().data["n"], "theirs");
}

/// The server itself checks first and writes then (S1), on both backends: two at the very same instant may both pass.
/// Here it has one request at a time.
pub(crate) fn from_four_at_once_nothing_is_lost<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let turn = Mutex::new(());
    let server = between(&kinto.url, move |_, _, carry_out| {
        let _turn = turn.lock().unwrap();
        Answer::Close(carry_out())
    });
    let mut setup = Setup::of(server.url());
    setup.auth = Some(Auth::basic("alice", PASSWORD));
    setup.policy.conflicts = 1000;
    setup.policy.longest_wait = Duration::from_millis(20);
    let client = D::build(setup).unwrap();
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for writer in 0..4 {
            let (records, client, barrier) = (&records, &client, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for _ in 0..5 {
                    let count = records.modify("a", |data| {
                        data["n"] = (data["n"].as_u64().unwrap() + 1).into();
                        data.insert(format!("w{writer}"), data["n"].clone());
                    });
                    client.send(count.or_create(&map(json!({"n": 0})))).unwrap();
                }
            });
        }
    });
    assert_eq!(kinto.alice.send(records.get("a")).unwrap().data["n"], 20);
}
