//! Processes of their own, for what would harm the others in this one.

use std::any::TypeId;
use std::env;
use std::fs::File;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use kinto_protocol::{Policy, Result};
use serde_json::json;

use crate::driver::{Driver, Setup};
use crate::place::{facts, records};

const TASK: &str = "FAULTS_CHILD";
const CLIENT: &str = "FAULTS_CLIENT";
const URL: &str = "FAULTS_URL";

/// What the process is to do.
#[derive(Clone, Copy)]
pub(crate) enum Task {
    /// Write to a server whose name has two addresses.
    TwoAddresses,
    /// Read when everything that can be open is open.
    NoFileDescriptors,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Self::TwoAddresses => "two addresses",
            Self::NoFileDescriptors => "no file descriptors",
        }
    }

    /// What a shell does before this program is started again.
    fn before(self) -> &'static str {
        match self {
            // Names of its own, in a place of its own.
            Self::TwoAddresses => {
                r#"names=$(mktemp) && printf '127.0.0.1 two.test\n127.0.0.2 two.test\n' >"$names"
                for way in "unshare -m" "unshare -r -m"; do
                    $way mount --bind "$names" /etc/hosts 2>/dev/null || continue
                    exec $way sh -c 'mount --bind "$1" /etc/hosts && rm "$1" && exec "$0"' "$0" "$names"
                done
                rm "$names"; echo "not allowed""#
            }
            Self::NoFileDescriptors => r#"ulimit -n 48 && exec "$0""#,
        }
    }
}

/// What it says when it has done so with this client.
pub(crate) fn run<D: Driver>(task: Task, url: &str) -> String {
    let client = if TypeId::of::<D>() == TypeId::of::<kinto_blocking::Client>() { "blocking" } else { "async" };
    let mut shell = Command::new("sh");
    shell.args(["-c", task.before()]).arg(env::current_exe().unwrap()).stdin(Stdio::null());
    let output = shell.env(TASK, task.name()).env(CLIENT, client).env(URL, url).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// Does what this process was started for, if it was started for something.
pub(crate) fn task() -> Option<ExitCode> {
    let task = env::var(TASK).ok()?;
    let outcome = match env::var(CLIENT).unwrap().as_str() {
        "blocking" => act::<kinto_blocking::Client>(&task),
        _ => act::<kinto_async::Client>(&task),
    };
    println!("{}", outcome.unwrap_or_else(|error| error.to_string()));
    Some(ExitCode::SUCCESS)
}

fn act<D: Driver>(task: &str) -> Result<String> {
    let setup = Setup::of(env::var(URL).unwrap());
    let client = D::build(setup)?.with_policy(patience);
    if task == Task::TwoAddresses.name() {
        let written = client.once().send(records().create("a", &json!({})))?;
        return Ok(format!("wrote {} after 1 attempt", written.id));
    }
    let before = client.send(records().get("a"))?.id;
    let mut open = Vec::new();
    let error = loop {
        while let Ok(file) = File::open("/dev/null") {
            open.push(file);
        }
        // The connection of the last answer may be closed only now, and leave one.
        if let Err(error) = client.send(records().get("a")) {
            break error;
        }
    };
    drop(open);
    let (kind, attempts, maybe_applied) = facts(&error);
    let after = client.send(records().get("a"))?.id;
    Ok(format!("{before}, {kind:?} after {attempts} maybe_applied={maybe_applied}, {after}"))
}

fn patience(policy: &mut Policy) {
    policy.attempts = 3;
    policy.first_wait = Duration::from_millis(1);
    policy.limits.connect = Duration::from_millis(600);
}
