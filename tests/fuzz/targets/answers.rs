//! Answers of a server, written as text.
//!
//! ```text
//! 503 40
//! retry-after: 1
//!
//! {"errno": 201}
//! %%
//! lost
//! %%
//! 200
//!
//! {"data": []}
//! ```
//!
//! The first line of an answer is a status, or how the transport fails, and perhaps how many milliseconds that takes.
//! Headers follow, then an empty line and the body. Any bytes are answers: what is not understood stands for something.

use kinto_protocol::{FailureKind, Response, TransportError};

/// What stands between two answers.
const BETWEEN: &[u8] = b"%%\n";

/// In a header or a body: a number that no answer before had.
const NEW: &[u8] = b"{n}";

/// What a status line stands for that is none.
const STATUSES: [u16; 24] = [
    200, 200, 201, 204, 206, 301, 304, 307, 400, 401, 403, 404, 405, 409, 412, 413, 429, 500, 502, 503, 507, 100, 600,
    999,
];

/// The header by which a body is compressed so many times before it is sent.
const COMPRESS: &str = "x-compress";

pub(super) struct Answer {
    outcome: Outcome,
    pub(super) millis: u64,
    headers: Vec<(http::HeaderName, http::HeaderValue)>,
    body: Vec<u8>,
}

enum Outcome {
    Status(u16),
    Failure { kind: FailureKind, sent: bool },
}

/// All of a text. There is always one.
pub(super) fn all(text: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        answers.push(one(&rest[..at]));
        rest = &rest[at + BETWEEN.len()..];
    }
    answers.push(one(rest));
    answers
}

fn one(text: &[u8]) -> Answer {
    let (first, mut rest) = line(text);
    let (outcome, millis) = outcome(first);
    let mut headers = Vec::new();
    loop {
        let (header, behind) = line(rest);
        rest = behind;
        if header.is_empty() {
            break;
        }
        let Some(colon) = header.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&header[..colon], header[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (http::HeaderName::from_bytes(name), http::HeaderValue::from_bytes(value)) {
            headers.push((name, value));
        }
    }
    Answer { outcome, millis, headers, body: rest.to_vec() }
}

/// The first line, and what comes behind it.
pub(super) fn line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(at) => (text[..at].strip_suffix(b"\r").unwrap_or(&text[..at]), &text[at + 1..]),
        None => (text, &[]),
    }
}

fn outcome(line: &[u8]) -> (Outcome, u64) {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split_ascii_whitespace();
    let first = words.next().unwrap_or_default();
    let millis = words.next().and_then(|word| word.parse().ok()).unwrap_or(20).clamp(10, 100_000_000);
    let failure = |kind, sent| Outcome::Failure { kind, sent };
    let outcome = match first {
        "lost" => failure(FailureKind::Interrupted, true),
        "broken" => failure(FailureKind::Interrupted, false),
        "refused" => failure(FailureKind::Connect, false),
        "silent" => failure(FailureKind::Timeout, true),
        "unreachable" => failure(FailureKind::Timeout, false),
        "tls" => failure(FailureKind::Tls, false),
        "protocol" => failure(FailureKind::Protocol, true),
        "large" => failure(FailureKind::TooLarge, true),
        "local" => failure(FailureKind::Local, false),
        "other" => failure(FailureKind::Other, true),
        _ => {
            let number = first.parse().ok().filter(|status| (100..1000).contains(status));
            let any = line.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
            Outcome::Status(number.unwrap_or(STATUSES[any % STATUSES.len()]))
        }
    };
    (outcome, millis)
}

impl Answer {
    /// What the transport gives, for the nth time that it gives something.
    pub(super) fn give(&self, n: usize) -> Result<Response, TransportError> {
        let status = match self.outcome {
            Outcome::Status(status) => status,
            Outcome::Failure { kind, sent } => {
                let failure = TransportError::new(kind, String::from_utf8_lossy(&self.body).into_owned());
                return Err(if sent { failure.sent() } else { failure.not_sent() });
            }
        };
        let number = n.to_string();
        let mut body = renewed(&self.body, &number);
        for (name, value) in &self.headers {
            if name == COMPRESS {
                let times = value.as_bytes().first().map_or(0, |digit| usize::from(digit.wrapping_sub(b'0'))).min(3);
                body = (0..times).fold(body, |body, _| super::compressed::gzip(&body));
            }
        }
        let mut response = Response::new(body.into());
        *response.status_mut() = http::StatusCode::from_u16(status).expect("between 100 and 999");
        for (name, value) in &self.headers {
            if let Ok(value) = http::HeaderValue::from_bytes(&renewed(value.as_bytes(), &number)) {
                response.headers_mut().append(name, value);
            }
        }
        Ok(response)
    }
}

fn renewed(text: &[u8], number: &str) -> Vec<u8> {
    let mut whole = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(NEW.len()).position(|window| window == NEW) {
        whole.extend_from_slice(&rest[..at]);
        whole.extend_from_slice(number.as_bytes());
        rest = &rest[at + NEW.len()..];
    }
    whole.extend_from_slice(rest);
    whole
}
