//! Every edge of the machine, with time as a variable.

use std::sync::{Arc, Mutex};

#[cfg(feature = "gzip")]
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::*;
use crate::address::{bucket, buckets};
use crate::auth::Auth;
use crate::flows::GetOrCreated;
use crate::id::IdRule;
use crate::object::{Conditional, JsonMap, Listing};
use crate::operation::Operation;
use crate::operations::{heartbeat, server_info};
use crate::patch::JsonPatch;
use crate::policy::Policy;

const RECORD: &str = r#"{"data":{"id":"a","last_modified":7,"n":1},"permissions":{"write":["me"]}}"#;

type Outcome = Result<Response, TransportError>;

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Outcome {
    let mut response = Response::new(body.to_owned().into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
    }
    Ok(response)
}

fn fails(kind: FailureKind) -> Outcome {
    Err(TransportError::new(kind, "test"))
}

/// What an exchange did: the requests, and the waits between them.
struct Run<T> {
    result: Result<T>,
    requests: Vec<Request>,
    waits: Vec<Duration>,
}

impl<T: std::fmt::Debug> Run<T> {
    fn error(self) -> Error {
        self.result.unwrap_err()
    }

    fn lines(&self) -> Vec<String> {
        self.requests.iter().map(|r| format!("{} {}", r.method(), r.uri().path_and_query().unwrap())).collect()
    }

    fn waited(&self) -> Duration {
        self.waits.iter().sum()
    }
}

struct Bench {
    session: Session,
    now: Moment,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy::default();
        change(&mut policy);
        let builder = Session::builder("http://localhost:1/v1").auth(Auth::basic("me", "s3cr3t")).policy(policy);
        Self { session: builder.seed(7).build().unwrap(), now: Moment::default() }
    }

    /// Drives a flow with these answers, each of which takes 10 ms. The last one is given again and again.
    fn run<F: Flow>(&mut self, flow: F, answers: Vec<Outcome>) -> Run<F::Output> {
        let mut exchange = self.session.exchange(flow);
        let (mut requests, mut waits) = (Vec::new(), Vec::new());
        let mut answers = answers.into_iter();
        loop {
            assert!(requests.len() < 1000 && waits.len() < 1000, "endless");
            match exchange.next(self.now) {
                Step::Send(request, limits) => {
                    assert!(limits.total <= self.session.policy().deadline);
                    requests.push(request);
                    self.now = self.now.after(Duration::from_millis(10));
                    exchange.handle(answers.next().expect("one more answer"), self.now);
                }
                Step::Wait(wait) => {
                    assert!(!wait.is_zero());
                    waits.push(wait);
                    self.now = self.now.after(wait);
                }
                Step::Done(result) => {
                    assert!(answers.next().is_none(), "not all answers were asked for");
                    return Run { result, requests, waits };
                }
            }
        }
    }
}

fn run<F: Flow>(flow: F, answers: Vec<Outcome>) -> Run<F::Output> {
    Bench::new(|_| {}).run(flow, answers)
}

fn records() -> crate::Resource {
    bucket("b").collection("c").records()
}

#[test]
fn start_to_end() {
    let run = run(records().get("a"), vec![answer(200, &[], RECORD)]);
    assert_eq!(run.lines(), ["GET /v1/buckets/b/collections/c/records/a"]);
    let headers = run.requests[0].headers();
    assert_eq!(headers["authorization"], "Basic bWU6czNjcjN0");
    assert!(headers["authorization"].is_sensitive());
    assert!(headers["user-agent"].to_str().unwrap().starts_with("kinto-protocol/"));
    assert_eq!(run.result.unwrap().data["n"], 1);
}

#[test]
fn what_cannot_be_sent_is_not() {
    for id in ["", "..", "a/b", "a b", "x\r\n"] {
        let error = run(records().get(id), vec![]).error();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{id:?}");
        assert!(!error.maybe_applied());
    }
    let error = run(records().create("a", &json!({"id": "b"})), vec![]).error();
    assert_eq!(error.kind(), ErrorKind::Input);
    let error = run(records().create("a", &f64::NAN), vec![]).error();
    assert_eq!(error.kind(), ErrorKind::Input);
}

#[test]
fn a_wider_rule_takes_wider_ids() {
    let builder = Session::builder("http://localhost:1/v1").id_rule(IdRule::Wide);
    let mut bench = Bench { session: builder.build().unwrap(), now: Moment::default() };
    let run = bench.run(records().get("me@x.org"), vec![answer(200, &[], RECORD)]);
    assert_eq!(run.lines(), ["GET /v1/buckets/b/collections/c/records/me%40x.org"]);
    assert_eq!(bench.run(records().get(".."), vec![]).error().kind(), ErrorKind::Input);
}

#[test]
fn asking_twice_gives_the_same_step_and_stray_answers_nothing() {
    let session = Session::builder("http://localhost:1/v1").build().unwrap();
    let mut exchange = session.exchange(server_info());
    let now = Moment::default();
    exchange.handle(fails(FailureKind::Connect), now);
    for _ in 0..2 {
        assert!(matches!(exchange.next(now), Step::Send(request, _) if request.uri() == "http://localhost:1/v1/"));
    }
    exchange.handle(answer(200, &[], "{}"), now);
    exchange.handle(answer(500, &[], "{}"), now);
    assert!(matches!(exchange.next(now), Step::Done(Ok(_))));
    assert!(matches!(exchange.next(now), Step::Done(Err(_))));
}

