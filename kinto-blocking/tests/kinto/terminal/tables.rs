//! What is read, for people: as wide as the terminal, and nothing that it does not bear.

use std::process::Stdio;

use pty_process::blocking::Command;
use serde_json::{Value, json};

use super::{Left, Terminal, within};
use crate::running::{Corner, lines};

/// The lines as they are to be seen, each with the column behind its last sign.
fn lines_of(corner: &Corner, columns: u16, arguments: &[&str]) -> Vec<(String, u16)> {
    let mut terminal = Terminal::start(corner.command(arguments).into(), columns);
    while terminal.take() {}
    let screen = terminal.screen.screen();
    let end = |row: u16| {
        let last = (0..columns).rev().find(|column| screen.cell(row, *column).is_some_and(|cell| cell.has_contents()));
        last.map_or(0, |column| column + 1)
    };
    let rows = screen.rows(0, columns).enumerate().map(|(row, text)| {
        let row = u16::try_from(row).unwrap();
        assert!(!screen.row_wrapped(row), "it is longer than the terminal: {text}");
        (text.trim_end().to_owned(), end(row))
    });
    let rows: Vec<_> = rows.collect();
    let raw = String::from_utf8(terminal.raw.clone()).unwrap();
    assert!(!raw.contains(|sign: char| sign.is_control() && !"\r\n".contains(sign)), "{raw:?}");
    assert_eq!(terminal.left().status, Some(0));
    let count = rows.iter().rposition(|(text, _)| !text.is_empty()).map_or(0, |last| last + 1);
    rows.into_iter().take(count).collect()
}

fn records() -> Vec<(&'static str, Value)> {
    let (evil, cursor) = ("\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m", "a\r\n\tb\u{8}\u{202e}c");
    vec![
        ("aaaaaaaa-0000-4000-8000-000000000000", json!({"title": "Hello", "draft": true, "text": "long ".repeat(60)})),
        ("b", json!({"title": "世界、こんにちは世界", "draft": false, "text": "漢字".repeat(60)})),
        ("c", json!({"title": "👍🏽 👩‍👩‍👧 ❤️ done", "draft": null, "text": "🎉".repeat(120)})),
        (
            "d",
            json!({"title": evil, "draft": [evil], "text": cursor, "many": {"x": 1}, "more": 1.5, "\u{1b}[31mred": 1}),
        ),
    ]
}

#[test]
fn no_line_is_longer_than_the_terminal() {
    let corner = Corner::filled(&records());
    for columns in [80, 200] {
        let list = lines_of(&corner, columns, &["ls", "/B/c", "--sort", "title"]);
        assert_eq!(list.len(), 5, "{list:?}");
        let header = &list[0].0;
        assert!(header.starts_with("ID ") && header.contains(" LAST_MODIFIED"), "{header}");
        // The dates are below each other, whatever stands before them.
        let date = header.split("LAST_MODIFIED").next().unwrap().chars().count();
        let end = u16::try_from(date + "2026-11-26 12:00:00".len()).unwrap();
        assert!(list[1..].iter().all(|(_, last)| *last == end && end <= columns), "{columns}: {list:#?}");
        let object = lines_of(&corner, columns, &["get", "/B/c/d"]);
        assert!(object.iter().any(|(line, _)| line.starts_with("permissions ")), "{object:?}");
        assert!(object.iter().all(|(_, end)| *end <= columns), "{object:?}");
        lines_of(&corner, columns, &["perms", "ls", "/B/c"]);
        lines_of(&corner, columns, &["info"]);
    }
    // Of one object all is shown.
    let shown = lines_of(&corner, 80, &["get", "/B/c/aaaaaaaa-0000-4000-8000-000000000000"]);
    assert_eq!(shown.iter().map(|(line, _)| line.matches("long").count()).sum::<usize>(), 60, "{shown:?}");
    assert!(lines_of(&corner, 80, &["ls", "/B/@"]).is_empty(), "nothing is there");
    // What has no room is not there, and that is to be seen.
    let narrow = lines_of(&corner, 40, &["ls", "/B/c", "--fields", "title,draft,many,more,text,id"]);
    assert!(narrow[0].0.ends_with(" …") && narrow.iter().all(|(_, end)| *end <= 40), "{narrow:?}");
}

#[test]
fn lines_of_json_where_nobody_looks() {
    let corner = Corner::filled(&records()[..2]);
    let list = Terminal::start(Command::from(corner.command(&["ls", "/B/c"])).stdout(Stdio::piped()), 80).left();
    assert_eq!((list.status, list.raw.as_str(), lines(&list.out).len()), (Some(0), "", 2));
    let table = Terminal::start(Command::from(corner.command(&["ls", "/B/c"])).stderr(Stdio::piped()), 80).left();
    assert!(table.raw.starts_with("ID ") && table.err.is_empty(), "{}", table.raw);
    let json = Terminal::of(corner.command(&["ls", "/B/c", "-o", "ndjson"])).left();
    assert_eq!(lines(&json.raw).len(), 2);
}

/// What is to be done, in these colors or in none.
fn difference(corner: &Corner, prepare: impl FnOnce(Command) -> Command) -> Left {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("wanted"),
        "{\"id\": \"a\", \"n\": 2}\n{\"id\": \"new\", \"n\": \"\\u001b[1m\\u009b1m\"}\n",
    )
    .unwrap();
    let command = within(folder.path(), corner.command(&["diff", "wanted", "/B/c", "--delete"]));
    let left = Terminal::start(prepare(command.into()), 80).left();
    assert_eq!(left.status, Some(2), "{}", left.screen);
    left
}

#[test]
fn colors_are_for_terminals() {
    let corner = Corner::filled(&[("a", json!({"n": 1})), ("old", json!({"n": 1}))]);
    let told = |text: &str| text.replace(&corner.bucket, "B");
    let left = difference(&corner, |command| command);
    let plain = "~ a\n    n: 1 → 2\n+ new\n    n: \"\\u001b[1m\\u{9b}1m\"\n- old\n";
    let end = "/B/c: 1 to create, 1 to update, 1 to delete";
    assert_eq!(told(&left.screen), format!("{plain}{end}"));
    for (color, line) in [(33, "~ a"), (32, "+ new"), (31, "- old")] {
        assert!(left.raw.contains(&format!("\u{1b}[{color}m{line}\u{1b}[0m\r\n")), "{:?}", left.raw);
    }
    assert_eq!(left.raw.matches('\u{1b}').count(), 6, "{:?}", left.raw);
    let none = difference(&corner, |command| command.env("NO_COLOR", "1"));
    assert_eq!(told(&none.raw).replace('\r', ""), format!("{plain}{end}\n"));
    assert!(difference(&corner, |command| command.env("NO_COLOR", "")).raw.contains('\u{1b}'), "an empty one is none");
    let piped = difference(&corner, |command| command.stdout(Stdio::piped()));
    assert_eq!((piped.out.as_str(), told(&piped.raw)), (plain, format!("{end}\r\n")));
}
