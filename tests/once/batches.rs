//! Batches whose connections are cut, in each of the ways to send them.

use kinto_protocol::{Batch, Outcome, Status};
use kinto_tests::Ending;

use crate::dice::{Dice, SEED, seeds};
use crate::driver::{Driver, Setup};
use crate::kinds::Kind;
use crate::place::{Objects, Place, Server};
use crate::plan::{Plan, Trace};
use crate::singles::policy;
use crate::verdict::{Evidence, Judge};
use crate::write::{Said, Take, Write};

/// How a batch is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// By value, once.
    ByValue,
    /// By value, and what is worth it once more until there is nothing left.
    Retried,
    /// As `&mut`, until it gives no error.
    Kept,
    /// As `&mut`, once.
    KeptOnce,
    /// By value, four chunks at a time.
    SideBySide,
}

/// Sending again comes to an end well before that.
const ROUNDS: usize = 60;

/// Sends a batch, and tells what came of it and whether that was the end.
fn send<D: Driver>(client: &D, mut batch: Batch, mode: Mode) -> (Outcome, bool) {
    match mode {
        Mode::ByValue => {
            let outcome = client.send(batch).unwrap();
            let ended = outcome.stopped().is_none();
            (outcome, ended)
        }
        Mode::SideBySide => send(client, batch.concurrency(4), Mode::ByValue),
        Mode::KeptOnce => {
            let ended = client.send(&mut batch).is_ok();
            (batch.into_outcome(), ended)
        }
        Mode::Kept => {
            let ended = (0..ROUNDS).any(|_| client.send(&mut batch).is_ok());
            (batch.into_outcome(), ended)
        }
        Mode::Retried => {
            let mut outcome = client.send(batch).unwrap();
            for _ in 0..ROUNDS {
                let Some(again) = outcome.retry_failed() else { break };
                outcome.merge(client.send(again).unwrap());
            }
            let ended = outcome.of(Status::NotSent).next().is_none();
            (outcome, ended)
        }
    }
}

/// The writes of a batch.
fn writes(place: &Place, dice: &mut Dice, count: usize, ordered: bool, long_ago: bool) -> Vec<Write> {
    let kinds: Vec<_> = Kind::ALL.into_iter().filter(|kind| kind.is_operation()).collect();
    // Such as batches mostly are, or anything, or two to an object each.
    let of_all = match dice.below(if ordered { 6 } else { 5 }) {
        0 => vec![Kind::Create],
        1 => vec![Kind::Create, Kind::Update, Kind::Attributes, Kind::Delete],
        2 => vec![Kind::Post],
        5 => Vec::new(),
        _ => kinds,
    };
    let mut kinds = Vec::new();
    while kinds.len() < count {
        match dice.below(2) {
            _ if !of_all.is_empty() => {
                let [kind, other] = [dice.pick(&of_all), dice.pick(&of_all)];
                // Few of those that keep others from sharing their request.
                kinds.push((if kind.goes_alone() { other } else { kind }, kinds.len()));
            }
            0 => kinds.extend([(Kind::Create, kinds.len()), (Kind::Attributes, kinds.len())]),
            _ => kinds.extend([(Kind::Replace, kinds.len()), (Kind::Delete, kinds.len())]),
        }
    }
    kinds.truncate(count);
    let has_object = |kind: Kind, number: usize, place: usize| kind.has_object() && number == place;
    let made = kinds.iter().enumerate().filter(|(place, (kind, number))| has_object(*kind, *number, *place));
    let made: Vec<_> = made.map(|(_, (kind, number))| (place.id(*number), kind.before(*number))).collect();
    let mut made = place.make(&made, long_ago).into_iter();
    let writes = kinds.into_iter().enumerate().map(|(position, (kind, number))| {
        let object = has_object(kind, number, position).then(|| made.next().unwrap());
        Write { kind, resource: place.resource.clone(), number, id: place.id(number), object }
    });
    writes.collect()
}

