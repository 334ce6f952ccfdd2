//! The review of changes, on a server that has one: from the first change to what is published.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kinto_protocol::{
    Attributes, Auth, Change, Error, ErrorKind, GroupData, JsonMap, Object, Permissions, Result, Review, ReviewData,
    ReviewStatus, bucket, buckets, field, server_info,
};
use kinto_tests::{Backend, Cut, Cutter, Ending};
use serde_json::json;

use crate::context::{Kinto, PASSWORD, map, refused};
use crate::driver::{Driver, Setup};
use crate::servers::server;

/// A collection under review, and who may do what with it. Alice is an editor, Bob a reviewer, and the administrator
/// both. Carol may write, but is in no group.
pub(crate) struct Reviewed<D> {
    pub(crate) id: String,
    pub(crate) review: Review,
    pub(crate) carol: D,
    /// Held as long as this, so that one scenario after the other writes into the bucket: of two writes within a
    /// millisecond, PostgreSQL's history refuses one with 409.
    _turn: MutexGuard<'static, ()>,
}

/// Makes the collection, Alice's, in the bucket that all scenarios have in common: which one is reviewed is a setting of
/// the server.
pub(crate) fn reviewed<D: Driver>(kinto: &Kinto<D>) -> Reviewed<D> {
    static TURN: [Mutex<()>; 4] = [const { Mutex::new(()) }; 4];
    let _ = Kinto::<D>::at(kinto.backend, &kinto.url, &["carol"]);
    let carol = kinto.anonymous.with_auth(Some(Auth::basic("carol", PASSWORD))).unwrap();
    let workspace = bucket("main-workspace");
    let turn = TURN[kinto.backend as usize].lock().unwrap_or_else(PoisonError::into_inner);
    let writers = Permissions::new().write(["account:alice"]);
    let create = buckets().create("main-workspace", &json!({})).permissions(writers);
    // Who is not the first on this server finds it there.
    if kinto.admin.send(create).is_ok() {
        // On this version there is one of each for the whole bucket. It would make those that are missing, without Bob.
        let members = |other| GroupData::of(["account:admin", other]);
        kinto.admin.send(workspace.groups().create("editors", &members("account:alice"))).unwrap();
        kinto.admin.send(workspace.groups().create("reviewers", &members("account:bob"))).unwrap();
    }
    let writers = Permissions::new().write(["account:carol"]);
    let create = workspace.collections().create(&kinto.id, &json!({"title": "first"})).permissions(writers);
    kinto.alice.send(create).unwrap();
    Reviewed { id: kinto.id.clone(), review: workspace.collection(&kinto.id).review(), carol, _turn: turn }
}

impl<D: Driver> Reviewed<D> {
    /// Writes a record, by Alice.
    pub(crate) fn write(&self, kinto: &Kinto<D>, id: &str, n: u32) {
        let records = bucket("main-workspace").collection(&self.id).records();
        kinto.alice.send(records.replace(id, &json!({"n": n})).overwrite()).unwrap();
    }

    /// Has all changes published.
    pub(crate) fn publish(&self, kinto: &Kinto<D>) {
        kinto.alice.send(self.review.request("please")).unwrap();
        kinto.bob.send(self.review.approve()).unwrap();
    }

    /// What anybody can read in a bucket: the numbers of the records, by their ids.
    pub(crate) fn in_bucket(&self, kinto: &Kinto<D>, name: &str) -> Vec<String> {
        let records = bucket(name).collection(&self.id).records();
        let mut all: Vec<String> = kinto
            .anonymous
            .items(records.list())
            .map(|record| record.map(|it: Object| format!("{}={}", it.id, it.data["n"])).unwrap())
            .collect();
        all.sort_unstable();
        all
    }

    /// The attributes of the collection in a bucket.
    fn attributes(&self, client: &D, name: &str) -> Object {
        client.send(bucket(name).collections().get(&self.id)).unwrap()
    }

