//! What the server tells of itself, what concerns all of it, and plugins that are not there.

use std::sync::{Mutex, OnceLock, PoisonError};

use kinto_protocol::{
    Auth, Batch, Counters, ErrorKind, GroupData, JsonMap, Permissions, Status, Timestamp, accounts, broadcasts, bucket,
    buckets, contribute, counters, delete_user_data, erase_the_whole_server, field, lb_heartbeat, my_permissions,
    openapi, server_info, version,
};
use kinto_tests::KintoServer;
use serde_json::json;

use crate::batches::{so_far, statuses, watched};
use crate::context::{Kinto, PASSWORD, refused, status, written_by};
use crate::driver::{Driver, Setup};

pub(crate) fn what_the_server_tells_of_itself<D: Driver>(kinto: &Kinto<D>) {
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let built = client.send(version()).unwrap();
    assert_eq!((&built["name"], &built["source"]), (&json!("kinto"), &json!("kinto-tests")));
    let api = client.send(openapi()).unwrap();
    assert_eq!(api["swagger"], "2.0");
    assert!(api["paths"].as_object().is_some_and(|paths| paths.contains_key("/buckets/{bucket_id}/history")));
    assert_eq!(client.send(contribute()).unwrap()["name"], "Kinto");
    assert_eq!(client.send(lb_heartbeat()).unwrap(), JsonMap::new());
    // These are no plugins, so nobody is asked for them.
    let lines = ["/__version__", "/__api__", "/contribute.json", "/__lbheartbeat__"].map(|it| format!("GET {it}: 200"));
    assert_eq!(so_far(kinto, &tells), lines);
    assert_eq!(kinto.anonymous.send(lb_heartbeat()).unwrap(), JsonMap::new());

    for error in [refused(client.send(broadcasts())), refused(client.send(counters()))] {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unsupported, 0));
    }
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", "GET /: 200"]);
    // Whether a setting allows it is not told before.
    assert_eq!(status(client.send(delete_user_data("account:nobody"))), (403, Some(121)));
    assert_eq!(status(kinto.anonymous.send(delete_user_data("account:nobody"))), (401, Some(104)));
}

/// Plugins' endpoints are endpoints like others: they share requests with others as soon as the server has said that it
/// has them.
pub(crate) fn in_a_batch<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({"n": 1}));
    let at = kinto.alice.send(records.timestamp()).unwrap();
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let mut batch = Batch::new();
    let changed = batch.push(records.patch("a", kinto_protocol::Attributes::new(&json!({"n": 2}))));
    let me = batch.push(accounts().get("alice"));
    let stamp = batch.push(kinto.bucket().history().timestamp());
    let then = batch.push(kinto.bucket().collection("c").snapshot::<JsonMap>(at));
    let alive = batch.push(lb_heartbeat());
    let built = batch.push(version());
    let mut outcome = client.send(batch).unwrap();
    assert_eq!(outcome.summary().to_string(), "6 done");
    let changed = outcome.take(changed).unwrap();
    assert_eq!(changed.data["n"], 2);
    assert_eq!(outcome.take(me).unwrap().id, "alice");
    // What a batch does is entered at its end.
    assert!(outcome.take(stamp).unwrap() < changed.last_modified);
    assert!(kinto.alice.send(kinto.bucket().history().timestamp()).unwrap() >= changed.last_modified);
    assert_eq!(outcome.take(then).unwrap()[0].data["n"], 1);
    assert_eq!(outcome.take(alive).unwrap(), JsonMap::new());
    assert_eq!(outcome.take(built).unwrap()["name"], "kinto");
    assert_eq!(so_far(kinto, &tells), ["GET /: 200", "POST /batch of 6: 200"]);

    // One that it has not fails by itself.
    let mut batch = Batch::new();
    batch.push(records.get("a"));
    let counted = batch.push(counters());
    batch.push(records.delete("a"));
    let mut outcome = client.send(batch).unwrap();
    assert_eq!(statuses(&outcome), [Status::Done, Status::Failed, Status::Done]);
    assert_eq!(refused(outcome.take(counted)).kind(), ErrorKind::Unsupported);
    assert_eq!(so_far(kinto, &tells), ["GET R/a: 200", "GET /: 200", "DELETE R/a: 200"]);
}

