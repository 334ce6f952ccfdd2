//! Both front-ends at work for minutes, through bad weather, on a real server that is killed now and then: at the end,
//! and all the time, what is there is what they were told.
//!
//! ```text
//! cargo test -p kinto-tests --test soak -- --ignored --nocapture
//! ```
//!
//! `KINTO_SOAK_SECONDS` is for how long, if not 600, and `KINTO_SOAK_SEED` names the dice. Each worker writes into a list of
//! its own and knows exactly what must be there: after a success the write is there, after a failure it is not, and after
//! one that may have been carried out it is there as a whole or not at all. The memory of the process and its open files
//! are known on Linux only.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "../once/dice.rs"]
#[allow(dead_code, reason = "another test has this file too")]
mod dice;
#[path = "../functional/driver.rs"]
#[allow(dead_code, reason = "other tests have this file too")]
mod driver;
mod gauge;
mod place;
mod weather;
mod worker;

use std::collections::BTreeMap;
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::gauge::Gauge;
use crate::place::Place;
use crate::worker::{Figures, Worker};

/// Of each front-end.
const WORKERS: usize = 3;

/// A number from the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
#[ignore = "takes ten minutes"]
fn what_is_there_is_what_was_told() {
    let (seconds, seed) = (number("KINTO_SOAK_SECONDS", 600), number("KINTO_SOAK_SEED", 1));
    let place = Place::start();
    let (stop, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (figures, struck) = (Mutex::new(Figures::default()), Mutex::new(BTreeMap::<&str, u64>::new()));
    let gauge = Gauge::default();
    let mut kills = 0;
    thread::scope(|scope| {
        let (place, stop, figures, struck) = (&place, &stop, &figures, &struck);
        let note = move |(its, fates): (Figures, BTreeMap<&'static str, u64>)| {
            figures.lock().unwrap().add(its);
            for (name, count) in fates {
                *struck.lock().unwrap().entry(name).or_default() += count;
            }
        };
        let workers: Vec<_> = (0..WORKERS)
            .flat_map(|number| {
                let dice = move |other| Dice::new(seed, 2 * number + other);
                // Somebody who fails ends all, and says why at once.
                let guard = move |work: Box<dyn FnOnce() + Send>| {
                    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                    stop.store(result.is_err() || stop.load(SeqCst), SeqCst);
                    result.unwrap();
                };
                let blocking = move || {
                    let worker = Worker::<kinto_blocking::Client>::new(&format!("blocking-{number}"), place, dice(0));
                    note(worker.work(stop));
                };
                let asynchronous = move || {
                    let worker = Worker::<kinto_async::Client>::new(&format!("async-{number}"), place, dice(1));
                    note(worker.work(stop));
                };
                [scope.spawn(move || guard(Box::new(blocking))), scope.spawn(move || guard(Box::new(asynchronous)))]
            })
            .collect();
        scope.spawn(|| gauge.watch(&over));

        let (until, mut dice) = (Instant::now() + Duration::from_secs(seconds), Dice::new(seed, 1_000));
        while Instant::now() < until && !stop.load(SeqCst) {
            let pause = Duration::from_millis(10_000 + dice.roll() % 20_000);
            let next = Instant::now() + pause;
            while Instant::now() < next.min(until) && !stop.load(SeqCst) {
                thread::sleep(Duration::from_millis(100));
            }
            if Instant::now() < until && !stop.load(SeqCst) {
                place.kinto.kill().unwrap();
                place.kinto.restart().unwrap();
                kills += 1;
            }
        }
        stop.store(true, SeqCst);
        let failed = workers.into_iter().filter_map(|worker| worker.join().err()).count();
        over.store(true, SeqCst);
        assert_eq!(failed, 0, "KINTO_SOAK_SEED={seed}");
    });

    let (figures, struck) = (figures.into_inner().unwrap(), struck.into_inner().unwrap());
    let faults: u64 = struck.iter().filter(|(name, _)| !["fair", "slow"].contains(name)).map(|(_, count)| count).sum();
    println!("seconds              {seconds}, seed {seed}");
    println!("operations           {}: {:?}", figures.done.values().sum::<u64>(), figures.done);
    println!("answers              {}, and {} requests sent again", figures.answers, figures.retries);
    println!("the server killed    {kills} times");
    println!("faults               {faults}: {struck:?}");
    println!("failed               {}: {:?}", figures.failed.values().sum::<u64>(), figures.failed);
    println!("may have happened    {} did, {} did not", figures.doubts[0], figures.doubts[1]);
    println!("all compared         {} times", figures.compared);
    println!("counted              {} told, {} perhaps", figures.counted, figures.perhaps_counted);
    println!("lost, doubled, wrong 0");
    println!("{gauge}");
    gauge.check();
}