    /// Whether what a step gave is the collection as it stands: read again it is the same, and can be updated.
    pub(crate) fn stands(&self, kinto: &Kinto<D>, outcome: &Object<ReviewData>) {
        let read = kinto.alice.send(self.review.status()).unwrap();
        assert_eq!((&read.data, read.last_modified), (&outcome.data, outcome.last_modified));
        let collections = bucket("main-workspace").collections();
        let title = Attributes::new(&json!({"title": outcome.last_modified.to_string()}));
        kinto.alice.send(collections.patch(&self.id, title).if_match(outcome.last_modified)).unwrap();
    }
}

/// Somebody, by way of this proxy.
pub(crate) fn by_way_of<D: Driver>(cutter: &Cutter, name: &str) -> D {
    let mut setup = Setup::of(cutter.url());
    setup.auth = Some(Auth::basic(name, PASSWORD));
    D::build(setup).unwrap()
}

/// What the server said of what it refused: status, number, and in words.
pub(crate) fn words<T>(result: Result<T>) -> (u16, Option<u16>, String) {
    let error = refused(result);
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Server, false), "{error}");
    let message = error.server().and_then(|server| server.message()).unwrap_or_default().to_owned();
    assert!(error.to_string().contains(&message), "{error}");
    (error.status().unwrap().as_u16(), error.errno(), message)
}

pub(crate) fn invalid(message: &str) -> (u16, Option<u16>, String) {
    (400, Some(109), message.into())
}

pub(crate) fn forbidden(message: &str) -> (u16, Option<u16>, String) {
    (403, Some(121), message.into())
}

pub(crate) fn from_the_first_change_to_the_signature<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    let new = kinto.alice.send(it.review.status()).unwrap();
    // Nothing is in it, which is signed at once.
    assert_eq!(new.data.status, Some(ReviewStatus::Signed));
    assert_eq!(new.data.last_signature_by.as_deref(), Some("account:alice"));
    assert_eq!(
        (&new.data.last_edit_by, &new.data.last_review_request_by, &new.data.last_review_by),
        (&None, &None, &None)
    );
    assert_eq!((it.in_bucket(kinto, "main-preview"), it.in_bucket(kinto, "main")), (vec![], vec![]));

    it.write(kinto, "a", 1);
    let changed = kinto.alice.send(it.review.status()).unwrap();
    assert_eq!(changed.data.status, Some(ReviewStatus::WorkInProgress));
    assert_eq!(changed.data.last_edit_by.as_deref(), Some("account:alice"));
    assert!(changed.data.last_edit_date.is_some() && changed.last_modified > new.last_modified);

    let requested = kinto.alice.send(it.review.request("two typos less: é")).unwrap();
    assert_eq!(requested.data.status, Some(ReviewStatus::ToReview));
    assert_eq!(requested.data.last_editor_comment.as_deref(), Some("two typos less: é"));
    assert_eq!(requested.data.last_review_request_by.as_deref(), Some("account:alice"));
    assert!(requested.data.last_review_request_date.is_some());
    it.stands(kinto, &requested);
    assert_eq!((it.in_bucket(kinto, "main-preview"), it.in_bucket(kinto, "main")), (vec!["a=1".into()], vec![]));

    let declined = kinto.bob.send(it.review.decline("one is left")).unwrap();
    assert_eq!(declined.data.status, Some(ReviewStatus::WorkInProgress));
    assert_eq!(declined.data.last_reviewer_comment.as_deref(), Some("one is left"));
    assert_eq!(declined.data.last_editor_comment.as_deref(), Some("two typos less: é"));
    assert_eq!(declined.data.last_review_by, None);
    it.stands(kinto, &declined);

    it.write(kinto, "a", 2);
    let before = it.attributes(&kinto.anonymous, "main").data;
    kinto.alice.send(it.review.request("")).unwrap();
    let approved = kinto.bob.send(it.review.approve()).unwrap();
    assert_eq!(approved.data.status, Some(ReviewStatus::Signed));
    for by in [&approved.data.last_review_by, &approved.data.last_signature_by] {
        assert_eq!(by.as_deref(), Some("account:bob"));
    }
    assert!(approved.data.last_review_date.is_some() && approved.data.last_signature_date.is_some());
    it.stands(kinto, &approved);
    assert_eq!(
        (it.in_bucket(kinto, "main-preview"), it.in_bucket(kinto, "main")),
        (vec!["a=2".into()], vec!["a=2".into()])
    );
    let after = it.attributes(&kinto.anonymous, "main").data;
    assert!(signature(&before).is_some() && signature(&after).is_some() && signature(&before) != signature(&after));
}

