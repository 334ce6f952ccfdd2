//! Files that are not taken: here, before anything is lost, or by the server.

use kinto_protocol::{Attachment, Attributes, EVERYONE, ErrorKind, Permissions, bucket};
use serde_json::json;

use crate::context::{Kinto, refused, status};
use crate::driver::Driver;
use crate::files::Files;

/// What is refused here costs nobody a file.
pub(crate) fn here<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let before = files.given("a", "a.txt", b"abc");
    let path = files.write("here.txt", "abcd");
    for name in ["", " ", "a/b.txt", "../a.txt", "a\\b.txt", "/etc/a.txt", "a\r\nX: 1.txt", "a\0.txt", "a\u{1b}[1m.txt"]
    {
        let upload = files.record("a").upload(name).any_extension();
        let errors = [
            refused(files.alice.send(upload.clone().content("abcd"))),
            refused(files.alice.upload_file(upload.clone(), &path)),
            refused(files.upload_from(upload, "abcd")),
        ];
        for error in errors {
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{name:?}");
            let line = error.to_string();
            assert!(
                line.starts_with("a file cannot be named") && !line.contains(['\r', '\n', '\0', '\u{1b}']),
                "{line}"
            );
        }
    }
    for name in ["a.exe", "a", "a.", ".txt", "a.txt.", "a.tar.gz", "a.pem"] {
        let upload = files.record("a").upload(name);
        let errors = [
            refused(files.alice.send(upload.clone().content("abcd"))),
            refused(files.alice.upload_file(upload.clone(), &path)),
            refused(files.upload_from(upload, "abcd")),
        ];
        for error in errors {
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{name}");
            assert!(error.to_string().ends_with("(if this server takes them, say so with any_extension())"), "{error}");
        }
    }
    for id in ["", "a/b", "é"] {
        assert_eq!(refused(files.alice.send(files.record(id).upload("a.txt").content("x"))).kind(), ErrorKind::Input);
        assert_eq!(refused(files.alice.send(files.record(id).download())).kind(), ErrorKind::Input);
        assert_eq!(refused(files.alice.send(files.record(id).remove())).kind(), ErrorKind::Input);
    }
    assert!(files.sent().is_empty());
    assert_eq!(files.kept(&before).unwrap(), b"abc");
}

/// S6: what the server refuses has cost a file by then.
pub(crate) fn s06_by_the_server<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let small = files.small_collection();
    let photo = small.attachment("a");
    let upload = |name: &str, length| photo.upload(name).any_extension().content(vec![b'x'; length]);
    let before = files.alice.send(upload("a.txt", 100)).unwrap().attachment;
    assert_eq!(files.sent(), ["GET S/a: 404", "POST S/a/attachment: 201"]);
    assert!(files.kept(&before).is_some());

    let stored = files.alice.send(small.records().get("a")).unwrap();
    files.sent();
    let hint = " (the server has deleted the file that was there: upload it again)";
    for (name, length, words) in [
        ("b.txt", 101, "File size (101 bytes) exceeds the limit (100 bytes)."),
        ("b.exe", 1, "File extension is not allowed."),
    ] {
        let error = refused(files.alice.send(upload(name, length)));
        let line = error.to_string();
        assert!(line.contains(words) && line.ends_with(hint), "{line}");
        assert_eq!((error.kind(), error.errno(), error.attempts()), (ErrorKind::Server, Some(107), 1));
        assert!(!error.maybe_applied() && !error.is_retryable(), "{line}");
        assert_eq!(files.sent(), ["GET S/a: 200", "POST S/a/attachment: 400"]);
        assert_eq!(files.alice.send(small.records().get("a")).unwrap(), stored, "it still says that it has the file");
        assert_eq!(files.kept(&before), None);
        files.sent();
    }
    // Where nobody looked, nobody knows.
    let error = refused(files.upload_from(photo.upload("b.txt"), [0; 101]));
    assert!(
        error.to_string().ends_with(" (if there was a file, the server has deleted it: upload it again)"),
        "{error}"
    );
    let error = refused(files.alice.send(small.attachment("new").upload("b.txt").content(vec![0; 101])));
    assert!(error.to_string().ends_with("exceeds the limit (100 bytes)."), "{error}");
    files.sent();

    let error = refused(files.alice.send(photo.download()));
    assert!(error.is_not_found(), "{error}");
    files.sent();
    // So the same file is to be sent, although the record says that it is there.
    let again = files.alice.send(upload("a.txt", 100)).unwrap();
    assert!(!again.skipped && !again.created, "{again:?}");
    assert_eq!(files.sent(), ["GET S/a: 200", "HEAD F.txt: 404", "POST S/a/attachment: 200"]);
    assert!(files.alice.send(upload("a.txt", 100)).unwrap().skipped);
    assert_eq!(files.alice.send(photo.download()).unwrap().content.len(), 100);
}

