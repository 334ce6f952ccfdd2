//! The default transport of the blocking client, on the wire: what it turns off, and what it keeps.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use http::Method;
use kinto_blocking::{
    Call, Client, ErrorKind, Object, OnBackoff, Policy, Request, Resource, Response, Session, TransportError, bucket,
    buckets, endpoints, server_info,
};
use kinto_tests::{Answer, Stub};
use serde_json::json;

fn records() -> Resource {
    bucket("b").collection("c").records()
}

fn client(url: &str, change: impl FnOnce(&mut Policy)) -> Client {
    let mut policy = Policy::default();
    policy.attempts = 1;
    change(&mut policy);
    Client::builder(url).policy(policy).build().unwrap()
}

const RECORD: &str = r#"{"data":{"id":"a","last_modified":7}}"#;

#[test]
fn one_connection_serves_many_requests_and_nothing_is_added_to_them() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let client = client(stub.url(), |_| {});
    for _ in 0..5 {
        client.send(records().get("a")).unwrap();
    }
    client.send(records().create("a", &json!({"n": 1}))).unwrap();
    assert_eq!(stub.connections(), 1);

    let requests = stub.requests();
    let mut head: Vec<_> =
        requests[0].to_lowercase().lines().map(|line| line.split(':').next().unwrap().to_owned()).collect();
    head.retain(|name| !name.is_empty());
    head[1..].sort_unstable();
    assert_eq!(
        head,
        ["get /v1/buckets/b/collections/c/records/a http/1.1", "accept", "accept-encoding", "host", "user-agent"]
    );
    assert!(requests[5].starts_with("PUT /v1/buckets/b/collections/c/records/a HTTP/1.1\r\n"));
    assert!(requests[5].ends_with("\r\n\r\n{\"data\":{\"n\":1}}"), "{}", requests[5]);
}

#[test]
fn the_methods_without_a_body_have_none() {
    let stub = Stub::start(|_, request| match request.starts_with("HEAD") {
        true => {
            Answer::Keep(b"HTTP/1.1 200 OK\r\nETag: \"7\"\r\nTotal-Objects: 3\r\nContent-Length: 99\r\n\r\n".to_vec())
        }
        false => Answer::json(200, r#"{"data":{"id":"a","last_modified":7,"deleted":true}}"#),
    });
    let client = client(stub.url(), |_| {});
    assert_eq!(client.send(records().count()).unwrap(), 3);
    assert_eq!(client.send(records().timestamp()).unwrap().as_millis(), 7);
    assert_eq!(client.send(records().delete("a")).unwrap().id, "a");
    assert_eq!(stub.connections(), 1, "an answer to HEAD has no body to wait for");
    assert!(stub.requests().iter().all(|request| !request.to_lowercase().contains("content-type")));
}

#[test]
fn a_write_without_a_body_says_so() {
    let stub = Stub::start(|_, _| Answer::json(202, "{}"));
    client(stub.url(), |_| {}).send(Call::new(Method::POST, endpoints::flush())).unwrap();
    assert!(stub.requests()[0].to_lowercase().contains("content-length: 0\r\n"));
}

#[test]
fn limits_without_end_are_limits_too() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let endless = client(stub.url(), |policy| {
        policy.deadline = Duration::MAX;
        policy.limits.total = Duration::MAX;
        policy.limits.head = Duration::MAX;
    });
    assert!(endless.send(records().get("a")).is_ok());
}

#[test]
fn clients_that_share_a_session_share_its_time() {
    let session = Session::builder("http://localhost:1/v1").build().unwrap();
    let quiet = |_: Request| -> Result<Response, TransportError> {
        Ok(http::Response::builder().header("backoff", "60").body("{}".into()).unwrap())
    };
    Client::with_transport(session.clone(), quiet).send(server_info()).unwrap();
    let never = |_: Request| -> Result<Response, TransportError> { panic!("the server asked for silence") };
    let session = session.with_policy(|policy| policy.on_backoff = OnBackoff::Fail);
    let error = Client::with_transport(session, never).send(server_info()).unwrap_err();
    let left = error.retry_in().unwrap();
    assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60), "{left:?}");
}

