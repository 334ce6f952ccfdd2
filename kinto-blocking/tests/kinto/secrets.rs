//! Passwords: shown by nothing that the command writes, whatever the server makes of them.

use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::running::{Ran, bare, run};

const PASSWORD: &str = "c4n4ry-p4ssw0rd";
/// `me` and that password, as they are sent.
const BASIC: &str = "bWU6YzRuNHJ5LXA0c3N3MHJk";
/// Of an account that is changed.
const NEW: &str = "c4n4ry-n3w-p4ssw0rd";

/// A server that repeats what it was told.
fn echo() -> Stub {
    Stub::start(|_, request| {
        let new = if request.contains(NEW) { NEW } else { "" };
        let heard = if request.contains(BASIC) { format!("{PASSWORD} Basic {BASIC} {new}") } else { new.to_owned() };
        let status = if request.contains("/buckets/moved") { 301 } else { 400 };
        let body = match request.starts_with("GET /v1/ ") {
            true => json!({"capabilities": {"accounts": {}}, "project_name": heard}),
            false => json!({"errno": 107, "error": heard, "message": heard, "details": heard}),
        };
        let (status, body) = (if request.starts_with("GET /v1/ ") { 200 } else { status }, body.to_string());
        let alert = json!({"code": heard, "message": heard, "url": heard});
        let headers = format!("Alert: {alert}\r\nX-Echo: {heard}\r\nLocation: http://127.0.0.1:9/{heard}\r\n");
        let length = body.len();
        Answer::Keep(format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into())
    })
}

#[test]
fn passwords_are_shown_by_nothing() {
    let server = echo();
    let ran = |arguments: &[&str]| -> Ran {
        let mut command = bare();
        command.env("KINTO_SERVER", server.url()).env("KINTO_AUTH", format!("me:{PASSWORD}")).args(arguments);
        run(command, "")
    };
    for arguments in [
        &["get", "/b/c/a"][..],
        &["get", "/moved"],
        &["list", "/b/c"],
        &["raw", "PUT", "/accounts/me", "--data", r#"{"data":{"password":"c4n4ry-n3w-p4ssw0rd"}}"#],
        &["raw", "GET", "/buckets/b", "--header", "X-Api-Key: c4n4ry-n3w-p4ssw0rd"],
        &["whoami"],
    ] {
        for loud in [&[][..], &["-D"], &["-v"]] {
            let all = [loud, arguments].concat();
            let Ran { out, err, .. } = ran(&all);
            let text = format!("{out}{err}");
            // In a request of one's own that is shown in full, what is a secret is known to oneself alone.
            assert!(loud == ["-D"] || !text.contains(NEW), "{all:?}: {text}");
            for secret in [PASSWORD, BASIC] {
                assert!(!text.contains(secret), "{all:?}: {text}");
            }
        }
    }
    assert!(server.requests().iter().any(|request| request.contains(BASIC)), "nobody said who they are");
}

#[test]
fn what_was_asked_for_is_shown_in_full_but_for_passwords() {
    let server = echo();
    let mut command = bare();
    command.env("KINTO_SERVER", server.url()).env("KINTO_AUTH", format!("me:{PASSWORD}")).args(["-D", "get", "/b/c/a"]);
    let err = run(command, "").err;
    assert!(
        err.contains("> GET http://") && err.contains("authorization: …") && err.contains("x-echo: [hidden]"),
        "{err}"
    );
}