/// A server with accounts, and without all the others.
fn bare_server<D: Driver>(kinto: &Kinto<D>) -> Kinto<D> {
    static SERVER: OnceLock<KintoServer> = OnceLock::new();
    let start = || {
        let server = KintoServer::builder(kinto.backend).setting("kinto.includes", "kinto.plugins.accounts");
        server.setting("kinto.experimental_permissions_endpoint", "false").start().unwrap()
    };
    Kinto::at(kinto.backend, SERVER.get_or_init(start).url(), &["alice"])
}

pub(crate) fn what_is_missing_has_a_name<D: Driver>(kinto: &Kinto<D>) {
    let kinto = &bare_server(kinto);
    let records = kinto.records();
    let (client, tells) = watched::<D>(&kinto.url, "alice");
    let history = kinto.bucket().history();
    let snapshot = kinto.bucket().collection("c").snapshot::<JsonMap>(Timestamp::from_millis(1));
    let errors = [
        ("history", refused(client.send(history.list()))),
        ("history", refused(client.send(history.timestamp()))),
        ("history", refused(client.send(history.purge()))),
        ("history", refused(client.send(snapshot.clone()))),
        ("permissions_endpoint", refused(client.send(my_permissions()))),
        ("counters_endpoint", refused(client.send(counters()))),
        ("changes", refused(client.send(broadcasts()))),
        ("flush_endpoint", refused(client.send(erase_the_whole_server()))),
        ("history", refused(client.pages(history.list()).next().unwrap())),
        ("permissions_endpoint", refused(client.items(my_permissions()).next().unwrap())),
    ];
    let all = errors.len();
    for (plugin, error) in errors {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unsupported, 0), "{plugin}");
        assert!(!error.maybe_applied() && !error.is_retryable() && error.status().is_none(), "{plugin}");
        let line = error.to_string();
        let (request, why) = line.split_once(": ").unwrap();
        assert_eq!(request, error.request().unwrap().to_string());
        assert!(why.starts_with(&format!("the server has no plugin \"{plugin}\"; it has accounts")), "{line}");
    }
    assert_eq!(so_far(kinto, &tells), vec!["GET /: 200"; all], "and nothing is sent there");
    // What it has was told with that.
    assert_eq!(client.send(accounts().get("alice")).unwrap().id, "alice");
    assert_eq!(so_far(kinto, &tells), ["GET /accounts/alice: 200"]);

    let mut batch = Batch::new();
    batch.push(records.create("a", &json!({})));
    let missing = [batch.push(history.timestamp()), batch.push(history.timestamp())];
    let then = batch.push(snapshot);
    batch.push(accounts().get("alice"));
    batch.push(records.create("b", &json!({})));
    let mut outcome = client.send(batch).unwrap();
    let [done, failed] = [Status::Done, Status::Failed];
    assert_eq!(statuses(&outcome), [done, failed, failed, failed, done, done]);
    assert!(missing.into_iter().all(|ticket| refused(outcome.take(ticket)).kind() == ErrorKind::Unsupported));
    assert_eq!(refused(outcome.take(then)).kind(), ErrorKind::Unsupported);
    assert!(outcome.stopped().is_none() && outcome.retry_failed().is_none_or(|again| again.len() == 3));
    let seen = so_far(kinto, &tells);
    assert!(!seen.iter().any(|line| line.contains("history") || line.contains("snapshot")), "{seen:?}");
    assert!(client.send(records.exists("b")).unwrap());
}

