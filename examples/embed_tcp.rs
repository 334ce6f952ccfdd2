//! The core without either client: driven by a plain `TcpStream`, with HTTP/1.1 written and read by hand.
//!
//! What a program needs to drive `kinto-protocol` stands between the two marks below: a loop that does what it is told,
//! and a function that moves bytes. The rest of the file is the HTTP that any HTTP client would bring along.
//!
//! ```text
//! cargo run --example embed_tcp
//! cargo run --example embed_tcp -- --server http://kinto.example/v1 --auth USER:PASS
//! ```

use std::error::Error;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use kinto_examples::{place, say, title};
use kinto_protocol::{
    FailureKind, Flow, Limits, Moment, Request, Response, Result, Session, Step, TransportError, bucket, buckets,
    server_info,
};
use serde_json::json;

// ── the glue begins ──
/// Does what the exchange says, until it says that all is done.
pub(crate) fn send<F: Flow>(session: &Session, flow: F) -> Result<F::Output> {
    // One clock for the whole program: a session remembers until when its server wants silence.
    static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
    let mut exchange = session.exchange(flow);
    loop {
        match exchange.next(Moment::at(STARTED.elapsed())) {
            // Whatever comes of it is told. Whether it is sent again, and when, is not decided here.
            Step::Send(request, limits) => {
                let outcome = put_on_the_wire(&request, &limits);
                exchange.handle(outcome, Moment::at(STARTED.elapsed()));
            }
            Step::Wait(pause) => thread::sleep(pause),
            Step::Done(result) => return result,
        }
    }
}

/// Moves bytes: one connection, one request, one answer, whatever its status.
fn put_on_the_wire(request: &Request, limits: &Limits) -> Result<Response, TransportError> {
    let begun = Instant::now();
    let stream = connect(request.uri(), limits.connect)?;
    let mut wire = InTime { stream, until: begun + limits.total };
    // The headers come from the core, credentials included; only what belongs to the connection is added.
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let host = request.uri().authority().map_or("", |authority| authority.as_str());
    let mut bytes = format!("{} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n", request.method());
    bytes.push_str(&format!("Content-Length: {}\r\n", request.body().len()));
    let mut bytes = bytes.into_bytes();
    for (name, value) in request.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(request.body());
    wire.write_all(&bytes).and_then(|()| read_answer(wire, request.method(), limits)).map_err(failure)
}
// ── the glue ends ──

/// A connection. As long as there is none nothing was sent, which makes it safe to try anything again.
fn connect(uri: &Uri, limit: Duration) -> Result<TcpStream, TransportError> {
    if uri.scheme_str() != Some("http") {
        return Err(TransportError::new(FailureKind::Other, "only http:// is spoken here").not_sent());
    }
    let address = format!("{}:{}", uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
    let open = || {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    open().map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => TransportError::new(FailureKind::Timeout, error).not_sent(),
        _ => TransportError::new(FailureKind::Connect, error),
    })
}

/// What went wrong once the connection stood: something may have been sent, and the core takes that into account.
fn failure(error: io::Error) -> TransportError {
    let kind = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => FailureKind::Timeout,
        io::ErrorKind::InvalidData => FailureKind::Protocol,
        io::ErrorKind::FileTooLarge => FailureKind::TooLarge,
        _ => FailureKind::Interrupted,
    };
    TransportError::new(kind, error)
}

/// A connection that gives up in time, however slowly the bytes drip.
struct InTime {
    stream: TcpStream,
    until: Instant,
}

