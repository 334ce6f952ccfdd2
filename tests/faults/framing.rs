//! Where an answer begins and where it ends, said in ways that are wrong.

use std::io::Write as _;
use std::time::{Duration, Instant};

use kinto_protocol::{ErrorKind, Result};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::answers::{RECORD, record};
use crate::driver::Driver;
use crate::place::{Place, Told, facts, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        H01 { news_before_the_answer, news_that_say_too_much; wire }
        H02 { another_protocol_than_was_asked_for; wire news_without_end }
        H28 { two_lengths, chunks_and_a_length; wire }
        H29 { malformed, odd_and_yet_clear; wire }
        H30 { a_body_after_head, the_length_of_another_message; wire }
    }
}

/// An answer with this head and the body that belongs to it.
fn with_head(head: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}")
}

/// The same with its length.
fn sized(head: &str, body: &str) -> String {
    with_head(&format!("{head}Content-Length: {}\r\n", body.len()), body)
}

const NEWS: &str = "Backoff: 3600\r\nRetry-After: 3600\r\nETag: \"666\"\r\nAlert: it is over\r\nTotal-Objects: 666\r\n\
                    Next-Page: http://127.0.0.1:9/v1/666\r\nContent-Length: 666\r\n\r\n";

fn news_before_the_answer<D: Driver>() {
    for news in [
        "HTTP/1.1 100 Continue\r\n\r\n".to_owned(),
        format!("HTTP/1.1 103 Early Hints\r\n{NEWS}"),
        format!("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n{NEWS}HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        let stub = Stub::start(move |_, request| {
            let answer = match request.split(' ').next().unwrap() {
                "HEAD" => "HTTP/1.1 200 OK\r\nETag: \"7\"\r\nTotal-Objects: 3\r\n\r\n".to_owned(),
                _ if request.contains("/records ") => sized("", r#"{"data":[]}"#),
                _ => sized("", RECORD),
            };
            Answer::Keep(format!("{news}{answer}").into())
        });
        let it = Place::<D>::at(stub.url());
        assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 1);
        assert_eq!(it.client.send(records().create("a", &json!({"n": 1}))).unwrap().last_modified.as_millis(), 7);
        assert_eq!(it.client.send(records().head("a")).unwrap().as_millis(), 7);
        assert_eq!(it.client.send(records().count()).unwrap(), 3);
        assert_eq!(it.client.send(records().list()).unwrap().timestamp, None);
        assert_eq!(it.told(), vec![Told::Answered(200); 5]);
        assert_eq!(stub.requests().len(), 5);
    }
}

/// ureq takes a 100 with headers for none. Nobody takes the headers for those of the answer.
fn news_that_say_too_much<D: Driver>() {
    let stub = Stub::start(|number, _| match number {
        0 => Answer::Keep(format!("HTTP/1.1 100 Continue\r\n{NEWS}{}", sized("", RECORD)).into()),
        _ => Answer::json(200, &record(2)),
    });
    let it = Place::<D>::at(stub.url());
    match it.client.send(records().get("a")) {
        Ok(object) => assert_eq!(object.data["n"], 1),
        Err(error) => assert_eq!(facts(&error), (ErrorKind::Protocol, 1, false), "{error}"),
    }
    assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 2);
    assert!(it.told().iter().all(|told| *told == Told::Answered(200)), "{:?}", it.told());
}

/// However fast they come, they are no answer, and the time for the head goes on.
fn news_without_end<D: Driver>() {
    for pause in [Duration::ZERO, Duration::from_millis(3)] {
        let stub = Stub::raw(move |_, mut connection| {
            while connection.write_all(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n").is_ok() {
                std::thread::sleep(pause);
            }
        });
        let it = Place::<D>::with_policy(stub.url(), |policy| {
            policy.attempts = 1;
            policy.limits.head = Duration::from_millis(100);
            policy.limits.total = Duration::from_millis(200);
        });
        let start = Instant::now();
        let error = it.client.send(records().create("a", &json!({}))).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::TooLarge | ErrorKind::Protocol), "{error}");
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
}

