//! Files and the records that they belong to: written as one, read as one, and taken apart.

use std::io::{self, Read};
use std::sync::Mutex;

use kinto_protocol::{Attachment, Attributes, ErrorKind, Object, Permissions};
use kinto_tests::{Cut, Cutter, Ending};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::{Kinto, refused, status};
use crate::driver::Driver;
use crate::files::{Files, alice};

pub(crate) fn both_or_none<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let small = &files.small_collection();
    let (records, photo) = (small.records(), small.attachment("a"));
    let create = || records.create("a", &json!({"n": 1}));
    let both = |content: &'static [u8]| photo.upload("a.txt").together_with(create()).content(content);
    let taken_back = "the record is as it was, as its file was not taken: 400 Invalid parameters";
    let error = refused(files.alice.send(both(&[b'x'; 101])));
    assert!(error.to_string().contains(taken_back), "{error}");
    assert!(error.to_string().ends_with("exceeds the limit (100 bytes)."), "{error}");
    assert_eq!((error.kind(), error.errno(), error.maybe_applied()), (ErrorKind::Server, Some(107), false));
    assert_eq!(files.sent(), ["PUT S/a: 201", "POST S/a/attachment: 400", "DELETE S/a: 200"]);
    assert!(!files.alice.send(records.exists("a")).unwrap());
    files.sent();

    let made = files.alice.send(both(b"abc")).unwrap();
    assert_eq!(files.sent(), ["PUT S/a: 201", "POST S/a/attachment: 200"]);
    assert!(made.created && !made.skipped, "{made:?}");
    let record = files.alice.send(records.get("a")).unwrap();
    assert_eq!((&record.data["n"], Some(record.last_modified)), (&json!(1), made.last_modified));
    assert_eq!(record.data["attachment"], serde_json::to_value(&made.attachment).unwrap());
    files.sent();
    // What must not be there is: so nothing is uploaded.
    assert!(refused(files.alice.send(both(b"abc"))).is_precondition_failed());
    assert_eq!(files.sent(), ["PUT S/a: 412"]);
    assert_eq!(files.kept(&made.attachment).unwrap(), b"abc");

    // One that is replaced is put back, with its permissions.
    let bob = Permissions::new().read(["account:bob"]);
    files.alice.send(records.share("a", bob)).unwrap();
    let shared = files.alice.send(records.get("a")).unwrap();
    files.sent();
    let carol = Permissions::new().write(["account:carol"]);
    let replace = || records.replace("a", &json!({"m": 2})).if_match(shared.last_modified).permissions(carol.clone());
    let file = files.write("large.txt", [b'x'; 101]);
    let error = refused(files.alice.upload_file(photo.upload("b.txt").together_with(replace()), &file));
    assert!(error.to_string().contains(taken_back), "{error}");
    let lost = " (the server has deleted the file that was there: upload it again)";
    assert!(error.to_string().ends_with(lost), "{error}");
    assert_eq!(files.sent(), ["GET S/a: 200", "PUT S/a: 200", "POST S/a/attachment: 400", "PUT S/a: 200"]);
    let back = files.alice.send(records.get("a")).unwrap();
    assert_eq!((&back.data, &back.permissions), (&shared.data, &shared.permissions));
    files.sent();
    // And it is not written where its precondition is not met.
    let stale = photo.upload("b.txt").together_with(replace()).content("abc");
    assert!(refused(files.alice.send(stale)).is_precondition_failed());
    assert_eq!(files.sent(), ["GET S/a: 200", "PUT S/a: 412"]);
    let replace = records.replace("a", &json!({"m": 2})).if_match(back.last_modified);
    let uploaded = files.upload_from(photo.upload("b.txt").together_with(replace), "abcd").unwrap();
    assert_eq!(files.sent(), ["GET S/a: 200", "PUT S/a: 200", "POST S/a/attachment: 200"]);
    assert!(!uploaded.created);
    let replaced = files.alice.send(records.get("a")).unwrap();
    assert_eq!((replaced.data.get("n"), &replaced.data["m"]), (None, &json!(2)));
}

pub(crate) fn what_fails_on_the_way<D: Driver>(kinto: &Kinto<D>) {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is on fire"))
        }
    }
    let files = &Files::of(kinto);
    let create = |id| files.records().create(id, &json!({"n": 1}));
    let error = refused(files.alice.upload_from(files.record("a").upload("a.txt").together_with(create("a")), Broken));
    assert_eq!((error.kind(), error.maybe_applied()), (ErrorKind::Io, false), "{error}");
    assert!(error.to_string().contains("the disk is on fire"), "{error}");
    assert_eq!(files.sent(), ["PUT R/a: 201", "DELETE R/a: 200"]);
    assert!(!files.alice.send(files.records().exists("a")).unwrap());
    files.sent();

    // What cannot be is noticed before anything is sent.
    let wrong = [
        files.record("a").upload("a.txt").together_with(create("b")),
        files.record("a").upload("a.txt").together_with(files.records().add(&json!({}))),
        files.record("a").upload("a.exe").together_with(create("a")),
        files.record("a").upload("a.txt").media_type("no\ntype").together_with(create("a")),
        files.record("a").upload("a.txt").data(&json!([])).together_with(create("a")),
        files.record("a").upload("a.txt").together_with(files.records().create("a", &json!([]))),
        files
            .record("a")
            .upload("a.txt")
            .together_with(files.kinto.bucket().collection("d").records().create("a", &json!({}))),
    ];
    for upload in wrong {
        let error = refused(files.alice.send(upload.content("abc")));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
    }
    assert!(files.sent().is_empty());
}

