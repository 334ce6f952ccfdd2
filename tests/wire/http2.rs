//! HTTP/2, where both sides speak it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::{Response, Version};
use kinto_async::Client;
use kinto_protocol::{ErrorKind, Object};
use serde_json::json;
use tokio::sync::Barrier;

use crate::certificates::KNOWN;
use crate::driver::{Driver, RECORD, Setup, records};
use crate::modern::{Answering, Content, Modern};

fn setup(server: &Modern) -> Setup {
    Setup::of(server.url()).trusting(KNOWN.pem())
}

fn whole(text: String) -> impl Fn(&str) -> Answering {
    move |_| {
        let text = text.clone();
        Box::pin(async move { Content::whole(text) })
    }
}

/// The same server, and each client as it can.
pub(crate) fn each_speaks_what_it_can<D: Driver>() {
    let server = Modern::start(whole(RECORD.to_owned()));
    let client: D = setup(&server).client();
    assert_eq!(client.send(records().get("a")).unwrap().id, "a");
    assert!(client.send(records().create("a", &json!({"n": 1}))).is_ok());
    let version = if D::HTTP2 { Version::HTTP_2 } else { Version::HTTP_11 };
    assert!(server.seen().iter().all(|seen| seen.version == version), "{:?}", server.seen());
}

/// A server that answers when that many requests are there, all but those that only open the connection.
fn gathering(number: usize) -> Modern {
    let barrier = Arc::new(Barrier::new(number));
    Modern::start(move |path| {
        let (barrier, opens) = (Arc::clone(&barrier), path.ends_with("/opens"));
        Box::pin(async move {
            if !opens {
                barrier.wait().await;
            }
            Content::whole(RECORD)
        })
    })
}

pub(crate) fn many_requests_share_one_connection() {
    let server = gathering(32);
    let client: Client = setup(&server).client();
    Driver::send(&client, records().get("opens")).unwrap();
    let outcomes = Driver::send_all(&client, (0..32).map(|_| records().get("a")), 32);
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.iter().find(|outcome| outcome.is_err()));
    let seen = server.seen();
    assert_eq!(seen.len(), 33);
    assert!(seen.iter().all(|seen| seen.version == Version::HTTP_2 && seen.connection == 0), "{seen:?}");
}

/// Without knowing what the server speaks, each request begins a connection; all but one are given up for that one.
pub(crate) fn a_cold_start_ends_with_one_connection() {
    let server = gathering(32);
    let client: Client = setup(&server).client();
    let outcomes = Driver::send_all(&client, (0..32).map(|_| records().get("a")), 32);
    assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.iter().find(|outcome| outcome.is_err()));
    let connections: BTreeSet<_> = server.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections.len(), 1, "{connections:?}");
}

pub(crate) fn heads_are_as_bare_as_in_http1() {
    let server = Modern::start(whole(RECORD.to_owned()));
    let client: Client = setup(&server).client();
    Driver::send(&client, records().get("a")).unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.uri, format!("{}/buckets/b/collections/c/records/a", server.url()));
    // Whose server it is stands in the URL.
    assert_eq!(seen.headers, ["accept", "accept-encoding", "user-agent"]);
}

pub(crate) fn answers_have_the_same_limits() {
    let text = "x".repeat(11 * 1024 * 1024);
    let large = json!({"data": {"id": "a", "last_modified": 7, "text": text}}).to_string();
    let length = large.len() as u64;
    let server = Modern::start(whole(large));
    let client: Client = setup(&server).policy(|policy| policy.limits.response_bytes = length).client();
    let object: Object = Driver::send(&client, records().get("a")).unwrap();
    assert_eq!(object.data["text"].as_str().unwrap().len(), text.len());
    let small = client.with_policy(|policy| policy.limits.response_bytes = length - 1);
    assert_eq!(Driver::send(&small, records().get("a")).unwrap_err().kind(), ErrorKind::TooLarge);
    // That answer was not read to its end, and is not in the way of others.
    assert!(Driver::send(&client, records().get("a")).is_ok());
    assert!(server.seen().iter().all(|seen| seen.connection == 0), "{:?}", server.seen());
}

pub(crate) fn a_stream_that_is_cut_off() {
    let server = Modern::start(|path| {
        let whole = path.ends_with("/whole");
        Box::pin(async move {
            match whole {
                true => Content::whole(RECORD),
                false => Response::new(Content::Reset(Some(RECORD.into()))),
            }
        })
    });
    let client: Client = setup(&server).client();
    let error = Driver::send(&client, records().create("a", &json!({}))).unwrap_err();
    assert!(error.kind() == ErrorKind::Interrupted && error.maybe_applied(), "{error}");
    // The others of its connection go on.
    assert!(Driver::send(&client, records().get("whole")).is_ok());
    assert!(server.seen().iter().all(|seen| seen.connection == 0), "{:?}", server.seen());
}

pub(crate) fn a_stream_that_stalls() {
    const SHORT: Duration = Duration::from_millis(60);
    let server = Modern::start(|path| match path {
        path if path.ends_with("/head") => Box::pin(std::future::pending()),
        path if path.ends_with("/body") => {
            Box::pin(async { Response::new(Content::Stalling(Some(Bytes::from_static(b"{")))) })
        }
        _ => Box::pin(async { Content::whole(RECORD) }),
    });
    let client: Client = setup(&server).client();
    Driver::send(&client, records().get("a")).unwrap();
    for id in ["head", "body"] {
        let hasty = client.with_policy(|policy| policy.limits.total = SHORT);
        let start = Instant::now();
        let error = Driver::send(&hasty, records().create(id, &json!({}))).unwrap_err();
        assert!(error.kind() == ErrorKind::Timeout && error.maybe_applied(), "{error}");
        assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    }
    assert!(Driver::send(&client, records().get("a")).is_ok());
    assert!(server.seen().iter().all(|seen| seen.connection == 0), "{:?}", server.seen());
}
