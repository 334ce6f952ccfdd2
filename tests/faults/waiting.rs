//! What a server asks to wait for: `Retry-After`, `Backoff`.

use std::any::TypeId;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use kinto_protocol::{Auth, Batch, Error, ErrorKind, Moment, OnBackoff};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::answers::{RECORD, answer, entries, info, json_with, page};
use crate::bare::Bare;
use crate::driver::Driver;
use crate::place::{Place, Told, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        B01 { not_before_it_was_asked_for, a_second_is_waited_for; wire }
        B02 { until_a_date; wire }
        B03 { what_cannot_be_read_is_not_there; wire }
        B04 { longer_than_there_is_time; wire }
        B05 { nothing_to_wait_for_after_a_success; wire }
        B06 { silence_is_kept_by_all, silence_only_gets_longer, silence_is_waited_for; wire }
        B07 { silence_between_two_pages, silence_between_two_chunks; wire }
        B08 { the_longest_of_all_waits; wire }
        B09 { nonsense_is_no_silence, a_day_is_the_longest_silence; wire }
        B10 { retries_of_many_end; wire }
    }
}

/// Whether waits take no time, so that they can be looked at however long they are.
fn takes_no_time<D: Driver>() -> bool {
    TypeId::of::<D>() == TypeId::of::<Bare>()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const DAY: u64 = 24 * 60 * 60;
/// What the dates below are counted from.
const SENT: (&str, &str) = ("Date", "Sun, 06 Nov 1994 08:49:00 GMT");

/// These headers on an answer of an overloaded server, and all is well the next time.
fn overloaded(status: u16, headers: &[(&str, &str)]) -> Stub {
    let first = json_with(status, headers, r#"{"errno":201}"#).answer;
    Stub::start(move |number, _| if number == 0 { first.clone() } else { Answer::json(200, RECORD) })
}

/// It is tried again after this wait; where that takes time, not at all, and it is told how long it would have been.
fn waits_for<D: Driver>(what: &str, stub: &Stub, wait: Duration) {
    let it = Place::<D>::with_policy(stub.url(), |policy| {
        if !takes_no_time::<D>() {
            policy.deadline = wait.min(secs(5));
        }
    });
    let outcome = it.client.send(records().create("a", &json!({"n": 1})).overwrite());
    if takes_no_time::<D>() {
        assert_eq!(outcome.unwrap().id, "a", "{what}");
        assert_eq!((it.waits(), stub.requests().len()), (vec![wait], 2), "{what}");
        return;
    }
    let error = outcome.unwrap_err();
    assert_eq!(
        (error.kind(), error.attempts(), error.retry_in()),
        (ErrorKind::Server, 1, Some(wait)),
        "{what}: {error}"
    );
    assert_eq!((it.waits(), stub.requests().len()), (vec![], 1), "{what}");
}

fn not_before_it_was_asked_for<D: Driver>() {
    let name = "Retry-After";
    for (headers, wait) in [
        (&[(name, "7")][..], 7),
        (&[(name, "  7 \t ")], 7),
        (&[(name, "007")], 7),
        (&[(name, "3"), (name, "8")], 8),
        (&[(name, "8"), (name, "3")], 8),
        (&[(name, "soon"), (name, "9")], 9),
    ] {
        for status in [429, 503] {
            waits_for::<D>(&format!("{status} {headers:?}"), &overloaded(status, headers), secs(wait));
        }
    }
}

fn a_second_is_waited_for<D: Driver>() {
    let times = Arc::<Mutex<Vec<Instant>>>::default();
    let noted = Arc::clone(&times);
    let busy = json_with(503, &[("Retry-After", "1")], r#"{"errno":201}"#).answer;
    let stub = Stub::start(move |number, _| {
        noted.lock().unwrap().push(Instant::now());
        if number == 0 { busy.clone() } else { Answer::json(200, RECORD) }
    });
    let it = Place::<D>::at(stub.url());
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    assert_eq!(it.waits(), [secs(1)]);
    let times = times.lock().unwrap();
    assert!(times.len() == 2 && (takes_no_time::<D>() || times[1] - times[0] >= secs(1)), "{times:?}");
}

fn until_a_date<D: Driver>() {
    for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
        waits_for::<D>(date, &overloaded(503, &[SENT, ("Retry-After", date)]), secs(37));
    }
}

fn what_cannot_be_read_is_not_there<D: Driver>() {
    let past = "Sun, 06 Nov 1994 08:48:00 GMT";
    let now = "Sun, 06 Nov 1994 08:49:00 GMT";
    let nothing = [
        "0",
        "-1",
        "1.5",
        "soon",
        "",
        "1, 3",
        "+1",
        "1s",
        "0x10",
        "1e3",
        "\u{0663}",
        past,
        now,
        "Xxx, 99 Nov 1994 08:49:37 GMT",
    ];
    for nothing in nothing {
        let stub = overloaded(429, &[SENT, ("Retry-After", nothing)]);
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.first_wait = Duration::from_millis(16));
        assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
        // Its own wait: something random, and never nothing.
        let (waits, own) = (it.waits(), Duration::from_millis(1)..=Duration::from_millis(16));
        assert!(waits.len() == 1 && own.contains(&waits[0]), "{nothing}: {waits:?}");
        assert_eq!(stub.requests().len(), 2);
    }
    // No clock of ours is asked where the server does not say how late it is.
    let stub = overloaded(503, &[("Retry-After", "Sun, 06 Nov 2094 08:49:37 GMT")]);
    let it = Place::<D>::at(stub.url());
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    assert!(it.waits()[0] <= Duration::from_millis(1));
}

fn longer_than_there_is_time<D: Driver>() {
    for (value, wait) in [
        ("3600", 3600),
        ("86400000", DAY),
        ("18446744073709551615", DAY),
        ("99999999999999999999999999", DAY),
        ("Sat, 06 Nov 2004 08:49:00 GMT", DAY),
    ] {
        let stub = overloaded(503, &[SENT, ("Retry-After", value)]);
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().delete("a")).unwrap_err();
        assert_eq!(
            (error.kind(), error.attempts(), error.retry_in()),
            (ErrorKind::Server, 1, Some(secs(wait))),
            "{error}"
        );
        assert_eq!((error.status().unwrap().as_u16(), it.waits(), stub.requests().len()), (503, vec![], 1), "{value}");
        // It was about that request.
        assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    }
}

