//! Files on their way to a server.

use std::fs;
use std::io::{self, Cursor, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use kinto_protocol::{ErrorKind, FailureKind, Policy, TransportError, Upload, bucket};
use kinto_tests::{Answer, Stub};
use tempfile::TempDir;
use tokio::io::{AsyncRead, ReadBuf};

use crate::driver::{Driver, Setup};
use crate::files::{content, sha256};

const SHORT: Duration = Duration::from_millis(80);
const HELLO: &str = r#"{"capabilities": {"attachments": {"base_url": "http://127.0.0.1:1/"}}}"#;

fn upload() -> Upload {
    bucket("b").collection("c").attachment("a").upload("a.txt")
}

fn client<D: Driver>(url: &str, change: impl FnOnce(&mut Policy)) -> D {
    Setup::of(url).policy(change).client()
}

/// The body of a request without its chunks.
fn body(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    if !head.to_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut rest, mut whole) = (body, String::new());
    loop {
        let (length, chunk) = rest.split_once("\r\n").unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole.push_str(&chunk[..length]);
        rest = &chunk[length + 2..];
    }
}

/// The file in the form that a request holds.
fn file(request: &str) -> String {
    let body = body(request);
    let boundary = body.split("\r\n").next().unwrap().to_owned();
    let (_, file) = body.split_once("name=\"attachment\"").unwrap();
    let (_, file) = file.split_once("\r\n\r\n").unwrap();
    file.strip_suffix(&format!("\r\n{boundary}--\r\n")).expect("the end of the form").to_owned()
}

/// Answers as a server with attachments does to what it takes.
fn take(request: &str) -> Answer {
    if request.starts_with("GET /v1/ ") {
        return Answer::json(200, HELLO);
    }
    if request.starts_with("GET ") {
        return Answer::json(404, r#"{"errno": 110}"#);
    }
    let file = file(request);
    let (hash, size) = (sha256(file.as_bytes()), file.len());
    let attachment = format!(r#"{{"filename": "a.txt", "location": "x", "hash": "{hash}", "size": {size}}}"#);
    Answer::json(201, &attachment)
}

pub(crate) fn with_a_length_or_in_chunks<D: Driver>() {
    let stub = Stub::start(|_, request| take(request));
    let (client, content) = (client::<D>(stub.url(), |_| {}), content());
    let uploaded = client.upload_from(upload(), Cursor::new(content.clone().into_bytes())).unwrap();
    assert!(uploaded.created && uploaded.attachment.size == content.len() as u64);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other name");
    fs::write(&path, &content).unwrap();
    client.upload_file(upload(), &path).unwrap();
    client.upload_file(upload().always(), &path).unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(client.upload_file(upload().always(), &path).unwrap().attachment.size, 0);

    let posts: Vec<String> = stub.requests().into_iter().filter(|request| request.starts_with("POST")).collect();
    let [first, others @ .., empty] = &posts[..] else { panic!("too few") };
    assert!(first.contains("\r\ntransfer-encoding: chunked\r\n") && !first.contains("content-length"));
    assert!(file(first) == content && file(empty).is_empty());
    for post in others {
        let length = format!("\r\ncontent-length: {}\r\n", body(post).len());
        assert!(post.contains(&length) && !post.contains("transfer-encoding"));
        assert!(file(post) == content && post.contains("\r\nContent-Type: text/plain\r\n"));
    }
    assert_eq!(others.len(), 2);
    let missing = client.upload_file(upload(), &folder.path().join("missing")).unwrap_err();
    assert!(missing.kind() == ErrorKind::Io && missing.to_string().contains("missing"), "{missing}");
    assert_eq!(client.upload_file(upload(), folder.path()).unwrap_err().kind(), ErrorKind::Io);
}

/// A reader that gives so much, and then fails or gives nothing more.
struct Odd {
    left: usize,
    then: Result<(), ()>,
    pause: Duration,
}

impl Read for Odd {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        thread::sleep(self.pause);
        if self.left == 0 {
            return self.then.map(|()| 0).map_err(|()| io::Error::other("the disk is on fire"));
        }
        let length = into.len().min(self.left).min(8192);
        into[..length].fill(b'x');
        self.left -= length;
        Ok(length)
    }
}

impl AsyncRead for Odd {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let length = self.read(into.initialize_unfilled())?;
        into.advance(length);
        Poll::Ready(Ok(()))
    }
}

pub(crate) fn a_reader_that_fails<D: Driver>() {
    let stub = Stub::start(|_, request| take(request));
    let client = client::<D>(stub.url(), |policy| policy.attempts = 3);
    let broken = Odd { left: 100_000, then: Err(()), pause: Duration::ZERO };
    let error = client.upload_from(upload(), broken).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && !error.maybe_applied() && error.attempts() == 1, "{error}");
    assert!(error.to_string().contains("the disk is on fire"), "{error}");
    assert_eq!(error.request().unwrap().method, "POST");
    // Never does the server take what is not all of it.
    assert!(!stub.requests().iter().any(|request| request.starts_with("POST")));
}

