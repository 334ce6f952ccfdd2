//! What puts requests on the wire.

use std::pin::Pin;

use kinto_protocol::{Limits, Request, Response, TransportError};

#[cfg(feature = "attachments")]
use crate::pieces::{Pieces, Receiver};

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

    /// Sends one request whose body comes in pieces: in constant memory, where the transport can do that. Without an
    /// implementation of its own, it collects them.
    #[cfg(feature = "attachments")]
    fn upload(&self, mut request: Request, pieces: Pieces, limits: Limits) -> Sending<'_> {
        Box::pin(async move {
            *request.body_mut() = pieces.collect().await?;
            self.send(request, limits).await
        })
    }

    /// Sends one request, and gives the body of the answer away in pieces, if the receiver takes it: in constant memory,
    /// where the transport can do that. Without an implementation of its own, it collects the body first.
    #[cfg(feature = "attachments")]
    fn download<'a>(&'a self, request: Request, receiver: &'a mut Receiver<'_>, limits: Limits) -> Sending<'a> {
        Box::pin(async move {
            let (head, body) = self.send(request, limits).await?.into_parts();
            if !receiver.begin(&head)? {
                return Ok(Response::from_parts(head, body));
            }
            receiver.take(&body).await?;
            Ok(Response::from_parts(head, Default::default()))
        })
    }
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
