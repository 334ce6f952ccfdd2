//! Large files, in constant memory: a process that sends and fetches them needs no more than one that does so with a byte.
//!
//! By default they are of a size that takes no time. Those of 2 GiB, which Kinto holds in memory several times:
//!
//! ```sh
//! cargo test --release -p kinto-tests --test large -- --ignored --nocapture
//! ```

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "the functional tests have this file too")]
#[path = "functional/driver.rs"]
mod driver;
#[allow(dead_code, reason = "the functional tests have this file too")]
#[path = "functional/file_host.rs"]
mod file_host;

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use kinto_protocol::{Auth, Call, endpoints};
use kinto_tests::{Backend, KintoServer};
use serde_json::json;

use crate::driver::{Driver, Setup};
use crate::file_host::FileHost;

const MIB: u64 = 1024 * 1024;
/// What a process is told that is to do this, and nothing else.
const VARIABLES: [&str; 4] = ["LARGE_CLIENT", "LARGE_URL", "LARGE_SIZE", "LARGE_FOLDER"];
const PASSWORD: &str = "p4ssw0rd";

/// Bytes that can be made anew at every place: each is known by where it is.
#[derive(Clone)]
struct Content {
    at: u64,
    size: u64,
}

impl Content {
    fn of(size: u64) -> Self {
        Self { at: 0, size }
    }
}

impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size - self.at).unwrap_or(usize::MAX);
        let length = left.min(into.len());
        let mut filled = 0;
        while filled < length {
            let word = (self.at / 8 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
            let rest = &word[usize::try_from(self.at % 8).unwrap()..];
            let count = rest.len().min(length - filled);
            into[filled..filled + count].copy_from_slice(&rest[..count]);
            filled += count;
            self.at += count as u64;
        }
        Ok(length)
    }
}

/// Takes nothing else.
struct Check(Content);

