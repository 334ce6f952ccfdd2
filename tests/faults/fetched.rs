//! Files that are fetched: what they must be, and what is left when they are not.

use std::fs;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use kinto_protocol::{Attachment, ErrorKind};
use kinto_tests::{Answer, Stub};
use serde_json::{Value, json};

use crate::driver::Driver;
use crate::row::{Row, rows};
use crate::shelf::{Shelf, attachment, content, download, names, rest, served, sha256};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        A01 { a_plain_file_in_memory; wire a_plain_file, a_file_has_its_name_when_it_is_whole }
        A04 { another_file_in_memory; wire another_file_is_not_left, a_file_without_a_hash }
        A05 { sizes_that_are_not_true; wire no_size_is_believed, a_file_without_end_is_left }
        A06 { a_file_that_breaks_off_in_memory; wire what_fails_leaves_all_as_it_was, what_breaks_off_goes_on }
        A12 { an_encoded_file_is_decoded_and_verified; wire an_encoded_file_on_its_way_to_a_folder }
    }
}

fn a_plain_file_in_memory<D: Driver>() {
    let file = content();
    let sent = served(&file);
    let shelf = Shelf::<D>::of(&attachment(file.as_bytes()), move |_, _| Answer::Keep(sent.clone()));
    let downloaded = shelf.it.client.send(download()).unwrap();
    assert!(downloaded.content == file.as_bytes() && downloaded.attachment == attachment(file.as_bytes()));
    assert_eq!(shelf.host.requests().len(), 1);
    shelf.assert_host_was_told_nothing();
}

fn a_plain_file<D: Driver>() {
    for file in [String::new(), "abc".to_owned(), content()] {
        let sent = served(&file);
        let shelf = Shelf::<D>::of(&attachment(file.as_bytes()), move |_, _| Answer::Keep(sent.clone()));
        let path = shelf.path("here");
        let fetched = shelf.it.client.download_file(download(), &path).unwrap();
        assert!(!fetched.skipped && fs::read_to_string(&path).unwrap() == file);
        let mut written = Vec::new();
        shelf.it.client.download_to(download(), &mut written).unwrap();
        assert!(written == file.as_bytes());
        assert_eq!((shelf.names(), shelf.host.requests().len()), (vec!["here".to_owned()], 2));
        shelf.assert_host_was_told_nothing();
    }
}

fn a_file_has_its_name_when_it_is_whole<D: Driver>() {
    let file = content();
    let (sent, folder) = (file.clone(), Arc::<std::sync::OnceLock<std::path::PathBuf>>::default());
    let watched = Arc::clone(&folder);
    let shelf = Shelf::<D>::of(&attachment(file.as_bytes()), move |number, request| match number {
        0 => Answer::Close(served(&sent)[..100_000].to_vec()),
        _ => {
            // Half of it is here, in the folder that it is for, under another name.
            let [name] = &names(watched.get().unwrap())[..] else { panic!("not one file") };
            assert!(name.starts_with('.') && name.ends_with(".part"), "{name}");
            rest(request, &sent)
        }
    });
    folder.set(shelf.path("")).unwrap();
    shelf.it.client.download_file(download(), &shelf.path("a.txt")).unwrap();
    assert_eq!(shelf.names(), ["a.txt"]);
    assert!(fs::read_to_string(shelf.path("a.txt")).unwrap() == file);
}

/// Whatever the file is, it is not the one.
fn refused<D: Driver>(said: Value, sent: Vec<u8>, kind: ErrorKind) {
    let shelf = Shelf::<D>::with(said.clone(), |_| {}, move |_, _| Answer::Keep(sent.clone()));
    let path = shelf.path("here");
    let error = shelf.it.client.download_file(download(), &path).unwrap_err();
    let known = (error.kind(), error.is_retryable(), error.maybe_applied());
    assert_eq!(known, (kind, false, false), "{said}: {error}");
    assert!(shelf.names().is_empty(), "{said}");
    // What was there is there still.
    fs::write(&path, "precious").unwrap();
    let error = shelf.it.client.download_file(download().overwrite(), &path).unwrap_err();
    assert_eq!(error.kind(), kind, "{said}: {error}");
    assert_eq!((shelf.names(), fs::read_to_string(&path).unwrap()), (vec!["here".into()], "precious".into()));
    assert!(shelf.host.requests().len() <= 2, "it is asked for once");
}