fn nothing_to_wait_for_after_a_success<D: Driver>() {
    let stub = Stub::start(|_, _| json_with(200, &[("Retry-After", "3600")], RECORD).answer);
    let it = Place::<D>::at(stub.url());
    for _ in 0..2 {
        assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    }
    assert_eq!((it.told(), stub.requests().len()), (vec![Told::Answered(200); 2], 2));
}

fn quiet(seconds: &str) -> Answer {
    json_with(200, &[("Backoff", seconds)], RECORD).answer
}

fn is_silence(error: &Error) -> bool {
    let wait = error.retry_in().unwrap_or_default();
    error.kind() == ErrorKind::Backoff && error.attempts() == 0 && wait > secs(50) && wait <= secs(60)
}

fn silence_is_kept_by_all<D: Driver>() {
    let stub = Stub::start(|_, _| quiet("60"));
    let it = Place::<D>::with_policy(stub.url(), |policy| policy.on_backoff = OnBackoff::Fail);
    let clone = it.client.clone();
    let other = it.client.with_auth(Some(Auth::basic("other", "another"))).unwrap();
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    let hasty = it.client.with_policy(|policy| policy.deadline = secs(3));
    let waiting = hasty.with_policy(|policy| policy.on_backoff = OnBackoff::Wait);
    thread::scope(|scope| {
        let threads: Vec<_> = [&it.client, &clone, &other, &hasty, &waiting]
            .map(|client| scope.spawn(|| client.send(records().get("b")).map(drop).unwrap_err()))
            .into();
        for thread in threads {
            let error = thread.join().unwrap();
            assert!(is_silence(&error), "{error}");
        }
    });
    assert_eq!(stub.requests().len(), 1);
}

