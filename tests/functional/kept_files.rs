//! Files that the record has already: they are not sent again, and nothing is written that is so already.

use kinto_protocol::{Attributes, Permissions, bucket};
use serde_json::json;

use crate::context::{Kinto, refused, written_by};
use crate::driver::Driver;
use crate::files::Files;

pub(crate) fn the_same_is_not_sent<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let path = files.write("here.txt", "abc");
    let before = files.given("a", "a.txt", b"abc");
    let at = files.stored("a").last_modified;
    let looked = ["GET R/a: 200", "HEAD F.txt: 200"];
    let upload = || files.record("a").upload("a.txt");
    let again = files.alice.send(upload().content("abc")).unwrap();
    assert_eq!(files.sent(), looked, "and nothing is written");
    assert!(again.skipped && !again.created && !again.repeated, "{again:?}");
    assert_eq!((&again.attachment, again.last_modified), (&before, Some(at)));
    assert_eq!(files.alice.upload_file(upload(), &path).unwrap(), again);
    assert_eq!(files.alice.send(upload().media_type("TEXT/plain; charset=utf-8").content("abc")).unwrap(), again);
    assert_eq!(files.stored("a").last_modified, at);
    files.sent();

    // The record is changed all the same, where that is a change.
    let bob = Permissions::new().read(["account:bob"]);
    let changing = || upload().data(&json!({"n": 1})).permissions(bob.clone());
    let changed = files.alice.send(changing().content("abc")).unwrap();
    assert_eq!(files.sent(), [looked[0], looked[1], "PATCH R/a: 200"]);
    let record = files.stored("a");
    assert_eq!((&record.data["n"], Some(record.last_modified)), (&json!(1), changed.last_modified));
    assert_eq!(record.permissions, written_by("alice").map(|given| given.read(["account:bob"])));
    assert!(changed.skipped && record.last_modified > at, "{changed:?}");
    assert_eq!(record.data["attachment"], serde_json::to_value(&before).unwrap());
    for same in [changing(), upload().data(&json!({"n": 1})), upload().permissions(bob.clone())] {
        let unchanged = files.alice.upload_file(same, &path).unwrap();
        assert_eq!((unchanged.skipped, unchanged.last_modified), (true, Some(record.last_modified)));
    }
    assert_eq!(files.stored("a"), record);
    assert_eq!(files.kept(&before).unwrap(), b"abc");
    files.sent();

    // It is sent where that is wanted, and where nobody can tell what it is.
    let always = files.alice.send(upload().always().content("abc")).unwrap();
    assert_eq!(files.sent(), ["POST R/a/attachment: 200"]);
    assert!(!always.skipped && always.attachment.location != before.location, "{always:?}");
    files.upload_from(upload(), "abc").unwrap();
    assert_eq!(files.sent(), ["POST R/a/attachment: 200"]);
    assert_eq!(files.host.asked(&before.location).len(), 7, "nothing but its head");
    assert!(files.host.asked(&before.location).iter().all(|head| head.method == http::Method::HEAD));
}

pub(crate) fn the_same_that_is_to_be_another<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    files.given("a", "a.txt", b"abc");
    let sent = ["GET R/a: 200", "POST R/a/attachment: 200"];
    let named = files.alice.send(files.record("a").upload("b.txt").content("abc")).unwrap();
    assert_eq!((files.sent(), &named.attachment.filename[..]), (sent.map(str::to_owned).to_vec(), "b.txt"));
    let typed = files.record("a").upload("b.txt").media_type("text/x-own").content("abc");
    assert_eq!(files.alice.send(typed).unwrap().attachment.mimetype, "text/x-own");
    assert_eq!(files.sent(), sent);
    // What is only guessed is no wish.
    assert!(files.alice.send(files.record("a").upload("b.txt").content("abc")).unwrap().skipped);
    files.sent();

    // Nor is it kept where it is not what it should be any more, or not there.
    let kept = files.host.on_disk(&files.alice.send(files.record("a").get()).unwrap().unwrap().location);
    std::fs::write(&kept, "ab").unwrap();
    files.sent();
    assert!(!files.alice.send(files.record("a").upload("b.txt").content("abc")).unwrap().skipped);
    assert_eq!(files.sent(), ["GET R/a: 200", "HEAD F.txt: 200", "POST R/a/attachment: 200"]);
    files.alice.send(files.record("a").remove()).unwrap();
    files.sent();
    assert!(!files.alice.send(files.record("a").upload("b.txt").content("abc")).unwrap().skipped);
    assert_eq!(files.sent(), sent);
    let deleted = files.stored("a").last_modified;
    files.alice.send(files.records().delete("a").if_match(deleted)).unwrap();
    files.sent();
    let anew = files.alice.send(files.record("a").upload("b.txt").content("abc")).unwrap();
    assert!(anew.created && !anew.skipped);
    assert_eq!(files.sent(), ["GET R/a: 404", "POST R/a/attachment: 201"]);
}

/// Whose records anybody may have read, as only their owner knows them.
pub(crate) fn in_the_default_bucket<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let photos = bucket("default").collection(&files.kinto.id);
    let upload = || photos.attachment("a").upload("a.txt").data(&json!({"n": 1}));
    let first = files.alice.send(upload().content("abc")).unwrap();
    assert!(first.created && files.kept(&first.attachment).is_some());
    let again = files.alice.send(upload().content("abc")).unwrap();
    assert!(again.skipped && again.last_modified == first.last_modified, "{again:?}");
    assert_eq!(files.alice.send(photos.attachment("a").download()).unwrap().content, "abc");
    let record = files.alice.send(photos.records().get("a")).unwrap();
    assert_eq!((&record.data["n"], record.data["attachment"]["size"].as_u64()), (&json!(1), Some(3)));
    let both = photos.attachment("b").upload("b.txt").together_with(photos.records().create("b", &json!({"n": 2})));
    assert!(files.alice.send(both.content("abc")).unwrap().created);
    files.alice.send(photos.records().patch("b", Attributes::new(&json!({"m": 1})))).unwrap();
    assert_eq!(files.alice.send(photos.attachment("b").remove()).unwrap().map(|it| it.size), Some(3));
    assert_eq!(files.alice.send(photos.attachment("b").get()).unwrap(), None);
    assert!(refused(files.kinto.anonymous.send(photos.attachment("a").get())).is_unauthorized());
}