fn another_file_in_memory<D: Driver>() {
    for said in [sha256(b"abd"), sha256(b"abc")[1..].to_owned(), "é".repeat(32), "0".repeat(64), String::new()] {
        let mut file = attachment(b"abc");
        file.hash.clone_from(&said);
        let shelf = Shelf::<D>::of(&file, |_, _| Answer::Keep(served("abc")));
        let error = shelf.it.client.send(download()).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Attachment, false), "{said}: {error}");
        // What is no hash says so before anything is fetched.
        assert_eq!(shelf.host.requests().len(), usize::from(said.len() == 64 && said.is_ascii()), "{said}");
    }
    let mut file = attachment(b"abc");
    file.hash.clear();
    let shelf = Shelf::<D>::of(&file, |_, _| Answer::Keep(served("abc")));
    assert_eq!(shelf.it.client.send(download().allow_missing_hash()).unwrap().content, "abc");
}

fn another_file_is_not_left<D: Driver>() {
    let file = content();
    let other = file.replace("line 19999", "line 99999");
    refused::<D>(json!(attachment(file.as_bytes())), served(&other), ErrorKind::Attachment);
    refused::<D>(json!(attachment(b"abc")), served("abd"), ErrorKind::Attachment);
}

fn a_file_without_a_hash<D: Driver>() {
    let mut file = attachment(b"abc");
    file.hash.clear();
    refused::<D>(json!(file), served("abc"), ErrorKind::Attachment);
    let mut said = json!(attachment(b"abc"));
    said.as_object_mut().unwrap().remove("hash");
    refused::<D>(said.clone(), served("abc"), ErrorKind::Attachment);
    let shelf = Shelf::<D>::with(said, |_| {}, |_, _| Answer::Keep(served("abc")));
    shelf.it.client.download_file(download().allow_missing_hash(), &shelf.path("here")).unwrap();
    assert_eq!(fs::read_to_string(shelf.path("here")).unwrap(), "abc");
}

/// What a record may say of the size of three bytes.
fn sizes() -> Vec<Value> {
    let size = |size: Value| {
        let mut said = json!(attachment(b"abc"));
        said["size"] = size;
        said
    };
    [json!(0), json!(2), json!(4), json!(1_u64 << 40), json!(1_u64 << 63), json!(u64::MAX), json!(-1), json!(1.5)]
        .into_iter()
        .chain([json!("3"), Value::Null])
        .map(size)
        .collect()
}

fn sizes_that_are_not_true<D: Driver>() {
    for said in sizes() {
        let shelf = Shelf::<D>::with(said.clone(), |_| {}, |_, _| Answer::Keep(served("abc")));
        let error = shelf.it.client.send(download()).unwrap_err();
        // What memory could not hold is not asked for.
        let huge = said["size"].as_u64().is_some_and(|size| size > 1 << 30);
        let kind = if huge { ErrorKind::TooLarge } else { ErrorKind::Attachment };
        assert_eq!((error.kind(), error.is_retryable()), (kind, false), "{said}: {error}");
        assert!(!huge || shelf.host.requests().is_empty());
    }
}

fn no_size_is_believed<D: Driver>() {
    for said in sizes() {
        refused::<D>(said, served("abc"), ErrorKind::Attachment);
    }
}

