//! Answers that no Kinto server gives, and requests that no client of ours sends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use kinto_tests::{Answer, Stub};

/// A server that answers everything with this status, this content type and this body.
pub(crate) fn answering(status: &str, content_type: &str, body: &str) -> Stub {
    let length = body.len();
    sending(&format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

/// A server that answers everything with these bytes, and closes.
pub(crate) fn sending(bytes: &str) -> Stub {
    let bytes = bytes.as_bytes().to_vec();
    Stub::start(move |_, _| Answer::Close(bytes.clone()))
}

/// The port of nobody: it was free a moment ago.
pub(crate) fn nobodys_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

/// The whole answer to a GET with one header, written by hand.
pub(crate) fn get_by_hand(url: &str, path: &str, header: &str) -> String {
    let (host, root) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{root}{path} HTTP/1.1\r\nHost: {host}\r\n{header}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A server between us and the one at this URL. It is told of each request, its number from 0 and its text, and may have
/// it carried out there, which gives the answer.
pub(crate) fn between(
    url: &str,
    answer: impl Fn(usize, &str, &dyn Fn() -> Vec<u8>) -> Answer + Send + Sync + 'static,
) -> Stub {
    let host = url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    Stub::start(move |number, request| {
        let carry_out = || {
            let (line, rest) = request.split_once("\r\n").unwrap();
            let mut stream = TcpStream::connect(&host).unwrap();
            write!(stream, "{line}\r\nConnection: close\r\n{rest}").unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            answer
        };
        answer(number, request, &carry_out)
    })
}

/// One that loses the first answer to each of the requests that begin so, after they were carried out.
pub(crate) fn losing(url: &str, beginnings: &'static [&'static str]) -> Stub {
    let lost = std::sync::Mutex::new(std::collections::HashSet::new());
    between(url, move |_, request, carry_out| {
        let answer = carry_out();
        let beginning = beginnings.iter().find(|beginning| request.starts_with(**beginning));
        let is_lost = beginning.is_some_and(|beginning| lost.lock().unwrap().insert(*beginning));
        Answer::Close(if is_lost { Vec::new() } else { answer })
    })
}
