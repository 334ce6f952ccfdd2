//! The verbs on one object, for every kind of object.

use kinto_protocol::{Conditional, Deletion, EVERYONE, ErrorKind, GetOrCreated, Permissions, Timestamp};
use serde_json::json;

use crate::context::{Kinto, map, refused, status, written_by};
use crate::driver::Driver;

pub(crate) fn create_and_read<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let data = kind.data(json!({"title": "é", "nested": {"n": 1, "m": 2}}));
        let before = kinto.alice.send(all.timestamp()).unwrap();

        let created = kinto.alice.send(all.create(&id, &data)).unwrap();
        assert_eq!(created.id, id, "{name}");
        assert_eq!(created.data, data, "{name}");
        assert_eq!(created.permissions, written_by("alice"), "{name}");
        assert!(!created.repeated, "{name}");
        assert!(created.last_modified > before, "{name}");

        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), created, "{name}");
        assert_eq!(kinto.alice.send(all.get(&created)).unwrap(), created, "{name}");
        assert_eq!(kinto.alice.send(all.head(&id)).unwrap(), created.last_modified, "{name}");
        assert!(kinto.alice.send(all.exists(&id)).unwrap(), "{name}");

        let part = kinto.alice.send(all.get(&id).fields(["nested.n"])).unwrap();
        assert_eq!(part.data, map(json!({"nested": {"n": 1}})), "{name}");
        assert_eq!((&part.id, part.last_modified), (&id, created.last_modified), "{name}");
        assert_eq!(part.permissions, None, "{name}");
        // To write it back would be to lose the rest.
        let error = refused(kinto.alice.send(all.update(&part)));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{name}: {error}");
    }
}

pub(crate) fn what_is_missing<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("none"));
        let missing = if kind.is("bucket") { (403, Some(121)) } else { (404, Some(110)) };
        let nothing_said = (missing.0, None);
        assert_eq!(status(kinto.alice.send(all.get(&id))), missing, "{name}");
        assert_eq!(status(kinto.alice.send(all.head(&id))), nothing_said, "{name}");
        assert_eq!(status(kinto.alice.send(all.delete(&id))), missing, "{name}");
        let absent = if kind.is("bucket") { Deletion::AbsentOrForbidden } else { Deletion::Absent };
        assert_eq!(kinto.alice.send(all.delete_if_present(&id)).unwrap(), absent, "{name}");
        let exists = kinto.alice.send(all.exists(&id));
        if kind.is("bucket") {
            assert_eq!(status(exists), nothing_said);
        } else {
            assert!(!exists.unwrap(), "{name}");
        }

        // Who may create a bucket is told the truth when writing one.
        let absent = kinto.alice.send(all.replace(&id, &kind.data(json!({"a": 1}))));
        assert_eq!(status(absent), (412, Some(114)), "{name}");
        let absent = kinto.alice.send(all.replace_permissions(&id, Permissions::new().read([EVERYONE])));
        assert_eq!(status(absent), (412, Some(114)), "{name}");
        assert_eq!(status(kinto.alice.send(all.get(&id))), missing, "{name}: it was created all the same");
    }
}

pub(crate) fn create_is_exclusive<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let created = kinto.alice.send(all.create(&id, &kind.data(json!({"n": 1})))).unwrap();

        let error = refused(kinto.alice.send(all.create(&id, &kind.data(json!({"n": 2})))));
        assert!(error.is_precondition_failed() && error.errno() == Some(114), "{name}: {error}");
        let mut stored = created.data.clone();
        stored.insert("id".into(), id.clone().into());
        stored.insert("last_modified".into(), created.last_modified.as_millis().into());
        assert_eq!(error.server().unwrap().existing(), Some(&stored), "{name}");
        assert!(!error.maybe_applied() && error.attempts() == 1, "{name}");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), created, "{name}");

        // What was deleted is not there.
        kinto.alice.send(all.delete(&id)).unwrap();
        let again = kinto.alice.send(all.create(&id, &kind.data(json!({"n": 3})))).unwrap();
        assert_eq!(again.data, kind.data(json!({"n": 3})), "{name}");
        assert!(again.last_modified > created.last_modified, "{name}");
    }
}