impl Write for Check {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let mut expected = [0; 4096];
        let length = piece.len().min(expected.len());
        self.0.read_exact(&mut expected[..length])?;
        if piece[..length] != expected[..length] {
            return Err(io::Error::other("this is not what was sent"));
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// What such a process does. In any other there is nothing to do.
#[test]
fn task() {
    let [Ok(client), Ok(url), Ok(size), Ok(folder)] = VARIABLES.map(env::var) else { return };
    let (size, folder) = (size.parse().unwrap(), PathBuf::from(folder));
    match client.as_str() {
        "blocking" => act::<kinto_blocking::Client>(&url, size, &folder),
        _ => act::<kinto_async::Client>(&url, size, &folder),
    }
}

fn act<D: Driver>(url: &str, size: u64, folder: &Path) {
    let mut setup = Setup::of(url);
    setup.auth = Some(Auth::basic("alice", PASSWORD));
    // So long the server may think about it once it has all of it.
    setup.policy.limits.head = Duration::from_secs(600);
    let client = D::build(setup).unwrap();
    let file = kinto_protocol::bucket("default").collection("c").attachment("a");
    let upload = || file.upload("a.txt").always();
    let (source, target) = (folder.join("source"), folder.join("target"));

    client.upload_from(upload(), &b"x"[..]).unwrap();
    client.upload_file(upload(), &folder.join("byte")).unwrap();
    client.download_to(file.download(), io::sink()).unwrap();
    client.download_file(file.download(), &folder.join("other")).unwrap();
    fs::remove_file(folder.join("other")).unwrap();
    let before = peak();
    let timed = |what: &str, act: &mut dyn FnMut() -> u64| {
        let begin = Instant::now();
        assert_eq!(act(), size);
        let rate = size as f64 / 1e6 / begin.elapsed().as_secs_f64();
        println!("  {what}: {rate:.0} MB/s, {:.1} s", begin.elapsed().as_secs_f64());
    };
    timed("upload_from", &mut || client.upload_from(upload(), Content::of(size)).unwrap().attachment.size);
    timed("upload_file", &mut || client.upload_file(upload(), &source).unwrap().attachment.size);
    let mut check = Check(Content::of(size));
    timed("download_to", &mut || client.download_to(file.download(), &mut check).unwrap().attachment.size);
    assert_eq!(check.0.at, size);
    timed("download_file", &mut || client.download_file(file.download(), &target).unwrap().attachment.size);
    let after = peak();
    assert_eq!(io::copy(&mut File::open(&target).unwrap(), &mut Check(Content::of(size))).unwrap(), size);
    fs::remove_file(target).unwrap();
    println!("peak: {before} {after}");
}

/// A server, its host of files, and a folder with a file of that size.
struct Place {
    server: KintoServer,
    folder: tempfile::TempDir,
    size: u64,
}

impl Place {
    fn new(size: u64) -> Self {
        let host = FileHost::start();
        let server = KintoServer::builder(Backend::Memory)
            .setting("kinto.attachment.base_url", host.url())
            .listener_setting("max_request_body_size", (2 * size + MIB).to_string())
            .start()
            .unwrap();
        host.serve(server.log().unwrap().with_file_name("attachments"));
        let anonymous = kinto_blocking::Client::build(Setup::of(server.url())).unwrap();
        let account = Call::new(Method::PUT, endpoints::account("alice"));
        anonymous.send(account.json(&json!({"data": {"password": PASSWORD}})).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        io::copy(&mut Content::of(size), &mut File::create(folder.path().join("source")).unwrap()).unwrap();
        fs::write(folder.path().join("byte"), "x").unwrap();
        Self { server, folder, size }
    }

    /// The most memory that such a client has with files of a byte, and after that with this one; and what it says.
    fn peaks(&self, client: &str) -> (u64, u64, String) {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "task", "--nocapture"]).stdin(Stdio::null());
        let (size, folder) = (self.size.to_string(), self.folder.path().to_str().unwrap());
        for (name, value) in VARIABLES.into_iter().zip([client, self.server.url(), &size, folder]) {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let peaks = said.split_once("peak: ").and_then(|(said, rest)| {
            let (before, after) = rest.lines().next()?.split_once(' ')?;
            Some((before.parse().ok()?, after.parse().ok()?, said.to_owned()))
        });
        peaks.unwrap_or_else(|| panic!("{client}: {said}{}", String::from_utf8_lossy(&output.stderr)))
    }
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let place = Place::new(8 * MIB);
    for client in ["blocking", "async"] {
        let (before, after, _) = place.peaks(client);
        // The system counts roughly.
        let more = after.saturating_sub(before);
        assert!(more < 2 * MIB, "{client}: {} KiB more than before", more / 1024);
    }
}

#[test]
#[ignore = "takes minutes, and 10 GiB of memory and of disk"]
fn two_gibibytes() {
    let place = Place::new(2048 * MIB);
    for client in ["blocking", "async"] {
        let (before, after, said) = place.peaks(client);
        println!("{client}: at most {:.1} MiB, {:.1} MiB of it for a byte", mib(after), mib(before));
        said.lines().filter(|line| line.starts_with("  ")).for_each(|line| println!("{line}"));
        assert!(after < 64 * MIB, "{client}: {:.1} MiB", mib(after));
    }
    curl(&place);
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}

/// The same with a program that checks nothing, to compare with.
fn curl(place: &Place) {
    let run = |what: &str, arguments: &[&str]| {
        let begin = Instant::now();
        let output = Command::new("curl").args(["--silent", "--show-error", "--fail"]).args(arguments).output().ok()?;
        let rate = place.size as f64 / 1e6 / begin.elapsed().as_secs_f64();
        println!("  curl {what}: {rate:.0} MB/s, {:.1} s {}", begin.elapsed().as_secs_f64(), output.status);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let form = format!("attachment=@{};filename=a.txt;type=text/plain", place.folder.path().join("source").display());
    let url = format!("{}/buckets/default/collections/c/records/a/attachment", place.server.url());
    let user = format!("alice:{PASSWORD}");
    let Some(answer) = run("upload", &["--user", &user, "--form", &form, &url]) else { return };
    let attachment: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let target = place.folder.path().join("target");
    run("download", &["--output", target.to_str().unwrap(), attachment["location"].as_str().unwrap()]);
}