/// The signature in the attributes of a published collection.
fn signature(data: &JsonMap) -> Option<String> {
    Some(data.get("signature")?.get("signature")?.as_str()?.to_owned())
}

pub(crate) fn what_is_refused<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    assert_eq!(words(kinto.bob.send(it.review.approve())), invalid("Collection already signed"));
    assert_eq!(words(kinto.bob.send(it.review.roll_back(""))), invalid("Collection has no work-in-progress"));

    it.write(kinto, "a", 1);
    assert_eq!(words(kinto.bob.send(it.review.approve())), invalid("Collection not under review"));
    assert_eq!(words(kinto.bob.send(it.review.request(""))), forbidden("Not in editors group"));
    assert_eq!(words(it.carol.send(it.review.request(""))), forbidden("Not in editors group"));
    // Whoever may not even write.
    let stranger = refused(kinto.anonymous.send(it.review.request("")));
    assert!(stranger.is_unauthorized(), "{stranger}");
    assert!(refused(kinto.anonymous.send(it.review.status())).is_unauthorized());
    assert_eq!(it.attributes(&kinto.alice, "main-workspace").data["status"], "work-in-progress");

    // The administrator is a reviewer too, but not of what they asked for themselves.
    kinto.admin.send(it.review.request("mine")).unwrap();
    assert_eq!(words(kinto.admin.send(it.review.approve())), forbidden("Last editor cannot review"));
    assert_eq!(words(kinto.alice.send(it.review.approve())), forbidden("Not in reviewers group"));
    assert_eq!(words(it.carol.send(it.review.approve())), forbidden("Not in reviewers group"));
    // To read how far it is, one need be in no group.
    assert_eq!(it.carol.send(it.review.status()).unwrap().data.status, Some(ReviewStatus::ToReview));
    assert_eq!(it.in_bucket(kinto, "main"), [""; 0]);

    let absent = bucket("main-workspace").collection(&kinto.other("absent")).review();
    assert!(refused(kinto.alice.send(absent.status())).is_not_found());
    assert!(refused(kinto.alice.send(absent.request(""))).is_not_found());
    // Statuses that are no step, and what the server keeps account of.
    let patch = |data| bucket("main-workspace").collections().patch(&it.id, Attributes::new(&data));
    assert_eq!(words(kinto.alice.send(patch(json!({"status": "bogus"})))), invalid("Invalid status 'bogus'"));
    assert_eq!(words(kinto.alice.send(patch(json!({"status": "signed"})))), invalid("Cannot set status to 'signed'"));
    let forged = words(kinto.alice.send(patch(json!({"last_review_by": "account:bob"}))));
    assert!(forged.0 == 400 && forged.2.starts_with("Cannot change <TRACKING_FIELDS.LAST_REVIEW_BY"), "{forged:?}");
    let records = bucket("main-workspace").collection(&it.id).records();
    let float = words(kinto.alice.send(records.replace("f", &json!({"n": 1.5})).overwrite()));
    assert!(float.0 == 400 && float.2.contains("field contains float value"), "{float:?}");
    assert_eq!(words(kinto.alice.send(bucket("main").collections().delete(&it.id))).2, "Collection is in use.");
}

