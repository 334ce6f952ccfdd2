//! Names to addresses, and knowing that a connection was never made.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};

/// An error while the connection was being made: no byte of a request can have been sent.
#[derive(Debug)]
pub(crate) struct NotConnected(pub(crate) ureq::Error);

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for NotConnected {}

/// Connects as ureq does, and marks its errors as [`NotConnected`]. From the error alone nobody could tell a handshake
/// that was cut off from an answer that was.
#[derive(Debug, Default)]
pub(crate) struct Marked(DefaultConnector);

impl Connector for Marked {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<()>) -> Result<Option<Self::Out>, ureq::Error> {
        let connected = self.0.connect(details, chained);
        match connected {
            Ok(Some(transport)) if transport.is_tls() => Ok(Some(Box::new(Whole(transport)))),
            connected => connected.map_err(|error| ureq::Error::Other(Box::new(NotConnected(error)))),
        }
    }
}

/// A TLS connection that was ended by somebody who could not say so in its own terms.
#[derive(Debug)]
pub(crate) struct CutOff(io::Error);

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for CutOff {}

/// A TLS connection whose end is only believed when it was announced: of an answer that has no length, ureq takes
/// everything else for the end as well, and anybody on the way could shorten it.
#[derive(Debug)]
struct Whole(Box<dyn Transport>);

impl Transport for Whole {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.0.await_input(timeout).map_err(|error| match error {
            ureq::Error::Io(cause)
                if matches!(
                    cause.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) =>
            {
                ureq::Error::Other(Box::new(CutOff(cause)))
            }
            error => error,
        })
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// For how long a name keeps its addresses. ureq asks for every request, also those that need no new connection.
const FRESH: Duration = Duration::from_secs(10);

/// Resolves names within the time limit. The system's call cannot be interrupted, so that a limit takes a thread;
/// with ureq's own resolver that is one per request, which is most of the cost of a small one. Here addresses need
/// none, and names only when they were not asked for lately.
#[derive(Debug, Default)]
pub(crate) struct Names {
    last: Mutex<Option<(String, Vec<SocketAddr>, Instant)>>,
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let default = if uri.scheme() == Some(&http::uri::Scheme::HTTPS) { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let mut addresses = self.empty();
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            addresses.push(SocketAddr::new(address, port));
            return Ok(addresses);
        }
        let name = format!("{host}:{port}");
        let found = match self.remembered(&name) {
            Some(found) => found,
            None => self.remember(&name, look_up(name.clone(), timeout)?),
        };
        for address in config.ip_family().keep_wanted(found.into_iter()).take(16) {
            addresses.push(address);
        }
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

impl Names {
    fn remembered(&self, name: &str) -> Option<Vec<SocketAddr>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(of, _, at)| of == name && at.elapsed() < FRESH).map(|(_, found, _)| found.clone())
    }

    fn remember(&self, name: &str, found: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((name.to_owned(), found.clone(), Instant::now()));
        found
    }
}

fn look_up(name: String, timeout: NextTimeout) -> Result<Vec<SocketAddr>, ureq::Error> {
    let (answer, answered) = mpsc::sync_channel(1);
    let asking = thread::Builder::new().name("kinto-resolve".to_owned());
    let asked = asking.spawn(move || answer.send(name.to_socket_addrs().map(Iterator::collect)));
    // No more threads: nothing was sent.
    asked.map_err(|_| ureq::Error::ConnectionFailed)?;
    match answered.recv_timeout(*timeout.after) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => Err(ureq::Error::HostNotFound),
        Err(RecvTimeoutError::Timeout) => Err(ureq::Error::Timeout(ureq::Timeout::Resolve)),
    }
}
