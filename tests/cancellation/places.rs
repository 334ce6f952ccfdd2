//! Where a client is used: on every kind of runtime, in many tasks, and never in the way of the others.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use kinto_async::{Client, Resource, bucket};
use kinto_tests::{Answer, Stub};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{MissedTickBehavior, interval};

const TASKS: usize = 32;
const REQUESTS: usize = 200;

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn records() -> Resource {
    bucket("b").collection("c").records()
}

/// A server that gives whatever record it is asked for.
fn mirror() -> Stub {
    Stub::start(|_, request| Answer::json(200, &record(id(request))))
}

fn record(id: &str) -> String {
    json!({"data": {"id": id, "last_modified": 7}}).to_string()
}

/// The id in the first line of a request.
fn id(request: &str) -> &str {
    request.lines().next().and_then(|line| line.split(' ').nth(1)?.rsplit('/').next()).unwrap_or_default()
}

/// The same request from a task of its own.
async fn spawned(client: &Client) {
    let client = client.clone();
    let task = tokio::spawn(async move { client.send(records().get("a")).await });
    assert_eq!(task.await.unwrap().unwrap().id, "a");
}

#[test]
fn every_kind_of_runtime_will_do() {
    let stub = mirror();
    // Built where there is no runtime at all.
    let client = Client::builder(stub.url()).build().unwrap();
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            assert_eq!(client.send(records().get("a")).await.unwrap().id, "a");
            spawned(&client).await;
            let local = LocalSet::new();
            let (inside, here) = (client.clone(), std::rc::Rc::new("a"));
            let task = local.spawn_local(async move {
                let record = inside.send(records().get(*here)).await.unwrap();
                spawned(&inside).await;
                record.id == *here
            });
            local.await;
            assert!(task.await.unwrap());
        });
        // From a thread that is none of the runtime's.
        let (handle, client) = (runtime.handle().clone(), client.clone());
        let outside = thread::spawn(move || handle.block_on(client.send(records().get("a"))).unwrap().id);
        let joined = async { tokio::task::spawn_blocking(|| outside.join().unwrap()).await.unwrap() };
        assert_eq!(runtime.block_on(joined), "a");
        // The connections of this runtime end with it; the client does not.
    }
    assert_eq!(stub.requests().len(), 2 * 5);
}

/// Many tasks with one client, each with requests of its own one after the other. The first of all tasks are answered
/// when they are all there.
fn together(runtime: &Runtime) -> usize {
    let barrier = Barrier::new(TASKS);
    let stub = Stub::start(move |_, request| {
        if id(request).ends_with("-0") {
            barrier.wait();
        }
        Answer::json(200, &record(id(request)))
    });
    let client = Client::builder(stub.url()).build().unwrap();
    let sent = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let client = client.clone();
            let mine = (task..REQUESTS).step_by(TASKS).count();
            tasks.spawn(async move {
                for number in 0..mine {
                    let id = format!("{task}-{number}");
                    assert_eq!(client.send(records().get(id.as_str())).await.unwrap().id, id);
                }
                mine
            });
        }
        tasks.join_all().await.into_iter().sum::<usize>()
    });
    assert_eq!(sent, REQUESTS);
    let requests = stub.requests();
    assert_eq!(requests.len(), REQUESTS);
    for task in 0..TASKS {
        let prefix = format!("{task}-");
        let numbers: Vec<usize> =
            requests.iter().filter_map(|request| id(request).strip_prefix(&prefix)?.parse().ok()).collect();
        assert!(numbers.iter().copied().eq(0..numbers.len()), "task {task}: {numbers:?}");
    }
    stub.connections()
}

#[test]
fn many_tasks_share_one_client() {
    assert_eq!(together(&current_thread()), TASKS);
    assert_eq!(together(&multi_thread()), TASKS);
}

/// How long a silent server keeps a client waiting: so many beats of the heart.
const BEATS: u32 = 20;

/// Runs on a thread of its own, beside a task that counts milliseconds; when there were enough, `then` is called.
async fn beating<T>(work: impl Future<Output = T>, then: impl FnOnce() + Send + 'static, begun: Arc<AtomicBool>) -> T {
    let heart = tokio::spawn(async move {
        let mut beats = interval(Duration::from_millis(1));
        beats.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut count = 0;
        while count < BEATS {
            beats.tick().await;
            count += u32::from(begun.load(Ordering::SeqCst));
        }
        then();
    });
    let output = work.await;
    heart.await.unwrap();
    output
}

#[test]
fn a_slow_answer_is_awaited_and_blocks_nobody() {
    // The server answers when the heart has beaten often enough since it was asked: were the only thread of the runtime
    // blocked, that would never be.
    let (begun, (beaten, enough)) = (Arc::new(AtomicBool::new(false)), channel());
    let (asked, enough) = (Arc::clone(&begun), Mutex::new(enough));
    let stub = Stub::start(move |_, request| {
        asked.store(true, Ordering::SeqCst);
        match enough.lock().unwrap().recv_timeout(Duration::from_secs(10)) {
            Ok(()) => Answer::json(200, &record(id(request))),
            Err(_) => Answer::json(400, "{}"),
        }
    });
    let url = stub.url().replace("127.0.0.1", "localhost");
    current_thread().block_on(async {
        let client = Client::builder(url).build().unwrap();
        let record = beating(client.send(records().get("a")), move || beaten.send(()).unwrap(), begun).await;
        assert_eq!(record.unwrap().id, "a");
    });
}

#[test]
fn names_are_looked_up_elsewhere() {
    let stub = mirror();
    let url = stub.url().replace("127.0.0.1", "localhost");
    // The one thread for what blocks is taken: who looks up a name there must wait, and who does it elsewhere blocks.
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (free, taken) = channel::<()>();
        let blocking = tokio::task::spawn_blocking(move || taken.recv_timeout(Duration::from_secs(10)).is_ok());
        let stub_connections = Arc::new(AtomicU32::new(u32::MAX));
        let (seen, begun) = (Arc::clone(&stub_connections), Arc::new(AtomicBool::new(true)));
        let client = Client::builder(url).build().unwrap();
        let stub = Arc::new(stub);
        let watched = Arc::clone(&stub);
        let then = move || {
            seen.store(u32::try_from(watched.connections()).unwrap(), Ordering::SeqCst);
            free.send(()).unwrap();
        };
        let record = beating(client.send(records().get("a")), then, begun).await;
        assert_eq!(record.unwrap().id, "a");
        assert!(blocking.await.unwrap());
        assert_eq!((stub_connections.load(Ordering::SeqCst), stub.connections()), (0, 1));
    });
}