fn another_protocol_than_was_asked_for<D: Driver>() {
    let stub = Stub::start(|number, _| match number {
        0 | 1 => Answer::Keep(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n\0\0\0\x04".to_vec(),
        ),
        _ => Answer::json(200, RECORD),
    });
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().get("a")).unwrap_err();
    assert_eq!(facts(&error), (ErrorKind::Protocol, 1, false), "{error}");
    let error = it.client.send(records().create("a", &json!({}))).unwrap_err();
    assert_eq!(facts(&error), (ErrorKind::Protocol, 1, true), "{error}");
    assert!(it.client.send(records().get("a")).is_ok());
    assert_eq!((stub.requests().len(), stub.connections()), (3, 3));
}

/// The first answer is this one, the next ones are as they should be.
fn asked<D: Driver>(first: &str) -> (Result<kinto_protocol::Object>, Stub) {
    let first = first.as_bytes().to_vec();
    let stub = Stub::start(move |number, _| match number {
        0 => Answer::Close(first.clone()),
        _ => Answer::json(200, &record(2)),
    });
    let it = Place::<D>::at(stub.url());
    let outcome = it.client.once().send(records().get("a"));
    assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 2, "{outcome:?}");
    assert_eq!((stub.requests().len(), stub.connections()), (2, 2), "{outcome:?}");
    (outcome, stub)
}

fn two_lengths<D: Driver>() {
    for lengths in ["5\r\nContent-Length: 7", "7\r\nContent-Length: 5", "37, 5"] {
        let (outcome, _) = asked::<D>(&with_head(&format!("Content-Length: {lengths}\r\n"), "{}     "));
        let error = outcome.unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Protocol, 1, false), "{lengths}: {error}");
    }
}

/// The chunks count; whoever believes the length would take the rest for the next answer.
fn chunks_and_a_length<D: Driver>() {
    let chunks = format!("{:x}\r\n{RECORD}\r\n0\r\n\r\n", RECORD.len());
    for head in
        ["Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 999\r\n"]
    {
        match asked::<D>(&with_head(head, &chunks)).0 {
            Ok(object) => assert_eq!(object.data["n"], 1),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Protocol, "{error}"),
        }
    }
}

/// None of them is a success, hangs, or makes anybody get memory for what it says.
fn malformed<D: Driver>() {
    let chunked = |body: &str| with_head("Transfer-Encoding: chunked\r\n", body);
    let answers = [
        ("HTTP/0.9", RECORD.to_owned()),
        ("HTTP/2.0", sized("", RECORD).replace("HTTP/1.1", "HTTP/2.0")),
        ("no version", sized("", RECORD).replace("HTTP/1.1", "HTTP")),
        ("a status of words", sized("", RECORD).replace("200 OK", "OK")),
        ("a status of two digits", sized("", RECORD).replace("200 OK", "20 OK")),
        ("a negative status", sized("", RECORD).replace("200 OK", "-200 OK")),
        ("status 999", sized("", RECORD).replace("200 OK", "999 OK")),
        ("status 600", sized("", RECORD).replace("200 OK", "600 OK")),
        ("status 000", sized("", RECORD).replace("200 OK", "000 OK")),
        ("a folded header", sized("A: b\r\n c\r\n", RECORD)),
        ("NUL in a value", sized("A: b\0c\r\n", RECORD)),
        ("ESC in a value", sized("A: b\x1bc\r\n", RECORD)),
        ("a space in a name", sized("a b: c\r\n", RECORD)),
        ("no colon", sized("no colon\r\n", RECORD)),
        ("a negative length", with_head("Content-Length: -1\r\n", RECORD)),
        ("a length in words", with_head("Content-Length: two\r\n", RECORD)),
        ("a length with a sign", with_head(&format!("Content-Length: +{}\r\n", RECORD.len()), RECORD)),
        ("a huge length", with_head("Content-Length: 99999999999999999999999\r\n", RECORD)),
        ("a large length", with_head("Content-Length: 9223372036854775807\r\n", RECORD)),
        ("no size", chunked("\r\n{}\r\n0\r\n\r\n")),
        ("a size in words", chunked("xyz\r\n{}\r\n0\r\n\r\n")),
        ("a negative size", chunked("-2\r\n{}\r\n0\r\n\r\n")),
        ("a huge size", chunked("fffffffffffffffff\r\n{}\r\n0\r\n\r\n")),
        ("a large size", chunked("7fffffffffffffff\r\n{}\r\n0\r\n\r\n")),
        ("a longer chunk than it says", chunked("2\r\n{}x\r\n0\r\n\r\n")),
        ("an unknown coding", with_head("Transfer-Encoding: zebra\r\n", RECORD)),
    ];
    for (what, answer) in answers {
        match asked::<D>(&answer).0 {
            Err(error) => {
                use ErrorKind::{Decode, Interrupted, Protocol, TooLarge};
                assert!(matches!(error.kind(), Protocol | TooLarge | Interrupted | Decode), "{what}: {error}");
                assert!(error.attempts() == 1 && error.to_string().len() < 1_000, "{what}: {error}");
            }
            // What is to be understood may be.
            Ok(object) => {
                assert!(!what.contains("status") && object.data["n"] == 1, "{what}: {object:?}");
            }
        }
    }
}

