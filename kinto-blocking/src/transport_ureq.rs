//! The default transport: ureq.

use std::io::{self, Read as _};

use http::Method;
#[cfg(feature = "attachments")]
use http::header::CONTENT_LENGTH;
use kinto_protocol::{__Proxy as Proxy, __Wire as Wire, FailureKind, Limits, Request, Response, TransportError};
use ureq::config::{AutoHeaderValue, Config};
use ureq::{Agent, Error, Timeout};

use crate::connect::{CutOff, Marked, Names, NotConnected};
#[cfg(feature = "attachments")]
use crate::pieces::{PIECE, Pieces, Receiver};
use crate::transport::Transport;

/// How large the buffer of a connection is, at least.
const BUFFER: usize = 128 * 1024;

/// So much memory is set aside at most for what is only announced.
const LARGEST: usize = 16 << 20;

/// How many headers an answer may have: as many as hyper has room for, so that both clients do the same. ureq takes 128.
const HEADERS: usize = 100;

/// Sends with ureq, with all decisions of its own turned off.
#[derive(Debug)]
pub(crate) struct Ureq {
    agent: Agent,
    /// The limits that the agent has unless told otherwise.
    limits: Limits,
}

impl Ureq {
    pub(crate) fn new(limits: &Limits, wire: &Wire, proxy: Option<&Proxy>) -> Result<Self, TransportError> {
        let proxy = proxy.map(|proxy| ureq::Proxy::new(proxy.url())).transpose();
        let proxy = proxy.map_err(|error| TransportError::new(FailureKind::Other, error).not_sent())?;
        let config = Config::builder()
            .http_status_as_error(false)
            // What can be a method is for the core to say.
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .user_agent(AutoHeaderValue::None)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .max_idle_connections(limits.idle_connections)
            .max_idle_connections_per_host(limits.idle_connections)
            .max_idle_age(limits.idle_age)
            .max_response_header_size(limits.__head_bytes())
            // A head has to fit in whole.
            .input_buffer_size(BUFFER.max(2 * limits.__head_bytes()))
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_recv_response(Some(limits.head))
            .timeout_per_call(Some(limits.total));
        #[cfg(feature = "_rustls")]
        let config = config.tls_config(crate::tls::config(wire.roots.as_deref())?);
        #[cfg(not(feature = "_rustls"))]
        let _ = wire;
        let agent = Agent::with_parts(config.build(), Marked::default(), Names::default());
        Ok(Self { agent, limits: limits.clone() })
    }

    /// The configuration is copied for a request only if its limits are others than usual.
    fn limited<B: ureq::AsSendBody>(&self, request: http::Request<B>, limits: &Limits) -> http::Request<B> {
        if *limits == self.limits {
            return request;
        }
        let request = self.agent.configure_request(request);
        request
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_recv_response(Some(limits.head))
            .timeout_per_call(Some(limits.total))
            .build()
    }
}

#[cfg(feature = "attachments")]
impl Ureq {
    /// The time for all of it is no measure of a file that is sent; that for each piece is, and what is said of it in the
    /// end is short. In between, the server may think about it as long as about anything.
    fn sending<B: ureq::AsSendBody>(&self, request: http::Request<B>, limits: &Limits) -> http::Request<B> {
        let request = self.agent.configure_request(request);
        request
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_per_write(Some(limits.idle))
            .timeout_recv_response(Some(limits.head))
            .timeout_recv_body(Some(limits.idle))
            .timeout_per_call(Some(limits.total))
            .build()
    }

    /// The same for one that is fetched.
    fn fetching<B: ureq::AsSendBody>(&self, request: http::Request<B>, limits: &Limits) -> http::Request<B> {
        let request = self.agent.configure_request(request);
        request
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_recv_response(Some(limits.head))
            .timeout_per_read(Some(limits.idle))
            .timeout_per_call(Some(limits.total))
            .build()
    }
}

impl Transport for Ureq {
    fn send(&self, request: Request, limits: &Limits) -> Result<Response, TransportError> {
        let (head, body) = request.into_parts();
        // Those that may have one say its length also when it is empty, instead of sending no chunks.
        let bodiless = !matches!(head.method, Method::PUT | Method::POST | Method::PATCH);
        let answer = if bodiless {
            self.agent.run(self.limited(http::Request::from_parts(head, ()), limits))
        } else {
            self.agent.run(self.limited(http::Request::from_parts(head, &body[..]), limits))
        };
        collected(begun(answer)?, limits)
    }

    #[cfg(feature = "attachments")]
    fn upload(&self, request: Request, pieces: &mut Pieces<'_>, limits: &Limits) -> Result<Response, TransportError> {
        let (mut head, _) = request.into_parts();
        head.headers.extend(pieces.length().map(|length| (CONTENT_LENGTH, length.into())));
        let body = ureq::SendBody::from_reader(pieces);
        let answer = self.agent.run(self.sending(http::Request::from_parts(head, body), limits));
        collected(begun(answer)?, limits)
    }

