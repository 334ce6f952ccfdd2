//! Answers that point elsewhere.

use std::sync::{Arc, OnceLock};

use kinto_protocol::{Error, ErrorKind, Merge, Object};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::answers::{RECORD, answer, json};
use crate::certificates::KNOWN;
use crate::driver::Driver;
use crate::place::{Place, records};
use crate::row::{Row, rows};
use crate::secure::{Act, Secure};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        R01 { reads_follow_within_the_origin, a_base_url_without_its_version; wire }
        R02 { nobody_else_is_asked; wire }
        R03 { writes_follow_nowhere; wire }
        R04 { circles_end, nowhere_to_go; wire }
        R05 {; wire never_out_of_tls }
        R06 { what_is_shown_of_a_location; wire }
    }
}

fn redirect(status: u16, location: &str) -> Answer {
    answer(status, &[("Location", location)], "").answer
}

fn reads_follow_within_the_origin<D: Driver>() {
    for status in [301, 302, 303, 307, 308] {
        let stub = Stub::start(move |_, request| {
            let path = request.split(' ').nth(1).unwrap();
            if path.ends_with('/') {
                redirect(status, path.trim_end_matches('/'))
            } else {
                redirect(status, "/v1/moved")
            }
        });
        // One step further each time, until there are more than are followed.
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.redirects = 1);
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!((error.kind(), error.attempts(), error.maybe_applied()), (ErrorKind::Redirect, 1, false), "{error}");
        assert!(error.to_string().contains(&format!("redirected ({status}) to \"/v1/moved\"")), "{error}");
        let requests = stub.requests();
        assert_eq!(requests.len(), 2);
        assert!(requests[1].starts_with("GET /v1/moved HTTP/1.1"), "{requests:?}");
        assert!(requests[1].to_ascii_lowercase().contains("authorization: basic"), "it is the same origin");
    }
}

/// As Kinto does where the version is missing.
fn a_base_url_without_its_version<D: Driver>() {
    let stub = Stub::start(|_, request| match request.split(' ').nth(1).unwrap() {
        path if path.starts_with("/v1/") => Answer::json(200, RECORD),
        path => redirect(307, &format!("/v1{path}")),
    });
    let it = Place::<D>::at(stub.url().trim_end_matches("/v1"));
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    assert!(it.client.send(records().exists("a")).unwrap());
    let error = it.client.send(records().create("b", &json!({}))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect, "{error}");
    let words = error.to_string();
    assert!(words.contains("307") && words.contains("/v1/buckets/b/collections/c/records/b"), "{words}");
    assert!(words.contains("is the base URL complete, with its version such as /v1?"), "{words}");
    assert_eq!(stub.requests().len(), 5);
}

fn nobody_else_is_asked<D: Driver>() {
    let other = Stub::start(|_, _| Answer::json(200, RECORD));
    let port = |stub: &Stub| stub.url().split(':').nth(2).unwrap().trim_end_matches("/v1").to_owned();
    let there = port(&other);
    let origin = Arc::<OnceLock<String>>::default();
    let known = Arc::clone(&origin);
    let places = [
        "http://127.0.0.1:{there}/v1/x",
        "//127.0.0.1:{there}/v1/x",
        "http://127.0.0.1:{here}@127.0.0.1:{there}/v1/x",
        "http://localhost:{here}/v1/x",
        "http://localhost:{there}/v1/x",
        "https://127.0.0.1:{here}/v1/x",
        "http://cassandra:tr0ja-n0t-found@127.0.0.1:{here}/v1/x",
        "http://127.0.0.1/v1/x",
        "http:\\\\127.0.0.1:{there}/v1/x",
        "/\\127.0.0.1:{there}/v1/x",
    ];
    let stub = Stub::start(move |number, _| {
        let here = known.get().unwrap();
        let place = places.get(number / 5).unwrap_or(&"/").replace("{here}", here).replace("{there}", &there);
        redirect([301, 302, 303, 307, 308][number % 5], &place)
    });
    origin.set(port(&stub)).unwrap();
    let it = Place::<D>::with(stub.url(), |setup| {
        // What leads to no other origin is followed no further than to here.
        setup.policy.redirects = 0;
        setup.headers.push(("X-Own".to_owned(), "of the caller".to_owned()));
    });
    for (number, place) in places.iter().enumerate() {
        for status in [301, 302, 303, 307, 308] {
            let error = it.client.send(records().get("a")).unwrap_err();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Redirect, 1), "{status} to {place}: {error}");
            assert!(error.to_string().contains(&status.to_string()), "{error}");
        }
        assert_eq!(stub.requests().len(), 5 * (number + 1), "{place}");
    }
    assert_eq!(other.connections(), 0);
}