/// The server of the file sends without end, and is left as soon as there is more than there should be.
fn a_file_without_end_is_left<D: Driver>() {
    let sent = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&sent);
    let host = Stub::raw(move |_, mut connection| {
        let _ = connection.read(&mut [0; 4096]);
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = [b"2000\r\n", &[b'x'; 0x2000][..], b"\r\n"].concat();
        while connection.write_all(&chunk).is_ok() {
            counted.fetch_add(chunk.len(), Ordering::SeqCst);
        }
    });
    let shelf = Shelf::<D>::of(&attachment(&[b'x'; 5]), |_, _| Answer::Close(Vec::new()));
    let base = host.url().to_owned();
    let mut written = Vec::new();
    let error = shelf.it.client.download_to(download().base_url(&base), &mut written).unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Attachment, false), "{error}");
    assert!(error.to_string().contains("more bytes"), "{error}");
    assert!(written.len() <= 5, "{}", written.len());
    let error = shelf.it.client.download_file(download().base_url(&base), &shelf.path("here")).unwrap_err();
    assert_eq!((error.kind(), shelf.names().len(), host.connections()), (ErrorKind::Attachment, 0, 2), "{error}");
    // No more than what fits into buffers on the way.
    assert!(sent.load(Ordering::SeqCst) < 64 << 20);
}

/// What may go wrong with a file on its way, what that is called, and how often it is tried in memory.
fn troubles(file: &str) -> Vec<(Answer, ErrorKind, u32)> {
    let whole = served(file);
    vec![
        (Answer::Close(Vec::new()), ErrorKind::Interrupted, 3),
        (Answer::Reset(Vec::new()), ErrorKind::Interrupted, 3),
        (Answer::Close(whole[..30].to_vec()), ErrorKind::Interrupted, 3),
        (Answer::json(404, "{}"), ErrorKind::Server, 1),
        (Answer::json(403, "{}"), ErrorKind::Server, 1),
        (Answer::json(503, "{}"), ErrorKind::Server, 3),
        (Answer::Stall(whole[..20].to_vec()), ErrorKind::Timeout, 3),
        (Answer::Keep(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()), ErrorKind::Protocol, 1),
        (Answer::Keep(b"SSH-2.0-x\r\n\r\n".to_vec()), ErrorKind::Protocol, 1),
    ]
}

/// Short only where nothing is to come: this machine may be busy.
fn patience(kind: ErrorKind) -> Duration {
    Duration::from_millis(if kind == ErrorKind::Timeout { 300 } else { 5000 })
}

fn a_file_that_breaks_off_in_memory<D: Driver>() {
    let file = content();
    let sent = file.clone();
    // It comes from the start again, as often as is allowed.
    let shelf = Shelf::<D>::of(&attachment(file.as_bytes()), move |number, _| match number {
        0 => Answer::Close(served(&sent)[..100_000].to_vec()),
        1 => Answer::Reset(Vec::new()),
        _ => Answer::Keep(served(&sent)),
    });
    assert!(shelf.it.client.send(download()).unwrap().content == file.as_bytes());
    assert_eq!((shelf.host.requests().len(), shelf.it.waits().len()), (3, 2));
    for (answer, kind, times) in troubles(&file) {
        let shelf = Shelf::<D>::with(
            json!(attachment(file.as_bytes())),
            |setup| setup.policy.limits.head = patience(kind),
            move |_, _| answer.clone(),
        );
        let error = shelf.it.client.send(download()).unwrap_err();
        assert_eq!((error.kind(), error.maybe_applied()), (kind, false), "{error}");
        assert_eq!((error.attempts(), shelf.host.requests().len()), (times, times as usize), "{error}");
    }
}

