//! How many crates a program brings in with each of ours, as they come: one more is a decision, and not an accident.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeSet;
use std::process::Command;

/// Crates, the own one counted, on Linux and with the features that are on by default.
const BUDGET: [(&str, usize); 3] = [("kinto-protocol", 21), ("kinto-blocking", 41), ("kinto-async", 61)];

#[test]
fn no_more_crates_than_were_decided_on() {
    for (name, budget) in BUDGET {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["tree", "--locked", "-p", name, "-e", "normal", "--prefix", "none", "--format", "{p}"]);
        cargo.args(["--target", "x86_64-unknown-linux-gnu"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let tree = String::from_utf8(output.stdout).unwrap();
        // Behind name and version stand marks, as of one that was met before.
        let crates: BTreeSet<_> = tree.lines().filter_map(|line| line.split(" (").next()).collect();
        assert!(crates.len() <= budget, "{name} brings {} crates, more than {budget}: {crates:?}", crates.len());
        assert!(
            crates.len() + 5 > budget,
            "{name} brings only {} crates: the budget of {budget} can be less",
            crates.len()
        );
    }
}