/// Neither what is under way meanwhile shortens it, nor a shorter one.
fn silence_only_gets_longer<D: Driver>() {
    for late in ["Backoff: 1\r\n", ""] {
        let (arrived, arrives) = channel();
        let (release, released) = channel::<()>();
        let released = Mutex::new(released);
        let stub = Stub::start(move |_, request| {
            if !request.contains("/records/slow") {
                return quiet("60");
            }
            arrived.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            let length = RECORD.len();
            Answer::Keep(format!("HTTP/1.1 200 OK\r\n{late}Content-Length: {length}\r\n\r\n{RECORD}").into_bytes())
        });
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.on_backoff = OnBackoff::Fail);
        thread::scope(|scope| {
            let slow = scope.spawn(|| it.client.send(records().get("slow")));
            arrives.recv().unwrap();
            it.client.send(records().get("a")).unwrap();
            release.send(()).unwrap();
            assert_eq!(slow.join().unwrap().unwrap().id, "a");
        });
        let error = it.client.send(records().get("b")).unwrap_err();
        assert!(is_silence(&error), "{error}");
        assert_eq!(stub.requests().len(), 2);
    }
}

fn silence_is_waited_for<D: Driver>() {
    let seconds = if takes_no_time::<D>() { 60 } else { 1 };
    let stub =
        Stub::start(move |number, _| if number == 0 { quiet(&seconds.to_string()) } else { Answer::json(200, RECORD) });
    let it = Place::<D>::at(stub.url());
    it.client.send(records().get("a")).unwrap();
    it.client.send(records().get("a")).unwrap();
    let told = it.told();
    let [Told::Answered(200), Told::Backoff(wait), Told::Answered(200)] = told[..] else { panic!("{told:?}") };
    assert!(wait <= secs(seconds) && wait > secs(seconds) / 2, "{wait:?}");
    assert!(it.client.session().quiet_until() > Moment::at(secs(seconds)));
}

fn silence_between_two_pages<D: Driver>() {
    let list = || records().list();
    let first = json_with(
        200,
        &[("Backoff", "1"), ("ETag", "\"9\""), ("Next-Page", "?_token=t")],
        r#"{"data":[{"id":"a","last_modified":1}]}"#,
    )
    .answer;
    let stub = Stub::start(move |number, _| if number == 0 { first.clone() } else { page(&["b"], None).answer });
    let it = Place::<D>::at(stub.url());
    let mut pages = list().pages();
    let hasty = it.client.with_policy(|policy| policy.on_backoff = OnBackoff::Fail);
    assert_eq!(hasty.send(&mut pages).unwrap().unwrap().items[0].id, "a");
    let error = hasty.send(&mut pages).unwrap_err();
    assert!(error.kind() == ErrorKind::Backoff && error.is_retryable() && error.retry_in() <= Some(secs(1)), "{error}");
    assert_eq!(stub.requests().len(), 1);
    // From where it stood.
    assert_eq!(it.client.send(&mut pages).unwrap().unwrap().items[0].id, "b");
    assert!(it.client.send(&mut pages).unwrap().is_none());
    let requests = stub.requests();
    assert!(requests.len() == 2 && requests[1].starts_with("GET /v1/buckets/b/collections/c/records?_token=t "));
}

fn silence_between_two_chunks<D: Driver>() {
    let made = |id: &str| format!(r#"{{"data":{{"id":"{id}","last_modified":7}}}}"#);
    let first = crate::answers::entries_with(&[("Backoff", "1")], &[(201, &made("a")), (201, &made("b"))]).answer;
    let second = entries(&[(201, &made("c")), (201, &made("d"))]).answer;
    let stub = Stub::start(move |number, _| match number {
        0 => info("2").answer,
        1 => first.clone(),
        _ => second.clone(),
    });
    let it = Place::<D>::at(stub.url());
    let hasty = it.client.with_policy(|policy| policy.on_backoff = OnBackoff::Fail);
    let mut batch: Batch = ["a", "b", "c", "d"].map(|id| records().create(id, &json!({}))).into_iter().collect();
    let error = hasty.send(&mut batch).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Backoff, 0), "{error}");
    assert!(error.to_string().contains("the batch stopped after 2 of 4 operations"), "{error}");
    assert_eq!(stub.requests().len(), 2);
    assert_eq!(it.client.send(&mut batch).unwrap().to_string(), "4 done");
    let requests = stub.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[2].contains("/records/c") && !requests[2].contains("/records/a"), "{}", requests[2]);
}

