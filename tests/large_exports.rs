//! How much memory an export and an import of many records take: by hand, as it takes a while.
//!
//! ```text
//! cargo test -p kinto-tests --test large_exports -- --ignored --nocapture
//! ```
//!
//! `LARGE_RECORDS` is how many, if not 200,000. The figures are of the whole process, and known on Linux only. A real server
//! needs an hour for so many, and what it says of exports and imports is told by the tests of functions: here it is played, by
//! threads of the same process that keep nothing.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;
use std::{env, fs};

use kinto_protocol::{Export, Import, bucket};
use serde_json::{Value, json};

/// What all of it must fit into.
const MOST: u64 = 64;

#[test]
#[ignore = "takes a while"]
fn many_records_in_little_memory() {
    let records: u64 = env::var("LARGE_RECORDS").map_or(200_000, |records| records.parse().unwrap());
    let filled = Arc::new(AtomicBool::new(false));
    let url = serve(records, Arc::clone(&filled));
    let blocking = kinto_blocking::Client::builder(&url).build().unwrap();
    let asynchronous = kinto_async::Client::builder(&url).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [by_blocking, by_async] = ["blocking", "async"].map(|name| folder.path().join(name));
    let export = || -> Export { bucket("b").collection("c").export() };
    let lines = || BufReader::new(Lines { next: 0, records, line: Vec::new(), at: 0 });

    measured("import, blocking", || {
        let imported = blocking.import_from(Import::new().keep_timestamps(), lines()).unwrap();
        assert_eq!(imported.to_string(), format!("{} created", records + 1));
    });
    filled.store(true, Ordering::SeqCst);
    measured("export, async", || {
        let objects = runtime.block_on(asynchronous.export_file(export(), &by_async)).unwrap();
        assert_eq!(objects, records + 1);
    });
    measured("export, blocking", || {
        assert_eq!(blocking.export_file(export(), &by_blocking).unwrap(), records + 1);
    });
    measured("export that is there already", || {
        assert_eq!(blocking.export_file(export(), &by_blocking).unwrap(), 0);
    });
    measured("import of what is there, deleting what is extra, async", || {
        let import = Import::new().keep_timestamps().delete_extra();
        let imported = runtime.block_on(asynchronous.import_file(import, &by_async)).unwrap();
        assert_eq!(imported.to_string(), format!("{} unchanged", records + 1));
    });
    measured("import of what is there, deleting what is extra, blocking", || {
        let import = Import::new().keep_timestamps().delete_extra();
        assert_eq!(blocking.import_file(import, &by_blocking).unwrap().changed(), 0);
    });
    println!("the file has {} MiB", fs::metadata(&by_async).unwrap().len() >> 20);
    assert!(fs::read(&by_async).unwrap() == fs::read(&by_blocking).unwrap());
}

fn record(n: u64) -> Value {
    let id = format!("{n:08}-0000-4000-8000-000000000000");
    json!({"id": id, "last_modified": n, "n": n, "text": "words ".repeat(40), "tags": ["a", "b"]})
}

/// Plays a server that has these records, once it is filled.
fn serve(records: u64, filled: Arc<AtomicBool>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let filled = Arc::clone(&filled);
            thread::spawn(move || while let Some(()) = answer(&stream, records, &filled) {});
        }
    });
    url
}

/// Answers the next request of a connection.
fn answer(stream: &TcpStream, records: u64, filled: &AtomicBool) -> Option<()> {
    let (mut reader, mut first, mut length) = (BufReader::new(stream), String::new(), 0);
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.is_empty() {
            break;
        }
    }
    let (mut body, filled) = (vec![0; length], filled.load(Ordering::SeqCst));
    reader.read_exact(&mut body).ok()?;
    let (method, target) = first.split_once(' ')?;
    let (path, query) = target.split(' ').next()?.split_once('?').unwrap_or((target.split(' ').next()?, ""));
    let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
    let mut next = String::new();
    let body = match (method, path.strip_prefix("/v1")?) {
        (_, "/") => json!({"settings": {"batch_max_requests": 100}}),
        ("POST", "/batch") => {
            let batch: Value = serde_json::from_slice(&body).ok()?;
            let entries = batch["requests"].as_array()?.iter().map(|entry| {
                let id = entry["path"].as_str().unwrap().rsplit('/').next();
                json!({"status": 201, "headers": {}, "body": {"data": {"id": id, "last_modified": 1}}})
            });
            json!({"responses": entries.collect::<Vec<_>>()})
        }
        ("GET", "/buckets/b/collections/c/records") => {
            let all: Vec<Value> = match parameter("in_id=") {
                _ if !filled => Vec::new(),
                Some(ids) => ids.split("%2C").map(|id| record(id[3..11].parse().unwrap())).collect(),
                None => {
                    let from: u64 = parameter("_token=").map_or(2, |token| token.parse().unwrap());
                    let size = parameter("_limit=")?;
                    let to = (records + 2).min(from + size.parse::<u64>().ok()?);
                    if to < records + 2 {
                        next = format!("Next-Page: http://x/v1{path}?_limit={size}&_token={to}\r\n");
                    }
                    (from..to).map(record).collect()
                }
            };
            json!({"data": all})
        }
        // The collection itself, there or being made.
        ("GET", _) if !filled => json!({"code": 404, "errno": 110}),
        _ => json!({"data": {"id": "c", "last_modified": 1}}),
    };
    let (status, body) = (body.get("code").and_then(Value::as_u64).unwrap_or(200), body.to_string());
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nETag: \"9\"\r\n{next}Content-Length: {length}"
    );
    (&mut &*stream).write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok()
}

/// The text of an export, made while it is read.
struct Lines {
    next: u64,
    records: u64,
    line: Vec<u8>,
    at: usize,
}

impl Read for Lines {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            let of = "/buckets/b/collections/c";
            let line = match self.next {
                0 => json!({"format": "kinto-export", "version": 1, "server": "http://x/v1", "path": of}),
                1 => json!({"path": of, "data": {"id": "c", "last_modified": 1}}),
                n if n < self.records + 2 => {
                    let data = record(n);
                    json!({"path": format!("{of}/records/{}", data["id"].as_str().unwrap()), "data": data})
                }
                n if n == self.records + 2 => json!({"end": {"objects": self.records + 1}}),
                _ => return Ok(0),
            };
            (self.line, self.at) = (format!("{line}\n").into_bytes(), 0);
            self.next += 1;
        }
        let read = (&self.line[self.at..]).read(to)?;
        self.at += read;
        Ok(read)
    }
}

/// Does it, and says how long it took and how much memory there was at most.
fn measured(what: &str, work: impl FnOnce()) {
    // From here on the peak counts anew.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let started = Instant::now();
    work();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<u64> = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
    let seconds = started.elapsed().as_secs();
    println!(
        "{what}: {seconds} s, {} MiB at most",
        kib.map_or("unknown".into(), |kib| format!("{:.1}", kib as f64 / 1024.0))
    );
    assert!(kib.unwrap_or_default() < MOST * 1024, "{what}");
}