/// A server of its own: it counts what is on it, lets its administrator delete what is others', and is erased.
pub(crate) fn counting_deleting_and_erasing<D: Driver>(kinto: &Kinto<D>) {
    static SERVERS: [Mutex<Option<KintoServer>>; 2] = [const { Mutex::new(None) }; 2];
    // One front-end after the other, as all of it is counted.
    let mut server = SERVERS[usize::from(kinto.is_memory())].lock().unwrap_or_else(PoisonError::into_inner);
    // Without a history: with it, the server breaks when it is to delete what is somebody's (500).
    let plugins = ["flush", "accounts", "default_bucket", "counters"].map(|it| format!("kinto.plugins.{it}"));
    let start = || {
        let builder = KintoServer::builder(kinto.backend).setting("kinto.includes", plugins.join("\n"));
        builder.setting("kinto.user-data_delete_principals", "account:admin").start().unwrap()
    };
    let url = server.get_or_insert_with(start).url();
    let anonymous = D::build(Setup::of(url)).unwrap();
    assert_eq!(anonymous.send(counters()).unwrap(), Counters::default());
    let [admin, alice, bob] = ["admin", "alice", "bob"].map(|name| {
        anonymous.send(accounts().create(name, PASSWORD)).unwrap();
        anonymous.with_auth(Some(Auth::basic(name, PASSWORD))).unwrap()
    });

    let (his, ours) = (bucket("his"), bucket("ours"));
    bob.send(buckets().create("his", &json!({}))).unwrap();
    bob.send(his.collections().create("c", &json!({}))).unwrap();
    let records = his.collection("c").records();
    (0..3).for_each(|n| drop(bob.send(records.create(format!("r{n}"), &json!({}))).unwrap()));
    bob.send(records.delete("r0")).unwrap();
    let both = Permissions::new().write(["account:bob"]).read(["account:bob"]);
    alice.send(buckets().create("ours", &json!({})).permissions(both)).unwrap();
    alice.send(ours.groups().create("g", &GroupData::of(["account:bob", "account:alice"]))).unwrap();

    let counted = anonymous.send(counters()).unwrap();
    let number = |of: &std::collections::BTreeMap<String, u64>, name: &str| of.get(name).copied().unwrap_or(0);
    let found = ["account", "bucket", "collection", "group", "record"].map(|it| number(&counted.objects, it));
    assert_eq!(found, [3, 2, 1, 1, 2], "{counted:?}");
    assert_eq!(counted.tombstones, [("record".to_owned(), 1)].into());

    // What is his alone is gone, and from what is not he is.
    assert_eq!(status(bob.send(delete_user_data("account:alice"))), (403, Some(121)));
    admin.send(delete_user_data("account:bob")).unwrap();
    assert_eq!(status(bob.send(buckets().get("his"))), (403, Some(121)));
    assert_eq!(alice.send(buckets().get("ours")).unwrap().permissions, written_by("alice"));
    assert_eq!(alice.send(ours.groups().get("g")).unwrap().data.members.len(), 2, "the group keeps its member");
    assert_eq!(bob.send(my_permissions().filter(field("resource_name").eq("account"))).unwrap().items, []);
    // The account itself stays, and whoever has its password.
    assert_eq!(bob.send(server_info()).unwrap().user.unwrap().id, "account:bob");
    // Of somebody who has nothing there is nothing to delete, which PostgreSQL's backend breaks on.
    for nobody in ["account:bob", "account:nobody"] {
        let again = admin.once().send(delete_user_data(nobody));
        if kinto.is_memory() { again.unwrap() } else { assert_eq!(status(again), (503, Some(201)), "{nobody}") }
    }

    anonymous.send(erase_the_whole_server()).unwrap();
    assert_eq!(anonymous.send(counters()).unwrap(), Counters::default());
    assert_eq!(alice.send(server_info()).unwrap().user, None);
    assert_eq!(status(alice.send(buckets().get("ours"))), (401, Some(104)));
}
