//! What is said of the library beside its code: that nothing is forgotten in lists, links lead somewhere, and no snippet
//! goes untested without a reason. Whether the snippets work, they show themselves, as doc tests.

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
    let index = read("examples/README.md");
    let mut there = BTreeSet::new();
    for path in files(&workspace().join("examples"), &["rs"]).iter().filter(|path| !path.ends_with("lib.rs")) {
        let (name, text) = (stem(path), fs::read_to_string(path).unwrap());
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.ends_with('.'), "{name} does not begin by saying what it shows");
        let row = format!("| [`{name}`]({name}.rs) | {} |", first.trim_start_matches("//! "));
        assert!(index.contains(&row), "examples/README.md does not have: {row}");
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

/// What is said, and neither a program nor an aside in one: there, brackets and parentheses are no links.
fn prose(text: &str) -> String {
    let outside = |(number, block): (usize, &'_ str)| (number % 2 == 0).then(|| block.to_owned());
    let blocks: String = format!("\n{text}").split("\n```").enumerate().filter_map(outside).collect();
    blocks.split('`').enumerate().filter_map(outside).collect()
}

/// Where links of a page lead that are no URLs.
fn relative_links(text: &str) -> Vec<String> {
    let targets = prose(text);
    let targets = targets.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// The headings of a page, as GitHub makes anchors of them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept = |it: &char| it.is_alphanumeric() || [' ', '-', '_'].contains(it);
    headings.map(|it| it.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn relative_links_lead_to_what_is_there() {
    let mut pages: Vec<PathBuf> = files(&workspace().join("docs"), &["md"]);
    pages.extend(
        ["README.md", "CONTRIBUTING.md", "examples/README.md", "SECURITY.md", "CHANGELOG.md"]
            .map(|name| workspace().join(name)),
    );
    pages.extend(CRATES.map(|name| workspace().join(name).join("README.md")));
    let (mut count, mut dead) = (0, Vec::new());
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for link in relative_links(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let has_anchor = || anchor.is_empty() || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor);
            if !target.exists() || !has_anchor() {
                dead.push(format!("{}: {link}", page.display()));
            }
            count += 1;
        }
    }
    assert!(count > 30);
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn what_a_registry_shows_has_no_links_out_of_its_package() {
    for name in CRATES {
        let links = relative_links(&read(&format!("{name}/README.md")));
        let outward: Vec<_> = links.iter().filter(|link| link.starts_with('/') || link.contains("..")).collect();
        assert!(outward.is_empty(), "the README of {name} leads to {outward:?}, which is nowhere on a registry's page");
    }
}
