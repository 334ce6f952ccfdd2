//! A server that repeats all it was told, wherever it can.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kinto_tests::Answer;
use serde_json::{Value, json};

use crate::canary::{NEW_PASSWORD, forms};

/// The secrets of a request, in all their forms.
pub(crate) fn echo(request: &str) -> String {
    let mut heard: Vec<String> = Vec::new();
    for line in request.split("\r\n\r\n").next().unwrap_or_default().lines() {
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => {
                heard.push(value.to_owned());
                let (scheme, token) = value.split_once(' ').unwrap_or_default();
                heard.extend(forms(token));
                if scheme == "Basic" {
                    let both = String::from_utf8(STANDARD.decode(token).unwrap()).unwrap();
                    heard.extend(both.split_once(':').into_iter().flat_map(|(_, password)| forms(password)));
                }
            }
            "x-api-key" | "x-of-this-call" => heard.extend(forms(value)),
            _ => {}
        }
    }
    if request.contains(NEW_PASSWORD) {
        heard.extend(forms(NEW_PASSWORD));
    }
    heard.join(" ")
}

/// The same as a part of a URL.
pub(crate) fn echo_in_url(request: &str) -> String {
    echo(request).replace([' ', '"', '\\'], "/")
}

/// An answer with headers that repeat everything.
pub(crate) fn answer(status: u16, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    Answer::Keep(bytes(status, request, headers, body))
}

pub(crate) fn bytes(status: u16, request: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let heard = echo(request);
    let alert = json!({"code": heard, "message": heard, "url": heard});
    let mut head = format!("HTTP/1.1 {status} X\r\nAlert: {alert}\r\nX-Echo: {heard}\r\nSet-Cookie: a={heard}\r\n");
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Errors that repeat everything, in each of the ways that there are.
pub(crate) fn errors(request: &str) -> Vec<String> {
    let heard = echo(request);
    let with = |details: Value| json!({"errno": 107, "error": heard, "info": heard, "details": details}).to_string();
    vec![
        json!({"errno": 107, "error": heard, "message": heard, "info": heard}).to_string(),
        with(json!([{"location": heard, "name": heard, "description": heard}])),
        with(json!({"id": heard, "resource_name": heard})),
        with(json!({"existing": {"id": "a", "last_modified": 1, "text": heard, (heard.clone()): 1}})),
        with(json!({(heard.clone()): heard})),
        with(json!(heard)),
        format!("<html>{heard}"),
        // Cut off in the middle of a word, wherever that begins.
        format!("{}{heard}", "x".repeat(480)),
        format!("{}{heard}", "x".repeat(500)),
    ]
}
