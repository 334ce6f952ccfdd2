//! Batches that stop, go on, or leave something in doubt.

use super::batches::{DATE, Outcome_, aborted, asked, creations, ended, entries, info, made, object};
use super::*;
use crate::Attributes;
use crate::batch::{Batch, Outcome, Status};

#[test]
fn what_must_not_be_sent_twice_is_not() {
    let once = |n| Call::new(Method::POST, records().path().clone()).json(&json!({"data": {"n": n}})).unwrap();
    let mut batch = creations(&["a", "b"]);
    batch.push(once(1));
    batch.push(once(2));
    batch.push(records().delete("c"));
    let run = run(batch, vec![info(json!(25)), entries(&[made("a"), made("b")]), fails(FailureKind::Interrupted)]);
    assert_eq!(asked(&run.requests)[1..], ["PUT a, PUT b", "POST records, POST records"]);
    let mut outcome = run.result.unwrap();
    assert_eq!(ended(&outcome), [Status::Done, Status::Done, Status::Unknown, Status::Unknown, Status::NotSent]);
    assert!(outcome.stopped().unwrap().to_string().contains("after 4 of 5 operations"), "{:?}", outcome.stopped());
    let again = outcome.retry_failed().unwrap();
    assert_eq!(again.len(), 1, "the two that may have been carried out are left");
}

#[test]
fn what_stops_it_stops_it_and_it_can_go_on() {
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let mut batch = creations(&["a", "b", "c", "d"]).requests(2);
    let error = bench
        .run(&mut batch, vec![info(json!(25)), entries(&[made("a"), made("b")]), fails(FailureKind::Interrupted)])
        .error();
    assert!(error.kind() == ErrorKind::Interrupted && error.to_string().contains("after 2 of 4"), "{error}");
    let exists = (412, json!({"errno": 114, "details": {"existing": {"id": "c", "last_modified": 1, "n": 1}}}));
    let run =
        bench.run(&mut batch, vec![entries(&[exists, made("d")]), answer(200, &[DATE], &object("c", 1).to_string())]);
    assert_eq!(asked(&run.requests), ["PUT c, PUT d", "GET c"]);
    assert_eq!(run.result.unwrap().to_string(), "4 done");
    assert!(bench.run(&mut batch, vec![]).result.unwrap().is_success(), "nothing left to do");
    assert!(batch.into_outcome().into_result().is_ok());
}

#[test]
fn what_stopped_it_is_told_in_the_outcome_too() {
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let mut batch = creations(&["a", "b"]);
    let error = bench.run(&mut batch, vec![info(json!(25)), fails(FailureKind::Interrupted)]).error();
    let outcome = batch.into_outcome();
    let told = outcome.stopped().unwrap();
    assert_eq!((told.kind(), told.attempts(), told.maybe_applied()), (error.kind(), 1, true));
    assert!(error.to_string().ends_with(told.to_string().rsplit(": ").next().unwrap()), "{error} / {told}");
}

#[test]
fn what_failed_can_be_tried_again() {
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let mut batch = creations(&["a", "b"]).requests(2);
    let late = batch.push(records().create("c", &json!({"n": 1})));
    let run = bench.run(
        batch,
        vec![info(json!(25)), entries(&[made("a"), (400, json!({"errno": 107}))]), fails(FailureKind::Connect)],
    );
    let mut outcome = run.result.unwrap();
    assert_eq!(ended(&outcome), [Status::Done, Status::Invalid, Status::NotSent]);
    assert_eq!(outcome.of(Status::NotSent).next().unwrap().position(), 2);
    let again = outcome.retry_failed().unwrap();
    assert_eq!(outcome.summary().total(), 2);
    outcome.merge(bench.run(again, vec![answer(201, &[], &object("c", 1).to_string())]).result.unwrap());
    assert_eq!(outcome.take(late).unwrap().id, "c");
    assert!(outcome.retry_failed().is_none());
}

