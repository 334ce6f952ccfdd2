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
