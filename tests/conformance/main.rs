//! What the Python client was recorded to do, done with the core: same requests, same outcomes, or a reason why not.
//!
//! Each recorded case is one call of the Python client, its requests and the answers. The call is translated into
//! operations of ours, the recorded answers are fed to them, and requests, outcome and waits are compared. Every case
//! ends in exactly one class, and none by accident: whatever is not the same has its reason and its expectation here.

mod batch_rules;
mod batches;
mod case;
mod compare;
mod differing;
mod diverging;
mod expect;
mod file_rules;
mod files;
mod filters;
mod lists;
mod logins;
mod output;
mod plugin_rules;
mod publishing;
mod python;
mod replay;
mod unreachable;

use std::collections::{BTreeMap, BTreeSet};

use crate::case::Case;
use crate::expect::{Rule, Seen};
use crate::unreachable::{BY_TYPE, another_conversation};

/// Where a case can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Everything matches.
    Same,
    /// The Python client is wrong, and we do otherwise.
    Diverges,
    /// We do otherwise by decision.
    Ours,
    /// Our types do not let one write it.
    ByType,
    /// Ours asks other questions, so that the recorded answers are none to them.
    Apart,
}

const CLASSES: [(Class, &str); 5] = [
    (Class::Same, "same"),
    (Class::Diverges, "diverges"),
    (Class::Ours, "ours"),
    (Class::ByType, "by type"),
    (Class::Apart, "apart"),
];

/// What we do otherwise by decision.
static DIFFERING: [&[Rule]; 4] =
    [differing::RULES, batch_rules::DIFFERING, plugin_rules::DIFFERING, file_rules::DIFFERING];
/// Where the Python client is wrong.
static DIVERGING: [&[Rule]; 4] =
    [diverging::RULES, batch_rules::DIVERGING, plugin_rules::DIVERGING, file_rules::DIVERGING];

/// A class and a reason, which is empty where none is needed.
type Verdict = Result<(Class, &'static str), String>;

fn judge(case: &Case) -> Verdict {
    let ours = Rule::find(&DIFFERING, &case.id);
    let by_type = BY_TYPE.iter().find(|(id, _)| *id == case.id);
    let diverging = Rule::find(&DIVERGING, &case.id);
    let apart = another_conversation(case);
    let claims = usize::from(ours.is_some())
        + usize::from(by_type.is_some())
        + usize::from(case.diverges && apart.is_none())
        + usize::from(apart.is_some());
    if claims > 1 || diverging.is_some() != (case.diverges && apart.is_none()) {
        return Err("it is in several classes, or marked without an expectation, or the other way round".into());
    }
    if let Some(reason) = apart {
        return Ok((Class::Apart, reason));
    }
    if let Some((_, why)) = by_type {
        let nothing_sent = case.exchanges.is_empty() && case.steps.iter().all(|step| !step.outcome["raised"].is_null());
        return if nothing_sent { Ok((Class::ByType, why)) } else { Err("Python could do it".into()) };
    }
    let run = replay::run(case);
    let differences = compare::differences(case, &run);
    let seen = Seen { case, run: &run, differences: &differences };
    match diverging.map(|rule| (Class::Diverges, rule)).or(ours.map(|rule| (Class::Ours, rule))) {
        Some((Class::Ours, _)) if differences.is_empty() => Err("it is listed as different, and is the same".into()),
        Some((class, rule)) => (rule.check)(&seen).map(|()| (class, rule.why)),
        None if differences.is_empty() => Ok((Class::Same, "")),
        None => Err(differences.iter().map(|difference| format!("\n    {difference}")).collect()),
    }
}

#[test]
fn the_python_client_and_ours() {
    let cases = case::all();
    let known: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    let mut wrong: Vec<String> = Vec::new();
    if known.len() != cases.len() {
        wrong.push("an id is given twice".into());
    }
    let listed = DIFFERING.iter().chain(&DIVERGING).copied().flatten().flat_map(|rule| rule.ids.iter().copied());
    let mut once = BTreeSet::new();
    for id in listed.chain(BY_TYPE.iter().map(|(id, _)| *id)) {
        if !known.contains(id) || !once.insert(id) {
            wrong.push(format!("{id}: listed twice, or not in the file"));
        }
    }

    let mut table: BTreeMap<&str, BTreeMap<Class, usize>> = BTreeMap::new();
    let mut reasons: BTreeMap<(Class, &str), usize> = BTreeMap::new();
    for case in &cases {
        match judge(case) {
            Ok((class, why)) => {
                *table.entry(&case.area).or_default().entry(class).or_default() += 1;
                *reasons.entry((class, why)).or_default() += 1;
            }
            Err(error) => wrong.push(format!("{}: {error}", case.id)),
        }
    }
    print(&table, &reasons);
    assert!(wrong.is_empty(), "{} cases are not as expected\n{}", wrong.len(), wrong.join("\n"));
    let count = |class| table.values().filter_map(|row| row.get(&class)).sum::<usize>();
    assert!(count(Class::Same) + count(Class::Diverges) + count(Class::Ours) > 300, "too few cases are compared");
}

fn print(table: &BTreeMap<&str, BTreeMap<Class, usize>>, reasons: &BTreeMap<(Class, &str), usize>) {
    let line = |name: &str, cells: &dyn Fn(Class) -> usize| {
        let cells: String = CLASSES.iter().map(|(class, _)| format!("{:>10}", cells(*class))).collect();
        println!("{name:<14}{cells}");
    };
    println!("{:<14}{}", "", CLASSES.map(|(_, name)| format!("{name:>10}")).concat());
    for (area, row) in table {
        line(area, &|class| row.get(&class).copied().unwrap_or(0));
    }
    line("all", &|class| table.values().filter_map(|row| row.get(&class)).sum());
    for (class, name) in CLASSES.iter().filter(|(class, _)| *class != Class::Same) {
        println!("\n{name}");
        for ((_, why), count) in reasons.iter().filter(|((of, _), _)| of == class) {
            println!("{count:>5}  {why}");
        }
    }
}

#[test]
fn where_python_fails_ours_waits_by_default() {
    let cases = case::all();
    for id in ["backoff/just-before-the-delay", "backoff/refuses-every-method", "clone/backoff-shared"] {
        let case = cases.iter().find(|case| case.id == id).expect("a recorded case");
        let run = replay::run(case);
        let seen = Seen { case, run: &run, differences: &[] };
        if let Err(error) = differing::waits_by_default(&seen) {
            panic!("{id}: {error}");
        }
    }
}
