//! A server that is killed while a stream of records is poured into it.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use http::StatusCode;
use kinto_protocol::{Bulk, BulkMode, Event, JsonMap, Policy, Resource, Result, Status, Summary, Wanted, endpoints};

use crate::dice::{Dice, SEED, seeds};
use crate::driver::{Driver, Setup};
use crate::killed::{CHUNK, data};
use crate::kinds::map;
use crate::place::{Server, bare};

const COUNT: usize = 150;

fn numbered() -> impl Iterator<Item = (String, JsonMap)> {
    (0..COUNT).map(|number| (format!("r{number}"), data(number)))
}

/// A server that is to be killed, and who pours.
struct Case<'a, D> {
    server: &'a Server,
    records: Resource,
    client: D,
    answers: mpsc::Receiver<()>,
    /// After so many answers to batches.
    moment: usize,
    /// What to say where it fails.
    why: String,
}

impl<'a, D: Driver> Case<'a, D> {
    fn new(server: &'a Server, attempts: u32, number: usize) -> Self {
        let seed = seeds(1)[0];
        let moment = 1 + Dice::new(seed, number + D::NUMBER).below(COUNT / CHUNK - 4);
        let (told, answers) = mpsc::channel();
        let observer = move |event: &Event<'_>| {
            if let Event::Answered { request, status: StatusCode::OK } = event
                && *request.path() == endpoints::batch()
            {
                let _ = told.send(());
            }
        };
        let mut policy = Policy::default();
        policy.attempts = attempts;
        policy.first_wait = Duration::from_millis(50);
        policy.longest_wait = Duration::from_secs(1);
        let setup = Setup { url: server.url().to_owned(), policy, observer: Some(Box::new(observer)) };
        let why = format!("{SEED}={seed}: killed after {moment} answers");
        Self { server, records: server.records(), client: D::build(setup).unwrap(), answers, moment, why }
    }

    fn bulk(&self) -> Bulk {
        self.records.bulk(BulkMode::Create).concurrency(2)
    }

    /// Pours, and kills the server while other chunks are under way. It is started again at once, or when that is over.
    fn pour<W: Into<Wanted>>(
        &self,
        bulk: &mut Bulk,
        records: impl Iterator<Item = W>,
        at_once: bool,
    ) -> Result<Summary> {
        let (kinto, mut seen, mut killed) = (&self.server.kinto, 0, false);
        let watched = records.inspect(|_| {
            seen += self.answers.try_iter().count();
            if seen >= self.moment && !std::mem::replace(&mut killed, true) {
                kinto.kill().unwrap();
                if at_once {
                    kinto.restart().unwrap();
                }
            }
        });
        let outcome = self.client.pour(bulk, watched);
        assert!(killed, "{}", self.why);
        if !at_once {
            kinto.restart().unwrap();
        }
        outcome
    }

    /// What is there, by the numbers of the records.
    fn there(&self) -> BTreeMap<usize, JsonMap> {
        let all = self.server.list(self.records.path()).into_iter().map(map);
        all.map(|object| (object["id"].as_str().unwrap()[1..].parse().unwrap(), bare(object))).collect()
    }

    /// All of them are there, and none was written over. (Of creations the history tells also where they were undone and
    /// done again, as it happens to chunks that meet.)
    fn is_whole(&self) {
        let expected: BTreeMap<_, _> = (0..COUNT).map(|number| (number, data(number))).collect();
        assert!(self.there() == expected, "{} are there; {}", self.there().len(), self.why);
        let bucket = self.records.path().as_str().split('/').nth(2).unwrap();
        let history = self.server.list(&endpoints::history(bucket));
        let of_records = history.iter().filter(|entry| entry["resource_name"] == "record");
        assert!(
            of_records.clone().count() >= COUNT && of_records.clone().all(|it| it["action"] == "create"),
            "{}",
            self.why
        );
    }
}

pub(crate) fn killed_and_started_again<D: Driver>() {
    let Some(server) = Server::postgresql() else { return };
    let case = Case::<D>::new(&server, 40, 0);
    let summary = case.pour(&mut case.bulk(), numbered(), true).unwrap();
    assert_eq!(summary.count(Status::Done), COUNT, "{summary}; {}", case.why);
    case.is_whole();
}

/// What is said of each position is what is there.
pub(crate) fn killed_and_told_truly<D: Driver>() {
    let Some(server) = Server::postgresql() else { return };
    let case = Case::<D>::new(&server, 2, 2);
    let (mut bulk, mut records) = (case.bulk(), numbered());
    let error = case.pour(&mut bulk, &mut records, false).unwrap_err();
    assert!(error.is_retryable() && error.maybe_applied(), "{error}; {}", case.why);
    let left = records.count();
    let report = bulk.into_report();
    let why = format!("{}: {report}, {:?}", case.why, report.unfinished());
    let taken = usize::try_from(report.taken()).unwrap();
    assert_eq!((report.summary().total(), taken), (COUNT - left, COUNT - left), "{why}");
    assert!(left > 0 && report.failures().is_empty(), "{why}");
    let there = case.there();
    for number in 0..COUNT {
        let position = number as u64;
        let open = report.unfinished().iter().find(|(range, _)| range.contains(&position)).map(|(_, status)| *status);
        match open {
            Some(Status::Unknown) => {}
            Some(Status::NotSent) => assert!(!there.contains_key(&number), "{number} was sent; {why}"),
            None if number < taken => assert_eq!(there.get(&number), Some(&data(number)), "{number}; {why}"),
            None => assert!(!there.contains_key(&number), "{number} was not taken; {why}"),
            Some(other) => panic!("{number} is {other}; {why}"),
        }
    }
}

/// With the same bulk and what is left of the stream, all of it is done in the end, and once.
pub(crate) fn killed_and_poured_on<D: Driver>() {
    let Some(server) = Server::postgresql() else { return };
    let case = Case::<D>::new(&server, 2, 4);
    let (mut bulk, mut records) = (case.bulk(), numbered());
    case.pour(&mut bulk, &mut records, false).unwrap_err();
    let summary = case.client.pour(&mut bulk, records).unwrap();
    assert_eq!(summary.count(Status::Done), COUNT, "{summary}; {}", case.why);
    assert!(bulk.into_report().is_success());
    case.is_whole();
}
