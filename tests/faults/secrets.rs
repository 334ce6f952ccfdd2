//! What is said of secrets, and by whom: nothing.

use std::sync::{Arc, Mutex, PoisonError};

use kinto_protocol::{Auth, Batch, Error, ErrorKind, Merge, Session, bucket, server_info};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::driver::{Driver, Setup};
use crate::place::{PASSWORD, Place, USER, records};
use crate::row::{Row, rows};
use crate::shelf::OWN;

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        S01 { nothing_that_is_shown_shows_credentials; wire clients_and_builders_show_no_credentials }
        S02 { credentials_show_their_scheme_at_most; wire }
        S04 { what_a_server_echoes_is_hidden; wire }
        S05 { texts_of_a_server_are_one_plain_line; wire }
        S08 { data_are_in_no_error_and_no_event; wire }
        S11 { no_answer_makes_anything_panic; wire }
    }
}

/// The value of `Authorization` of whom the clients are of.
const BASIC: &str = "Y2Fzc2FuZHJhOnRyMGphLW4wdC1mb3VuZA==";

fn assert_says_nothing(shown: &str) {
    for secret in [PASSWORD, BASIC, OWN.1, "t0ken-of-mine"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn shown(error: &Error) -> String {
    let causes = error.cause().map(|cause| format!("{cause} {cause:?}"));
    format!("{error} {error:?} {error:#?} {:?} {causes:?}", error.server())
}

fn place<D: Driver>(url: &str) -> Place<D> {
    Place::with(url, |setup| setup.headers.push((OWN.0.to_owned(), OWN.1.to_owned())))
}

fn nothing_that_is_shown_shows_credentials<D: Driver>() {
    let it = place::<D>("http://127.0.0.1:9/v1");
    let session = it.client.session();
    let exchange = session.exchange(records().get("a"));
    assert_says_nothing(&format!("{session:?} {session:#?} {exchange:?} {:?}", session.policy()));
    let request = session.request(&records().create("a", &json!({}))).unwrap();
    assert_eq!(request.headers()["authorization"].to_str().unwrap(), format!("Basic {BASIC}"), "it is there");
    assert_says_nothing(&format!("{request:?} {:?}", request.headers()));
    for header in ["authorization", OWN.0] {
        assert!(request.headers()[header].is_sensitive(), "{header}");
    }
    // Nobody is there.
    let refused = it.client.send(records().get("a")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Connect, "{refused}");
    assert_says_nothing(&shown(&refused));
    // One that is there, and is not Kinto.
    for answer in [Answer::Close(b"x".to_vec()), Answer::json(200, "{}"), Answer::json(401, "{}")] {
        let stub = Stub::start(move |_, _| answer.clone());
        assert_says_nothing(&shown(&place::<D>(stub.url()).client.send(records().get("a")).unwrap_err()));
    }
}

fn clients_and_builders_show_no_credentials<D: Driver>() {
    let url = "https://kinto.example/v1";
    let auth = || Auth::basic(USER, PASSWORD);
    let blocking = kinto_blocking::Client::builder(url).auth(auth()).header(OWN.0, OWN.1);
    let with_async = kinto_async::Client::builder(url).auth(auth()).header(OWN.0, OWN.1);
    let bare = Session::builder(url).auth(auth()).header(OWN.0, OWN.1);
    assert_says_nothing(&format!("{blocking:?} {with_async:?} {bare:?} {blocking:#?} {with_async:#?} {bare:#?}"));
    let (blocking, with_async) = (blocking.build().unwrap(), with_async.build().unwrap());
    assert_says_nothing(&format!("{blocking:?} {with_async:?} {blocking:#?} {with_async:#?}"));
    assert!(format!("{blocking:?} {with_async:?}").contains("kinto.example"), "they show where they go");
    drop(D::build(Setup::of(url)).unwrap());
}

fn credentials_show_their_scheme_at_most<D: Driver>() {
    for (auth, debug) in [
        (Auth::basic(USER, PASSWORD), "Auth(Basic …)"),
        (Auth::bearer("t0ken-of-mine"), "Auth(Bearer …)"),
        (Auth::token("Bearer+OIDC", "t0ken-of-mine"), "Auth(Bearer+OIDC …)"),
        (Auth::basic("us:er", PASSWORD), "Auth(unusable …)"),
        (Auth::bearer("t0ken-of-mine\r\n"), "Auth(unusable …)"),
    ] {
        assert_eq!((format!("{auth:?}"), format!("{:?}", Some(&auth))), (debug.to_owned(), format!("Some({debug})")));
        let mut setup = Setup::of("http://127.0.0.1:9/v1");
        setup.auth = Some(auth);
        if let Err(error) = D::build(setup) {
            assert_says_nothing(&shown(&error));
            assert_eq!(error.kind(), ErrorKind::Input);
        }
    }
    for text in [format!("Bearer {PASSWORD} x"), format!(":{PASSWORD}"), PASSWORD.to_owned()] {
        assert_says_nothing(&shown(&text.parse::<Auth>().unwrap_err()));
    }
}

/// Each way of saying a text in an answer.
fn saying(text: &str) -> Vec<(u16, String)> {
    let error = |member: &str| json!({"code": 400, "errno": 107, member: text}).to_string();
    let mut all = Vec::new();
    for status in [400, 401, 403, 503] {
        for member in ["error", "message", "info", "details"] {
            all.push((status, error(member)));
        }
        let details = json!([{"location": text, "name": text, "description": text}]);
        all.push((status, json!({"message": "x", "details": details}).to_string()));
        all.push((status, json!({"details": {"id": text, "resource_name": text}}).to_string()));
        all.push((status, format!("<html>{text}</html>")));
    }
    all.push((200, format!("<html>{text}</html>")));
    all
}

fn what_a_server_echoes_is_hidden<D: Driver>() {
    for secret in [PASSWORD, BASIC, &format!("Basic {BASIC}"), &format!("{USER}:{PASSWORD}"), OWN.1] {
        for (status, body) in saying(&format!("you said {secret}, I heard {secret}")) {
            let stub = Stub::start(move |_, _| Answer::json(status, &body));
            let told = Arc::<Mutex<String>>::default();
            let heard = Arc::clone(&told);
            let it = Place::<D>::with(stub.url(), |setup| {
                setup.headers.push((OWN.0.to_owned(), OWN.1.to_owned()));
                setup.observer = Some(Box::new(move |event| {
                    heard.lock().unwrap_or_else(PoisonError::into_inner).push_str(&format!("{event:?}"));
                }));
            });
            let error = it.client.once().send(records().create("a", &json!({}))).unwrap_err();
            assert_says_nothing(&shown(&error));
            let told = told.lock().unwrap_or_else(PoisonError::into_inner);
            assert!(!told.is_empty());
            assert_says_nothing(&told);
        }
    }
}

fn texts_of_a_server_are_one_plain_line<D: Driver>() {
    let odd = "a\nb\r\nc\u{1b}[31md\u{0}e\u{7}f\u{9b}g\u{202e}h\u{2028}i";
    let plain = |text: &str| {
        let bad = |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}');
        assert!(!text.chars().any(bad), "{text:?}");
    };
    for (status, body) in saying(odd) {
        // As JSON escapes them, and as they are.
        let stub = Stub::start(move |_, _| Answer::json(status, &body));
        let it = Place::<D>::at(stub.url());
        let error = it.client.once().send(records().get("a")).unwrap_err();
        plain(&error.to_string());
        plain(&format!("{error:?}"));
        assert!(error.to_string().chars().count() < 1200, "{error}");
    }
    // A header is as much a text as a body is.
    let stub = Stub::start(|_, _| {
        let head = "HTTP/1.1 307 X\r\nLocation: http://evil.example/\u{202e}x\tb\r\nContent-Length: 0\r\n\r\n";
        Answer::Keep(head.as_bytes().to_vec())
    });
    let error = Place::<D>::at(stub.url()).client.send(records().get("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect, "{error}");
    plain(&error.to_string());
}

fn data_are_in_no_error_and_no_event<D: Driver>() {
    const DATA: &str = "d4ta-of-others";
    let secret = json!({"text": DATA});
    for (status, body) in
        [(400, "{}"), (412, r#"{"errno":114,"details":{"existing":{"id":"a"}}}"#), (503, "{}"), (200, "[]"), (302, "")]
    {
        let stub =
            Stub::start(move |_, request| match request.contains("/batch") || request.starts_with("GET /v1/ ") {
                true => Answer::json(200, r#"{"responses":"d4t"}"#),
                false => Answer::json(status, body),
            });
        let told = Arc::<Mutex<String>>::default();
        let heard = Arc::clone(&told);
        let it = Place::<D>::with(stub.url(), |setup| {
            setup.observer = Some(Box::new(move |event| {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push_str(&format!("{event:?}"));
            }));
        });
        let mut batch = Batch::new();
        batch.push(records().create("a", &secret));
        batch.push(records().create("b", &secret));
        let operations = format!("{:?} {batch:?}", records().create("a", &secret));
        assert!(operations.len() < 20_000);
        let file = bucket("b").collection("c").attachment("a").upload("a.txt").always();
        let errors = [
            it.client.send(records().create("a", &secret)).unwrap_err(),
            it.client.send(records().replace("a", &secret)).unwrap_err(),
            it.client.send(records().patch("a", Merge::new(&secret))).unwrap_err(),
            it.client.send(file.data(&secret).content(DATA)).unwrap_err(),
        ];
        let outcome = it.client.send(batch);
        let of_batch = match &outcome {
            Ok(outcome) => outcome.stopped().map(shown).unwrap_or_default(),
            Err(error) => shown(error),
        };
        for said in
            errors.iter().map(shown).chain([of_batch, told.lock().unwrap_or_else(PoisonError::into_inner).clone()])
        {
            assert!(!said.contains(DATA), "{said}");
        }
    }
}

/// A panic anywhere would be one of the scenario.
fn no_answer_makes_anything_panic<D: Driver>() {
    let deep = "[".repeat(100_000);
    let bodies = [
        "",
        " ",
        "null",
        "true",
        "0",
        "-1",
        "1e999",
        "\"x\"",
        "[]",
        "[[]]",
        "{}",
        "{",
        "}",
        "{\"data\"",
        "{\"data\":}",
        r#"{"data":null}"#,
        r#"{"data":[]}"#,
        r#"{"data":[null]}"#,
        r#"{"data":[[]]}"#,
        r#"{"data":"x"}"#,
        r#"{"data":{"id":7}}"#,
        r#"{"data":{"id":"../a","last_modified":-1}}"#,
        r#"{"data":{"last_modified":1e400}}"#,
        r#"{"data":{"id":"a","last_modified":99999999999999999999999}}"#,
        r#"{"data":{"id":"a","id":"b"}}"#,
        r#"{"data":{"id":"\ud800","last_modified":1}}"#,
        r#"{"responses":[]}"#,
        r#"{"responses":[null]}"#,
        r#"{"responses":[{"status":"x"}]}"#,
        r#"{"responses":[{"status":70000,"body":7}]}"#,
        "\u{feff}{}",
        "\u{0}",
        r#"{"settings":{"batch_max_requests":-1}}"#,
        r#"{"settings":[],"capabilities":7,"user":"x"}"#,
        r#"{"errno":99999999,"details":[[]],"message":{}}"#,
        "<html>",
        &deep,
    ]
    .map(str::to_owned);
    let headers = [
        "ETag: x",
        "ETag: \"-1\"",
        "ETag: \"99999999999999999999\"",
        "Backoff: -1",
        "Backoff: 99999999999999999999x",
        "Retry-After: x",
        "Alert: {",
        "Alert: \u{e9}",
        "Next-Page: x",
        "Next-Page: \u{e9}",
        "Total-Records: -1",
        "Content-Type: \u{0}x",
        "Last-Modified: x",
        "Location: \u{e9}",
    ];
    let others = [201, 204, 206, 304, 307, 400, 404, 409, 412, 418, 500, 503, 599];
    for (number, body) in bodies.iter().enumerate() {
        for status in [200, others[number % others.len()]] {
            let header = headers[number % headers.len()];
            let answer = format!("HTTP/1.1 {status} X\r\n{header}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let stub = Stub::start(move |_, _| Answer::Close(answer.clone().into_bytes()));
            let it = Place::<D>::with(stub.url(), |setup| setup.policy.attempts = 1);
            let client = &it.client;
            let mut batch = Batch::new();
            batch.push(records().create("a", &json!({"n": 1})));
            batch.push(records().delete("b"));
            let outcomes = [
                client.send(records().get("a")).map(drop),
                client.send(records().create("a", &json!({}))).map(drop),
                client.send(server_info()).map(drop),
                client.send(records().list()).map(drop),
                client.send(batch).map(drop),
            ];
            for error in outcomes.into_iter().filter_map(Result::err) {
                assert!(!shown(&error).is_empty());
            }
        }
    }
}
