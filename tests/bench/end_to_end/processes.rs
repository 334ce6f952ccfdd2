//! The other processes: the server, and one for each measurement.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::measure::Taken;
use crate::python::{PYTHON, Python};
use crate::work::{Failure, Place};

/// The server of the benchmarks, which ends with this.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
}

impl Server {
    /// One that answers so many milliseconds late.
    pub(crate) fn start(delay: u64) -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["serve", &delay.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let mut url = String::new();
        if let Some(said) = &mut process.stdout {
            BufReader::new(said).read_line(&mut url)?;
        }
        Ok(Self { process, url: url.trim().to_owned() })
    }

    /// A list of so many records on it.
    pub(crate) fn place(&self, count: usize) -> Place {
        Place { url: self.url.clone(), collection: format!("articles{count}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn arguments(client: &str, work: &str, times: usize, place: &Place) -> Vec<String> {
    let Place { url, collection } = place;
    ["one", work, client, &times.to_string(), url, collection].map(str::to_owned).into()
}

/// What it takes to do this, in a process of its own.
pub(crate) fn measured(client: &str, work: &str, times: usize, place: &Place) -> Result<Taken, Failure> {
    let mut command = Command::new(env::current_exe()?);
    command.args(arguments(client, work, times, place));
    said_by(command, client, work)
}

/// The same with kinto-http.py.
pub(crate) fn measured_of(python: &Python, work: &str, times: usize, place: &Place) -> Result<Taken, Failure> {
    said_by(python.command(work, times, place), PYTHON, work)
}

fn said_by(mut command: Command, client: &str, work: &str) -> Result<Taken, Failure> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{client} failed at {work}").into());
    }
    String::from_utf8(output.stdout)?.trim().parse()
}

/// How many instructions it takes, by callgrind: the difference between so many times and twice as many.
pub(crate) fn instructions(
    client: &str,
    work: &str,
    times: usize,
    place: impl Fn(usize) -> Place,
) -> Result<u64, Failure> {
    let counted = |times: usize| -> Result<u64, Failure> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(env::current_exe()?)
            .args(arguments(client, work, times, &place(times)))
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = said.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok());
        match count {
            Some(count) if output.status.success() => Ok(count),
            _ => Err(format!("{client} at {work}: {said}").into()),
        }
    };
    Ok(counted(2 * times)?.saturating_sub(counted(times)?) / times as u64)
}
