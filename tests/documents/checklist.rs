//! `docs/CHECKLIST.md` answers every behaviour once, names tests that exist, and counts right.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::markdown;

const DOCUMENT: &str = include_str!("../../docs/CHECKLIST.md");
/// The behaviours, an id a line.
const IDS: &str = include_str!("checklist_ids.txt");
/// Requests of the Python client and their answers; each case is replayed with ours.
const RECORDED: &str = "tests/conformance/wire.json";

/// How a behaviour is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Shown,
    Differs,
    ByType,
}

impl Answer {
    fn of(cell: &str) -> Result<Self, String> {
        let reason = |word: &str| cell.strip_prefix(word).map(|why| !why.trim().is_empty());
        match (reason("differs:"), reason("by type:")) {
            (Some(true), _) => Ok(Self::Differs),
            (_, Some(true)) => Ok(Self::ByType),
            (None, None) if cited(cell).next().is_some() => Ok(Self::Shown),
            _ => Err("neither a test nor a reason".to_owned()),
        }
    }
}

/// The tests that are named: a file and a name each.
fn cited(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    markdown::code(cell).filter_map(|code| code.split_once("::")).filter(|(path, _)| path.contains('/'))
}

/// What of the workspace has been read, and what is in it.
#[derive(Default)]
struct Files(BTreeMap<String, Result<String, String>>);

impl Files {
    fn read(&mut self, path: &str) -> Result<&str, String> {
        let read = self.0.entry(path.to_owned()).or_insert_with(|| {
            let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
            fs::read_to_string(whole).map_err(|error| format!("{path}: {error}"))
        });
        read.as_deref().map_err(Clone::clone)
    }

    /// Whether there is a test of this name.
    fn has(&mut self, path: &str, name: &str, answer: Answer) -> Result<(), String> {
        let missing = || Err(format!("{path} has no {name}"));
        if path == RECORDED {
            let cases: Vec<Value> = serde_json::from_str(self.read(path)?).unwrap();
            if !cases.iter().any(|case| case["id"] == name) {
                return missing();
            }
            // Whatever is another with ours is in a rule, by its name.
            return match self.rules().contains(&format!("\"{name}\"")) && answer == Answer::Shown {
                true => Err(format!("{name} is not the same with ours")),
                false => Ok(()),
            };
        }
        let text = self.read(path)?;
        let found = if path.starts_with("tests/parity/") && !path.ends_with("/main.rs") {
            // Scenarios have names in words.
            text.contains(&format!("\"{name}\""))
        } else {
            is_test(text, name) || (declares(text, name) && self.is_played(path, name))
        };
        if found { Ok(()) } else { missing() }
    }

    /// Whether the folder's `main.rs` has the scenario played: `topic { name, }`, where the topic is the file.
    fn is_played(&mut self, path: &str, name: &str) -> bool {
        let (folder, file) = path.rsplit_once('/').unwrap_or_default();
        let Ok(main) = self.read(&format!("{folder}/main.rs")) else { return false };
        let (mut topic, entry) = ("", format!("{name},"));
        main.lines().map(str::trim).any(|line| {
            topic = line.strip_suffix(" {").unwrap_or(topic);
            line == entry && file == format!("{topic}.rs")
        })
    }

    /// The text of all rules about recorded cases.
    fn rules(&mut self) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let sources: Vec<String> = names.filter(|name| name.ends_with(".rs")).collect();
        sources.iter().map(|name| self.read(&format!("tests/conformance/{name}")).unwrap().to_owned()).collect()
    }
}

/// Whether a line is the head of a function of this name.
fn is_head(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
    let rest = line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
    rest.is_some_and(|rest| rest.starts_with(['(', '<']))
}

/// Whether there is a function of this name.
fn declares(text: &str, name: &str) -> bool {
    text.lines().any(|line| is_head(line, name))
}

/// Whether there is a function of this name with `#[test]` above it.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    (0..lines.len()).filter(|&at| is_head(lines[at], name)).any(|at| {
        let attributes = lines[..at].iter().rev().take_while(|line| line.trim_start().starts_with('#'));
        attributes.into_iter().any(|line| line.trim() == "#[test]")
    })
}

