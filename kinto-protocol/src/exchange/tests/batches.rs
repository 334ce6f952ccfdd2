//! Batches: what goes into which request, and what comes out for whom.

use super::*;
use crate::batch::{Batch, Outcome, Status};
use crate::{Attributes, Merge, Timestamp};

pub(super) const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 12:00:00 GMT");

/// The answer of a batch.
pub(super) fn entries(entries: &[(u16, serde_json::Value)]) -> Outcome_ {
    let responses: Vec<_> =
        entries.iter().map(|(status, body)| json!({"status": status, "headers": {}, "body": body})).collect();
    answer(200, &[DATE], &json!({"responses": responses}).to_string())
}

pub(super) type Outcome_ = super::Outcome;

pub(super) fn object(id: &str, n: i64) -> serde_json::Value {
    json!({"data": {"id": id, "last_modified": 784_123_199_000_i64, "n": n}, "permissions": {"write": ["me"]}})
}

pub(super) fn made(id: &str) -> (u16, serde_json::Value) {
    (201, object(id, 1))
}

pub(super) fn aborted() -> (u16, serde_json::Value) {
    (409, json!({"errno": 122}))
}

pub(super) fn info(limit: serde_json::Value) -> Outcome_ {
    answer(200, &[], &json!({"settings": {"batch_max_requests": limit}}).to_string())
}

pub(super) fn creations(ids: &[&str]) -> Batch {
    ids.iter().map(|id| records().create(*id, &json!({"n": 1}))).collect()
}

/// What each request asks for, in short.
pub(super) fn asked(requests: &[Request]) -> Vec<String> {
    requests
        .iter()
        .map(|request| {
            let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            if request.uri().path() != "/v1/batch" {
                return format!("{} {}", request.method(), last(request.uri().path()));
            }
            let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
            let each = body["requests"].as_array().unwrap().iter();
            each.map(|it| format!("{} {}", it["method"].as_str().unwrap(), last(it["path"].as_str().unwrap())))
                .collect::<Vec<_>>()
                .join(", ")
        })
        .collect()
}

pub(super) fn ended(outcome: &Outcome) -> Vec<Status> {
    outcome.items().map(|item| item.status()).collect()
}

#[test]
fn each_has_its_own_outcome() {
    let mut batch = Batch::new();
    let created = batch.push(records().create("a", &json!({"n": 1})));
    let read = batch.push(records().get("b"));
    let refused = batch.push(records().create("c", &json!({})));
    let gone = batch.push(records().delete_if_present("d"));
    let count = batch.push(records().typed::<()>().exists("e"));
    let existing = json!({"errno": 114, "details": {"existing": {"id": "c", "last_modified": 1, "x": 2}}});
    let missing = json!({"errno": 110, "details": {"id": "d", "resource_name": "record"}});
    let run = run(
        batch,
        vec![
            info(json!(25)),
            entries(&[made("a"), (200, object("b", 2)), (412, existing), (404, missing), (200, json!(""))]),
        ],
    );
    assert_eq!(asked(&run.requests)[1], "PUT a, GET b, PUT c, DELETE d, HEAD e");
    let mut outcome = run.result.unwrap();
    assert_eq!(outcome.get(created).unwrap().unwrap().id, "a");
    assert_eq!(outcome.take(created).unwrap().data["n"], 1);
    assert_eq!(outcome.take(read).unwrap().data["n"], 2);
    assert!(outcome.take(refused).unwrap_err().is_precondition_failed());
    assert_eq!(outcome.take(gone).unwrap(), crate::Deletion::Absent);
    assert!(outcome.take(count).unwrap());
    assert_eq!(outcome.summary().to_string(), "3 done, 1 already so, 1 in conflict");
    assert!(outcome.stopped().is_none());
}

#[test]
fn a_ticket_of_another_batch_finds_nothing() {
    let mut other = Batch::new();
    let ticket = other.push(records().get("a"));
    let mut outcome = run(Batch::new(), vec![]).result.unwrap();
    assert!(outcome.get(ticket).is_none());
    assert_eq!(outcome.take(ticket).unwrap_err().kind(), ErrorKind::Input);
}

#[test]
fn one_alone_needs_no_batch() {
    let run = run(creations(&["a"]), vec![answer(201, &[], RECORD)]);
    assert_eq!(asked(&run.requests), ["PUT a"]);
    assert!(run.result.unwrap().summary().is_success());
}