#[test]
fn statuses_are_data() {
    let stub = Stub::start(|_, _| Answer::json(403, r#"{"errno":121,"error":"Forbidden"}"#));
    let error = client(stub.url(), |_| {}).send(records().get("a")).unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.errno()), (403, Some(121)));
}

#[test]
fn no_redirect_is_followed_behind_the_back() {
    let moved = b"HTTP/1.1 303 See Other\r\nLocation: /v1/elsewhere\r\nContent-Length: 0\r\n\r\n";
    let stub = Stub::start(|_, _| Answer::Keep(moved.to_vec()));
    let error = client(stub.url(), |_| {}).send(records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::Redirect && !error.maybe_applied());
    assert_eq!(stub.requests().len(), 1);
}

#[test]
fn answers_may_be_large_but_not_larger_than_the_limit() {
    let large = json!({"data": {"id": "a", "last_modified": 7, "text": "x".repeat(12 * 1024 * 1024)}}).to_string();
    let length = large.len() as u64;
    let stub = Stub::start(move |_, _| Answer::json(200, &large));
    let object: Object = client(stub.url(), |_| {}).send(records().get("a")).unwrap();
    assert_eq!(object.data["text"].as_str().unwrap().len(), 12 * 1024 * 1024);
    assert!(client(stub.url(), |policy| policy.limits.response_bytes = length).send(records().get("a")).is_ok());
    let error =
        client(stub.url(), |policy| policy.limits.response_bytes = length - 1).send(records().get("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[test]
fn an_answer_that_is_cut_off_is_none() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"data\":{\"id\":\"a\",\"last_modified\":7}}",
        "",
    ] {
        let stub = Stub::start(move |_, _| Answer::Close(cut.as_bytes().to_vec()));
        let error = client(stub.url(), |_| {}).send(records().create("a", &json!({}))).unwrap_err();
        assert!(error.kind() == ErrorKind::Interrupted && error.maybe_applied(), "{cut:?}: {error}");
    }
}

#[test]
fn a_write_that_was_lost_is_sent_again_the_same() {
    let stub = Stub::start(|number, _| match number {
        0 => Answer::Close(Vec::new()),
        _ => Answer::json(201, RECORD),
    });
    let client = client(stub.url(), |policy| policy.attempts = 3);
    client.send(buckets().add(&json!({"n": 1}))).unwrap();
    let requests = stub.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1]);
}

#[test]
fn time_limits_hold_however_the_server_stalls() {
    let short = Duration::from_millis(60);
    let nothing = Stub::start(|_, _| Answer::Stall(Vec::new()));
    let error =
        client(nothing.url(), |policy| policy.limits.head = short).send(records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::Timeout && error.maybe_applied(), "{error}");

    let half = Stub::start(|_, _| Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{".to_vec()));
    let error = client(half.url(), |policy| policy.limits.total = short).send(records().get("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");

    let error = client(half.url(), |policy| policy.deadline = short).send(records().get("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}

#[test]
fn where_nothing_was_sent_it_is_known() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", free.local_addr().unwrap());
    drop(free);
    let error = client(&url, |_| {}).send(records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::Connect && !error.maybe_applied(), "{error}");

    let error = client("http://does-not-exist.invalid/v1", |_| {}).send(server_info()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
}

#[test]
fn no_tls_where_it_was_asked_for_is_an_error_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        // A server of plain HTTP takes the beginning of TLS for a bad request.
        for mut connection in listener.incoming().map_while(Result::ok) {
            let _ = connection.read(&mut [0; 1024]);
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = client(&url, |policy| policy.attempts = 3).send(records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::Tls && !error.maybe_applied() && error.attempts() == 1, "{error}");
}

#[test]
fn what_does_not_speak_http_is_named() {
    let stub = Stub::start(|_, _| Answer::Close(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()));
    let error = client(stub.url(), |policy| policy.attempts = 3).send(server_info()).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Protocol, 1), "{error}");
}
