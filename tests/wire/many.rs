//! Many operations at once: their order, their number, and what they share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::time::Duration;

use kinto_protocol::{Batch, Error, ErrorKind, Flow, Object, OnBackoff};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::child::{Child, Task};
use crate::driver::{Driver, RECORD, client, records};

/// Reads of records with these numbers.
pub(crate) fn gets(count: usize) -> Vec<impl Flow<Output = Object>> {
    (0..count).map(|n| records().get(format!("r{n}"))).collect()
}

/// The number of the record that a request is about.
pub(crate) fn number(request: &str) -> usize {
    request.split(" HTTP/1.1").next().unwrap().rsplit_once("/r").unwrap().1.parse().unwrap()
}

pub(crate) fn record(number: usize) -> Answer {
    Answer::json(200, &json!({"data": {"id": format!("r{number}"), "last_modified": 7}}).to_string())
}

pub(crate) fn ids(outcomes: &[Result<Object, Error>]) -> Vec<String> {
    outcomes
        .iter()
        .map(|outcome| outcome.as_ref().map_or_else(ToString::to_string, |object| object.id.clone()))
        .collect()
}

pub(crate) fn expected(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("r{n}")).collect()
}

/// How many requests a server has under way, and had at most.
#[derive(Default)]
pub(crate) struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    pub(crate) fn measure<T>(&self, work: impl FnOnce() -> T) -> T {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let outcome = work();
        self.now.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// A number that others wait for.
#[derive(Default)]
pub(crate) struct Count(Mutex<usize>, Condvar);

impl Count {
    pub(crate) fn add(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_all();
    }

    /// Gives up after a while, so that a client which never comes so far does not leave the server waiting.
    pub(crate) fn wait_for(&self, number: usize) {
        let patience = Duration::from_secs(3);
        drop(self.1.wait_timeout_while(self.0.lock().unwrap(), patience, |count| *count < number).unwrap());
    }
}

/// A request is only answered when all others are there.
pub(crate) fn many_connections_at_once<D: Driver>() {
    let barrier = Barrier::new(32);
    let stub = Stub::start(move |_, request| {
        barrier.wait();
        record(number(request))
    });
    let outcomes = client::<D>(stub.url(), |_| {}).send_all(gets(32), 32);
    assert_eq!(ids(&outcomes), expected(32));
    assert_eq!(stub.connections(), 32);
}

/// The last request is answered first.
pub(crate) fn in_order_whatever_is_answered_first<D: Driver>() {
    let answered = Count::default();
    let stub = Stub::start(move |_, request| {
        let number = number(request);
        answered.wait_for(5 - number);
        answered.add();
        record(number)
    });
    let outcomes = client::<D>(stub.url(), |_| {}).send_all(gets(6), 6);
    assert_eq!(ids(&outcomes), expected(6));
}

/// The first one is answered after all others: the second place is enough for those.
pub(crate) fn a_slow_one_holds_up_no_others<D: Driver>() {
    let answered = Count::default();
    let stub = Stub::start(move |_, request| {
        let number = number(request);
        if number == 0 {
            answered.wait_for(5);
        }
        answered.add();
        record(number)
    });
    let client: D = client(stub.url(), |policy| policy.limits.total = Duration::from_millis(500));
    assert_eq!(ids(&client.send_all(gets(6), 2)), expected(6));
}

/// Each is answered when the others of its three are there too; whoever sent more at once would be seen.
pub(crate) fn never_more_at_once_than_asked_for<D: Driver>() {
    let gauge = Arc::<Gauge>::default();
    let (barrier, measured) = (Barrier::new(3), Arc::clone(&gauge));
    let stub = Stub::start(move |_, request| {
        measured.measure(|| barrier.wait());
        record(number(request))
    });
    let outcomes = client::<D>(stub.url(), |_| {}).send_all(gets(24), 3);
    assert_eq!(ids(&outcomes), expected(24));
    assert_eq!(gauge.most(), 3);
    assert_eq!(stub.connections(), 3);
}

/// A request of a batch is only answered when the other one is there.
pub(crate) fn parts_of_a_batch_side_by_side<D: Driver>() {
    let gauge = Arc::<Gauge>::default();
    let (asked, measured) = (Count::default(), Arc::clone(&gauge));
    let stub = Stub::start(move |_, request| {
        if request.starts_with("GET /v1/ ") {
            return Answer::json(200, "{}");
        }
        measured.measure(|| {
            asked.add();
            asked.wait_for(2);
        });
        let entry = json!({"status": 200, "body": {"data": {"id": "r", "last_modified": 7}}});
        Answer::json(200, &json!({"responses": [entry, entry]}).to_string())
    });
    let batch: Batch = (0..4).map(|_| records().get("r")).collect();
    let outcome = client::<D>(stub.url(), |_| {}).send(batch.requests(2).concurrency(2)).unwrap();
    assert_eq!((outcome.summary().to_string().as_str(), gauge.most()), ("4 done", 2));
}

pub(crate) fn errors_stand_at_their_place<D: Driver>() {
    let stub = Stub::start(|_, request| match number(request) {
        n if n % 3 == 1 => Answer::json(404, r#"{"errno":110,"error":"Not Found"}"#),
        n if n % 3 == 2 => Answer::Close(Vec::new()),
        n => record(n),
    });
    let outcomes = client::<D>(stub.url(), |_| {}).send_all(gets(12), 4);
    assert_eq!(outcomes.len(), 12);
    for (n, outcome) in outcomes.into_iter().enumerate() {
        match (n % 3, outcome) {
            (0, Ok(object)) => assert_eq!(object.id, format!("r{n}")),
            (1, Err(error)) => assert!(error.is_not_found(), "{error}"),
            (2, Err(error)) => assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}"),
            (_, outcome) => panic!("{n}: {outcome:?}"),
        }
    }
}

pub(crate) fn nothing_to_do<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let client: D = client(stub.url(), |_| {});
    for concurrency in [0, 1, 8] {
        assert!(client.send_all(gets(0), concurrency).is_empty());
    }
    assert_eq!(stub.connections(), 0);
}

