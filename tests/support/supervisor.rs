//! The process that runs a server and cleans up after it: `supervise.py`.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{StartError, target_folder};

const SCRIPT: &str = include_str!("supervise.py");

/// How long the supervisor may take to stop the server. It kills what does not stop, so this is
/// never used up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The folder of one server, `target/kinto-servers/PID-NUMBER`.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new one.
    pub(crate) fn new() -> Result<Self, StartError> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let parent = target_folder().join("kinto-servers");
        let making = || StartError::io(format!("making a folder in {}", parent.display()));
        fs::create_dir_all(&parent).map_err(making())?;
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{}-{number}", process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                // From a process of the same number, before a crash of the machine.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(making()(error)),
            }
        }
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), StartError> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(StartError::io(format!("writing {}", path.display())))
    }

    /// Its name, unique as long as it exists.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where all programs of the server write to.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("server.log")
    }

    /// The last lines of the log.
    pub(crate) fn log_tail(&self) -> String {
        let bytes = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The supervisor did it already, if there was one.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What to run in the folder.
#[derive(Debug)]
pub(crate) struct Task {
    /// Kinto's port.
    pub(crate) port: u16,
    /// PostgreSQL's programs and port.
    pub(crate) postgresql: Option<(PathBuf, u16)>,
    /// Whether Kinto needs a key to sign with.
    pub(crate) signs: bool,
}

/// What the supervisor tells.
#[derive(Debug)]
pub(crate) enum Report {
    /// Nothing new.
    Nothing,
    /// Kinto was launched.
    Started,
    /// Kinto is dead, as ordered.
    Killed,
    /// Something ended that should not have.
    Failed(String),
}

/// What the supervisor can be told to do. It reports when that is done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// To end Kinto by SIGKILL.
    Kill,
    /// To launch it, after killing the one that still runs.
    Start,
}

/// What the supervisor has told and will tell.
#[derive(Debug)]
pub(crate) struct Reports(Receiver<String>);

impl Reports {
    /// Waits for the next one, not for long.
    pub(crate) fn next(&self, wait: Duration) -> Report {
        match self.0.recv_timeout(wait) {
            Ok(line) if line == "started" => Report::Started,
            Ok(line) if line == "killed" => Report::Killed,
            Ok(line) => Report::Failed(line.strip_prefix("failed ").unwrap_or(&line).to_owned()),
            Err(RecvTimeoutError::Timeout) => Report::Nothing,
            Err(RecvTimeoutError::Disconnected) => Report::Failed("its supervisor ended".into()),
        }
    }
}

/// A running supervisor. Dropping it stops the server and removes its folder.
#[derive(Debug)]
pub(crate) struct Supervisor {
    child: Child,
    /// Takes orders. The end of this pipe, when we close it or are no more, is the supervisor's
    /// signal to clean up.
    stdin: Option<ChildStdin>,
    // Dropped last, after `drop` below.
    folder: Folder,
}

impl Supervisor {
    /// Starts the supervisor. Its reports come separately, as they are of interest to the one
    /// thread that waits for them.
    pub(crate) fn start(python: &Path, folder: Folder, task: &Task) -> Result<(Self, Reports), StartError> {
        folder.write("supervise.py", SCRIPT)?;
        let log = append_to(&folder.log()).map_err(StartError::io("making the server's log"))?;
        let mut command = Command::new(python);
        // Isolated: from the user's own modules, and from PYTHON… variables.
        command.arg("-I").arg(folder.path().join("supervise.py")).arg(folder.path());
        command.arg("--port").arg(task.port.to_string());
        if let Some((programs, port)) = &task.postgresql {
            command.arg("--postgresql-programs").arg(programs).arg("--postgresql-port").arg(port.to_string());
        }
        if task.signs {
            command.arg("--signing-key").arg(folder.path().join("ec.pem"));
        }
        // Nothing of ours is inherited: who reads our output would wait for its end.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).current_dir(folder.path());
        // Test runners kill whole process groups, and so does Ctrl-C: the supervisor has to outlive
        // us to clean up.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(StartError::io("starting Python"))?;
        let (stdin, reports) = (child.stdin.take(), Reports(read_lines(child.stdout.take())));
        Ok((Self { child, stdin, folder }, reports))
    }

    /// Gives an order.
    pub(crate) fn order(&self, order: Order) -> Result<(), StartError> {
        let line = match order {
            Order::Kill => "kill\n",
            Order::Start => "start\n",
        };
        let sent = self.stdin.as_ref().map_or(Ok(()), |mut stdin| stdin.write_all(line.as_bytes()));
        sent.map_err(StartError::io("ordering the supervisor of the server"))
    }

    /// The server's folder.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All programs append to the same file.
fn append_to(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Makes lines available one by one, as a pipe cannot be read with a time limit.
fn read_lines(stdout: Option<ChildStdout>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = stdout {
        // Ends with the supervisor.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    receiver
}
