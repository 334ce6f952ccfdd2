//! The command at a terminal: what is to be seen there, and keys.

mod editing;
mod help;
mod interrupted;
mod picture;
mod prompts;
mod tables;
mod waiting;

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{self, Pty};
use rustix::termios::{LocalModes, tcgetattr};

/// Far more than anything takes. It is not waited for unless a test fails.
const PATIENCE: Duration = Duration::from_secs(20);
const ROWS: u16 = 50;

/// A terminal in which the command runs.
struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    output: Receiver<Vec<u8>>,
    /// All that was written to it, as it came.
    raw: Vec<u8>,
    screen: vt100::Parser,
}

/// The command in a folder, where files are known by their names: a path that begins with / is one of the server.
fn within(folder: &Path, mut command: Command) -> Command {
    command.current_dir(folder);
    command
}

/// What it left.
#[derive(Debug)]
struct Left {
    status: Option<i32>,
    signal: Option<i32>,
    /// What is to be seen at the end.
    screen: String,
    /// All that was written to the terminal.
    raw: String,
    /// What went to standard output and standard error, where these are no terminal.
    out: String,
    err: String,
}

impl Terminal {
    /// The command, in a terminal of 80 columns.
    fn of(command: Command) -> Self {
        Self::start(command.into(), 80)
    }

    /// The command in a terminal of so many columns, but for what of it leads elsewhere.
    fn start(command: blocking::Command, columns: u16) -> Self {
        let (pty, terminal) = blocking::open().unwrap();
        pty.resize(Size::new(ROWS, columns)).unwrap();
        let command = command.env("TERM", "xterm-256color").env_remove("COLUMNS").env_remove("CLICOLOR_FORCE");
        let child = command.spawn(terminal).unwrap();
        let (pty, (sender, output)) = (Arc::new(pty), channel());
        let reader = Arc::clone(&pty);
        thread::spawn(move || {
            let (mut piece, mut failed) = ([0; 4096], false);
            loop {
                match (&*reader).read(&mut piece) {
                    Ok(length @ 1..) if sender.send(piece[..length].to_vec()).is_ok() => failed = false,
                    // When nobody has it open any more, reading ends with an error: at times before the last of what
                    // was written, which is there when reading once more.
                    Err(_) if !failed => failed = true,
                    _ => break,
                }
            }
        });
        let [rows, columns] = [ROWS, columns].map(|size| NonZeroU16::new(size).unwrap());
        Self { pty, child, output, raw: Vec::new(), screen: vt100::Parser::new(rows, columns, 0) }
    }

    fn seen(&self) -> String {
        self.screen.screen().contents()
    }

    /// Takes what comes next; false at the end.
    fn take(&mut self) -> bool {
        match self.output.recv_timeout(PATIENCE) {
            Ok(bytes) => {
                self.screen.process(&bytes);
                self.raw.extend(bytes);
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => panic!("nothing came after:\n{}", self.seen()),
        }
    }

    /// Waits until this is to be seen.
    fn until(&mut self, seen: impl Fn(&str) -> bool) {
        while !seen(&self.seen()) {
            assert!(self.take(), "it ended with:\n{}", self.seen());
        }
    }

    fn until_text(&mut self, text: &str) {
        self.until(|seen| seen.contains(text));
    }

    /// Waits until keys are not shown any more. Nothing tells of that.
    fn until_hidden(&self) {
        let started = Instant::now();
        while tcgetattr(&*self.pty).unwrap().local_modes.contains(LocalModes::ECHO) {
            assert!(started.elapsed() < PATIENCE, "keys are shown");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn keys(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until it ends.
    fn left(mut self) -> Left {
        while self.take() {}
        let mut texts = [String::new(), String::new()];
        if let Some(mut out) = self.child.stdout.take() {
            out.read_to_string(&mut texts[0]).unwrap();
        }
        if let Some(mut err) = self.child.stderr.take() {
            err.read_to_string(&mut texts[1]).unwrap();
        }
        let status = self.child.wait().unwrap();
        let [out, err] = texts;
        Left {
            status: status.code(),
            signal: status.signal(),
            screen: self.seen(),
            raw: String::from_utf8(self.raw).unwrap(),
            out,
            err,
        }
    }
}
