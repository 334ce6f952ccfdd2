//! Statuses other than success: which of them are final, and what is kept of them.

use std::time::{Duration, Instant};

use kinto_protocol::{Class, Conditional, ErrorKind, Timestamp};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::answers::{RECORD, answer, json, json_with};
use crate::classes::{self, of, of_all, writes};
use crate::driver::Driver;
use crate::place::{PASSWORD, Place, Told, facts, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        H03 { read_only_servers; wire }
        H04 { preconditions_that_failed; wire }
        H05 { too_much_or_too_long; wire }
        H06 { not_modified; wire }
        H07 { not_allowed; wire }
        H09 { the_table; wire }
        H10 { aborted, aborted_for_longer_than_there_is; wire; bare aborted_for_long }
        H11 { proxies_that_speak_html; wire }
        H12 { successes_that_are_none; wire }
        H13 { the_end_of_a_service; wire }
        H14 { too_slow_or_too_early; wire }
        H15 { overloaded, retries_are_paid_for; wire; bare overloaded_for_long }
        H16 { own_waits_where_none_was_asked_for; wire }
        H17 { errors_without_end; wire; bare errors_until_the_time_is_over }
    }
}

fn kinto(status: u16, errno: u16) -> Answer {
    json(status, &format!(r#"{{"code":{status},"errno":{errno},"error":"X","message":"told"}}"#)).answer
}

/// All classes get this answer to everything: how often is it asked for?
fn sent<D: Driver>(asked: &classes::Asked<D>, answer: &Answer) -> (usize, kinto_protocol::Error, Vec<Duration>) {
    let answer = answer.clone();
    let stub = Stub::start(move |_, _| answer.clone());
    let it = Place::<D>::at(stub.url());
    let error = (asked.send)(&it.client).unwrap_err();
    assert_eq!(stub.requests().len() as u32, error.attempts(), "{}: {error}", asked.what);
    (stub.requests().len(), error, it.waits())
}

fn is_final<D: Driver>(status: u16, errno: u16) {
    for asked in of_all::<D>() {
        let (_, error, _) = sent(&asked, &kinto(status, errno));
        assert_eq!(facts(&error), (ErrorKind::Server, 1, false), "{status} {}: {error}", asked.what);
        assert_eq!(error.status().unwrap().as_u16(), status);
        // An answer to HEAD has no body to tell more.
        let is_head = error.request().unwrap().method == "HEAD";
        assert_eq!(error.errno(), (!is_head).then_some(errno), "{status} {}", asked.what);
        assert!(!error.is_retryable(), "{error}");
    }
}

fn read_only_servers<D: Driver>() {
    is_final::<D>(405, 115);
}

fn preconditions_that_failed<D: Driver>() {
    is_final::<D>(412, 114);
    let existing = r#"{"code":412,"errno":114,"details":{"existing":{"id":"a","last_modified":9,"n":1}}}"#;
    let refusal = json_with(412, &[("ETag", "\"9\"")], existing).answer;
    let stub = Stub::start(move |_, _| refusal.clone());
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().create("a", &json!({"n": 2}))).unwrap_err();
    assert!(error.is_precondition_failed() && !error.maybe_applied(), "{error}");
    let there = error.server().unwrap().existing().unwrap();
    assert_eq!((&there["n"], &there["last_modified"]), (&json!(1), &json!(9)));
    assert_eq!(stub.requests().len(), 1);
}

fn too_much_or_too_long<D: Driver>() {
    for status in [411, 413, 414, 415, 431] {
        is_final::<D>(status, 113);
    }
}

fn not_modified<D: Driver>() {
    let unchanged = Answer::Keep(b"HTTP/1.1 304 Not Modified\r\nETag: \"7\"\r\n\r\n".to_vec());
    // A call of one's own gets its answer as it is.
    for asked in of_all::<D>().into_iter().filter(|asked| !asked.what.starts_with("POST")) {
        let (_, error, _) = sent(&asked, &unchanged);
        assert_eq!(facts(&error), (ErrorKind::Protocol, 1, asked.class != Class::Safe), "{}: {error}", asked.what);
    }
    let stub = Stub::start(move |_, _| unchanged.clone());
    let it = Place::<D>::at(stub.url());
    let at = Timestamp::from_millis(7);
    assert!(matches!(it.client.send(records().get("a").if_changed_since(at)).unwrap(), Conditional::NotModified));
    assert!(matches!(it.client.send(records().list().if_changed_since(at)).unwrap(), Conditional::NotModified));
    let requests = stub.requests();
    assert!(requests.iter().all(|it| it.to_lowercase().contains("if-none-match: \"7\"\r\n")), "{requests:?}");
}

/// The same credentials as before, and as often as they were asked for.
fn not_allowed<D: Driver>() {
    for (status, errno) in [(401, 104), (403, 121)] {
        is_final::<D>(status, errno);
        let answer = json_with(status, &[("WWW-Authenticate", "Digest realm=\"x\", nonce=\"1\"")], "{}").answer;
        let stub = Stub::start(move |number, _| if number == 0 { answer.clone() } else { Answer::json(200, RECORD) });
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!((error.is_unauthorized(), error.is_forbidden()), (status == 401, status == 403));
        assert!(!error.to_string().contains(PASSWORD), "{error}");
        assert!(it.client.send(records().get("a")).is_ok());
        let requests = stub.requests();
        assert_eq!((requests.len(), &requests[0]), (2, &requests[1]));
        assert!(requests[0].to_lowercase().contains("authorization: basic "), "{requests:?}");
    }
}

fn the_table<D: Driver>() {
    for status in [400, 401, 403, 404, 405, 406, 410, 411, 412, 413, 415, 418, 422, 451, 501, 505] {
        is_final::<D>(status, 107);
    }
    for status in [429, 500, 502, 503, 504] {
        for asked in of_all::<D>() {
            let (times, error, _) = sent(&asked, &kinto(status, 201));
            let once = asked.class == Class::Once && status != 429;
            let in_doubt = asked.class != Class::Safe && status != 429;
            assert_eq!(times, if once { 1 } else { 3 }, "{status} {}", asked.what);
            assert_eq!(facts(&error), (ErrorKind::Server, times as u32, in_doubt), "{status} {}", asked.what);
        }
    }
}

fn aborted_with(headers: &[(&str, &str)]) -> Answer {
    json_with(409, headers, r#"{"code":409,"errno":122,"error":"Conflict"}"#).answer
}

/// By a count of its own: others were faster, again and again.
fn aborted<D: Driver>() {
    for asked in writes::<D>() {
        let stub = Stub::start(|number, _| if number < 5 { aborted_with(&[]) } else { kinto(403, 121) });
        let it = Place::<D>::at(stub.url());
        let error = (asked.send)(&it.client).unwrap_err();
        assert!(error.is_forbidden() && !error.maybe_applied(), "{}: {error}", asked.what);
        assert_eq!((stub.requests().len(), it.waits().len()), (6, 5), "{}", asked.what);
    }
    let (times, error, _) = sent(&of::<D>(Class::Safe)[0], &aborted_with(&[]));
    assert!(times == 1 && error.is_conflict(), "{error}");
}

fn aborted_for_longer_than_there_is<D: Driver>() {
    for asked in writes::<D>() {
        let stub = Stub::start(|_, _| aborted_with(&[("Retry-After", "30")]));
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.deadline = Duration::from_secs(5));
        let error = (asked.send)(&it.client).unwrap_err();
        assert!(error.is_conflict() && error.is_retryable(), "{}: {error}", asked.what);
        assert_eq!(facts(&error), (ErrorKind::Server, 1, false), "{}: {error}", asked.what);
        assert_eq!((error.retry_in(), stub.requests().len()), (Some(Duration::from_secs(30)), 1));
    }
}

fn aborted_for_long<D: Driver>() {
    for asked in writes::<D>() {
        let stub =
            Stub::start(|number, _| if number < 2 { aborted_with(&[("Retry-After", "30")]) } else { kinto(403, 121) });
        let it = Place::<D>::at(stub.url());
        assert!((asked.send)(&it.client).unwrap_err().is_forbidden());
        assert_eq!(it.waits(), [Duration::from_secs(30); 2], "{}", asked.what);
    }
}

/// The status counts, whatever stands below it.
fn proxies_that_speak_html<D: Driver>() {
    let page = format!("<html><title>Sorry</title>{}</html>", "é".repeat(4_000));
    for status in [403, 500, 502, 503, 504] {
        for (kind, body) in [("text/html", page.as_str()), ("text/html", ""), ("application/json", "{\"errno\":")] {
            for class in [Class::Safe, Class::Conditional, Class::Once] {
                let asked = of::<D>(class).remove(0);
                let (times, error, waits) = sent(&asked, &answer(status, &[("Content-Type", kind)], body).answer);
                let once = class == Class::Once || status == 403;
                assert_eq!((times, waits.len()), if once { (1, 0) } else { (3, 2) }, "{status} {kind}");
                let in_doubt = class != Class::Safe && status != 403;
                assert_eq!(facts(&error), (ErrorKind::Server, times as u32, in_doubt), "{error}");
                assert_eq!((error.status().unwrap().as_u16(), error.errno()), (status, None), "{error}");
                let excerpt = error.server().unwrap().excerpt();
                assert!(excerpt.chars().count() <= 512 && body.trim().starts_with(excerpt), "{excerpt}");
                assert!(error.to_string().chars().count() < 1_000, "{error}");
            }
        }
    }
}

fn successes_that_are_none<D: Driver>() {
    for status in [202, 203, 206, 207, 226, 299] {
        for class in [Class::Safe, Class::Repeatable, Class::Conditional] {
            let asked = of::<D>(class).remove(0);
            let (_, error, _) = sent(&asked, &Answer::json(status, RECORD));
            assert_eq!(facts(&error), (ErrorKind::Protocol, 1, class != Class::Safe), "{status}: {error}");
            assert!(error.to_string().contains(&status.to_string()), "{error}");
        }
    }
}

fn the_end_of_a_service<D: Driver>() {
    is_final::<D>(410, 202);
    let alert = r#"{"code":"hard-eol","message":"it is over","url":"https://kinto.example/eol"}"#;
    let gone = json_with(410, &[("Alert", alert)], r#"{"code":410,"errno":202,"error":"Gone"}"#).answer;
    let stub = Stub::start(move |_, _| gone.clone());
    let it = Place::<D>::at(stub.url());
    for _ in 0..2 {
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.errno(), error.attempts()), (410, Some(202), 1));
    }
    let alert = Told::Alert("it is over".to_owned());
    assert_eq!(it.told(), [Told::Answered(410), alert, Told::Answered(410)]);
}