/// A server that answers all but the POST, of which it reads the head and does what is said.
fn heads(act: impl Fn(&mut TcpStream) + Send + Sync + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            let act = act.clone();
            thread::spawn(move || -> io::Result<()> {
                loop {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let mut byte = [0];
                        connection.read_exact(&mut byte)?;
                        head.push(byte[0]);
                    }
                    let head = String::from_utf8_lossy(&head);
                    match take(if head.starts_with("POST") { "GET " } else { &head }) {
                        _ if head.starts_with("POST") => {
                            act(&mut connection);
                            return Ok(());
                        }
                        Answer::Keep(bytes) => connection.write_all(&bytes)?,
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    url
}

/// What waits for the client to go.
fn until_it_goes(connection: &mut TcpStream) {
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut room = vec![0; 65536];
    while connection.read(&mut room).is_ok_and(|length| length > 0) {}
}

pub(crate) fn nobody_takes_the_file<D: Driver>() {
    // It is kept, and never read from: what is sent without end must not find an end because the server is faster.
    let url = heads(|_| {
        loop {
            thread::park();
        }
    });
    let client = client::<D>(&url, |policy| policy.limits.idle = SHORT);
    let started = Instant::now();
    let endless = Odd { left: usize::MAX, then: Ok(()), pause: Duration::ZERO };
    let error = client.upload_from(upload(), endless).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.maybe_applied() && started.elapsed() < Duration::from_secs(4), "{error}");
}

pub(crate) fn an_answer_that_comes_too_early<D: Driver>() {
    let url = heads(|connection| {
        let _ = connection.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        until_it_goes(connection);
    });
    let client = client::<D>(&url, |_| {});
    let large = Odd { left: 8_000_000, then: Ok(()), pause: Duration::ZERO };
    let error = client.upload_from(upload(), large).unwrap_err();
    assert!(error.status().is_some_and(|status| status == 413) && !error.maybe_applied(), "{error}");
}

pub(crate) fn an_answer_that_is_lost<D: Driver>() {
    let stub = Stub::start(|_, request| match request.starts_with("POST") {
        true => Answer::Close(Vec::new()),
        false => take(request),
    });
    let client = client::<D>(stub.url(), |policy| policy.attempts = 3);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, "hello").unwrap();
    let error = client.upload_file(upload(), &path).unwrap_err();
    assert!(error.kind() == ErrorKind::Interrupted && error.maybe_applied(), "{error}");
    let lines: Vec<String> =
        stub.requests().iter().map(|request| request.split(" HTTP").next().unwrap().to_owned()).collect();
    let record = "GET /v1/buckets/b/collections/c/records/a";
    let post = "POST /v1/buckets/b/collections/c/records/a/attachment";
    assert_eq!(lines, ["GET /v1/", record, post, record], "it is looked up, and not sent again");
}

pub(crate) fn it_may_take_longer_than_an_answer<D: Driver>() {
    let stub = Stub::start(|_, request| take(request));
    let client = client::<D>(stub.url(), |policy| {
        policy.limits.total = SHORT;
        policy.limits.head = SHORT;
    });
    let slow = Odd { left: 60_000, then: Ok(()), pause: SHORT / 4 };
    let started = Instant::now();
    assert_eq!(client.upload_from(upload(), slow).unwrap().attachment.size, 60_000);
    assert!(started.elapsed() > SHORT);
}

/// One that knows of no pieces gets all of it at once.
pub(crate) fn a_transport_of_ones_own<D: Driver>() {
    let client = D::with_transport("http://localhost:1/v1", |request| {
        let path = request.uri().path();
        let answer = |body: &str| Ok(http::Response::new(body.to_owned().into()));
        match (request.method().as_str(), path) {
            ("GET", "/v1/") => answer(HELLO),
            ("GET", "/a.txt") => answer("hello"),
            ("POST", _) => {
                let form = String::from_utf8_lossy(request.body()).into_owned();
                assert!(form.contains("\r\n\r\nhello\r\n--"), "{form}");
                let hash = sha256(b"hello");
                answer(&format!(r#"{{"filename": "a.txt", "location": "a.txt", "hash": "{hash}", "size": 5}}"#))
            }
            _ => Err(TransportError::new(FailureKind::Other, format!("{request:?}"))),
        }
    });
    let uploaded = client.upload_from(upload(), Cursor::new(b"hello".to_vec())).unwrap();
    let mut written = Vec::new();
    client.download_to(uploaded.attachment.download(), &mut written).unwrap();
    assert_eq!(written, b"hello");
}