pub(crate) fn back_to_what_is_published<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    it.publish(kinto);
    it.write(kinto, "a", 2);
    it.write(kinto, "b", 2);
    kinto.alice.send(it.review.request("a bad idea")).unwrap();
    assert_eq!(it.in_bucket(kinto, "main-preview"), ["a=2", "b=2"]);

    let back = kinto.alice.send(it.review.roll_back("thought better of it")).unwrap();
    assert_eq!(back.data.status, Some(ReviewStatus::Signed));
    assert_eq!(back.data.last_editor_comment.as_deref(), Some(""));
    it.stands(kinto, &back);
    assert_eq!(
        (it.in_bucket(kinto, "main-preview"), it.in_bucket(kinto, "main")),
        (vec!["a=1".into()], vec!["a=1".into()])
    );
    let source = bucket("main-workspace").collection(&it.id).records();
    assert_eq!(kinto.alice.send(source.get("a")).unwrap().data, map(json!({"n": 1})));
    assert!(refused(kinto.alice.send(source.get("b"))).is_not_found());
    let own = field("uri").eq(source.path().as_str().trim_end_matches("/records"));
    let history = kinto.alice.send(bucket("main-workspace").history().list().filter(own)).unwrap();
    let said = |it: &&Object<Change>| it.data.target.data.get("status") == Some(&json!("to-rollback"));
    let step = history.items.iter().find(said).unwrap_or_else(|| panic!("{history:?}"));
    assert_eq!(step.data.target.data["last_editor_comment"], "thought better of it");
}

/// Between the look of a reviewer and the approval the changes are taken back, and others come.
pub(crate) fn what_was_looked_at<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    let changed = kinto.alice.send(it.review.status()).unwrap();
    it.write(kinto, "a", 2);
    // Each record that is written counts.
    let error = refused(kinto.alice.send(it.review.request("").if_match(changed.last_modified)));
    assert!(error.is_precondition_failed() && !error.maybe_applied(), "{error}");
    let changed = kinto.alice.send(it.review.status()).unwrap();
    let looked_at = kinto.alice.send(it.review.request("").if_match(changed.last_modified)).unwrap();

    it.write(kinto, "a", 3);
    kinto.alice.send(it.review.request("")).unwrap();
    let error = refused(kinto.bob.send(it.review.approve().if_match(looked_at.last_modified)));
    assert!(error.is_precondition_failed() && !error.maybe_applied(), "{error}");
    assert_eq!(it.in_bucket(kinto, "main"), [""; 0]);

    let looked_at = kinto.bob.send(it.review.status()).unwrap();
    let approved = kinto.bob.send(it.review.approve().if_match(looked_at.last_modified)).unwrap();
    assert_eq!(approved.data.status, Some(ReviewStatus::Signed));
    assert_eq!(it.in_bucket(kinto, "main"), ["a=3"]);
}

pub(crate) fn signed_anew<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    it.publish(kinto);
    let published = |kinto: &Kinto<D>| signature(&it.attributes(&kinto.anonymous, "main").data).unwrap();
    let first = published(kinto);
    // Whatever it is at, it stays at.
    let signed = kinto.bob.send(it.review.resign()).unwrap();
    assert_eq!(signed.data.status, Some(ReviewStatus::Signed));
    it.stands(kinto, &signed);
    let second = published(kinto);
    assert_ne!(first, second);

    it.write(kinto, "a", 2);
    let signed = kinto.alice.send(it.review.resign()).unwrap();
    assert_eq!(signed.data.status, Some(ReviewStatus::WorkInProgress));
    assert_eq!(signed.data.last_signature_by.as_deref(), Some("account:alice"));
    assert_eq!(signed.data.last_review_by.as_deref(), Some("account:bob"));
    it.stands(kinto, &signed);
    assert_ne!(second, published(kinto));
    assert_eq!(it.in_bucket(kinto, "main"), ["a=1"]);
}

