//! The same scenarios through the blocking client, the async client and the bare core: what they put on the wire, what
//! they wait, what they tell and what they give must be the same.
//!
//! The front-ends differ in the HTTP library alone, so whatever differs is a rule that one of the libraries has and the
//! core does not know of. The third driver has no library at all: a loop over a plain socket, which shows what the core
//! asks for and which of two is right where they differ. Besides being the same, each scenario is as it should be: a
//! mistake that all three make is one too.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod answers;
mod attachments;
mod backoff;
mod bare;
mod batch_answers;
mod batch_failures;
mod batch_stops;
mod batches;
mod calls;
mod complete;
mod compressed;
mod copying;
mod deleting;
#[path = "../functional/driver.rs"]
mod driver;
mod errors;
mod exporting;
mod failures;
mod following;
mod framing;
mod limits;
mod lists;
mod logins;
mod modifying;
mod of_plugins;
mod plain;
mod plugins;
mod pouring;
mod publishing;
mod reading;
mod redirects;
mod retries;
mod run;
mod scenario;
mod settling;
mod sharing;
mod syncing;
mod verified;
mod wire;
mod writing;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::scenario::Scenario;

/// The waits are seen in when requests come.
const SKIPS_WAITS: bool = false;

/// How many run at once: they mostly wait.
const AT_ONCE: usize = 16;

type Group = (&'static str, Vec<Scenario>);

fn groups() -> Vec<Group> {
    vec![
        // Those that wait for time to pass first, so that the others fill it.
        ("batches' time", batch_answers::in_time()),
        ("limits", limits::scenarios()),
        ("backoff", backoff::scenarios()),
        ("retries", retries::scenarios()),
        ("reading", reading::scenarios()),
        ("lists", lists::scenarios()),
        ("following", following::scenarios()),
        ("writing", writing::scenarios()),
        ("deleting", deleting::scenarios()),
        ("settling", settling::scenarios()),
        ("modifying", modifying::scenarios()),
        ("sharing", sharing::scenarios()),
        ("plugins", plugins::scenarios()),
        ("publishing", publishing::scenarios()),
        ("verified", verified::scenarios()),
        ("logins", logins::scenarios()),
        ("of plugins", of_plugins::scenarios()),
        ("batches", batches::scenarios()),
        ("batch answers", batch_answers::scenarios()),
        ("batch failures", batch_failures::scenarios()),
        ("batch stops", batch_stops::scenarios()),
        ("syncing", syncing::scenarios()),
        ("attachments", attachments::scenarios()),
        ("pouring", pouring::scenarios()),
        ("exporting", exporting::scenarios()),
        ("copying", copying::scenarios()),
        ("calls", calls::scenarios()),
        ("redirects", redirects::scenarios()),
        ("failures", failures::scenarios()),
        ("framing", framing::scenarios()),
        ("errors", errors::scenarios()),
        ("compressed", compressed::scenarios()),
    ]
}

#[test]
fn all_three_do_the_same() {
    let groups = groups();
    let all: Vec<(&str, &Scenario)> =
        groups.iter().flat_map(|(group, scenarios)| scenarios.iter().map(|scenario| (*group, scenario))).collect();
    let mut wrong: Vec<String> = Vec::new();
    let mut names = BTreeSet::new();
    wrong.extend(all.iter().filter(|(_, it)| !names.insert(it.name)).map(|(_, it)| format!("{}: twice", it.name)));

    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((group, scenario)) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(error) = run::compare(scenario) {
                        let error = format!("{group}, {}:\n{error}", scenario.name);
                        found.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                    }
                }
            });
        }
    });
    wrong.extend(found.into_inner().unwrap_or_else(PoisonError::into_inner));

    print(&groups);
    assert!(wrong.is_empty(), "{} of {} scenarios are not as they should be\n\n{}", wrong.len(), all.len(), {
        wrong.sort();
        wrong.join("\n\n")
    });
    assert!(all.len() >= 60, "too few scenarios");
}

#[test]
fn nothing_of_the_core_is_left_out() {
    let groups = groups();
    let covered: BTreeSet<&str> =
        groups.iter().flat_map(|(_, scenarios)| scenarios).flat_map(|it| it.covers).copied().collect();
    let offered = complete::offered();
    let offered: BTreeSet<&str> = offered.iter().map(String::as_str).collect();
    assert!(offered.len() > 30, "the sources of the core are no longer understood: {offered:?}");
    let missing: Vec<_> = offered.difference(&covered).collect();
    assert!(missing.is_empty(), "the core has these, and no scenario covers them: {missing:?}");
    let unknown: Vec<_> = covered.difference(&offered).collect();
    assert!(unknown.is_empty(), "scenarios cover these, and the core does not have them: {unknown:?}");
}

fn print(groups: &[Group]) {
    for (group, scenarios) in groups {
        println!("{group:<16}{:>5}", scenarios.len());
    }
    println!("{:<16}{:>5}", "all", groups.iter().map(|(_, scenarios)| scenarios.len()).sum::<usize>());
}
