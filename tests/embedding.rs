//! The core inside other people's programs: the two examples that drive it without a client of this workspace.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "its tour is not taken here")]
#[path = "../examples/embed_reqwest.rs"]
mod embed_reqwest;
#[allow(dead_code, reason = "its tour is not taken here")]
#[path = "../examples/embed_tcp.rs"]
mod embed_tcp;

use std::net::TcpListener;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Method, StatusCode};
use kinto_protocol::{
    Auth, Call, ErrorKind, Flow, Policy, Resource, Result, Session, bucket, buckets, endpoints, server_info,
};
use kinto_tests::{Answer, Backend, KintoServer, Stub};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

/// The glue of an example, and a session to use it with.
trait Glue {
    fn of(session: Session) -> Self;
    fn send<F: Flow>(&self, flow: F) -> Result<F::Output>;
}

struct Tcp(Session);

impl Glue for Tcp {
    fn of(session: Session) -> Self {
        Self(session)
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        embed_tcp::send(&self.0, flow)
    }
}

struct Reqwest {
    session: Session,
    client: reqwest::Client,
    runtime: Runtime,
}

impl Glue for Reqwest {
    fn of(session: Session) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self { client: embed_reqwest::client(&session).unwrap(), session, runtime }
    }

    fn send<F: Flow>(&self, flow: F) -> Result<F::Output> {
        self.runtime.block_on(embed_reqwest::send(&self.client, &self.session, flow))
    }
}

fn glue<G: Glue>(url: &str, change: impl FnOnce(&mut Policy)) -> G {
    let mut policy = Policy::default();
    policy.first_wait = Duration::from_millis(10);
    change(&mut policy);
    G::of(Session::builder(url).auth(Auth::basic("embedding", "p4ssw0rd")).policy(policy).seed(seed()).build().unwrap())
}

/// Another one each time, as a server may live on from one run to the next.
fn seed() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()
}

fn records() -> Resource {
    bucket("b").collection("c").records()
}