fn the_longest_of_all_waits<D: Driver>() {
    for (backoff, retry_after, own, least) in [("9", "6", 0, 9), ("6", "9", 0, 9), ("3", "3", 320, 20)] {
        let stub = overloaded(503, &[("Backoff", backoff), ("Retry-After", retry_after)]);
        let it = Place::<D>::with_policy(stub.url(), |policy| {
            policy.deadline = if takes_no_time::<D>() { secs(1000) } else { secs(2) };
            if own > 0 {
                (policy.first_wait, policy.longest_wait) = (secs(own), secs(own));
            }
        });
        let outcome = it.client.send(records().get("a"));
        if takes_no_time::<D>() {
            assert_eq!(outcome.unwrap().id, "a");
            let waits = it.waits();
            assert!(waits.len() == 1 && waits[0] >= secs(least) && (own > 0 || waits[0] == secs(least)), "{waits:?}");
            assert_eq!(stub.requests().len(), 2);
        } else {
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.attempts(), stub.requests().len()), (ErrorKind::Server, 1, 1), "{error}");
            assert_eq!(error.retry_in(), Some(secs(backoff.max(retry_after).parse().unwrap())), "{error}");
        }
    }
}

fn nonsense_is_no_silence<D: Driver>() {
    let nothing =
        ["", "0", "-5", "1.5", "+3", "soon", "3s", "1, 3", "0x10", "Sun, 06 Nov 2094 08:49:37 GMT", "\u{0663}"];
    let stub = Stub::start(move |number, _| quiet(nothing[number % nothing.len()]));
    let it = Place::<D>::at(stub.url());
    for nothing in nothing {
        assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
        assert_eq!(it.client.session().quiet_until(), Moment::default(), "{nothing}");
    }
    assert_eq!(it.told(), vec![Told::Answered(200); nothing.len()]);
}

fn a_day_is_the_longest_silence<D: Driver>() {
    for forever in ["99999999999999999999999", "18446744073709551615", "86401"] {
        let stub = Stub::start(move |number, _| if number == 0 { quiet(forever) } else { Answer::json(200, RECORD) });
        let it = Place::<D>::at(stub.url());
        assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
        let error = it.client.send(records().get("a")).unwrap_err();
        let wait = error.retry_in().unwrap();
        assert!(error.kind() == ErrorKind::Backoff && wait <= secs(DAY) && wait > secs(DAY - 60), "{error}");
        assert!(it.client.session().quiet_until() > Moment::at(secs(DAY - 60)));
        // It is not the end of the client: who has a day gets an answer.
        if takes_no_time::<D>() {
            let patient = it.client.with_policy(|policy| policy.deadline = secs(DAY + 1));
            assert_eq!(patient.send(records().get("a")).unwrap().id, "a");
        } else {
            assert_eq!(Place::<D>::at(stub.url()).client.send(records().get("a")).unwrap().id, "a");
        }
        assert_eq!(stub.requests().len(), 2);
    }
}

/// Each retry costs 5 of 500; an answer that is none of a server in distress gives back 1.
fn retries_of_many_end<D: Driver>() {
    let down = Arc::new(Mutex::new(true));
    let is_down = Arc::clone(&down);
    let stub = Stub::start(move |_, _| match *is_down.lock().unwrap() {
        true => answer(503, &[], "").answer,
        false => Answer::json(200, RECORD),
    });
    let it = Place::<D>::with_policy(stub.url(), |policy| {
        (policy.first_wait, policy.longest_wait) = (Duration::from_micros(50), Duration::from_micros(50));
    });
    let tried = |client: &D| client.send(records().get("a")).unwrap_err().attempts();
    // Clones and those with other settings draw on the same.
    let others = [it.client.clone(), it.client.with_policy(|policy| policy.redirects = 1)];
    let attempts: Vec<u32> = (0..60).map(|n| tried(&others[n % 2])).collect();
    assert_eq!((&attempts[..50], &attempts[50..]), (&[3; 50][..], &[1; 10][..]));
    assert_eq!((stub.requests().len(), it.waits().len()), (60 + 100, 100));
    *down.lock().unwrap() = false;
    for _ in 0..5 {
        it.client.send(records().get("a")).unwrap();
    }
    *down.lock().unwrap() = true;
    assert_eq!([tried(&it.client), tried(&it.client)], [2, 1]);
}