/// Whoever was faster than the one who takes back has the last word.
pub(crate) fn others_who_are_faster<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let small = &files.small_collection();
    let records = small.records();
    let there = records.clone();
    files.alice.send(records.create("replaced", &json!({"n": 1}))).unwrap();
    let other = files.kinto.alice.clone();
    let undone = Mutex::new(0);
    let cutter = Cutter::start(&files.kinto.url, Ending::Close, move |head| {
        let is_undo = head.method == "DELETE"
            || (head.method == "PUT" && head.path.ends_with("replaced") && {
                let mut puts = undone.lock().unwrap();
                *puts += 1;
                *puts == 2
            });
        if is_undo {
            let id = head.path.rsplit('/').next().unwrap();
            other.send(there.patch(id, Attributes::new(&json!({"others": true})))).unwrap();
        }
        Cut::None
    });
    let (alice, _) = alice::<D>(&cutter.url());
    let puts = [
        ("created", records.create("created", &json!({"m": 2}))),
        ("replaced", records.replace("replaced", &json!({"m": 2}))),
    ];
    for (id, put) in puts {
        let put = if id == "replaced" { put.overwrite() } else { put };
        let error = refused(alice.send(small.attachment(id).upload("a.txt").together_with(put).content(vec![0; 101])));
        let line = error.to_string();
        assert!(line.contains("its file was not taken, and the record could not be put back ("), "{line}");
        assert!(line.contains("412 Precondition Failed") && line.contains("exceeds the limit"), "{line}");
        assert_eq!(error.kind(), ErrorKind::Server);
        let record = files.alice.send(records.get(id)).unwrap();
        assert_eq!((&record.data["m"], &record.data["others"]), (&json!(2), &json!(true)));
        assert!(error.maybe_applied(), "what was written is there: {line}");
    }
}

pub(crate) fn removing<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let attachment = files.given("a", "a.txt", b"abc");
    files.alice.send(files.records().patch("a", Attributes::new(&json!({"n": 1})))).unwrap();
    files.sent();
    assert_eq!(files.alice.send(files.record("a").remove()).unwrap().as_ref(), Some(&attachment));
    assert_eq!(files.sent(), ["GET R/a: 200", "DELETE R/a/attachment: 204"]);
    assert_eq!(files.kept(&attachment), None);
    let left = files.stored("a");
    assert_eq!((&left.data["attachment"], &left.data["n"]), (&Value::Null, &json!(1)));
    assert_eq!(files.alice.send(files.record("a").get()).unwrap(), None);
    files.sent();
    for id in ["a", "never"] {
        if id == "never" {
            files.kinto.alice.send(files.records().create(id, &json!({}))).unwrap();
        }
        let before = files.stored(id);
        assert_eq!(files.alice.send(files.record(id).remove()).unwrap(), None);
        assert_eq!(files.sent(), [format!("GET R/{id}: 200")]);
        assert_eq!(files.stored(id), before, "nothing is written");
    }
    // S59: the server would make one.
    let error = refused(files.alice.send(files.record("missing").remove()));
    assert!(error.is_not_found(), "{error}");
    assert_eq!(files.sent(), ["GET R/missing: 404"]);
    assert!(!files.alice.send(files.records().exists("missing")).unwrap());
    assert_eq!(status(files.kinto.alice.send(files.records().get("missing"))), (404, Some(110)));
    // With its record, a file goes too.
    let attachment = files.given("b", "b.txt", b"abc");
    let at = files.stored("b").last_modified;
    files.alice.send(files.records().delete("b").if_match(at)).unwrap();
    assert_eq!(files.kept(&attachment), None);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Post {
    title: String,
    attachment: Option<Attachment>,
}

pub(crate) fn of_own_types<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let posts = files.records().typed::<Post>();
    let none = Post { title: "Hello".into(), attachment: None };
    files.alice.send(posts.create("a", &none)).unwrap();
    let uploaded = files.alice.send(files.record("a").upload("a.txt").content("abc")).unwrap();
    let mut post: Object<Post> = files.alice.send(posts.get("a")).unwrap();
    assert_eq!(post.data, Post { title: "Hello".into(), attachment: Some(uploaded.attachment.clone()) });
    post.data.title = "Good bye".into();
    let post = files.alice.send(posts.update(&post)).unwrap();
    assert_eq!(post.data.attachment.as_ref(), Some(&uploaded.attachment));
    let attachment = post.data.attachment.as_ref().unwrap();
    assert_eq!(files.alice.send(attachment.download()).unwrap().content, "abc");
    assert_eq!(files.alice.send(files.record("a").download()).unwrap().content, "abc");
    let listed = files.alice.send(posts.list()).unwrap().items;
    assert_eq!(listed.len(), 1);

    // What the server says of a file is not for others to change.
    let mut changed = post.clone();
    changed.data.attachment.as_mut().unwrap().size = 7;
    let error = refused(files.alice.send(posts.update(&changed)));
    assert_eq!((error.status().map(|it| it.as_u16()), error.errno()), (Some(400), Some(999)));
    assert!(error.to_string().contains("Attachment metadata cannot be modified."), "{error}");
    // The plugin looks when it is in memory already, and there are no transactions.
    if !files.kinto.is_memory() {
        assert_eq!(files.stored("a").last_modified, post.last_modified);
    }
}
