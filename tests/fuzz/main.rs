//! The short run of the fuzzer's targets: all of the corpus, and some thousand inputs made of it, the same each time.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod mutation;
#[path = "targets/lib.rs"]
pub mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use mutation::Mutator;
use targets::TARGETS;

/// How many inputs are made of the corpus of each target.
const MADE: usize = 200;

/// The longest input that is made.
const LONGEST: usize = 4_096;

struct Input {
    target: &'static str,
    name: String,
    bytes: Vec<u8>,
}

fn here() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(here().join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// What there is for a target, in the order of its names.
fn corpus(target: &'static str) -> Vec<Input> {
    let entries = fs::read_dir(here().join("corpus").join(target)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let input = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        Input { target, name, bytes: fs::read(path).unwrap() }
    };
    paths.iter().map(input).collect()
}

/// Gives each to its target, as many at a time as there are processors. What fails is kept, and named.
fn run_all(inputs: &[Input]) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failed = Vec::new();
        while let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if panic::catch_unwind(AssertUnwindSafe(|| targets::run(input.target, &input.bytes))).is_err() {
                let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{}", input.target, input.name));
                fs::write(&kept, &input.bytes).unwrap();
                failed.push(format!("{}: {}", input.target, kept.display()));
            }
        }
        failed
    };
    let threads = thread::available_parallelism().map_or(1, Into::into);
    let failed: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{} of {} inputs:\n{}", failed.len(), inputs.len(), failed.join("\n"));
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
    let manifest = fs::read_to_string(here().join("Cargo.toml")).unwrap();
    for target in &targets {
        assert!(manifest.contains(&format!("name = \"{target}\"\npath = \"fuzz_targets/{target}.rs\"\n")), "{target}");
        let program = fs::read_to_string(here().join(format!("fuzz_targets/{target}.rs"))).unwrap();
        assert!(program.contains(&format!("run(\"{target}\", bytes)")), "{program}");
    }
    for (target, _) in TARGETS {
        assert!(!corpus(target).is_empty(), "{target}");
    }
}

#[test]
fn the_corpus() {
    let inputs: Vec<Input> = TARGETS.iter().flat_map(|(target, _)| corpus(target)).collect();
    run_all(&inputs);
}

#[test]
fn what_is_made_of_the_corpus() {
    let mut inputs = Vec::new();
    for (number, (target, _)) in TARGETS.iter().enumerate() {
        let corpus = corpus(target);
        let mut mutator = Mutator::new(number as u64 + 1, corpus.iter().map(|input| input.bytes.as_slice()));
        for number in 0..MADE {
            let of = &corpus[number % corpus.len()];
            let bytes = mutator.mutate(&of.bytes, LONGEST);
            inputs.push(Input { target, name: format!("{}-{number}", of.name), bytes });
        }
    }
    run_all(&inputs);
}

/// Answers that are of interest to one flow are so to others: each flow gets a third of them, and each of them a third of the
/// flows.
#[test]
fn every_flow_with_the_answers_of_others() {
    let mut inputs = Vec::new();
    for (number, flow) in targets::flows().enumerate() {
        for input in corpus("exchange").into_iter().skip(number % 3).step_by(3) {
            let text = input.bytes.split_inclusive(|byte| *byte == b'\n');
            let first = text.clone().next().unwrap_or_default();
            let settings = first.iter().position(|byte| *byte == b' ').map_or(b"\n".as_slice(), |at| &first[at..]);
            let bytes = [flow.as_bytes(), settings, &input.bytes[first.len()..]].concat();
            inputs.push(Input { name: format!("{flow}-{}", input.name), bytes, ..input });
        }
    }
    run_all(&inputs);
}