/// Every scenario with both.
macro_rules! both {
    ($($scenario:ident,)*) => {
        mod over_tcp {
            $(#[test] fn $scenario() { super::$scenario::<super::Tcp>(); })*
        }
        mod over_reqwest {
            $(#[test] fn $scenario() { super::$scenario::<super::Reqwest>(); })*
        }
    };
}

both! {
    a_real_server,
    what_goes_out,
    every_way_to_end_a_body,
    what_has_no_body,
    what_is_no_answer,
    what_takes_too_long,
    what_is_too_large,
    nobody_there,
    a_lost_answer,
    redirects,
}

fn a_real_server<G: Glue>() {
    let server = KintoServer::shared(Backend::Memory).expect("the memory backend is always there");
    let glue: G = glue(server.url(), |_| {});
    let sign_up =
        Call::new(Method::PUT, endpoints::account("embedding")).json(&json!({"data": {"password": "p4ssw0rd"}}));
    glue.send(sign_up.unwrap()).unwrap();
    let info = glue.send(server_info()).unwrap();
    assert_eq!((info.project_name.as_deref(), info.user.unwrap().id.as_str()), (Some("kinto"), "account:embedding"));

    let home = glue.send(buckets().add(&json!({}))).unwrap().id;
    glue.send(bucket(&home).collections().create("c", &json!({}))).unwrap();
    let records = bucket(&home).collection("c").records();
    for number in 0..5 {
        glue.send(records.create(format!("r{number}"), &json!({"n": number, "text": "Grüße, Ω"}))).unwrap();
    }
    let mut read = glue.send(records.get("r3")).unwrap();
    assert_eq!((&read.data["n"], &read.data["text"]), (&json!(3), &json!("Grüße, Ω")));
    read.data.insert("n".into(), json!(33));
    assert!(glue.send(records.update(&read)).unwrap().last_modified > read.last_modified);

    let mut pages = records.list().sort("n").page_size(2).pages();
    let mut ids = Vec::new();
    while let Some(page) = glue.send(&mut pages).unwrap() {
        ids.push(page.into_iter().map(|record| record.id).collect::<Vec<_>>());
    }
    assert_eq!(ids, [vec!["r0", "r1"], vec!["r2", "r4"], vec!["r3"]]);
    assert_eq!(glue.send(records.list().page_size(2)).unwrap().items.len(), 5);
    assert_eq!(glue.send(records.count()).unwrap(), 5);

    let error = glue.send(records.create("r0", &json!({}))).unwrap_err();
    assert!(error.is_precondition_failed() && !error.maybe_applied(), "{error}");
    let error = glue.send(records.get("nothing")).unwrap_err();
    assert_eq!((error.status(), error.attempts()), (Some(StatusCode::NOT_FOUND), 1));

    assert_eq!(glue.send(records.delete("r0")).unwrap().id, "r0");
    assert_eq!(glue.send(records.delete_all().page_size(2)).unwrap().len(), 4);
    glue.send(buckets().delete(&home)).unwrap();
    // Who may not know whether there is a bucket is told that it is forbidden.
    let error = glue.send(buckets().get(&home)).unwrap_err();
    assert!(matches!(error.status(), Some(StatusCode::NOT_FOUND | StatusCode::FORBIDDEN)), "{error}");
}

const RECORD: &str = r#"{"data":{"id":"a","last_modified":7,"n":1}}"#;

fn what_goes_out<G: Glue>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let glue: G = glue(stub.url(), |_| {});
    glue.send(records().replace("a", &json!({"text": "Ω"}))).unwrap();
    glue.send(records().list().filter(kinto_protocol::field("text").eq("a b"))).unwrap_err();
    let requests = stub.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    let host = stub.url().strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
    assert!(head.starts_with("put /v1/buckets/b/collections/c/records/a http/1.1\r\n"), "{head}");
    for line in [
        &format!("host: {host}"),
        "authorization: basic zw1izwrkaw5nona0c3n3mhjk",
        "content-type: application/json",
        &format!("content-length: {}", body.len()),
        "if-match: *",
    ] {
        assert_eq!(head.lines().filter(|header| *header == line).count(), 1, "{line} in {head}");
    }
    assert_eq!(body, "{\"data\":{\"text\":\"Ω\"}}");
    assert!(
        requests[1].starts_with("GET /v1/buckets/b/collections/c/records?text=%22a%20b%22 HTTP/1.1\r\n"),
        "{requests:?}"
    );
    assert!(requests[1].ends_with("\r\n\r\n"), "{requests:?}");
}

fn every_way_to_end_a_body<G: Glue>() {
    let (half, rest) = RECORD.split_at(20);
    for answer in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{RECORD}", RECORD.len()),
        format!("HTTP/1.1 200 OK\r\ncontent-length:{}\r\nX-Empty:\r\n\r\n{RECORD}", RECORD.len()),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x};a=b\r\n{half}\r\n{:X}\r\n{rest}\r\n0\r\nX-Late: 1\r\n\r\n",
            half.len(),
            rest.len()
        ),
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{RECORD}"),
        format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nContent-Length: {}\r\n\r\n{RECORD}", RECORD.len()),
    ] {
        let bytes = answer.clone().into_bytes();
        let stub = Stub::start(move |_, _| Answer::Close(bytes.clone()));
        let read = glue::<G>(stub.url(), |policy| policy.attempts = 1).send(records().get("a"));
        assert_eq!(read.map(|record| record.data["n"].clone()).unwrap(), json!(1), "{answer}");
    }
}

fn what_has_no_body<G: Glue>() {
    let stub = Stub::start(|_, request| match request.split(' ').next() {
        // Both connections stay: whoever waited for a body would wait for ever.
        Some("HEAD") => Answer::Keep(b"HTTP/1.1 200 OK\r\nTotal-Objects: 3\r\nContent-Length: 99\r\n\r\n".to_vec()),
        _ => Answer::Keep(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"7\"\r\n\r\n".to_vec()),
    });
    let glue: G = glue(stub.url(), |policy| policy.attempts = 1);
    assert_eq!(glue.send(records().count()).unwrap(), 3);
    let at = kinto_protocol::Timestamp::from_millis(7);
    assert!(glue.send(records().get("a").if_changed_since(at)).unwrap().modified().is_none());
}

fn what_is_no_answer<G: Glue>() {
    for cut in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"data\"",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n99\r\n{\"data\"",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ] {
        let stub = Stub::start(move |_, _| Answer::Close(cut.as_bytes().to_vec()));
        let error =
            glue::<G>(stub.url(), |policy| policy.attempts = 1).send(records().create("a", &json!({}))).unwrap_err();
        assert!(error.kind() == ErrorKind::Interrupted && error.maybe_applied(), "{cut:?}: {error}");
    }
    for nonsense in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 soon\r\n\r\n"] {
        let stub = Stub::start(move |_, _| Answer::Close(nonsense.as_bytes().to_vec()));
        let error =
            glue::<G>(stub.url(), |policy| policy.attempts = 1).send(records().create("a", &json!({}))).unwrap_err();
        // Which of the two it is shows only to those who know the inside of reqwest.
        let kinds = [ErrorKind::Protocol, ErrorKind::Interrupted];
        assert!(kinds.contains(&error.kind()) && error.maybe_applied(), "{nonsense:?}: {error}");
    }
}

