//! Writes that are sent by themselves, cut at every point and by dice.

use std::time::Duration;

use http::Method;
use kinto_protocol::{Call, Policy, endpoints};
use kinto_tests::{Cut, Ending};

use crate::dice::{Dice, SEED, seeds};
use crate::driver::{Driver, Setup};
use crate::kinds::Kind;
use crate::place::{Objects, Place, Server};
use crate::plan::{CUTS, Plan, Trace};
use crate::verdict::{Evidence, Judge};
use crate::write::{Said, Write};

/// One write whose connection is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    seed: Option<u64>,
    kind: Kind,
    plan: Plan,
    ending: Ending,
    attempts: u32,
    /// Whether the connection was used before.
    warm: bool,
}

/// A policy of so many attempts that wastes no time.
pub(crate) fn policy(attempts: u32) -> Policy {
    let mut policy = Policy::default();
    policy.attempts = attempts;
    policy.first_wait = Duration::from_millis(1);
    policy.longest_wait = Duration::from_millis(5);
    policy
}

/// Runs cases in one place, and looks at what came of them.
fn run<D: Driver>(objects: Objects, cases: &[Case], long_ago: bool) {
    let place = Place::new(Server::memory(), objects);
    let with_object = cases.iter().enumerate().filter(|(_, case)| case.kind.has_object());
    let made: Vec<_> = with_object.map(|(number, case)| (place.id(number), case.kind.before(number))).collect();
    let mut made = place.make(&made, long_ago).into_iter();
    let mut ran = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let object = case.kind.has_object().then(|| made.next().unwrap());
        let (kind, resource, id) = (case.kind, place.resource.clone(), place.id(number));
        let write = Write { kind, resource, number, id, object };
        let cutter = case.plan.start(place.server.url(), case.ending);
        let client = D::build(Setup { url: cutter.url(), policy: policy(case.attempts), observer: None }).unwrap();
        if case.warm {
            let _ = client.send(Call::new(Method::GET, endpoints::lbheartbeat()));
        }
        let said = Said::from(write.send(&client));
        ran.push((case, [(write, said)], Trace::of(&cutter)));
    }
    let mut judge = Judge::at(&place);
    for (case, writes, trace) in &ran {
        let gave_up = trace.longest_row() >= case.attempts as usize;
        let evidence = Evidence { trace, gave_up, long_ago, alone: true };
        if let Err(why) = judge.judge(writes, evidence) {
            let seed = case.seed.map(|seed| format!("{SEED}={seed}: ")).unwrap_or_default();
            panic!("{why}\n{seed}{case:?}, long ago: {long_ago}\n{trace}");
        }
    }
    judge.conclude().unwrap();
}

/// The kinds that make sense for objects of some kind.
fn kinds(objects: Objects) -> Vec<Kind> {
    let makes_sense = |kind: &Kind| match objects {
        // Whether it is missing or somebody else's, the server does not say.
        Objects::Buckets => !matches!(
            kind,
            Kind::Add | Kind::Post | Kind::AttributesMissing | Kind::DeleteMissing | Kind::ModifyOrCreate
        ),
        _ => true,
    };
    Kind::ALL.into_iter().filter(makes_sense).collect()
}

/// One kind after the other, cut at every so manieth point.
fn at_points<D: Driver>(objects: Objects, step: usize) {
    for (first, kind) in kinds(objects).into_iter().enumerate() {
        let case = |number: usize, plan| {
            // One front-end in this way, the other in that.
            let is_even = (first + number + D::NUMBER).is_multiple_of(2);
            let ending = if is_even { Ending::Close } else { Ending::Reset };
            Case { seed: None, kind, plan, ending, attempts: 8, warm: number % 4 > 1 }
        };
        // What clears up the doubt is cut too.
        let seconds = [Cut::BeforeRequest, Cut::AfterRequest, Cut::InAnswer(300), Cut::Unavailable];
        let plans = CUTS.into_iter().map(Plan::First);
        let plans = plans.chain(seconds.into_iter().map(|cut| Plan::Then(Cut::AfterRequest, cut)));
        let cases = plans.enumerate().map(|(number, plan)| case(number, plan));
        let cases: Vec<_> = cases.skip(first % step).step_by(step).collect();
        run::<D>(objects, &cases, kind.is_refuted_by_age());
    }
}

pub(crate) fn records_at_every_point<D: Driver>() {
    at_points::<D>(Objects::Records, 1);
}

pub(crate) fn others_at_some_points<D: Driver>() {
    for objects in [Objects::Groups, Objects::Collections, Objects::Buckets] {
        at_points::<D>(objects, 5);
    }
}

/// Any request is cut, also more than one in a row, and also by clients of little patience.
pub(crate) fn by_dice<D: Driver>() {
    const TOGETHER: usize = 20;
    for seeds in seeds(160).chunks(TOGETHER) {
        let mut dice = Dice::new(seeds[0] / TOGETHER as u64, 0);
        let objects = dice.pick(&[Objects::Records, Objects::Records, Objects::ALL[dice.clone().below(4)]]);
        let long_ago = dice.falls(50);
        let case = |seed: &u64| {
            let mut dice = Dice::new(*seed, 1);
            Case {
                seed: Some(*seed),
                kind: dice.pick(&kinds(objects)),
                plan: Plan::Dice { seed: *seed, percent: dice.pick(&[30, 50, 70]) },
                ending: dice.pick(&[Ending::Close, Ending::Reset]),
                attempts: dice.pick(&[8, 8, 8, 2, 1]),
                warm: dice.falls(30),
            }
        };
        run::<D>(objects, &seeds.iter().map(case).collect::<Vec<_>>(), long_ago);
    }
}
