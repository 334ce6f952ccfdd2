//! Copies within a server and between two: memory to PostgreSQL, and the other way round.

use std::collections::BTreeMap;
use std::sync::Mutex;

use kinto_protocol::{
    Attributes, Auth, Bucket, CopyPart, CopyReport, Difference, EditKind, ErrorKind, Event, JsonMap, Object,
    Permissions, Resource, Timestamp, bucket, buckets, field,
};
use kinto_tests::{Backend, Cut, Cutter, Ending};
use serde_json::json;

use crate::context::{Kinto, PASSWORD, map, refused, written_by};
use crate::driver::{Driver, Setup};
use crate::reviews;
use crate::servers::server;

/// Another server, with another backend where there is one.
pub(crate) fn other<D: Driver>(kinto: &Kinto<D>) -> Kinto<D> {
    let backend = if kinto.backend == Backend::Memory { Backend::Postgresql } else { Backend::Memory };
    let server = server(backend).or_else(|| server(Backend::Signer)).unwrap();
    Kinto::on(backend, server, &["alice", "bob"])
}

/// A list, read plainly: each object by itself, with its permissions.
pub(crate) fn plainly<D: Driver>(client: &D, list: &Resource) -> BTreeMap<String, Object> {
    let ids: Vec<String> = client.items(list.list()).map(|object| object.unwrap().id).collect();
    ids.into_iter().map(|id| (id.clone(), client.send(list.get(id)).unwrap())).collect()
}

fn data<D: Driver>(client: &D, list: &Resource) -> BTreeMap<String, JsonMap> {
    plainly(client, list).into_iter().map(|(id, object)| (id, object.data)).collect()
}

/// What is counted, and that all went well.
fn well(report: &CopyReport, said: &str) {
    assert!(report.is_success(), "{report} {report:?}");
    assert_eq!(report.to_string(), said);
}

const SCHEMA: &str = r#"{"type":"object","properties":{"n":{"type":"number"}}}"#;

/// A bucket of Alice's with all there is: groups, collections, records, permissions.
fn filled<D: Driver>(kinto: &Kinto<D>) -> Bucket {
    let schema: JsonMap = serde_json::from_str(SCHEMA).unwrap();
    let id = &kinto.id;
    let readers = |bucket: &str| Permissions::new().read([format!("/buckets/{bucket}/groups/staff")]);
    kinto.alice.send(buckets().create(id, &json!({"title": "é"})).permissions(readers(id))).unwrap();
    let bucket = kinto.bucket();
    let groups = bucket.groups().typed::<JsonMap>();
    kinto.alice.send(groups.create("staff", &json!({"members": ["account:bob"], "x": 1}))).unwrap();
    // A group without members.
    let path = groups.object_path("none");
    kinto.alice.send(kinto_protocol::Call::new(http::Method::PUT, path)).unwrap();
    let create = bucket.collections().create("c", &json!({"schema": schema, "displayFields": ["n"]}));
    kinto.alice.send(create.permissions(readers(id))).unwrap();
    kinto.alice.send(bucket.collections().create("empty", &json!({}))).unwrap();
    let records = bucket.collection("c").records();
    for n in 0..30 {
        let create = records.create(format!("r{n}"), &json!({"n": n, "é": [1.5, null]}));
        let create = if n % 3 == 0 { create.permissions(readers(id)) } else { create };
        kinto.alice.send(create).unwrap();
    }
    bucket
}