/// What is wrong with the document.
fn complaints(document: &str, ids: &str) -> Vec<String> {
    let (mut complaints, mut files) = (Vec::new(), Files::default());
    let (mut answered, mut counted) = (BTreeSet::new(), BTreeMap::<Answer, usize>::new());
    let rows: Vec<Vec<String>> = markdown::rows(document).collect();
    for row in &rows {
        let [id, behaviour, cell] = &row[..] else {
            complaints.push(format!("{row:?}: not three cells"));
            continue;
        };
        if !answered.insert(id.as_str()) {
            complaints.push(format!("{id}: twice"));
        }
        if behaviour.is_empty() {
            complaints.push(format!("{id}: of what?"));
        }
        match Answer::of(cell) {
            Ok(answer) => {
                *counted.entry(answer).or_default() += 1;
                let missing = cited(cell).filter_map(|(path, name)| files.has(path, name, answer).err());
                complaints.extend(missing.map(|why| format!("{id}: {why}")));
            }
            Err(why) => complaints.push(format!("{id}: {why}")),
        }
    }
    let known: BTreeSet<&str> = ids.lines().collect();
    complaints.extend(known.difference(&answered).map(|id| format!("{id}: no answer")));
    complaints.extend(answered.difference(&known).map(|id| format!("{id}: no such behaviour")));
    let count = |answer| counted.get(&answer).copied().unwrap_or_default();
    let numbers = [
        format!("- {} are shown by tests;", count(Answer::Shown)),
        format!("- {} are otherwise on purpose", count(Answer::Differs)),
        format!("- {} cannot be written", count(Answer::ByType)),
        format!("- {} in all.", rows.len()),
    ];
    complaints.extend(
        numbers.into_iter().filter(|line| !document.contains(line.as_str())).map(|line| format!("not said: {line}")),
    );
    complaints
}

#[test]
fn every_behaviour_has_an_answer_that_is_so() {
    assert!(IDS.lines().count() > 400 && DOCUMENT.contains("J-BAT-12"), "the list is cut");
    let complaints = complaints(DOCUMENT, IDS);
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn what_is_not_so_is_found() {
    let said = |cell: &str, shown: usize, differs: usize, by_type: usize| {
        let numbers = format!(
            "- {shown} are shown by tests;\n- {differs} are otherwise on purpose\n- {by_type} cannot be written\n- 1 in all.\n"
        );
        complaints(
            &format!("{numbers}| id | behaviour | answer |\n| --- | --- | --- |\n| A | it works | {cell} |\n"),
            "A",
        )
        .join("; ")
    };
    let own = "tests/documents/checklist.rs";
    assert_eq!(said(&format!("`{own}::what_is_not_so_is_found`"), 1, 0, 0), "");
    assert_eq!(said("`tests/functional/lists.rs::fields`", 1, 0, 0), "");
    assert_eq!(said("`tests/parity/lists.rs::a list of one page`", 1, 0, 0), "");
    assert_eq!(said("`tests/conformance/wire.json::buckets/get`", 1, 0, 0), "");
    assert_eq!(said("differs: it is better so", 0, 1, 0), "");
    assert_eq!(said("by type: there is none", 0, 0, 1), "");

    assert_eq!(said(&format!("`{own}::complaints`"), 1, 0, 0), format!("A: {own} has no complaints"));
    assert_eq!(said("`tests/functional/lists.rs::five`", 1, 0, 0), "A: tests/functional/lists.rs has no five");
    assert_eq!(
        said("`tests/parity/lists.rs::a list of no page`", 1, 0, 0),
        "A: tests/parity/lists.rs has no a list of no page"
    );
    assert!(said("differs: so `tests/nowhere.rs::nothing`", 0, 1, 0).starts_with("A: tests/nowhere.rs: "));
    let other = said("`tests/conformance/wire.json::timestamps/cached`", 1, 0, 0);
    assert_eq!(other, "A: timestamps/cached is not the same with ours");
    assert_eq!(said("it does", 0, 0, 0), "A: neither a test nor a reason");
    assert_eq!(said("differs:", 0, 0, 0), "A: neither a test nor a reason");
    assert_eq!(
        said("differs: so", 1, 0, 0),
        "not said: - 0 are shown by tests;; not said: - 1 are otherwise on purpose"
    );
    let twice =
        complaints("| i | b | a |\n| --- | --- | --- |\n| A | x | differs: y |\n| A | x | differs: y |\n", "A\nB\n");
    assert_eq!(twice[..2], ["A: twice", "B: no answer"]);
}
