//! TLS that is not there, breaks, or is somebody else's.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use kinto_protocol::{Class, ErrorKind, Policy, Result};
use kinto_tests::Stub;
use rustls::ServerConfig;

use crate::answers::RECORD;
use crate::certificates::{FUTURE, KNOWN, NOW, OTHER, PAST, self_signed};
use crate::classes;
use crate::driver::Driver;
use crate::place::{PASSWORD, Place, facts, records};
use crate::row::{Row, rows};
use crate::secure::{Act, Secure};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        C16 {; wire plain_text_instead, a_handshake_that_is_cut, a_handshake_that_stalls, plain_text_to_a_port_of_tls }
        C17 {; wire nobody_to_be_trusted }
        C18 {; wire cut_in_the_middle_of_a_body, cut_where_the_end_says_how_much, ended_as_it_should }
    }
}

const CLASSES: [Class; 4] = [Class::Safe, Class::Repeatable, Class::Conditional, Class::Once];

/// One of each class, by a client that trusts the usual authority.
fn each<D: Driver>(url: &str, change: impl Fn(&mut Policy), check: impl Fn(Class, &Place<D>, Result<()>)) {
    for class in CLASSES {
        let it = Place::<D>::with(url, |setup| {
            setup.roots = Some(KNOWN.pem().to_owned());
            change(&mut setup.policy);
        });
        let asked = classes::of::<D>(class).remove(0);
        check(class, &it, (asked.send)(&it.client));
    }
}

fn plain_text_instead<D: Driver>() {
    let stub = Stub::raw(|_, mut connection| {
        // A server of plain HTTP takes the beginning of TLS for a bad request.
        let _ = connection.read(&mut [0; 4096]);
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    each::<D>(
        &stub.url().replace("http:", "https:"),
        |_| {},
        |_, _, outcome| {
            let error = outcome.unwrap_err();
            assert_eq!(facts(&error), (ErrorKind::Tls, 1, false), "{error}");
        },
    );
    assert_eq!(stub.connections(), CLASSES.len());
}

fn a_handshake_that_is_cut<D: Driver>() {
    for act in [Act::HangUp, Act::HangUpMidway] {
        let server = Secure::start(act);
        each::<D>(
            &server.url(),
            |_| {},
            |_, it, outcome| {
                let error = outcome.unwrap_err();
                assert_eq!(facts(&error), (ErrorKind::Interrupted, 3, false), "{error}");
                assert_eq!(it.waits().len(), 2);
            },
        );
        assert_eq!(server.connections(), 3 * CLASSES.len());
    }
}

fn a_handshake_that_stalls<D: Driver>() {
    let server = Secure::start(Act::Silence);
    let start = Instant::now();
    each::<D>(
        &server.url(),
        |policy| policy.limits.connect = Duration::from_millis(60),
        |_, _, outcome| {
            let error = outcome.unwrap_err();
            assert_eq!(facts(&error), (ErrorKind::Timeout, 3, false), "{error}");
        },
    );
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    assert_eq!(server.connections(), 3 * CLASSES.len());
}

/// It is sent, as it was asked for; what comes back is no HTTP.
fn plain_text_to_a_port_of_tls<D: Driver>() {
    let server = Secure::start(Act::json(RECORD));
    each::<D>(
        &server.url().replace("https:", "http:"),
        |_| {},
        |class, _, outcome| {
            let error = outcome.unwrap_err();
            assert_eq!(facts(&error), (ErrorKind::Protocol, 1, class != Class::Safe), "{error}");
        },
    );
    assert!(server.seen().iter().all(|seen| !seen.handshake));
}

type Certified = fn() -> ServerConfig;

/// No word of a request is said to any of them, whatever the request.
fn nobody_to_be_trusted<D: Driver>() {
    let servers: [(&str, Certified); 5] = [
        ("expired", || KNOWN.server("127.0.0.1", PAST)),
        ("not valid yet", || KNOWN.server("127.0.0.1", FUTURE)),
        ("of another host", || KNOWN.server("kinto.example", NOW)),
        ("of an authority that nobody knows", || OTHER.server("127.0.0.1", NOW)),
        ("of its own", || self_signed("127.0.0.1")),
    ];
    for (what, config) in servers {
        let server = Secure::with(config(), Act::json(RECORD));
        each::<D>(
            &server.url(),
            |_| {},
            |_, it, outcome| {
                let error = outcome.unwrap_err();
                assert_eq!(facts(&error), (ErrorKind::Tls, 1, false), "{what}: {error}");
                assert!(it.waits().is_empty() && !error.is_retryable(), "{what}");
                assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error}");
            },
        );
        assert_eq!(server.connections(), CLASSES.len(), "{what}");
        assert!(server.seen().iter().all(|seen| seen.text.is_empty()), "{what}");
    }
    // The same server, with a certificate that is as it should be.
    let server = Secure::start(Act::json(RECORD));
    let it = Place::<D>::with(&server.url(), |setup| setup.roots = Some(KNOWN.pem().to_owned()));
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
}

fn is_never_whole<D: Driver>(act: Act) {
    let server = Secure::start(act);
    each::<D>(
        &server.url(),
        |_| {},
        |class, _, outcome| {
            let error = outcome.unwrap_err();
            let attempts = if class == Class::Once { 1 } else { 3 };
            assert_eq!(facts(&error), (ErrorKind::Interrupted, attempts, class != Class::Safe), "{error}");
        },
    );
}

/// Also where it was ended politely, and where what came is JSON.
fn cut_in_the_middle_of_a_body<D: Driver>() {
    for head in ["Content-Length: 999\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n63\r\n"] {
        let bytes = format!("HTTP/1.1 200 OK\r\n{head}{RECORD}").into_bytes();
        is_never_whole::<D>(Act::Cut(bytes.clone()));
        is_never_whole::<D>(Act::End(bytes));
    }
}

/// Whoever cuts the line must not decide what an answer is.
fn cut_where_the_end_says_how_much<D: Driver>() {
    for body in [RECORD, &RECORD[..20], ""] {
        is_never_whole::<D>(Act::Cut(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}").into_bytes()));
    }
}

fn ended_as_it_should<D: Driver>() {
    let bytes = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{RECORD}").into_bytes();
    let server = Secure::start(Act::End(bytes));
    let it = Place::<D>::with(&server.url(), |setup| setup.roots = Some(KNOWN.pem().to_owned()));
    for _ in 0..2 {
        assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    }
}
