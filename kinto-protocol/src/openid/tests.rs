//! Logins without a browser.

mod beginnings;
mod tokens;
mod visits;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{BeginLogin, Callback, Heard, Login, OpenIdProvider, Token};
use crate::auth::Auth;
use crate::error::{Error, ErrorKind, Result};
use crate::exchange::Step;
use crate::moment::Moment;
use crate::server::ServerInfo;
use crate::session::Session;

const SECRET: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;
const PATH: &str = "/auth/0123456789abcdef0123456789abcdef/";
const PORT: u16 = 49152;

fn session(url: &str) -> Session {
    Session::builder(url).build().unwrap()
}

/// What comes of a login's beginning at a server with these capabilities.
fn begun_at(session: &Session, capabilities: &Value, login: Login) -> Result<Callback> {
    let now = Moment::default();
    let mut exchange = session.exchange(login.begin(PORT, SECRET));
    let request = match exchange.next(now) {
        Step::Send(request, _) => request,
        Step::Done(result) => return result,
        Step::Wait(_) => panic!("nothing to wait for"),
    };
    assert_eq!((request.method().as_str(), request.uri().path()), ("GET", "/v1/"));
    exchange.handle(Ok(http::Response::new(json!({"capabilities": capabilities}).to_string().into())), now);
    let Step::Done(result) = exchange.next(now) else { panic!("more is asked") };
    result
}

fn providers(names: &[&str]) -> Value {
    let provider = |name: &&str| json!({"name": name, "auth_path": format!("/openid/{name}/login")});
    json!({"openid": {"description": "", "url": "", "providers": names.iter().map(provider).collect::<Vec<_>>()}})
}

fn begun(login: Login) -> Callback {
    begun_at(&session("http://localhost:8888/v1"), &providers(&["a"]), login).unwrap()
}

fn refused<T>(result: Result<T>) -> Error {
    result.err().expect("it is refused")
}

/// What is said to a request, all of it at once.
fn heard(callback: &Callback, request: &str) -> Heard {
    callback.visit().take(request.as_bytes())
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nAccept: text/html\r\n\r\n")
}

/// What comes of a browser that comes back with this behind the callback.
fn back_with(login: Login, text: &str) -> Result<Token> {
    match heard(&begun(login), &get(&format!("{PATH}{text}"))) {
        Heard::Done(answer, result) => {
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with(if result.is_ok() { "HTTP/1.1 200 " } else { "HTTP/1.1 400 " }), "{answer}");
            assert!(text.is_empty() || !answer.contains(text), "{answer}");
            result
        }
        other => panic!("{other:?}"),
    }
}

/// As the server writes it: standard base64, percent-encoded but for the slash.
fn encoded(answer: &[u8]) -> String {
    STANDARD.encode(answer).replace('+', "%2B").replace('=', "%3D")
}

fn answered(answer: &Value) -> Result<Token> {
    back_with(Login::new(), &encoded(answer.to_string().as_bytes()))
}

fn status(heard: &Heard) -> &str {
    let Heard::Answer(answer) = heard else { panic!("{heard:?}") };
    std::str::from_utf8(&answer[9..12]).unwrap()
}
