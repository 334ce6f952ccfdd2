//! The default transport: hyper.

use std::error::Error as StdError;
use std::io;
use std::iter::successors;
use std::pin::pin;
#[cfg(feature = "attachments")]
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Body as _;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kinto_protocol::{__Proxy as Proxy, __Wire as Wire, FailureKind, Limits, Request, Response, TransportError};
use tokio::time::timeout;

use crate::connect::{Connector, connector};
#[cfg(feature = "attachments")]
use crate::payload::Payload;
#[cfg(feature = "attachments")]
use crate::pieces::{Pieces, Receiver};
use crate::proxy::connecting_within;
use crate::transport::{Sending, Transport};

/// How many headers an answer may have.
const HEADERS: usize = 128;

#[cfg(not(feature = "attachments"))]
type Payload = Full<Bytes>;

/// Sends with hyper's pooled client.
#[derive(Debug)]
pub(crate) struct Hyper {
    client: Client<Connector, Payload>,
}

impl Hyper {
    pub(crate) fn new(limits: &Limits, wire: &Wire, proxy: Option<Proxy>, https: bool) -> Result<Self, TransportError> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.idle_age)
            .pool_max_idle_per_host(limits.idle_connections)
            .http1_max_buf_size(limits.__head_bytes())
            .http1_max_headers(HEADERS)
            .build(connector(wire, proxy, https)?);
        Ok(Self { client })
    }

    /// The answer to a request, as soon as its head is there. `sent` tells how much of a body has moved so far, and whether
    /// that is all of it: only then the server has anything to answer. Sets `begun` when there is a connection: before that,
    /// nothing is sent.
    async fn answer(
        &self,
        mut request: http::Request<Payload>,
        limits: &Limits,
        sent: &(dyn Fn() -> (u64, bool) + Send + Sync),
        begun: &AtomicBool,
    ) -> Result<http::Response<hyper::body::Incoming>, TransportError> {
        let mut connected = capture_connection(&mut request);
        let connect = limits.connect.min(limits.total);
        let mut answer = pin!(connecting_within(connect, self.client.request(request)));
        let connection = async { drop(connected.wait_for_connection_metadata().await) };
        let connecting = pin!(timeout(connect, connection));
        let first = select(answer.as_mut(), connecting).await;
        begun.store(!matches!(first, Either::Right((Err(_), _))), Ordering::Relaxed);
        let answered = match first {
            Either::Left((answered, _)) => answered,
            Either::Right((Err(_), _)) => return Err(late("the connection").not_sent()),
            Either::Right((Ok(_), _)) => {
                let mut before = sent();
                loop {
                    let patience = if before.1 { limits.head } else { limits.idle };
                    if let Ok(answered) = timeout(patience, answer.as_mut()).await {
                        break answered;
                    }
                    let now = sent();
                    if now == before {
                        return Err(late(if now.1 { "the head of the answer" } else { "the request" }));
                    }
                    before = now;
                }
            }
        };
        answered.map_err(failure)
    }

    async fn exchange(
        &self,
        request: Request,
        limits: &Limits,
        begun: &AtomicBool,
    ) -> Result<Response, TransportError> {
        let mut request = request.map(whole);
        if request.body().size_hint().exact() == Some(0)
            && matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH)
        {
            // hyper leaves it out, and some proxies insist.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        collected(self.answer(request, limits, &|| (0, true), begun).await?, limits).await
    }
}

impl Transport for Hyper {
    fn send(&self, request: Request, limits: Limits) -> Sending<'_> {
        Box::pin(async move {
            let begun = AtomicBool::new(false);
            let exchange = timeout(limits.total, self.exchange(request, &limits, &begun)).await;
            exchange.unwrap_or_else(|_| {
                // Whichever of the two times was over first.
                let connected = begun.load(Ordering::Relaxed);
                Err(if connected { late("the answer") } else { late("the connection").not_sent() })
            })
        })
    }

    #[cfg(feature = "attachments")]
    fn upload(&self, request: Request, pieces: Pieces, limits: Limits) -> Sending<'_> {
        Box::pin(async move {
            let outgoing = Arc::clone(pieces.outgoing());
            let request = request.map(|_| Payload::Pieces(pieces));
            let sent = || (outgoing.moved(), outgoing.is_sent());
            let answer = self.answer(request, &limits, &sent, &AtomicBool::new(false)).await?;
            // What answers a file is no file.
            timeout(limits.idle, collected(answer, &limits)).await.map_err(|_| late("the answer"))?
        })
    }

    #[cfg(feature = "attachments")]
    fn download<'a>(&'a self, request: Request, receiver: &'a mut Receiver<'_>, limits: Limits) -> Sending<'a> {
        Box::pin(async move {
            let answer = self.answer(request.map(whole), &limits, &|| (0, true), &AtomicBool::new(false)).await?;
            let (head, mut body) = answer.into_parts();
            if !receiver.begin(&head)? {
                let answer = collected(http::Response::from_parts(head, body), &limits);
                return timeout(limits.idle, answer).await.map_err(|_| late("the answer"))?;
            }
            while let Some(frame) = timeout(limits.idle, body.frame()).await.map_err(|_| late("the file"))? {
                if let Ok(piece) = frame.map_err(|error| broken(error.into()))?.into_data() {
                    receiver.take(&piece).await?;
                }
            }
            Ok(Response::from_parts(head, Bytes::new()))
        })
    }
}