#[test]
fn chunks_are_as_long_as_the_server_allows() {
    let ids = ["a", "b", "c", "d", "e"];
    let mut bench = Bench::new(|_| {});
    let answers = vec![
        info(json!(2)),
        entries(&[made("a"), made("b")]),
        entries(&[made("c"), made("d")]),
        answer(201, &[], &object("e", 1).to_string()),
    ];
    let run = bench.run(creations(&ids), answers);
    assert_eq!(asked(&run.requests), ["GET ", "PUT a, PUT b", "PUT c, PUT d", "PUT e"]);
    assert_eq!(run.result.unwrap().summary().to_string(), "5 done");
    // The server is asked once.
    let again = bench.run(creations(&["a", "b"]), vec![entries(&[made("a"), made("b")])]);
    assert_eq!(again.requests.len(), 1);

    let all = || entries(&ids.map(made));
    for unlimited in [json!(0), json!(null), json!(25)] {
        assert_eq!(run_of(&ids, vec![info(unlimited), all()]), 2);
    }
    // A server that does not say takes 25, and so does one that cannot be understood.
    for silent in [answer(200, &[], "{}"), answer(404, &[], ""), answer(200, &[], "<html>")] {
        assert_eq!(run_of(&ids, vec![silent, all()]), 2);
    }
    let small = super::run(
        creations(&ids).requests(3),
        vec![info(json!(25)), entries(&[made("a"), made("b"), made("c")]), entries(&[made("d"), made("e")])],
    );
    assert_eq!(asked(&small.requests)[1..], ["PUT a, PUT b, PUT c", "PUT d, PUT e"]);
}

fn run_of(ids: &[&str], answers: Vec<Outcome_>) -> usize {
    let run = run(creations(ids), answers);
    assert!(run.result.unwrap().summary().is_success());
    run.requests.len()
}

#[test]
fn a_server_that_says_less_than_it_takes_is_believed() {
    let told = json!({"errno": 107, "details": [{"location": "body", "name": "requests", "description": "Number of requests is limited to 2"}]});
    let run = run(
        creations(&["a", "b", "c"]),
        vec![
            info(json!(25)),
            answer(400, &[], &told.to_string()),
            entries(&[made("a"), made("b")]),
            answer(201, &[], &object("c", 1).to_string()),
        ],
    );
    assert!(run.result.unwrap().summary().is_success());
}

#[test]
fn bytes_count_too() {
    let long = |id: &str| records().create(id, &json!({"n": "x".repeat(400)}));
    let batch = || ["a", "b", "c"].map(long).into_iter().collect::<Batch>();
    let two = vec![info(json!(25)), entries(&[made("a"), made("b")]), answer(201, &[], RECORD)];
    assert_eq!(asked(&run(batch().bytes(1_300), two).requests)[1..], ["PUT a, PUT b", "PUT c"]);
    let each = (0..4).map(|n| if n == 0 { info(json!(25)) } else { answer(201, &[], RECORD) }).collect();
    assert_eq!(asked(&run(batch().bytes(10), each).requests)[1..], ["PUT a", "PUT b", "PUT c"]);
}

#[test]
fn what_no_batch_can_do_goes_by_itself_in_its_place() {
    let at = Timestamp::from_millis(1);
    let ok = || answer(200, &[], RECORD);
    let mut batch = Batch::new();
    batch.push(records().create("a", &json!({})));
    batch.push(records().create("b", &json!({})));
    batch.push(records().patch("c", Merge::new(&json!({"x": null}))));
    batch.push(records().patch("d", Attributes::new(&json!({"x": null}))));
    batch.push(records().get("e").if_changed_since(at));
    batch.push(records().get("batches"));
    batch.push(records().get("f"));
    batch.push(records().get("g"));
    let answers = vec![
        info(json!(25)),
        entries(&[made("a"), made("b")]),
        ok(),
        ok(),
        answer(304, &[], ""),
        ok(),
        entries(&[(200, object("f", 1)), (200, object("g", 1))]),
    ];
    let run = run(batch, answers);
    assert_eq!(
        asked(&run.requests)[1..],
        ["PUT a, PUT b", "PATCH c", "PATCH d", "GET e", "GET batches", "GET f, GET g"]
    );
    assert_eq!(run.requests[2].headers()["content-type"], "application/merge-patch+json");
    assert!(run.result.unwrap().summary().is_success());
}

