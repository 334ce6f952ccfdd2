//! Batches whose answers are odd, and servers that take none.

use std::sync::Mutex;

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{
    Attributes, Batch, Call, ErrorKind, Method, Outcome, Precondition, Status, Timestamp, bucket, buckets, endpoints,
};
use kinto_tests::{Answer, Stub, whole};
use serde_json::{Value, json};

use crate::answers::{Scripted, answer, entries, info, json as scripted, responses};
use crate::driver::Driver;
use crate::place::{Place, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        K10 { answers_that_are_nobody_s; wire }
        K11 { one_outcome_for_each, what_was_undone_is_sent_again; wire }
        K12 { one_that_cannot_be_read; wire }
        K15 { no_batches_here, too_large_for_something_on_the_way; wire }
        K16 { limits_that_are_none, the_limit_is_another_than_was_said; wire }
        K25 { conditional_reads_go_alone; wire }
    }
}

pub(crate) fn creations<I: Into<String>>(ids: impl IntoIterator<Item = I>) -> Batch {
    ids.into_iter().map(|id| records().create(id, &json!({"n": 1}))).collect()
}

pub(crate) fn ended(outcome: &Outcome) -> Vec<Status> {
    outcome.items().map(|item| item.status()).collect()
}

/// A model with the collection that all of this is about.
pub(crate) fn model() -> MemoryServer {
    let server = MemoryServer::new();
    server.send(buckets().create("b", &json!({}))).unwrap();
    server.send(bucket("b").collections().create("c", &json!({}))).unwrap();
    server
}

/// What is in it, sorted.
pub(crate) fn there(server: &MemoryServer) -> Vec<String> {
    server.send(records().list().sort("id")).unwrap().items.into_iter().map(|record| record.id).collect()
}

/// What was sent, by method: the paths of a batch, or that of the request itself.
pub(crate) fn sent(stub: &Stub) -> Vec<Vec<String>> {
    let short = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    stub.requests()
        .iter()
        .filter(|request| !request.starts_with("GET /v1/ "))
        .map(|request| {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            if !head.starts_with("POST /v1/batch ") {
                return vec![short(head.split(' ').nth(1).unwrap())];
            }
            let body: Value = serde_json::from_str(body).unwrap();
            body["requests"].as_array().unwrap().iter().map(|entry| short(entry["path"].as_str().unwrap())).collect()
        })
        .collect()
}

fn sizes(stub: &Stub) -> Vec<usize> {
    sent(stub).iter().map(Vec::len).collect()
}

/// Says that it takes 25, and answers a batch so.
fn answering(batch: Scripted) -> Stub {
    Stub::start(
        move |_, request| if request.starts_with("GET /v1/ ") { info("25").answer } else { batch.answer.clone() },
    )
}