pub(crate) fn add_makes_ids<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all) = (kind.name, &kind.resource);
        let data = kind.data(json!({"n": 1}));
        let one = kinto.alice.send(all.add(&data)).unwrap();
        let two = kinto.alice.send(all.add(&data).permissions(Permissions::new().read([EVERYONE]))).unwrap();
        assert_ne!(one.id, two.id, "{name}");
        for added in [&one, &two] {
            let shape: Vec<usize> = added.id.split('-').map(str::len).collect();
            assert_eq!(shape, [8, 4, 4, 4, 12], "{name}: {}", added.id);
            assert_eq!(added.id.as_bytes()[14], b'4', "{name}: {}", added.id);
            assert_eq!(added.data, data, "{name}");
            assert_eq!(kinto.alice.send(all.get(&added.id)).unwrap(), *added, "{name}");
        }
        assert_eq!(one.permissions, written_by("alice"), "{name}");
        assert_eq!(two.permissions, written_by("alice").map(|given| given.read([EVERYONE])), "{name}");
        assert_eq!(kinto.alice.send(all.count().filter(kind.own())).unwrap(), 2, "{name}");
    }
}

pub(crate) fn get_or_create<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let readers = || Permissions::new().read([EVERYONE]);
        let first = all.get_or_create(&id, &kind.data(json!({"n": 1}))).permissions(readers());
        let GetOrCreated::Created(created) = kinto.alice.send(first).unwrap() else { panic!("{name} was there") };
        assert_eq!(created.data, kind.data(json!({"n": 1})), "{name}");
        assert_eq!(created.permissions, written_by("alice").map(|given| given.read([EVERYONE])), "{name}");

        let second = all.get_or_create(&id, &kind.data(json!({"n": 2}))).permissions(Permissions::new());
        let found = kinto.alice.send(second).unwrap();
        assert!(!found.is_created(), "{name}");
        assert_eq!(found, GetOrCreated::Found(created.clone()), "{name}");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), created, "{name}");
    }
}

pub(crate) fn replace<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let readers = Permissions::new().read([EVERYONE]);
        let data = kind.data(json!({"a": 1, "b": 2}));
        let created = kinto.alice.send(all.create(&id, &data).permissions(readers)).unwrap();

        let replaced = kinto.alice.send(all.replace(&id, &kind.data(json!({"b": 3})))).unwrap();
        assert_eq!(replaced.data, kind.data(json!({"b": 3})), "{name}: it was merged");
        assert_eq!(replaced.permissions, created.permissions, "{name}");
        assert!(replaced.last_modified > created.last_modified, "{name}");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), replaced, "{name}");

        let bobs = Permissions::new().grant("write", ["account:bob"]);
        let replaced = kinto.alice.send(all.replace(&id, &kind.data(json!({"c": 4}))).permissions(bobs)).unwrap();
        assert_eq!(replaced.data, kind.data(json!({"c": 4})), "{name}");
        let both = Permissions::new().write(["account:alice", "account:bob"]);
        assert_eq!(replaced.permissions, Some(both), "{name}");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), replaced, "{name}");
    }
}

pub(crate) fn update_what_was_read<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let stale = kinto.alice.send(all.create(&id, &kind.data(json!({"n": 1})))).unwrap();

        let mut object = kinto.alice.send(all.get(&id)).unwrap();
        object.data.insert("n".into(), 2.into());
        let updated = kinto.alice.send(all.update(&object)).unwrap();
        assert_eq!(updated.data, kind.data(json!({"n": 2})), "{name}");
        assert!(updated.last_modified > stale.last_modified, "{name}");

        let mut late = stale.clone();
        late.data.insert("n".into(), 3.into());
        let error = refused(kinto.alice.send(all.update(&late)));
        assert!(error.is_precondition_failed(), "{name}: {error}");
        assert_eq!(error.server().unwrap().existing().unwrap()["n"], 2, "{name}");
        assert_eq!(status(kinto.alice.send(all.replace(&stale, &late.data))), (412, Some(114)), "{name}");
        assert_eq!(status(kinto.alice.send(all.replace_permissions(&stale, Permissions::new()))), (412, Some(114)));
        assert_eq!(status(kinto.alice.send(all.delete(&stale))), (412, Some(114)), "{name}");
        assert_eq!(status(kinto.alice.send(all.delete_if_present(&stale))), (412, Some(114)), "{name}");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), updated, "{name}");

        let mut other = late.map(|_| kind.data(json!({"n": 4})));
        other.last_modified = updated.last_modified;
        let updated = kinto.alice.send(all.update(&other)).unwrap();
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), updated, "{name}");
        assert_eq!(updated.data["n"], 4, "{name}");
    }
}

