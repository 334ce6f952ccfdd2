//! HTTP/1.1 by hand over a plain socket: one request, one connection, one answer.
//!
//! No more than what the core asks of a transport, and that to the letter, so that it can be the measure of the others.

use std::io::{ErrorKind as Io, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use kinto_protocol::{FailureKind, Limits, Request, Response, TransportError};

/// How large the head of an answer may be: what the front-ends allow.
const HEAD: usize = 64 * 1024;
/// How many headers it may have.
const HEADERS: usize = 100;

/// Puts a request on the wire and brings back the answer.
pub(crate) fn send(request: &Request, limits: &Limits) -> Result<Response, TransportError> {
    let until = Instant::now() + limits.total;
    let stream = connect(request, limits.connect.min(limits.total))?;
    let mut wire = Wire { stream, buffer: Vec::new(), until };
    wire.write(&written(request))?;

    wire.until = until.min(Instant::now() + limits.head);
    let (status, headers) = loop {
        let (status, headers) = wire.head()?;
        // Others are on their way.
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            break (status, headers);
        }
    };

    wire.until = until;
    let body = match framing(request.method(), status, &headers)? {
        Framing::Sized(length) => wire.sized(length, limits.response_bytes)?,
        Framing::Chunked => wire.chunked(limits.response_bytes)?,
        Framing::UntilTheEnd => wire.rest(limits.response_bytes)?,
    };
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn connect(request: &Request, limit: Duration) -> Result<TcpStream, TransportError> {
    let authority = request.uri().authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let address = authority.to_socket_addrs().ok().and_then(|mut all| all.next());
    let address = address.ok_or_else(|| TransportError::new(FailureKind::Connect, "no such host"))?;
    TcpStream::connect_timeout(&address, limit).map_err(|error| match error.kind() {
        Io::TimedOut | Io::WouldBlock => TransportError::new(FailureKind::Timeout, error).not_sent(),
        _ => TransportError::new(FailureKind::Connect, error),
    })
}

/// The bytes of a request.
fn written(request: &Request) -> Vec<u8> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let host = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let mut bytes = format!("{} {target} HTTP/1.1\r\nhost: {host}\r\n", request.method()).into_bytes();
    for (name, value) in request.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    // A method whose requests have a body says so even where it is empty.
    if matches!(*request.method(), Method::PUT | Method::POST | Method::PATCH) {
        bytes.extend(format!("content-length: {}\r\n", request.body().len()).into_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(request.body());
    bytes
}

/// How the end of a body is known.
enum Framing {
    Sized(u64),
    Chunked,
    UntilTheEnd,
}

fn framing(method: &Method, status: StatusCode, headers: &HeaderMap) -> Result<Framing, TransportError> {
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if method == Method::HEAD || bodiless || status.is_informational() {
        return Ok(Framing::Sized(0));
    }
    if let Some(coding) = headers.get(TRANSFER_ENCODING) {
        let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        return if chunked { Ok(Framing::Chunked) } else { Err(nonsense("an unknown transfer coding")) };
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Ok(Framing::UntilTheEnd) };
    if lengths.any(|other| other != length) {
        return Err(nonsense("two lengths"));
    }
    let digits = length.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|text| text.parse().ok());
    length.map(Framing::Sized).ok_or_else(|| nonsense("a length that is no number"))
}

/// A connection, and what was read from it and not used yet.
struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    until: Instant,
}

impl Wire {
    fn left(&self) -> Result<Duration, TransportError> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(TransportError::new(FailureKind::Timeout, "too late")) } else { Ok(left) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        self.stream.set_write_timeout(Some(self.left()?)).map_err(broken)?;
        self.stream.write_all(bytes).map_err(broken)
    }

    /// Reads what there is; `false` at the end.
    fn fill(&mut self) -> Result<bool, TransportError> {
        self.stream.set_read_timeout(Some(self.left()?)).map_err(broken)?;
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk).map_err(broken)?;
        self.buffer.extend_from_slice(&chunk[..count]);
        Ok(count > 0)
    }

    fn more(&mut self) -> Result<(), TransportError> {
        if self.fill()? { Ok(()) } else { Err(TransportError::new(FailureKind::Interrupted, "the end came too soon")) }
    }

    fn head(&mut self) -> Result<(StatusCode, HeaderMap), TransportError> {
        const BEGINNING: &[u8] = b"HTTP/1.";
        let end = loop {
            let known = self.buffer.len().min(BEGINNING.len());
            if self.buffer[..known] != BEGINNING[..known] {
                return Err(nonsense("no status line"));
            }
            let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            if end.unwrap_or(self.buffer.len()) > HEAD {
                return Err(too_large());
            }
            if let Some(end) = end {
                break end + 4;
            }
            self.more()?;
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let mut lines = head[..end - 4].split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let status = status(lines.next().unwrap_or_default()).ok_or_else(|| nonsense("no status"))?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = header(line).ok_or_else(|| nonsense("a header that is none"))?;
            headers.append(name, value);
            if headers.len() > HEADERS {
                return Err(too_large());
            }
        }
        Ok((status, headers))
    }

    fn sized(&mut self, length: u64, most: u64) -> Result<Vec<u8>, TransportError> {
        if length > most {
            return Err(too_large());
        }
        let length = usize::try_from(length).map_err(|_| too_large())?;
        while self.buffer.len() < length {
            self.more()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn rest(&mut self, most: u64) -> Result<Vec<u8>, TransportError> {
        // Some of it came with the head.
        while self.buffer.len() as u64 <= most && self.fill()? {}
        if self.buffer.len() as u64 > most { Err(too_large()) } else { Ok(std::mem::take(&mut self.buffer)) }
    }

    fn line(&mut self) -> Result<Vec<u8>, TransportError> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line = self.buffer.drain(..end + 2);
                return Ok(line.take(end).collect());
            }
            self.more()?;
        }
    }

    fn chunked(&mut self, most: u64) -> Result<Vec<u8>, TransportError> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
            let size = std::str::from_utf8(size).ok().filter(|size| size.bytes().all(|b| b.is_ascii_hexdigit()));
            let size = size.and_then(|size| u64::from_str_radix(size, 16).ok());
            let size = size.ok_or_else(|| nonsense("a chunk without a size"))?;
            if size == 0 {
                // What may follow the last chunk is nobody's business.
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.sized(size, most - body.len() as u64)?);
            if !self.line()?.is_empty() {
                return Err(nonsense("a chunk that is longer than it says"));
            }
        }
    }
}

/// `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Option<StatusCode> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").or(line.strip_prefix(b"HTTP/1.0 "))?;
    let (code, reason) = rest.split_at_checked(3)?;
    let complete = reason.is_empty() || reason.starts_with(b" ");
    complete.then(|| StatusCode::from_bytes(code).ok())?
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

fn nonsense(what: &'static str) -> TransportError {
    TransportError::new(FailureKind::Protocol, what)
}

fn too_large() -> TransportError {
    TransportError::new(FailureKind::TooLarge, "the answer is too large")
}

fn broken(error: std::io::Error) -> TransportError {
    let late = matches!(error.kind(), Io::TimedOut | Io::WouldBlock);
    TransportError::new(if late { FailureKind::Timeout } else { FailureKind::Interrupted }, error)
}