fn object(id: &str) -> String {
    format!(r#"{{"data":{{"id":"{id}","last_modified":7,"n":1}}}}"#)
}

fn made(id: &str) -> String {
    format!(r#"{{"status":201,"path":"/v1/buckets/b/collections/c/records/{id}","body":{}}}"#, object(id))
}

fn answers_that_are_nobody_s<D: Driver>() {
    for (what, batch) in [
        ("fewer", responses(&[&made("a")])),
        ("more", responses(&[&made("a"), &made("b"), &made("c")])),
        ("none", responses(&[])),
        ("null", scripted(200, r#"{"responses":null}"#)),
        ("an object", scripted(200, r#"{"responses":{}}"#)),
        ("nothing", scripted(200, "{}")),
        ("an array", scripted(200, "[]")),
        ("html", answer(200, &[], "<html>")),
        ("empty", answer(200, &[], "")),
        ("another order", responses(&[&made("b"), &made("a")])),
    ] {
        let stub = answering(batch);
        let it = Place::<D>::at(stub.url());
        let outcome = it.client.send(creations(["a", "b"])).unwrap();
        assert_eq!(ended(&outcome), [Status::Unknown; 2], "{what}");
        let stopped = outcome.stopped().unwrap();
        let told = (stopped.kind(), stopped.attempts(), stopped.maybe_applied());
        assert_eq!(told, (ErrorKind::Decode, 1, true), "{what}: {stopped}");
        assert!(outcome.items().all(|item| item.error().unwrap().kind() == ErrorKind::Stopped));
        assert_eq!((sizes(&stub), it.waits()), (vec![2], vec![]), "{what}");
        let error = outcome.into_result().unwrap_err();
        assert!(error.maybe_applied(), "{error}");
    }
}

fn one_outcome_for_each<D: Driver>() {
    let existing = r#"{"errno":114,"details":{"existing":{"id":"e","last_modified":9,"n":2}}}"#;
    let invalid = r#"{"errno":107,"details":[{"location":"body","name":"data.n","description":"odd"}]}"#;
    let batch = [
        (201, object("a"), Status::Done),
        (400, invalid.to_owned(), Status::Invalid),
        (401, r#"{"errno":104}"#.to_owned(), Status::Forbidden),
        (404, r#"{"errno":110}"#.to_owned(), Status::Missing),
        (412, existing.to_owned(), Status::Conflict),
        (403, r#"{"errno":121}"#.to_owned(), Status::Forbidden),
        (500, r#"{"errno":999}"#.to_owned(), Status::Unknown),
        (503, r#"{"errno":201}"#.to_owned(), Status::Unknown),
        (307, "{}".to_owned(), Status::Unknown),
        (304, "null".to_owned(), Status::Unknown),
        (501, "{}".to_owned(), Status::Failed),
        (201, object("l"), Status::Done),
    ];
    let answers: Vec<(u16, &str)> = batch.iter().map(|(status, body, _)| (*status, body.as_str())).collect();
    let stub = answering(entries(&answers));
    let it = Place::<D>::at(stub.url());
    let mut outcome = Batch::new();
    let tickets: Vec<_> = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]
        .map(|id| match id {
            "d" => outcome.push(records().patch(id, Attributes::new(&json!({"n": 1})))),
            _ => outcome.push(records().create(id, &json!({"n": 1}))),
        })
        .into();
    let mut outcome = it.client.send(outcome).unwrap();
    assert!(outcome.stopped().is_none());
    assert_eq!(ended(&outcome), batch.map(|(.., status)| status));
    assert_eq!((sizes(&stub), it.waits()), (vec![12], vec![]));
    let items: Vec<_> = outcome.items().collect();
    assert_eq!((items[4].existing().unwrap()["n"].clone(), items[1].invalid()[0].name.as_str()), (json!(2), "data.n"));
    assert_eq!(items[8].error().unwrap().kind(), ErrorKind::Protocol, "no success");
    for item in &items {
        let doubtful = item.error().is_some_and(kinto_protocol::Error::maybe_applied);
        assert_eq!(doubtful, item.status() == Status::Unknown, "{}", item.position());
    }
    assert_eq!(outcome.take(tickets[11]).unwrap().id, "l");
    assert!(outcome.take(tickets[4]).unwrap_err().is_precondition_failed());
    let error = outcome.into_result().unwrap_err();
    assert!(error.to_string().contains("10 of 12 operations failed"), "{error}");
}

/// PostgreSQL undoes what was before an aborted one, although it was answered as done.
fn what_was_undone_is_sent_again<D: Driver>() {
    let server = model();
    let (other, first) = (server.clone(), Mutex::new(true));
    let stub = Stub::behind(server.clone(), move |_, request, answered| {
        if request.uri().path() != "/v1/batch" || !std::mem::take(&mut *first.lock().unwrap()) {
            return whole(request, answered());
        }
        other.send(records().create("c", &json!({"n": 1}))).unwrap();
        entries(&[(201, &object("a")), (409, r#"{"errno":122}"#), (201, &object("c"))]).answer
    });
    let it = Place::<D>::at(stub.url());
    let outcome = it.client.send(creations(["a", "b", "c"])).unwrap();
    assert_eq!(ended(&outcome), [Status::Done; 3]);
    assert_eq!(there(&server), ["a", "b", "c"]);
    assert_eq!(sent(&stub), [vec!["a", "b", "c"], vec!["a"], vec!["b"]]);
    assert_eq!(it.waits().len(), 1);
}

fn one_that_cannot_be_read<D: Driver>() {
    for member in [
        r#"{"status":"201","body":{}}"#,
        r#"{"status":70000,"body":{}}"#,
        r#"{"status":-1,"body":{}}"#,
        r#"{"status":99}"#,
        r#"{"status":null}"#,
        r#"{"body":{}}"#,
        r#"{"status":201}"#,
        r#"{"status":201,"body":null}"#,
        r#"{"status":201,"body":"<html>"}"#,
        r#"{"status":201,"body":[]}"#,
        r#"{"status":201,"body":{"data":{"id":"a"}}}"#,
        r#"{"status":201,"headers":3,"body":{}}"#,
        r#"{"status":201,"path":5,"body":{}}"#,
        r#"{"status":204,"body":""}"#,
        r#""gone""#,
        "null",
        "[]",
        "7",
    ] {
        let good = made("b").replacen('{', r#"{"headers":{"ETag":7,"a b":"1","X":"\n","":null,"Y":["1"]},"#, 1);
        let stub = answering(responses(&[member, &good]));
        let it = Place::<D>::at(stub.url());
        let mut batch = Batch::new();
        let odd = batch.push(records().create("a", &json!({"n": 1})));
        let even = batch.push(records().create("b", &json!({"n": 1})));
        let mut outcome = it.client.send(batch).unwrap();
        assert_eq!(ended(&outcome), [Status::Unknown, Status::Done], "{member}");
        let error = outcome.take(odd).unwrap_err();
        assert!(error.kind() == ErrorKind::Decode && error.maybe_applied(), "{member}: {error}");
        assert_eq!(outcome.take(even).unwrap().id, "b");
        assert_eq!(sizes(&stub), [2]);
    }
}

fn no_batches_here<D: Driver>() {
    for refusal in [
        scripted(404, r#"{"errno":111}"#),
        scripted(405, r#"{"errno":115}"#),
        answer(404, &[], "<html>"),
        answer(501, &[], ""),
    ] {
        let server = model();
        let stub = Stub::behind(server.clone(), move |_, request, answered| match request.uri().path() {
            "/v1/batch" => refusal.answer.clone(),
            _ => whole(request, answered()),
        });
        let it = Place::<D>::at(stub.url());
        let outcome = it.client.send(creations(["a", "b", "c"])).unwrap();
        assert_eq!(ended(&outcome), [Status::Done; 3]);
        assert_eq!((sizes(&stub), there(&server)), (vec![3, 1, 1, 1], vec!["a".to_owned(), "b".into(), "c".into()]));
    }
}

fn too_large_for_something_on_the_way<D: Driver>() {
    for most in [2, 1, 0] {
        let server = model();
        let stub = Stub::behind(server.clone(), move |_, request, answered| {
            let writes = String::from_utf8_lossy(request.body()).matches(r#""n":1"#).count();
            if writes > most { answer(413, &[], "<html>").answer } else { whole(request, answered()) }
        });
        let it = Place::<D>::at(stub.url());
        let outcome = it.client.send(creations(["a", "b", "c", "d"])).unwrap();
        let sent = sent(&stub);
        if most == 0 {
            assert_eq!(ended(&outcome), [Status::Invalid; 4]);
            assert!(outcome.items().all(|item| !item.error().unwrap().maybe_applied()));
            assert!(there(&server).is_empty());
        } else {
            assert_eq!(ended(&outcome), [Status::Done; 4]);
            assert_eq!(there(&server), ["a", "b", "c", "d"]);
        }
        assert_eq!(sent[0].len(), 4);
        assert!(sent.iter().enumerate().all(|(n, one)| !sent[..n].contains(one)), "nothing as it was: {sent:?}");
    }
}

/// A model that takes as many as are sent, and says something else of itself.
fn saying(said: String) -> Stub {
    let server = model().batch_max_requests(1000);
    Stub::behind(server, move |_, request, answered| match (request.method().as_str(), request.uri().path()) {
        ("GET", "/v1/") => Answer::json(200, &said),
        _ => whole(request, answered()),
    })
}

fn limits_that_are_none<D: Driver>() {
    let ids = |count: usize| (0..count).map(|n| format!("r{n}"));
    for (limit, expected) in [
        ("0", vec![30]),
        ("null", vec![30]),
        ("29", vec![29, 1]),
        ("1", vec![1; 30]),
        ("-1", vec![25, 5]),
        (r#""10""#, vec![25, 5]),
        ("2.5", vec![25, 5]),
        ("[]", vec![25, 5]),
        ("99999999999999999999999", vec![25, 5]),
        ("18446744073709551615", vec![30]),
    ] {
        let stub = saying(format!(r#"{{"settings":{{"batch_max_requests":{limit}}}}}"#));
        let it = Place::<D>::at(stub.url());
        assert!(it.client.send(creations(ids(30))).unwrap().summary().is_success());
        assert_eq!(sizes(&stub), expected, "{limit}");
    }
    for missing in ["{}", r#"{"settings":{}}"#, "<html>"] {
        let stub = saying(missing.to_owned());
        let it = Place::<D>::at(stub.url());
        assert!(it.client.send(creations(ids(30))).unwrap().summary().is_success());
        assert_eq!(sizes(&stub), [25, 5], "{missing}");
    }
    let stub = saying(r#"{"settings":{"batch_max_requests":0}}"#.to_owned());
    let it = Place::<D>::at(stub.url());
    assert!(it.client.send(creations(ids(201))).unwrap().summary().is_success());
    assert_eq!(sizes(&stub), [200, 1], "enough is enough");
}

fn the_limit_is_another_than_was_said<D: Driver>() {
    let server = model().batch_max_requests(10);
    let stub = Stub::behind(server.clone(), |_, request, answered| match request.uri().path() {
        "/v1/" => info("25").answer,
        _ => whole(request, answered()),
    });
    let it = Place::<D>::at(stub.url());
    assert!(it.client.send(creations((0..30).map(|n| format!("r{n:02}")))).unwrap().summary().is_success());
    assert!(it.client.send(creations((30..42).map(|n| format!("r{n}")))).unwrap().summary().is_success());
    assert_eq!(sizes(&stub), [25, 10, 10, 10, 10, 2], "refused once, and then known");
    assert_eq!(there(&server).len(), 42);
    assert_eq!(stub.requests().iter().filter(|request| request.starts_with("GET /v1/ ")).count(), 1);
}

/// In a batch, a 304 would undo all of it.
fn conditional_reads_go_alone<D: Driver>() {
    let server = model();
    let known = server.send(records().create("known", &json!({"n": 1}))).unwrap().last_modified;
    let stub = Stub::serving(server.clone());
    let it = Place::<D>::at(stub.url());
    let read =
        |at| Call::new(Method::GET, endpoints::record("b", "c", "known")).precondition(Precondition::Changed(at));
    let mut batch = creations(["a", "b"]);
    let same = batch.push(read(known));
    let older = batch.push(read(Timestamp::from_millis(1)));
    batch.push(records().create("c", &json!({"n": 1})));
    batch.push(records().create("d", &json!({"n": 1})));
    let mut outcome = it.client.send(batch).unwrap();
    assert_eq!(outcome.take(same).unwrap().status().as_u16(), 304);
    assert_eq!(outcome.take(older).unwrap().status().as_u16(), 200);
    assert!(outcome.summary().is_success(), "{}", outcome.summary());
    assert_eq!(sent(&stub), [vec!["a", "b"], vec!["known"], vec!["known"], vec!["c", "d"]]);
    assert_eq!(there(&server), ["a", "b", "c", "d", "known"]);
}
