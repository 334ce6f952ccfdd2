//! Files that are sent: whose answer is lost, or whose name would break the form.

use std::sync::{Arc, Mutex};

use kinto_protocol::{ErrorKind, Upload};
use kinto_tests::{Answer, Stub};
use serde_json::{Value, json};

use crate::driver::Driver;
use crate::place::Place;
use crate::row::{Row, rows};
use crate::shelf::{attachment, record_file};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        A14 {
            an_upload_whose_answer_is_lost_is_found,
            an_upload_that_nobody_knows_of_is_not_repeated;
            wire a_file_whose_answer_is_lost
        }
        A15 { names_stay_in_their_quotes, names_that_would_break_the_form_are_refused; wire }
    }
}

/// Takes files, and loses each answer in this way.
fn loses(lost: impl Fn() -> Answer + Send + Sync + 'static, takes: bool) -> Stub {
    let kept = Arc::<Mutex<Option<Value>>>::default();
    Stub::start(move |_, request| {
        if request.starts_with("GET /v1/ ") {
            return Answer::json(200, r#"{"capabilities":{"attachments":{"base_url":"http://127.0.0.1:9/"}}}"#);
        }
        let mut kept = kept.lock().unwrap();
        if request.starts_with("POST ") {
            assert!(kept.is_none(), "twice");
            *kept = takes.then(|| json!(attachment(b"hello")));
            return lost();
        }
        let record = json!({"data": {"id": "a", "last_modified": 7, "attachment": *kept}});
        Answer::json(200, &record.to_string())
    })
}

fn upload() -> Upload {
    record_file().upload("a.txt")
}

fn posts(stub: &Stub) -> usize {
    stub.requests().iter().filter(|request| request.starts_with("POST ")).count()
}

fn ways() -> [fn() -> Answer; 5] {
    [
        || Answer::Close(Vec::new()),
        || Answer::Reset(Vec::new()),
        || Answer::Close(b"HTTP/1.1 201 Created\r\nContent-Length: 99\r\n\r\n{".to_vec()),
        || Answer::json(503, "{}"),
        || Answer::json(500, "<html>"),
    ]
}

fn an_upload_whose_answer_is_lost_is_found<D: Driver>() {
    for lost in ways() {
        let stub = loses(lost, true);
        let it = Place::<D>::at(stub.url());
        let uploaded = it.client.send(upload().content("hello")).unwrap();
        assert!(uploaded.repeated && !uploaded.skipped && uploaded.attachment == attachment(b"hello"));
        assert_eq!((posts(&stub), it.waits().len()), (1, 0));
    }
}

fn an_upload_that_nobody_knows_of_is_not_repeated<D: Driver>() {
    for (lost, kind) in ways().into_iter().zip([
        ErrorKind::Interrupted,
        ErrorKind::Interrupted,
        ErrorKind::Interrupted,
        ErrorKind::Server,
        ErrorKind::Server,
    ]) {
        let stub = loses(lost, false);
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(upload().content("hello")).unwrap_err();
        let known = (error.kind(), error.attempts(), error.maybe_applied());
        assert_eq!(known, (kind, 1, true), "{error}");
        assert_eq!(error.request().unwrap().method, "POST");
        assert_eq!((posts(&stub), it.waits().len()), (1, 0));
        // The caller can look, and compare.
        assert_eq!(it.client.send(record_file().get()).unwrap(), None);
    }
}

fn a_file_whose_answer_is_lost<D: Driver>() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("mine");
    std::fs::write(&path, "hello").unwrap();
    for takes in [true, false] {
        for lost in [|| Answer::Close(Vec::new()), || Answer::Reset(Vec::new())] {
            for by_file in [true, false] {
                let stub = loses(lost, takes);
                let it = Place::<D>::at(stub.url());
                let outcome = if by_file {
                    it.client.upload_file(upload(), &path)
                } else {
                    it.client.upload_from(upload(), &b"hello"[..])
                };
                match outcome {
                    Ok(uploaded) => assert!(takes && uploaded.repeated),
                    Err(error) => {
                        let known = (takes, error.kind(), error.attempts(), error.maybe_applied());
                        assert_eq!(known, (false, ErrorKind::Interrupted, 1, true), "{error}");
                    }
                }
                assert_eq!(posts(&stub), 1);
            }
        }
    }
}

