//! The default transport: hyper.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::io;
use std::iter::successors;
use std::pin::{Pin, pin};
#[cfg(feature = "attachments")]
use std::sync::Arc;
use std::task::Poll;
#[cfg(feature = "attachments")]
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Method, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioTimer;
use kinto_protocol::{__Proxy as Proxy, __Wire as Wire, FailureKind, Limits, Request, Response, TransportError};
use tokio::time::Instant;

use crate::connect::Connector;
use crate::connecting::{Answering, Background};
#[cfg(feature = "attachments")]
use crate::payload::Payload;
#[cfg(feature = "attachments")]
use crate::pieces::{Pieces, Receiver};
use crate::timer::{Timer, after};
use crate::transport::{Sending, Transport};

#[cfg(not(feature = "attachments"))]
type Payload = Full<Bytes>;

/// So much memory is set aside at most for what is only announced.
const LARGEST: usize = 16 << 20;

/// So many more headers have room in the map of a request: hyper reads those of the answer into it, and would have to
/// make it larger again and again.
const ROOM: usize = 16;

/// Sends with hyper's pooled client.
#[derive(Debug)]
pub(crate) struct Hyper {
    client: Client<Connector, Payload>,
    /// Where requests mostly go, and how HTTP/1.1 calls that.
    host: Option<(Authority, HeaderValue)>,
}

impl Hyper {
    pub(crate) fn new(limits: &Limits, wire: &Wire, proxy: Option<Proxy>, url: &str) -> Result<Self, TransportError> {
        let https = url.starts_with("https:");
        // hyper takes a hundred headers of an answer, and has room for those already. Another limit costs thousands of
        // instructions for each.
        let client = Client::builder(Background::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.idle_age)
            .pool_max_idle_per_host(limits.idle_connections)
            .http1_max_buf_size(limits.__head_bytes())
            .build(Connector::new(wire, proxy, https)?);
        // HTTP/2 has no such header.
        let host = if https && cfg!(feature = "http2") { None } else { host(url) };
        Ok(Self { client, host })
    }

    /// The answer to a request, which is sent when that is polled.
    fn asked(&self, mut request: http::Request<Payload>, limits: &Limits) -> Answering {
        if let Some((authority, host)) = &self.host
            && request.uri().authority().is_some_and(|asked| asked.as_str() == authority.as_str())
        {
            // hyper would make it anew each time.
            request.headers_mut().reserve(ROOM);
            request.headers_mut().insert(HOST, host.clone());
        }
        Answering::new(self.client.request(request), limits.connect.min(limits.total))
    }
}

impl Transport for Hyper {
    fn send(&self, request: Request, limits: Limits) -> Sending<'_> {
        let mut request = request.map(whole);
        if request.body().size_hint().exact() == Some(0)
            && matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH)
        {
            // hyper leaves it out, and some proxies insist.
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut answering = self.asked(request, &limits);
        Box::pin(async move {
            let mut sleep = pin!(None);
            let mut timer = Timer::new(sleep.as_mut());
            let end = after(limits.total);
            let answer = answer(&mut answering, &limits, &mut timer, end, &|| (0, true)).await?;
            collected(answer, &limits, &mut timer, end).await
        })
    }

    #[cfg(feature = "attachments")]
    fn upload(&self, request: Request, pieces: Pieces, limits: Limits) -> Sending<'_> {
        Box::pin(async move {
            let mut sleep = pin!(None);
            let mut timer = Timer::new(sleep.as_mut());
            let outgoing = Arc::clone(pieces.outgoing());
            let sent = || (outgoing.moved(), outgoing.is_sent());
            let mut answering = self.asked(request.map(|_| Payload::Pieces(pieces)), &limits);
            let answer = answer(&mut answering, &limits, &mut timer, after(Duration::MAX), &sent).await?;
            // What answers a file is no file.
            collected(answer, &limits, &mut timer, after(limits.idle)).await
        })
    }

    #[cfg(feature = "attachments")]
    fn download<'a>(&'a self, request: Request, receiver: &'a mut Receiver<'_>, limits: Limits) -> Sending<'a> {
        Box::pin(async move {
            let mut sleep = pin!(None);
            let mut timer = Timer::new(sleep.as_mut());
            let mut answering = self.asked(request.map(whole), &limits);
            let answer = answer(&mut answering, &limits, &mut timer, after(Duration::MAX), &|| (0, true)).await?;
            let (head, mut body) = answer.into_parts();
            if !receiver.begin(&head)? {
                let answer = http::Response::from_parts(head, body);
                return collected(answer, &limits, &mut timer, after(limits.idle)).await;
            }
            loop {
                let frame = timer.until(after(limits.idle), body.frame()).await.ok_or_else(|| late("the file"))?;
                let Some(frame) = frame else { return Ok(Response::from_parts(head, Bytes::new())) };
                if let Ok(piece) = frame.map_err(broken)?.into_data() {
                    receiver.take(&piece).await?;
                }
            }
        })
    }
}

