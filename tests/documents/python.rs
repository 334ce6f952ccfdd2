//! `docs/PYTHON.md` has every public name of the Python client, with every argument, and no other.
//!
//! The names stand in `python_names.json`, which `python_names.py` makes from the client that the tests' own Python has.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use kinto_tests::Backend;
use serde::Deserialize;

use crate::markdown;
use crate::python_rows::OPTIONS;

pub(crate) const DOCUMENT: &str = include_str!("../../docs/PYTHON.md");
const NAMES: &str = include_str!("python_names.json");
const ROWS: &str = include_str!("python_rows.rs");

#[derive(Debug, Deserialize)]
struct Python {
    version: String,
    /// Their arguments, in case they are called.
    names: BTreeMap<String, Option<Vec<String>>>,
}

fn python() -> Python {
    serde_json::from_str(NAMES).unwrap()
}

/// Text as Rust compares: without spaces, and without the commas that are there for a line's sake.
pub(crate) fn without_spaces(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    text.replace(",)", ")").replace(",]", "]")
}

impl Python {
    /// The full name of what the document calls so: methods of `Client` stand there by themselves, and so does whatever
    /// can be meant by one name alone.
    fn full(&self, name: &str) -> Result<&str, String> {
        let name = name.replace('"', "");
        let own = format!("Client.{name}");
        if let Some((full, _)) = self.names.get_key_value(&name).or_else(|| self.names.get_key_value(&own)) {
            return Ok(full);
        }
        let ends = if name.starts_with('-') { format!("[{name}]") } else { format!(".{name}") };
        let mut found = self.names.keys().filter(|full| full.ends_with(&ends));
        match (found.next(), found.next()) {
            (Some(full), None) => Ok(full),
            (Some(one), Some(other)) => Err(format!("{name}: {one} or {other}?")),
            (None, _) => Err(format!("{name}: Python has no such name")),
        }
    }

    /// What is wrong with the document.
    fn complaints(&self, document: &str) -> Vec<String> {
        let (mut complaints, mut told) = (Vec::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
        let rows: Vec<_> = markdown::rows(document).collect();
        for called in rows.iter().flat_map(|row| markdown::code(&row[0])) {
            let (name, arguments) = match called.split_once('(') {
                Some((name, arguments)) => (name, Some(arguments.trim_end_matches(')'))),
                None => (called, None),
            };
            let full = match self.full(name) {
                Ok(full) => full,
                Err(complaint) => {
                    complaints.push(complaint);
                    continue;
                }
            };
            let known = self.names[full].as_deref();
            if known.is_some() != arguments.is_some() {
                complaints
                    .push(format!("{called}: it is {} in Python", if known.is_some() { "called" } else { "read" }));
            }
            let (known, arguments) = (known.unwrap_or_default(), arguments.unwrap_or_default());
            let told = told.entry(full).or_default();
            for argument in arguments.split(", ").filter(|argument| !argument.is_empty()) {
                told.insert(argument);
                if !known.iter().any(|it| it == argument) {
                    complaints.push(format!("{called}: Python has no such argument: {argument}"));
                }
            }
        }
        for (name, arguments) in &self.names {
            match told.get(name.as_str()) {
                None => complaints.push(format!("{name}: no row")),
                Some(told) => complaints.extend(
                    arguments
                        .iter()
                        .flatten()
                        .filter(|argument| !told.contains(argument.as_str()))
                        .map(|argument| format!("{name}({argument}): no row")),
                ),
            }
        }
        complaints
    }
}

#[test]
fn every_name_and_argument_has_a_row_and_no_other_has() {
    let complaints = python().complaints(DOCUMENT);
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert!(
        DOCUMENT.contains(&format!("version {},", python().version)),
        "of another version than {}",
        python().version
    );
}

#[test]
fn what_is_not_so_is_found() {
    let python = Python {
        version: String::new(),
        names: BTreeMap::from([
            ("Client.get".to_owned(), Some(vec!["id".to_owned(), "safe".to_owned()])),
            ("Client.session".to_owned(), None),
        ]),
    };
    let complaints = |rows: &str| python.complaints(&format!("| Python | Rust |\n| --- | --- |\n{rows}")).join("; ");
    assert_eq!(complaints("| `get(id)`, `get(safe)`, `session` | |\n"), "");
    assert_eq!(complaints("| `get(id)`, `session` | |\n"), "Client.get(safe): no row");
    assert_eq!(complaints("| `get(id, safe)` | |\n"), "Client.session: no row");
    assert_eq!(
        complaints("| `get(id, safe, if_match)`, `session()`, `put(id)` | |\n"),
        "get(id, safe, if_match): Python has no such argument: if_match; session(): it is read in Python; \
         put: Python has no such name"
    );
}

#[test]
fn every_expression_is_compiled() {
    let code: String = ROWS.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let compiled = without_spaces(&code);
    let mut missing = Vec::new();
    let rows: Vec<_> = markdown::rows(DOCUMENT).collect();
    for expression in rows.iter().flat_map(|row| markdown::code(&row[1])) {
        let found = if expression.starts_with('-') {
            OPTIONS.iter().any(|words| words.contains(&expression))
        } else {
            // As a whole statement.
            compiled.contains(&without_spaces(&format!("_ = {expression};")))
        };
        if !found {
            missing.push(expression);
        }
    }
    assert!(missing.is_empty(), "not in python_rows.rs: {missing:#?}");
    let without = rows.iter().filter(|row| markdown::code(&row[1]).next().is_none()).collect::<Vec<_>>();
    assert!(without.is_empty(), "nothing of ours: {without:#?}");
}

/// By the script, from the client that the test server's Python has.
#[test]
fn the_list_of_names_is_that_of_the_client() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/documents/python_names.py");
    let output = Command::new(Backend::Memory.python().unwrap()).arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made, serde_json::from_str::<serde_json::Value>(NAMES).unwrap(), "make python_names.json again");
}