#[test]
fn a_server_that_takes_no_batches_gets_none() {
    let read_only = answer(200, &[], r#"{"settings":{"batch_max_requests":25,"readonly":true}}"#);
    let reads = || ["a", "b"].map(|id| records().get(id)).into_iter().collect::<Batch>();
    let ok = || answer(200, &[], RECORD);
    assert_eq!(asked(&run(reads(), vec![read_only, ok(), ok()]).requests)[1..], ["GET a", "GET b"]);
    for refusal in [404, 405, 501] {
        let run = run(reads(), vec![info(json!(25)), answer(refusal, &[], ""), ok(), ok()]);
        assert_eq!(asked(&run.requests)[2..], ["GET a", "GET b"]);
        assert!(run.result.unwrap().summary().is_success());
    }
}

#[test]
fn the_body_says_what_the_request_would() {
    let mut batch = Batch::new();
    batch.push(records().create("a", &json!({"n": 1.0})));
    batch.push(
        bucket("mybucket-v1").collections().patch("c", Attributes::new(&json!({}))).if_match(Timestamp::from_millis(7)),
    );
    batch.push(records().get("b").fields(["n", "m"]));
    let run = run(batch, vec![info(json!(25)), entries(&[made("a"), (200, object("c", 1)), (200, object("b", 1))])]);
    assert_eq!(
        std::str::from_utf8(run.requests[1].body()).unwrap(),
        concat!(
            r#"{"requests":[{"method":"PUT","path":"/buckets/b/collections/c/records/a","headers":{"if-none-match":"*"},"body":{"data":{"n":1.0}}},"#,
            r#"{"method":"PATCH","path":"/buckets/mybucket-v1/collections/c","headers":{"if-match":"\"7\""},"body":{"data":{}}},"#,
            r#"{"method":"GET","path":"/buckets/b/collections/c/records/b?_fields=n%2Cm"}]}"#
        )
    );
    assert!(run.requests[1].headers().get("if-match").is_none());
}

#[test]
fn what_cannot_be_sent_keeps_nothing_else_from_being_sent() {
    let run = run(creations(&["a", "b c", "d"]), vec![info(json!(25)), entries(&[made("a"), made("d")])]);
    assert_eq!(asked(&run.requests)[1..], ["PUT a, PUT d"]);
    let outcome = run.result.unwrap();
    assert_eq!(ended(&outcome), [Status::Done, Status::Invalid, Status::Done]);
    assert!(outcome.into_result().unwrap_err().maybe_applied());
}

#[test]
fn a_409_undoes_what_was_before_it() {
    let run = run(
        creations(&["a", "b", "c", "d"]),
        vec![
            info(json!(25)),
            entries(&[made("a"), aborted(), made("c"), (403, json!({"errno": 121}))]),
            // `c` stands; `d` may have been refused for the lack of what was undone.
            entries(&[made("a"), made("b")]),
            answer(403, &[], r#"{"errno": 121}"#),
        ],
    );
    assert_eq!(asked(&run.requests)[1..], ["PUT a, PUT b, PUT c, PUT d", "PUT a, PUT b", "PUT d"]);
    assert_eq!(run.waits.len(), 1);
    assert_eq!(ended(&run.result.unwrap()), [Status::Done, Status::Done, Status::Done, Status::Forbidden]);
}

#[test]
fn where_nothing_was_undone_the_repeat_is_known_for_what_it_is() {
    let exists = (412, json!({"errno": 114, "details": {"existing": {"id": "a", "last_modified": 1, "n": 1}}}));
    let run = run(
        creations(&["a", "b"]),
        vec![
            info(json!(25)),
            entries(&[made("a"), aborted()]),
            answer(412, &[DATE], &exists.1.to_string()),
            answer(200, &[], &object("a", 1).to_string()),
            answer(201, &[], &object("b", 1).to_string()),
        ],
    );
    assert_eq!(asked(&run.requests)[1..], ["PUT a, PUT b", "PUT a", "GET a", "PUT b"]);
    let outcome = run.result.unwrap();
    assert_eq!(outcome.items().map(|item| item.is_repeated()).collect::<Vec<_>>(), [true, false]);
    assert!(outcome.summary().is_success());
}

#[test]
fn patience_with_conflicts_ends() {
    let mut bench = Bench::new(|policy| policy.conflicts = 1);
    let run = bench.run(
        creations(&["a", "b"]),
        vec![info(json!(25)), entries(&[aborted(), made("b")]), answer(409, &[], r#"{"errno":122}"#)],
    );
    assert_eq!(ended(&run.result.unwrap()), [Status::Conflict, Status::Done]);
}

#[test]
fn a_lost_chunk_is_sent_once_more_and_its_effects_are_known() {
    let exists = |id: &str, n: i64| {
        (412, json!({"errno": 114, "details": {"existing": {"id": id, "last_modified": 1, "n": n}}}))
    };
    let old = json!({"data": {"id": "d", "last_modified": 1, "n": 2}});
    let run = run(
        creations(&["a", "b", "c", "d", "e"]),
        vec![
            info(json!(25)),
            fails(FailureKind::Interrupted),
            entries(&[exists("a", 1), exists("b", 2), exists("c", 2), exists("d", 2), exists("e", 1)]),
            entries(&[
                (200, object("a", 1)),
                (200, object("b", 2)),
                (404, json!({"errno": 110})),
                (200, old),
                (404, json!({"errno": 110})),
            ]),
        ],
    );
    assert_eq!(asked(&run.requests)[3], "GET a, GET b, GET c, GET d, GET e");
    let outcome = run.result.unwrap();
    // `d` was there before: that is no doubt, but a conflict. `e` is as it was to be, whoever made it.
    let expected = [Status::Done, Status::Unknown, Status::Unknown, Status::Conflict, Status::AlreadySo];
    assert_eq!(ended(&outcome), expected);
    assert!(outcome.items().next().unwrap().is_repeated());
    for item in outcome.items().skip(1).take(3) {
        let error = item.error().unwrap();
        assert!(error.maybe_applied() == (item.status() == Status::Unknown) && item.existing().is_some());
        assert_eq!(error.request().unwrap().method, Method::PUT);
    }
}
