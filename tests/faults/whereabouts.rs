//! Where servers say that files are, which is anybody's word.

use std::fs;

use kinto_protocol::{Auth, ErrorKind};
use kinto_tests::{Answer, Stub};
use serde_json::{Value, json};

use crate::certificates::KNOWN;
use crate::driver::{Driver, Setup};
use crate::place::Place;
use crate::row::{Row, rows};
use crate::secure::{Act, Secure};
use crate::shelf::{Shelf, assert_tells_nothing, attachment, download, names, served};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        A09 {
            another_origin_is_told_nothing, redirects_of_files_are_followed_without_a_word;
            wire no_file_of_a_guarded_api_comes_in_clear
        }
        A10 { locations_stay_below_the_place_of_files; wire }
        A11 { without_a_place_nothing_is_asked_for; wire without_a_place_nothing_is_written }
    }
}

fn another_origin_is_told_nothing<D: Driver>() {
    let shelf = Shelf::<D>::of(&attachment(b"abc"), |_, _| Answer::Keep(served("abc")));
    assert_eq!(shelf.it.client.send(download()).unwrap().content, "abc");
    let mut written = Vec::new();
    shelf.it.client.download_to(download(), &mut written).unwrap();
    assert_eq!((&written[..], shelf.host.requests().len()), (&b"abc"[..], 2));
    shelf.assert_host_was_told_nothing();
    for request in shelf.api.requests() {
        let lower = request.to_lowercase();
        assert!(lower.contains("\r\nauthorization: basic ") && lower.contains("\r\nx-own: 0wn-v4lue\r\n"), "{request}");
    }
}

fn moved(location: &str) -> Answer {
    Answer::Keep(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

fn redirects_of_files_are_followed_without_a_word<D: Driver>() {
    let third = Stub::start(|_, _| Answer::Keep(served("abc")));
    for way in ["URL/elsewhere", "//AUTHORITY/elsewhere"] {
        let authority = third.url().strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
        let to = way.replace("URL", third.url()).replace("AUTHORITY", authority);
        let shelf = Shelf::<D>::of(&attachment(b"abc"), move |_, _| moved(&to));
        assert_eq!(shelf.it.client.send(download()).unwrap().content, "abc");
        shelf.assert_host_was_told_nothing();
        assert_tells_nothing(&third.requests().pop().unwrap());
    }
    // Back to the API itself is a place like any other: credentials do not come along.
    let seen = third.requests().len();
    for to in ["http://me:s3cr3t@127.0.0.1:1/x", "file:///etc/passwd", "javascript:x", "", "x"] {
        let shelf = Shelf::<D>::of(&attachment(b"abc"), move |_, _| moved(to));
        let error = shelf.it.client.send(download()).unwrap_err();
        assert_eq!((error.kind(), shelf.host.requests().len()), (ErrorKind::Redirect, 1), "{to}: {error}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
    }
    let circle = Shelf::<D>::of(&attachment(b"abc"), |_, _| moved("/files/a.txt"));
    let error = circle.it.client.send(download()).unwrap_err();
    assert_eq!((error.kind(), circle.host.requests().len()), (ErrorKind::Redirect, 6), "{error}");
    assert_eq!(third.requests().len(), seen);
}

/// The API is guarded, and says that files are where nothing is; or they are sent there from where they should be.
fn no_file_of_a_guarded_api_comes_in_clear<D: Driver>() {
    let host = Stub::start(|_, _| Answer::Keep(served("abc")));
    let client = |url: &str| {
        let mut setup = Setup::of(url);
        setup.auth = Some(Auth::basic("me", "s3cr3t"));
        setup.roots = Some(KNOWN.pem().to_owned());
        D::build(setup).unwrap()
    };
    let hello = json!({"capabilities": {"attachments": {"base_url": format!("{}/", host.url())}}}).to_string();
    let api = Secure::start(Act::json(&hello));
    let error = client(&api.url()).send(attachment(b"abc").download()).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Attachment, 1), "{error}");
    assert!(error.to_string().contains("in clear"), "{error}");

    let nobody = "https://127.0.0.1:9/v1";
    let location = format!("HTTP/1.1 302 Found\r\nLocation: {}/a.txt\r\nContent-Length: 0\r\n\r\n", host.url());
    let guarded = Secure::start(Act::Answer(location.into_bytes()));
    let error = client(nobody).send(attachment(b"abc").download().base_url(guarded.url())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect, "{error}");
    let error = client(nobody).send(attachment(b"abc").download().base_url(host.url())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Attachment, "{error}");
    assert_eq!(host.connections(), 0);
    let seen: String = guarded.seen().into_iter().map(|seen| seen.text).collect();
    assert!(seen.starts_with("GET /v1/a.txt ") && !seen.to_lowercase().contains("authorization"), "{seen}");
}

fn said(location: &str) -> Value {
    let mut said = json!(attachment(b"abc"));
    said["location"] = json!(location);
    said
}

fn locations_stay_below_the_place_of_files<D: Driver>() {
    let other = Stub::start(|_, _| Answer::Keep(served("abc")));
    let authority = other.url().strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
    for location in [
        format!("{}/a.txt", other.url()),
        format!("http://{authority}/files/a.txt"),
        format!("//{authority}/files/a.txt"),
        format!("///{authority}/a.txt"),
        format!("\\\\{authority}\\a.txt"),
        "../v1/buckets".to_owned(),
        "/../v1/".to_owned(),
        "x/../../v1/".to_owned(),
        "./a.txt".to_owned(),
        "..".to_owned(),
        "%2e%2e/v1/".to_owned(),
        "..%2fv1".to_owned(),
        "x/..%5Cv1".to_owned(),
        "/".to_owned(),
        "a.txt#x".to_owned(),
        "a.txt HTTP/1.1\r\nX: y".to_owned(),
        "javascript:alert(1)".to_owned(),
        "data:text/plain,abc".to_owned(),
        "http:/a.txt".to_owned(),
    ] {
        let shelf = Shelf::<D>::with(said(&location), |_| {}, |_, _| Answer::Keep(served("abc")));
        for error in [
            shelf.it.client.send(download()).unwrap_err(),
            shelf.it.client.download_to(download(), Vec::new()).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Attachment, false), "{location}: {error}");
        }
        assert_eq!((shelf.host.connections(), other.connections()), (0, 0), "{location}");
        // Nor does it lead back to the API.
        assert!(shelf.api.requests().iter().all(|request| {
            request.starts_with("GET /v1/ ") || request.starts_with("GET /v1/buckets/b/collections/c/records/a ")
        }));
    }
    // Whole URLs are taken where they are below it; how such a server writes them.
    for location in ["a.txt", "/a.txt", "b/c/a.txt", "BASE/files/a.txt", "BASE/files/b/a.txt?x=1"] {
        // The place is known only when there is one: it is named to the client, and the record has the same.
        let host = Stub::start(|_, _| Answer::Keep(served("abc")));
        let base = host.url().trim_end_matches("/v1").to_owned();
        let shelf = Shelf::<D>::with(said(&location.replace("BASE", &base)), |_| {}, |_, _| Answer::Close(Vec::new()));
        let fetched = shelf.it.client.send(download().base_url(format!("{base}/files/")));
        assert_eq!(fetched.unwrap().content, "abc", "{location}");
        assert_tells_nothing(&host.requests()[0]);
        assert!(host.requests()[0].starts_with("GET /files/"));
    }
}