/// Nothing was done, as is said: all are sent again.
fn is_sent_again<D: Driver>(status: u16) {
    for asked in of_all::<D>() {
        let stub = Stub::start(move |number, _| if number < 2 { kinto(status, 201) } else { kinto(403, 121) });
        let it = Place::<D>::at(stub.url());
        let error = (asked.send)(&it.client).unwrap_err();
        assert!(error.is_forbidden() && !error.maybe_applied(), "{status} {}: {error}", asked.what);
        assert_eq!((stub.requests().len(), it.waits().len()), (3, 2), "{status} {}", asked.what);
        let (times, error, _) = sent(&asked, &kinto(status, 201));
        assert_eq!((times, error.maybe_applied()), (3, false), "{status} {}", asked.what);
    }
}

fn too_slow_or_too_early<D: Driver>() {
    is_sent_again::<D>(408);
    is_sent_again::<D>(425);
}

fn overloaded<D: Driver>() {
    is_sent_again::<D>(429);
    let stub = Stub::start(|number, _| match number {
        0 => json_with(429, &[("Retry-After", "1")], "{}").answer,
        _ => Answer::json(200, RECORD),
    });
    let it = Place::<D>::at(stub.url());
    assert!(it.client.send(records().get("a")).is_ok());
    assert_eq!(it.waits(), [Duration::from_secs(1)]);
}

