//! The page that the browser comes back to.
//!
//! ```text
//!            ┌─ the head is not whole ────────────────▶ More: read on
//!  bytes ─▶ Visit ─ not ours: host, method, path, size ▶ Answer: an error, and others are waited for
//!            └─ the path with the secret ─────────────▶ Done: a page, and the token or why there is none
//! ```

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use httparse::{EMPTY_HEADER, Request, Status};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::openid::{Login, Token};

/// The bytes of a request. A token is a few thousand, and cookies of whatever else is on this machine come with it.
const MOST_BYTES: usize = 64 * 1024;
/// The headers of a request. Browsers send twenty.
const MOST_HEADERS: usize = 64;

/// A login under way: the URL to open, and the page on this machine that the browser comes back to.
///
/// For those who listen themselves, as the clients do. Every connection to the port that the login
/// [began](Login::begin) with is a [`Visit`]: it is given what is read, and says what to send. Browsers open connections
/// that they do not use, so that several have to be served at the same time.
///
/// ```
/// use kinto_protocol::openid::{Heard, Login};
/// # use kinto_protocol::{Moment, Session, Step};
///
/// # fn send(flow: kinto_protocol::openid::BeginLogin) -> kinto_protocol::Result<kinto_protocol::openid::Callback> {
/// #     let session = Session::builder("http://localhost:8888/v1").build()?;
/// #     let mut exchange = session.exchange(flow);
/// #     let info = r#"{"capabilities": {"openid": {"providers": [{"name": "a", "auth_path": "/openid/a/login"}]}}}"#;
/// #     let Step::Send(..) = exchange.next(Moment::default()) else { panic!() };
/// #     exchange.handle(Ok(http::Response::new(info.into())), Moment::default());
/// #     let Step::Done(done) = exchange.next(Moment::default()) else { panic!() };
/// #     done
/// # }
/// let callback = send(Login::new().begin(49152, 0x5ec7e7))?; // as any other flow
/// assert!(callback.login_url().starts_with("http://localhost:8888/v1/openid/a/login?callback=http%3A%2F%2F127.0.0.1"));
///
/// let mut visit = callback.visit();
/// assert!(matches!(visit.take(b"GET /favicon.ico HTTP/1.1\r\n"), Heard::More));
/// let Heard::Answer(answer) = visit.take(b"Host: 127.0.0.1:49152\r\n\r\n") else { panic!() };
/// assert!(answer.starts_with(b"HTTP/1.1 404 "));
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
pub struct Callback {
    login_url: Zeroizing<String>,
    host: String,
    path: Zeroizing<String>,
    token_type: Option<String>,
    timeout: Duration,
}

impl Callback {
    /// How many connections to serve at the same time. With one more, the oldest makes way: whoever keeps some open
    /// keeps nobody out.
    pub const CONNECTIONS: usize = 16;

    pub(super) fn new(login_url: String, port: u16, path: String, login: &Login) -> Self {
        let host = format!("127.0.0.1:{port}");
        let (login_url, path) = (Zeroizing::new(login_url), Zeroizing::new(path));
        Self { login_url, host, path, token_type: login.token_type.clone(), timeout: login.timeout }
    }

    /// What to open in the browser. It holds the secret of the login, and is for the user alone.
    #[must_use]
    pub fn login_url(&self) -> &str {
        &self.login_url
    }

    /// How long to wait for the browser, from now.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A new connection of somebody.
    #[must_use]
    pub fn visit(&self) -> Visit<'_> {
        Visit { callback: self, head: Zeroizing::default() }
    }

    /// That the time is over.
    #[must_use]
    pub fn too_late(&self) -> Error {
        let why = format!("nobody has signed in within {} s", self.timeout.as_secs_f32());
        Error::new(ErrorKind::Deadline, why).hint("what does the browser show?")
    }

    /// That there is no browser to wait for.
    #[must_use]
    pub fn not_opened(&self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::new(ErrorKind::Other, "the browser was not opened").caused_by(cause.into())
    }

    fn answer(&self, request: &Request<'_, '_>) -> Heard {
        let mut hosts = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
        let (host, others) = (hosts.next(), hosts.next());
        // A name of somebody's that leads here would make this page a part of theirs.
        if host.map(|host| host.value) != Some(self.host.as_bytes()) || others.is_some() {
            return Heard::Answer(page("421 Misdirected Request", "", ELSEWHERE));
        }
        if request.method != Some("GET") {
            return Heard::Answer(page("405 Method Not Allowed", "Allow: GET\r\n", ELSEWHERE));
        }
        let Some(text) = self.behind(request.path.unwrap_or_default()) else {
            return Heard::Answer(page("404 Not Found", "", ELSEWHERE));
        };
        match Token::read(text, self.token_type.as_deref()) {
            Ok(token) => Heard::Done(page("200 OK", "", SIGNED_IN), Ok(token)),
            Err(error) => Heard::Done(page("400 Bad Request", "", NOT_SIGNED_IN), Err(error)),
        }
    }

    /// What comes behind the path of the callback. How long the comparison takes tells nothing about the secret.
    fn behind<'a>(&self, target: &'a str) -> Option<&'a str> {
        let (path, text) = target.split_at_checked(self.path.len())?;
        let differing = path.bytes().zip(self.path.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
        (differing == 0).then_some(text)
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("host", &self.host).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// A connection to the [`Callback`], which is for one request.
pub struct Visit<'a> {
    callback: &'a Callback,
    /// With the token in it.
    head: Zeroizing<Vec<u8>>,
}

/// What to do about a [`Visit`].
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "a driver must know them all")]
pub enum Heard {
    /// Read on. A connection that ends here is forgotten.
    More,
    /// Send this and close; it was not the one that is waited for.
    Answer(Vec<u8>),
    /// Send this and close; the login is over, and this came of it.
    Done(Vec<u8>, Result<Token>),
}

impl Visit<'_> {
    /// Takes what was read.
    pub fn take(&mut self, bytes: &[u8]) -> Heard {
        let room = MOST_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let is_full = bytes.len() >= room;
        // Whoever sends byte by byte does not have all of it read each time.
        if !is_full && !bytes.contains(&b'\n') {
            return Heard::More;
        }
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut request = Request::new(&mut headers);
        match request.parse(&self.head) {
            Ok(Status::Complete(_)) => self.callback.answer(&request),
            Ok(Status::Partial) if !is_full => Heard::More,
            Ok(Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                Heard::Answer(page("431 Request Header Fields Too Large", "", ELSEWHERE))
            }
            Err(_) => Heard::Answer(page("400 Bad Request", "", ELSEWHERE)),
        }
    }
}

impl fmt::Debug for Visit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("bytes", &self.head.len()).finish_non_exhaustive()
    }
}

const SIGNED_IN: &str = "You can close this window, and go back to the program that asked you to sign in.";
const NOT_SIGNED_IN: &str = "Signing in has failed. The program that asked you to says why.";
const ELSEWHERE: &str = "There is nothing here.";

/// An answer. Nothing of the request is in it, nothing is loaded, and nobody is told where the user came from: the URL
/// holds the token.
fn page(status: &str, header: &str, text: &str) -> Vec<u8> {
    // An icon that is empty, so that none is asked for.
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Kinto</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<p>{text}</p>\n"
    );
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\n{header}\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; img-src data:; frame-ancestors 'none'\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}
