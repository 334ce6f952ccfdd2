//! The clients of a process count time from one start, whatever runtimes do to their clocks.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, thread};

use kinto_async::{Client, Policy, Session, server_info};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, advance, timeout};

use crate::fake::{Fake, answer};

/// Runs a test in a process of its own: what it shows is decided by the first client that a process uses.
fn alone(name: &str, test: fn()) {
    const ALONE: &str = "KINTO_TESTS_ALONE";
    if env::var_os(ALONE).is_some() {
        return test();
    }
    let mut command = Command::new(env::current_exe().unwrap());
    let output = command.args(["--include-ignored", "--exact", name]).env(ALONE, "1").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// A client of a server that is too busy at first, which waits but moments.
fn client() -> Client {
    let was_busy = AtomicBool::new(false);
    let fake = Fake::new(move |_| match was_busy.swap(true, Ordering::SeqCst) {
        false => answer(503, &[], &json!({})),
        true => answer(200, &[], &json!({})),
    });
    let mut policy = Policy::default();
    policy.first_wait = Duration::from_millis(1);
    let session = Session::builder("https://kinto.example/v1").policy(policy).build().unwrap();
    Client::with_transport(session, fake)
}

fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn real() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

#[test]
fn a_clock_that_ran_ahead_holds_up_nobody() {
    alone("clocks::a_clock_that_ran_ahead_holds_up_nobody", || {
        paused().block_on(async {
            advance(Duration::from_secs(3600)).await;
            client().send(server_info()).await.unwrap();
        });
        real().block_on(async {
            let sent = timeout(Duration::from_secs(2), client().send(server_info())).await;
            sent.expect("time stands still").unwrap();
        });
    });
}

#[test]
fn a_clock_that_fell_behind_is_exact() {
    alone("clocks::a_clock_that_fell_behind_is_exact", || {
        let paused = paused();
        // Only real time makes it fall behind.
        thread::sleep(Duration::from_millis(100));
        real().block_on(client().send(server_info())).unwrap();
        paused.block_on(async {
            let begun = Instant::now();
            client().send(server_info()).await.unwrap();
            assert!(begun.elapsed() < Duration::from_millis(10), "{:?}", begun.elapsed());
        });
    });
}