fn overloaded_for_long<D: Driver>() {
    for asked in of_all::<D>() {
        let answer = json_with(429, &[("Retry-After", "40")], "{}").answer;
        let (times, error, waits) = sent(&asked, &answer);
        assert_eq!((times, waits), (3, vec![Duration::from_secs(40); 2]), "{}", asked.what);
        assert_eq!(error.retry_in(), Some(Duration::from_secs(40)), "{}", asked.what);
    }
}

/// A retry costs 5 of 500, and an answer that is no success gives nothing back.
fn retries_are_paid_for<D: Driver>() {
    let stub = Stub::start(|_, _| kinto(429, 201));
    let it = Place::<D>::with_policy(stub.url(), |policy| {
        policy.attempts = 21;
        policy.first_wait = Duration::from_micros(20);
        policy.longest_wait = Duration::from_micros(20);
    });
    let attempts: Vec<u32> = (0..7).map(|_| it.client.send(records().get("a")).unwrap_err().attempts()).collect();
    assert_eq!(attempts.iter().sum::<u32>() as usize, stub.requests().len());
    assert_eq!((attempts[0], attempts[6]), (21, 1), "{attempts:?}");
}

fn own_waits_where_none_was_asked_for<D: Driver>() {
    for headers in [&[][..], &[("Retry-After", "0")], &[("Retry-After", "soon")], &[("Retry-After", "")]] {
        let answer = json_with(503, headers, r#"{"errno":201}"#).answer;
        let stub = Stub::start(move |_, _| answer.clone());
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.first_wait = Duration::from_millis(32));
        let start = Instant::now();
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Server, 3, false), "{error}");
        let waits = it.waits();
        assert_eq!((waits.len(), stub.requests().len(), error.retry_in()), (2, 3, None));
        for (n, wait) in waits.into_iter().enumerate() {
            let bound = Duration::from_millis(32 << n);
            assert!(wait >= bound / 16 && wait <= bound, "{n}: {wait:?}");
        }
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}