/// An answer, as soon as its head is there. `sent` tells how much of a body has moved so far, and whether that is all of
/// it: only then the server has anything to answer. Before there is a connection, nothing is sent.
async fn answer(
    answering: &mut Answering,
    limits: &Limits,
    timer: &mut Timer<'_>,
    end: Instant,
    sent: &(dyn Fn() -> (u64, bool) + Send + Sync),
) -> Result<http::Response<Incoming>, TransportError> {
    let connected_by = end.min(after(limits.connect));
    let patience = |sent: (u64, bool)| after(if sent.1 { limits.head } else { limits.idle });
    // How far it was when it was looked at last, and when it is to be farther.
    let mut moving: Option<((u64, bool), Instant)> = None;
    poll_fn(|context| {
        loop {
            if let Poll::Ready(answer) = Pin::new(&mut *answering).poll(context) {
                return Poll::Ready(answer.map_err(failure));
            }
            if !answering.is_connected() {
                return timer.poll(connected_by, context).map(|()| Err(late("the connection").not_sent()));
            }
            let (before, next) = *moving.get_or_insert_with(|| {
                let sent = sent();
                (sent, patience(sent))
            });
            if timer.poll(next.min(end), context).is_pending() {
                return Poll::Pending;
            }
            let now = sent();
            if next > end {
                return Poll::Ready(Err(late("the answer")));
            } else if now == before {
                return Poll::Ready(Err(late(if now.1 { "the head of the answer" } else { "the request" })));
            }
            moving = Some((now, patience(now)));
        }
    })
    .await
}

/// The body of an answer is there before that time, and as large as it may be.
async fn collected(
    answer: http::Response<Incoming>,
    limits: &Limits,
    timer: &mut Timer<'_>,
    end: Instant,
) -> Result<Response, TransportError> {
    let (head, mut body) = answer.into_parts();
    limits.admit(body.size_hint().exact())?;
    let mut left = limits.response_bytes;
    // Mostly it comes in one piece, which is taken as it is.
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while !body.is_end_stream() {
        let expected = body.size_hint().lower();
        let Some(frame) = timer.until(end, body.frame()).await.ok_or_else(|| late("the answer"))? else { break };
        let Ok(piece) = frame.map_err(broken)?.into_data() else { continue };
        left = left.checked_sub(piece.len() as u64).ok_or_else(too_long)?;
        if first.is_empty() && all.is_empty() {
            first = piece;
            continue;
        }
        if all.is_empty() {
            all.reserve(first.len() + usize::try_from(expected).unwrap_or(LARGEST).min(LARGEST));
            all.extend_from_slice(&first);
        }
        all.extend_from_slice(&piece);
    }
    Ok(Response::from_parts(head, if all.is_empty() { first } else { all.freeze() }))
}

/// The name in a URL, and the port where it is another than usual.
fn host(url: &str) -> Option<(Authority, HeaderValue)> {
    let uri: Uri = url.parse().ok()?;
    let usual = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let authority = uri.authority()?;
    let host = match authority.port_u16() {
        Some(port) if port != usual => format!("{}:{port}", authority.host()),
        _ => authority.host().to_owned(),
    };
    Some((authority.clone(), host.try_into().ok()?))
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
fn broken(error: hyper::Error) -> TransportError {
    let kind = match find::<io::Error>(&error).map(io::Error::kind) {
        // Chunks that are none.
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => FailureKind::Protocol,
        _ => FailureKind::Interrupted,
    };
    TransportError::new(kind, error)
}

fn too_long() -> TransportError {
    TransportError::new(FailureKind::TooLarge, "length limit exceeded")
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
