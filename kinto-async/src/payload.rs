//! The body of a request, as hyper takes it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream as _;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use kinto_protocol::TransportError;

use crate::pieces::Pieces;

/// In memory, or a file that comes in pieces.
pub(crate) enum Payload {
    Whole(Full<Bytes>),
    Pieces(Pieces),
}

impl Body for Payload {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        match &mut *self {
            Self::Whole(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(|never| match never {})))
            }
            Self::Pieces(pieces) => {
                let piece = ready!(Pin::new(pieces).poll_next(context));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Pieces(pieces) => pieces.length().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