pub(crate) fn until_it_is_signed<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    // No time is taken when there is nothing to wait for.
    let signed = kinto.alice.send(it.review.wait_until_signed().interval(Duration::from_secs(3600))).unwrap();
    assert_eq!(signed.data.status, Some(ReviewStatus::Signed));

    it.write(kinto, "a", 1);
    let gets = Cutter::start(&kinto.url, Ending::Close, |_| Cut::None);
    let watched = by_way_of::<D>(&gets, "alice");
    let looks = || gets.log().iter().filter(|passage| passage.head.path.ends_with(&it.id)).count();
    let wait = || it.review.wait_until_signed().interval(Duration::from_millis(1));
    let error = refused(watched.send(wait().times(2)));
    assert_eq!((error.kind(), looks()), (ErrorKind::Deadline, 2), "{error}");
    assert!(!error.maybe_applied(), "{error}");
    assert!(error.to_string().contains("it is not signed after 2 looks at it"), "{error}");
    // Nobody looks less than once.
    assert_eq!((refused(watched.send(wait().times(0))).kind(), looks()), (ErrorKind::Deadline, 3));

    // Where there is no review, there is nothing to wait for either.
    let alone = kinto.make_bucket();
    kinto.alice.send(alone.collections().create("c", &json!({}))).unwrap();
    let error = refused(kinto.alice.send(alone.collection("c").review().wait_until_signed()));
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 1), "{error}");
    assert_eq!(kinto.alice.send(alone.collection("c").review().status()).unwrap().data.status, None);
}

pub(crate) fn until_others_have_signed_it<D: Driver>(kinto: &Kinto<D>) {
    let it = reviewed(kinto);
    it.write(kinto, "a", 1);
    kinto.alice.send(it.review.request("")).unwrap();
    // Approved by somebody else at the second look.
    let (bob, review, looks, id) = (kinto.bob.clone(), it.review.clone(), AtomicUsize::new(0), it.id.clone());
    let gate = Cutter::start(&kinto.url, Ending::Close, move |head| {
        if head.path.ends_with(&id) && looks.fetch_add(1, Ordering::Relaxed) == 1 {
            bob.send(review.approve()).unwrap();
        }
        Cut::None
    });
    let waiting = by_way_of::<D>(&gate, "alice");
    let signed = waiting.send(it.review.wait_until_signed().interval(Duration::from_millis(1))).unwrap();
    assert_eq!(signed.data.last_review_by.as_deref(), Some("account:bob"));
}

pub(crate) fn where_it_takes_place<D: Driver>(kinto: &Kinto<D>) {
    let info = kinto.anonymous.send(server_info()).unwrap();
    for place in ["main-workspace", "main-preview", "main"] {
        let places = info.review_of(place, "c").unwrap().unwrap();
        assert_eq!(places.source, ("main-workspace".into(), "c".into()));
        assert_eq!(places.preview, Some(("main-preview".into(), "c".into())));
        assert_eq!(places.destination, ("main".into(), "c".into()));
    }
    assert_eq!(info.review_of("other", "c").unwrap(), None);
    assert_eq!(info.review_of("main-workspace-2", "c").unwrap(), None);
}

pub(crate) fn where_there_are_none<D: Driver>(_: &Kinto<D>) {
    let plain = server(Backend::Memory).unwrap();
    let kinto = Kinto::<D>::on(Backend::Memory, plain, &["admin", "alice", "bob"]);
    let records = kinto.make_bucket().collections();
    let before = kinto.alice.send(records.create("c", &json!({"title": "first"}))).unwrap();

    let cutter = Cutter::start(&kinto.url, Ending::Close, |_| Cut::None);
    let alice = by_way_of::<D>(&cutter, "alice");
    let review = kinto.bucket().collection("c").review();
    let steps = [review.request(""), review.approve(), review.decline(""), review.roll_back(""), review.resign()];
    let mut errors: Vec<Error> = steps.into_iter().map(|step| refused(alice.send(step))).collect();
    errors.push(refused(alice.send(review.status())));
    errors.push(refused(alice.send(review.wait_until_signed())));
    errors.push(refused(alice.send(server_info()).unwrap().review_of(&kinto.id, "c")));
    for error in &errors {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(
            !error.maybe_applied() && error.to_string().contains(r#"the server has no plugin "signer""#),
            "{error}"
        );
    }
    // A status would have been written, and meant nothing.
    assert!(cutter.log().iter().all(|passage| passage.head.method == "GET"));
    assert_eq!(kinto.alice.send(kinto.bucket().collections().get("c")).unwrap(), before);
}