pub(crate) fn a_collection_within_a_server<D: Driver>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    let (source, target) = (bucket.collection("c"), bucket.collection("d"));
    let copy = || source.copy_to(&target).permissions().timestamps();
    well(&kinto.alice.send(copy().dry_run()).unwrap(), "31 to be created");
    assert!(!kinto.alice.send(bucket.collections().exists("d")).unwrap(), "a dry run changes nothing");
    well(&kinto.alice.send(copy()).unwrap(), "31 created; verified");
    let theirs = plainly(&kinto.alice, &target.records());
    assert_eq!(theirs.len(), 30);
    let without_mark = |objects: BTreeMap<String, Object>| -> Vec<Object> {
        let strip = |mut object: Object| {
            object.data.remove("schema").unwrap();
            object
        };
        objects.into_values().map(strip).collect()
    };
    assert_eq!(without_mark(theirs), without_mark(plainly(&kinto.alice, &source.records())), "timestamps too");
    let collections = plainly(&kinto.alice, &bucket.collections());
    assert_eq!(collections["c"].data, collections["d"].data);
    assert_eq!(collections["c"].permissions, collections["d"].permissions);

    let before = kinto.alice.send(target.records().timestamp()).unwrap();
    well(&kinto.alice.send(copy()).unwrap(), "31 unchanged; verified");
    assert_eq!(kinto.alice.send(target.records().timestamp()).unwrap(), before, "nothing is written");
    // What has changed since is copied, and what is only here stays, or goes.
    kinto.alice.send(source.records().replace("r1", &json!({"n": -1}))).unwrap();
    kinto.alice.send(source.records().delete("r2")).unwrap();
    well(&kinto.alice.send(copy()).unwrap(), "1 updated, 29 unchanged, 1 left alone; verified");
    let mirror = copy().delete_extra();
    let report = kinto.alice.send(mirror.clone().dry_run()).unwrap();
    let plan = report.lists()[1].plan().unwrap();
    assert_eq!((plan.count(EditKind::Delete), report.to_string().as_str()), (1, "1 to be deleted, 30 unchanged"));
    well(&kinto.alice.send(mirror).unwrap(), "1 deleted, 30 unchanged; verified");
    let n = |list: Resource| data(&kinto.alice, &list).into_values().map(|it| it["n"].clone()).collect::<Vec<_>>();
    assert_eq!(n(target.records()), n(source.records()));
    // Only some, and nothing of the collection itself.
    kinto.alice.send(bucket.collections().create("some", &json!({"own": 1}))).unwrap();
    let some = source.copy_records_to(&bucket.collection("some")).filter(field("n").min(20));
    well(&kinto.alice.send(some).unwrap(), "10 created; verified");
    assert_eq!(kinto.alice.send(bucket.collections().get("some")).unwrap().data, map(json!({"own": 1})));
    // Not to itself, and not to where nothing is.
    assert_eq!(refused(kinto.alice.send(source.copy_to(&source))).kind(), ErrorKind::Input);
    let nowhere = kinto_protocol::bucket(&kinto.other("nowhere")).collection("c");
    assert!(refused(kinto.alice.send(source.copy_to(&nowhere))).is_forbidden());
    assert!(refused(kinto.alice.send(nowhere.copy_to(&target))).is_forbidden());
}

pub(crate) fn a_bucket_to_another_server<D: Driver>(kinto: &Kinto<D>) {
    let source = filled(kinto);
    let there = other(kinto);
    let target = bucket(&there.other("copy"));
    let copy = || source.copy_to(&target).at(there.alice.session()).permissions().timestamps();
    well(&kinto.alice.send(copy().dry_run()).unwrap(), "35 to be created");
    well(&kinto.alice.send(copy()).unwrap(), "35 created; verified");
    well(&kinto.alice.send(copy()).unwrap(), "35 unchanged; verified");
    well(&kinto.alice.send(copy().dry_run()).unwrap(), "35 unchanged");

    let id = there.other("copy");
    let theirs = there.alice.send(buckets().get(&id)).unwrap();
    let staff = format!("/buckets/{id}/groups/staff");
    assert_eq!(theirs.data, map(json!({"title": "é"})));
    assert_eq!(theirs.permissions.unwrap().of("read").collect::<Vec<_>>(), [staff.as_str()]);
    let groups = plainly(&there.alice, &target.groups().typed());
    assert_eq!(groups["staff"].data, map(json!({"members": ["account:bob"], "x": 1})));
    assert_eq!(groups["none"].data, map(json!({"members": []})));
    let at =
        |list: BTreeMap<String, Object>| -> Vec<Timestamp> { list.into_values().map(|it| it.last_modified).collect() };
    assert_eq!(at(groups), at(plainly(&kinto.alice, &source.groups().typed())));
    let (ours, theirs) = (source.collections(), target.collections());
    assert_eq!(data(&there.alice, &theirs), data(&kinto.alice, &ours));
    assert_eq!(at(plainly(&there.alice, &theirs)), at(plainly(&kinto.alice, &ours)));
    let (ours, theirs) = (source.collection("c").records(), target.collection("c").records());
    assert_eq!(data(&there.alice, &theirs), data(&kinto.alice, &ours), "the mark of the schema is a timestamp too");
    let theirs = plainly(&there.alice, &theirs);
    assert_eq!(theirs["r0"].permissions, written_by("alice").map(|it| it.read([staff.as_str()])));
    assert_eq!(theirs["r1"].permissions, written_by("alice"));
    assert_eq!(at(theirs), at(plainly(&kinto.alice, &ours)));
}

