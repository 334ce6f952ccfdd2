//! The three kinds of PATCH, for every kind of object.

use kinto_protocol::{Attributes, EVERYONE, ErrorKind, JsonPatch, Merge, Permissions, Timestamp};
use serde_json::json;

use crate::context::{Kinto, refused, status, written_by};
use crate::driver::Driver;

pub(crate) fn attributes<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let data = kind.data(json!({"a": 1, "o": {"x": 1, "y": 2}, "keep": "é"}));
        let created = kinto.alice.send(all.create(&id, &data)).unwrap();

        let patch = Attributes::new(&json!({"a": null, "o": {"z": 3}, "new": [1]}));
        let patched = kinto.alice.send(all.patch(&id, patch)).unwrap();
        let expected = kind.data(json!({"a": null, "o": {"z": 3}, "keep": "é", "new": [1]}));
        assert_eq!(patched.data, expected, "{name}: the top level only, and null is a value");
        assert_eq!(patched.permissions, created.permissions, "{name}");
        assert!(patched.last_modified > created.last_modified, "{name}");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), patched, "{name}");

        let missing = if kind.is("bucket") { (403, Some(121)) } else { (404, Some(110)) };
        let nobody = kinto.alice.send(all.patch(kind.id("none"), Attributes::new(&json!({"a": 1}))));
        assert_eq!(status(nobody), missing, "{name}");
    }
}

pub(crate) fn attributes_and_permissions<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let created = all.create(&id, &kind.data(json!({"a": 1})));
        kinto.alice.send(created.permissions(Permissions::new().read(["account:carol"]))).unwrap();

        let patch = Attributes::new(&json!({"a": 2})).permissions(Permissions::new().write(["account:bob"]));
        let patched = kinto.alice.send(all.patch(&id, patch)).unwrap();
        assert_eq!(patched.data, kind.data(json!({"a": 2})), "{name}");
        let both = Permissions::new().write(["account:alice", "account:bob"]);
        assert_eq!(patched.permissions, Some(both.clone().read(["account:carol"])), "{name}: the others stay");

        let none = Permissions::new().grant("read", [""; 0]);
        let patched = kinto.alice.send(all.patch(&id, Attributes::only_permissions(none))).unwrap();
        assert_eq!(patched.data, kind.data(json!({"a": 2})), "{name}");
        assert_eq!(patched.permissions, Some(both), "{name}: emptied");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), patched, "{name}");
    }
}

pub(crate) fn merge<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let data = kind.data(json!({"a": {"b": 1, "gone": 2}, "t": "x", "l": [1, 2]}));
        let readers = Permissions::new().read([EVERYONE]);
        let created = kinto.alice.send(all.create(&id, &data).permissions(readers)).unwrap();

        let patch =
            Merge::new(&json!({"a": {"c": 2, "gone": null}, "t": null, "l": [3], "new": {"x": {"y": null, "z": 1}}}));
        let patched = kinto.alice.send(all.patch(&id, patch)).unwrap();
        let expected = kind.data(json!({"a": {"b": 1, "c": 2}, "l": [3], "new": {"x": {"z": 1}}}));
        assert_eq!(patched.data, expected, "{name}");
        assert_eq!(patched.permissions, created.permissions, "{name}");
        assert!(patched.last_modified > created.last_modified, "{name}");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), patched, "{name}");

        let patch = Merge::new(&json!({"l": null})).permissions(Permissions::new().write(["account:bob"]));
        let patched = kinto.alice.send(all.patch(&id, patch)).unwrap();
        assert_eq!(patched.data, kind.data(json!({"a": {"b": 1, "c": 2}, "new": {"x": {"z": 1}}})), "{name}");
        let given = patched.permissions.unwrap();
        assert_eq!(given.of("read").collect::<Vec<_>>(), [EVERYONE], "{name}");
        assert_eq!(given.of("write").collect::<Vec<_>>(), ["account:alice", "account:bob"], "{name}");
    }
}

