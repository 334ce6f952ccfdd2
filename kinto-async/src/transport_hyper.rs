//! The default transport: hyper.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kinto_protocol::{FailureKind, Limits, Request, Response, TransportError};
use tokio::time::timeout;

use crate::connect::{Connector, InTime, NotInTime, Wire, connector};
use crate::transport::{Sending, Transport};

/// How many idle connections are kept, and for how long: shorter than servers keep them, so that a request seldom goes
/// out on one that is just being closed.
const IDLE: usize = 32;
const IDLE_FOR: Duration = Duration::from_secs(15);
/// How large the head of an answer may be.
const HEAD: usize = 64 * 1024;

/// Sends with hyper's pooled client.
#[derive(Debug)]
pub(crate) struct Hyper {
    client: Client<InTime<Connector>, Full<Bytes>>,
}

impl Hyper {
    pub(crate) fn new(limits: &Limits, wire: &Wire) -> Result<Self, TransportError> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_FOR)
            .pool_max_idle_per_host(IDLE)
            .http1_max_buf_size(HEAD)
            .build(InTime { connector: connector(wire)?, limit: limits.connect });
        Ok(Self { client })
    }

    async fn exchange(&self, request: Request, limits: &Limits) -> Result<Response, TransportError> {
        // The connection has its own limit, so that the head has what is left for it.
        let head = limits.connect.saturating_add(limits.head);
        let answer = timeout(head, self.client.request(request.map(Full::new)));
        let (head, body) = answer.await.map_err(|_| late("the head of the answer"))?.map_err(failure)?.into_parts();
        let most = usize::try_from(limits.response_bytes).unwrap_or(usize::MAX);
        let body = Limited::new(body, most).collect().await.map_err(broken)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

impl Transport for Hyper {
    fn send(&self, request: Request, limits: Limits) -> Sending<'_> {
        Box::pin(async move {
            let exchange = timeout(limits.total, self.exchange(request, &limits));
            exchange.await.unwrap_or_else(|_| Err(late("the answer")))
        })
    }
}

fn late(what: &str) -> TransportError {
    TransportError::new(FailureKind::Timeout, format!("{what} took too long"))
}

/// What kept the head of an answer from coming.
fn failure(error: Error) -> TransportError {
    if error.is_connect() {
        return not_connected(error);
    }
    let (kind, sent) = match find::<hyper::Error>(&error) {
        // Its connection was gone before anything of it was written.
        Some(cause) if cause.is_canceled() => (FailureKind::Interrupted, false),
        // Clients of hyper are told of this by its words alone.
        Some(cause) if cause.is_parse() && cause.to_string().contains("too large") => (FailureKind::TooLarge, true),
        Some(cause) if cause.is_parse() => (FailureKind::Protocol, true),
        Some(cause) if cause.is_user() => (FailureKind::Other, false),
        _ => (FailureKind::Interrupted, true),
    };
    let error = TransportError::new(kind, innermost(error));
    if sent { error.sent() } else { error.not_sent() }
}

/// The same while the connection was being made.
fn not_connected(error: Error) -> TransportError {
    let kind = if find::<NotInTime>(&error).is_some() {
        FailureKind::Timeout
    } else {
        match find::<io::Error>(&error).map(io::Error::kind) {
            Some(io::ErrorKind::TimedOut) => FailureKind::Timeout,
            // rustls' own errors come wrapped: a certificate that is not valid, a server that does not speak TLS.
            Some(io::ErrorKind::InvalidData) => FailureKind::Tls,
            // A handshake that is cut off may succeed the next time.
            Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => FailureKind::Interrupted,
            _ => FailureKind::Connect,
        }
    };
    TransportError::new(kind, innermost(error)).not_sent()
}

/// What kept the body of an answer from coming.
fn broken(error: Box<dyn StdError + Send + Sync>) -> TransportError {
    let kind = if error.is::<LengthLimitError>() { FailureKind::TooLarge } else { FailureKind::Interrupted };
    TransportError::new(kind, error)
}

/// The cause of that type, however deep. An `io::Error` that wraps another is looked through: what it wraps says more.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(error) = next {
        found = error.downcast_ref::<T>().or(found);
        next = error.source();
    }
    found
}

/// The cause without the words of those who only passed it on.
fn innermost(error: Error) -> Box<dyn StdError + Send + Sync> {
    let mut last: &dyn StdError = &error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string().into()
}
