//! Every edge of the machine: retries, waits, the gate, redirects, limits.

use super::*;

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
    assert_eq!(run.waits, [Duration::from_secs(10)]);
    // One that does not fit the deadline is not begun, and what went wrong is said, not what would come of it.
    let never = super::run(records().get("a"), vec![answer(503, &[("backoff", "500")], "")]);
    assert!(never.waits.is_empty());
    assert_eq!(never.error().status().unwrap().as_u16(), 503);
}

#[test]
fn an_error_tells_the_longest_of_all_wishes() {
    for headers in [[("backoff", "500"), ("retry-after", "300")], [("backoff", "300"), ("retry-after", "500")]] {
        let error = run(records().get("a"), vec![answer(503, &headers, "")]).error();
        assert_eq!((error.attempts(), error.retry_in()), (1, Some(Duration::from_secs(500))));
    }
    let error = run(records().get("a"), vec![answer(404, &[("backoff", "500")], "")]).error();
    assert_eq!(error.retry_in(), None, "that is no reason to ask again");
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
            Event::Unverified { why, .. } => why.to_string(),
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
