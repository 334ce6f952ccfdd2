//! The password, and whether something is to be done.

use std::fs;
use std::process::Command;

use kinto_blocking::bucket;
use serde_json::json;

use super::{Left, Terminal, within};
use crate::running::{Corner, PASSWORD, bare};

#[test]
fn the_password_is_asked_for_and_not_shown() {
    let corner = Corner::new();
    let signed_in_with = |password: &str| {
        let mut command = bare();
        command.args(["-s", &corner.url, "-a", "alice", "whoami", "-o", "id"]);
        let mut terminal = Terminal::of(command);
        terminal.until_text("Password for alice: ");
        terminal.until_hidden();
        terminal.keys(&format!("{password}\r"));
        terminal.left()
    };
    let left = signed_in_with(PASSWORD);
    assert_eq!((left.status, left.raw.as_str()), (Some(0), "Password for alice: \r\naccount:alice\r\n"));
    let left = signed_in_with("wr0ng");
    assert_eq!(left.status, Some(4));
    assert!(left.raw.starts_with("Password for alice: \r\nkinto: ") && !left.raw.contains("wr0ng"), "{}", left.raw);
    // What is wrong with it is not told by showing it.
    let left = signed_in_with("");
    assert_eq!(left.status, Some(4), "{}", left.raw);
}

#[test]
fn nobody_is_signed_in_without_a_password() {
    let corner = Corner::new();
    for (key, status, signal) in [("\u{4}", Some(3), None), ("\u{3}", None, Some(2))] {
        let mut command = bare();
        command.args(["-s", &corner.url, "-a", "alice", "whoami"]);
        let mut terminal = Terminal::of(command);
        terminal.until_text("Password for alice: ");
        terminal.until_hidden();
        terminal.keys(key);
        let left = terminal.left();
        assert_eq!((left.status, left.signal), (status, signal), "{}", left.raw);
    }
}

/// Answers what is asked, which has this in it.
fn answered(corner: &Corner, command: Command, question: &str, keys: &str) -> Left {
    let mut terminal = Terminal::of(command);
    terminal.until(|seen| seen.ends_with(" [y/N]") || seen.ends_with(" [y/N] "));
    let asked = terminal.seen().replace(&corner.bucket, "B");
    assert!(asked.contains(question), "{asked}");
    terminal.keys(keys);
    terminal.left()
}

/// What is done if it is to be, and only then.
fn only_if_yes(corner: &Corner, command: impl Fn() -> Command, question: &str, state: impl Fn() -> String) {
    let before = state();
    // No, only Enter, neither of both, and no answer at all.
    for keys in ["n\r", "\r", "yesno\r", "\u{4}"] {
        let left = answered(corner, command(), question, keys);
        assert_eq!((left.status, state()), (Some(1), before.clone()), "{keys:?}: {}", left.screen);
        assert!(left.screen.ends_with("\nkinto: nothing was done"), "{keys:?}: {}", left.screen);
    }
    let left = answered(corner, command(), question, "y\r");
    assert_eq!(left.status, Some(0), "{}", left.screen);
    assert_ne!(state(), before);
}

fn three() -> Corner {
    Corner::filled(&[("a", json!({"n": 1})), ("b", json!({"n": 2})), ("c", json!({"n": 3}))])
}

#[test]
fn deleting() {
    let corner = three();
    let ids = || corner.out(&["ls", "/B/c", "-o", "id", "--sort", "id"]);
    only_if_yes(&corner, || corner.command(&["rm", "/B/c/a"]), "Delete /B/c/a?", ids);
    assert_eq!(ids(), "b\nc\n");
    let left =
        answered(&corner, corner.command(&["rm", "/B/c", "--filter", "n>1"]), "/B/c: 2 to delete. Go on?", "YES\r");
    assert_eq!((left.status, ids().as_str()), (Some(0), ""), "{}", left.screen);
    corner.client.send(bucket(&corner.bucket).collection("c").records().create("x", &json!({}))).unwrap();
    let left = answered(&corner, corner.command(&["rm", "/B/c", "-q"]), "Delete /B/c with 1 record?", "n\r");
    assert_eq!((left.status, ids().as_str()), (Some(1), "x\n"), "{}", left.screen);
}

#[test]
fn deleting_one_of_two() {
    let corner = three();
    let mut terminal = Terminal::of(corner.command(&["rm", "/B/c/a", "/B/c/b"]));
    terminal.until_text("/c/a? [y/N]");
    terminal.keys("y\r");
    terminal.until_text("/c/b? [y/N]");
    terminal.keys("n\r");
    let left = terminal.left();
    assert_eq!(left.status, Some(1));
    assert!(left.screen.replace(&corner.bucket, "B").ends_with("\nkinto: /B/c/b: not deleted"), "{}", left.screen);
    assert_eq!(corner.out(&["ls", "/B/c", "-o", "id", "--sort", "id"]), "b\nc\n");
}

#[test]
fn deleting_what_is_extra() {
    let corner = three();
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| fs::write(folder.path().join("wanted"), text).unwrap();
    write("{\"id\": \"a\", \"n\": 1}\n");
    let ids = || corner.out(&["ls", "/B/c", "-o", "id", "--sort", "id"]);
    let sync = || within(folder.path(), corner.command(&["sync", "wanted", "/B/c", "--delete"]));
    only_if_yes(&corner, sync, "/B/c: 2 to delete, 1 unchanged. Go on?", ids);
    assert_eq!(ids(), "a\n");
    // What deletes nothing is not asked about.
    write("{\"id\": \"a\", \"n\": 2}\n");
    let left = Terminal::of(sync()).left();
    assert_eq!((left.status, left.screen.replace(&corner.bucket, "B")), (Some(0), "/B/c: 1 done".to_owned()));
}

#[test]
fn moving() {
    let corner = three();
    let state = || corner.out(&["ls", "/B", "-o", "id", "--sort", "id"]);
    only_if_yes(&corner, || corner.command(&["mv", "/B/c", "/B/d"]), "Move /B/c with 3 records to /B/d?", state);
    assert_eq!(state(), "d\n");
}

#[test]
fn importing() {
    let corner = three();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump").to_str().unwrap().to_owned();
    assert_eq!(corner.run(&["export", "/B/c", &file]).status, 0);
    corner.client.send(bucket(&corner.bucket).collection("c").records().create("x", &json!({}))).unwrap();
    let ids = || corner.out(&["ls", "/B/c", "-o", "id", "--sort", "id"]);
    let question = format!("{file}: 1 to be deleted. Go on?");
    only_if_yes(&corner, || corner.command(&["import", &file, "--delete"]), &question, ids);
    assert_eq!(ids(), "a\nb\nc\n");
}
