//! Many operations, and each one's outcome as it comes: their order, and how far they are ahead of who takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kinto_protocol::{ErrorKind, Flow, Object};
use kinto_tests::{Answer, Stub};

use crate::driver::{Driver, RECORD, client, records};
use crate::many::{Count, Gauge, expected, gets, ids, number, record};

/// Reads of records with numbers from 0, counted as they are asked for.
fn counted(count: usize, asked_for: &AtomicUsize) -> impl Iterator<Item = impl Flow<Output = Object> + 'static> + Send {
    (0..count).map(move |n| {
        asked_for.fetch_add(1, Ordering::SeqCst);
        records().get(format!("r{n}"))
    })
}

/// Of each three that are under way, the last is answered first.
pub(crate) fn in_order_whatever_is_answered_first<D: Driver>() {
    let answered = Count::default();
    let stub = Stub::start(move |_, request| {
        let number = number(request);
        answered.wait_for(2 - number.min(2));
        answered.add();
        record(number)
    });
    let client: D = client(stub.url(), |policy| policy.limits.total = Duration::from_millis(500));
    let outcomes: Vec<_> = client.send_each(gets(6), 3).collect();
    assert_eq!(ids(&outcomes), expected(6));
}

/// The second is only answered when the first was taken.
pub(crate) fn handed_out_as_they_come<D: Driver>() {
    let taken = Arc::<Count>::default();
    let waited_for = Arc::clone(&taken);
    let stub = Stub::start(move |_, request| {
        let number = number(request);
        waited_for.wait_for(number);
        record(number)
    });
    let client: D = client(stub.url(), |policy| policy.limits.total = Duration::from_millis(500));
    let mut outcomes = Vec::new();
    for outcome in client.send_each(gets(6), 3) {
        outcomes.push(outcome);
        taken.add();
    }
    assert_eq!(ids(&outcomes), expected(6));
}

/// Neither under way at the server, nor done and not yet taken; and nobody is asked for what comes later.
pub(crate) fn never_more_than_asked_for<D: Driver>() {
    let (gauge, asked_for) = (Arc::<Gauge>::default(), AtomicUsize::new(0));
    let measured = Arc::clone(&gauge);
    let stub = Stub::start(move |_, request| measured.measure(|| record(number(request))));
    let client: D = client(stub.url(), |_| {});
    let mut outcomes = client.send_each(counted(12, &asked_for), 3);
    assert_eq!(asked_for.load(Ordering::SeqCst), 0, "nothing is done for nobody");
    for taken in 0..12 {
        assert_eq!(outcomes.next().unwrap().unwrap().id, format!("r{taken}"));
        assert_eq!(asked_for.load(Ordering::SeqCst), (taken + 3).min(12));
    }
    assert!(outcomes.next().is_none() && outcomes.next().is_none());
    assert!(gauge.most() <= 3, "{}", gauge.most());
}

pub(crate) fn an_error_in_the_middle<D: Driver>() {
    let stub = Stub::start(|_, request| match number(request) {
        2 => Answer::json(404, r#"{"errno":110,"error":"Not Found"}"#),
        3 => Answer::Close(Vec::new()),
        n => record(n),
    });
    let client: D = client(stub.url(), |_| {});
    let outcomes: Vec<_> = client.send_each(gets(6), 2).collect();
    assert_eq!(outcomes.len(), 6);
    for (n, outcome) in outcomes.into_iter().enumerate() {
        match (n, outcome) {
            (2, Err(error)) => assert!(error.is_not_found(), "{error}"),
            (3, Err(error)) => assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}"),
            (_, outcome) => assert_eq!(outcome.unwrap().id, format!("r{n}")),
        }
    }
}

/// Those that were not begun by then are not sent.
pub(crate) fn dropped_early<D: Driver>() {
    let asked_for = AtomicUsize::new(0);
    let stub = Stub::start(|_, request| record(number(request)));
    let client: D = client(stub.url(), |_| {});
    let outcomes: Vec<_> = client.send_each(counted(100, &asked_for), 3).take(2).collect();
    assert_eq!(ids(&outcomes), expected(2));
    assert_eq!(asked_for.load(Ordering::SeqCst), 4);
    // The client itself goes on.
    assert_eq!(client.send(records().get("r7")).unwrap().id, "r7");
    assert!(stub.requests().len() <= 5);
}

pub(crate) fn nothing_to_do<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let client: D = client(stub.url(), |_| {});
    for concurrency in [0, 1, 8] {
        assert!(client.send_each(gets(0), concurrency).next().is_none());
    }
    drop(client.send_each(gets(9), 3));
    assert_eq!(stub.connections(), 0);
}

/// Nobody at all to do it would be no help.
pub(crate) fn one_after_the_other<D: Driver>() {
    for concurrency in [0, 1] {
        let asked_for = AtomicUsize::new(0);
        let stub = Stub::start(|_, request| record(number(request)));
        let client: D = client(stub.url(), |_| {});
        for (n, outcome) in client.send_each(counted(5, &asked_for), concurrency).enumerate() {
            assert_eq!(outcome.unwrap().id, format!("r{n}"));
            assert_eq!((asked_for.load(Ordering::SeqCst), stub.requests().len()), (n + 1, n + 1));
        }
        assert_eq!(stub.connections(), 1);
    }
}

/// No more are made ready than there are.
pub(crate) fn all_at_once<D: Driver>() {
    let stub = Stub::start(|_, request| record(number(request)));
    let client: D = client(stub.url(), |_| {});
    let outcomes: Vec<_> = client.send_each(gets(8), usize::MAX).collect();
    assert_eq!(ids(&outcomes), expected(8));
}
