//! Reading, changing and writing back.

use super::*;

const READ: &str = r#"{"data":{"id":"a","last_modified":7,"n":1,"unknown":[1.50]}}"#;

#[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
struct Counter {
    n: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn counters() -> crate::Resource<Counter> {
    records().typed()
}

fn body(request: &Request) -> serde_json::Value {
    serde_json::from_slice(request.body()).unwrap()
}

#[test]
fn what_the_type_does_not_know_stays() {
    let flow = counters().modify("a", |counter| counter.n += 1);
    let run = run(flow, vec![answer(200, &[], READ), answer(200, &[], RECORD)]);
    assert_eq!(body(&run.requests[1]), json!({"data": {"n": 2, "unknown": [1.5]}}));
    assert_eq!(run.requests[1].headers()["if-match"], "\"7\"");
    assert!(run.result.is_ok());
}

#[test]
fn what_is_taken_away_goes() {
    let read = r#"{"data":{"id":"a","last_modified":7,"n":1,"note":"x"}}"#;
    let flow = counters().modify("a", |counter| counter.note = None);
    let run = run(flow, vec![answer(200, &[], read), answer(200, &[], RECORD)]);
    assert_eq!(body(&run.requests[1]), json!({"data": {"n": 1}}));
}

#[test]
fn nothing_is_written_where_nothing_changes() {
    let run = run(counters().modify("a", |counter| counter.n = 1), vec![answer(200, &[], READ)]);
    assert_eq!(run.result.unwrap().data.n, 1);
}

#[test]
fn it_begins_anew_when_others_were_faster() {
    let refused = || answer(412, &[], r#"{"errno":114,"details":{"existing":{"id":"a","last_modified":8,"n":5}}}"#);
    let newer = || answer(200, &[], r#"{"data":{"id":"a","last_modified":8,"n":5}}"#);
    let mut calls = 0;
    let flow = counters().modify("a", |counter| {
        calls += 1;
        counter.n += 1;
    });
    let run = run(flow, vec![answer(200, &[], READ), refused(), newer(), answer(200, &[], RECORD)]);
    assert_eq!(body(&run.requests[3]), json!({"data": {"n": 6}}));
    assert_eq!(run.requests[3].headers()["if-match"], "\"8\"");
    assert!(run.waits.len() == 1 && run.result.is_ok());
    assert_eq!(calls, 2);

    let mut bench = Bench::new(|policy| policy.conflicts = 2);
    let always = vec![newer(), refused(), newer(), refused(), newer(), refused()];
    let error = bench.run(counters().modify("a", |counter| counter.n += 1), always).error();
    assert!(error.is_precondition_failed() && error.to_string().contains("faster 3 times"), "{error}");
    assert!(!error.maybe_applied());
}

#[test]
fn it_is_never_applied_twice() {
    let lost = || fails(FailureKind::Interrupted);
    let refused = || answer(412, &[], r#"{"errno":114}"#);
    let found =
        |n| answer(200, &[], &json!({"data": {"id": "a", "last_modified": 9, "n": n, "unknown": [1.5]}}).to_string());
    let increment = || counters().modify("a", |counter| counter.n += 1);
    // Whoever made 2 of it: somebody else may have counted as well.
    for n in [2, 3] {
        let error = run(increment(), vec![answer(200, &[], READ), lost(), refused(), found(n)]).error();
        assert!(error.is_precondition_failed() && error.maybe_applied(), "{error}");
    }
    // Where once more makes no difference, it is done.
    let set = counters().modify("a", |counter| counter.n = 2);
    let done = run(set, vec![answer(200, &[], READ), lost(), refused(), found(2)]).result.unwrap();
    assert!(done.repeated && done.data.n == 2);
}

#[test]
fn what_is_not_there_can_be_created() {
    let missing = || answer(404, &[], r#"{"errno":110}"#);
    let zero = Counter { n: 0, note: None };
    let increment = || counters().modify("a", |counter| counter.n += 1);
    assert!(run(increment(), vec![missing()]).error().is_not_found());
    let created = run(increment().or_create(&zero), vec![missing(), answer(201, &[], RECORD)]);
    assert_eq!(created.requests[1].headers()["if-none-match"], "*");
    assert_eq!(body(&created.requests[1]), json!({"data": {"n": 1}}));
    // Somebody else creates it at the same moment.
    let taken = answer(412, &[], r#"{"errno":114}"#);
    let answers = vec![missing(), taken, answer(200, &[], READ), answer(200, &[], RECORD)];
    let run = run(increment().or_create(&zero), answers);
    assert_eq!(body(&run.requests[3])["data"]["n"], 2);
}

#[test]
fn what_cannot_be_written_is_not_sent() {
    let list = records().typed::<Vec<u8>>();
    assert_eq!(
        run(list.modify("a", |_| {}).or_create(&vec![1]), vec![answer(404, &[], "{}")]).error().kind(),
        ErrorKind::Input
    );
}