    #[cfg(feature = "attachments")]
    fn download(
        &self,
        request: Request,
        receiver: &mut Receiver<'_>,
        limits: &Limits,
    ) -> Result<Response, TransportError> {
        let answer = self.agent.run(self.fetching(request.map(|_| ()), limits));
        let (head, body) = begun(answer)?.into_parts();
        if !receiver.begin(&head)? {
            return collected(http::Response::from_parts(head, body), limits);
        }
        let mut body = body.into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; PIECE];
        loop {
            match body.read(&mut buffer).map_err(|error| failure(error.into()))? {
                0 => return Ok(Response::from_parts(head, Default::default())),
                length => receiver.take(&buffer[..length])?,
            }
        }
    }
}

/// An answer whose head is there.
fn begun(answer: Result<http::Response<ureq::Body>, Error>) -> Result<http::Response<ureq::Body>, TransportError> {
    let answer = answer.map_err(failure)?;
    match answer.headers().len() {
        ..=HEADERS => Ok(answer),
        count => Err(TransportError::new(FailureKind::TooLarge, format!("it has {count} headers"))),
    }
}

fn collected(answer: http::Response<ureq::Body>, limits: &Limits) -> Result<Response, TransportError> {
    let (head, body) = answer.into_parts();
    let length = body.content_length();
    limits.admit(length)?;
    // In one piece, if its length is told: one that grows is copied many times.
    let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut whole = Vec::with_capacity(length.min(LARGEST));
    let mut body = body.into_with_config().limit(limits.response_bytes).reader();
    body.read_to_end(&mut whole).map_err(|error| failure(error.into()))?;
    Ok(Response::from_parts(head, whole.into()))
}

/// What kept an answer from coming. Unless it is sure that nothing was sent, something may have been.
fn failure(error: Error) -> TransportError {
    let error = match error {
        Error::Other(inner) => match inner.downcast::<NotConnected>() {
            Ok(inner) => return not_connected(inner.0),
            Err(inner) if inner.is::<CutOff>() => return TransportError::new(FailureKind::Interrupted, inner),
            Err(inner) => Error::Other(inner),
        },
        error => error,
    };
    let kind = match &error {
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            return TransportError::new(FailureKind::Timeout, error).not_sent();
        }
        Error::Timeout(_) => FailureKind::Timeout,
        Error::HostNotFound | Error::ConnectionFailed | Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl => {
            FailureKind::Connect
        }
        Error::Io(cause) if cause.kind() == io::ErrorKind::TimedOut => FailureKind::Timeout,
        Error::Io(_) => FailureKind::Interrupted,
        // ureq has no public name for this one.
        Error::Protocol(cause) if cause.to_string().contains("too many headers") => FailureKind::TooLarge,
        Error::Protocol(_) => FailureKind::Protocol,
        Error::LargeResponseHeader(..) | Error::BodyExceedsLimit(_) => FailureKind::TooLarge,
        Error::Tls(_) | Error::TlsRequired => FailureKind::Tls,
        Error::Http(_) | Error::BadUri(_) => return TransportError::new(FailureKind::Other, error).not_sent(),
        _ => FailureKind::Other,
    };
    TransportError::new(kind, cause(error))
}

/// The same while the connection was being made.
fn not_connected(error: Error) -> TransportError {
    // Behind a proxy, there is a connection within the connection.
    let error = match error {
        Error::Other(inner) => match inner.downcast::<NotConnected>() {
            Ok(inner) => return not_connected(inner.0),
            Err(inner) => Error::Other(inner),
        },
        error => error,
    };
    let kind = match &error {
        Error::Timeout(_) => FailureKind::Timeout,
        // rustls' own errors come wrapped: a certificate that is not valid, a server that does not speak TLS.
        Error::Io(cause) if cause.kind() == io::ErrorKind::InvalidData => FailureKind::Tls,
        // A handshake that is cut off may succeed the next time.
        Error::Io(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => FailureKind::Interrupted,
        Error::Io(cause) if cause.kind() == io::ErrorKind::ConnectionReset => FailureKind::Interrupted,
        Error::Io(_)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::ConnectProxyFailed(_)
        // A proxy that is none.
        | Error::Protocol(_) => FailureKind::Connect,
        // Without the feature `tls`, an https URL ends here.
        _ => FailureKind::Tls,
    };
    TransportError::new(kind, cause(error)).not_sent()
}

/// The error of the system where there is one: ureq's wrapper only adds a prefix.
fn cause(error: Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        Error::Io(cause) => cause.into(),
        other => other.into(),
    }
}