/// What others send, and what can mean only one thing.
fn odd_and_yet_clear<D: Driver>() {
    let (left, right) = RECORD.split_at(10);
    let chunks = format!("{:X};a=b\r\n{left}\r\n{:x}\r\n{right}\r\n000\r\nX-After: 1\r\n\r\n", left.len(), right.len());
    for answer in [
        sized("", RECORD).replace("200 OK", "200"),
        sized("", RECORD).replace("OK", "Très bien"),
        sized("X-A:1\r\nx-a:  2 \t\r\nX-Empty:\r\n", RECORD),
        sized(&format!("Content-Length: {}\r\n", RECORD.len()), RECORD),
        with_head("transfer-encoding: Chunked\r\n", &chunks),
        with_head("", RECORD),
        format!("HTTP/1.0 200 OK\r\n\r\n{RECORD}"),
    ] {
        assert_eq!(asked::<D>(&answer).0.unwrap().data["n"], 1, "{answer}");
    }
}

fn a_body_after_head<D: Driver>() {
    let stub = Stub::start(|_, request| match request.starts_with("HEAD") {
        true => Answer::Keep(sized("ETag: \"7\"\r\nTotal-Objects: 3\r\n", &record(666)).into()),
        false => Answer::json(200, &record(2)),
    });
    let it = Place::<D>::at(stub.url());
    for _ in 0..2 {
        assert_eq!(it.client.send(records().head("a")).unwrap().as_millis(), 7);
        assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 2);
        assert_eq!(it.client.send(records().count()).unwrap(), 3);
        assert_eq!(it.client.send(records().create("a", &json!({}))).unwrap().data["n"], 2);
    }
}

/// Too short a one cuts the JSON off, and what follows belongs to nobody; for too long a one the rest never comes.
fn the_length_of_another_message<D: Driver>() {
    let (short, long) = (with_head("Content-Length: 10\r\n", RECORD), with_head("Content-Length: 99\r\n", RECORD));
    let stub = Stub::start(move |number, _| match number {
        0 => Answer::Keep(short.clone().into()),
        1 => Answer::Stall(long.clone().into()),
        _ => Answer::json(200, &record(2)),
    });
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().get("a")).unwrap_err();
    assert_eq!(facts(&error), (ErrorKind::Decode, 1, false), "{error}");
    let hasty = it.client.with_policy(|policy| policy.limits.total = Duration::from_millis(150)).once();
    let error = hasty.send(records().get("a")).unwrap_err();
    assert_eq!(facts(&error), (ErrorKind::Timeout, 1, false), "{error}");
    assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 2);
    assert_eq!(stub.connections(), 3);
}
