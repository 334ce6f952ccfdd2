//! Secrets are nowhere but in requests to their own origin: not in what is printed, logged, told or kept, not with others.
//!
//! Servers repeat all they were told, in every place there is, and provoke every kind of error, through both front-ends and
//! the bare core. All logs are on, of all crates.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "../parity/bare.rs"]
mod bare;
mod canary;
#[path = "../functional/driver.rs"]
#[allow(dead_code, reason = "other tests have this file too")]
mod driver;
mod echo;
mod kept;
mod logs;
mod provoked;
mod proxies;
mod seen;
#[path = "../parity/wire.rs"]
mod wire;

use std::collections::BTreeSet;

use kinto_protocol::Auth;
use kinto_protocol::openid::Heard;
use kinto_tests::{Answer, Stub};

use crate::canary::{OPENID, PASSWORD, TOKEN};
use crate::provoked::Provoker;
use crate::seen::Seen;

/// Time that nobody needs to wait for is skipped.
const SKIPS_WAITS: bool = true;

/// The names of all kinds of errors.
fn kinds() -> BTreeSet<String> {
    let source = include_str!("../../kinto-protocol/src/error.rs");
    let (_, rest) = source.split_once("pub enum ErrorKind {").unwrap();
    let (body, _) = rest.split_once("\n}").unwrap();
    body.lines().filter_map(|line| line.trim().strip_suffix(',')).map(str::to_owned).collect()
}

#[test]
fn secrets_are_seen_nowhere() {
    logs::listen();
    let seen = Seen::default();
    let other = Stub::start(|_, _| Answer::json(200, "{}"));
    for auth in [Auth::basic("me", PASSWORD), Auth::bearer(TOKEN)] {
        seen.text("credentials", format!("{auth:?} {auth:#?}"));
        let provoker = Provoker { auth: auth.clone(), seen: &seen, other: &other };
        provoker.all::<kinto_blocking::Client>();
        provoker.all::<kinto_async::Client>();
        provoker.all::<bare::Bare>();
        provoked::by_transport(&auth, &seen);
        kept::looked_through(&auth, &seen);
        kept::recorded(&auth, &seen);
    }
    signed_in(&seen);

    let missing: Vec<_> = kinds().difference(&seen.kinds()).cloned().collect();
    assert!(kinds().len() > 15 && missing.is_empty(), "kinds of errors that were not provoked: {missing:?}");

    let lines = logs::lines();
    for source in ["kinto_protocol", "ureq", "hyper_util", "panic"] {
        assert!(lines.iter().any(|(target, _)| target.starts_with(source)), "no line of {source} was heard");
    }
    // ureq writes three headers of an answer down as they are, at the level of debugging: what a server makes of the
    // secrets there is in its hands. Everything else, requests above all, is looked at.
    let lines = lines.into_iter().filter(|(target, line)| !(target == "ureq::run" && line.starts_with("Response {")));
    lines.for_each(|(target, line)| seen.text(&format!("log of {target}"), line));
    other.requests().into_iter().for_each(|request| seen.text("heard by another origin", request));

    let (texts, events, leaks) = seen.end();
    assert!(texts > 1_000 && events > 100, "hardly anything was looked at: {texts} texts, {events} events");
    assert!(leaks.is_empty(), "{} places show secrets:\n\n{}", leaks.len(), leaks.join("\n\n"));
}

/// A login that succeeds, one that fails, and one that is not to be understood.
fn signed_in(seen: &Seen) {
    use base64::Engine as _;
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let token = format!(r#"{{"access_token":"{OPENID}","id_token":"{OPENID}","refresh_token":"{OPENID}"}}"#);
    for answer in [encoded(&token), encoded(&token[..40]), OPENID.to_owned(), "error=access_denied".to_owned()] {
        let callback = kept::callback();
        let path = callback.login_url().split_once("%2Fauth%2F").unwrap().1.split_once("%2F").unwrap().0.to_owned();
        let request = format!("GET /auth/{path}/{answer} HTTP/1.1\r\nHost: 127.0.0.1:4\r\n\r\n");
        let mut visit = callback.visit();
        let heard = visit.take(request.as_bytes());
        seen.text("login", format!("{callback:?} {visit:?} {heard:?} {heard:#?}"));
        let Heard::Done(page, outcome) = heard else { panic!("not the callback") };
        seen.text("page", String::from_utf8(page).unwrap());
        match outcome {
            Ok(token) => seen.text("token", format!("{token:?} {:?} {token:#?}", token.auth())),
            Err(error) => provoked::by_login(error, seen),
        }
    }
}