/// Of somebody who has nothing yet.
fn other_account<D: Driver>(kinto: &Kinto<D>) -> D {
    let name = kinto.id.clone();
    drop(Kinto::<D>::at(kinto.backend, &kinto.url, &[&name]));
    kinto.anonymous.with_auth(Some(Auth::basic(&name, PASSWORD))).unwrap()
}

pub(crate) fn in_the_default_bucket<D: Driver>(kinto: &Kinto<D>) {
    let (own, there) = (bucket("default"), other(kinto));
    let id = kinto.id.as_str();
    // A dry run does not even create what it reads.
    let nothing = own.collection(id).copy_to(&own.collection(&kinto.other("x"))).dry_run();
    let error = refused(kinto.alice.send(nothing));
    assert!(error.is_not_found() || error.is_forbidden(), "{error}");
    // Nor does one to where nothing is yet.
    let carol = other_account(&there);
    let records = kinto.records();
    kinto.record(&records, "a", json!({}));
    let copy = kinto.bucket().collection("c").copy_to(&own.collection("c")).at(carol.session());
    well(&kinto.alice.send(copy.clone().dry_run()).unwrap(), "2 to be created");
    let bucket_of = carol.send(kinto_protocol::server_info()).unwrap().user.unwrap().bucket.unwrap();
    assert!(refused(carol.send(buckets().get(bucket_of))).is_forbidden());
    well(&kinto.alice.send(copy).unwrap(), "2 created; verified");
    assert_eq!(data(&carol, &own.collection("c").records()).len(), 1);
    kinto.alice.send(own.collection(id).records().create("default-a", &json!({"n": 1}))).unwrap();
    let copy = own.collection(id).copy_to(&own.collection(&there.id)).at(there.alice.session()).timestamps();
    well(&kinto.alice.send(copy.clone()).unwrap(), "2 created; verified");
    well(&kinto.alice.send(copy).unwrap(), "2 unchanged; verified");
    let records = own.collection(&there.id).records();
    assert_eq!(data(&there.alice, &records), BTreeMap::from([("default-a".into(), map(json!({"n": 1})))]));
}

pub(crate) fn what_the_caller_does_not_see<D: Driver>(kinto: &Kinto<D>) {
    let bucket = filled(kinto);
    kinto.alice.send(buckets().share(&kinto.id, Permissions::new().write(["account:bob"]))).unwrap();
    let (source, target) = (bucket.collection("c"), bucket.collection("d"));
    let report = kinto.bob.send(source.copy_to(&target).permissions()).unwrap();
    assert_eq!(report.to_string(), "31 created, 31 not copied");
    let parts = report.lists()[1].not_copied().iter().map(|not| not.part());
    assert!(parts.eq([CopyPart::Permissions; 30]));
    assert!(refused(report.into_result()).to_string().contains("not visible"));
    // Of a bucket, what is in it is copied all the same; its own are visible to who was given them.
    let other = kinto_protocol::bucket(&kinto.other("bobs"));
    let report = kinto.bob.send(bucket.copy_to(&other).permissions()).unwrap();
    assert_eq!(report.to_string(), "66 created, 34 not copied");
    assert_eq!(data(&kinto.bob, &other.collection("c").records()).len(), 30);
    // Nor is it moved then.
    let report = kinto.bob.send(source.move_to(&target)).unwrap();
    assert_eq!((report.deleted(), report.is_success()), (0, false));
    assert_eq!(data(&kinto.alice, &source.records()).len(), 30);
    // Whoever made it sees it, and cannot tell what others see of theirs.
    let report = kinto.alice.send(source.copy_to(&target).permissions()).unwrap();
    assert_eq!(report.lists()[1].not_copied().len(), 30, "{report}");
    let why = report.lists()[1].not_copied()[0].error().to_string();
    assert!(why.contains("in the target"), "{why}");
}