#[test]
fn again_after_a_wait_that_grows_and_honours_retry_after() {
    let busy = || answer(503, &[], "");
    let first =
        run(records().get("a"), vec![busy(), answer(429, &[("retry-after", "27")], ""), answer(200, &[], RECORD)]);
    assert_eq!(first.requests.len(), 3);
    assert!(first.waits[0] <= Duration::from_millis(200));
    assert_eq!(first.waits[1], Duration::from_secs(27));
    assert!(first.result.is_ok());
}

#[test]
fn attempts_end() {
    let error = run(
        records().get("a"),
        vec![answer(503, &[], ""), fails(FailureKind::Interrupted), answer(502, &[], "<html>")],
    )
    .error();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (502, 3));
    assert!(!error.maybe_applied(), "reading changes nothing");
    let error =
        Bench::new(|policy| policy.attempts = 1).run(records().get("a"), vec![fails(FailureKind::Timeout)]).error();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Timeout, 1));
}

#[test]
fn a_wait_that_does_not_fit_the_deadline_is_not_begun() {
    let run = run(records().get("a"), vec![answer(503, &[("retry-after", "500")], "")]);
    assert!(run.waits.is_empty());
    let error = run.error();
    assert_eq!(error.retry_in(), Some(Duration::from_secs(500)));
    assert_eq!(error.status().unwrap().as_u16(), 503);
}

