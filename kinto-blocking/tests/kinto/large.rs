//! How much memory an export and an import of many records take: by hand, as it takes a while.
//!
//! ```text
//! cargo test --release -p kinto-blocking --features cli --test kinto large -- --ignored --nocapture
//! ```
//!
//! `LARGE_RECORDS` is how many, if not 200,000. The figures are of the command alone, and known on Linux only; the server is
//! played, in the process of the test.

use std::io::{BufWriter, Write as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use kinto_tests::Many;
use serde_json::json;

use crate::running::Corner;

/// What each of them must fit into, in MiB.
const MOST: u64 = 64;

#[test]
#[ignore = "takes a while"]
fn many_records_in_little_memory() {
    let records: u64 = env::var("LARGE_RECORDS").map_or(200_000, |records| records.parse().unwrap());
    let server = Many::serving(records);
    let corner = Corner::at(server.url());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (from, to) = (path("from"), path("to"));
    write(&from, records);
    measured(&corner, &["import", &from, "--timestamps"], &format!("{from}: {} created\n", records + 1));
    server.fill();
    measured(&corner, &["export", "/b/c", &to], &format!("/b/c: {} exported to {to}\n", records + 1));
    let there = format!("{to}: {} unchanged\n", records + 1);
    measured(&corner, &["import", &to, "--timestamps", "--delete", "--yes"], &there);
    println!("the file has {} MiB", fs::metadata(&to).unwrap().len() >> 20);
}

/// An export.
fn write(path: &str, records: u64) {
    let mut to = BufWriter::new(fs::File::create(path).unwrap());
    let of = "/buckets/b/collections/c";
    let mut line = |line: serde_json::Value| writeln!(to, "{line}").unwrap();
    line(json!({"format": "kinto-export", "version": 1, "server": "http://x/v1", "path": of}));
    line(json!({"path": of, "data": {"id": "c", "last_modified": 1}}));
    for data in (2..records + 2).map(Many::record) {
        line(json!({"path": format!("{of}/records/{}", data["id"].as_str().unwrap()), "data": data}));
    }
    line(json!({"end": {"objects": records + 1}}));
    to.flush().unwrap();
}

/// Runs it, and says how long it took and how much memory it had at most.
fn measured(corner: &Corner, arguments: &[&str], told: &str) {
    let started = Instant::now();
    let mut command = corner.command(arguments);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut most = None;
    // The peak only grows: what it is shortly before the end is what it is.
    while child.try_wait().unwrap().is_none() {
        most = peak(&child).or(most);
        thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), told));
    let seconds = started.elapsed().as_secs();
    let shown = most.map_or("unknown".into(), |kib| format!("{:.1}", kib as f64 / 1024.0));
    println!("{}: {seconds} s, {shown} MiB at most", arguments[0]);
    assert!(most.unwrap_or_default() < MOST * 1024, "{arguments:?}");
}

/// In KiB, where that is known.
fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}
