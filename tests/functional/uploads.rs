//! Files that are attached to records: where they come from, what is said of them, what is refused.

use std::fs;
use std::io::Cursor;
use std::sync::{Arc, Mutex};

use kinto_protocol::{Attachment, ErrorKind, Permissions, Upload};
use serde_json::json;

use crate::context::{Kinto, refused, written_by};
use crate::driver::Driver;
use crate::files::Files;

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

pub(crate) fn from_memory_a_file_and_a_reader<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let path = files.write("here.txt", "abc");
    let send = |id: &str, content: &'static str| {
        let upload = files.record(id).upload("there.txt");
        fs::write(&path, content).unwrap();
        match id {
            "memory" => files.alice.send(upload.content(content)),
            "file" => files.alice.upload_file(upload, &path),
            _ => files.upload_from(upload, content),
        }
    };
    for id in ["memory", "file", "reader"] {
        // Of what can be read only once, nobody knows beforehand what it is.
        let looked = |status: u16| (id != "reader").then(|| format!("GET R/{id}: {status}"));
        let posted = |status: u16| Some(format!("POST R/{id}/attachment: {status}"));
        let first = send(id, "abc").unwrap();
        let it = &first.attachment;
        assert_eq!((&it.filename[..], &it.mimetype[..], it.size, &it.hash[..]), ("there.txt", "text/plain", 3, ABC));
        assert!(it.location.starts_with(&files.host.url()) && it.location.ends_with(".txt"), "{}", it.location);
        assert!(first.created && !first.skipped && !first.repeated, "{first:?}");
        assert_eq!(files.sent(), [looked(404), posted(201)].into_iter().flatten().collect::<Vec<_>>());
        assert_eq!(files.kept(it).unwrap(), b"abc");

        let record = files.stored(id);
        assert_eq!(Some(record.last_modified), first.last_modified);
        assert_eq!(serde_json::from_value::<Attachment>(record.data["attachment"].clone()).unwrap(), *it);
        assert_eq!(record.permissions, written_by("alice"));
        assert_eq!(files.alice.send(files.record(id).get()).unwrap().as_ref(), Some(it));
        files.sent();

        // Another one takes its place.
        let second = send(id, "abcd").unwrap();
        assert_eq!(files.sent(), [looked(200), posted(200)].into_iter().flatten().collect::<Vec<_>>());
        assert!(!second.created && second.last_modified > first.last_modified, "{second:?}");
        assert_eq!((files.kept(it), files.kept(&second.attachment)), (None, Some(b"abcd".to_vec())));
    }
}

pub(crate) fn nothing_and_much<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    // Of several pieces, and a bit.
    let large: Vec<u8> = (0..300_001_u32).flat_map(u32::to_le_bytes).collect();
    for content in [Vec::new(), vec![0], large] {
        let path = files.write("here.txt", &content);
        let upload = |id| files.record(id).upload("x.txt");
        let sent = [
            files.alice.send(upload("memory").content(content.clone())),
            files.alice.upload_file(upload("file"), &path),
            files.upload_from(upload("reader"), &content),
            // From the beginning, wherever that is.
            files.upload_from(upload("reader"), &content),
            files.alice.upload_file(upload("file").always(), &path),
        ];
        for uploaded in sent.map(Result::unwrap) {
            assert!(!uploaded.skipped && uploaded.attachment.size == content.len() as u64, "{uploaded:?}");
        }
        for id in ["memory", "file", "reader"] {
            let attachment = files.alice.send(files.record(id).get()).unwrap().unwrap();
            assert_eq!(files.kept(&attachment).unwrap(), content, "{id}");
        }
    }
}

