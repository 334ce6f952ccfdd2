//! What puts requests on the wire.

use std::pin::Pin;

use kinto_protocol::{Limits, Request, Response, TransportError};

/// A request on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send + 'a>>;

/// Puts a request on the wire and brings back the answer, whatever its status.
///
/// A transport follows no redirect, repeats nothing and reads no status: all of that is decided for it. It keeps the
/// [`Limits`], and tells in a [`TransportError`] what kept the answer from coming. When its future is dropped, it closes
/// the connection.
///
/// A closure from [`Request`] to a future of `Result<Response, TransportError>` is a transport, without regard for
/// limits.
pub trait Transport: Send + Sync {
    /// Sends one request.
    fn send(&self, request: Request, limits: Limits) -> Sending<'_>;
}

impl<F, Answer> Transport for F
where
    F: Fn(Request) -> Answer + Send + Sync,
    Answer: Future<Output = Result<Response, TransportError>> + Send + 'static,
{
    fn send(&self, request: Request, _: Limits) -> Sending<'_> {
        Box::pin(self(request))
    }
}
