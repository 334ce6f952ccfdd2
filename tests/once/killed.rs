//! A server that is killed in the middle of a batch, and started again.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use http::StatusCode;
use kinto_protocol::{Batch, Event, JsonMap, Path, Policy, Status, endpoints};
use serde_json::json;

use crate::dice::{Dice, SEED, seeds};
use crate::driver::{Driver, Setup};
use crate::kinds::map;
use crate::place::{Server, bare};

/// How many operations go into a request.
pub(crate) const CHUNK: usize = 25;

pub(crate) fn data(number: usize) -> JsonMap {
    map(json!({"number": number, "title": format!("é {number}"), "o": {"a": [number, null]}}))
}

/// Kills the server after so many answers to batches, while the client has something under way, and starts it again.
fn kill(server: &Server, answers: &Receiver<()>, moments: &[usize], dice: &mut Dice, list: &Path) -> usize {
    let (mut seen, mut kills) = (0, 0);
    while answers.recv().is_ok() {
        seen += 1;
        if !moments.contains(&seen) {
            continue;
        }
        // The next request is in the middle of being carried out, sooner or later.
        for _ in 0..dice.below(12) {
            server.list(list);
        }
        server.kinto.kill().unwrap();
        server.kinto.restart().unwrap();
        kills += 1;
    }
    kills
}

fn run<D: Driver>(count: usize, kills: usize) {
    let Some(server) = Server::postgresql() else { return };
    let seed = seeds(1)[0];
    let mut dice = Dice::new(seed, count);
    // Not after the last answer: then there is nothing to be in the middle of.
    let mut moments = Vec::new();
    while moments.len() < kills {
        let moment = 1 + dice.below(count / CHUNK - 1);
        if !moments.contains(&moment) {
            moments.push(moment);
        }
    }

    let records = server.records();
    let (told, answers) = mpsc::channel();
    let observer = move |event: &Event<'_>| {
        if let Event::Answered { request, status: StatusCode::OK } = event
            && *request.path() == endpoints::batch()
        {
            let _ = told.send(());
        }
    };
    let mut policy = Policy::default();
    policy.attempts = 40;
    policy.first_wait = Duration::from_millis(50);
    policy.longest_wait = Duration::from_secs(1);
    let setup = Setup { url: server.url().to_owned(), policy, observer: Some(Box::new(observer)) };
    let client = D::build(setup).unwrap();
    let batch: Batch = (0..count).map(|number| records.create(format!("r{number}"), &data(number))).collect();
    let server = &*server;
    let (outcome, killed) = thread::scope(|scope| {
        let killer = {
            let (moments, dice, list) = (&moments, &mut dice, records.path());
            scope.spawn(move || kill(server, &answers, moments, dice, list))
        };
        let outcome = client.send(batch).unwrap();
        // With the client goes the end of the channel that is told.
        drop(client);
        (outcome, killer.join().unwrap())
    });

    let why = format!("{SEED}={seed}: killed after {moments:?} answers, {outcome:?}, {:?}", outcome.stopped());
    assert_eq!(killed, kills, "{why}");
    assert_eq!((outcome.summary().count(Status::Done), outcome.summary().total()), (count, count), "{why}");
    let there = server.list(records.path()).into_iter().map(map);
    let there: BTreeMap<_, _> = there.map(|object| (object["id"].as_str().unwrap().to_owned(), bare(object))).collect();
    let expected: BTreeMap<_, _> = (0..count).map(|number| (format!("r{number}"), data(number))).collect();
    assert!(there == expected, "{} are there; {why}", there.len());
    // Each was created once.
    let bucket = records.path().as_str().split('/').nth(2).unwrap();
    let history = server.list(&endpoints::history(bucket));
    let created = history.iter().filter(|entry| entry["resource_name"] == "record").count();
    assert_eq!(created, count, "{why}");
}

pub(crate) fn in_the_middle_of_500<D: Driver>() {
    run::<D>(500, 3);
}

#[test]
#[ignore = "takes minutes"]
fn in_the_middle_of_5000() {
    run::<kinto_blocking::Client>(5_000, 12);
}
