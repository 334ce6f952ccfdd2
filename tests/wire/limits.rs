//! How large an answer may be, and how long it may take.

use std::time::{Duration, Instant};

use kinto_protocol::{Error, ErrorKind, Limits, Object};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::driver::{Driver, RECORD, client, records};
use crate::secure::{Act, Secure};

/// A record of more than 10 MiB, which is where some libraries stop.
fn large() -> String {
    json!({"data": {"id": "a", "last_modified": 7, "text": "x".repeat(11 * 1024 * 1024)}}).to_string()
}

pub(crate) fn answers_may_be_large_but_not_larger_than_the_limit<D: Driver>() {
    let large = large();
    let length = large.len() as u64;
    let stub = Stub::start(move |_, _| Answer::json(200, &large));
    let object: Object = client::<D>(stub.url(), |_| {}).send(records().get("a")).unwrap();
    assert_eq!(object.data["text"].as_str().unwrap().len(), 11 * 1024 * 1024);
    assert!(client::<D>(stub.url(), |policy| policy.limits.response_bytes = length).send(records().get("a")).is_ok());
    let small: D = client(stub.url(), |policy| policy.limits.response_bytes = length - 1);
    assert_eq!(small.send(records().get("a")).unwrap_err().kind(), ErrorKind::TooLarge);
}

/// Its length is not known before it is read.
pub(crate) fn a_chunked_answer_has_the_same_limit<D: Driver>() {
    let half = RECORD.len() / 2;
    let (first, second) = RECORD.split_at(half);
    let body = format!("{half:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", second.len());
    let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let stub = Stub::start(move |_, _| Answer::Keep(answer.clone().into()));
    let length = RECORD.len() as u64;
    assert!(client::<D>(stub.url(), |policy| policy.limits.response_bytes = length).send(records().get("a")).is_ok());
    let small: D = client(stub.url(), |policy| policy.limits.response_bytes = length - 1);
    let error = small.send(records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::TooLarge && error.maybe_applied() && error.attempts() == 1, "{error}");
}

pub(crate) fn a_head_has_its_limit_too<D: Driver>() {
    let answer = |size: usize| {
        let filler = "x".repeat(size);
        move |_: usize, _: &str| {
            let head = format!("HTTP/1.1 200 OK\r\nX-Filler: {filler}\r\nContent-Length: {}\r\n\r\n", RECORD.len());
            Answer::Keep([head.as_bytes(), RECORD.as_bytes()].concat())
        }
    };
    let large = Stub::start(answer(50 * 1024));
    assert!(client::<D>(large.url(), |_| {}).send(records().get("a")).is_ok());
    // Parsers see what is too large when their buffer is full, which is a little later.
    let too_large = Stub::start(answer(200 * 1024));
    let error =
        client::<D>(too_large.url(), |policy| policy.attempts = 3).send(records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::TooLarge && error.maybe_applied() && error.attempts() == 1, "{error}");
}

pub(crate) fn the_limit_of_a_head_can_be_set<D: Driver>() {
    let outcome = |size: usize, limit: usize| {
        let filler = "x".repeat(size);
        let head = format!("HTTP/1.1 200 OK\r\nX-Filler: {filler}\r\nContent-Length: {}\r\n\r\n", RECORD.len());
        let stub = Stub::start(move |_, _| Answer::Keep([head.as_bytes(), RECORD.as_bytes()].concat()));
        client::<D>(stub.url(), |policy| policy.limits.head_bytes = limit).send(records().get("a")).map(|it| it.id)
    };
    assert_eq!(outcome(40 * 1024, 8 * 1024).unwrap_err().kind(), ErrorKind::TooLarge);
    assert_eq!(outcome(150 * 1024, 300 * 1024).unwrap(), "a");
    assert_eq!(outcome(10, 0).unwrap(), "a", "a small answer always fits");
}

pub(crate) fn idle_connections_are_few_and_young<D: Driver>() {
    let connections = |change: fn(&mut Limits)| {
        let stub = Stub::start(|_, _| Answer::json(200, RECORD));
        let client: D = client(stub.url(), |policy| change(&mut policy.limits));
        for _ in 0..3 {
            assert!(client.send(records().get("a")).is_ok());
        }
        stub.connections()
    };
    assert_eq!(connections(|_| {}), 1);
    assert_eq!(connections(|limits| limits.idle_connections = 0), 3);
    assert_eq!(connections(|limits| limits.idle_age = Duration::ZERO), 3);
}