fn what_fails_leaves_all_as_it_was<D: Driver>() {
    let file = content();
    let half = served(&file)[..100_000].to_vec();
    let mut all = troubles(&file);
    // Broken off again and again at the same place, or never to go on.
    all.extend([
        (Answer::Close(half.clone()), ErrorKind::Interrupted, 3),
        (Answer::Stall(half), ErrorKind::Timeout, 3),
    ]);
    for (answer, kind, _) in all {
        let shelf = Shelf::<D>::with(
            json!(attachment(file.as_bytes())),
            |setup| {
                setup.policy.limits.head = patience(kind);
                setup.policy.limits.idle = patience(kind);
            },
            move |_, _| answer.clone(),
        );
        let path = shelf.path("here");
        let error = shelf.it.client.download_file(download(), &path).unwrap_err();
        assert_eq!((error.kind(), error.maybe_applied()), (kind, false), "{error}");
        assert!(shelf.names().is_empty(), "{kind:?}");
        fs::write(&path, "precious").unwrap();
        assert_eq!(shelf.it.client.download_file(download().overwrite(), &path).unwrap_err().kind(), kind);
        assert_eq!((shelf.names(), fs::read_to_string(&path).unwrap()), (vec!["here".into()], "precious".into()));
        shelf.assert_host_was_told_nothing();
    }
}

fn what_breaks_off_goes_on<D: Driver>() {
    let file = content();
    let sent = file.clone();
    let shelf = Shelf::<D>::of(&attachment(file.as_bytes()), move |number, request| match number {
        0 => Answer::Close(served(&sent)[..100_000].to_vec()),
        1 => Answer::Reset(Vec::new()),
        // One that knows nothing of parts begins anew.
        2 => Answer::Close(served(&sent)[..150_000].to_vec()),
        _ => rest(request, &sent),
    });
    let path = shelf.path("here");
    fs::write(&path, "old").unwrap();
    shelf.it.client.download_file(download().overwrite(), &path).unwrap();
    assert!(fs::read_to_string(&path).unwrap() == file);
    assert_eq!((shelf.names(), shelf.host.requests().len()), (vec!["here".to_owned()], 4));
}

fn encoded(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn gzip(coding: &str, content: &[u8]) -> Vec<u8> {
    let body = encoded(content);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), &body].concat()
}

fn encoded_shelf<D: Driver>(file: &Attachment, sent: Vec<u8>) -> Shelf<D> {
    Shelf::of(file, move |_, request| {
        assert!(request.to_lowercase().contains("\r\naccept-encoding: identity\r\n"), "{request}");
        Answer::Keep(sent.clone())
    })
}

fn an_encoded_file_is_decoded_and_verified<D: Driver>() {
    let file = content();
    let shelf = encoded_shelf::<D>(&attachment(file.as_bytes()), gzip("gzip", file.as_bytes()));
    assert!(shelf.it.client.send(download()).unwrap().content == file.as_bytes());
    // It is held against what is in it.
    let shelf = encoded_shelf::<D>(&attachment(&encoded(file.as_bytes())), gzip("gzip", file.as_bytes()));
    assert_eq!(shelf.it.client.send(download()).unwrap_err().kind(), ErrorKind::Attachment);
    // An archive is a file like any other.
    let archive = encoded(b"abc");
    let shelf = encoded_shelf::<D>(&attachment(&archive), served(&archive));
    assert!(shelf.it.client.send(download()).unwrap().content == archive);
}

fn an_encoded_file_on_its_way_to_a_folder<D: Driver>() {
    let file = content();
    let shelf = encoded_shelf::<D>(&attachment(file.as_bytes()), gzip("gzip", file.as_bytes()));
    shelf.it.client.download_file(download(), &shelf.path("here")).unwrap();
    assert!(fs::read_to_string(shelf.path("here")).unwrap() == file);
    for coding in ["br", "gzip, gzip", "x"] {
        refused::<D>(json!(attachment(file.as_bytes())), gzip(coding, file.as_bytes()), ErrorKind::Protocol);
    }
    // A little that would become much is left when it is more than the file.
    refused::<D>(json!(attachment(b"abc")), gzip("gzip", &vec![0; 1_000_000]), ErrorKind::Attachment);
}
