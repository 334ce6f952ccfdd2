//! Single permissions and single members, given and taken; and what one was given.

use std::collections::BTreeSet;

use kinto_protocol::{
    AUTHENTICATED, EVERYONE, ErrorKind, Grant, GroupData, List, Permissions, bucket, buckets, field, my_permissions,
};
use kinto_tests::Answer;
use serde_json::json;

use crate::batches::{so_far, watched};
use crate::canned::between;
use crate::context::{Kinto, refused, status, written_by};
use crate::driver::Driver;

fn everybody() -> Permissions {
    Permissions::new().read([EVERYONE])
}

pub(crate) fn what_is_not_named_stays<D: Driver>(kinto: &Kinto<D>) {
    for kind in kinto.kinds() {
        let (name, all, id) = (kind.name, &kind.resource, kind.id("a"));
        let owned = |given: Permissions| Some(given.write(["account:alice"]));
        let readers = || Permissions::new().read(["account:bob"]);
        let made = kinto.alice.send(all.create(&id, &kind.data(json!({"n": 1}))).permissions(readers())).unwrap();

        let shared = kinto.alice.send(all.share(&id, everybody().write(["account:carol"]))).unwrap();
        let given = Permissions::new().read(["account:bob", EVERYONE]).write(["account:carol"]);
        assert_eq!(shared.permissions, owned(given.clone()), "{name}");
        assert!(shared.last_modified > made.last_modified, "{name}");
        let seen = kinto.anonymous.send(all.get(&id)).unwrap();
        assert_eq!(seen.data, made.data, "{name}: the data stays");

        // What is so already writes nothing.
        let again = kinto.alice.send(all.share(&id, everybody())).unwrap();
        assert_eq!((again.last_modified, again.permissions), (shared.last_modified, owned(given)), "{name}");
        let none = kinto.alice.send(all.unshare(&id, Permissions::new().read(["account:nobody"]))).unwrap();
        assert_eq!(none.last_modified, shared.last_modified, "{name}");

        let taken = kinto.alice.send(all.unshare(&id, everybody().write(["account:carol"]))).unwrap();
        assert_eq!(taken.permissions, owned(readers()), "{name}");
        assert_eq!(status(kinto.anonymous.send(all.get(&id))), (401, Some(104)), "{name}");
        let last = kinto.alice.send(all.unshare(&id, readers())).unwrap();
        assert_eq!(last.permissions, written_by("alice"), "{name}: the last one");
        assert_eq!(status(kinto.bob.send(all.get(&id))), (403, Some(121)), "{name}");
        // Nobody locks oneself out: the writer stays.
        let own = kinto.alice.send(all.unshare(&id, Permissions::new().write(["account:alice"]))).unwrap();
        assert_eq!(own.permissions, written_by("alice"), "{name}");
        assert_eq!(kinto.alice.send(all.get(&id)).unwrap().data, made.data, "{name}");

        let error = refused(kinto.alice.send(all.share(&id, Permissions::new().grant("fly", [EVERYONE]))));
        assert_eq!(error.status().map(|it| it.as_u16()), Some(400), "{name}: {error}");
        let missing = status(kinto.alice.send(all.share(kind.id("missing"), everybody())));
        assert_eq!(missing, if kind.is("bucket") { (403, Some(121)) } else { (404, Some(110)) }, "{name}");
    }
}

/// Only what gives the right to make something: that is shared as well.
pub(crate) fn rights_to_create<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let right = || Permissions::new().grant("record:create", [AUTHENTICATED]);
    kinto.alice.send(kinto.bucket().collections().share("c", right())).unwrap();
    kinto.bob.send(records.create("his", &json!({}))).unwrap();
    kinto.alice.send(kinto.bucket().collections().unshare("c", right())).unwrap();
    assert_eq!(status(kinto.bob.send(records.create("no", &json!({})))), (403, Some(121)));
    let right = Permissions::new().grant("group:create", ["account:bob"]).grant("collection:create", ["account:bob"]);
    kinto.alice.send(buckets().share(&kinto.id, right)).unwrap();
    kinto.bob.send(kinto.bucket().groups().create("his", &GroupData::of(["account:bob"]))).unwrap();
    kinto.bob.send(kinto.bucket().collections().create("his", &json!({}))).unwrap();
}

