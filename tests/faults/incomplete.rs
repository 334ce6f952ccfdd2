//! Answers that break off, drip, never come, or come too early.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use kinto_protocol::{Class, ErrorKind, JsonMap, Limits, Policy, Put};
use kinto_tests::{Answer, Stub};
use serde_json::{Value, json};

use crate::answers::RECORD;
use crate::classes;
use crate::driver::Driver;
use crate::place::{Place, facts, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        C08 { broken_off, broken_off_and_whole_in_the_end, a_shortened_list_is_no_list; wire }
        C10 { no_answer_at_all, defaults_have_an_end; wire }
        C11 { an_answer_that_drips; wire }
        C14 {; wire answered_before_the_body_is_sent, answered_and_reset }
        C15 { nobody_reads_the_request; wire }
    }
}

/// Ways to break off, some of them in the middle of what is JSON already.
fn cuts() -> Vec<Vec<u8>> {
    let texts = [
        "HTTP/1.1 200 O".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Le".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", RECORD.len(), &RECORD[..20]),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", RECORD.len()),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{RECORD}", RECORD.len() + 1),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{RECORD}\r\n", RECORD.len()),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{RECORD}", RECORD.len()),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{RECORD}"),
    ];
    texts.map(String::into_bytes).to_vec()
}

fn broken_off<D: Driver>() {
    for bytes in cuts() {
        for cut in [Answer::Close(bytes.clone()), Answer::Reset(bytes.clone())] {
            let stub = Stub::start(move |_, _| cut.clone());
            for class in [Class::Safe, Class::Repeatable, Class::Conditional, Class::Once] {
                let it = Place::<D>::at(stub.url());
                let asked = classes::of::<D>(class).remove(0);
                let error = (asked.send)(&it.client).unwrap_err();
                let attempts = if class == Class::Once { 1 } else { 3 };
                let shown = String::from_utf8_lossy(&bytes);
                assert_eq!(
                    facts(&error),
                    (ErrorKind::Interrupted, attempts, class != Class::Safe),
                    "{shown:?} {}: {error}",
                    asked.what
                );
                assert_eq!(it.waits().len() as u32, attempts - 1);
            }
            assert_eq!(stub.requests().len(), 10);
        }
    }
}

fn broken_off_and_whole_in_the_end<D: Driver>() {
    for bytes in cuts() {
        let stub = Stub::start(move |number, _| match number {
            0 => Answer::Close(bytes.clone()),
            1 => Answer::Reset(bytes.clone()),
            _ => Answer::json(200, RECORD),
        });
        let it = Place::<D>::at(stub.url());
        let read = it.client.send(records().get("a")).unwrap();
        assert_eq!((read.id.as_str(), read.last_modified.as_millis(), &read.data["n"]), ("a", 7, &Value::from(1)));
        assert_eq!((stub.requests().len(), it.waits().len()), (3, 2));
    }
}

/// What came of it is a list in good order, and not all of it.
fn a_shortened_list_is_no_list<D: Driver>() {
    let part = r#"{"data":[{"id":"a","last_modified":1}]}"#;
    let stub = Stub::start(move |_, _| {
        Answer::Close(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{part}", part.len() + 30).into())
    });
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().list()).unwrap_err();
    assert_eq!(facts(&error), (ErrorKind::Interrupted, 3, false), "{error}");
    let mut items = it.client.items(records().list());
    assert_eq!(items.next().unwrap().unwrap_err().kind(), ErrorKind::Interrupted);
    assert!(items.next().is_none());
}

const SHORT: Duration = Duration::from_millis(80);

/// Whatever it is that ends it, it does so long before the next limit would.
fn ends_in_time<D: Driver>(stub: &Stub, change: impl Fn(&mut Policy)) {
    for class in [Class::Safe, Class::Conditional, Class::Once] {
        let it = Place::<D>::with_policy(stub.url(), |policy| {
            policy.attempts = 2;
            change(policy);
        });
        let asked = classes::of::<D>(class).remove(0);
        let start = Instant::now();
        let error = (asked.send)(&it.client).unwrap_err();
        let took = start.elapsed();
        let attempts = if class == Class::Once { 1 } else { 2 };
        assert_eq!(facts(&error), (ErrorKind::Timeout, attempts, class != Class::Safe), "{}: {error}", asked.what);
        assert!(took >= SHORT && took < Duration::from_millis(1_500), "{took:?}");
    }
}