#[test]
fn the_deadline_holds_for_the_whole_and_names_the_last_failure() {
    let mut bench = Bench::new(|policy| policy.deadline = Duration::from_millis(15));
    let page = |next| answer(200, &[("next-page", next)], r#"{"data":[]}"#);
    let error = bench.run(records().list(), vec![page("?_token=1"), page("?_token=2")]).error();
    assert_eq!(error.kind(), ErrorKind::Deadline);

    let mut exchange = bench.session.exchange(records().get("a"));
    assert!(
        matches!(exchange.next(Moment::default()), Step::Send(_, limits) if limits.total == Duration::from_millis(15))
    );
    exchange.handle(fails(FailureKind::Connect), Moment::default());
    // The driver slept for too long.
    if let Step::Wait(_) = exchange.next(Moment::default()) {
        let Step::Done(Err(error)) = exchange.next(Moment::at(Duration::from_secs(1))) else { panic!() };
        assert!(error.to_string().contains("last attempt failed: test"), "{error}");
    }
}

#[test]
fn a_lost_answer_is_repeated_by_class() {
    let lost = || fails(FailureKind::Interrupted);
    let at = crate::Timestamp::from_millis(7);
    let ok = || answer(200, &[], RECORD);
    assert_eq!(run(records().get("a"), vec![lost(), ok()]).requests.len(), 2);
    assert_eq!(run(records().create("a", &json!({})).overwrite(), vec![lost(), ok()]).requests.len(), 2);
    assert_eq!(run(records().create("a", &json!({})), vec![lost(), ok()]).requests.len(), 2);
    assert_eq!(run(records().delete("a").if_match(at), vec![lost(), ok()]).requests.len(), 2);

    let once = run(records().patch("a", JsonPatch::new().add("/data/l/-", 1)), vec![lost()]);
    assert_eq!(once.requests.len(), 1);
    assert!(once.error().maybe_applied());
    let once = run(records().delete_all(), vec![answer(503, &[("retry-after", "1")], "")]);
    assert!(once.error().maybe_applied());
    // What was never sent can be sent again, whatever it is.
    let deleted = run(records().delete_all(), vec![fails(FailureKind::Connect), answer(200, &[], r#"{"data":[]}"#)]);
    assert_eq!(deleted.requests.len(), 2);
}

#[test]
fn new_ids_need_a_seed() {
    let mut bench =
        Bench { session: Session::builder("http://localhost:1/v1").build().unwrap(), now: Moment::default() };
    assert_eq!(bench.run(records().add(&json!({})), vec![]).error().kind(), ErrorKind::Input);
}

#[test]
fn a_request_is_the_same_when_it_is_repeated() {
    let run = run(records().add(&json!({"n": 1})), vec![fails(FailureKind::Interrupted), answer(201, &[], RECORD)]);
    assert_eq!(run.requests[0].uri(), run.requests[1].uri());
    assert_eq!(run.requests[0].body(), run.requests[1].body());
    let id = run.requests[0].uri().path().rsplit('/').next().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "4"));
}

#[test]
fn the_own_write_is_a_success_and_anothers_a_conflict() {
    let existing = |n| {
        let existing = json!({"errno": 114, "details": {"existing": {"id": "a", "last_modified": 7, "n": n}}});
        answer(412, &[], &existing.to_string())
    };
    let create = || records().create("a", &json!({"n": 1}));
    let ours = run(create(), vec![fails(FailureKind::Interrupted), existing(1)]).result.unwrap();
    assert!(ours.repeated && ours.last_modified.as_millis() == 7);
    let theirs = run(create(), vec![fails(FailureKind::Interrupted), existing(2)]).error();
    assert!(theirs.is_precondition_failed() && theirs.maybe_applied());
    assert_eq!(theirs.server().unwrap().existing().unwrap()["n"], 2);
    let at_once = run(create(), vec![existing(1)]).error();
    assert!(at_once.is_precondition_failed() && !at_once.maybe_applied());
    // After a 503 the write may have been committed, too.
    assert!(run(create(), vec![answer(503, &[], ""), existing(1)]).result.unwrap().repeated);
    // Permissions do not show in what exists, so nobody can tell.
    let shared = create().permissions(crate::Permissions::new().read(["x"]));
    assert!(run(shared, vec![fails(FailureKind::Timeout), existing(1)]).error().maybe_applied());
    let gone = run(records().delete("a"), vec![fails(FailureKind::Timeout), answer(404, &[], "{}")]).error();
    assert!(gone.is_not_found() && gone.maybe_applied());
}

#[test]
fn what_was_done_before_a_later_request_failed_is_not_forgotten() {
    let exists = || answer(412, &[], r#"{"errno":114}"#);
    let lost = || fails(FailureKind::Interrupted);
    let flow = || records().get_or_create("a", &json!({"n": 1}));
    let forbidden = || answer(403, &[], "{}");
    assert!(run(flow(), vec![lost(), exists(), forbidden()]).error().maybe_applied());
    let GetOrCreated::Created(ours) = run(flow(), vec![lost(), exists(), answer(200, &[], RECORD)]).result.unwrap()
    else {
        panic!("it holds what was sent");
    };
    assert!(ours.repeated);
    let shared = |who: &str| flow().permissions(crate::Permissions::new().write([who.to_owned()]));
    assert!(run(shared("me"), vec![lost(), exists(), answer(200, &[], RECORD)]).result.unwrap().is_created());
    assert!(!run(shared("you"), vec![lost(), exists(), answer(200, &[], RECORD)]).result.unwrap().is_created());
    assert!(!run(flow(), vec![exists(), answer(200, &[], RECORD)]).result.unwrap().is_created(), "nothing was lost");
    assert!(!run(flow(), vec![exists(), forbidden()]).error().maybe_applied());

    let tombstones = |headers: &[(&'static str, &str)]| {
        answer(200, headers, r#"{"data":[{"id":"a","last_modified":2,"deleted":true}]}"#)
    };
    let next = ("next-page", "?_token=1");
    for rest in [forbidden(), fails(FailureKind::Protocol), answer(307, &[("location", "/v1/x")], "")] {
        let error = run(records().delete_all(), vec![tombstones(&[next]), rest]).error();
        assert!(error.maybe_applied() && error.to_string().contains("after 1 object was deleted"), "{error}");
    }
    for first in [tombstones(&[next, ("backoff", "500")]), tombstones(&[("next-page", "")])] {
        let error = run(records().delete_all(), vec![first]).error();
        assert!(error.maybe_applied() && error.to_string().contains("after 1 object was deleted"), "{error}");
    }
    assert!(!run(records().delete_all(), vec![forbidden()]).error().maybe_applied());
}

#[test]
fn a_plain_patch_that_had_arrived_is_a_success() {
    let object = crate::decode::object::<JsonMap>(RECORD).unwrap();
    let patch = records().patch(&object, crate::Attributes::new(&json!({"n": 2})));
    let existing = r#"{"errno":114,"details":{"existing":{"id":"a","last_modified":8,"n":2,"m":1}}}"#;
    let run = run(patch, vec![fails(FailureKind::Timeout), answer(412, &[], existing)]);
    assert_eq!(run.requests[1].headers()["if-match"], "\"7\"");
    assert!(run.result.unwrap().repeated);
}

#[test]
fn conflicts_of_the_server_are_repeated_and_others_are_not() {
    let aborted = || answer(409, &[("retry-after", "3")], r#"{"errno":122}"#);
    let put = run(records().create("a", &json!({})), vec![aborted(), answer(201, &[], RECORD)]);
    assert_eq!(put.waits, [Duration::from_secs(3)]);
    assert!(!put.result.unwrap().repeated);
    let other = run(records().create("a", &json!({})), vec![answer(409, &[], r#"{"errno":109}"#)]);
    assert!(other.error().is_conflict());
    let proxys = run(records().delete_all(), vec![answer(409, &[], "<html>")]);
    assert!(proxys.error().is_conflict(), "not repeated, as nobody says that it was aborted");
    let forever = run(records().create("a", &json!({})), vec![aborted(), aborted(), aborted()]).error();
    assert!(forever.is_conflict() && !forever.maybe_applied());
    assert_eq!(run(records().get("a"), vec![aborted()]).requests.len(), 1);
}

#[test]
fn a_success_that_cannot_be_read_may_have_been_applied() {
    for body in ["", "<html>", "{}", "{\"data\":null}", "[]"] {
        let error = run(records().create("a", &json!({})), vec![answer(200, &[], body)]).error();
        assert!(error.kind() == ErrorKind::Decode && error.maybe_applied(), "{body}");
        assert!(!run(records().get("a"), vec![answer(200, &[], body)]).error().maybe_applied());
    }
    for status in [202, 206, 304] {
        let error = run(records().create("a", &json!({})), vec![answer(status, &[], "{}")]).error();
        assert!(error.kind() == ErrorKind::Protocol && error.maybe_applied(), "{status}");
    }
    assert!(!run(records().create("a", &json!({})), vec![answer(403, &[], "")]).error().maybe_applied());
    assert!(run(records().create("a", &json!({})), vec![answer(524, &[], "")]).error().maybe_applied());
    assert!(!run(records().create("a", &json!({})), vec![answer(501, &[], "")]).error().maybe_applied());
    let broken = TransportError::new(FailureKind::Tls, "bad record").sent();
    assert!(run(records().create("a", &json!({})), vec![Err(broken)]).error().maybe_applied());
}

#[test]
fn the_gate_is_shared_and_only_moves_forward() {
    let mut bench = Bench::new(|_| {});
    bench.run(records().get("a"), vec![answer(200, &[("backoff", "30")], RECORD)]).result.unwrap();
    let other = Bench { session: bench.session.with_auth(None).unwrap(), now: bench.now };
    assert_eq!(other.session.quiet_until(), bench.now.after(Duration::from_secs(30)));
    // A later answer with less, or without, does not open it.
    let mut late = bench.session.exchange(records().get("a"));
    let start = Moment::default();
    assert!(matches!(late.next(Moment::at(Duration::from_secs(99))), Step::Send(..)));
    late.handle(answer(200, &[("backoff", "1")], RECORD), start);
    let next = bench.run(records().get("a"), vec![answer(200, &[], RECORD)]);
    assert_eq!(next.waits, [Duration::from_secs(30)]);
    let next = bench.run(records().get("a"), vec![answer(200, &[], RECORD)]);
    assert!(next.waits.is_empty());
}

#[test]
fn the_gate_can_be_an_error() {
    let mut bench = Bench::new(|policy| policy.on_backoff = OnBackoff::Fail);
    bench.run(records().get("a"), vec![answer(304, &[("backoff", "30")], "")]).result.unwrap_err();
    let error = bench.run(records().delete("a"), vec![]).error();
    assert_eq!((error.kind(), error.retry_in()), (ErrorKind::Backoff, Some(Duration::from_secs(30))));
    assert!(!error.maybe_applied() && error.attempts() == 0);

    // Not even a retry waits then.
    let mut bench = Bench::new(|policy| policy.on_backoff = OnBackoff::Fail);
    let error = bench.run(records().get("a"), vec![answer(503, &[("backoff", "30")], "")]).error();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (503, 1));

    let mut bench = Bench::new(|_| {});
    bench.run(records().get("a"), vec![answer(200, &[("backoff", "99999999999999999999999")], RECORD)]).result.unwrap();
    let error = bench.run(records().get("a"), vec![]).error();
    assert_eq!((error.kind(), error.retry_in()), (ErrorKind::Backoff, Some(Duration::from_secs(86_400))));
    for nonsense in ["-1", "soon", "1.5", "0", ""] {
        let mut bench = Bench::new(|_| {});
        bench.run(records().get("a"), vec![answer(200, &[("backoff", nonsense)], RECORD)]).result.unwrap();
        assert_eq!(bench.session.quiet_until(), Moment::default());
    }
}

#[test]
fn a_retry_waits_for_the_longest_of_all_wishes() {
    let busy = answer(503, &[("backoff", "10"), ("retry-after", "3")], "");
    let run = run(records().get("a"), vec![busy, answer(200, &[], RECORD)]);
    assert_eq!(run.waited(), Duration::from_secs(10));
}

#[test]
fn a_list_waits_at_the_gate_and_goes_on() {
    let page = answer(200, &[("backoff", "10"), ("next-page", "http://x/y?_token=1")], r#"{"data":[]}"#);
    let run = run(records().list(), vec![page, answer(200, &[], r#"{"data":[]}"#)]);
    assert_eq!(run.waits, [Duration::from_secs(10)]);
    assert!(run.result.is_ok());
}

#[test]
fn the_budget_ends_and_comes_back() {
    let mut bench = Bench::new(|policy| policy.deadline = Duration::from_secs(10_000));
    let mut sent = 0;
    for _ in 0..60 {
        let mut exchange = bench.session.exchange(records().get("a"));
        loop {
            match exchange.next(bench.now) {
                Step::Send(..) => {
                    sent += 1;
                    exchange.handle(fails(FailureKind::Connect), bench.now);
                }
                Step::Wait(wait) => bench.now = bench.now.after(wait),
                Step::Done(_) => break,
            }
        }
    }
    assert_eq!(sent, 60 + 500 / 5);
    for _ in 0..5 {
        bench.run(records().get("a"), vec![answer(200, &[], RECORD)]).result.unwrap();
    }
    assert!(bench.run(records().get("a"), vec![answer(503, &[], ""), answer(200, &[], RECORD)]).result.is_ok());
}

#[test]
fn reading_follows_within_the_origin() {
    let moved = |location| answer(307, &[("location", location)], "moved");
    let run1 = run(records().get("a"), vec![moved("http://localhost:1/v1/elsewhere?x=1"), answer(200, &[], RECORD)]);
    assert_eq!(run1.lines()[1], "GET /v1/elsewhere?x=1");
    assert!(run1.requests[1].headers().contains_key("authorization"));
    assert!(run1.result.is_ok());

    for elsewhere in
        ["http://localhost:2/v1/", "https://localhost:1/", "http://evil.example/", "//evil.example/", "file:///x", ""]
    {
        let run = run(records().get("a"), vec![moved(elsewhere)]);
        assert_eq!(run.error().kind(), ErrorKind::Redirect, "{elsewhere}");
    }
    let circle = run(records().get("a"), (0..6).map(|_| moved("/v1/x")).collect());
    assert_eq!((circle.requests.len(), circle.error().kind()), (6, ErrorKind::Redirect));
    // Not even a message shows what does not belong there.
    let error = run(records().get("a"), vec![moved("http://u:s3cr3t@evil.example/x?s3cr3t#s3cr3t")]);
    assert!(!error.error().to_string().contains("s3cr3t"));
}

#[test]
fn a_write_follows_nowhere() {
    for status in [300, 301, 302, 303, 307, 308] {
        let run = run(records().create("a", &json!({})), vec![answer(status, &[("location", "/v1/x")], "")]);
        let error = run.error();
        assert!(error.kind() == ErrorKind::Redirect && !error.maybe_applied(), "{status}");
        assert!(error.to_string().contains("/v1/x") && error.to_string().contains("base URL"), "{error}");
    }
}

#[test]
fn too_large_is_an_error() {
    let mut bench = Bench::new(|policy| policy.limits.response_bytes = 10);
    let error = bench.run(records().create("a", &json!({})), vec![answer(200, &[], RECORD)]).error();
    assert!(error.kind() == ErrorKind::TooLarge && error.maybe_applied());
}

#[test]
fn a_failing_heartbeat_is_an_answer() {
    let run1 = run(heartbeat(), vec![answer(503, &[], r#"{"storage":false,"cache":true,"x":null}"#)]);
    assert!(!run1.result.unwrap().is_healthy());
    let overloaded = run(heartbeat(), vec![answer(503, &[], "<html>")]);
    assert_eq!(overloaded.error().status().unwrap().as_u16(), 503);
}

#[test]
fn alerts_are_told_once_and_retries_always() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let builder = Session::builder("http://localhost:1/v1").observer(move |event| {
        let mut told = told.lock().unwrap();
        told.push(match event {
            Event::Alert { code, message, .. } => format!("{code:?} {message}"),
            Event::Retry { attempts, why, .. } => format!("retry {attempts} {why}"),
            Event::Backoff { .. } => "backoff".to_owned(),
            Event::Answered { request, status } => format!("{request} {status}"),
        });
    });
    let mut bench = Bench { session: builder.build().unwrap(), now: Moment::default() };
    let eol = ("alert", r#"{"code":"soft-eol","message":"bye","url":"http://x"}"#);
    for alert in [eol, eol, ("alert", "plain words")] {
        bench.run(records().get("a"), vec![answer(503, &[alert], ""), answer(200, &[alert], RECORD)]).result.unwrap();
    }
    let get = |status| format!("GET /buckets/b/collections/c/records/a {status}");
    let (busy, ok) = (get("503 Service Unavailable"), get("200 OK"));
    let (eol, plain, retry) = ("Some(\"soft-eol\") bye", "None plain words", "retry 1 the server answered 503");
    let expected = [&busy, eol, retry, &ok, &busy, retry, &ok, &busy, plain, retry, &ok];
    assert_eq!(*heard.lock().unwrap(), expected);
}

#[test]
fn get_or_create_has_two_requests_at_most() {
    let flow = || records().get_or_create("a", &json!({"n": 1}));
    let created = run(flow(), vec![answer(201, &[], RECORD)]);
    assert!(created.result.unwrap().is_created());
    let exists = || answer(412, &[], r#"{"errno":114,"details":{"existing":{"id":"a","last_modified":7,"n":3}}}"#);
    let found = run(flow(), vec![exists(), answer(200, &[], RECORD)]);
    assert_eq!(
        found.lines(),
        ["PUT /v1/buckets/b/collections/c/records/a", "GET /v1/buckets/b/collections/c/records/a"]
    );
    assert!(!found.result.unwrap().is_created());
    assert!(run(flow(), vec![exists(), answer(404, &[], "")]).error().is_not_found());
    // Those who may not create may still read, and if they may not, the first refusal is the one that counts.
    let refused = || answer(403, &[], "first");
    assert!(!run(flow(), vec![refused(), answer(200, &[], RECORD)]).result.unwrap().is_created());
    let error = run(flow(), vec![refused(), answer(404, &[], "second")]).error();
    assert!(error.is_forbidden() && error.to_string().contains("first"), "{error}");
}

fn page(ids: &[&str], next: Option<&str>) -> Outcome {
    let data: Vec<_> = ids.iter().map(|id| json!({"id": id, "last_modified": 1})).collect();
    let headers: Vec<(&str, &str)> =
        next.map(|next| ("next-page", next)).into_iter().chain([("etag", "\"9\"")]).collect();
    answer(200, &headers, &json!({"data": data}).to_string())
}

fn ids<T>(listing: Listing<crate::Object<T>>) -> Vec<String> {
    listing.into_iter().map(|object| object.id).collect()
}

#[test]
fn a_list_is_read_to_its_end_by_query_only() {
    let run = run(
        buckets().list().page_size(2),
        vec![page(&["a", "b"], Some("https://evil.example/other?n=1&_limit=2&_token=x%3D#f")), page(&["c"], None)],
    );
    assert_eq!(run.lines(), ["GET /v1/buckets?_limit=2", "GET /v1/buckets?_limit=2&_token=x%3D"]);
    assert!(run.requests.iter().all(|request| request.uri().host() == Some("localhost")));
    let listing = run.result.unwrap();
    assert_eq!(listing.timestamp.unwrap().as_millis(), 9);
    assert_eq!(ids(listing), ["a", "b", "c"]);
}

#[test]
fn a_list_is_complete_or_an_error() {
    for next in ["", "http://x/y", "?", "http://x/?a=1", "?_token=", "http://x/?_token=a\u{e9}"] {
        let error = run(buckets().list(), vec![page(&["a"], Some(next))]).error();
        assert_eq!(error.kind(), ErrorKind::Pagination, "{next}");
    }
    let circle =
        run(buckets().list(), (0..3).map(|_| page(&[], Some("?_token=1"))).collect::<Vec<_>>().drain(..2).collect());
    assert_eq!(circle.error().kind(), ErrorKind::Pagination);
    let error = run(buckets().list(), vec![page(&["a"], Some("?_token=1")), answer(304, &[], "")]).error();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let mut bench = Bench::new(|policy| policy.pages = 2);
    let error =
        bench.run(buckets().list(), vec![page(&["a"], Some("?_token=1")), page(&["b"], Some("?_token=2"))]).error();
    assert_eq!(error.kind(), ErrorKind::Pagination);
}

#[test]
fn a_token_that_is_refused_is_not_the_end() {
    let page = |next: Option<&str>| {
        let headers: Vec<(&str, &str)> = next.map(|next| ("next-page", next)).into_iter().collect();
        answer(200, &headers, r#"{"data":[{"id":"a","last_modified":2,"deleted":true}]}"#)
    };
    let refused = || answer(400, &[], r#"{"errno":107,"message":"_token was already used or has expired."}"#);
    let aborted = answer(409, &[], r#"{"errno":122}"#);
    let mut bench = Bench::new(|_| {});
    let run1 = bench.run(buckets().delete_all(), vec![page(Some("?_token=1")), aborted, refused(), page(None)]);
    let token = "DELETE /v1/buckets?_token=1";
    assert_eq!(run1.lines(), ["DELETE /v1/buckets", token, token, "DELETE /v1/buckets"]);
    assert_eq!(run1.result.unwrap().len(), 2);
    // If nothing is deleted in between, it is.
    let empty = answer(200, &[("next-page", "?_token=2")], r#"{"data":[]}"#);
    let answers = vec![page(Some("?_token=1")), refused(), empty, refused()];
    assert_eq!(bench.run(buckets().delete_all(), answers).error().status().unwrap().as_u16(), 400);
    assert_eq!(bench.run(buckets().delete_all(), vec![refused()]).requests.len(), 1);

    let mut delete = buckets().delete_all().if_match(crate::Timestamp::from_millis(9));
    for _ in 0..2 {
        assert!(bench.run(&mut delete, vec![page(None)]).requests[0].headers().contains_key("if-match"));
    }
}

#[test]
fn a_question_stays_the_same_on_every_page() {
    let delete = || records().delete_all().filter(crate::field("old").eq(true));
    let page = |next| answer(200, &[("next-page", next)], r#"{"data":[]}"#);
    let run = run(delete(), vec![page("http://x/all?_token=1"), answer(200, &[], r#"{"data":[]}"#)]);
    let path = "/v1/buckets/b/collections/c/records";
    assert_eq!(run.lines(), [format!("DELETE {path}?old=true"), format!("DELETE {path}?old=true&_token=1")]);
}

#[test]
fn a_selection_cannot_be_written_back() {
    let get = run(records().get("a").fields(["n"]), vec![answer(200, &[], RECORD)]);
    let mut partial = vec![get.result.unwrap()];
    let list =
        run(records().list().fields(["n"]), vec![answer(200, &[], r#"{"data":[{"id":"a","last_modified":7}]}"#)]);
    partial.extend(list.result.unwrap());
    for object in partial {
        assert_eq!(run(records().update(&object), vec![]).error().kind(), ErrorKind::Input);
        assert!(run(records().replace(&object, &json!({"n": 2})), vec![answer(200, &[], RECORD)]).result.is_ok());
    }
}

#[test]
fn a_query_of_ones_own_cannot_lose_its_end() {
    let call = Call::new(Method::DELETE, records().path().clone());
    for query in ["title=C#&done=true", "title=a b", "title=\u{e9}", "a=\r\nX: y"] {
        assert_eq!(run(call.clone().query(query), vec![]).error().kind(), ErrorKind::Input, "{query}");
    }
    let with_body = call.json(&json!({})).unwrap();
    assert_eq!(run(with_body, vec![]).error().kind(), ErrorKind::Input);
}

#[test]
fn nobody_else_s_write_is_taken_for_ours() {
    let lost = || fails(FailureKind::Interrupted);
    let existing =
        |data: serde_json::Value| answer(412, &[], &json!({"errno": 114, "details": {"existing": data}}).to_string());
    let at = crate::Timestamp::from_millis(1);
    // On a collection the schema is the caller's, on a record the server's.
    let other_schema = || existing(json!({"id": "c", "last_modified": 9, "schema": {"b": 1}}));
    let collection = bucket("b").collections().replace("c", &json!({"schema": {"a": 1}})).if_match(at);
    assert!(run(collection, vec![lost(), other_schema()]).result.is_err());
    let record = records().replace("c", &json!({})).if_match(at);
    assert!(run(record, vec![lost(), other_schema()]).result.unwrap().repeated);
    // A patch of nothing proves nothing.
    let nothing = records().patch("c", crate::Attributes::new(&json!({}))).if_match(at);
    assert!(run(nothing, vec![lost(), existing(json!({"id": "c", "last_modified": 9, "n": 1}))]).result.is_err());
}

#[test]
fn integers_are_read_as_they_are_or_not_at_all() {
    let huge = r#"{"data":{"id":"a","last_modified":7,"n":123456789012345678901}}"#;
    assert_eq!(run(records().get("a"), vec![answer(200, &[], huge)]).error().kind(), ErrorKind::Decode);
}

#[test]
fn deleting_what_may_be_absent_says_what_is_known() {
    let delete = |status, body| {
        run(records().delete_if_present("a"), vec![answer(status, &[], body)]).result.map(crate::Deletion::tombstone)
    };
    let missing = r#"{"errno":111,"details":{"id":"c","resource_name":"collection"}}"#;
    for absent in [r#"{"errno":110}"#, missing] {
        assert_eq!(delete(404, absent).unwrap(), None);
    }
    for unknown in [r#"{"errno":111}"#, "<html>", ""] {
        assert!(delete(404, unknown).unwrap_err().is_not_found());
    }
    assert!(delete(403, r#"{"errno":121}"#).unwrap_err().is_forbidden());
    let hidden = run(buckets().delete_if_present("a"), vec![answer(403, &[], r#"{"errno":121}"#)]);
    assert_eq!(hidden.result.unwrap(), crate::Deletion::AbsentOrForbidden);
}

#[test]
fn what_the_server_repeats_of_the_secret_is_hidden() {
    let echo =
        r#"{"errno":107,"message":"Authorization: Basic bWU6czNjcjN0 (s3cr3t)","details":[{"description":"s3cr3t"}]}"#;
    for body in [echo, "<html> bWU6czNjcjN0 </html>"] {
        let error = run(records().get("a"), vec![answer(400, &[], body)]).error();
        let seen = format!("{error} {error:?}");
        assert!(seen.contains("[hidden]") && !seen.contains("s3cr3t") && !seen.contains("bWU6czNjcjN0"), "{seen}");
    }
}

#[test]
fn a_list_can_be_limited() {
    let one = run(buckets().list().limit(2), vec![page(&["a", "b"], Some("?_token=1"))]);
    assert_eq!(one.lines(), ["GET /v1/buckets?_limit=2"]);
    assert_eq!(ids(one.result.unwrap()), ["a", "b"]);
    let two = run(
        buckets().list().limit(3).page_size(2),
        vec![page(&["a", "b"], Some("?_token=1")), page(&["c", "d"], None)],
    );
    assert_eq!(ids(two.result.unwrap()), ["a", "b", "c"]);
    assert!(ids(run(buckets().list().limit(0), vec![]).result.unwrap()).is_empty());
}

#[test]
fn a_list_can_be_conditional_and_consistent() {
    let at = crate::Timestamp::from_millis(9);
    let same = run(buckets().list().if_changed_since(at), vec![answer(304, &[], "")]);
    assert_eq!(same.requests[0].headers()["if-none-match"], "\"9\"");
    assert_eq!(same.result.unwrap(), Conditional::NotModified);
    let changed = run(buckets().list().if_changed_since(at), vec![page(&["a"], Some("?_token=1")), page(&["b"], None)]);
    assert!(!changed.requests[1].headers().contains_key("if-none-match"), "on the first page alone");
    assert_eq!(ids(changed.result.unwrap().modified().unwrap()), ["a", "b"]);

    let run = run(buckets().list().consistent(), vec![page(&["a"], Some("?_token=1")), answer(412, &[], "{}")]);
    assert_eq!(run.requests[1].headers()["if-match"], "\"9\"");
    assert_eq!(run.error().kind(), ErrorKind::Pagination);
}

#[test]
fn a_list_and_a_deletion_go_on_where_they_stood() {
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let mut list = buckets().list();
    let broken = bench.run(&mut list, vec![page(&["a"], Some("?_token=1")), fails(FailureKind::Interrupted)]);
    assert_eq!(broken.error().kind(), ErrorKind::Interrupted);
    let rest = bench.run(&mut list, vec![page(&["b"], None)]);
    assert_eq!(rest.lines(), ["GET /v1/buckets?_token=1"]);
    assert_eq!(ids(rest.result.unwrap()), ["a", "b"]);

    let mut pages = buckets().list().pages();
    assert!(bench.run(&mut pages, vec![answer(500, &[], "")]).result.is_err());
    assert_eq!(ids(bench.run(&mut pages, vec![page(&["a"], None)]).result.unwrap().unwrap()), ["a"]);
    assert!(bench.run(&mut pages, vec![]).result.unwrap().is_none());

    let tombstones = |id: &str, next: Option<&str>| {
        let headers: Vec<(&str, &str)> = next.map(|next| ("next-page", next)).into_iter().collect();
        answer(200, &headers, &json!({"data": [{"id": id, "last_modified": 2, "deleted": true}]}).to_string())
    };
    let mut delete = buckets().delete_all().if_match(crate::Timestamp::from_millis(9));
    let broken = bench.run(&mut delete, vec![tombstones("a", Some("?_token=1")), answer(403, &[], "{}")]);
    assert_eq!(broken.requests[0].headers()["if-match"], "\"9\"");
    assert!(!broken.requests[1].headers().contains_key("if-match"));
    assert!(broken.error().to_string().contains("after 1 object was deleted"));
    assert_eq!(delete.deleted().len(), 1);
    let rest = bench.run(&mut delete, vec![tombstones("b", None)]);
    assert_eq!(rest.lines(), ["DELETE /v1/buckets"], "a token is never sent twice");
    assert!(!rest.requests[0].headers().contains_key("if-match"), "this very deletion changed the list");
    assert_eq!(rest.result.unwrap().len(), 2);
}

#[test]
fn the_secret_is_nowhere() {
    let mut bench = Bench::new(|_| {});
    let run = bench.run(records().get("a"), vec![answer(401, &[], r#"{"errno":104,"error":"Unauthorized"}"#)]);
    let request = format!("{:?}", run.requests[0]);
    let error = run.error();
    let session = &bench.session;
    let call = Operation::call(&records().get("a"), session).unwrap();
    let seen = format!("{request} {error} {error:?} {session:?} {call:?} {:?}", session.exchange(records().get("a")));
    assert!(!seen.contains("s3cr3t") && !seen.contains("bWU6czNjcjN0"), "{seen}");
}

#[test]
fn errors_are_one_complete_line() {
    let line = |error: Error| {
        let line = error.to_string();
        assert!(!line.contains('\n'));
        line
    };
    assert_eq!(
        line(
            run(
                records().get("a"),
                vec![answer(
                    404,
                    &[],
                    r#"{"errno":110,"error":"Not Found","details":{"id":"a","resource_name":"record"}}"#
                )]
            )
            .error()
        ),
        "GET /buckets/b/collections/c/records/a: 404 Not Found (errno 110): record a does not exist"
    );
    assert_eq!(
        line(
            Bench::new(|policy| policy.attempts = 1).run(records().get("a"), vec![fails(FailureKind::Connect)]).error()
        ),
        "GET /buckets/b/collections/c/records/a: no connection to http://localhost:1/v1: test (is the URL right, and the server running?)"
    );
    assert_eq!(
        line(run(records().get("a b"), vec![]).error()),
        "GET /buckets/b/collections/c/records/a%20b: the id \"a b\" cannot be used: it holds a character that no path can carry safely"
    );
}

#[test]
fn headers_of_the_caller_go_along() {
    let session = Session::builder("http://localhost:1/v1").header("X-A", "1").build().unwrap();
    let session = session.with_header("X-B", "2").unwrap();
    let request = session.request(&server_info()).unwrap();
    let expected: HeaderMap =
        [("x-a", "1"), ("x-b", "2")].into_iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
    assert!(expected.iter().all(|(name, value)| request.headers()[name] == value));
    assert!(session.with_header("Host", "x").is_err());
    assert!(Session::builder("http://localhost:1/v1").header("Authorization", "x").build().is_err());
}

#[test]
fn credentials_do_not_go_in_clear() {
    let builder = || Session::builder("http://kinto.example/v1").auth(Auth::basic("me", "s3cr3t"));
    let error = builder().build().unwrap_err();
    assert!(error.kind() == ErrorKind::Input && error.to_string().contains("https"));
    assert!(builder().allow_insecure_http().build().is_ok());
    let anonymous = Session::builder("http://kinto.example/v1").build().unwrap();
    assert!(anonymous.with_auth(Some(Auth::bearer("s3cr3t"))).is_err(), "nor afterwards");
    assert!(Session::builder("http://kinto.example/v1").build().is_ok());
}

#[cfg(feature = "gzip")]
#[test]
fn compressed_answers_are_read_within_the_limit() {
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    let gzip = |plain: &str| -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(plain.as_bytes()).unwrap();
        encoder.finish().unwrap().into()
    };
    let compressed = |status: u16, body: Bytes| {
        let mut response = answer(status, &[("content-encoding", "gzip")], "").unwrap();
        *response.body_mut() = body;
        Ok(response)
    };
    let plain = run(records().get("a"), vec![compressed(200, gzip(RECORD))]);
    assert_eq!(plain.requests[0].headers()["accept-encoding"], "gzip");
    assert_eq!(plain.result.unwrap().data["n"], 1);
    let aborted = run(
        records().create("a", &json!({})),
        vec![compressed(409, gzip(r#"{"errno":122}"#)), answer(201, &[], RECORD)],
    );
    assert_eq!(aborted.requests.len(), 2, "what an error says is read, too");
    let broken = run(records().create("a", &json!({})), vec![compressed(201, Bytes::from_static(b"\x1f\x8b"))]).error();
    assert!(broken.kind() == ErrorKind::Decode && broken.maybe_applied());
    assert!(run(records().get("a"), vec![compressed(404, Bytes::from_static(b"\x1f\x8b"))]).error().is_not_found());
    let mut bench = Bench::new(|policy| policy.limits.response_bytes = 100);
    let bomb = bench.run(records().get("a"), vec![compressed(200, gzip(&" ".repeat(5000)))]).error();
    assert_eq!(bomb.kind(), ErrorKind::TooLarge);
}
