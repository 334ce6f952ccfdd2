//! A server of very many records, which keeps none of them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

/// Plays a server with a collection `c` in a bucket `b`: of nothing, and once it is [filled](Self::fill), of so many records.
/// A real one needs an hour for so many.
#[derive(Debug)]
pub struct Many {
    url: String,
    filled: Arc<AtomicBool>,
}

impl Many {
    /// Starts it on a free port.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    pub fn serving(records: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let filled = Arc::<AtomicBool>::default();
        let known = Arc::clone(&filled);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let filled = Arc::clone(&known);
                thread::spawn(move || while let Some(()) = answer(&stream, records, &filled) {});
            }
        });
        Self { url: format!("http://127.0.0.1:{port}/v1"), filled }
    }

    /// The URL of the API.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on the records are there. Whatever is written changes nothing.
    pub fn fill(&self) {
        self.filled.store(true, Ordering::SeqCst);
    }

    /// The record of this number, from 2, as it is.
    pub fn record(n: u64) -> Value {
        record(n)
    }
}

fn record(n: u64) -> Value {
    let id = format!("{n:08}-0000-4000-8000-000000000000");
    json!({"id": id, "last_modified": n, "n": n, "text": "words ".repeat(40), "tags": ["a", "b"]})
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
                let id = entry["path"].as_str().and_then(|path| path.rsplit('/').next());
                json!({"status": 201, "headers": {}, "body": {"data": {"id": id, "last_modified": 1}}})
            });
            json!({"responses": entries.collect::<Vec<_>>()})
        }
        ("GET", "/buckets/b/collections/c/records") => {
            let all: Vec<Value> = match parameter("in_id=") {
                _ if !filled => Vec::new(),
                Some(ids) => ids.split("%2C").map(|id| record(id[3..11].parse().unwrap_or_default())).collect(),
                None => {
                    let from: u64 = parameter("_token=").map_or(2, |token| token.parse().unwrap_or(2));
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
