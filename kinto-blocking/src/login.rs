//! Signing in through a browser.

use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use kinto_protocol::openid::{Callback, Heard, Visit};
use kinto_protocol::{Login, Result, Token};

use crate::client::Client;

/// How often to look whether the browser is back. A person waits for it, and does not notice.
const PAUSE: Duration = Duration::from_millis(20);

impl Client {
    /// Signs a user in through a browser, on a server with the plugin `openid`, and gives the token.
    ///
    /// The closure is given the URL to open in the browser, and is to return at once; an error of it ends the login. Then
    /// the browser is waited for, at a free port of 127.0.0.1 and no other address, as long as the [`Login`] allows. The
    /// URL is for the user alone. This client stays who it was.
    ///
    /// ```no_run
    /// # // Somebody has to sign in.
    /// use kinto_blocking::{Client, Login, server_info};
    /// use std::io::{Write, stderr};
    ///
    /// let client = Client::builder("https://kinto.example/v1").build()?;
    /// let token = client.login(Login::new(), |url| writeln!(stderr(), "To sign in, open {url}"))?;
    /// let client = client.with_auth(Some(token.auth()))?;
    /// println!("Hello {}", client.send(server_info())?.user.map_or_else(|| "nobody".into(), |user| user.id));
    /// # Ok::<(), kinto_blocking::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unsupported`](kinto_protocol::ErrorKind::Unsupported) without the plugin,
    /// [`Input`](kinto_protocol::ErrorKind::Input) when there is no such provider, when there are several and none is
    /// named, and when the token would go in clear over a network. [`Login`](kinto_protocol::ErrorKind::Login) in the
    /// words of the provider, and [`Decode`](kinto_protocol::ErrorKind::Decode) when these are not to be understood.
    /// [`Deadline`](kinto_protocol::ErrorKind::Deadline) when the user takes too long, or has closed the browser.
    pub fn login<E>(&self, login: Login, open: impl FnOnce(&str) -> Result<(), E>) -> Result<Token>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let (listener, port) = listen().map_err(unheard)?;
        let callback = self.send(login.begin(port, kinto_protocol::__random!()?))?;
        open(callback.login_url()).map_err(|error| callback.not_opened(error))?;
        wait(&listener, &callback)
    }
}

fn listen() -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

fn unheard(error: io::Error) -> kinto_protocol::Error {
    Login::__unheard(error.into())
}

/// Serves whoever comes until one of them ends the login.
fn wait(listener: &TcpListener, callback: &Callback) -> Result<Token> {
    let begun = Instant::now();
    let mut guests = VecDeque::new();
    loop {
        let guest = accept(listener).map_err(unheard)?;
        let is_calm = guest.is_none();
        if let Some(stream) = guest {
            if guests.len() == Callback::CONNECTIONS {
                guests.pop_front();
            }
            guests.push_back(Guest { stream, visit: callback.visit() });
        }
        let mut outcome = None;
        guests.retain_mut(|guest| match guest.serve() {
            Served::Waiting => true,
            Served::Gone => false,
            Served::Done(result) => {
                outcome.get_or_insert(result);
                false
            }
        });
        if let Some(result) = outcome {
            return result;
        }
        let left = callback.timeout().saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Err(callback.too_late());
        }
        // One after the other, so that everybody is heard before making way.
        if is_calm {
            thread::sleep(left.min(PAUSE));
        }
    }
}

/// The next connection, if there is one.
fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => stream.set_nonblocking(true).map(|()| Some(stream)),
        // Somebody who went away before being let in is nobody.
        Err(error) if is_passing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

/// A connection, none of whose calls waits.
struct Guest<'a> {
    stream: TcpStream,
    visit: Visit<'a>,
}

enum Served {
    Waiting,
    Gone,
    Done(Result<Token>),
}

impl Guest<'_> {
    fn serve(&mut self) -> Served {
        let mut chunk = [0; 4096];
        loop {
            let count = match self.stream.read(&mut chunk) {
                Ok(0) => return Served::Gone,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Served::Waiting,
                Err(_) => return Served::Gone,
            };
            // An answer is small enough for any connection to take it at once. Whether it arrives changes nothing.
            match self.visit.take(&chunk[..count]) {
                Heard::More => {}
                Heard::Answer(answer) => {
                    let _ = self.stream.write_all(&answer);
                    return Served::Gone;
                }
                Heard::Done(answer, result) => {
                    let _ = self.stream.write_all(&answer);
                    return Served::Done(result);
                }
            }
        }
    }
}
