//! TLS that begins well, or does not, and breaks.

use std::time::{Duration, Instant};

use kinto_protocol::{Error, ErrorKind, Policy};
use serde_json::json;

use crate::certificates::KNOWN;
use crate::driver::{Driver, RECORD, Setup, records};
use crate::secure::{Act, Secure};

/// What comes of a write to a server that does this.
fn outcome<D: Driver>(server: &Secure, change: impl FnOnce(&mut Policy)) -> Result<(), Error> {
    let client: D = Setup::of(server.url()).trusting(KNOWN.pem()).policy(change).client();
    client.send(records().create("a", &json!({}))).map(|_| ())
}

pub(crate) fn a_handshake_that_is_cut_off_is_tried_again<D: Driver>() {
    for act in [Act::HangUp, Act::HangUpMidway] {
        let server = Secure::start(act);
        let error = outcome::<D>(&server, |policy| policy.attempts = 3).unwrap_err();
        let facts = (error.kind(), error.attempts(), error.maybe_applied());
        assert_eq!(facts, (ErrorKind::Interrupted, 3, false), "{error}");
        assert_eq!(server.connections(), 3);
    }
}

const SHORT: Duration = Duration::from_millis(80);

fn stalls<D: Driver>(change: impl FnOnce(&mut Policy)) {
    let server = Secure::start(Act::Silence);
    let start = Instant::now();
    let error = outcome::<D>(&server, change).unwrap_err();
    let took = start.elapsed();
    assert_eq!((error.kind(), error.maybe_applied()), (ErrorKind::Timeout, false), "{error}");
    assert!(took >= SHORT && took < Duration::from_millis(900), "{took:?}: {error}");
}

pub(crate) fn a_handshake_that_stalls_ends_in_time<D: Driver>() {
    stalls::<D>(|policy| policy.limits.connect = SHORT);
}

/// Whichever limit it is that ends it, nothing was sent.
pub(crate) fn a_handshake_that_stalls_ends_with_the_attempt<D: Driver>() {
    stalls::<D>(|policy| policy.limits.total = SHORT);
    stalls::<D>(|policy| policy.deadline = SHORT);
}

pub(crate) fn a_body_of_known_length_that_is_cut_off<D: Driver>() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n63\r\n";
    for head in [head, chunked] {
        let bytes = format!("{head}{RECORD}").into_bytes();
        for act in [Act::Cut(bytes.clone()), Act::End(bytes)] {
            let error = outcome::<D>(&Secure::start(act), |_| {}).unwrap_err();
            assert!(error.kind() == ErrorKind::Interrupted && error.maybe_applied(), "{head}: {error}");
        }
    }
}

/// Only the end of TLS says that this was all: who cuts the line must not decide what an answer is.
pub(crate) fn a_body_without_length_that_is_cut_off<D: Driver>() {
    let bytes = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", &RECORD[..20]).into_bytes();
    let error = outcome::<D>(&Secure::start(Act::Cut(bytes)), |_| {}).unwrap_err();
    assert!(error.kind() == ErrorKind::Interrupted && error.maybe_applied(), "{error}");
}

pub(crate) fn a_body_without_length_that_ends_as_it_should<D: Driver>() {
    let bytes = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{RECORD}").into_bytes();
    assert!(outcome::<D>(&Secure::start(Act::End(bytes)), |_| {}).is_ok());
}

/// The connection was trusted, so that the request was sent.
pub(crate) fn nonsense_inside_of_tls<D: Driver>() {
    let server = Secure::start(Act::End(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()));
    let error = outcome::<D>(&server, |policy| policy.attempts = 3).unwrap_err();
    let facts = (error.kind(), error.attempts(), error.maybe_applied());
    assert_eq!(facts, (ErrorKind::Protocol, 1, true), "{error}");
    assert!(server.seen()[0].handshake);
}
