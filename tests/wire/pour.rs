//! Streams without end, poured into servers that stall, refuse, or take their time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use kinto_protocol::{Bulk, BulkMode, ErrorKind, Status};
use kinto_tests::{Answer, Stub};
use serde_json::{Value, json};

use crate::driver::{Driver, client, records};
use crate::many::{Count, Gauge};

/// How many records go into a chunk.
const CHUNK: usize = 5;

fn bulk(concurrency: usize) -> Bulk {
    records().bulk(BulkMode::Create).concurrency(concurrency)
}

/// Records without end, counted as they are handed out.
fn endless(handed_out: &AtomicUsize) -> impl Iterator<Item = (String, Value)> {
    (0..).map(|n: usize| {
        handed_out.fetch_add(1, Ordering::SeqCst);
        (format!("r{n}"), json!({"n": n}))
    })
}

/// What the server says of itself, or else the answer to a batch, with an entry for each of its requests.
fn answered(request: &str, batch: impl FnOnce(&str) -> Answer) -> Answer {
    match request.split(' ').nth(1).unwrap() {
        "/v1/" => Answer::json(200, &json!({"settings": {"batch_max_requests": CHUNK}}).to_string()),
        "/v1/batch" => batch(request),
        other => panic!("{other}"),
    }
}

/// Each of them created, but for those that `refused` gives a status.
fn entries(request: &str, refused: impl Fn(usize) -> Option<u16>) -> Answer {
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let entry = |entry: &Value| {
        let id = entry["path"].as_str().unwrap().rsplit('/').next().unwrap();
        match refused(id[1..].parse().unwrap()) {
            Some(status) => json!({"status": status, "body": {"errno": 107, "message": "no"}}),
            None => json!({"status": 201, "body": {"data": {"id": id, "last_modified": 7}}}),
        }
    };
    let all: Vec<Value> = body["requests"].as_array().unwrap().iter().map(entry).collect();
    Answer::json(200, &json!({"responses": all}).to_string())
}

fn created(request: &str) -> Answer {
    entries(request, |_| None)
}

/// As much as may be under way and one chunk were taken, and no more, however long it takes.
pub(crate) fn a_stalled_server_is_given_no_more<D: Driver>() {
    for concurrency in [2, 4] {
        let stub = Stub::start(|_, request| answered(request, |_| Answer::Stall(Vec::new())));
        let client: D = client(stub.url(), |policy| policy.limits.total = Duration::from_millis(300));
        let (mut bulk, handed_out) = (bulk(concurrency), AtomicUsize::new(0));
        let error = client.pour(&mut bulk, endless(&handed_out)).unwrap_err();
        assert!(error.kind() == ErrorKind::Timeout && error.maybe_applied(), "{error}");
        let (in_doubt, taken) = ((concurrency * CHUNK) as u64, handed_out.load(Ordering::SeqCst));
        assert_eq!(taken, (concurrency + 1) * CHUNK);
        let report = bulk.into_report();
        assert_eq!(report.taken(), taken as u64);
        let expected = [(0..in_doubt, Status::Unknown), (in_doubt..taken as u64, Status::NotSent)];
        assert_eq!(report.unfinished(), expected);
    }
}

/// Of those handed out, the server has answered all but as many as may be under way and one chunk.
pub(crate) fn never_ahead_by_more_than_there_is_room_for<D: Driver>() {
    const CONCURRENCY: usize = 3;
    const ROOM: usize = (CONCURRENCY + 1) * CHUNK;
    let (answers, handed_out) = (Arc::<AtomicUsize>::default(), Arc::<Count>::default());
    let (counted, taken) = (Arc::clone(&answers), Arc::clone(&handed_out));
    let stub = Stub::start(move |_, request| {
        answered(request, |request| {
            // Everything that there is room for is taken while this waits.
            taken.wait_for((counted.load(Ordering::SeqCst) + 1) * CHUNK);
            counted.fetch_add(1, Ordering::SeqCst);
            created(request)
        })
    });
    let client: D = client(stub.url(), |_| {});
    let records = (0..200).map(|n| {
        let answered = answers.load(Ordering::SeqCst) * CHUNK;
        assert!(n < answered + ROOM, "{n} when {answered} were answered");
        handed_out.add();
        (format!("r{n}"), json!({}))
    });
    let summary = client.pour(&mut bulk(CONCURRENCY), records).unwrap();
    assert_eq!(summary.to_string(), "200 done");
}

