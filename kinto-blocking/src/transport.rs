//! What puts requests on the wire.

use kinto_protocol::{Limits, Request, Response, TransportError};

#[cfg(feature = "attachments")]
use crate::pieces::{Pieces, Receiver};

/// Puts a request on the wire and brings back the answer, whatever its status.
///
/// A transport follows no redirect, repeats nothing and reads no status: all of that is decided for it. It keeps the
/// [`Limits`], and tells in a [`TransportError`] what kept the answer from coming. It may be called from any thread: while a
/// large page of a list is decoded on the caller's, another one sends for the next.
///
/// A closure from [`Request`] to `Result<Response, TransportError>` is a transport, without regard for limits.
pub trait Transport: Send + Sync {
    /// Sends one request.
    ///
    /// # Errors
    ///
    /// When there is no complete answer.
    fn send(&self, request: Request, limits: &Limits) -> Result<Response, TransportError>;

    /// Sends one request whose body comes in pieces: in constant memory, where the transport can do that. Without an
    /// implementation of its own, it collects them.
    ///
    /// # Errors
    ///
    /// When there is no complete answer.
    #[cfg(feature = "attachments")]
    fn upload(
        &self,
        mut request: Request,
        pieces: &mut Pieces<'_>,
        limits: &Limits,
    ) -> Result<Response, TransportError> {
        *request.body_mut() = pieces.collect()?.into();
        self.send(request, limits)
    }

    /// Sends one request, and gives the body of the answer away in pieces, if the receiver takes it: in constant memory,
    /// where the transport can do that. Without an implementation of its own, it collects the body first.
    ///
    /// # Errors
    ///
    /// When there is no complete answer.
    #[cfg(feature = "attachments")]
    fn download(
        &self,
        request: Request,
        receiver: &mut Receiver<'_>,
        limits: &Limits,
    ) -> Result<Response, TransportError> {
        let (head, body) = self.send(request, limits)?.into_parts();
        if !receiver.begin(&head)? {
            return Ok(Response::from_parts(head, body));
        }
        receiver.take(&body)?;
        Ok(Response::from_parts(head, Default::default()))
    }
}

impl<F> Transport for F
where
    F: Fn(Request) -> Result<Response, TransportError> + Send + Sync,
{
    fn send(&self, request: Request, _: &Limits) -> Result<Response, TransportError> {
        self(request)
    }
}