impl InTime {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for InTime {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for InTime {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// An answer, complete or not at all.
fn read_answer(mut wire: InTime, method: &Method, limits: &Limits) -> io::Result<Response> {
    let until = wire.until;
    wire.until = until.min(Instant::now() + limits.head);
    let mut from = BufReader::new(wire);
    let mut answer = read_head(&mut from)?;
    // What a server says beforehand, such as 100 Continue, is no answer.
    while answer.status().is_informational() {
        answer = read_head(&mut from)?;
    }
    from.get_mut().until = until;

    let mut body = Body { bytes: Vec::new(), most: limits.response_bytes };
    let header = |name| answer.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if *method == Method::HEAD || matches!(answer.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        // It has no body, whatever its headers say.
    } else if header(TRANSFER_ENCODING).is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        body.read_chunks(&mut from)?;
    } else if let Some(length) = header(CONTENT_LENGTH) {
        body.read(&mut from, length.parse().map_err(|_| nonsense())?)?;
    } else {
        // Its end is the end of the connection.
        from.take(body.most.saturating_add(1)).read_to_end(&mut body.bytes)?;
    }
    *answer.body_mut() = body.bytes.into();
    Ok(answer)
}

/// The status line and the headers.
fn read_head(from: &mut impl BufRead) -> io::Result<Response> {
    const LARGEST: u64 = 64 * 1024;
    let mut from = from.take(LARGEST);
    let status = read_line(&mut from)?;
    let code = status.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5)).ok_or_else(nonsense)?;
    let mut answer = Response::default();
    *answer.status_mut() = StatusCode::from_bytes(code).map_err(|_| nonsense())?;
    loop {
        let line = read_line(&mut from)?;
        if line.is_empty() {
            return Ok(answer);
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(nonsense)?;
        let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| nonsense())?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).map_err(|_| nonsense())?;
        answer.headers_mut().append(name, value);
    }
}

/// A line without its end.
fn read_line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\n") {
        Some(text) => Ok(text.strip_suffix(b"\r").unwrap_or(text).to_vec()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A body within its limit.
struct Body {
    bytes: Vec<u8>,
    most: u64,
}

impl Body {
    /// Exactly so many bytes more.
    fn read(&mut self, from: &mut impl BufRead, count: u64) -> io::Result<()> {
        if count > self.most.saturating_sub(self.bytes.len() as u64) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = from.take(count).read_to_end(&mut self.bytes)?;
        if (read as u64) < count { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Pieces, each after a line with its size, until one of no size; then headers, which nobody asked for.
    fn read_chunks(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        loop {
            let line = read_line(from)?;
            let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            let size = str::from_utf8(size).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
            match size.ok_or_else(nonsense)? {
                0 => break,
                size => self.read(from, size)?,
            }
            if !read_line(from)?.is_empty() {
                return Err(nonsense());
            }
        }
        while !read_line(from)?.is_empty() {}
        Ok(())
    }
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what came is not HTTP/1.1")
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("embed_tcp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let place = place()?;
    // New ids are random, and the core has no randomness of its own.
    let random = || u128::from(RandomState::new().build_hasher().finish());
    let session = Session::builder(&place.url).auth(place.auth.clone()).seed(random() << 64 | random()).build()?;

    title("Over a plain TCP stream");
    let info = send(&session, server_info())?;
    say(&format!("{} answers at {}", info.project_name.unwrap_or_default(), place.url));
    let home = send(&session, buckets().add(&json!({})))?;
    say(&format!("bucket {} is there", home.id));
    let told = tour(&session, &home.id);
    // Whatever happened, nothing is left behind.
    send(&session, buckets().delete(&home.id))?;
    say("and all of it is gone again");
    told
}

fn tour(session: &Session, home: &str) -> Result<(), Box<dyn Error>> {
    send(session, bucket(home).collections().create("songs", &json!({})))?;
    let songs = bucket(home).collection("songs").records();
    for (number, name) in ["Aria", "Ballad", "Canon", "Dirge", "Etude"].into_iter().enumerate() {
        let song = send(session, songs.create(format!("song-{number}"), &json!({"name": name})))?;
        say(&format!("created {} at {}", song.id, song.last_modified));
    }
    let mut pages = songs.list().sort("name").page_size(2).pages();
    while let Some(page) = send(session, &mut pages)? {
        let names: Vec<_> = page.into_iter().map(|song| song.data["name"].to_string()).collect();
        say(&format!("a page: {}", names.join(", ")));
    }
    match send(session, songs.create("song-0", &json!({"name": "Another"}))) {
        Err(refused) => say(&format!("refused: {refused}")),
        Ok(_) => return Err("song-0 was there, and was created again".into()),
    }
    Ok(())
}
