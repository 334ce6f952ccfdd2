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

use std::io::{self, BufReader, Read};
use std::time::Instant;
use std::{env, fs};

use kinto_protocol::{Export, Import, bucket};
use kinto_tests::Many;
use serde_json::json;

/// What all of it must fit into.
const MOST: u64 = 64;

#[test]
#[ignore = "takes a while"]
fn many_records_in_little_memory() {
    let records: u64 = env::var("LARGE_RECORDS").map_or(200_000, |records| records.parse().unwrap());
    let server = Many::serving(records);
    let url = server.url();
    let blocking = kinto_blocking::Client::builder(url).build().unwrap();
    let asynchronous = kinto_async::Client::builder(url).build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [by_blocking, by_async] = ["blocking", "async"].map(|name| folder.path().join(name));
    let export = || -> Export { bucket("b").collection("c").export() };
    let lines = || BufReader::new(Lines { next: 0, records, line: Vec::new(), at: 0 });

    measured("import, blocking", || {
        let imported = blocking.import_from(Import::new().keep_timestamps(), lines()).unwrap();
        assert_eq!(imported.to_string(), format!("{} created", records + 1));
    });
    server.fill();
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
                    let data = Many::record(n);
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
