//! How far something long has come, which is told at a terminal and nowhere else.

use std::fs;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use kinto_blocking::bucket;
use kinto_protocol::testing::MemoryServer;
use kinto_tests::{Cut, Cutter, Ending, Stub};
use pty_process::blocking::Command;

use super::{Terminal, within};
use crate::running::Corner;

/// A server, and one before it that holds back one request.
pub(super) struct Held {
    pub(super) corner: Corner,
    pub(super) url: String,
    held: Receiver<()>,
    go: Sender<Cut>,
    _cutter: Cutter,
}

impl Held {
    /// Holds back the request of this number, from 0, of those of this method and whose paths have this in them.
    pub(super) fn at(method: &'static str, path: &'static str, number: usize) -> Self {
        let stub = Stub::serving(MemoryServer::new().page_size(500));
        Self::before(stub.url(), method, path, number)
    }

    /// The same before this server.
    fn before(url: &str, method: &'static str, path: &'static str, number: usize) -> Self {
        let (holding, held) = channel();
        let (go, may_go) = channel();
        let (so_far, may_go) = (AtomicUsize::new(0), Mutex::new(may_go));
        let cutter = Cutter::start(url, Ending::Close, move |head| {
            let counts = head.method == method && head.path.contains(path);
            if !counts || so_far.fetch_add(1, Ordering::SeqCst) != number {
                return Cut::None;
            }
            let _ = holding.send(());
            // The test is over if there is nobody to tell.
            may_go.lock().unwrap().recv().unwrap_or(Cut::BeforeRequest)
        });
        Self { corner: Corner::at(url), url: cutter.url(), held, go, _cutter: cutter }
    }

    /// The command, by way of what holds the request back.
    pub(super) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.corner.command(arguments);
        command.env("KINTO_SERVER", &self.url);
        command
    }

    /// Waits until the request is there.
    pub(super) fn reached(&self, terminal: &mut Terminal) {
        if self.held.recv_timeout(super::PATIENCE).is_err() {
            while terminal.take() {}
            panic!("it was never sent:\n{}", terminal.seen());
        }
    }

    pub(super) fn go(&self, cut: Cut) {
        self.go.send(cut).unwrap();
    }
}

/// So many records as sync reads them.
pub(super) fn records(count: usize) -> String {
    (0..count).map(|n| format!("{{\"id\": \"r{n:04}\", \"n\": {n}}}\n")).collect()
}

/// The same as an export.
pub(super) fn export(count: usize) -> String {
    let head = "{\"format\":\"kinto-export\",\"version\":1,\"server\":\"http://x/v1\",\"path\":\"/buckets/x/collections/c\"}\n";
    let object = "{\"path\":\"/buckets/x/collections/c\",\"data\":{\"id\":\"c\",\"last_modified\":1}}\n";
    let record = |n| {
        let path = format!("/buckets/x/collections/c/records/r{n:04}");
        format!("{{\"path\":\"{path}\",\"data\":{{\"id\":\"r{n:04}\",\"last_modified\":{},\"n\":{n}}}}}\n", n + 2)
    };
    let records: String = (0..count).map(record).collect();
    format!("{head}{object}{records}{{\"end\":{{\"objects\":{}}}}}\n", count + 1)
}

/// Waits until the bar is there, and looks at it.
fn bar(terminal: &mut Terminal, so_far: &str) -> String {
    terminal.until_text(so_far);
    let bars: Vec<_> =
        terminal.seen().lines().filter(|line| line.contains("/s")).map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(bars.len(), 1, "{bars:?}");
    bars[0].clone()
}

fn is_a_bar(bar: &str, so_far: &str) -> bool {
    let (drawn, rest) = bar.split_once(' ').unwrap();
    let (count, left) = rest.split_once("/s, ").unwrap();
    let (count, rate) = count.split_once(' ').unwrap();
    drawn.chars().count() == 30 && count == so_far && rate.parse::<u64>().is_ok() && left.ends_with(" left")
}

#[test]
fn a_sync_has_one_bar() {
    let held = Held::at("POST", "/batch", 4);
    let corner = &held.corner;
    let (folder, records) = (tempfile::tempdir().unwrap(), records(2000));
    fs::write(folder.path().join("wanted"), records).unwrap();
    assert_eq!(corner.run(&["put", "/B"]).status, 0);
    assert_eq!(corner.run(&["put", "/B/c"]).status, 0);
    let mut terminal = Terminal::of(within(folder.path(), held.command(&["sync", "wanted", "/B/c"])));
    held.reached(&mut terminal);
    let bar = bar(&mut terminal, "100/2000 ");
    assert!(is_a_bar(&bar, "100/2000"), "{bar}");
    held.go(Cut::None);
    let left = terminal.left();
    assert_eq!((left.status, left.screen.replace(&corner.bucket, "B")), (Some(0), "/B/c: 2000 done".to_owned()));
    assert_eq!(corner.client.send(bucket(&corner.bucket).collection("c").records().count()).unwrap(), 2000);
}