/// What a server may say of where files are, and what is wrong with it.
fn without_a_place() -> Vec<(Value, Value, ErrorKind)> {
    let plugin = |base: Value| json!({"capabilities": {"attachments": {"base_url": base}}});
    let location = |location: Value| {
        let mut said = said("");
        said["location"] = location;
        said
    };
    let mut without = said("");
    without.as_object_mut().unwrap().remove("location");
    let good = || plugin(json!("http://127.0.0.1:9/files/"));
    let file = ErrorKind::Attachment;
    vec![
        (good(), without, file),
        (good(), location(json!("")), file),
        (good(), location(json!("file:///etc/passwd")), file),
        (good(), location(json!("file:/etc/passwd")), file),
        (good(), location(Value::Null), file),
        (good(), location(json!(7)), file),
        (good(), Value::Null, file),
        (good(), json!("a.txt"), file),
        (good(), json!([]), file),
        (plugin(json!("file:///etc/")), said("passwd"), file),
        (plugin(json!("/files/")), said("a.txt"), file),
        (plugin(json!("")), said("a.txt"), file),
        (plugin(Value::Null), said("a.txt"), file),
        (plugin(json!("http://me:s3cr3t@127.0.0.1:9/")), said("a.txt"), file),
        (json!({"capabilities": {"attachments": {}}}), said("a.txt"), file),
        (json!({"capabilities": {}}), said("a.txt"), ErrorKind::Unsupported),
        (json!({}), said("a.txt"), ErrorKind::Unsupported),
    ]
}

fn api(hello: &Value, said: &Value) -> Stub {
    let (hello, record) = (hello.to_string(), json!({"data": {"id": "a", "last_modified": 7, "attachment": said}}));
    Stub::start(move |_, request| match request.split(' ').nth(1) {
        Some("/v1/") => Answer::json(200, &hello),
        _ => Answer::json(200, &record.to_string()),
    })
}

fn without_a_place_nothing_is_asked_for<D: Driver>() {
    for (hello, said, kind) in without_a_place() {
        let api = api(&hello, &said);
        let it = Place::<D>::at(api.url());
        let error = it.client.send(download()).unwrap_err();
        let known = (error.kind(), error.is_retryable(), error.maybe_applied());
        assert_eq!(known, (kind, false, false), "{hello} {said}: {error}");
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
        assert!(api.requests().len() <= 2);
    }
}

fn without_a_place_nothing_is_written<D: Driver>() {
    for (hello, said, kind) in without_a_place() {
        let api = api(&hello, &said);
        let it = Place::<D>::at(api.url());
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("here");
        let error = it.client.download_file(download(), &path).unwrap_err();
        assert_eq!((error.kind(), names(folder.path()).len()), (kind, 0), "{hello} {said}: {error}");
        fs::write(&path, "precious").unwrap();
        it.client.download_file(download().overwrite(), &path).unwrap_err();
        assert_eq!((names(folder.path()).len(), fs::read_to_string(&path).unwrap()), (1, "precious".to_owned()));
    }
}