pub(crate) fn json_patch<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let data = kind.data(json!({"a": 1, "b": [1], "o": {"x": 1}, "c/~d": "odd"}));
        let created = kinto.alice.send(all.create(&id, &data)).unwrap();

        let patch = JsonPatch::new()
            .test("/data/a", 1)
            .replace("/data/a", 2)
            .add("/data/b/-", json!({"n": 9}))
            .add("/data/b/0", 0)
            .add("/data/o/y", 2)
            .move_to("/data/o/x", "/data/m")
            .copy_to("/data/a", "/data/cp")
            .remove("/data/c~1~0d");
        let patched = kinto.alice.send(all.patch(&id, patch)).unwrap();
        let expected = kind.data(json!({"a": 2, "b": [0, 1, {"n": 9}], "o": {"y": 2}, "m": 1, "cp": 2}));
        assert_eq!(patched.data, expected, "{name}");
        assert_eq!(patched.permissions, written_by("alice"), "{name}");
        assert!(patched.last_modified > created.last_modified, "{name}");

        let patch = JsonPatch::new()
            .add("/permissions/read/account:bob", "account:bob")
            .add("/permissions/write/~1buckets~1b~1groups~1g", "");
        let patched = kinto.alice.send(all.patch(&id, patch)).unwrap();
        let given = Permissions::new().read(["account:bob"]).write(["account:alice", "/buckets/b/groups/g"]);
        assert_eq!(patched.permissions, Some(given), "{name}");
        let patched =
            kinto.alice.send(all.patch(&id, JsonPatch::new().remove("/permissions/read/account:bob"))).unwrap();
        assert_eq!(patched.permissions, Some(Permissions::new().write(["account:alice", "/buckets/b/groups/g"])));
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), patched, "{name}");

        // All of it or nothing.
        let patch = JsonPatch::new().replace("/data/a", 3).test("/data/a", 2);
        let error = refused(kinto.alice.send(all.patch(&id, patch)));
        assert_eq!((error.status().map(|status| status.as_u16()), error.errno()), (Some(400), Some(107)), "{name}");
        assert!(error.to_string().contains("JSON Patch operation failed"), "{error}");
        assert_eq!(status(kinto.alice.send(all.patch(&id, JsonPatch::new().remove("/data/none")))), (400, Some(107)));
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), patched, "{name}");

        let outside = refused(kinto.alice.send(all.patch(&id, JsonPatch::new().add("/a", 1))));
        assert_eq!((outside.kind(), outside.attempts()), (ErrorKind::Input, 0), "{name}");
    }
}

pub(crate) fn only_if_it_is_as_it_was<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let first = kinto.alice.send(all.create(&id, &kind.data(json!({"n": 1})))).unwrap();
        let two = || Attributes::new(&json!({"n": 2}));
        let second = kinto.alice.send(all.patch(&first, two())).unwrap();
        assert_eq!(second.data, kind.data(json!({"n": 2})), "{name}");

        assert_eq!(status(kinto.alice.send(all.patch(&first, two()))), (412, Some(114)), "{name}");
        let merge = Merge::new(&json!({"n": null}));
        assert_eq!(status(kinto.alice.send(all.patch(&first, merge.clone()))), (412, Some(114)), "{name}");
        let json_patch = JsonPatch::new().remove("/data/n");
        assert_eq!(status(kinto.alice.send(all.patch(&first, json_patch.clone()))), (412, Some(114)), "{name}");
        let older = Timestamp::from_millis(second.last_modified.as_millis() - 1);
        assert_eq!(status(kinto.alice.send(all.patch(&id, two()).if_match(older))), (412, Some(114)), "{name}");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), second, "{name}");

        let third = kinto.alice.send(all.patch(&id, merge).if_match(second.last_modified)).unwrap();
        assert_eq!(third.data, kind.data(json!({})), "{name}");
        let fourth = kinto.alice.send(all.patch(&third, JsonPatch::new().add("/data/n", 4))).unwrap();
        assert_eq!(fourth.data, kind.data(json!({"n": 4})), "{name}");
    }
}

pub(crate) fn what_cannot_be_a_patch<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let before = kinto.record(&records, "a", json!({"n": 1}));
    for error in [
        refused(kinto.alice.send(records.patch("a", Attributes::new(&json!([1]))))),
        refused(kinto.alice.send(records.patch("a", Merge::new(&json!(null))))),
        refused(kinto.alice.send(records.patch("a", Attributes::new(&json!({"id": "b"}))))),
        refused(kinto.alice.send(records.patch("a", JsonPatch::new().add("/data/n", f64::NAN)))),
    ] {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
    }
    // Over what is no object, the server fails to merge: it says so, and nothing is changed.
    let error = refused(kinto.alice.once().send(records.patch("a", Merge::new(&json!({"n": {"z": 1}})))));
    assert_eq!((error.status().map(|status| status.as_u16()), error.errno()), (Some(500), Some(999)));
    assert!(error.maybe_applied(), "{error}");
    assert_eq!(kinto.alice.send(records.get("a")).unwrap(), before);
}
