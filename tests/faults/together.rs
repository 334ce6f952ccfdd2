//! Many who use one client at once, and those who leave it in the middle.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{Batch, ErrorKind, JsonMap, OnBackoff, Session, bucket, buckets};
use kinto_tests::{Answer, Stub, whole};
use serde_json::json;

use crate::answers::RECORD;
use crate::driver::{Driver, RUNTIME};
use crate::place::{Place, records};
use crate::row::{Player, Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = rows! {
        T01 { nothing_is_lost_or_done_twice, clones_share_what_the_server_asked_for, clones_share_what_retries_are_left; wire }
        T02 { what_is_left_of_an_iteration_is_not_sent; wire }
        T05 { a_batch_that_is_dropped_is_not_sent, a_change_that_fails_is_not_sent; wire }
        T07 { who_waits_holds_up_nobody, a_panic_of_an_observer_ends_nobody_else; wire }
    };
    for row in &mut rows {
        if row.id == "T02" {
            let dropped =
                Row::new("T02").by("a_dropped_future_closes_its_connection", Player::Async, dropped_on_the_wire);
            row.plays.extend(dropped.plays);
        }
    }
    rows.push(Row::new("T03").only(Player::Async).by(
        "a_future_dropped_in_a_wait_sends_no_more",
        Player::Async,
        dropped_in_a_wait,
    ));
    rows.push(Row::new("T06").only(Player::Blocking).by(
        "it_works_inside_a_runtime",
        Player::Blocking,
        inside_a_runtime,
    ));
    rows.push(
        Row::new("T09").only(Player::Async).by("on_one_runtime_after_another", Player::Async, on_other_runtimes).by(
            "a_runtime_that_ends_takes_its_requests_along",
            Player::Async,
            a_runtime_that_ends,
        ),
    );
    rows
}

fn furnished() -> MemoryServer {
    let server = MemoryServer::new();
    server.send(buckets().create("b", &json!({}))).unwrap();
    server.send(bucket("b").collections().create("c", &json!({}))).unwrap();
    server
}

fn nothing_is_lost_or_done_twice<D: Driver>() {
    fn is<T: Send + Sync + Clone + 'static>() {}
    is::<D>();
    is::<Session>();
    let server = furnished();
    let stub = Stub::serving(server.clone());
    let it = Place::<D>::at(stub.url());
    thread::scope(|scope| {
        for thread in 0..8 {
            let client = it.client.clone();
            scope.spawn(move || {
                for number in 0..10 {
                    let id = format!("r-{thread}-{number}");
                    assert_eq!(client.send(records().create(&id, &json!({"of": thread}))).unwrap().id, id);
                    assert_eq!(client.send(records().get(&id)).unwrap().data["of"], thread, "its own answer");
                }
                client.send(records().add(&json!({"of": thread}))).unwrap();
            });
        }
    });
    let there: Vec<_> = it.client.items(records().list()).map(|record| record.unwrap().id).collect();
    let seen = server.seen();
    let writes = seen.iter().filter(|seen| seen.method == "PUT" && seen.path.contains("/records/"));
    assert_eq!((there.len(), writes.count(), it.waits().len()), (88, 88, 0));
}

fn clones_share_what_the_server_asked_for<D: Driver>() {
    let stub = Stub::start(|_, _| {
        let head = format!("HTTP/1.1 200 OK\r\nBackoff: 600\r\nContent-Length: {}\r\n\r\n{RECORD}", RECORD.len());
        Answer::Keep(head.into_bytes())
    });
    let it = Place::<D>::with_policy(stub.url(), |policy| policy.on_backoff = OnBackoff::Fail);
    let clone = it.client.clone();
    it.client.send(records().get("a")).unwrap();
    let others = [clone.clone(), clone.with_auth(None).unwrap(), clone.with_header("X-A", "1").unwrap(), clone.once()];
    for other in others {
        let error = thread::spawn(move || other.send(records().get("a"))).join().unwrap().unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Backoff, 0), "{error}");
        assert!(error.retry_in().is_some_and(|wait| wait > Duration::from_secs(500)), "{error}");
    }
    assert_eq!(stub.requests().len(), 1);
}

fn clones_share_what_retries_are_left<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(503, "{}"));
    let it = Place::<D>::with_policy(stub.url(), |policy| {
        policy.attempts = 1000;
        policy.first_wait = Duration::from_nanos(1);
        policy.longest_wait = Duration::from_nanos(1);
    });
    let clone = it.client.clone();
    let error = it.client.send(records().get("a")).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Server, 101), "{error}");
    // A hundred retries are all there are while nothing succeeds.
    for _ in 0..3 {
        assert_eq!(clone.send(records().get("a")).unwrap_err().attempts(), 1);
    }
    assert_eq!(stub.requests().len(), 104);
}