/// A client that does something once, when a request was answered whose line ends like this the n-th time.
pub(crate) fn then<D: Driver>(kinto: &Kinto<D>, line: &str, n: usize, act: impl FnOnce() + Send + 'static) -> D {
    let (line, act, left) = (line.to_owned(), Mutex::new(Some(act)), Mutex::new(n));
    let mut setup = Setup::of(kinto.url.clone());
    setup.auth = Some(Auth::basic("alice", PASSWORD));
    setup.observer = Some(Box::new(move |event| {
        let Event::Answered { request, .. } = event else { return };
        if request.to_string().ends_with(&line) {
            let mut left = left.lock().unwrap();
            *left -= usize::from(*left > 0);
            if *left == 0
                && let Some(act) = act.lock().unwrap().take()
            {
                act();
            }
        }
    }));
    D::build(setup).unwrap()
}

/// Somebody else, whose client blocks in the middle of whatever others do.
pub(crate) fn somebody<D>(kinto: &Kinto<D>) -> kinto_blocking::Client {
    let builder = kinto_blocking::Client::builder(kinto.url.as_str());
    builder.auth(Auth::basic("alice", PASSWORD)).build().unwrap()
}

pub(crate) fn others_who_are_faster<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let there = other(kinto);
    let theirs = there.records();
    for id in ["a", "b", "c"] {
        kinto.record(&records, id, json!({"n": 2}));
        there.record(&theirs, id, json!({"n": 1}));
    }
    let (else_, list) = (somebody(&there), theirs.clone());
    // When the target was read, and the source is.
    let client = then(kinto, &format!("{}", records.path()), 1, move || {
        else_.send(list.replace("b", &json!({"n": 3}))).unwrap();
        else_.send(list.create("d", &json!({"n": 3}))).unwrap();
    });
    let copy = kinto.bucket().collection("c").copy_to(&there.bucket().collection("c"));
    let report = client.send(copy.at(there.alice.session())).unwrap();
    let not = report.lists()[1].not_copied();
    assert!(not.len() == 1 && not[0].id() == "b" && not[0].error().is_precondition_failed(), "{report}");
    let found: Vec<_> = report.lists()[1].differences().collect();
    assert_eq!(found, [("b", Difference::Data)], "the second pass sees it too");
    let n: Vec<_> = data(&there.alice, &theirs).into_values().map(|data| data["n"].clone()).collect();
    assert_eq!(n, [2, 3, 2, 3]);
}

/// Whatever request of the target is cut, the same copy once more goes on.
pub(crate) fn broken_connections<D: Driver>(kinto: &Kinto<D>) {
    let source = filled(kinto);
    let there = other(kinto);
    for cut_at in [2, 4, 6, 9, 12] {
        let id = there.other(&format!("cut{cut_at}"));
        let target = bucket(&id);
        let cutter =
            Cutter::start(
                &there.url,
                Ending::Reset,
                move |head| {
                    if head.number == cut_at { Cut::AfterRequest } else { Cut::None }
                },
            );
        let mut setup = Setup::of(cutter.url());
        setup.auth = Some(Auth::basic("alice", PASSWORD));
        setup.policy.attempts = 1;
        let cut = D::build(setup).unwrap();
        let copy = || source.copy_to(&target).permissions().timestamps();
        let first = kinto.alice.send(copy().at(cut.session()));
        assert!(first.as_ref().map_or(true, |report| report.stopped().is_some()), "{cut_at}: {first:?}");
        let report = kinto.alice.send(copy().at(there.alice.session())).unwrap();
        assert!(report.is_success(), "{cut_at}: {report}");
        well(&kinto.alice.send(copy().at(there.alice.session())).unwrap(), "35 unchanged; verified");
    }
}