pub(crate) fn who_may<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let before = files.given("a", "a.txt", b"abc");
    let Kinto { bob, anonymous, .. } = &files.kinto;
    for (client, expected) in [(bob, (403, Some(121))), (anonymous, (401, Some(104)))] {
        for id in ["a", "new"] {
            let upload = || files.record(id).upload("b.txt").content("abcd");
            let error = refused(client.send(upload()));
            assert!(!error.maybe_applied() && !error.to_string().contains("deleted"), "{error}");
            assert_eq!(status(client.send(upload())), expected);
            assert_eq!(status(client.upload_from(files.record(id).upload("b.txt"), &b"abcd"[..])), expected);
            assert_eq!(status(client.send(files.record(id).get())), expected);
            assert_eq!(status(client.send(files.record(id).download())), expected);
            assert_eq!(status(client.send(files.record(id).remove())), expected);
        }
    }
    assert_eq!(files.kept(&before).unwrap(), b"abc");

    // Whoever may create may not read, and need not.
    let create = Permissions::new().grant("record:create", ["account:bob"]);
    files.alice.send(files.kinto.bucket().collections().share("c", create)).unwrap();
    let uploaded = bob.send(files.record("bobs").upload("b.txt").content("abcd")).unwrap();
    assert!(uploaded.created);
    assert_eq!(status(bob.send(files.record("a").upload("b.txt").content("abcd"))), (403, Some(121)));
    // And whoever may read, anybody in particular or not, may have the file.
    let read = Permissions::new().read([EVERYONE]);
    files.alice.send(files.records().patch("a", Attributes::new(&json!({})).permissions(read))).unwrap();
    assert_eq!(anonymous.send(files.record("a").download()).unwrap().content, "abc");
    assert_eq!(files.kept(&before).unwrap(), b"abc");

    let nowhere = bucket(&files.kinto.other("missing")).collection("c").attachment("a");
    assert_eq!(status(files.alice.send(nowhere.upload("a.txt").content("x"))), (403, Some(121)));
    let missing = files.kinto.bucket().collection("missing").attachment("a");
    assert_eq!(status(files.alice.send(missing.upload("a.txt").content("x"))), (404, Some(111)));
    assert_eq!(status(files.alice.send(missing.download())), (404, Some(111)));
    assert_eq!(status(files.alice.send(files.record("missing").download())), (404, Some(110)));
}

/// On a server that takes all files.
pub(crate) fn not_where_all_are_taken<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::untold(kinto);
    for name in ["a.exe", "a", "a.", ".htaccess", "a.tar.gz", "a.sh", "..", "…"] {
        let error = refused(files.alice.send(files.record("a").upload(name).content(name.to_owned())));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{name}");
        let uploaded = files.alice.send(files.record("a").upload(name).any_extension().content(name.to_owned()));
        let attachment = uploaded.unwrap().attachment;
        assert_eq!(attachment.filename, name);
        assert_eq!(files.kept(&attachment).unwrap(), name.as_bytes(), "{}", attachment.location);
    }
}

/// On a server without the plugin.
pub(crate) fn where_there_are_none<D: Driver>(kinto: &Kinto<D>) {
    let records = kinto.records();
    let photo = kinto.bucket().collection("c").attachment("a");
    let data = json!({"filename": "a.txt", "location": "a.txt", "hash": "0".repeat(64), "size": 1});
    kinto.record(&records, "a", json!({"attachment": &data}));
    let attachment: Attachment = serde_json::from_value(data.clone()).unwrap();
    let errors = [
        refused(kinto.alice.send(photo.upload("a.txt").content("x"))),
        refused(kinto.alice.upload_from(photo.upload("a.txt"), &b"x"[..])),
        refused(kinto.alice.send(photo.upload("a.txt").always().content("x"))),
        refused(kinto.alice.send(photo.download())),
        refused(kinto.alice.download_to(photo.download(), Vec::new())),
        refused(kinto.alice.send(photo.remove())),
        refused(kinto.alice.send(photo.get())),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Unsupported, 0), "{error}");
        assert!(error.to_string().contains("the server has no plugin \"attachments\"; it has "), "{error}");
        assert!(!error.maybe_applied(), "{error}");
    }
    // Who knows more than the server says is not asked for the record, and the plugin is not needed.
    assert_eq!(refused(kinto.alice.send(attachment.download())).kind(), ErrorKind::Unsupported);
    let error = refused(kinto.alice.send(attachment.download().base_url(&kinto.url)));
    assert!(error.is_not_found(), "{error}");
}