fn what_is_left_of_an_iteration_is_not_sent<D: Driver>() {
    let stub = Stub::serving(furnished().page_size(2));
    let it = Place::<D>::at(stub.url());
    for id in ["a", "b", "c", "d", "e"] {
        it.client.send(records().create(id, &json!({}))).unwrap();
    }
    let before = stub.requests().len();
    let mut items = it.client.items(records().list());
    assert!(items.next().unwrap().is_ok());
    drop(items);
    assert_eq!(stub.requests().len(), before + 1, "one page");
    assert_eq!(it.client.send(records().count()).unwrap(), 5);
    assert_eq!(stub.requests().len(), before + 2);
}

/// A server that holds back its answers until it is told.
struct Held {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Held {
    fn new() -> Arc<Self> {
        Arc::new(Self { open: Mutex::new(false), opened: Condvar::new() })
    }

    fn wait(&self) {
        let (open, patience) = (self.open.lock().unwrap(), Duration::from_secs(4));
        drop(self.opened.wait_timeout_while(open, patience, |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

fn dropped_on_the_wire() {
    let (arrived, arrives) = mpsc::channel();
    let arrived = Mutex::new(arrived);
    let server = furnished();
    // The first write is carried out, and its answer is never sent.
    let stub = Stub::behind(server.clone(), move |number, request, answered| {
        let response = answered();
        arrived.lock().unwrap().send(()).unwrap();
        if number == 0 { Answer::Stall(Vec::new()) } else { whole(request, response) }
    });
    let it = Place::<kinto_async::Client>::at(stub.url());
    let client = it.client.clone();
    let task = RUNTIME.spawn(async move { client.send(records().create("a", &json!({}))).await });
    arrives.recv().unwrap();
    task.abort();
    assert!(RUNTIME.block_on(task).unwrap_err().is_cancelled());
    // Nothing more is sent, not even to that connection: the next request has another.
    assert!(arrives.try_recv().is_err());
    Driver::send(&it.client, records().get("a")).expect("it may have been carried out, and was");
    assert_eq!((stub.connections(), stub.requests().len(), it.waits().len()), (2, 2, 0));
}

fn dropped_in_a_wait() {
    let stub = Stub::start(|_, _| {
        let head = "HTTP/1.1 503 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
        Answer::Keep(head.as_bytes().to_vec())
    });
    let (waits, waiting) = mpsc::channel();
    let waits = Mutex::new(waits);
    let it = Place::<kinto_async::Client>::with(stub.url(), |setup| {
        setup.observer = Some(Box::new(move |event| {
            if let kinto_protocol::Event::Retry { wait, .. } = event {
                waits.lock().unwrap().send(*wait).unwrap();
            }
        }));
    });
    let client = it.client.clone();
    let task = RUNTIME.spawn(async move { client.send(records().replace("a", &json!({}))).await });
    assert_eq!(waiting.recv().unwrap(), Duration::from_secs(1));
    task.abort();
    assert!(RUNTIME.block_on(task).unwrap_err().is_cancelled());
    // The wait is over by then.
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(stub.requests().len(), 1);
}

fn a_batch_that_is_dropped_is_not_sent<D: Driver>() {
    let server = furnished();
    let stub = Stub::serving(server.clone());
    let it = Place::<D>::at(stub.url());
    let batch = || {
        let mut batch = Batch::new();
        batch.push(records().create("a", &json!({})));
        batch.push(records().delete("b"));
        batch
    };
    drop(batch());
    // A panic that nobody hears of.
    let broken = catch_unwind(|| {
        let _batch = batch();
        resume_unwind(Box::new(()))
    });
    assert!(broken.is_err());
    assert_eq!((stub.connections(), stub.requests().len()), (0, 0));
    drop(it.client.session().exchange(batch()));
    assert_eq!(stub.connections(), 0);
    let summary = it.client.send(batch()).unwrap().summary();
    assert_eq!(summary.total(), 2);
    assert!(it.client.send(records().exists("a")).unwrap());
}

fn a_change_that_fails_is_not_sent<D: Driver>() {
    let server = furnished();
    server.send(records().create("a", &json!({"n": 1}))).unwrap();
    let stub = Stub::serving(server);
    let it = Place::<D>::at(stub.url());
    let broken = catch_unwind(AssertUnwindSafe(|| {
        it.client.send(records().modify("a", |data: &mut JsonMap| {
            data.clear();
            resume_unwind(Box::new(()));
        }))
    }));
    assert!(broken.is_err());
    assert!(stub.requests().iter().all(|request| request.starts_with("GET ")), "{:?}", stub.requests());
    // The client has taken no harm.
    it.client.send(records().modify("a", |data: &mut JsonMap| drop(data.insert("m".into(), 2.into())))).unwrap();
    assert_eq!(it.client.send(records().get("a")).unwrap().data["n"], 1);
}

fn who_waits_holds_up_nobody<D: Driver>() {
    let (held, server) = (Held::new(), furnished());
    let holding = Arc::clone(&held);
    let (arrived, arrives) = mpsc::channel();
    let arrived = Mutex::new(arrived);
    let stub = Stub::behind(server, move |_, request, answered| {
        if request.uri().path().ends_with("/slow") {
            arrived.lock().unwrap().send(()).unwrap();
            holding.wait();
        }
        whole(request, answered())
    });
    let it = Place::<D>::at(stub.url());
    let slow = it.client.clone();
    thread::scope(|scope| {
        let waiting = scope.spawn(move || slow.send(records().create("slow", &json!({}))));
        arrives.recv().unwrap();
        // While that one waits for its answer, others have theirs.
        let started = Instant::now();
        for id in ["x", "y", "z"] {
            // On the one runtime of these tests, another thread.
            it.client.send(records().create(id, &json!({}))).unwrap();
        }
        assert!(started.elapsed() < Duration::from_secs(3));
        assert!(!waiting.is_finished());
        held.open();
        assert_eq!(waiting.join().unwrap().unwrap().id, "slow");
    });
}

fn a_panic_of_an_observer_ends_nobody_else<D: Driver>() {
    let stub = Stub::start(|number, _| match number {
        0 => Answer::json(503, "{}"),
        _ => {
            let head = format!("HTTP/1.1 200 OK\r\nAlert: x\r\nContent-Length: {}\r\n\r\n{RECORD}", RECORD.len());
            Answer::Keep(head.into_bytes())
        }
    });
    let panics = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&panics);
    let it = Place::<D>::with(stub.url(), |setup| {
        setup.observer = Some(Box::new(move |_| {
            if asked.load(Ordering::SeqCst) {
                resume_unwind(Box::new(()));
            }
        }));
    });
    for _ in 0..3 {
        let client = it.client.clone();
        assert!(thread::spawn(move || client.send(records().get("a"))).join().is_err());
    }
    panics.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(it.client.clone().send(records().get("a")).unwrap().id, "a");
    }
    assert_eq!(stub.requests().len(), 6);
}

fn inside_a_runtime() {
    let stub = Stub::serving(furnished());
    let it = Place::<kinto_blocking::Client>::at(stub.url());
    let client = it.client.clone();
    // It makes no runtime of its own, and asks none for anything: it blocks the thread, as it says.
    RUNTIME.block_on(async {
        assert_eq!(client.send(records().create("a", &json!({}))).unwrap().id, "a");
        let clone = client.clone();
        let read = tokio::task::spawn_blocking(move || clone.send(records().get("a"))).await.unwrap();
        assert_eq!(read.unwrap().id, "a");
    });
    let small = tokio::runtime::Builder::new_current_thread().build().unwrap();
    small.block_on(async { assert!(client.send(records().exists("a")).unwrap()) });
    drop(client);
    assert_eq!(stub.requests().len(), 3);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn on_other_runtimes() {
    let stub = Stub::serving(furnished());
    let it = Place::<kinto_async::Client>::at(stub.url());
    for id in ["a", "b", "c"] {
        // Its connections are those of a runtime that has gone.
        let here = runtime();
        here.block_on(it.client.send(records().create(id, &json!({})))).unwrap();
        assert_eq!(here.block_on(it.client.send(records().get(id))).unwrap().id, id);
    }
    assert_eq!(Driver::send(&it.client, records().count()).unwrap(), 3);
}

fn a_runtime_that_ends() {
    let (arrived, arrives) = mpsc::channel();
    let arrived = Mutex::new(arrived);
    let stub = Stub::start(move |number, _| {
        arrived.lock().unwrap().send(()).unwrap();
        if number == 0 { Answer::Stall(Vec::new()) } else { Answer::json(200, RECORD) }
    });
    let it = Place::<kinto_async::Client>::at(stub.url());
    let ends = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let client = it.client.clone();
    let task = ends.spawn(async move { client.send(records().get("a")).await });
    arrives.recv().unwrap();
    ends.shutdown_background();
    assert!(RUNTIME.block_on(task).is_err(), "it went with its runtime");
    assert_eq!(Driver::send(&it.client, records().get("a")).unwrap().id, "a");
    assert_eq!(stub.requests().len(), 2);
}
