//! Signing in through a browser.

use std::collections::VecDeque;
use std::error::Error;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};

use kinto_protocol::openid::{Callback, Heard};
use kinto_protocol::{Login, Result, Token};
use tokio::net::{TcpListener, TcpStream};
use tokio::time;

use crate::client::Client;

impl Client {
    /// Signs a user in through a browser, on a server with the plugin `openid`, and gives the token.
    ///
    /// The closure is given the URL to open in the browser, and is to return at once; an error of it ends the login. Then
    /// the browser is waited for, at a free port of 127.0.0.1 and no other address, as long as the [`Login`] allows. The
    /// URL is for the user alone. This client stays who it was. When the future is dropped, nobody listens any more.
    ///
    /// ```no_run
    /// # // Somebody has to sign in.
    /// use kinto_async::{Client, Login, server_info};
    /// use std::io::{Write, stderr};
    ///
    /// # async fn example() -> Result<(), kinto_async::Error> {
    /// let client = Client::builder("https://kinto.example/v1").build()?;
    /// let token = client.login(Login::new(), |url| writeln!(stderr(), "To sign in, open {url}")).await?;
    /// let client = client.with_auth(Some(token.auth()))?;
    /// println!("Hello {}", client.send(server_info()).await?.user.map_or_else(|| "nobody".into(), |user| user.id));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unsupported`](kinto_protocol::ErrorKind::Unsupported) without the plugin,
    /// [`Input`](kinto_protocol::ErrorKind::Input) when there is no such provider, when there are several and none is
    /// named, and when the token would go in clear over a network. [`Login`](kinto_protocol::ErrorKind::Login) in the
    /// words of the provider, and [`Decode`](kinto_protocol::ErrorKind::Decode) when these are not to be understood.
    /// [`Deadline`](kinto_protocol::ErrorKind::Deadline) when the user takes too long, or has closed the browser.
    pub async fn login<E>(&self, login: Login, open: impl FnOnce(&str) -> Result<(), E> + Send) -> Result<Token>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let (listener, port) = listen().await.map_err(unheard)?;
        let callback = self.send(login.begin(port, kinto_protocol::__random!()?)).await?;
        open(callback.login_url()).map_err(|error| callback.not_opened(error))?;
        match time::timeout(callback.timeout(), wait(&listener, &callback)).await {
            Ok(result) => result,
            Err(_) => Err(callback.too_late()),
        }
    }
}

async fn listen() -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

fn unheard(error: io::Error) -> kinto_protocol::Error {
    Login::__unheard(error.into())
}

/// What a connection brings: the end of the login, or nothing.
type Guest<'a> = Pin<Box<dyn Future<Output = Option<Result<Token>>> + Send + 'a>>;

/// Serves whoever comes until one of them ends the login.
async fn wait(listener: &TcpListener, callback: &Callback) -> Result<Token> {
    let mut guests: VecDeque<Guest<'_>> = VecDeque::new();
    // One after the other, so that everybody is heard before making way.
    poll_fn(|context| {
        loop {
            let guest = accept(listener, context).map_err(unheard)?;
            let is_calm = guest.is_none();
            if let Some(stream) = guest {
                if guests.len() == Callback::CONNECTIONS {
                    guests.pop_front();
                }
                guests.push_back(Box::pin(serve(stream, callback)));
            }
            let mut outcome = None;
            guests.retain_mut(|guest| match guest.as_mut().poll(context) {
                Poll::Pending => true,
                Poll::Ready(done) => {
                    outcome = outcome.take().or(done);
                    false
                }
            });
            if let Some(result) = outcome {
                return Poll::Ready(result);
            }
            if is_calm {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// The next connection, if there is one; otherwise the task is woken when there is.
fn accept(listener: &TcpListener, context: &mut Context<'_>) -> io::Result<Option<TcpStream>> {
    loop {
        match listener.poll_accept(context) {
            Poll::Pending => return Ok(None),
            Poll::Ready(Ok((stream, _))) => return Ok(Some(stream)),
            // Somebody who went away before being let in is nobody.
            Poll::Ready(Err(error)) if is_passing(&error) => {}
            Poll::Ready(Err(error)) => return Err(error),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

async fn serve(stream: TcpStream, callback: &Callback) -> Option<Result<Token>> {
    let mut visit = callback.visit();
    let mut chunk = [0; 4096];
    loop {
        stream.readable().await.ok()?;
        let count = match stream.try_read(&mut chunk) {
            Ok(0) => return None,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
            Err(_) => return None,
        };
        match visit.take(&chunk[..count]) {
            Heard::More => {}
            Heard::Answer(answer) => {
                send(&stream, &answer).await;
                return None;
            }
            Heard::Done(answer, result) => {
                send(&stream, &answer).await;
                return Some(result);
            }
        }
    }
}

/// An answer is small enough for any connection to take it at once. Whether it arrives changes nothing.
async fn send(stream: &TcpStream, answer: &[u8]) {
    if stream.writable().await.is_ok() {
        let _ = stream.try_write(answer);
    }
}
