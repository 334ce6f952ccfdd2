//! Requests and answers in full, for those who look for what is wrong.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use kinto_protocol::{Limits, Request, Response, Session, TransportError};

use crate::pieces::{Pieces, Receiver};
use crate::transport::Transport;

/// How much of a body is shown, in bytes.
const SHOWN: usize = 4096;

/// Shows what another transport sends and brings, but for the secrets of the session.
pub(super) struct Logged {
    transport: Arc<dyn Transport>,
    session: Session,
}

impl Logged {
    pub(super) fn new(transport: Arc<dyn Transport>, session: Session) -> Self {
        Self { transport, session }
    }

    fn show_request(&self, request: &Request, body: &[u8]) {
        self.say(&format!("> {} {}", request.method(), request.uri()));
        self.show('>', request.headers(), body);
    }

    fn show_outcome(&self, outcome: &Result<Response, TransportError>) {
        match outcome {
            Ok(response) => {
                self.say(&format!("< {}", response.status()));
                self.show('<', response.headers(), response.body());
            }
            Err(error) => self.say(&format!("< no answer: {error}")),
        }
    }

    fn show(&self, arrow: char, headers: &HeaderMap, body: &[u8]) {
        for (name, value) in headers {
            let secret = value.is_sensitive() || [AUTHORIZATION, COOKIE, SET_COOKIE].contains(name);
            let value = if secret { "…".into() } else { String::from_utf8_lossy(value.as_bytes()) };
            self.say(&format!("{arrow} {name}: {value}"));
        }
        let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]).into_owned();
        // At once, so that what was cut off is found at the end.
        for line in without_secrets(self.session.__without_secrets(&text)).lines() {
            say(&format!("{arrow} {line}"));
        }
        if body.len() > SHOWN {
            say(&format!("{arrow} … and {} bytes more", body.len() - SHOWN));
        }
    }

    /// What a server says may repeat what it was told.
    fn say(&self, line: &str) {
        say(&self.session.__without_secrets(line));
    }
}

impl Transport for Logged {
    fn send(&self, request: Request, limits: &Limits) -> Result<Response, TransportError> {
        self.show_request(&request, request.body());
        let response = self.transport.send(request, limits);
        self.show_outcome(&response);
        response
    }

    fn upload(&self, request: Request, pieces: &mut Pieces<'_>, limits: &Limits) -> Result<Response, TransportError> {
        self.show_request(&request, b"(a file)");
        let response = self.transport.upload(request, pieces, limits);
        self.show_outcome(&response);
        response
    }

    fn download(
        &self,
        request: Request,
        receiver: &mut Receiver<'_>,
        limits: &Limits,
    ) -> Result<Response, TransportError> {
        self.show_request(&request, b"");
        let response = self.transport.download(request, receiver, limits);
        self.show_outcome(&response);
        response
    }
}

/// What in a text in JSON, or of parameters, is for nobody's eyes.
pub(super) fn without_secrets(text: String) -> String {
    let names = ["password", "new_password", "token", "access_token", "id_token", "refresh_token"];
    names.into_iter().fold(text, |text, name| without(text, &format!("\"{name}\"")))
}

/// Without the texts that stand behind this name.
fn without(text: String, name: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once(name) {
        shown.push_str(before);
        shown.push_str(name);
        let value = after.trim_start().strip_prefix(':').map(str::trim_start).filter(|value| value.starts_with('"'));
        let Some(value) = value else {
            rest = after;
            continue;
        };
        shown.push_str(":\"…\"");
        let mut escaped = false;
        let end = value[1..].find(|character| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        rest = end.map_or("", |end| &value[end + 2..]);
    }
    shown + rest
}

/// Takes away what stands in the line of a terminal already: a bar, which is drawn anew below.
pub(super) fn begin_line() {
    let mut to = std::io::stderr().lock();
    if to.is_terminal() && std::env::var_os("TERM").is_some_and(|terminal| terminal != "dumb") {
        let _ = write!(to, "\r\x1b[K");
    }
}

/// A line on standard error, in which nothing moves the cursor. Nobody to read it is no reason to fail.
pub(super) fn say(line: &str) {
    let line: String =
        line.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect();
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (text, shown) in [
            (r#"{"data":{"password":"s3c\"r3t","a":1}}"#, r#"{"data":{"password":"…","a":1}}"#),
            (r#"{"password" : "s3cr3t\\"} {"password":"x"}"#, r#"{"password":"…"} {"password":"…"}"#),
            (r#"{"password":"s3cr3"#, r#"{"password":"…""#),
            (r#"["password", 1]"#, r#"["password", 1]"#),
        ] {
            assert_eq!(without_secrets(text.to_owned()), shown);
        }
    }
}