fn writes_follow_nowhere<D: Driver>() {
    let stub = Stub::start(|number, _| match number % 6 {
        5 => Answer::json(200, RECORD),
        n => redirect([301, 302, 303, 307, 308][n], "/v1/buckets/b/collections/c/records/elsewhere"),
    });
    let it = Place::<D>::at(stub.url());
    type Write<D> = fn(&D) -> Result<(), Error>;
    let writes: [(&str, Write<D>); 5] = [
        ("PUT", |client| client.send(records().create("a", &json!({}))).map(drop)),
        ("PUT", |client| client.send(records().replace("a", &json!({}))).map(drop)),
        ("PATCH", |client| client.send(records().patch("a", Merge::new(&json!({"n": 1})))).map(drop)),
        ("DELETE", |client| client.send(records().delete("a")).map(drop)),
        ("DELETE", |client| client.send(records().delete_all()).map(drop)),
    ];
    let mut before = 0;
    for (method, write) in writes {
        for status in [301, 302, 303, 307, 308] {
            let error = write(&it.client).unwrap_err();
            let told = (error.kind(), error.attempts(), error.maybe_applied());
            assert_eq!(told, (ErrorKind::Redirect, 1, false), "{method} {status}: {error}");
            let requests = stub.requests();
            assert_eq!(requests.len(), before + 1);
            assert!(requests[before].starts_with(&format!("{method} /v1/buckets/b/collections/c/records")));
            before += 1;
        }
        // The client is as good as before.
        assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
        before += 1;
    }
    assert!(it.waits().is_empty());
}

fn circles_end<D: Driver>() {
    for places in [["/v1/a", "/v1/a"], ["/v1/a", "/v1/b"]] {
        let stub = Stub::start(move |number, _| redirect(302, places[number % 2]));
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Redirect, 1), "{error}");
        assert!(error.to_string().contains("the server redirects in a circle"), "{error}");
        assert_eq!(stub.requests().len(), 6, "five are followed");
    }
}

fn nowhere_to_go<D: Driver>() {
    let answers = [
        ("no Location", answer(302, &[], "").answer),
        ("an empty one", redirect(302, "")),
        ("only a fragment", redirect(302, "#x")),
        ("a file", redirect(302, "file:///etc/passwd")),
        ("a script", redirect(301, "javascript:alert(1)")),
        ("data", redirect(307, "data:application/json,{}")),
        ("a relative one", redirect(303, "a")),
        ("a choice", answer(300, &[], "[]").answer),
        ("a choice of one", redirect(300, "http://evil.test/")),
        ("a proxy to be used", redirect(305, "http://evil.test/")),
        ("two words", redirect(302, "/v1/a b")),
    ];
    for (what, redirected) in answers {
        let stub =
            Stub::start(move |number, _| if number == 0 { redirected.clone() } else { json(200, RECORD).answer });
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().get("a")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Redirect | ErrorKind::Protocol), "{what}: {error}");
        assert_eq!((error.attempts(), stub.requests().len()), (1, 1), "{what}");
        assert_eq!(it.client.send(records().get("a")).unwrap().id, "a", "{what}");
    }
}

fn never_out_of_tls<D: Driver>() {
    let clear = Stub::start(|_, _| Answer::json(200, RECORD));
    let there = clear.url().to_owned();
    for location in [there.clone(), there.replacen("http:", "", 1), "http://127.0.0.1/v1".to_owned()] {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let secure = Secure::start(Act::Answer(head.into_bytes()));
        let it = Place::<D>::with(&secure.url(), |setup| setup.roots = Some(KNOWN.pem().to_owned()));
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Redirect, 1), "{location}: {error}");
        drop(it);
        let texts: Vec<String> = secure.seen().into_iter().map(|seen| seen.text).collect();
        assert_eq!(texts.concat().matches("GET ").count(), 1);
    }
    assert_eq!(clear.connections(), 0);
}

fn what_is_shown_of_a_location<D: Driver>() {
    let places = [
        "http://user:geheim@evil.test/x?token=geheim#geheim",
        "http://evil.test/x?a=geheim@b",
        "http://evil.test/x#geheim",
        "http://evil.test/\u{1b}[31mred",
        "http://evil.test/\u{202e}gnp",
        "http://evil.test/%1b[31m%0d%0aSet-Cookie:%20a",
        "/v1/\u{7}bell",
    ];
    for place in places {
        let stub =
            Stub::start(move |number, _| if number == 0 { redirect(302, place) } else { Answer::json(200, RECORD) });
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.attempts = 1);
        let error = it.client.send(records().replace("a", &json!({"n": 1}))).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Redirect | ErrorKind::Protocol), "{place}: {error}");
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("geheim"), "{place}: {shown}");
            assert!(!shown.chars().any(|c| c.is_control() || c == '\u{202e}'), "{place}: {shown}");
        }
        let next: Object = it.client.send(records().get("a")).unwrap();
        assert_eq!((next.id.as_str(), stub.requests().len()), ("a", 2));
    }
}