/// Takes what comes as a form, and says that it has it.
fn taking() -> Stub {
    Stub::start(|_, request| {
        if request.starts_with("GET /v1/ ") {
            return Answer::json(200, r#"{"capabilities":{"attachments":{"base_url":"http://127.0.0.1:9/"}}}"#);
        }
        if request.starts_with("GET ") {
            return Answer::json(404, r#"{"errno":110}"#);
        }
        Answer::json(201, &json!(attachment(b"hello")).to_string())
    })
}

/// The heads of the parts of a form.
fn heads(request: &str) -> Vec<String> {
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let boundary = format!("{}\r\n", body.split("\r\n").next().unwrap());
    let parts = body.split(&boundary).skip(1);
    parts.map(|part| part.split_once("\r\n\r\n").unwrap().0.to_owned()).collect()
}

fn names_stay_in_their_quotes<D: Driver>() {
    let stub = taking();
    let it = Place::<D>::at(stub.url());
    for (name, quoted) in [
        ("a\"b.txt", "a\\\"b.txt"),
        ("\".txt", "\\\".txt"),
        ("a\"; name=\"data.txt", "a\\\"; name=\\\"data.txt"),
        ("a; filename=b.txt", "a; filename=b.txt"),
        ("é 日本.txt", "é 日本.txt"),
        ("%22%0d%0a.txt", "%22%0d%0a.txt"),
        ("--boundary.txt", "--boundary.txt"),
    ] {
        it.client.send(record_file().upload(name).data(&json!({"n": 1})).content("hello")).unwrap();
        let request = stub.requests().pop().unwrap();
        let heads = heads(&request);
        assert_eq!(
            heads,
            [
                "Content-Disposition: form-data; name=\"data\"".to_owned(),
                format!(
                    "Content-Disposition: form-data; name=\"attachment\"; filename=\"{quoted}\"\r\nContent-Type: text/plain"
                ),
            ],
            "{request}"
        );
        assert!(request.ends_with("--\r\n") && request.contains("\r\n\r\nhello\r\n--"), "{request}");
    }
    // Content that looks like a form is no part of one.
    let forged = "\r\n--x\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n{}\r\n--x--\r\n";
    let other = it.client.send(record_file().upload("a.txt").content(forged)).unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Attachment, "this server has always another: {other}");
    assert_eq!(heads(&stub.requests().pop().unwrap()).len(), 1);
}

fn names_that_would_break_the_form_are_refused<D: Driver>() {
    let stub = taking();
    let it = Place::<D>::at(stub.url());
    for name in [
        "a\r\nX-Evil: 1.txt",
        "a\n.txt",
        "a\r.txt",
        "a\0.txt",
        "a\u{1b}.txt",
        "a\u{85}.txt",
        "../a.txt",
        "a/b.txt",
        "a\\b.txt",
        "",
        " ",
    ] {
        for error in [
            it.client.send(record_file().upload(name).any_extension().content("hello")).unwrap_err(),
            it.client.upload_from(record_file().upload(name).any_extension(), &b"hello"[..]).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{name:?}: {error}");
            assert!(!error.to_string().chars().any(char::is_control), "{error}");
        }
    }
    for media_type in ["text/plain\r\nX-Evil: 1", "", "text/plain\0", "é"] {
        let upload = record_file().upload("a.txt").media_type(media_type).always();
        let error = it.client.send(upload.content("hello")).unwrap_err();
        assert_eq!((error.kind(), error.maybe_applied()), (ErrorKind::Input, false), "{media_type:?}: {error}");
    }
    assert_eq!(posts(&stub), 0);
}
