//! What is said of the library beside its code: that nothing is forgotten in lists, and no snippet goes untested without a
//! reason. Whether the snippets work, they show themselves, as doc tests.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 3] = ["kinto-protocol", "kinto-blocking", "kinto-async"];

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below a folder that end so.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry, endings));
        } else if entry.extension().is_some_and(|it| endings.iter().any(|ending| it == *ending)) {
            found.push(entry);
        }
    }
    found
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// What stands between these two in each line that begins with the first.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| Some(line.strip_prefix(begin)?.split_once(end)?.0)).collect()
}

#[test]
fn examples_are_listed_so_that_they_are_run_and_say_what_they_show() {
    let manifest = read("examples/Cargo.toml");
    let (_, examples) = manifest.split_once("[[example]]").unwrap();
    let names: BTreeSet<String> = between(examples, "name = \"", "\"").into_iter().map(str::to_owned).collect();
    let paths: BTreeSet<String> = between(examples, "path = \"", "\"").iter().map(|it| stem(Path::new(it))).collect();
    let mut there = BTreeSet::new();
    for path in files(&workspace().join("examples"), &["rs"]).iter().filter(|path| !path.ends_with("lib.rs")) {
        let (name, text) = (stem(path), fs::read_to_string(path).unwrap());
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.ends_with('.'), "{name} does not begin by saying what it shows");
        // Nothing but its name: it is to run without arguments.
        assert!(text.contains(&format!("\n//! cargo run --example {name}\n")), "{name} does not say how it is run");
        there.insert(name);
    }
    assert!(there.len() >= 12);
    assert_eq!((&there, &there), (&names, &paths), "examples/Cargo.toml lists others than there are");
}

#[test]
fn each_crate_names_all_its_features_and_no_others() {
    for name in CRATES {
        let manifest = read(&format!("{name}/Cargo.toml"));
        let features = manifest.split_once("[features]\n").unwrap().1.split("\n\n").next().unwrap();
        let features: BTreeSet<&str> = features
            .lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(feature, _)| feature)
            .filter(|feature| *feature != "default" && !feature.starts_with('_'))
            .collect();
        let page = read(&format!("{name}/src/lib.rs"));
        let section = page.split_once("//! # Features\n").unwrap().1.split("//! # ").next().unwrap();
        let told: BTreeSet<&str> = between(section, "//! - `", "`").into_iter().collect();
        assert!(!features.is_empty());
        assert_eq!(told, features, "the page of {name} lists others than its manifest has");
        let readme = read(&format!("{name}/README.md"));
        let forgotten: Vec<_> = features.iter().filter(|feature| !readme.contains(&format!("`{feature}`"))).collect();
        assert!(forgotten.is_empty(), "the README of {name} does not name {forgotten:?}");
    }
}

#[test]
fn each_guide_is_shown_and_says_what_can_go_wrong() {
    let mut count = 0;
    for name in CRATES {
        let list = read(&format!("{name}/src/guide.rs"));
        for path in files(&workspace().join(name).join("src/guide"), &["md"]) {
            let (page, text) = (stem(&path), fs::read_to_string(&path).unwrap());
            assert!(list.contains(&format!("include_str!(\"guide/{page}.md\")")), "{page} is in no documentation");
            assert!(text.contains("\n```rust\n"), "{page} has no program that runs");
            for section in ["\n# What can go wrong\n", "\n# Read on\n"] {
                assert!(text.contains(section), "{page} lacks the section {}", section.trim());
            }
            count += 1;
        }
    }
    assert!(count >= 11);
}

#[test]
fn no_snippet_is_left_out_of_the_tests_without_a_reason() {
    let mut count = 0;
    let folders = ["kinto-protocol/src", "kinto-blocking/src", "kinto-async/src", "tests/support", "examples", "docs"];
    let mut paths: Vec<PathBuf> = folders.iter().flat_map(|it| files(&workspace().join(it), &["rs", "md"])).collect();
    paths.push(workspace().join("README.md"));
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(|line| line.trim_start_matches([' ', '/', '!'])).collect();
        for (number, line) in lines.iter().enumerate() {
            let Some(kind) = line.strip_prefix("```") else { continue };
            if !["no_run", "ignore", "should_panic"].iter().any(|word| kind.split(',').any(|it| it == *word)) {
                continue;
            }
            let block: Vec<&str> = lines[number + 1..].iter().take_while(|line| **line != "```").copied().collect();
            // The README says of all its whole programs why they are not run.
            let whole = path.ends_with("README.md") && block.iter().any(|line| line.contains("fn main()"));
            let place = format!("{}:{}", path.display(), number + 1);
            assert!(block[0].starts_with("# // ") || whole, "{place} is not run, and does not say why");
            count += 1;
        }
    }
    assert!(count > 0, "none is left: this test can go");
}
