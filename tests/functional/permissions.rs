//! Who may do what, and who sees it.

use http::Method;
use kinto_protocol::{
    AUTHENTICATED, Attributes, EVERYONE, GetOrCreated, GroupData, JsonPatch, Permissions, buckets, endpoints,
};
use serde_json::json;

use crate::context::{Kinto, body, raw, refused, status, written_by};
use crate::driver::Driver;

fn public() -> Permissions {
    Permissions::new().read([EVERYONE])
}

pub(crate) fn on_every_write<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let given = kinto.alice.send(all.create(&id, &kind.data(json!({}))).permissions(public())).unwrap();
        assert_eq!(given.permissions, written_by("alice").map(|given| given.read([EVERYONE])), "{name}");
        let seen = kinto.anonymous.send(all.get(&id)).unwrap();
        assert_eq!((&seen.data, &seen.permissions), (&given.data, &None), "{name}");

        let closed = kinto.alice.send(all.replace_permissions(&id, Permissions::new().read(["account:bob"]))).unwrap();
        assert_eq!(closed.permissions, written_by("alice").map(|given| given.read(["account:bob"])), "{name}");
        assert_eq!(closed.data, given.data, "{name}: the data stays");
        assert!(closed.last_modified > given.last_modified, "{name}");
        assert_eq!(status(kinto.anonymous.send(all.get(&id))), (401, Some(104)), "{name}");
        assert_eq!(kinto.bob.send(all.get(&id)).unwrap().permissions, None, "{name}");
        assert_eq!(status(kinto.bob.send(all.delete(&id))), (403, Some(121)), "{name}");

        let shared = all.patch(&id, Attributes::only_permissions(Permissions::new().write(["account:bob"])));
        kinto.alice.send(shared).unwrap();
        let his = kinto.bob.send(all.replace(&id, &kind.data(json!({"by": "bob"})))).unwrap();
        let both = Permissions::new().write(["account:alice", "account:bob"]).read(["account:bob"]);
        assert_eq!(his.permissions, Some(both), "{name}");

        let stale = refused(kinto.alice.send(all.replace_permissions(&closed, public())));
        assert!(stale.is_precondition_failed(), "{name}: {stale}");
        let fresh = kinto.alice.send(all.replace_permissions(&his, public())).unwrap();
        assert_eq!(fresh.permissions, written_by("alice").map(|given| given.read([EVERYONE])), "{name}");
        assert_eq!(status(kinto.bob.send(all.delete(&id))), (403, Some(121)), "{name}: no longer his");
    }
}

/// `If-None-Match: *` takes the right to create, also where nothing would be created.
pub(crate) fn get_or_create_what_others_shared<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds().iter().skip(1) {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let writers = Permissions::new().write(["account:bob"]);
        let shared = kinto.alice.send(all.create(&id, &kind.data(json!({"n": 1}))).permissions(writers)).unwrap();
        assert_eq!(kinto.bob.send(all.get(&id)).unwrap(), shared, "{name}");
        assert_eq!(status(kinto.bob.send(all.create(&id, &kind.data(json!({}))))), (403, Some(121)), "{name}");
        assert_eq!(status(kinto.bob.send(all.get_or_create("b", &kind.data(json!({}))))), (403, Some(121)), "{name}");
        let found = kinto.bob.send(all.get_or_create(&id, &kind.data(json!({"n": 2})))).unwrap();
        assert_eq!(found, GetOrCreated::Found(shared), "{name}");
    }
}

pub(crate) fn of_buckets_and_collections<D: Driver>(kinto: &Kinto<D>) {
    let bucket = kinto.make_bucket();
    let given = Permissions::new()
        .grant("collection:create", ["account:bob"])
        .grant("group:create", [AUTHENTICATED])
        .read(["account:bob"]);
    let seen = kinto.alice.send(buckets().replace_permissions(&kinto.id, given.clone())).unwrap();
    assert_eq!(seen.permissions, Some(given.write(["account:alice"])));
    let his = kinto.bob.send(bucket.collections().create("his", &json!({}))).unwrap();
    assert_eq!(his.permissions, written_by("bob"));
    kinto.bob.send(bucket.groups().create("g", &GroupData::of(["account:bob"]))).unwrap();

    let more = Permissions::new().grant("record:create", [EVERYONE]);
    let seen = kinto.bob.send(bucket.collections().replace_permissions("his", more.clone())).unwrap();
    assert_eq!(seen.permissions, Some(more.write(["account:bob"])));
    let records = bucket.collection("his").records();
    let left = kinto.anonymous.send(records.add(&json!({"from": "nobody"}))).unwrap();
    assert_eq!(left.permissions, Some(Permissions::new().write([EVERYONE])), "anybody may write it");

    let error = refused(
        kinto.bob.send(records.create("a", &json!({})).permissions(Permissions::new().grant("fly", ["account:bob"]))),
    );
    assert_eq!((error.status().map(|status| status.as_u16()), error.errno()), (Some(400), Some(107)));
    assert!(error.to_string().contains("\"fly\" is not one of"), "{error}");
}

