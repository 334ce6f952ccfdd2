//! `edit`, in editors.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{Left, Terminal};
use crate::running::Corner;

fn corner() -> Corner {
    Corner::filled(&[("a", json!({"n": 1, "title": "Hello"}))])
}

/// An editor that is a script for sh. The file is its argument.
fn editor(folder: &Path, script: &str) -> String {
    let path = folder.join("editor");
    fs::write(&path, script).unwrap();
    format!("sh {}", path.display())
}

/// Temporary files are in this folder.
fn edit(corner: &Corner, folder: &Path, editor: &str, more: &[&str]) -> Command {
    let mut command = corner.command(&[&["edit", "/B/c/a"], more].concat());
    command.env_remove("VISUAL").env("EDITOR", editor).env("TMPDIR", folder).env("HOME", folder);
    command
}

fn edited(corner: &Corner, script: &str, more: &[&str]) -> (Left, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let editor = editor(folder.path(), script);
    let left = Terminal::of(edit(corner, folder.path(), &editor, more)).left();
    let told = |text: &str| text.replace(&corner.bucket, "B").replace(folder.path().to_str().unwrap(), "TMP");
    (Left { screen: told(&left.screen), ..left }, kept(folder.path()))
}

/// What is in the files that are left.
fn kept(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|it| it == "json")).collect();
    kept.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn saved_or_not() {
    let corner = corner();
    let sed = |what: &str| format!("sed {what} \"$1\" > \"$1.new\" && mv \"$1.new\" \"$1\"");
    let (left, kept) = edited(&corner, &sed("'s/\"n\": 1/\"n\": 2/'"), &[]);
    assert_eq!((left.status, left.screen.as_str()), (Some(0), "/B/c/a: 1 done"));
    assert_eq!((corner.record("a"), kept.len()), (json!({"n": 2, "title": "Hello"}), 0));
    let (left, kept) = edited(&corner, "touch \"$1\"", &[]);
    assert_eq!((left.status, left.screen.as_str(), kept.len()), (Some(0), "/B/c/a: nothing to do", 0));
    // Other blanks are no other data.
    let (left, kept) = edited(&corner, &sed("'s/  / /'"), &[]);
    assert_eq!((left.status, kept.len()), (Some(0), 0));
    assert!(left.screen.starts_with("/B/c/a: nothing to do"), "{}", left.screen);
    let (left, _) = edited(&corner, &sed("'s/Hello/Hi/'"), &["-n"]);
    assert_eq!(left.status, Some(2));
    assert!(left.screen.starts_with("~ a\n    title: \"Hello\" → \"Hi\"\n"), "{}", left.screen);
    assert_eq!(corner.record("a"), json!({"n": 2, "title": "Hello"}));
}

#[test]
fn what_cannot_be_written_is_kept() {
    let corner = corner();
    for (script, status, why, more) in [
        (
            "printf '{\"n\": 1,\\n\"title\" \"x\"}' > \"$1\"",
            3,
            "kinto: this is no JSON: expected `:` at line 2 column 9",
            &[][..],
        ),
        ("printf '{\"n\": 1,\\n\"title\" \"x\"}' > \"$1\"", 3, "expected `:` at line 2 column 9", &["-q"]),
        ("echo '[1]' > \"$1\"", 3, "this is no JSON object", &[]),
        ("echo '{\"n\": 5}' > \"$1\"; exit 7", 1, "ended with exit status: 7: nothing was written", &[]),
    ] {
        let (left, kept) = edited(&corner, script, more);
        let seen = left.screen.replace('\n', " ");
        assert_eq!((left.status, kept.len()), (Some(status), 1), "{seen}");
        assert!(seen.contains(why) && seen.contains("what was edited is in TMP/kinto-"), "{seen}");
    }
    // Who wrote nothing wants nothing.
    let (left, kept) = edited(&corner, "exit 1", &[]);
    assert_eq!((left.status, kept.len()), (Some(1), 0), "{}", left.screen);
    let (left, kept) = edited(&corner, "rm \"$1\"", &[]);
    assert_eq!((left.status, kept.len()), (Some(1), 0), "{}", left.screen);
    let folder = tempfile::tempdir().unwrap();
    let left = Terminal::of(edit(&corner, folder.path(), "/does/not/exist", &[])).left();
    assert!(left.status == Some(1) && left.screen.starts_with("kinto: /does/not/exist: "), "{}", left.screen);
    assert_eq!((corner.record("a"), kept.len()), (json!({"n": 1, "title": "Hello"}), 0));
}

/// A program that shows what is edited, waits for keys, and writes what they are.
const ASKING: &str =
    "cat \"$1\"; printf 'New text: '; read text; printf '{\"n\": 1, \"title\": \"%s\"}' \"$text\" > \"$1\"";

#[test]
fn an_editor_has_the_terminal() {
    let (corner, folder) = (corner(), tempfile::tempdir().unwrap());
    let mut terminal = Terminal::of(edit(&corner, folder.path(), &editor(folder.path(), ASKING), &[]));
    terminal.until_text("New text: ");
    assert!(terminal.seen().starts_with("{\n  \"n\": 1,\n  \"title\": \"Hello\"\n}\n"), "{}", terminal.seen());
    terminal.keys("Typed\r");
    let left = terminal.left();
    assert_eq!((left.status, kept(folder.path()).len()), (Some(0), 0), "{}", left.screen);
    assert_eq!(corner.record("a"), json!({"n": 1, "title": "Typed"}));
}

#[test]
fn what_others_change_meanwhile_stays() {
    let (corner, folder) = (corner(), tempfile::tempdir().unwrap());
    let mut terminal = Terminal::of(edit(&corner, folder.path(), &editor(folder.path(), ASKING), &[]));
    terminal.until_text("New text: ");
    assert_eq!(corner.run(&["patch", "/B/c/a", "n:=2"]).status, 0);
    terminal.keys("Late\r");
    let left = terminal.left();
    assert_eq!(left.status, Some(6), "{}", left.screen);
    assert_eq!(corner.record("a"), json!({"n": 2, "title": "Hello"}));
    let kept: Vec<Value> = kept(folder.path()).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(kept, [json!({"n": 1, "title": "Late"})]);
}

/// Where there is one.
#[test]
fn vim() {
    if !Command::new("vim").arg("--version").output().is_ok_and(|ran| ran.status.success()) {
        return;
    }
    let (corner, folder) = (corner(), tempfile::tempdir().unwrap());
    let mut terminal = Terminal::of(edit(&corner, folder.path(), "vim -u NONE -N -n", &[]));
    terminal.until(|seen| seen.contains("\"title\": \"Hello\"") && seen.contains("4L, "));
    terminal.keys(":%s/Hello/From vim/\r:wq\r");
    let left = terminal.left();
    assert_eq!(left.status, Some(0), "{}", left.screen);
    assert_eq!(corner.record("a"), json!({"n": 1, "title": "From vim"}));
}
