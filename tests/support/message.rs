//! HTTP/1.1 messages as they come: where one ends, and not a byte changed.

use std::io::{self, ErrorKind, Read as _};
use std::net::TcpStream;

/// What comes in on one connection, message by message.
#[derive(Debug)]
pub(crate) struct Messages<'a> {
    stream: &'a TcpStream,
    /// Read, and not yet taken.
    bytes: Vec<u8>,
}

/// The head of a message.
#[derive(Debug)]
pub(crate) struct Head {
    text: String,
    /// With the empty line after it.
    length: usize,
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Bytes(usize),
    Chunked,
    /// Until the connection ends.
    Rest,
}

impl<'a> Messages<'a> {
    pub(crate) fn new(stream: &'a TcpStream) -> Self {
        Self { stream, bytes: Vec::new() }
    }

    /// The head of the next message, which is not taken yet. None when none was begun.
    pub(crate) fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
                return Ok(Some(Head { text, length: end + 4 }));
            }
            if !self.read()? {
                return if self.bytes.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Reads on until the message is whole, or `limit` bytes of it are there. They stay until taken.
    pub(crate) fn read_up_to(&mut self, limit: usize, head: &Head, body: Body) -> io::Result<&[u8]> {
        loop {
            if let Some(end) = end(&self.bytes, head, body)? {
                return Ok(&self.bytes[..end.min(limit)]);
            }
            if self.bytes.len() >= limit {
                return Ok(&self.bytes[..limit]);
            }
            if !self.read()? {
                return if body == Body::Rest { Ok(&self.bytes) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// Takes the whole message.
    pub(crate) fn take(&mut self, head: &Head, body: Body) -> io::Result<Vec<u8>> {
        let length = self.read_up_to(usize::MAX, head, body)?.len();
        Ok(self.bytes.drain(..length).collect())
    }

    /// Reads some more. False when there is no more.
    fn read(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk)?;
        self.bytes.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }
}

impl Head {
    /// The words of the first line: method, target and version, or version, status and reason.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.text.lines().next().unwrap_or_default().split(' ')
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> io::Result<u16> {
        self.words().nth(1).and_then(|word| word.parse().ok()).ok_or_else(|| ErrorKind::InvalidData.into())
    }

    /// Whether its sender closes the connection after this exchange.
    pub(crate) fn says_close(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// How long the body of a request with this head is.
    pub(crate) fn request_body(&self) -> io::Result<Body> {
        Ok(self.body()?.unwrap_or(Body::Bytes(0)))
    }

    /// How long the body of an answer with this head is, to a request with this method.
    pub(crate) fn answer_body(&self, method: &str) -> io::Result<Body> {
        match self.status()? {
            204 | 304 => Ok(Body::Bytes(0)),
            _ if method == "HEAD" => Ok(Body::Bytes(0)),
            _ => Ok(self.body()?.unwrap_or(Body::Rest)),
        }
    }

    /// What the headers say about it, if anything.
    fn body(&self) -> io::Result<Option<Body>> {
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Ok(Some(Body::Chunked));
        }
        let Some(length) = self.header("content-length") else {
            return Ok(None);
        };
        length.parse().map(|length| Some(Body::Bytes(length))).map_err(|_| ErrorKind::InvalidData.into())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().skip(1).find_map(|line| {
            let (present, value) = line.split_once(':')?;
            present.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Where the message at the beginning of `bytes` ends, unless that is still to come.
fn end(bytes: &[u8], head: &Head, body: Body) -> io::Result<Option<usize>> {
    let length = match body {
        Body::Bytes(length) => Some(length),
        Body::Chunked => chunked_end(&bytes[head.length..])?,
        Body::Rest => None,
    };
    Ok(length.map(|length| head.length + length).filter(|end| *end <= bytes.len()))
}

/// Where a chunked body ends, unless that is still to come.
fn chunked_end(body: &[u8]) -> io::Result<Option<usize>> {
    let mut at = 0;
    loop {
        let Some(size_end) = line_end(body, at) else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&body[at..size_end]);
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| ErrorKind::InvalidData)?;
        at = size_end;
        if size == 0 {
            break;
        }
        // The chunk, and the end of its line.
        at += size + 2;
    }
    // Trailers end with an empty line.
    while let Some(next) = line_end(body, at) {
        if next == at + 2 {
            return Ok(Some(next));
        }
        at = next;
    }
    Ok(None)
}

/// Where the next line begins.
fn line_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    Some(at + rest.windows(2).position(|two| two == b"\r\n")? + 2)
}
