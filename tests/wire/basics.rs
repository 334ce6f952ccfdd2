//! What goes over the wire, and nothing else does.

use http::Method;
use kinto_protocol::{Call, ErrorKind, buckets, endpoints};
use kinto_tests::{Answer, Stub};
use serde_json::json;
use std::time::Duration;

use crate::driver::{Driver, RECORD, client, records};

/// The request line and the names of the headers, sorted.
fn head_of(request: &str) -> Vec<String> {
    let head = request.split("\r\n\r\n").next().unwrap().to_lowercase();
    let mut lines = head.lines();
    let line = lines.next().unwrap().to_owned();
    let mut names: Vec<_> = lines.map(|line| line.split(':').next().unwrap().to_owned()).collect();
    names.sort_unstable();
    names.insert(0, line);
    names
}

pub(crate) fn one_connection_serves_many_requests_and_nothing_is_added_to_them<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let client: D = client(stub.url(), |_| {});
    for _ in 0..5 {
        client.send(records().get("a")).unwrap();
    }
    client.send(records().create("a", &json!({"n": 1}))).unwrap();
    assert_eq!(stub.connections(), 1);

    let requests = stub.requests();
    let get = "get /v1/buckets/b/collections/c/records/a http/1.1";
    assert_eq!(head_of(&requests[0]), [get, "accept", "accept-encoding", "host", "user-agent"]);
    let put = "put /v1/buckets/b/collections/c/records/a http/1.1";
    let headers =
        [put, "accept", "accept-encoding", "content-length", "content-type", "host", "if-none-match", "user-agent"];
    assert_eq!(head_of(&requests[5]), headers);
    assert!(requests[5].ends_with("\r\n\r\n{\"data\":{\"n\":1}}"), "{}", requests[5]);
}

/// With a deadline below the limit of an attempt, each request has limits of its own.
pub(crate) fn a_connection_is_kept_whatever_time_is_left<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let client: D = client(stub.url(), |policy| policy.deadline = Duration::from_secs(2));
    for _ in 0..3 {
        client.send(records().get("a")).unwrap();
    }
    assert_eq!(stub.connections(), 1);
}

pub(crate) fn the_methods_without_a_body_have_none<D: Driver>() {
    let stub = Stub::start(|_, request| match request.starts_with("HEAD") {
        true => {
            Answer::Keep(b"HTTP/1.1 200 OK\r\nETag: \"7\"\r\nTotal-Objects: 3\r\nContent-Length: 99\r\n\r\n".to_vec())
        }
        false => Answer::json(200, r#"{"data":{"id":"a","last_modified":7,"deleted":true}}"#),
    });
    let client: D = client(stub.url(), |_| {});
    assert_eq!(client.send(records().count()).unwrap(), 3);
    assert_eq!(client.send(records().timestamp()).unwrap().as_millis(), 7);
    assert_eq!(client.send(records().delete("a")).unwrap().id, "a");
    assert_eq!(stub.connections(), 1, "an answer to HEAD has no body to wait for");
    for request in stub.requests() {
        let head = head_of(&request);
        for name in ["content-type", "content-length", "transfer-encoding"] {
            assert!(!head.iter().any(|header| header == name), "{request}");
        }
    }
}

pub(crate) fn a_write_without_a_body_says_so<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(202, "{}"));
    client::<D>(stub.url(), |_| {}).send(Call::new(Method::POST, endpoints::metrics())).unwrap();
    assert!(stub.requests()[0].to_lowercase().contains("content-length: 0\r\n"), "{}", stub.requests()[0]);
}

pub(crate) fn statuses_are_data<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(403, r#"{"errno":121,"error":"Forbidden"}"#));
    let error = client::<D>(stub.url(), |_| {}).send(records().get("a")).unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.errno()), (403, Some(121)));
}

pub(crate) fn no_redirect_is_followed_behind_the_back<D: Driver>() {
    let moved = b"HTTP/1.1 303 See Other\r\nLocation: /v1/elsewhere\r\nContent-Length: 0\r\n\r\n";
    let stub = Stub::start(|_, _| Answer::Keep(moved.to_vec()));
    let error = client::<D>(stub.url(), |_| {}).send(records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::Redirect && !error.maybe_applied(), "{error}");
    assert_eq!(stub.requests().len(), 1);
}

/// Proxies announce what is to be loaded, and that they are still there, before they answer.
pub(crate) fn news_before_the_answer_are_not_the_answer<D: Driver>() {
    let stub = Stub::start(|_, _| {
        let Answer::Keep(answer) = Answer::json(200, RECORD) else { unreachable!("it keeps the connection") };
        Answer::Keep([b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n".to_vec(), answer].concat())
    });
    let client: D = client(stub.url(), |_| {});
    for _ in 0..2 {
        assert_eq!(client.send(records().get("a")).unwrap().id, "a");
    }
}

pub(crate) fn all_ways_to_end_a_body<D: Driver>() {
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{RECORD}\r\n0\r\n\r\n", 37);
    let closed = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{RECORD}");
    let old = format!("HTTP/1.0 200 OK\r\n\r\n{RECORD}");
    assert_eq!(RECORD.len(), 37);
    for answer in [Answer::Keep(chunked.into_bytes()), Answer::Close(closed.into()), Answer::Close(old.into())] {
        let stub = Stub::start(move |_, _| answer.clone());
        let client: D = client(stub.url(), |_| {});
        assert_eq!(client.send(records().get("a")).unwrap().id, "a");
        assert_eq!(client.send(records().get("a")).unwrap().id, "a", "the next one has a connection that works");
    }
}

pub(crate) fn a_write_that_was_lost_is_sent_again_the_same<D: Driver>() {
    let stub = Stub::start(|number, _| match number {
        0 => Answer::Close(Vec::new()),
        _ => Answer::json(201, RECORD),
    });
    let client: D = client(stub.url(), |policy| policy.attempts = 3);
    client.send(buckets().add(&json!({"n": 1}))).unwrap();
    let requests = stub.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1]);
}
