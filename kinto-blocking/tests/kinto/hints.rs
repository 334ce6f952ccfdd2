//! What to try, in the words of the command.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::running::{Corner, bare, run};

#[allow(dead_code, reason = "only the list is looked at")]
#[path = "../../src/bin/kinto/hints.rs"]
mod own;

/// What the command never does, or has no words of its own for.
const NEVER_SAID: [&str; 6] = [
    "give the content in memory, or use upload_from of a client",
    "leave out by_pieces(), and the file comes in memory",
    "the user has to be asked: log in without prompt_none()",
    "ask for them with with_deleted(), or for changes with since()",
    "the server signs with a key of its own: use Verifier::with_key",
    "call a verb first: an address such as `bucket(\"b\").collection(\"c\").records()` only says where",
];

/// The texts in a file of the library that name what only programs can use.
fn advice(file: &Path, found: &mut Vec<String>) {
    let source = fs::read_to_string(file).unwrap();
    let lines = source.lines().map(str::trim).take_while(|line| *line != "mod tests {" && *line != "mod tests;");
    for line in lines.filter(|line| !line.starts_with("//") && !line.starts_with('#')) {
        // A quote by itself begins no text.
        let texts = line.replace("\\\"", "\u{1}").replace("'\"'", "''");
        let texts = texts.split('"').skip(1).step_by(2).map(|text| text.replace('\u{1}', "\""));
        let named = |text: &String| {
            text.contains(' ') && ["()", "::", "policy.", "_from ", "_to,"].iter().any(|it| text.contains(it))
        };
        found.extend(texts.filter(named));
    }
}

fn files_below(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" && name != "testing" {
            files_below(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            advice(&path, found);
        }
    }
}

#[test]
fn none_of_the_librarys_is_forgotten() {
    let mut found = Vec::new();
    files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../kinto-protocol/src"), &mut found);
    // What is no advice: code that stands between two texts.
    found.retain(|text| !text.starts_with([')', '.']) && !text.contains("|byte|"));
    assert!(found.len() > 20, "{found:?}");
    for text in &found {
        let said = own::HINTS.iter().any(|(library, _)| text.contains(library.trim_matches([' ', '(', ')'])));
        assert!(said || NEVER_SAID.contains(&text.as_str()), "the command has no words for: {text}");
    }
    for (library, _) in own::HINTS {
        let library = library.trim_matches([' ', '(', ')']);
        assert!(found.iter().any(|text| text.contains(library)), "the library does not say: {library}");
    }
}

#[test]
fn they_name_options_and_verbs() {
    let mut insecure = bare();
    insecure.args(["-s", "http://kinto.example/v1", "-a", "alexis:secret", "info"]);
    let ran = run(insecure, "");
    assert!(ran.status == 3 && ran.err.contains("(use https, or --allow-insecure-http where "), "{ran:?}");
    let corner = Corner::filled(&[("a", json!({}))]);
    let mut stranger = corner.command(&["put", "/B/c/b"]);
    stranger.env("KINTO_AUTH", "alice:wrong");
    let ran = run(stranger, "");
    assert!(ran.status == 4 && ran.err.contains("check them with: kinto whoami)"), "{ran:?}");
}