fn what_takes_too_long<G: Glue>() {
    let short = Duration::from_millis(50);
    let changes: [fn(&mut Policy, Duration); 3] = [
        |policy, limit| policy.limits.total = limit,
        |policy, limit| policy.deadline = limit,
        |policy, limit| (policy.limits.head, policy.limits.connect) = (limit, limit),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        for beginning in ["", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"] {
            // The last limit is one of the head alone.
            if number == 2 && !beginning.is_empty() {
                continue;
            }
            let stub = Stub::start(move |_, _| Answer::Stall(beginning.as_bytes().to_vec()));
            let glue: G = glue(stub.url(), |policy| {
                policy.attempts = 1;
                change(policy, short);
            });
            let error = glue.send(records().create("a", &json!({}))).unwrap_err();
            assert!(error.kind() == ErrorKind::Timeout && error.maybe_applied(), "{number} {beginning:?}: {error}");
        }
    }
}

fn what_is_too_large<G: Glue>() {
    let sent = RECORD.len() as u64;
    for answer in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {sent}\r\n\r\n{RECORD}"),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{sent:x}\r\n{RECORD}\r\n0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n\r\n{RECORD}"),
    ] {
        let bytes = answer.into_bytes();
        let stub = Stub::start(move |_, _| Answer::Close(bytes.clone()));
        let with = |limit| glue::<G>(stub.url(), |policy| policy.limits.response_bytes = limit);
        assert!(with(sent).send(records().get("a")).is_ok());
        assert_eq!(with(sent - 1).send(records().get("a")).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

fn nobody_there<G: Glue>() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", free.local_addr().unwrap());
    drop(free);
    for url in [&url, "http://does-not-exist.invalid/v1"] {
        let session = Session::builder(url).build().unwrap().with_policy(|policy| policy.attempts = 1);
        let error = G::of(session).send(records().create("a", &json!({}))).unwrap_err();
        assert!(error.kind() == ErrorKind::Connect && !error.maybe_applied(), "{url}: {error}");
    }
}

fn a_lost_answer<G: Glue>() {
    let stub = Stub::start(|number, _| match number {
        0 => Answer::Close(Vec::new()),
        1 => Answer::json(412, r#"{"errno":114,"details":{"existing":{"id":"a","last_modified":7,"n":1}}}"#),
        _ => Answer::json(200, r#"{"data":{"id":"a","last_modified":7,"n":1}}"#),
    });
    // The answer to the first attempt is lost, and the second meets what the first has done, which is read back.
    let made = glue::<G>(stub.url(), |_| {}).send(records().create("a", &json!({"n": 1}))).unwrap();
    assert!(made.repeated && made.data["n"] == 1);
    let requests = stub.requests();
    assert!(requests.len() == 3 && requests[0] == requests[1] && requests[2].starts_with("GET "));
}

fn redirects<G: Glue>() {
    let stub = Stub::start(|_, request| match request.contains(" /v1/moved ") {
        true => Answer::json(200, RECORD),
        false => Answer::Keep(b"HTTP/1.1 307 X\r\nLocation: /v1/moved\r\nContent-Length: 0\r\n\r\n".to_vec()),
    });
    let glue: G = glue(stub.url(), |_| {});
    assert_eq!(glue.send(records().get("a")).unwrap().id, "a");
    assert_eq!(glue.send(records().create("a", &json!({}))).unwrap_err().kind(), ErrorKind::Redirect);
    assert_eq!(stub.requests().len(), 3, "nothing follows a redirect by itself");
}

#[test]
fn what_it_takes_is_little() {
    let sources = [include_str!("../examples/embed_tcp.rs"), include_str!("../examples/embed_reqwest.rs")];
    for source in sources {
        let (_, rest) = source.split_once("// ── the glue begins ──\n").unwrap();
        let (glue, _) = rest.split_once("// ── the glue ends ──\n").unwrap();
        assert!(glue.contains("exchange.next(") && glue.contains("fn put_on_the_wire("));
        assert!(glue.lines().count() < 40, "{}", glue.lines().count());
    }
}