/// Who writes by inheritance does not see who else has which permission, and would take it from them.
pub(crate) fn what_is_not_visible_is_not_changed<D: Driver>(kinto: &Kinto<D>) {
    let kinds = kinto.kinds();
    kinto.alice.send(buckets().share(&kinto.id, Permissions::new().write(["account:bob"]))).unwrap();
    for kind in kinds.iter().skip(1) {
        let (name, all) = (kind.name, &kind.resource);
        let readers = Permissions::new().read(["account:carol"]);
        let made = kinto.alice.send(all.create("a", &kind.data(json!({}))).permissions(readers)).unwrap();
        let (bob, tells) = watched::<D>(&kinto.url, "bob");
        for share in [all.share("a", everybody()), all.unshare("a", Permissions::new().read(["account:carol"]))] {
            let error = refused(bob.send(share));
            assert_eq!(error.kind(), ErrorKind::Input, "{name}");
            assert!(!error.maybe_applied() && !error.is_retryable(), "{name}");
            assert!(error.to_string().contains("its permissions are not visible to the caller"), "{name}: {error}");
        }
        let seen: Vec<String> = tells.try_iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(seen, ["GET", "GET"], "{name}: nothing was written");
        assert_eq!(kinto.alice.send(all.get("a")).unwrap(), made, "{name}");
        // Who may not write at all is refused as well, before the server has to.
        kinto.alice.send(all.share("a", everybody())).unwrap();
        assert_eq!(refused(kinto.anonymous.send(all.share("a", everybody()))).kind(), ErrorKind::Input, "{name}");
    }
}

/// The permissions that others gave meanwhile stay.
pub(crate) fn others_who_are_faster<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    kinto.record(&records, "a", json!({}));
    let (alice, theirs) = (kinto.alice.clone(), records.clone());
    let server = between(&kinto.url, move |number, _, carry_out| {
        // Between what is read and what is written.
        if number == 1 {
            alice.send(theirs.share("a", Permissions::new().read(["account:carol"]))).unwrap();
        }
        Answer::Close(carry_out())
    });
    let (alice, tells) = watched::<D>(server.url(), "alice");
    let shared = alice.send(records.share("a", Permissions::new().read(["account:bob"]))).unwrap();
    assert_eq!(shared.permissions, written_by("alice").map(|it| it.read(["account:bob", "account:carol"])));
    assert_eq!(so_far(kinto, &tells), ["GET R/a: 200", "PATCH R/a: 412", "GET R/a: 200", "PATCH R/a: 200"]);
}

pub(crate) fn members_come_and_go<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let groups = kinto.bucket().groups();
    let mut staff = GroupData::of(["account:carol"]);
    staff.other.insert("title".into(), "Staff".into());
    kinto.alice.send(groups.create("staff", &staff)).unwrap();
    let path = groups.object_path("staff").to_string();
    kinto.alice.send(records.create("a", &json!({})).permissions(Permissions::new().read([path]))).unwrap();
    assert_eq!(status(kinto.bob.send(records.get("a"))), (403, Some(121)));

    let more = kinto.alice.send(groups.add_members("staff", ["account:bob", "account:carol", "account:dan"])).unwrap();
    let members: BTreeSet<&str> = more.data.members.iter().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["account:bob", "account:carol", "account:dan"]));
    assert_eq!((more.data.members.len(), &more.data.other["title"]), (3, &json!("Staff")));
    assert_eq!(kinto.bob.send(records.get("a")).unwrap().id, "a");
    let same = kinto.alice.send(groups.add_members("staff", ["account:bob"])).unwrap();
    assert_eq!(same.last_modified, more.last_modified, "nothing new, nothing written");

    let fewer = kinto.alice.send(groups.remove_members("staff", ["account:bob", "account:zoe"])).unwrap();
    assert!(fewer.data.members.len() == 2 && !fewer.data.members.contains(&"account:bob".into()));
    assert_eq!(fewer.data.other["title"], "Staff");
    assert_eq!(status(kinto.bob.send(records.get("a"))), (403, Some(121)));
    let same = kinto.alice.send(groups.remove_members("staff", [String::from("account:zoe")])).unwrap();
    assert_eq!(same.last_modified, fewer.last_modified);
    let none = kinto.alice.send(groups.remove_members("staff", fewer.data.members)).unwrap();
    assert_eq!(none.data.members, [""; 0]);

    assert_eq!(status(kinto.alice.send(groups.add_members("missing", ["account:bob"]))), (404, Some(110)));
    assert_eq!(status(kinto.bob.send(groups.add_members("staff", ["account:bob"]))), (403, Some(121)));
    let error = refused(kinto.alice.send(groups.add_members("staff", [EVERYONE])));
    assert_eq!(error.status().map(|it| it.as_u16()), Some(400), "{error}");
}

fn uris(grants: &[Grant]) -> Vec<&str> {
    grants.iter().map(|grant| grant.uri.as_str()).collect()
}

