//! What the workspace is made of: the rules of `deny.toml` that need no other program, and those that it does not know.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All packages, of whatever feature and system.
fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--locked", "--all-features"]).current_dir(workspace());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    all["packages"].as_array().unwrap().clone()
}

fn text<'a>(package: &'a Value, name: &str) -> &'a str {
    package[name].as_str().unwrap_or_default()
}

fn minor(version: &str) -> (u32, u32) {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap_or(0))
}

#[test]
fn dependencies_come_from_the_registry_and_are_known_when_there_are_several() {
    let rules = fs::read_to_string(workspace().join("deny.toml")).unwrap();
    let ours = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let minimum = ours.lines().find_map(|line| line.strip_prefix("rust-version = \"")).unwrap().trim_end_matches('"');
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let packages = packages();
    assert!(packages.len() > 100);
    for package in &packages {
        let (name, version) = (text(package, "name"), text(package, "version"));
        versions.entry(name.to_owned()).or_default().push(version.to_owned());
        let needs = package["rust_version"].as_str().unwrap_or("1.0");
        assert!(minor(needs) <= minor(minimum), "{name} {version} needs Rust {needs}");
        assert!(!text(package, "license").is_empty(), "{name} has no licence");
        if let Some(source) = package["source"].as_str() {
            assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{name}");
        } else {
            let manifest = fs::read_to_string(text(package, "manifest_path")).unwrap();
            assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{name} has lints of its own");
            assert!(!manifest.contains("allow(unsafe_code"), "{name}");
        }
    }
    for (name, versions) in versions {
        let unknown = |version: &&String| !rules.contains(&format!("{{ crate = \"{name}@{version}\", reason = "));
        let unknown: Vec<_> = versions.iter().filter(unknown).collect();
        assert!(unknown.len() <= 1, "{name} is there as {unknown:?}: deny.toml has no reason");
    }
    assert!(ours.contains("unsafe_code = \"forbid\""));
}
