//! Headers and credentials of the caller's that would break a request, or be somebody else's.

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{Auth, Call, ErrorKind, Merge, Method, Timestamp, endpoints, server_info};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::answers::RECORD;
use crate::driver::{Driver, Setup};
use crate::place::{Place, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        I05 { line_breaks_never_become_headers; wire }
        I06 { a_colon_in_a_user_s_name_is_refused, names_of_any_script_are_utf_8; wire }
        I14 { headers_of_the_client_s_own_are_refused, each_request_has_one_of_each; wire }
    }
}

const BREAKS: [&str; 7] =
    ["s3cr3t\r\nX-Evil: 1", "s3cr3t\nX-Evil: 1", "s3cr3t\r", "\ns3cr3t", "s3cr3t\0", "s3cr3t\u{7f}", "s3c\u{1b}r3t"];

fn line_breaks_never_become_headers<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let it = Place::<D>::at(stub.url());
    let mut errors = Vec::new();
    for value in BREAKS {
        let mut setup = Setup::of(stub.url());
        setup.headers.push(("X-Token".to_owned(), value.to_owned()));
        errors.extend(D::build(setup).err());
        let mut setup = Setup::of(stub.url());
        setup.headers.push((value.to_owned(), "1".to_owned()));
        errors.extend(D::build(setup).err());
        let mut setup = Setup::of(stub.url());
        setup.user_agent = Some(value.to_owned());
        errors.extend(D::build(setup).err());
        for auth in [Auth::bearer(value), Auth::token("Bearer+OIDC", value), Auth::token(value, "token")] {
            let mut setup = Setup::of(stub.url());
            setup.auth = Some(auth.clone());
            errors.extend(D::build(setup).err());
            errors.extend(it.client.with_auth(Some(auth)).err());
        }
        errors.extend(it.client.with_header("X-Token", value).err());
        errors.extend(Call::new(Method::GET, endpoints::root()).header("X-Token", value).err());
        errors.extend(format!("Bearer x{value}x").parse::<Auth>().err());
    }
    assert_eq!(errors.len(), BREAKS.len() * 12);
    for error in errors {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
        let shown = format!("{error} {error:?}");
        // A name is shown, as it is no secret; a value never.
        let named = shown.contains("is not the name of a header");
        assert!(named || !shown.contains("s3c"), "{shown}");
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
    // A precondition is a number: nothing else can stand there.
    for etag in ["\"1\"\r\nX-Evil: 1", "1\n", "\"s3cr3t\"", "", "\"-1\"", "1e3", "\"1", "*"] {
        assert!(etag.parse::<Timestamp>().is_err(), "{etag:?}");
    }
    let negative = it.client.send(records().delete("a").if_match(Timestamp::from_millis(-1))).unwrap_err();
    assert_eq!((negative.kind(), negative.attempts()), (ErrorKind::Input, 0), "{negative}");
    assert_eq!(stub.connections(), 0);
    // A password may hold whatever there is: it is encoded.
    it.client.with_auth(Some(Auth::basic("me", "p4ss\r\nX-Evil: 1"))).unwrap().send(records().get("a")).unwrap();
    let request = stub.requests().pop().unwrap();
    assert!(!request.to_lowercase().contains("x-evil"), "{request}");
}

fn a_colon_in_a_user_s_name_is_refused<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let it = Place::<D>::at(stub.url());
    for user in ["us:er", ":", "user:", "account:me", ""] {
        let mut setup = Setup::of(stub.url());
        setup.auth = Some(Auth::basic(user, "s3cr3t"));
        for error in [D::build(setup).err(), it.client.with_auth(Some(Auth::basic(user, "s3cr3t"))).err()] {
            let error = error.unwrap();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}");
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
        }
    }
    assert_eq!(stub.connections(), 0);
}

fn names_of_any_script_are_utf_8<D: Driver>() {
    let stub = Stub::serving(MemoryServer::new());
    for (user, password) in [("zoë", "pässwörd"), ("日本", "語"), ("a b", "p4ss word"), ("😀", "\u{202e}x:y:z")]
    {
        let it = Place::<D>::with(stub.url(), |setup| setup.auth = Some(Auth::basic(user, password)));
        let known = it.client.send(server_info()).unwrap().user.unwrap();
        assert_eq!(known.id, format!("account:{user}"));
        assert!(stub.requests().pop().unwrap().is_ascii());
    }
}

const RESERVED: [&str; 12] = [
    "Host",
    "host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Authorization",
    "Content-Type",
    "If-Match",
    "If-None-Match",
    "Expect",
    "Upgrade",
    "Proxy-Authorization",
];

fn headers_of_the_client_s_own_are_refused<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let it = Place::<D>::at(stub.url());
    for name in RESERVED {
        let mut setup = Setup::of(stub.url());
        setup.headers.push((name.to_owned(), "s3cr3t".to_owned()));
        let call = Call::new(Method::GET, endpoints::root()).header(name, "s3cr3t");
        for error in [D::build(setup).err(), it.client.with_header(name, "s3cr3t").err(), call.err()] {
            let error = error.unwrap_or_else(|| panic!("{name} is taken"));
            assert_eq!(error.kind(), ErrorKind::Input, "{error}");
            let line = error.to_string();
            assert!(line.contains(&name.to_lowercase()) && !line.contains("s3cr3t"), "{line}");
        }
    }
    assert_eq!(stub.connections(), 0);
}

fn each_request_has_one_of_each<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let it = Place::<D>::at(stub.url());
    let client = it.client.with_header("X-Own", "1").unwrap().with_header("x-own", "2").unwrap();
    client.send(records().get("a")).unwrap();
    client.send(records().create("a", &json!({}))).unwrap();
    client.send(records().patch("a", Merge::new(&json!({})))).unwrap();
    let types = [None, Some("application/json"), Some("application/merge-patch+json")];
    for (request, expected) in stub.requests().iter().zip(types) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let values = |name: &str| -> Vec<&str> {
            let of = |line: &'_ str| line.split_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(name));
            head.lines().filter(|line| of(line)).map(|line| line.split_once(": ").unwrap().1).collect()
        };
        assert_eq!(values("content-type"), expected.into_iter().collect::<Vec<_>>(), "{head}");
        assert_eq!((values("host").len(), values("authorization").len()), (1, 1), "{head}");
        let length = body.len().to_string();
        assert_eq!(
            values("content-length"),
            expected.map(|_| length.as_str()).into_iter().collect::<Vec<_>>(),
            "{head}"
        );
        assert_eq!(values("x-own"), ["1", "2"], "both are sent: {head}");
    }
}