pub(crate) fn what_one_was_given<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let groups = kinto.bucket().groups();
    kinto.alice.send(groups.create("g", &GroupData::of(["account:bob"]))).unwrap();
    let by_group = Permissions::new().write([groups.object_path("g").to_string()]);
    kinto.alice.send(records.create("a", &json!({})).permissions(everybody())).unwrap();
    kinto.alice.send(records.create("b", &json!({})).permissions(by_group)).unwrap();
    let own = || my_permissions().filter(field("bucket_id").eq(&kinto.id));
    let send = |client: &D, list: List<Grant>| client.send(list).unwrap().items;

    let (path, of_bucket) = (kinto.bucket().path().to_string(), send(&kinto.alice, own()));
    let [b, a] = ["b", "a"].map(|id| records.object_path(id).to_string());
    let (group, collection) = (format!("{path}/groups/g"), format!("{path}/collections/c"));
    assert_eq!(uris(&of_bucket), [&group, &b, &a, &collection, &path]);
    let names: Vec<&str> = of_bucket.iter().map(|grant| grant.resource_name.as_str()).collect();
    assert_eq!(names, ["group", "record", "record", "collection", "bucket"]);
    let record = &of_bucket[1];
    assert_eq!((record.id.as_deref(), record.record_id.as_deref()), (Some("b"), Some("b")));
    assert_eq!((record.collection_id.as_deref(), record.bucket_id.as_deref()), (Some("c"), Some(&kinto.id[..])));
    assert!(record.permissions.contains("write") && record.permissions.contains("read"), "{record:?}");
    assert!(of_bucket[4].permissions.contains("collection:create"), "{:?}", of_bucket[4]);
    assert_eq!(of_bucket[0].group_id.as_deref(), Some("g"));

    // By name, by a group, and as everybody; not by inheritance.
    assert_eq!(uris(&send(&kinto.bob, own())), [&b, &a]);
    let anybodys = send(&kinto.anonymous, own());
    assert_eq!(uris(&anybodys), [&a]);
    assert_eq!(anybodys[0].permissions, BTreeSet::from(["read".into()]));
    assert_eq!(uris(&send(&kinto.bob, own().sort("uri"))), [&a, &b]);
    assert_eq!(uris(&send(&kinto.bob, own().filter(field("record_id").eq("b")))), [&b]);
    let kinds = field("resource_name").is_in(["group", "bucket"]);
    assert_eq!(uris(&send(&kinto.alice, own().filter(kinds))), [&group, &path]);
    assert_eq!(uris(&send(&kinto.alice, own().limit(2))), [&group, &b]);
    let unknown = kinto.alice.send(own().filter(field("permissions").eq("read")));
    assert_eq!(status(unknown), (400, Some(107)));

    // The server itself has neither an id nor a place.
    let root = || my_permissions().filter(field("resource_name").eq("root"));
    let grants = send(&kinto.alice, root());
    assert_eq!(uris(&grants), ["/"]);
    assert_eq!((&grants[0].id, &grants[0].bucket_id), (&None, &None));
    assert_eq!(grants[0].permissions, BTreeSet::from(["account:create".into(), "bucket:create".into()]));
    assert_eq!(send(&kinto.anonymous, root())[0].permissions, BTreeSet::from(["account:create".into()]));
    let account = send(&kinto.alice, my_permissions().filter(field("uri").eq("/accounts/alice")));
    assert_eq!((account[0].account_id.as_deref(), account[0].id.as_deref()), (Some("alice"), Some("alice")));
}

/// What is not asked for is left out by the server, and may be missing.
pub(crate) fn a_selection_of_its_fields<D: Driver>(kinto: &Kinto<D>) {
    kinto.make_bucket();
    let list = my_permissions().filter(field("bucket_id").eq(&kinto.id)).fields(["uri"]);
    assert_eq!(uris(&kinto.alice.send(list).unwrap().items), [kinto.bucket().path().as_str()]);
}

/// Three a page, of those the settings give the administrator all buckets.
pub(crate) fn what_one_was_given_page_by_page<D: Driver>(kinto: &Kinto<D>) {
    let kinto = &kinto.with_small_pages();
    kinto.make_bucket();
    let collections = kinto.bucket().collections();
    (0..7).for_each(|n| drop(kinto.alice.send(collections.create(format!("c{n}"), &json!({}))).unwrap()));
    let own = || my_permissions().filter(field("bucket_id").eq(&kinto.id));
    let mut expected: Vec<String> =
        (0..7).rev().map(|n| collections.object_path(&format!("c{n}")).to_string()).collect();
    expected.push(kinto.bucket().path().to_string());
    let all = kinto.alice.send(own()).unwrap().items;
    assert_eq!(uris(&all), expected);
    let pages: Vec<usize> = kinto.alice.pages(own()).map(|page| page.unwrap().items.len()).collect();
    assert_eq!(pages, [3, 3, 2]);
    assert_eq!(kinto.alice.items(own()).map(Result::unwrap).collect::<Vec<_>>(), all);
    let admins = kinto.admin.send(own()).unwrap().items;
    assert_eq!(uris(&admins), [bucket(&kinto.id).path().as_str()], "by the settings");
}