async fn collected(answer: http::Response<hyper::body::Incoming>, limits: &Limits) -> Result<Response, TransportError> {
    let (head, body) = answer.into_parts();
    limits.admit(body.size_hint().exact())?;
    let most = usize::try_from(limits.response_bytes).unwrap_or(usize::MAX);
    let body = Limited::new(body, most).collect().await.map_err(broken)?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

#[cfg(feature = "attachments")]
fn whole(body: Bytes) -> Payload {
    Payload::Whole(Full::new(body))
}

#[cfg(not(feature = "attachments"))]
fn whole(body: Bytes) -> Payload {
    Full::new(body)
}

fn late(what: &str) -> TransportError {
    TransportError::new(FailureKind::Timeout, format!("{what} took too long"))
}

/// What kept the head of an answer from coming.
fn failure(error: Error) -> TransportError {
    if error.is_connect() {
        return not_connected(error);
    }
    // Clients of hyper are told of some by their words alone.
    let says = |cause: &hyper::Error, words| cause.to_string().contains(words);
    let kind = match find::<hyper::Error>(&error) {
        Some(cause) if cause.is_parse() && says(cause, "too large") => FailureKind::TooLarge,
        // Also what speaks before it is asked.
        Some(cause) if cause.is_parse() || says(cause, "unexpected message") => FailureKind::Protocol,
        Some(cause) if cause.is_user() => FailureKind::Other,
        _ => FailureKind::Interrupted,
    };
    // Its connection was gone before anything of it was written, for whatever reason.
    let canceled = all::<hyper::Error>(&error).any(hyper::Error::is_canceled);
    let error = TransportError::new(kind, innermost(error));
    if canceled || kind == FailureKind::Other { error.not_sent() } else { error.sent() }
}

/// The same while the connection was being made.
fn not_connected(error: Error) -> TransportError {
    let kind = match find::<io::Error>(&error).map(io::Error::kind) {
        Some(io::ErrorKind::TimedOut) => FailureKind::Timeout,
        // rustls' own errors come wrapped: a certificate that is not valid, a server that does not speak TLS.
        Some(io::ErrorKind::InvalidData) => FailureKind::Tls,
        // A handshake that is cut off may succeed the next time.
        Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => FailureKind::Interrupted,
        _ => FailureKind::Connect,
    };
    TransportError::new(kind, innermost(error)).not_sent()
}

/// What kept the body of an answer from coming.
fn broken(error: Box<dyn StdError + Send + Sync>) -> TransportError {
    let kind = if error.is::<LengthLimitError>() {
        FailureKind::TooLarge
    } else {
        match find::<io::Error>(&*error).map(io::Error::kind) {
            // Chunks that are none.
            Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => FailureKind::Protocol,
            _ => FailureKind::Interrupted,
        }
    };
    TransportError::new(kind, error)
}

/// The cause of that type, the deepest where there are several: it says more than what wraps it.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    all(error).last()
}

/// The causes of that type, the error itself included.
fn all<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a T> {
    successors(Some(error), |error| cause(*error)).filter_map(|error| error.downcast_ref())
}

/// The next cause. What an `io::Error` wraps is left out by its `source`, which goes on behind it.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// The cause without the words of those who only passed it on.
fn innermost(error: Error) -> Box<dyn StdError + Send + Sync> {
    let mut last: &(dyn StdError + 'static) = &error;
    while let Some(next) = cause(last) {
        last = next;
    }
    last.to_string().into()
}
