//! Requests, events and errors in words, without what may differ: ports, random ids, the time of a throw of dice, the
//! name of the front-end, and the words of the HTTP library.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use kinto_protocol::{Error, ErrorKind, Event};

use crate::bare::PRODUCT;

/// A request as the server read it: its line, all its headers in order of their names, its body.
pub(crate) fn request(text: &str) -> String {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let line = past_caches(lines.next().unwrap_or_default());
    let mut headers: Vec<String> = lines.map(header).collect();
    headers.sort();
    // Whether it is there depends on a feature: last, so that the rest reads the same.
    let (coding, headers): (Vec<_>, Vec<_>) = headers.into_iter().partition(|it| it.starts_with("accept-encoding:"));
    let body = if body.is_empty() { "no body" } else { body };
    format!("{line} | {} | {body} | {}", headers.join(" | "), coding.join(" | "))
}

/// The line without the throw of dice that leads past all caches.
fn past_caches(line: &str) -> String {
    const MARK: &str = "_expected=9999";
    match line.split_once(MARK) {
        Some((before, after)) => {
            format!("{before}{MARK}<dice>{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => line.to_owned(),
    }
}

fn header(line: &str) -> String {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let (name, value) = (name.to_ascii_lowercase(), value.trim());
    match name.as_str() {
        // The port is not the same twice.
        "host" => format!("host: {}", value.rsplit_once(':').map_or(value, |(host, _)| host)),
        "user-agent" => {
            let own = |product: &str| {
                product == PRODUCT || product.starts_with("kinto-blocking/") || product.starts_with("kinto-async/")
            };
            let products: Vec<&str> =
                value.split(' ').map(|product| if own(product) { "<front-end>" } else { product }).collect();
            format!("user-agent: {}", products.join(" "))
        }
        _ => format!("{name}: {value}"),
    }
}

/// What the observer was told.
pub(crate) fn event(event: &Event<'_>) -> String {
    match event {
        Event::Answered { request, status } => format!("answered: {request}: {status}"),
        Event::Retry { request, attempts, wait, why } => {
            // Anything else is what the HTTP library says.
            let why = if why.starts_with("the server answered") { why } else { "<the library's words>" };
            format!("retry: {request}: after {attempts}, {}: {why}", waiting(*wait))
        }
        Event::Backoff { request, wait } => format!("backoff: {request}: {}", waiting(*wait)),
        Event::Alert { code, message, url } => format!("alert: {code:?} {message:?} {url:?}"),
        Event::Unverified { request, why } => format!("unverified: {request}: {why}"),
        other => format!("unknown: {other:?}"),
    }
}

/// A wait: one that the server asked for is of whole seconds, one of our own is a throw of dice below one.
fn waiting(wait: Duration) -> String {
    if wait < Duration::from_millis(500) { "soon".to_owned() } else { format!("in {} s", wait.as_secs_f64().ceil()) }
}

/// An output in the words of `Debug`, but for when its answer came.
pub(crate) fn output(output: &impl Debug) -> String {
    const MOMENT: &str = "Moment(";
    let text = format!("{output:?}");
    let mut parts = text.split(MOMENT);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + MOMENT + "<then>" + part.find(')').map_or("", |end| &part[end..]))
}

/// An error that repeats what another one says: without the words of the HTTP library in that one.
pub(crate) fn error_after(error: &Error, other: Option<&Error>) -> String {
    let text = self::error(error);
    other.map_or(text.clone(), |other| text.replace(&other.to_string(), &message(other)))
}

/// All that is known of an error.
pub(crate) fn error(error: &Error) -> String {
    let retry_in = error.retry_in().map(|wait| wait.as_secs_f64().ceil());
    let request = error.request().map(ToString::to_string);
    format!(
        "Err {:?} status={:?} errno={:?} attempts={} maybe_applied={} retryable={} retry_in={retry_in:?} {request:?} {:?} {:?}",
        error.kind(),
        error.status().map(|status| status.as_u16()),
        error.errno(),
        error.attempts(),
        error.maybe_applied(),
        error.is_retryable(),
        message(error),
        error.server().map(|server| (
            server.message(),
            server.info(),
            server.details(),
            server.existing(),
            server.excerpt()
        )),
    )
}

/// The line for people, without the cause where it is the HTTP library that words it.
fn message(error: &Error) -> String {
    let mut message = error.to_string();
    let ours = matches!(error.kind(), ErrorKind::Input | ErrorKind::Decode | ErrorKind::Server | ErrorKind::Pagination);
    let mut cause = error.cause().filter(|_| !ours).map(|cause| cause as &dyn std::error::Error);
    while let Some(error) = cause {
        message = message.replacen(&format!(": {error}"), "", 1);
        cause = error.source();
    }
    match message.split_once("the last attempt failed: ") {
        Some((before, _)) => format!("{before}the last attempt failed: <the library's words>"),
        None => message,
    }
}

/// Random ids, numbered in the order of their appearance: where the same one stands twice, it stays the same.
#[derive(Default)]
pub(crate) struct Ids(BTreeMap<String, usize>);

impl Ids {
    /// A text without them, and without this port.
    pub(crate) fn hide(&mut self, text: &str, port: u16) -> String {
        let mut text = text.replace(&format!(":{port}"), ":<port>");
        // What stands between the parts of a form is as random, and as long each time.
        if let Some((_, rest)) = text.split_once("boundary=") {
            let boundary: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            text = text.replace(&boundary, "<boundary>");
        }
        let mut from = 0;
        while let Some(at) = text[from..].char_indices().map(|(at, _)| from + at).find(|at| is_uuid(&text[*at..])) {
            let next = self.0.len() + 1;
            let number = *self.0.entry(text[at..at + UUID].to_owned()).or_insert(next);
            let name = format!("<id {number}>");
            text.replace_range(at..at + UUID, &name);
            from = at + name.len();
        }
        text
    }
}

const UUID: usize = 36;

fn is_uuid(text: &str) -> bool {
    text.len() >= UUID
        && text.bytes().take(UUID).enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
