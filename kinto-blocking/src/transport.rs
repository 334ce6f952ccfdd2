//! What puts requests on the wire.

use kinto_protocol::{Limits, Request, Response, TransportError};

/// Puts a request on the wire and brings back the answer, whatever its status.
///
/// A transport follows no redirect, repeats nothing and reads no status: all of that is decided for it. It keeps the
/// [`Limits`], and tells in a [`TransportError`] what kept the answer from coming.
///
/// A closure from [`Request`] to `Result<Response, TransportError>` is a transport, without regard for limits.
pub trait Transport: Send + Sync {
    /// Sends one request.
    ///
    /// # Errors
    ///
    /// When there is no complete answer.
    fn send(&self, request: Request, limits: &Limits) -> Result<Response, TransportError>;
}

impl<F> Transport for F
where
    F: Fn(Request) -> Result<Response, TransportError> + Send + Sync,
{
    fn send(&self, request: Request, _: &Limits) -> Result<Response, TransportError> {
        self(request)
    }
}