/// What comes before the answer and never ends is no answer in time.
pub(crate) fn news_without_end_are_no_answer<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::Stall(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(2_000)));
    let client: D = client(stub.url(), |policy| (policy.limits.connect, policy.limits.head) = (SHORT, SHORT));
    let error = client.send(records().create("a", &json!({}))).unwrap_err();
    let known = [ErrorKind::Timeout, ErrorKind::TooLarge, ErrorKind::Protocol].contains(&error.kind());
    assert!(known && error.maybe_applied() && error.attempts() == 1, "{error}");
}

/// Well below the limit in bytes.
pub(crate) fn a_head_of_many_lines<D: Driver>() {
    let outcome = |lines: usize| {
        let filler = "X-Filler: x\r\n".repeat(lines);
        let answer = format!("HTTP/1.1 200 OK\r\n{filler}Content-Length: {}\r\n\r\n{RECORD}", RECORD.len());
        let stub = Stub::start(move |_, _| Answer::Keep(answer.clone().into()));
        client::<D>(stub.url(), |_| {}).send(records().get("a")).map(|object| object.id)
    };
    // With that of the length, a hundred.
    assert!(outcome(99).is_ok(), "{:?}", outcome(99));
    for lines in [100, 1000] {
        let error = outcome(lines).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    }
}

const SHORT: Duration = Duration::from_millis(60);
/// Where another limit would end it instead, it takes longer than this.
const SOON: Duration = Duration::from_millis(900);

fn in_time(act: impl FnOnce() -> Error) -> Error {
    let start = Instant::now();
    let error = act();
    let took = start.elapsed();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(took >= SHORT && took < SOON, "{took:?}: {error}");
    error
}

pub(crate) fn the_head_comes_in_time<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::Stall(Vec::new()));
    // The time for the connection is made as short, so that it does not matter whether it is part of the other.
    let client: D = client(stub.url(), |policy| (policy.limits.connect, policy.limits.head) = (SHORT, SHORT));
    let error = in_time(|| client.send(records().create("a", &json!({}))).unwrap_err());
    assert!(error.maybe_applied(), "{error}");

    let half = Stub::start(|_, _| Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()));
    let client: D = self::client(half.url(), |policy| (policy.limits.connect, policy.limits.head) = (SHORT, SHORT));
    in_time(|| client.send(records().get("a")).unwrap_err());
}

/// What a connection may take is not added to it: neither where one is made at once, nor where there is one already.
pub(crate) fn the_head_has_its_own_time_on_every_connection<D: Driver>() {
    let stub = Stub::start(|number, _| match number {
        1 => Answer::json(200, RECORD),
        _ => Answer::Stall(Vec::new()),
    });
    let client: D = client(stub.url(), |policy| policy.limits.head = SHORT);
    in_time(|| client.send(records().get("a")).unwrap_err());
    assert!(client.send(records().get("a")).is_ok());
    in_time(|| client.send(records().get("a")).unwrap_err());
    assert_eq!(stub.connections(), 2);
}

pub(crate) fn the_whole_answer_comes_in_time<D: Driver>() {
    let half = Stub::start(|_, _| Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()));
    let client: D = client(half.url(), |policy| policy.limits.total = SHORT);
    in_time(|| client.send(records().get("a")).unwrap_err());
}

pub(crate) fn the_deadline_holds_for_one_attempt<D: Driver>() {
    let half = Stub::start(|_, _| Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()));
    let client: D = client(half.url(), |policy| policy.deadline = SHORT);
    let error = in_time(|| client.send(records().create("a", &json!({}))).unwrap_err());
    assert!(error.maybe_applied(), "{error}");
}

pub(crate) fn limits_without_end_are_limits_too<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let endless: D = client(stub.url(), |policy| {
        policy.deadline = Duration::MAX;
        policy.limits.connect = Duration::MAX;
        policy.limits.head = Duration::MAX;
        policy.limits.total = Duration::MAX;
        policy.limits.response_bytes = u64::MAX;
    });
    assert!(endless.send(records().get("a")).is_ok());
}

/// The limits are those of the policy that a request is sent with, not of the one that the client was made with.
pub(crate) fn a_later_policy_has_its_limits<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let client: D = client(stub.url(), |_| {});
    let small = client.with_policy(|policy| policy.limits.response_bytes = 5);
    assert_eq!(small.send(records().get("a")).unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(client.send(records().get("a")).is_ok());

    let silent = Secure::start(Act::Silence);
    let patient: D = self::client(&silent.url(), |_| {});
    let hasty = patient.with_policy(|policy| policy.limits.connect = SHORT);
    let error = in_time(|| hasty.send(records().create("a", &json!({}))).unwrap_err());
    assert!(!error.maybe_applied(), "{error}");
}