pub(crate) fn what_cannot_be_read<D: Driver>(kinto: &Kinto<D>) {
    struct Broken(bool);
    impl std::io::Read for Broken {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(std::io::Error::other("the disk is on fire"));
            }
            into[0] = b'x';
            Ok(1)
        }
    }
    let files = &Files::of(kinto);
    let before = files.given("a", "a.txt", b"abc");
    let upload = || files.record("a").upload("a.txt");
    for path in [files.path("missing.txt"), files.path("")] {
        let error = refused(files.alice.upload_file(upload(), &path));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Io, 0));
        let line = error.to_string();
        assert!(line.contains(&*path.to_string_lossy()), "{line}");
        assert!(!error.maybe_applied() && !error.is_retryable(), "{error:?}");
    }
    assert!(files.sent().is_empty());
    // What is not whole is nothing to the server.
    for begun in [true, false] {
        let error = refused(files.alice.upload_from(upload(), Broken(begun)));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Io, 1));
        assert!(error.to_string().contains("the disk is on fire"), "{error}");
        assert!(!error.maybe_applied(), "{error}");
    }
    assert!(files.sent().is_empty());
    assert_eq!(files.alice.send(files.record("a").get()).unwrap().as_ref(), Some(&before));
    assert_eq!(files.kept(&before).unwrap(), b"abc");
}

pub(crate) fn with_data_and_permissions<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let bob = Permissions::new().read(["account:bob"]);
    let upload = files.record("a").upload("a.txt").data(&json!({"n": 1, "é": "ü\n"})).permissions(bob);
    let uploaded = files.alice.send(upload.content("abc")).unwrap();
    assert_eq!(files.sent(), ["GET R/a: 404", "POST R/a/attachment: 201"], "one request for all of it");
    let record = files.stored("a");
    assert_eq!((&record.data["n"], &record.data["é"]), (&json!(1), &json!("ü\n")));
    assert_eq!(record.permissions, written_by("alice").map(|given| given.read(["account:bob"])));
    assert_eq!(Some(record.last_modified), uploaded.last_modified);
    assert_eq!(files.kinto.bob.send(files.record("a").get()).unwrap(), Some(uploaded.attachment));

    // What is not named stays.
    let carol = Permissions::new().write(["account:carol"]);
    let upload = files.record("a").upload("b.txt").data(&json!({"m": {"deep": [null]}})).permissions(carol);
    files.upload_from(upload, "abcd").unwrap();
    let record = files.stored("a");
    assert_eq!((&record.data["n"], &record.data["m"]), (&json!(1), &json!({"deep": [null]})));
    let both = Permissions::new().read(["account:bob"]).write(["account:alice", "account:carol"]);
    assert_eq!(record.permissions, Some(both));

    // Data that are none are not sent, and the file stays.
    files.sent();
    for data in [json!([1]), json!("x"), json!(null), json!({"id": "b"})] {
        let error = refused(files.alice.send(files.record("a").upload("c.txt").data(&data).content("abc")));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{data}");
    }
    assert!(files.sent().is_empty());
    assert_eq!(files.stored("a").last_modified, record.last_modified);
}

/// On a server that takes all files.
pub(crate) fn media_types<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::untold(kinto);
    let path = files.write("file", "abc");
    for (name, given, stored) in [
        ("a.json", None, "application/json"),
        ("a.JPG", None, "image/jpeg"),
        ("a.csv", None, "text/csv"),
        ("a.unheard-of", None, "application/octet-stream"),
        ("a", None, "application/octet-stream"),
        ("a.txt", Some("application/x-own; charset=utf-8"), "application/x-own"),
        ("a.png", Some("text/plain"), "text/plain"),
        // The server has its own mind about these, and about what comes with a type.
        ("a.pem", Some("text/plain"), "application/x-pem-file"),
        ("a.geojson", None, "application/geojson"),
        ("a.geojson", Some("application/geo+json"), "application/geojson"),
    ] {
        let upload = files.record("a").upload(name).any_extension();
        let upload = given.into_iter().fold(upload, Upload::media_type);
        let sent = [
            files.alice.send(upload.clone().content("abc")),
            files.alice.upload_file(upload.clone(), &path),
            files.upload_from(upload, "abc"),
        ];
        for uploaded in sent {
            assert_eq!(uploaded.unwrap().attachment.mimetype, stored, "{name} {given:?}");
        }
    }
    files.sent();
    for wrong in ["", "text/plain\r\nX: y", "tëxt/plain", "text/plain\0"] {
        let upload = files.record("a").upload("a.txt").media_type(wrong);
        let error = refused(files.alice.send(upload.content("x")));
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{wrong:?}");
    }
    assert!(files.sent().is_empty(), "before anything is asked");
}

