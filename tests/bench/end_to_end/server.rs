//! The server of the benchmarks: it answers at once, or late by as much as it was told, and each time the same.

use std::collections::HashMap;
use std::io::{self, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use kinto_bench::{Answer, PAGE, batch, hello, number, object, page};

/// How many writes it takes in a batch.
const BATCH: usize = 100;

/// Says where it listens, and serves until nobody holds its standard input any more.
pub(crate) fn serve(delay: Duration) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}/v1", listener.local_addr()?);
    let ready: Arc<Ready> = Arc::default();
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let ready = Arc::clone(&ready);
            // A client that goes away ends its connection and nothing else.
            thread::spawn(move || talk(connection, &ready, delay));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop)
}

/// Answers as they go onto the wire, by what was asked.
#[derive(Default)]
struct Ready(Mutex<HashMap<String, Arc<[u8]>>>);

fn talk(mut connection: TcpStream, ready: &Ready, delay: Duration) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(1 << 17);
    loop {
        let Some(request) = read(&mut connection, &mut buffer)? else { return Ok(()) };
        let answer = ready.to(&request);
        if !delay.is_zero() {
            thread::sleep(delay);
        }
        connection.write_all(&answer)?;
        buffer.clear();
    }
}

struct Request {
    /// Method and path.
    line: String,
    query: String,
    host: String,
    body: String,
}

/// One request: nobody here sends a second before the first has its answer.
fn read(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let mut piece = [0; 1 << 16];
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let header = |wanted: &str| {
                head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
                })
            };
            let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
            while buffer.len() < end + 4 + length {
                match connection.read(&mut piece)? {
                    0 => return Ok(None),
                    count => buffer.extend_from_slice(&piece[..count]),
                }
            }
            let target = head.lines().next().and_then(|line| line.rsplit_once(' ')).unwrap_or_default().0;
            let (line, query) = target.split_once('?').unwrap_or((target, ""));
            return Ok(Some(Request {
                line: line.to_owned(),
                query: query.to_owned(),
                host: header("host").unwrap_or_default(),
                body: String::from_utf8_lossy(&buffer[end + 4..]).into_owned(),
            }));
        }
        match connection.read(&mut piece)? {
            0 => return Ok(None),
            count => buffer.extend_from_slice(&piece[..count]),
        }
    }
}

impl Ready {
    fn to(&self, request: &Request) -> Arc<[u8]> {
        let Request { line, query, host, body } = request;
        let (method, path) = line.split_once(' ').unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        match (method, last) {
            (_, "v1" | "") => self.kept("hello".to_owned(), || hello(BATCH)),
            ("POST", "batch") => {
                // The list that is written to, and what is written. Python writes a space behind colons.
                let paths = || {
                    let behind = body.split("\"path\":").skip(1);
                    behind.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
                };
                let list = paths().next().and_then(|path| path.rsplit_once('/')).unwrap_or_default().0;
                let numbers: Vec<usize> = paths().filter_map(|path| number(path.rsplit('/').next()?)).collect();
                self.kept(format!("batch {list} {numbers:?}"), || batch(list, numbers))
            }
            // The name of a collection says how many records it has.
            ("GET" | "HEAD", "records") => {
                let collection = path.rsplit('/').nth(1).unwrap_or_default();
                let count = collection.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(PAGE);
                let from = query.split('&').find_map(|pair| pair.strip_prefix("_token=")?.parse().ok()).unwrap_or(0);
                let whole = self.kept(format!("{path} {from}"), || page(&format!("http://{host}{path}"), from, count));
                if method == "HEAD" { headless(&whole) } else { whole }
            }
            _ => {
                let n = number(last).unwrap_or_default();
                self.kept(format!("object {n}"), || object(n))
            }
        }
    }

    fn kept(&self, question: String, answer: impl FnOnce() -> Answer) -> Arc<[u8]> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(&question) {
            return Arc::clone(known);
        }
        // Made without the lock: others have answers already.
        let made: Arc<[u8]> = on_the_wire(&answer()).into();
        Arc::clone(kept().entry(question).or_insert(made))
    }
}

fn on_the_wire(answer: &Answer) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} OK\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(&answer.body);
    text.into_bytes()
}

/// As HEAD is answered.
fn headless(whole: &Arc<[u8]>) -> Arc<[u8]> {
    let end = whole.windows(4).position(|four| four == b"\r\n\r\n").map_or(whole.len(), |end| end + 4);
    whole[..end].into()
}
