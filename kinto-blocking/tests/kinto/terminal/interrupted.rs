//! Ctrl-C, after which the same command goes on.

use std::fs;
use std::process::Command;

use kinto_blocking::bucket;
use kinto_tests::Cut;

use super::waiting::{Held, export, records};
use super::{Terminal, within};
use crate::running::run;

/// Presses Ctrl-C while the command waits for the answer.
fn interrupted(held: &Held, command: Command) {
    let mut terminal = Terminal::of(command);
    held.reached(&mut terminal);
    terminal.keys("\u{3}");
    let left = terminal.left();
    assert_eq!((left.status, left.signal), (None, Some(2)), "{}", left.screen);
    assert!(!left.raw.contains("\u{1b}[?25l"), "the cursor is still there");
    held.go(Cut::BeforeRequest);
}

#[test]
fn a_sync() {
    let held = Held::at("POST", "/batch", 4);
    let (folder, corner) = (tempfile::tempdir().unwrap(), &held.corner);
    fs::write(folder.path().join("wanted"), records(500)).unwrap();
    assert_eq!(corner.run(&["put", "/B"]).status, 0);
    assert_eq!(corner.run(&["put", "/B/c"]).status, 0);
    let sync = ["sync", "wanted", "/B/c"];
    interrupted(&held, within(folder.path(), held.command(&sync)));
    let count = || corner.client.send(bucket(&corner.bucket).collection("c").records().count()).unwrap();
    assert_eq!(count(), 100);
    let ran = run(within(folder.path(), corner.command(&sync)), "");
    let told = format!("{}: 400 done\n", corner.named("/B/c"));
    assert_eq!((ran.status, ran.err, count()), (0, told, 500));
}

#[test]
fn an_import() {
    let held = Held::at("POST", "/batch", 6);
    let (folder, corner) = (tempfile::tempdir().unwrap(), &held.corner);
    let file = folder.path().join("dump").to_str().unwrap().to_owned();
    fs::write(&file, export(499)).unwrap();
    assert_eq!(corner.run(&["put", "/B"]).status, 0);
    let import = ["import", &file, "--into", &corner.bucket];
    interrupted(&held, held.command(&import));
    let count = || corner.client.send(bucket(&corner.bucket).collection("c").records().count()).unwrap();
    let before = count();
    assert!((1..499).contains(&before), "{before}");
    let ran = corner.run(&import);
    let told = format!("{file}: {} created, {} unchanged\n", 499 - before, before + 1);
    assert_eq!((ran.status, ran.err, count()), (0, told, 499));
}

#[test]
fn an_export() {
    let held = Held::at("GET", "/records", 2);
    let (folder, corner) = (tempfile::tempdir().unwrap(), &held.corner);
    let path = |name| folder.path().join(name).to_str().unwrap().to_owned();
    let (dump, file, whole) = (path("dump"), path("file"), path("whole"));
    fs::write(&dump, export(2000)).unwrap();
    assert_eq!(corner.run(&["put", "/B"]).status, 0);
    assert_eq!(corner.run(&["import", &dump, "--into", &corner.bucket]).status, 0);
    interrupted(&held, held.command(&["export", "/B/c", &file]));
    let there = fs::read_to_string(&file).unwrap().lines().count();
    assert!((2..2000).contains(&there), "{there}");
    // An export knows its server by its URL.
    let ran = run(held.command(&["export", "/B/c", &file, "--resume"]), "");
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(run(held.command(&["export", "/B/c", &whole]), "").status, 0);
    // The first line tells when it was made.
    let lines = |file: &str| fs::read_to_string(file).unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert!(lines(&file) == lines(&whole) && lines(&file).len() == 2002);
}