fn errors_without_end<D: Driver>() {
    for status in [500, 502, 503, 504] {
        let stub = Stub::start(move |number, _| kinto(if number < 4 { 500 } else { status }, 201));
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.attempts = 5);
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!(facts(&error), (ErrorKind::Server, 5, false), "{error}");
        assert_eq!((error.status().unwrap().as_u16(), stub.requests().len()), (status, 5));
        assert!(error.to_string().contains("after 5 attempts"), "{error}");
    }
}

/// No wait is begun that does not fit.
fn errors_until_the_time_is_over<D: Driver>() {
    let stub = Stub::start(|_, _| kinto(502, 201));
    let it = Place::<D>::with_policy(stub.url(), |policy| {
        policy.attempts = u32::MAX;
        policy.first_wait = Duration::from_secs(1);
        policy.deadline = Duration::from_secs(60);
    });
    let error = it.client.send(records().get("a")).unwrap_err();
    assert_eq!((error.kind(), error.status().unwrap().as_u16()), (ErrorKind::Server, 502), "{error}");
    let waits = it.waits();
    assert_eq!((waits.len() + 1, stub.requests().len()), (error.attempts() as usize, error.attempts() as usize));
    assert!(waits.iter().sum::<Duration>() < Duration::from_secs(60) && waits.len() > 3, "{waits:?}");
}
