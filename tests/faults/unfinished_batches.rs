//! Batches that are broken off in the middle, and what of them was done.

use std::sync::Mutex;

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{Batch, Call, ErrorKind, Method, Request, Status, endpoints};
use kinto_tests::{Answer, Stub, whole};
use serde_json::json;

use crate::answers::answer;
use crate::batches::{creations, ended, model, sent, there};
use crate::driver::Driver;
use crate::place::{Place, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        K13 { what_was_done_is_found, what_may_be_done_once_is_not_sent_again, what_others_did_is_theirs; wire }
        K14 { a_later_chunk_fails; wire }
    }
}

/// How much of a batch the server does before it breaks.
#[derive(Clone, Copy, Debug)]
enum Done {
    Nothing,
    Half,
    All,
}

fn is_batch(request: &Request) -> bool {
    request.uri().path() == "/v1/batch"
}

/// The model. It does so much of its first batch, and then this comes instead of an answer.
fn breaking(server: &MemoryServer, done: Done, trouble: Answer) -> Stub {
    let (other, first) = (server.clone(), Mutex::new(true));
    Stub::behind(server.clone(), move |_, request, answered| {
        if !is_batch(request) || !std::mem::take(&mut *first.lock().unwrap()) {
            return whole(request, answered());
        }
        match done {
            Done::Nothing => {}
            Done::Half => drop(other.send(records().create("a", &json!({"n": 1}))).unwrap()),
            Done::All => drop(answered()),
        }
        trouble.clone()
    })
}

fn troubles() -> [(&'static str, Answer); 5] {
    [
        ("reset", Answer::Reset(Vec::new())),
        ("closed", Answer::Close(Vec::new())),
        ("503", answer(503, &[], "").answer),
        ("504 of a proxy", answer(504, &[], "<html>").answer),
        ("half an answer", Answer::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"responses\":[".to_vec())),
    ]
}

fn what_was_done_is_found<D: Driver>() {
    for done in [Done::Nothing, Done::Half, Done::All] {
        for (what, trouble) in troubles() {
            let server = model();
            let stub = breaking(&server, done, trouble);
            let it = Place::<D>::at(stub.url());
            let outcome = it.client.send(creations(["a", "b", "c"])).unwrap();
            assert_eq!(ended(&outcome), [Status::Done; 3], "{done:?}, {what}");
            let repeated: Vec<bool> = outcome.items().map(|item| item.is_repeated()).collect();
            let expected = match done {
                Done::Nothing => [false; 3],
                Done::Half => [true, false, false],
                Done::All => [true; 3],
            };
            assert_eq!(repeated, expected, "{done:?}, {what}");
            assert_eq!(there(&server), ["a", "b", "c"]);
            assert_eq!(sent(&stub)[..2], [vec!["a", "b", "c"], vec!["a", "b", "c"]]);
            assert_eq!(it.waits().len(), 1);
        }
    }
}

fn what_may_be_done_once_is_not_sent_again<D: Driver>() {
    for (what, trouble) in troubles() {
        let server = model();
        let stub = breaking(&server, Done::All, trouble);
        let it = Place::<D>::at(stub.url());
        let post = || Call::new(Method::POST, endpoints::records("b", "c")).json(&json!({"data": {"n": 1}})).unwrap();
        let mut batch: Batch = [post(), post()].into_iter().collect();
        let error = it.client.send(&mut batch).unwrap_err();
        assert!(error.attempts() == 1 && error.maybe_applied(), "{what}: {error}");
        // Not even when it is asked for.
        let _ = it.client.send(&mut batch);
        let mut outcome = batch.into_outcome();
        assert_eq!(ended(&outcome), [Status::Unknown; 2], "{what}");
        assert!(outcome.retry_failed().is_none(), "{what}");
        assert_eq!((there(&server).len(), sent(&stub).len(), it.waits().len()), (2, 1, 0), "{what}");
    }
}

/// Somebody else was faster with one of them: that is no work of the attempt that was lost.
fn what_others_did_is_theirs<D: Driver>() {
    let server = model();
    server.send(records().create("b", &json!({"n": 2}))).unwrap();
    let stub = breaking(&server, Done::All, Answer::Reset(Vec::new()));
    let it = Place::<D>::at(stub.url());
    let outcome = it.client.send(creations(["a", "b", "c"])).unwrap();
    assert!(matches!(ended(&outcome)[..], [Status::Done, Status::Conflict | Status::Unknown, Status::Done]));
    let existing = outcome.items().nth(1).unwrap().existing().cloned().unwrap_or_default();
    assert_eq!(existing.get("n"), Some(&json!(2)));
    assert_eq!(server.send(records().get("b")).unwrap().data["n"], 2);
}

fn a_later_chunk_fails<D: Driver>() {
    for done in [Done::Nothing, Done::All] {
        let server = model().batch_max_requests(2);
        let (batches, healed) = (Mutex::new(0), std::sync::Arc::new(Mutex::new(false)));
        let is_healed = std::sync::Arc::clone(&healed);
        let stub = Stub::behind(server.clone(), move |_, request, answered| {
            if !is_batch(request) || *is_healed.lock().unwrap() {
                return whole(request, answered());
            }
            let mut batches = batches.lock().unwrap();
            *batches += 1;
            match (*batches, done) {
                (1, _) => return whole(request, answered()),
                (2, Done::All) => drop(answered()),
                _ => {}
            }
            Answer::Reset(Vec::new())
        });
        let it = Place::<D>::at(stub.url());
        let mut outcome = it.client.send(creations(["a", "b", "c", "d", "e"])).unwrap();
        let expected = [Status::Done, Status::Done, Status::Unknown, Status::Unknown, Status::NotSent];
        assert_eq!(ended(&outcome), expected);
        let stopped = outcome.stopped().unwrap();
        assert_eq!((stopped.kind(), stopped.attempts(), stopped.maybe_applied()), (ErrorKind::Interrupted, 3, true));
        assert!(stopped.to_string().contains("the batch stopped after 2 of 5 operations"), "{stopped}");
        assert_eq!(sent(&stub).len(), 4);
        let all = ["a", "b", "c", "d", "e"];
        assert_eq!(there(&server), all[..if matches!(done, Done::All) { 4 } else { 2 }]);
        // Nothing is lost: what is left can be sent, and is there once.
        *healed.lock().unwrap() = true;
        let rest = it.client.send(outcome.retry_failed().unwrap()).unwrap();
        assert_eq!(ended(&rest), [Status::Done; 3]);
        outcome.merge(rest);
        assert!(outcome.into_result().is_ok());
        assert_eq!(there(&server), all);
    }
}
