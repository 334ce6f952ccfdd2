//! Answers that were compressed on their way.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use kinto_protocol::ErrorKind;
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::driver::{Driver, RECORD, client, records};

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn compressed(status: u16, plain: &[u8]) -> Vec<u8> {
    let body = gzip(plain);
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Encoding: gzip\r\nETag: \"7\"\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

pub(crate) fn compressed_answers_are_asked_for_and_read<D: Driver>() {
    let body = gzip(RECORD.as_bytes());
    let (head, size) = ("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", body.len());
    let chunked = [format!("{head}{size:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
    for answer in [compressed(200, RECORD.as_bytes()), chunked] {
        let stub = Stub::start(move |_, _| Answer::Keep(answer.clone()));
        let client: D = client(stub.url(), |_| {});
        for _ in 0..2 {
            assert_eq!(client.send(records().get("a")).unwrap().id, "a");
        }
        assert_eq!(stub.connections(), 1);
        assert!(stub.requests()[0].to_lowercase().contains("\r\naccept-encoding: gzip\r\n"), "{}", stub.requests()[0]);
    }
}

pub(crate) fn compressed_errors_are_read<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::Keep(compressed(403, br#"{"errno":121,"error":"Forbidden"}"#)));
    let error = client::<D>(stub.url(), |_| {}).send(records().get("a")).unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.errno()), (403, Some(121)), "{error}");
}

/// Small on the wire, large in memory.
pub(crate) fn a_bomb_does_not_go_off<D: Driver>() {
    let large = json!({"data": {"id": "a", "last_modified": 7, "text": "x".repeat(4 * 1024 * 1024)}}).to_string();
    let length = large.len() as u64;
    let bomb = compressed(200, large.as_bytes());
    assert!(bomb.len() < 10_000);
    let stub = Stub::start(move |_, _| Answer::Keep(bomb.clone()));
    assert!(client::<D>(stub.url(), |policy| policy.limits.response_bytes = length).send(records().get("a")).is_ok());
    let small: D = client(stub.url(), |policy| {
        policy.limits.response_bytes = length - 1;
        policy.attempts = 3;
    });
    let error = small.send(records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::TooLarge && error.maybe_applied() && error.attempts() == 1, "{error}");
}

/// It was only asked for: the server decides.
pub(crate) fn what_is_not_compressed_stays_as_it_is<D: Driver>() {
    for coding in ["", "Content-Encoding: identity\r\n"] {
        let answer = format!("HTTP/1.1 200 OK\r\n{coding}Content-Length: {}\r\n\r\n{RECORD}", RECORD.len());
        let stub = Stub::start(move |_, _| Answer::Keep(answer.clone().into()));
        assert_eq!(client::<D>(stub.url(), |_| {}).send(records().get("a")).unwrap().id, "a");
    }
    // Bytes that look compressed, and are not said to be, are what they are: no JSON.
    let body = gzip(RECORD.as_bytes());
    let answer = [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat();
    let stub = Stub::start(move |_, _| Answer::Keep(answer.clone()));
    let error = client::<D>(stub.url(), |_| {}).send(records().get("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
}