#[test]
fn a_request_that_the_server_stumbles_over_is_found() {
    let broken = || answer(500, &[], r#"{"errno":999}"#);
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let reads = || ["a", "b", "c", "d"].map(|id| records().get(id)).into_iter().collect::<Batch>();
    let found = |id: &str| (200, object(id, 1));
    let run = bench.run(
        reads(),
        vec![
            info(json!(25)),
            broken(),
            broken(),
            broken(),
            answer(200, &[], RECORD),
            entries(&[found("c"), found("d")]),
        ],
    );
    assert_eq!(
        asked(&run.requests)[1..],
        ["GET a, GET b, GET c, GET d", "GET a, GET b", "GET a", "GET b", "GET c, GET d"]
    );
    assert_eq!(run.result.unwrap().summary().to_string(), "3 done, 1 failed");
    // Where all are broken, it ends, and can go on.
    let mut batch: Batch = ["a", "b", "c", "d", "e", "f"].map(|id| records().get(id)).into_iter().collect();
    let error = bench.run(&mut batch, (0..8).map(|_| broken()).collect()).error();
    assert_eq!(error.status().unwrap(), 500);
    let run = bench.run(&mut batch, vec![entries(&[found("e"), found("f")])]);
    assert_eq!(run.result.unwrap().to_string(), "2 done, 4 failed");
    // What may have been carried out is not sent twice, where nothing is.
    let run = bench.run(creations(&["a", "b"]), vec![broken()]);
    assert_eq!(ended(&run.result.unwrap()), [Status::Unknown; 2]);
}

#[test]
fn what_overburdens_the_server_is_found_when_it_is_sent_again_and_again() {
    let busy = || answer(503, &[], r#"{"errno":201}"#);
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let mut batch = creations(&["a", "b", "c"]);
    let sizes = [vec![info(json!(25)), busy()], vec![busy()], vec![busy()]];
    for answers in sizes {
        assert_eq!(bench.run(&mut batch, answers).error().status().unwrap(), 503);
    }
    let refused = answer(412, &[DATE], r#"{"errno":114}"#);
    let last = entries(&[(200, object("b", 1)), made("c")]);
    let run = bench.run(&mut batch, vec![busy(), refused, last]);
    assert_eq!(asked(&run.requests), ["PUT a", "PUT b", "GET b, PUT c"]);
    assert_eq!(run.result.unwrap().to_string(), "2 done, 1 unknown");
}

#[test]
fn answers_that_cannot_be_told_apart_are_nobody_s() {
    let odd = [
        entries(&[made("a")]),
        entries(&[made("a"), made("b"), made("c")]),
        answer(200, &[], r#"{"responses":null}"#),
        answer(200, &[], "<html>"),
        answer(200, &[], r#"{"responses":[{"status":201,"path":"/v1/x/b"},{"status":201,"path":"/v1/x/a"}]}"#),
    ];
    for odd in odd {
        let outcome = run(creations(&["a", "b"]), vec![info(json!(25)), odd]).result.unwrap();
        assert_eq!(ended(&outcome), [Status::Unknown; 2]);
        assert_eq!(outcome.stopped().unwrap().kind(), ErrorKind::Decode);
    }
    for member in [
        json!(null),
        json!({"status": "201"}),
        json!({"status": 70_000}),
        json!(7),
        json!({"status": 201, "headers": 3}),
    ] {
        let good = json!({"status": 201, "body": object("b", 1), "headers": {"ETag": 7, "\n": "x"}});
        let answered = answer(200, &[], &json!({"responses": [member, good]}).to_string());
        let outcome = run(creations(&["a", "b"]), vec![info(json!(25)), answered]).result.unwrap();
        assert_eq!(ended(&outcome), [Status::Unknown, Status::Done]);
    }
    let bodies = [(201, json!(null)), (202, json!({})), (307, json!({})), (201, json!("x"))];
    let outcome = run(creations(&["a", "b", "c", "d"]), vec![info(json!(25)), entries(&bodies)]).result.unwrap();
    assert_eq!(ended(&outcome), [Status::Unknown; 4]);
}

#[test]
fn an_object_is_written_once_in_a_chunk() {
    let mut batch = creations(&["a", "b"]);
    batch.push(records().patch("a", Attributes::new(&json!({"n": 2}))));
    batch.push(records().typed::<()>().get("b"));
    batch.push(records().delete("b"));
    batch.push(bucket("b").collections().delete("c"));
    batch.push(records().typed::<()>().get("d"));
    let left = |id: &str| (200, json!({"data": {"id": id, "last_modified": 1, "deleted": true}}));
    let answers = vec![
        info(json!(25)),
        entries(&[made("a"), made("b")]),
        entries(&[(200, object("a", 2)), (200, object("b", 1))]),
        answer(200, &[], &left("b").1.to_string()),
        answer(200, &[], &left("c").1.to_string()),
        answer(200, &[], &object("d", 1).to_string()),
    ];
    let run = run(batch, answers);
    assert_eq!(asked(&run.requests)[1..], ["PUT a, PUT b", "PATCH a, GET b", "DELETE b", "DELETE c", "GET d"]);
    assert!(run.result.unwrap().summary().is_success());
}

#[test]
fn each_chunk_has_its_own_time() {
    let mut bench = Bench::new(|policy| policy.deadline = Duration::from_millis(25));
    let ids: Vec<String> = (0..40).map(|n| format!("r{n}")).collect();
    let batch: Batch = ids.iter().map(|id| records().create(id.as_str(), &json!({"n": 1}))).collect();
    let answers = std::iter::once(info(json!(2)))
        .chain(ids.chunks(2).map(|pair| entries(&[made(&pair[0]), made(&pair[1])])))
        .collect();
    assert!(bench.run(batch, answers).result.unwrap().summary().is_success());
}

#[test]
fn silence_asked_for_in_an_entry_is_kept() {
    let mut quiet = json!({"status": 201, "headers": {"Backoff": "30"}, "body": object("a", 1)});
    let first =
        answer(200, &[], &json!({"responses": [quiet.clone(), {"status": 201, "body": object("b", 1)}]}).to_string());
    quiet["headers"] = json!({});
    let run = run(
        creations(&["a", "b", "c"]).requests(2),
        vec![info(json!(25)), first, answer(201, &[], &object("c", 1).to_string())],
    );
    assert_eq!(run.waits, [Duration::from_secs(30)]);
}

#[test]
fn nobody_to_be_reached_is_told_of_all() {
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let outcome = bench.run(creations(&["a", "b"]), vec![fails(FailureKind::Connect)]).result.unwrap();
    assert_eq!(ended(&outcome), [Status::NotSent; 2]);
    let error = outcome.into_result().unwrap_err();
    assert!(error.kind() == ErrorKind::Connect && !error.maybe_applied() && error.is_retryable(), "{error}");
}

#[test]
fn side_by_side_or_one_after_the_other() {
    let ids = ["a", "b", "c", "d", "e"];
    let batch = || creations(&ids).concurrency(2);
    let answers = || {
        vec![
            entries(&[made("a"), made("b")]),
            entries(&[made("c"), made("d")]),
            answer(201, &[], &object("e", 1).to_string()),
        ]
    };
    let mut bench = Bench::new(|_| {});
    bench.run(server_info(), vec![info(json!(2))]).result.unwrap();
    let limit = vec![info(json!(2))];
    // A driver that does not ask for parts sends them itself.
    assert_eq!(bench.run(batch(), limit.into_iter().chain(answers()).collect()).requests.len(), 4);

    let mut exchange = bench.session.exchange(batch());
    let fork = exchange.fork(bench.now).unwrap();
    assert_eq!((fork.parts.len(), fork.at_once), (3, 2));
    let mut parts = fork.parts;
    // One of them is lost with the future that sent it, and one never sent.
    let dropped = parts.remove(1);
    let mut under_way = bench.session.exchange(parts.remove(1));
    assert!(matches!(under_way.next(bench.now), Step::Send(..)));
    drop((under_way, dropped));
    let part = parts.remove(0);
    bench.run(part, vec![entries(&[made("a"), made("b")])]).result.unwrap();
    let rest = bench.finish(
        exchange,
        vec![
            entries(&[made("c"), made("d")]),
            answer(412, &[DATE], "{}"),
            answer(200, &[], &object("e", 1).to_string()),
        ],
    );
    assert_eq!(rest.result.unwrap().summary().to_string(), "5 done");
}

#[test]
fn one_part_that_stops_keeps_others_from_beginning() {
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let first = bench.run(creations(&["x", "y"]), vec![info(json!(2)), entries(&[made("x"), made("y")])]);
    assert!(first.result.unwrap().summary().is_success());
    let mut exchange = bench.session.exchange(creations(&["a", "b", "c", "d"]).concurrency(2));
    let mut parts = exchange.fork(bench.now).unwrap().parts.into_iter();
    bench.run(parts.next().unwrap(), vec![fails(FailureKind::Interrupted)]).result.unwrap();
    bench.run(parts.next().unwrap(), vec![]).result.unwrap();
    let outcome = bench.finish(exchange, vec![]).result.unwrap();
    assert_eq!(ended(&outcome), [Status::Unknown, Status::Unknown, Status::NotSent, Status::NotSent]);
    assert_eq!(outcome.stopped().unwrap().kind(), ErrorKind::Interrupted);
}

#[test]
fn what_is_in_doubt_stays_in_doubt_until_it_is_cleared_up() {
    let refused = || answer(412, &[DATE], r#"{"errno":114}"#);
    let lost = || fails(FailureKind::Interrupted);
    let one = || creations(&["a"]);
    let mut bench = Bench::new(|policy| policy.attempts = 2);
    let unreachable = vec![lost(), refused(), fails(FailureKind::Connect), fails(FailureKind::Connect)];
    let mut outcome = bench.run(one(), unreachable).result.unwrap();
    assert_eq!(ended(&outcome), [Status::Unknown]);
    let again = outcome.retry_failed().unwrap();
    let found = answer(200, &[], &object("a", 1).to_string());
    let run = bench.run(again, vec![found]);
    assert_eq!(asked(&run.requests), ["GET a"], "it goes on where it stood");
    assert_eq!(ended(&run.result.unwrap()), [Status::Done]);
    for odd in
        [answer(307, &[("location", "https://else.where/")], ""), answer(200, &[], "<html>"), answer(403, &[], "")]
    {
        let outcome = run_one(one(), vec![lost(), refused(), odd]);
        assert_eq!(ended(&outcome), [Status::Unknown]);
        assert!(outcome.into_result().unwrap_err().maybe_applied());
    }
}

fn run_one(batch: Batch, answers: Vec<Outcome_>) -> Outcome {
    run(batch, answers).result.unwrap()
}

#[test]
fn a_409_in_the_repeat_of_a_lost_chunk_hides_nothing() {
    let exists = (412, json!({"errno": 114}));
    let run = run(
        creations(&["a", "b"]),
        vec![
            info(json!(25)),
            answer(502, &[], ""),
            entries(&[exists.clone(), aborted()]),
            answer(412, &[DATE], "{}"),
            answer(200, &[], &object("a", 1).to_string()),
            answer(412, &[DATE], "{}"),
            answer(200, &[], &object("b", 1).to_string()),
        ],
    );
    assert_eq!(asked(&run.requests)[3..], ["PUT a", "GET a", "PUT b", "GET b"]);
    assert_eq!(run.result.unwrap().summary().to_string(), "2 done");
}

#[test]
fn what_must_not_be_sent_twice_is_not_after_a_409_either() {
    let once = |n| Call::new(Method::POST, records().path().clone()).json(&json!({"data": {"n": n}})).unwrap();
    let batch: Batch = (0..3).map(once).collect();
    let answers = vec![info(json!(25)), entries(&[made("x"), aborted(), (503, json!({}))]), answer(201, &[], RECORD)];
    let run = run(batch, answers);
    assert_eq!(ended(&run.result.unwrap()), [Status::Unknown, Status::Done, Status::Unknown]);
}

#[test]
fn what_was_taken_is_not_forgotten() {
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let mut batch = creations(&["a"]);
    let ticket = batch.push(records().create("b", &json!({"n": 1})));
    let mut outcome = bench.run(batch, vec![fails(FailureKind::Connect)]).result.unwrap();
    assert_eq!(outcome.take(ticket).unwrap_err().kind(), ErrorKind::Stopped);
    assert_eq!(outcome.take(ticket).unwrap_err().kind(), ErrorKind::Input);
    let run = bench.run(outcome.retry_failed().unwrap(), vec![info(json!(25)), entries(&[made("a"), made("b")])]);
    outcome.merge(run.result.unwrap());
    assert_eq!(outcome.take(ticket).unwrap().id, "b");
}

#[test]
fn a_wait_that_does_not_fit_is_not_begun() {
    let mut day = json!({"status": 409, "headers": {"Retry-After": "86400"}, "body": {"errno": 122}});
    let answered =
        answer(200, &[], &json!({"responses": [day.take(), {"status": 201, "body": object("b", 1)}]}).to_string());
    let run = run(creations(&["a", "b"]), vec![info(json!(25)), answered]);
    assert!(run.waits.is_empty());
    let outcome = run.result.unwrap();
    assert_eq!(ended(&outcome), [Status::NotSent, Status::Done]);
    assert_eq!(outcome.stopped().unwrap().kind(), ErrorKind::Deadline);
}

#[test]
fn what_a_server_says_for_now_is_not_kept() {
    let mut bench = Bench::new(|_| {});
    let read_only = answer(200, &[], r#"{"settings":{"batch_max_requests":25,"readonly":true}}"#);
    let ok = || answer(200, &[], RECORD);
    let reads = || ["a", "b"].map(|id| records().get(id)).into_iter().collect::<Batch>();
    assert!(bench.run(reads(), vec![read_only, ok(), ok()]).result.is_ok());
    let both = entries(&[(200, object("a", 1)), (200, object("b", 1))]);
    assert!(bench.run(reads(), vec![info(json!(25)), both]).result.is_ok());
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let busy = bench.run(reads(), vec![answer(503, &[], "")]).result.unwrap();
    assert_eq!(ended(&busy), [Status::NotSent; 2]);
}

#[test]
fn parts_that_are_still_under_way_are_waited_for() {
    let mut bench = Bench::new(|_| {});
    assert!(bench.run(creations(&["x", "y"]), vec![info(json!(2)), entries(&[made("x"), made("y")])]).result.is_ok());
    let mut batch = creations(&["a", "b", "c"]).concurrency(2);
    let mut exchange = bench.session.exchange(&mut batch);
    let mut parts = exchange.fork(bench.now).unwrap().parts;
    drop(parts.remove(0));
    let error = bench.finish(exchange, vec![]).error();
    assert!(error.kind() == ErrorKind::Input && error.to_string().contains("still under way"), "{error}");
    assert!(bench.run(parts.remove(0), vec![answer(201, &[], &object("c", 1).to_string())]).result.is_ok());
    let run = bench.run(&mut batch, vec![entries(&[made("a"), made("b")])]);
    assert_eq!(run.result.unwrap().to_string(), "3 done");
}