/// Each is answered when the others of its three are there too; whoever sent more at once would be seen.
pub(crate) fn so_many_chunks_at_once<D: Driver>() {
    let gauge = Arc::<Gauge>::default();
    let (barrier, measured) = (Barrier::new(3), Arc::clone(&gauge));
    let stub = Stub::start(move |_, request| {
        answered(request, |request| {
            measured.measure(|| barrier.wait());
            created(request)
        })
    });
    let client: D = client(stub.url(), |_| {});
    let summary = client.pour(&mut bulk(3), endless(&AtomicUsize::new(0)).take(12 * CHUNK)).unwrap();
    assert_eq!((summary.count(Status::Done), gauge.most()), (12 * CHUNK, 3));
    assert_eq!(stub.requests().len(), 1 + 12);
}

/// Nobody is asked for more than is on its way by then.
pub(crate) fn a_server_that_refuses_stops_it<D: Driver>() {
    for (concurrency, status) in [(1, 503), (3, 503), (3, 429)] {
        let batches = AtomicUsize::new(0);
        let stub = Stub::start(move |_, request| {
            answered(request, |request| match batches.fetch_add(1, Ordering::SeqCst) {
                0..4 => created(request),
                _ => Answer::json(status, r#"{"errno": 201}"#),
            })
        });
        let client: D = client(stub.url(), |_| {});
        let (mut bulk, handed_out) = (bulk(concurrency), AtomicUsize::new(0));
        let error = client.pour(&mut bulk, endless(&handed_out)).unwrap_err();
        assert_eq!(error.status().unwrap(), status, "{error}");
        let report = bulk.into_report();
        let taken = handed_out.load(Ordering::SeqCst);
        assert!(taken <= (4 + concurrency + 1) * CHUNK, "{taken}");
        assert_eq!((report.summary().total(), report.summary().count(Status::Done)), (taken, 4 * CHUNK), "{report}");
        assert!(report.stopped().is_some() && report.to_string().starts_with("20 done"), "{report}");
    }
}

/// What the server refuses stands where it stood in the stream.
pub(crate) fn failures_have_their_positions<D: Driver>() {
    let refused = |n: usize| (n % 7 == 3).then_some(400);
    let stub = Stub::start(move |_, request| answered(request, |request| entries(request, refused)));
    let client: D = client(stub.url(), |_| {});
    let mut bulk = bulk(3);
    let summary = client.pour(&mut bulk, endless(&AtomicUsize::new(0)).take(100)).unwrap();
    assert_eq!(summary.to_string(), "86 done, 14 invalid");
    let report = bulk.into_report();
    let positions: Vec<_> = report.failures().iter().map(|failure| failure.position() as usize).collect();
    assert_eq!(positions, (0..100).filter(|n| refused(*n).is_some()).collect::<Vec<_>>());
    for failure in report.failures() {
        assert_eq!((failure.id(), failure.status()), (&*format!("r{}", failure.position()), Status::Invalid));
    }
}

/// On one connection, in order.
pub(crate) fn one_after_the_other<D: Driver>() {
    let stub = Stub::start(|_, request| answered(request, created));
    let client: D = client(stub.url(), |_| {});
    let summary = client.pour(&mut bulk(0), endless(&AtomicUsize::new(0)).take(23)).unwrap();
    assert_eq!((summary.to_string().as_str(), stub.connections()), ("23 done", 1));
    let first =
        |request: &String| request.split("/records/r").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
    let firsts: Vec<_> = stub.requests().iter().filter_map(first).collect();
    assert_eq!(firsts, ["0", "5", "10", "15", "20"]);
}