/// Nobody at all to do it would be no help.
pub(crate) fn one_after_the_other<D: Driver>() {
    for concurrency in [0, 1] {
        let gauge = Arc::<Gauge>::default();
        let measured = Arc::clone(&gauge);
        let stub = Stub::start(move |_, request| measured.measure(|| record(number(request))));
        let outcomes = client::<D>(stub.url(), |_| {}).send_all(gets(5), concurrency);
        assert_eq!(ids(&outcomes), expected(5));
        assert_eq!((gauge.most(), stub.connections()), (1, 1));
        let in_order: Vec<_> = stub.requests().iter().map(|request| number(request)).collect();
        assert_eq!(in_order, [0, 1, 2, 3, 4]);
    }
}

/// A list of millions need not be there at the same time.
pub(crate) fn asked_for_as_they_are_needed<D: Driver>() {
    let stub = Stub::start(|_, request| record(number(request)));
    let client: D = client(stub.url(), |_| {});
    let flows = (0..20).map(|n| {
        // All but those under way have been sent before this one is asked for.
        assert!(stub.requests().len() + 4 > n, "{n} before {} were sent", stub.requests().len());
        records().get(format!("r{n}"))
    });
    assert_eq!(ids(&client.send_all(flows, 4)), expected(20));
}

/// In a process of its own, as it might not end.
pub(crate) fn more_at_once_than_there_are<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    assert_eq!(Child::of::<D>(Task::ReadTwo).url(stub.url()).outcome(), "read 2");
}

/// Those under way when the server asks for silence are answered; no other is sent.
pub(crate) fn silence_is_kept_by_all<D: Driver>() {
    let quiet = format!("HTTP/1.1 200 OK\r\nBackoff: 60\r\nContent-Length: {}\r\n\r\n{RECORD}", RECORD.len());
    for concurrency in [1, 4] {
        let barrier = Barrier::new(concurrency);
        let quiet = quiet.clone();
        let stub = Stub::start(move |_, _| {
            barrier.wait();
            Answer::Keep(quiet.clone().into())
        });
        let client: D = client(stub.url(), |policy| policy.on_backoff = OnBackoff::Fail);
        let outcomes = client.send_all(gets(12), concurrency);
        assert_eq!(stub.requests().len(), concurrency);
        for outcome in &outcomes[..concurrency] {
            assert!(outcome.is_ok(), "{outcome:?}");
        }
        for outcome in &outcomes[concurrency..] {
            let error = outcome.as_ref().unwrap_err();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::Backoff, 0), "{error}");
            assert!(error.retry_in().is_some_and(|left| left > Duration::from_secs(50)), "{error}");
        }
    }
}

/// A retry costs 5 of 500, whoever makes it; a server that is down gives nothing back.
pub(crate) fn retries_are_paid_for_together<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(503, r#"{"errno":201,"error":"Service Unavailable"}"#));
    let client: D = client(stub.url(), |policy| {
        policy.attempts = 4;
        policy.first_wait = Duration::from_micros(100);
    });
    let outcomes = client.send_all(gets(150), 8);
    let attempts: u32 = outcomes.iter().map(|outcome| outcome.as_ref().unwrap_err().attempts()).sum();
    assert_eq!(stub.requests().len(), 150 + 500 / 5);
    assert_eq!(attempts, 150 + 500 / 5);
    assert_eq!(client.send(records().get("r0")).unwrap_err().attempts(), 1);
}