fn no_answer_at_all<D: Driver>() {
    let silent = Stub::start(|_, _| Answer::Stall(Vec::new()));
    ends_in_time::<D>(&silent, |policy| policy.limits.head = SHORT);
    let half = Stub::start(|_, _| Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()));
    ends_in_time::<D>(&half, |policy| policy.limits.head = SHORT);
    let headed = Stub::start(|_, _| Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()));
    ends_in_time::<D>(&headed, |policy| policy.limits.total = SHORT);
}

/// Nobody has to ask for it: what a client does unless it is told otherwise ends within two minutes.
fn defaults_have_an_end<D: Driver>() {
    let it = Place::<D>::with("http://127.0.0.1:9/v1", |setup| setup.policy = Policy::default());
    let policy = it.client.session().policy();
    let Limits { connect, head, total, idle, response_bytes, .. } = policy.limits.clone();
    for limit in [connect, head, total, idle] {
        assert!(!limit.is_zero() && limit <= Duration::from_secs(60), "{limit:?}");
    }
    assert!(policy.deadline <= Duration::from_secs(120) && policy.attempts <= 3);
    assert!(response_bytes <= 64 << 20);
}

/// Something comes again and again, so that nothing is ever silent for long.
fn an_answer_that_drips<D: Driver>() {
    let pause = Duration::from_millis(5);
    let drips: [(&[u8], &[u8]); 4] = [
        (b"", b"HTTP/1.1 200 OK\r\nX-Filler: "),
        (b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{\"data\":", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ];
    for (n, (first, drops)) in drips.into_iter().enumerate() {
        let stub = Stub::start(move |_, _| Answer::Drip(first.to_vec(), drops.to_vec(), pause));
        ends_in_time::<D>(&stub, |policy| policy.limits.total = SHORT);
        if n < 2 {
            ends_in_time::<D>(&stub, |policy| policy.limits.head = SHORT);
        }
    }
}

/// A record of so many bytes: with three million, more than the buffers on the way take as long as nobody reads.
fn large(bytes: usize) -> Put<JsonMap> {
    records().create("a", &json!({"text": "x".repeat(bytes)}))
}

/// The head of a request.
fn head(connection: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if connection.read(&mut byte).is_ok_and(|count| count > 0) {
            head.push(byte[0]);
        } else {
            return false;
        }
    }
    true
}

fn refusal(status: u16) -> String {
    let body = format!(r#"{{"code":{status},"errno":113,"error":"Request body is too large"}}"#);
    format!("HTTP/1.1 {status} No\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// What is still being sent is read and thrown away, as well-behaved servers do.
fn answered_before_the_body_is_sent<D: Driver>() {
    for status in [413, 401] {
        let stub = Stub::raw(move |_, mut connection| {
            if head(&mut connection) {
                let _ = connection.write_all(refusal(status).as_bytes());
                while connection.read(&mut [0; 64 * 1024]).is_ok_and(|count| count > 0) {}
            }
        });
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(large(1_000_000)).unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Server, 1, false), "{error}");
        assert_eq!((error.status().unwrap().as_u16(), stub.connections()), (status, 1));
    }
}

/// The reset may overtake the answer. Then nothing is known, and it is not taken for a success.
fn answered_and_reset<D: Driver>() {
    for status in [413, 401] {
        let stub = Stub::raw(move |_, mut connection| {
            if head(&mut connection) {
                let _ = connection.write_all(refusal(status).as_bytes());
            }
        });
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(large(1_000_000)).unwrap_err();
        match error.status() {
            Some(seen) => assert!(seen.as_u16() == status && error.kind() == ErrorKind::Server, "{error}"),
            None => assert_eq!(facts(&error), (ErrorKind::Interrupted, 3, true), "{error}"),
        }
        assert_eq!(stub.connections() as u32, error.attempts());
    }
}

fn nobody_reads_the_request<D: Driver>() {
    let (_over, waiting) = channel::<()>();
    let waiting = Mutex::new(waiting);
    let stub = Stub::raw(move |_, mut connection| {
        if head(&mut connection) {
            let _ = waiting.lock().unwrap().recv();
        }
    });
    let it = Place::<D>::with_policy(stub.url(), |policy| policy.limits.total = Duration::from_millis(150));
    let created = large(3_000_000);
    let start = Instant::now();
    let error = it.client.once().send(created).unwrap_err();
    assert_eq!(facts(&error), (ErrorKind::Timeout, 1, true), "{error}");
    assert!(start.elapsed() < Duration::from_millis(2_500), "{:?}", start.elapsed());
}