/// What is said of each, where all that says it must say the same.
fn said(outcome: &mut Outcome, takes: Vec<Take>) -> Result<Vec<Said>, String> {
    let items: Vec<_> = outcome
        .items()
        .map(|item| (item.position(), item.status(), item.error().map(|it| it.maybe_applied())))
        .collect();
    if outcome.summary().total() != takes.len() || items.len() != takes.len() {
        return Err(format!("there were {} operations: {}", takes.len(), outcome.summary()));
    }
    let all = takes.into_iter().enumerate().map(|(number, take)| {
        let (position, status, doubt) = items[number];
        let said = Said::from(take(outcome));
        let agrees = position == number
            && match said {
                Said::Done(_) => status == Status::Done && doubt.is_none(),
                Said::Nothing => status == Status::AlreadySo && doubt.is_none(),
                Said::Doubt(_) => status == Status::Unknown && doubt == Some(true),
                Said::Failed(_) => {
                    !matches!(status, Status::Done | Status::Unknown | Status::AlreadySo) && doubt == Some(false)
                }
            };
        if agrees { Ok(said) } else { Err(format!("{number}: {said} is {status}, at {position}")) }
    });
    all.collect()
}

fn run<D: Driver>(seed: u64, count: usize) {
    let mut dice = Dice::new(seed, count);
    let objects = dice.pick(&[Objects::Records, Objects::Records, Objects::Records, Objects::Groups]);
    let (place, long_ago) = (Place::new(Server::memory(), objects), dice.falls(50));
    let mode = dice.pick(&[Mode::ByValue, Mode::Retried, Mode::Kept, Mode::KeptOnce, Mode::SideBySide]);
    let writes = writes(&place, &mut dice, count, mode != Mode::SideBySide, long_ago);
    let attempts = dice.pick(&[8, 8, 2, 1]);
    let ending = dice.pick(&[Ending::Close, Ending::Reset]);
    let plan = Plan::Dice { seed: dice.roll(), percent: dice.pick(&[25, 40, 60]) };

    let cutter = plan.start(place.server.url(), ending);
    let client = D::build(Setup { url: cutter.url(), policy: policy(attempts), observer: None }).unwrap();
    let mut batch = Batch::new();
    let takes: Vec<_> = writes.iter().map(|write| write.push(&mut batch)).collect();
    let (mut outcome, ended) = send(&client, batch, mode);
    let (trace, summary) = (Trace::of(&cutter), outcome.summary());

    // A lost answer to what is not to be sent twice stops the batch.
    let once = || trace.is_cut() && writes.iter().any(|write| write.kind.is_sent_once());
    // What the server was too busy for twice may be left, as one that it stumbles over.
    let patient = match mode {
        Mode::ByValue | Mode::KeptOnce => trace.longest_row() < attempts as usize && !once(),
        Mode::SideBySide => trace.cuts() < attempts as usize && !once(),
        Mode::Kept | Mode::Retried => attempts == 8 || trace.unavailable() < 2,
    };
    let gave_up = !(ended && patient);
    let judged = (|| {
        if patient && !ended {
            return Err(format!("it ended early: {:?}", outcome.stopped()));
        }
        let said = said(&mut outcome, takes)?;
        let both: Vec<_> = writes.into_iter().zip(said).collect();
        let mut judge = Judge::at(&place);
        judge.judge(&both, Evidence { trace: &trace, gave_up, long_ago, alone: false })?;
        judge.conclude()
    })();
    if let Err(why) = judged {
        panic!(
            "{why}\n{SEED}={seed}: {mode:?}, {plan:?}, {ending:?}, {attempts} attempts, gave up: {gave_up}\n{summary}\n{trace}"
        );
    }
}

pub(crate) fn of_one<D: Driver>() {
    seeds(48).into_iter().for_each(|seed| run::<D>(seed, 1));
}

pub(crate) fn of_a_chunk<D: Driver>() {
    seeds(12).into_iter().for_each(|seed| run::<D>(seed, 25));
}

pub(crate) fn of_many<D: Driver>() {
    seeds(4).into_iter().for_each(|seed| run::<D>(seed, 110));
}
