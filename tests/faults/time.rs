//! Time that is over, and clocks that are wrong.

use std::time::{Duration, Instant};

use kinto_protocol::{ErrorKind, Moment, Step};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::answers::RECORD;
use crate::driver::Driver;
use crate::place::{Place, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        T04 {
            waits_that_do_not_fit_are_not_begun,
            attempts_are_cut_to_what_is_left,
            an_attempt_after_the_end_is_not_begun;
            wire
        }
        T08 { dates_count_from_the_date_of_the_answer, time_that_stands_still_or_leaps_does_no_harm; wire }
    }
}

fn busy(headers: &str) -> Answer {
    Answer::Keep(format!("HTTP/1.1 503 Busy\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes())
}

fn waits_that_do_not_fit_are_not_begun<D: Driver>() {
    for (headers, asked) in
        [("Retry-After: 30\r\n", 30), ("Retry-After: 2\r\nRetry-After: 7\r\n", 7), ("Retry-After: 5\r\n", 5)]
    {
        let stub = Stub::start(move |_, _| busy(headers));
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.deadline = Duration::from_secs(5));
        let started = Instant::now();
        let error = it.client.send(records().get("a")).unwrap_err();
        // The error is the last real one, and says how long it would have been.
        let known = (error.kind(), error.status().unwrap().as_u16(), error.attempts(), error.retry_in());
        assert_eq!(known, (ErrorKind::Server, 503, 1, Some(Duration::from_secs(asked))), "{error}");
        assert!(error.is_retryable() && !error.maybe_applied(), "{error}");
        assert!(started.elapsed() < Duration::from_secs(3) && it.waits().is_empty());
        assert_eq!(stub.requests().len(), 1);
    }
}

fn attempts_are_cut_to_what_is_left<D: Driver>() {
    let stub = Stub::start(|number, _| if number == 0 { busy("") } else { Answer::Stall(Vec::new()) });
    let it = Place::<D>::with_policy(stub.url(), |policy| policy.deadline = Duration::from_millis(150));
    let started = Instant::now();
    let error = it.client.send(records().create("a", &json!({}))).unwrap_err();
    // One attempt had three seconds for its head, and five for all of it.
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    assert_eq!((error.kind(), error.attempts(), error.maybe_applied()), (ErrorKind::Timeout, 2, true), "{error}");
    assert_eq!(stub.requests().len(), 2);
}

/// A sleep that took longer than it should: time is over before the next attempt.
fn an_attempt_after_the_end_is_not_begun<D: Driver>() {
    let it = Place::<D>::with_policy("http://127.0.0.1:9/v1", |policy| policy.deadline = Duration::from_secs(10));
    let mut exchange = it.client.session().exchange(records().replace("a", &json!({})));
    let at = |seconds| Moment::at(Duration::from_secs(seconds));
    let Step::Send(_, limits) = exchange.next(at(100)) else { panic!("nothing to be sent") };
    assert_eq!((limits.total, limits.head), (Duration::from_secs(5), Duration::from_secs(3)));
    exchange.handle(Ok(http::Response::builder().status(503).body("".into()).unwrap()), at(108));
    assert!(matches!(exchange.next(at(108)), Step::Wait(wait) if wait < Duration::from_millis(2)));
    let late = exchange.next(at(111));
    let Step::Done(Err(error)) = late else { panic!("{late:?}") };
    assert_eq!((error.kind(), error.attempts(), error.maybe_applied()), (ErrorKind::Deadline, 1, true), "{error}");
    assert!(error.to_string().contains("the last attempt failed: the server answered 503"), "{error}");
    assert!(error.is_retryable());

    // What is begun just before the end has no more time than there is.
    let mut exchange = it.client.session().exchange(records().get("a"));
    assert!(matches!(exchange.next(at(200)), Step::Send(..)));
    exchange.handle(Ok(http::Response::builder().status(503).body("".into()).unwrap()), at(208));
    let Step::Wait(_) = exchange.next(at(208)) else { panic!("no wait") };
    let Step::Send(_, limits) = exchange.next(at(209)) else { panic!("nothing to be sent") };
    let left = Duration::from_secs(1);
    assert_eq!((limits.total, limits.head, limits.connect), (left, left, left));
}

/// Whatever clocks say, here or there: the difference between two dates of one answer is what counts.
fn dates_count_from_the_date_of_the_answer<D: Driver>() {
    let day = Duration::from_secs(24 * 60 * 60);
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (date, until, asked) in [
        ("Thu, 01 Jan 1970 00:00:10 GMT", "Thu, 01 Jan 1970 00:01:00 GMT", seconds(50)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", seconds(37)),
        ("Sun, 06 Nov 2094 08:49:00 GMT", "Sat, 06 Nov 2094 08:49:37 GMT", None),
        ("Sat, 06 Nov 2094 08:49:00 GMT", "Sat, 06 Nov 2094 08:49:37 GMT", seconds(37)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", "Sat, 06 Nov 2094 08:49:37 GMT", Some(day)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", Some(day)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", "Sun, 06 Nov 1994 08:48:00 GMT", None),
        ("nonsense", "Sun, 06 Nov 1994 08:49:37 GMT", None),
    ] {
        let headers = format!("Date: {date}\r\nRetry-After: {until}\r\n");
        let stub = Stub::start(move |_, _| busy(&headers));
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.deadline = Duration::from_secs(9));
        let error = it.client.send(records().get("a")).unwrap_err();
        assert_eq!(error.retry_in(), asked, "{date} {until}: {error}");
        // What asks for nothing is tried again as usual, and never at once.
        let waits = it.waits();
        assert_eq!((error.attempts(), waits.len()), if asked.is_some() { (1, 0) } else { (3, 2) }, "{date} {until}");
        assert!(waits.iter().all(|wait| !wait.is_zero() && *wait < Duration::from_millis(10)), "{waits:?}");
    }
}

fn time_that_stands_still_or_leaps_does_no_harm<D: Driver>() {
    let it = Place::<D>::with_policy("http://127.0.0.1:9/v1", |policy| policy.deadline = Duration::from_secs(10));
    let answer = |status: u16, backoff: &str| {
        let answer = http::Response::builder().status(status).header("Backoff", backoff);
        Ok(answer.body(RECORD.into()).unwrap())
    };
    let at = |seconds| Moment::at(Duration::from_secs(seconds));
    // The same moment again and again, or an earlier one: it waits until it is time, and asks for no more than that.
    let mut exchange = it.client.session().exchange(records().get("a"));
    assert!(matches!(exchange.next(at(50)), Step::Send(..)));
    exchange.handle(answer(503, "2"), at(50));
    for now in [50, 50, 49, 0, 51] {
        assert!(matches!(exchange.next(at(now)), Step::Wait(wait) if wait == Duration::from_secs(52 - now)), "{now}");
    }
    assert!(matches!(exchange.next(at(52)), Step::Send(..)));
    exchange.handle(answer(200, "99999999999999999999"), at(52));
    assert!(matches!(exchange.next(at(52)), Step::Done(Ok(_))));
    // More than a day is a day.
    assert_eq!(it.client.session().quiet_until(), at(52 + 24 * 60 * 60));
    // To the end of time and back.
    let mut exchange = it.client.session().exchange(records().get("a"));
    assert!(matches!(exchange.next(Moment::at(Duration::MAX)), Step::Done(Err(_)) | Step::Send(..)));
    let mut exchange = it.client.session().exchange(records().get("a"));
    let early = exchange.next(at(0));
    let Step::Done(Err(error)) = early else { panic!("{early:?}") };
    assert_eq!(error.kind(), ErrorKind::Backoff, "{error}");
}