pub(crate) fn names_of_all_sorts<D: Driver>(kinto: &Kinto<D>) {
    let files = &Files::of(kinto);
    let long = format!("{}.txt", "é".repeat(296));
    for name in [
        "Fïlé nöm 日本 \u{1f600}.txt",
        "a \"quoted\" one.txt",
        "it's; filename=\"x\".txt",
        "100%.txt",
        "%22%2e%2e%2f.txt",
        "a&b=c?d#e.txt",
        "..txt.json",
        " spaces at both ends.txt ",
        "=?utf-8?q?x?=.txt",
        "{bucket_id}.txt",
        &long,
    ] {
        let file = files.record("a");
        // An ending with a blank is none that the server takes.
        let upload = if name.ends_with(' ') { file.upload(name.trim_end()) } else { file.upload(name) };
        let expected = name.trim_end();
        let uploaded = files.alice.send(upload.clone().content("abc")).unwrap();
        assert_eq!(uploaded.attachment.filename, expected);
        assert_eq!(files.kept(&uploaded.attachment).unwrap(), b"abc", "{name}");
        assert_eq!(files.alice.send(file.download()).unwrap().content, "abc");
        // It is recognised by it, too.
        assert!(files.alice.send(upload.content("abc")).unwrap().skipped, "{name}");
    }
}

/// What is told while a file moves: never less than before, and all of it in the end.
pub(crate) fn progress<D: Driver>(kinto: &Kinto<D>) {
    type Told = Arc<Mutex<Vec<(u64, Option<u64>)>>>;
    let files = &Files::of(kinto);
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let path = files.write("here.txt", &content);
    let told = Told::default();
    let tell = || {
        let told = Arc::clone(&told);
        move |moved, of| told.lock().unwrap().push((moved, of))
    };
    let check = |of: Option<u64>, pieces: bool| {
        let told = std::mem::take(&mut *told.lock().unwrap());
        assert!(told.windows(2).all(|two| two[0].0 < two[1].0) && told.iter().all(|it| it.1 == of), "{told:?}");
        assert_eq!(told.last(), Some(&(content.len() as u64, of)));
        assert_eq!(told.len() > 1, pieces, "{told:?}");
    };
    let size = Some(content.len() as u64);
    let upload = || files.record("a").upload("a.txt").always().progress(tell());
    files.alice.send(upload().content(content.clone())).unwrap();
    check(size, false);
    files.alice.upload_file(upload(), &path).unwrap();
    check(size, true);
    // Once, as each attempt begins anew.
    while files.alice.upload_from(upload(), Cursor::new(content.clone())).is_err_and(|error| error.is_conflict()) {
        told.lock().unwrap().clear();
    }
    check(None, true);
    let download = || files.record("a").download().progress(tell());
    files.alice.send(download()).unwrap();
    check(size, false);
    files.alice.download_to(download(), Vec::new()).unwrap();
    check(size, true);
    files.alice.download_file(download(), &files.path("there.txt")).unwrap();
    check(size, true);
    assert!(files.alice.download_file(download(), &files.path("there.txt")).unwrap().skipped);
    assert!(files.alice.upload_file(files.record("a").upload("a.txt").progress(tell()), &path).unwrap().skipped);
    assert!(told.lock().unwrap().is_empty(), "nothing has moved");
}