pub(crate) fn by_groups<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let groups = kinto.bucket().groups();
    kinto.alice.send(groups.create("staff", &GroupData::of(["account:bob"]))).unwrap();
    let staff = groups.object_path("staff").to_string();
    kinto.alice.send(records.create("a", &json!({})).permissions(Permissions::new().write([staff.clone()]))).unwrap();
    let changed = kinto.bob.send(records.patch("a", Attributes::new(&json!({"by": "bob"})))).unwrap();
    assert_eq!(changed.data["by"], "bob");
    let given = Permissions::new().write([staff.as_str(), "account:alice", "account:bob"]);
    assert_eq!(changed.permissions, Some(given));

    kinto.alice.send(records.create("b", &json!({})).permissions(Permissions::new().write([staff]))).unwrap();
    kinto.alice.send(groups.replace("staff", &GroupData::of(["account:carol"]))).unwrap();
    assert_eq!(status(kinto.bob.send(records.patch("b", Attributes::new(&json!({}))))), (403, Some(121)));
}

/// `{}` is what the server shows to those who may not see them.
pub(crate) fn s09_not_visible_is_not_nobody<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto
        .alice
        .send(
            kinto
                .bucket()
                .collections()
                .replace_permissions("c", Permissions::new().grant("record:create", ["account:bob"])),
        )
        .unwrap();
    let his = records.create("r", &json!({"n": 1})).permissions(Permissions::new().read(["account:carol"]));
    let his = kinto.bob.send(his).unwrap();
    assert_eq!(his.permissions, written_by("bob").map(|given| given.read(["account:carol"])));

    // Alice owns the bucket, and may do anything with it.
    let shown = kinto.alice.send(raw(Method::GET, &records.object_path("r"), "")).unwrap();
    assert_eq!(body(&shown)["permissions"], json!({}));
    let seen = kinto.alice.send(records.get("r")).unwrap();
    assert_eq!((seen.permissions, seen.data), (None, his.data.clone()));
    // Nobody has any, and it is shown, never happens: the writer always has.
    assert_eq!(kinto.bob.send(records.get("r")).unwrap(), his);
}

/// A JSON Patch of the data alone, by somebody who writes by inheritance, takes everybody's permissions away. The
/// other two kinds do not.
pub(crate) fn s03_json_patch_by_inheritance<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let shared = Permissions::new().grant("record:create", ["account:bob"]);
    kinto.alice.send(kinto.bucket().collections().replace_permissions("c", shared)).unwrap();
    for id in ["plain", "merge", "json"] {
        let readers = Permissions::new().read(["account:carol"]);
        kinto.bob.send(records.create(id, &json!({})).permissions(readers)).unwrap();
    }
    let both = Permissions::new().read(["account:carol"]).write(["account:alice", "account:bob"]);
    let plain = kinto.alice.send(records.patch("plain", Attributes::new(&json!({"k": 1})))).unwrap();
    assert_eq!(plain.permissions, Some(both.clone()));
    let merged = kinto.alice.send(records.patch("merge", kinto_protocol::Merge::new(&json!({"k": 1})))).unwrap();
    assert_eq!(merged.permissions, Some(both));
    let patched = kinto.alice.send(records.patch("json", JsonPatch::new().add("/data/k", 1))).unwrap();
    assert_eq!(patched.permissions, written_by("alice"));
    // He may create records, so he may know that it is none of his.
    assert_eq!(status(kinto.bob.send(records.get("json"))), (403, Some(121)));
}

pub(crate) fn what_i_was_given<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.alice.send(records.create("a", &json!({})).permissions(Permissions::new().read(["account:bob"]))).unwrap();
    let query = format!("bucket_id=%22{}%22", kinto.id);
    let listed = kinto.bob.send(raw(Method::GET, &endpoints::permissions(), &query)).unwrap();
    let listed = body(&listed);
    let entries = listed["data"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{listed}");
    assert_eq!(entries[0]["uri"], records.object_path("a").as_str());
    assert_eq!((&entries[0]["resource_name"], &entries[0]["record_id"]), (&json!("record"), &json!("a")));
}