pub(crate) fn overwrite<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let created = kinto.alice.send(all.replace(&id, &kind.data(json!({"n": 1}))).overwrite()).unwrap();
        assert_eq!(created.data, kind.data(json!({"n": 1})), "{name}");
        let overwritten = kinto.alice.send(all.create(&id, &kind.data(json!({"m": 2}))).overwrite()).unwrap();
        assert_eq!(overwritten.data, kind.data(json!({"m": 2})), "{name}");
        let overwritten = kinto.alice.send(all.update(&created).overwrite()).unwrap();
        assert_eq!(overwritten.data, created.data, "{name}");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap(), overwritten, "{name}");
    }
}

pub(crate) fn if_match<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let created = kinto.alice.send(all.create(&id, &kind.data(json!({"n": 1})))).unwrap();
        let at = created.last_modified;
        let other = Timestamp::from_millis(at.as_millis() - 1);

        let data = kind.data(json!({"n": 2}));
        assert_eq!(status(kinto.alice.send(all.replace(&id, &data).if_match(other))), (412, Some(114)), "{name}");
        let replaced = kinto.alice.send(all.replace(&id, &data).if_match(at)).unwrap();
        assert_eq!(replaced.data, data, "{name}");

        assert_eq!(status(kinto.alice.send(all.delete(&id).if_match(at))), (412, Some(114)), "{name}");
        assert_eq!(status(kinto.alice.send(all.delete_if_present(&id).if_match(at))), (412, Some(114)), "{name}");
        let gone = kinto.alice.send(all.delete(&id).if_match(replaced.last_modified)).unwrap();
        assert_eq!(gone.id, id, "{name}");
        // With a precondition that cannot be met, nothing is created.
        assert_eq!(status(kinto.alice.send(all.create(&id, &data).if_match(at))), (412, Some(114)), "{name}");
        assert_eq!(kinto.alice.send(all.count().filter(kind.own())).unwrap(), 0, "{name}");
    }
}

pub(crate) fn get_if_changed<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let first = kinto.alice.send(all.create(&id, &kind.data(json!({"n": 1})))).unwrap();
        let at = first.last_modified;
        assert_eq!(kinto.alice.send(all.get(&id).if_changed_since(at)).unwrap(), Conditional::NotModified, "{name}");

        let second = kinto.alice.send(all.replace(&id, &kind.data(json!({"n": 2})))).unwrap();
        let answer = kinto.alice.send(all.get(&id).if_changed_since(at)).unwrap();
        assert_eq!(answer, Conditional::Modified(second.clone()), "{name}");
        let part = kinto.alice.send(all.get(&id).fields(["n"]).if_changed_since(at)).unwrap().modified().unwrap();
        assert_eq!(part.data, map(json!({"n": 2})), "{name}");

        kinto.alice.send(all.delete(&id)).unwrap();
        let missing = if kind.is("bucket") { (403, Some(121)) } else { (404, Some(110)) };
        assert_eq!(status(kinto.alice.send(all.get(&id).if_changed_since(at))), missing, "{name}");
    }
}

pub(crate) fn delete<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let create = || kinto.alice.send(all.create(&id, &kind.data(json!({})))).unwrap();

        let first = create();
        let gone = kinto.alice.send(all.delete(&id)).unwrap();
        assert_eq!(gone.id, id, "{name}");
        assert!(gone.last_modified > first.last_modified, "{name}");
        let missing = if kind.is("bucket") { (403, Some(121)) } else { (404, Some(110)) };
        assert_eq!(status(kinto.alice.send(all.get(&id))), missing, "{name}");

        let second = create();
        assert_eq!(kinto.alice.send(all.delete(&second)).unwrap().id, id, "{name}");

        create();
        let third = kinto.alice.send(all.delete_if_present(&id)).unwrap().tombstone().unwrap();
        assert!(third.id == id && third.last_modified > second.last_modified, "{name}");
        assert_eq!(kinto.alice.send(all.delete_if_present(&gone)).unwrap().tombstone(), None, "{name}");
        assert_eq!(kinto.alice.send(all.count().filter(kind.own())).unwrap(), 0, "{name}");
    }
}

pub(crate) fn ids_are_those_of_the_data<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let created = kinto.alice.send(all.create(&id, &kind.data(json!({"id": id})))).unwrap();
        assert_eq!((created.id, created.data), (id.clone(), kind.data(json!({}))), "{name}");

        let error = refused(kinto.alice.send(all.replace(&id, &kind.data(json!({"id": "b"})))));
        assert_eq!(error.kind(), ErrorKind::Input, "{name}");
        assert!(error.to_string().contains(&format!("has the id \"b\", but it is sent to \"{id}\"")), "{error}");
        assert_eq!(error.attempts(), 0, "{name}");
    }
}
