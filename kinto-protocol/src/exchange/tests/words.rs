//! What goes out, what is refused before, and what is said of it.

use super::*;
use crate::batch::Batch;

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
fn a_method_without_a_path_is_refused() {
    let connect = Call::new(Method::CONNECT, records().path().clone());
    assert_eq!(run(connect, vec![]).error().kind(), ErrorKind::Input);
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
fn a_query_of_ones_own_cannot_lose_its_end() {
    let call = Call::new(Method::DELETE, records().path().clone());
    for query in ["title=C#&done=true", "title=a b", "title=\u{e9}", "a=\r\nX: y"] {
        assert_eq!(run(call.clone().query(query), vec![]).error().kind(), ErrorKind::Input, "{query}");
    }
    // Nor in a batch, where no URL is made of it.
    let mut batch = Batch::new();
    let bad = batch.push(call.clone().query("a=b#&c=d"));
    let _ = batch.push(call.clone().query("a=b c"));
    let mut bench = Bench::new(|_| {});
    let run_of_batch = bench.run(batch, vec![answer(200, &[], "{}")]);
    assert_eq!(run_of_batch.lines(), ["GET /v1/"]);
    let mut outcome = run_of_batch.result.unwrap();
    assert_eq!(outcome.take(bad).unwrap_err().kind(), ErrorKind::Input);
    let with_body = call.json(&json!({})).unwrap();
    assert_eq!(run(with_body, vec![]).error().kind(), ErrorKind::Input);
}

#[test]
fn integers_are_read_as_they_are_or_not_at_all() {
    let huge = r#"{"data":{"id":"a","last_modified":7,"n":123456789012345678901}}"#;
    assert_eq!(run(records().get("a"), vec![answer(200, &[], huge)]).error().kind(), ErrorKind::Decode);
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
fn what_a_transport_says_of_the_secret_is_hidden() {
    let refused = std::io::Error::other("the proxy has read: Basic bWU6czNjcjN0");
    let error = run(records().get("a"), vec![Err(TransportError::new(FailureKind::Tls, refused))]).error();
    let seen = format!("{error} {error:?} {}", error.cause().unwrap());
    assert!(seen.contains("[hidden]") && !seen.contains("bWU6czNjcjN0"), "{seen}");
}

/// What a part keeps for itself has never been the error of an exchange.
#[test]
fn what_is_told_of_a_stream_repeats_no_secrets() {
    let echo = r#"{"errno":201,"message":"not s3cr3t"}"#;
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let mut bulk = records().bulk(crate::BulkMode::Create);
    bulk.begin();
    let crate::BulkStep::Send(part) = bulk.next(&bench.session) else { panic!("it does not ask the server") };
    bench.run(part, vec![answer(503, &[], echo)]).result.unwrap();
    let crate::BulkStep::Over = bulk.next(&bench.session) else { panic!("it goes on") };
    let seen = format!("{:?}", bulk.outcome().unwrap_err());
    assert!(seen.contains("not [hidden]"), "{seen}");
}

#[test]
fn data_are_in_no_text_of_an_error() {
    let changed = r#"{"errno":114,"details":{"existing":{"id":"a","token":"s3cr3t"}}}"#;
    let error = run(records().create("a", &json!({})), vec![answer(412, &[], changed)]).error();
    assert_eq!(error.server().unwrap().existing().unwrap()["token"], "s3cr3t");
    let seen = format!("{error} {error:?} {:?}", error.server().unwrap().details());
    assert!(!seen.contains("s3cr3t") && !seen.contains("token"), "{seen}");
}

#[test]
fn secrets_of_any_letters_and_cut_ones_are_hidden() {
    for token in ["s3cr3t-p\u{e4}ss", "s3cr3t\u{202e}x", " s3cr3t-with-spaces  "] {
        let session = Session::builder("http://localhost:1/v1").header("X-Token", token).build().unwrap();
        let mut bench = Bench { session, now: Moment::default() };
        let told = |text: &str| json!({"errno": 104, "message": text}).to_string();
        let sent = token.trim();
        // The end of what is shown is in the middle of the second, which is too long to be shown as a whole.
        let cut = format!("{}{sent}", "x".repeat(505));
        for body in [told(sent), told(&cut), cut.clone(), format!("<p>{sent}</p>")] {
            let error = bench.run(records().get("a"), vec![answer(401, &[], &body)]).error();
            let seen = format!("{error} {error:?}");
            assert!(!seen.contains("s3cr3") && seen.contains("[hidden]"), "{seen}");
        }
    }
}

#[test]
fn a_cause_tells_no_secret_either() {
    let mut bench = Bench::new(|_| {});
    let wrong = r#"{"data": "you are bWU6czNjcjN0, known as s3cr3t"}"#;
    let error = bench.run(records().get("a"), vec![answer(200, &[], wrong)]).error();
    assert_eq!(error.kind(), ErrorKind::Decode);
    let cause = error.cause().map(ToString::to_string).unwrap_or_default();
    let seen = format!("{error} {error:?} {cause}");
    assert!(seen.contains("[hidden]") && !seen.contains("s3cr3t") && !seen.contains("bWU6czNjcjN0"), "{seen}");
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
fn somebody_else_has_the_same_manners() {
    let policy = Policy { attempts: 7, ..Policy::default() };
    let builder = Session::builder("http://localhost:1/v1").header("X-A", "1").policy(policy.clone());
    let session = builder.id_rule(IdRule::Wide).auth(Auth::basic("me", "s3cr3t")).build().unwrap();
    let other = session.with_auth(Some(Auth::bearer("t0ken"))).unwrap();
    assert_eq!((other.url(), other.policy()), (session.url(), &policy));
    let request = other.request(&records().get("a.b")).unwrap();
    assert_eq!(
        (request.headers()["x-a"].as_bytes(), request.headers()["authorization"].as_bytes()),
        (&b"1"[..], &b"Bearer t0ken"[..])
    );
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