#[test]
fn an_import_has_one_bar() {
    let held = Held::at("POST", "/batch", 8);
    let (folder, corner) = (tempfile::tempdir().unwrap(), &held.corner);
    let file = folder.path().join("dump").to_str().unwrap().to_owned();
    fs::write(&file, export(1999)).unwrap();
    assert_eq!(corner.run(&["put", "/B"]).status, 0);
    let import = ["import", &file, "--into", &corner.bucket];
    let mut terminal = Terminal::of(held.command(&import));
    held.reached(&mut terminal);
    let bar = bar(&mut terminal, "201/2000 ");
    assert!(is_a_bar(&bar, "201/2000"), "{bar}");
    held.go(Cut::None);
    let left = terminal.left();
    assert_eq!((left.status, left.screen), (Some(0), format!("{file}: 2000 created")));
    // What a dry run shows is not mixed with it.
    assert_eq!(corner.run(&["put", "/other"]).status, 0);
    let left = Terminal::of(corner.command(&["import", &file, "--into", "other", "--dry-run"])).left();
    assert!(left.status == Some(2) && !left.raw.contains("/s"), "{}", left.screen);
}

#[test]
fn nothing_is_drawn_where_nobody_looks() {
    let held = Held::at("POST", "/batch", 2);
    let (folder, corner) = (tempfile::tempdir().unwrap(), &held.corner);
    assert_eq!(corner.run(&["put", "/B"]).status, 0);
    assert_eq!(corner.run(&["put", "/B/c"]).status, 0);
    let wanted = |n: usize| {
        fs::write(folder.path().join("wanted"), records(100).replace("\"n\"", &format!("\"n{n}\""))).unwrap()
    };
    wanted(1);
    let mut terminal = Terminal::start(
        Command::from(within(folder.path(), held.command(&["sync", "wanted", "/B/c"]))).stderr(Stdio::piped()),
        80,
    );
    held.reached(&mut terminal);
    held.go(Cut::None);
    let left = terminal.left();
    let told = left.err.replace(&corner.bucket, "B");
    assert_eq!((left.status, left.raw.as_str(), told.as_str()), (Some(0), "", "/B/c: 100 done\n"));
    wanted(2);
    let left = Terminal::of(within(folder.path(), corner.command(&["sync", "wanted", "/B/c", "-q"]))).left();
    assert_eq!((left.status, left.raw.as_str()), (Some(0), ""));
    wanted(3);
    let left = Terminal::start(
        Command::from(within(folder.path(), corner.command(&["sync", "wanted", "/B/c"]))).stdout(Stdio::piped()),
        80,
    );
    let left = left.left();
    assert_eq!((left.status, left.out.as_str()), (Some(0), ""), "it is standard error that it is drawn on");
}

#[test]
fn what_the_server_says_is_not_mixed_with_the_bar() {
    // It asks for silence after the second batch, of which one hears before the third.
    let batches = AtomicUsize::new(0);
    let stub = Stub::serving_with(MemoryServer::new(), move |request, response| {
        if request.uri().path().ends_with("/batch") && batches.fetch_add(1, Ordering::SeqCst) == 1 {
            response.headers_mut().insert("backoff", "1".parse().unwrap());
        }
    });
    let held = Held::before(stub.url(), "POST", "/batch", 2);
    let (folder, corner) = (tempfile::tempdir().unwrap(), &held.corner);
    fs::write(folder.path().join("wanted"), records(100)).unwrap();
    assert_eq!(corner.run(&["put", "/B"]).status, 0);
    assert_eq!(corner.run(&["put", "/B/c"]).status, 0);
    let mut terminal = Terminal::of(within(folder.path(), held.command(&["sync", "wanted", "/B/c"])));
    held.reached(&mut terminal);
    terminal.until_text("50/100 ");
    let seen = terminal.seen();
    let lines: Vec<_> = seen.lines().map(str::trim_end).collect();
    assert!(lines.len() == 2 && lines[0].starts_with("POST /batch: the server asks for silence, "), "{seen}");
    assert!(is_a_bar(lines[1], "50/100"), "{seen}");
    held.go(Cut::None);
    let left = terminal.left();
    let told = format!("{}\n{}: 100 done", lines[0], corner.named("/B/c"));
    assert_eq!((left.status, left.screen), (Some(0), told));
}
