//! Running the command.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kinto_blocking::{Auth, Client, accounts, bucket, buckets};
use kinto_tests::{Backend, KintoServer};
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "p4ss wörd:1";

/// A corner of the server, and somebody whose it is.
pub(crate) struct Corner {
    pub(crate) url: String,
    pub(crate) client: Client,
    /// A bucket that nobody else has.
    pub(crate) bucket: String,
    user: &'static str,
}

/// How the command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Corner {
    pub(crate) fn new() -> Self {
        Self::of(KintoServer::shared(Backend::Memory).unwrap())
    }

    pub(crate) fn of(server: &KintoServer) -> Self {
        Self::at(server.url())
    }

    /// At a server of this URL, whatever that is.
    pub(crate) fn at(url: &str) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        static START: LazyLock<u128> =
            LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis()));
        let anonymous = Client::builder(url).build().unwrap();
        // There since an earlier run, or made by another test.
        let _ = anonymous.send(accounts().create("alice", PASSWORD));
        let client = anonymous.with_auth(Some(Auth::basic("alice", PASSWORD))).unwrap();
        let bucket = format!("k{}-{}", *START, COUNTER.fetch_add(1, Ordering::Relaxed));
        Self { url: url.to_owned(), client, bucket, user: "alice" }
    }

    /// The same with a bucket and a collection `c` of these records.
    pub(crate) fn filled(records: &[(&str, Value)]) -> Self {
        Self::new().fill(records)
    }

    pub(crate) fn fill(self, records: &[(&str, Value)]) -> Self {
        self.client.send(buckets().create(&self.bucket, &json!({}))).unwrap();
        let bucket = bucket(&self.bucket);
        self.client.send(bucket.collections().create("c", &json!({}))).unwrap();
        for (id, data) in records {
            self.client.send(bucket.collection("c").records().create(*id, data)).unwrap();
        }
        self
    }

    /// The command with these arguments, where `B` at the beginning of a path is the bucket.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare();
        command.env("KINTO_SERVER", &self.url).env("KINTO_AUTH", format!("{}:{PASSWORD}", self.user));
        command.args(arguments.iter().map(|argument| self.named(argument)));
        command
    }

    pub(crate) fn named(&self, argument: &str) -> String {
        match argument.strip_prefix("/B") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("/{}{rest}", self.bucket),
            _ => argument.to_owned(),
        }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments), "").without(&self.bucket)
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        run(self.command(arguments), input).without(&self.bucket)
    }

    /// What it writes, where all is to go well and nothing is to be said.
    pub(crate) fn out(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{arguments:?}");
        ran.out
    }

    /// The record as it is.
    pub(crate) fn record(&self, id: &str) -> Value {
        let records = bucket(&self.bucket).collection("c").records();
        self.client.send(records.get(id)).unwrap().data.into()
    }
}

impl Ran {
    fn without(mut self, bucket: &str) -> Self {
        (self.out, self.err) = (self.out.replace(bucket, "B"), self.err.replace(bucket, "B"));
        self
    }
}

/// The command, without anything from the environment.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinto"));
    let own = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KINTO_"));
    own.for_each(|(name, _)| _ = command.env_remove(name));
    command.env("KINTO_PROFILES", std::env::temp_dir().join("no-profiles.toml")).env_remove("NO_COLOR");
    command
}

pub(crate) fn run(mut command: Command, input: &str) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It need not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    // One that waits for something that never comes fails the test, and does not keep all others waiting.
    let (told, tells) = mpsc::channel();
    thread::spawn(move || told.send(child.wait_with_output()));
    let output = tells.recv_timeout(Duration::from_secs(120)).expect("it does not end").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Lines of JSON, as values.
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