pub(crate) fn moved<D: Driver>(kinto: &Kinto<D>) {
    let source = filled(kinto);
    let there = other(kinto);
    let target = bucket(&there.other("moved"));
    let before = plainly(&kinto.alice, &source.collection("c").records());
    let report = kinto.alice.send(source.move_to(&target).at(there.alice.session()).timestamps()).unwrap();
    well(&report, "35 created, 35 deleted from the source; verified");
    assert!(refused(kinto.alice.send(buckets().get(&kinto.id))).is_forbidden());
    let after = plainly(&there.alice, &target.collection("c").records());
    assert!(
        before
            .values()
            .map(|it| (&it.data, it.last_modified))
            .eq(after.values().map(|it| (&it.data, it.last_modified)))
    );
    // And back, under another name.
    let back = bucket(&kinto.other("back"));
    let report = there.alice.send(target.move_to(&back).at(kinto.alice.session()).timestamps()).unwrap();
    assert!(report.is_success() && report.deleted() == 35, "{report}");
}

pub(crate) fn moved_with_a_change_in_between<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    for n in 0..5 {
        kinto.record(&records, &format!("r{n}"), json!({"n": n}));
    }
    kinto.alice.send(kinto.bucket().collections().create("x", &json!({}))).unwrap();
    let (source, target) = (kinto.bucket().collection("c"), kinto.bucket().collection("d"));
    let list = records.clone();
    let act = |change: fn(&kinto_blocking::Client, &Resource)| {
        let (else_, list) = (somebody(kinto), list.clone());
        move || change(&else_, &list)
    };
    // Before it is compared: nothing is deleted. The list is read page by page, once in each pass.
    let line = records.path().as_str();
    let client = then(kinto, line, 1, act(|it, list| drop(it.send(list.replace("r0", &json!({"n": 10}))).unwrap())));
    let report = client.send(source.move_to(&target)).unwrap();
    let found: Vec<_> = report.lists()[1].differences().collect();
    // Of what was listed before it changed, each is read by itself, and as it is.
    assert!(found.is_empty() && report.is_success(), "{report} {found:?}");

    // After it was compared.
    let records = kinto.bucket().collection("x").records();
    for n in 0..5 {
        kinto.record(&records, &format!("r{n}"), json!({"n": n}));
    }
    let (else_, list) = (somebody(kinto), records.clone());
    let client = then(kinto, records.path().as_str(), 2, move || {
        else_.send(list.create("new", &json!({}))).unwrap();
        else_.send(list.delete("r4")).unwrap();
    });
    let (source, target) = (kinto.bucket().collection("x"), kinto.bucket().collection("y"));
    let report = client.send(source.move_to(&target)).unwrap();
    assert!(!report.is_success() && report.is_verified(), "{report}");
    let left = data(&kinto.alice, &records);
    assert!(left.contains_key("new") && kinto.alice.send(kinto.bucket().collections().exists("x")).unwrap());
    assert_eq!(report.not_deleted().len(), 1, "{report}");
    // Once more, and it is done.
    let report = kinto.alice.send(source.move_to(&target)).unwrap();
    assert!(report.is_success(), "{report}");
    assert!(!kinto.alice.send(kinto.bucket().collections().exists("x")).unwrap());
}

/// Where the review of a collection stands is not copied, and not taken away.
pub(crate) fn of_a_reviewed_collection<D: Driver>(kinto: &Kinto<D>) {
    let reviewed = reviews::reviewed(kinto);
    let workspace = bucket("main-workspace");
    let (source, target) = (workspace.collection(&reviewed.id), workspace.collection(&kinto.other("copy")));
    reviewed.write(kinto, "a", 1);
    kinto.alice.send(reviewed.review.request("please")).unwrap();
    let copy = || source.copy_to(&target);
    well(&kinto.alice.send(copy()).unwrap(), "2 created; verified");
    well(&kinto.alice.send(copy()).unwrap(), "2 unchanged; verified");
    let status = |id: &str| kinto.alice.send(workspace.collections().get(id)).unwrap().data["status"].clone();
    assert_eq!(status(&reviewed.id), "to-review");
    assert_eq!(status(&kinto.other("copy")), "work-in-progress");
    let other = workspace.collections().patch(&reviewed.id, Attributes::new(&json!({"title": "second"})));
    kinto.alice.send(other).unwrap();
    well(&kinto.alice.send(copy()).unwrap(), "1 updated, 1 unchanged; verified");
    assert_eq!(status(&kinto.other("copy")), "work-in-progress");
}
