//! Processes with an environment of their own: the variables that name proxies are read from there, and to set them in
//! a process that has threads is not safe.

use std::env;
use std::process::{Command, Stdio, exit};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use kinto_protocol::{Auth, Result};
use serde_json::json;

use crate::driver::{Driver, Setup, records};

/// All that says where to go, so that nothing of it is inherited.
const VARIABLES: [&str; 12] = [
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "WIRE_TASK",
];

/// What the process is to do.
#[derive(Clone, Copy)]
pub(crate) enum Task {
    /// Write a record.
    Write,
    /// Read two records, at most `usize::MAX` at the same time.
    ReadTwo,
}

/// A process to be.
pub(crate) struct Child(Command);

/// The password that clients in these processes have.
pub(crate) const PASSWORD: &str = "p4ssw0rd";

impl Child {
    pub(crate) fn of<D: Driver>(task: Task) -> Self {
        // This program again, with one test of it, which is no test then.
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "child::task", "--nocapture"]).stdin(Stdio::null());
        for name in VARIABLES {
            command.env_remove(name);
        }
        let task = match task {
            Task::Write => "write",
            Task::ReadTwo => "read two",
        };
        command.env("WIRE_TASK", task).env("WIRE_CLIENT", D::NAME);
        Self(command)
    }

    pub(crate) fn url(self, url: impl AsRef<str>) -> Self {
        self.env("WIRE_URL", url.as_ref())
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// Trusts these authorities and no others.
    pub(crate) fn trusting(self, pem: &str) -> Self {
        self.env("WIRE_ROOTS", pem)
    }

    /// Asks for the proxy of the environment.
    pub(crate) fn proxy_from_env(self) -> Self {
        self.env("WIRE_PROXY", "yes")
    }

    /// What came of it: `wrote` and an id, or an error.
    pub(crate) fn outcome(mut self) -> String {
        let output = self.0.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let outcome = said.split_once("outcome: ").and_then(|(_, rest)| rest.lines().next());
        let complaint = || format!("{said}{}", String::from_utf8_lossy(&output.stderr));
        outcome.map(str::to_owned).unwrap_or_else(|| panic!("no outcome: {}", complaint()))
    }
}

/// What such a process does. In any other there is nothing to do.
#[test]
fn task() {
    let Ok(task) = env::var("WIRE_TASK") else { return };
    let outcome = match env::var("WIRE_CLIENT").unwrap().as_str() {
        <kinto_blocking::Client as Driver>::NAME => act::<kinto_blocking::Client>(&task),
        _ => act::<kinto_async::Client>(&task),
    };
    match outcome {
        Ok(done) => println!("outcome: {done}"),
        Err(error) => println!(
            "outcome: {:?}, {}, {} attempts: {error}",
            error.kind(),
            if error.maybe_applied() { "maybe applied" } else { "not applied" },
            error.attempts(),
        ),
    }
}

fn act<D: Driver>(task: &str) -> Result<String> {
    let mut setup = Setup::of(env::var("WIRE_URL").unwrap());
    setup.auth = Some(Auth::basic("alexis", PASSWORD));
    setup.allow_insecure_http = true;
    setup.roots = env::var("WIRE_ROOTS").ok();
    setup.proxy_from_env = env::var("WIRE_PROXY").is_ok();
    if let Ok(limit) = env::var("WIRE_CONNECT") {
        setup.policy.limits.connect = Duration::from_millis(limit.parse().unwrap());
    }
    let client = D::build(setup)?;
    match task {
        "write" => client.send(records().create("a", &json!({}))).map(|object| format!("wrote {}", object.id)),
        _ => Ok(read_two(client)),
    }
}

/// Ends the process where this does not end.
fn read_two<D: Driver>(client: D) -> String {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || done.send(client.send_all(["a", "a"].map(|id| records().get(id)), usize::MAX).len()));
    match ended.recv_timeout(Duration::from_secs(1)) {
        Ok(count) => format!("read {count}"),
        Err(_) => {
            println!("outcome: no end");
            exit(1)
        }
    }
}
