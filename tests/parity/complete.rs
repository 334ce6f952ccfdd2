//! What the core offers, read from its sources.
//!
//! A list kept by hand would be forgotten. The sources cannot be: whatever implements `Operation` or `Flow` has a name,
//! and so has every public function that gives one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of all operations and flows, and of all functions that make one.
pub(crate) fn offered() -> BTreeSet<String> {
    let mut sources = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../kinto-protocol/src"), &mut sources);
    let types: BTreeSet<String> = sources.iter().flat_map(|source| implementors(source)).collect();
    let verbs = sources.iter().flat_map(|source| verbs(source, &types)).collect();
    types.union(&verbs).cloned().collect()
}

/// The sources, without what tests them.
fn collect(folder: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            collect(&entry, sources);
        } else if entry.extension().is_some_and(|it| it == "rs") && entry.file_stem().is_some_and(|it| it != "tests") {
            let text = fs::read_to_string(&entry).unwrap();
            sources.push(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned());
        }
    }
}

/// `impl<T: …> Operation for Get<T> {` says that `Get` is one.
fn implementors(source: &str) -> Vec<String> {
    let implementations = source.lines().filter(|line| line.starts_with("impl"));
    let of = |line: &str, what: &str| -> Option<String> {
        let name = line.split_once(what)?.1.trim_start_matches("&mut ");
        let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        // A single letter is any of them, a reference none of its own, and what is private is what another is made of.
        (name.len() > 1 && !source.contains(&format!("\nstruct {name} {{"))).then_some(name)
    };
    implementations.filter_map(|line| of(line, " Operation for ").or_else(|| of(line, " Flow for "))).collect()
}

/// `pub fn create<…>(…) -> Put<T>` says that `create` makes one.
fn verbs(source: &str, types: &BTreeSet<String>) -> Vec<String> {
    let functions = source.split("\npub fn ").skip(1).chain(source.split("\n    pub fn ").skip(1));
    let of = |function: &str| -> Option<String> {
        let signature = function.split(" {\n").next()?;
        let output = signature.rsplit_once(" -> ")?.1;
        let output: String = output.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let name: String = signature.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        types.contains(&output).then_some(name)
    };
    functions.filter_map(of).collect()
}
