//! Files that move piece by piece.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt as _;
use http::response::Parts;
use kinto_protocol::{FailureKind, Incoming, Outgoing, TransportError};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

/// How large a piece is.
pub(crate) const PIECE: usize = 64 * 1024;

/// What a file is read from.
pub(crate) type Content = Pin<Box<dyn AsyncRead + Send>>;

/// Why it could not be read, for whoever has not given it away.
pub(crate) type Failure = Arc<Mutex<Option<TransportError>>>;

/// The body of a request that sends a file: a stream of its pieces.
pub struct Pieces {
    outgoing: Arc<Outgoing>,
    content: Content,
    part: Part,
    failure: Failure,
}

enum Part {
    Head,
    Content,
    Tail,
    Over,
}

impl Pieces {
    pub(crate) fn new(outgoing: Arc<Outgoing>, content: Content, failure: Failure) -> Self {
        Self { outgoing, content, part: Part::Head, failure }
    }

    /// How long the body is, if that is known. Without it, it has to be sent in chunks.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.outgoing.length()
    }

    /// What is told of it while it moves.
    pub(crate) fn outgoing(&self) -> &Arc<Outgoing> {
        &self.outgoing
    }

    /// All of it.
    pub(crate) async fn collect(mut self) -> Result<Bytes, TransportError> {
        let mut body = Vec::new();
        while let Some(piece) = self.next().await {
            body.extend_from_slice(&piece?);
        }
        Ok(body.into())
    }

    fn poll_content(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        let mut piece = vec![0; PIECE];
        let mut room = ReadBuf::new(&mut piece);
        let read = ready!(self.content.as_mut().poll_read(context, &mut room));
        let length = room.filled().len();
        let told = read
            .map_err(|error| TransportError::new(FailureKind::Local, error))
            .and_then(|()| if length == 0 { self.outgoing.end() } else { self.outgoing.piece(&piece[..length]) });
        piece.truncate(length);
        Poll::Ready(told.map(|()| piece.into()))
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match self.part {
                Part::Head => {
                    self.outgoing.begin();
                    self.part = Part::Content;
                    return Poll::Ready(Some(Ok(self.outgoing.head())));
                }
                Part::Content => match ready!(self.poll_content(context)) {
                    Ok(piece) if piece.is_empty() => self.part = Part::Tail,
                    Ok(piece) => return Poll::Ready(Some(Ok(piece))),
                    // The transport has its own words for it; these are kept for afterwards.
                    Err(failure) => {
                        self.part = Part::Over;
                        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                        let told = TransportError::new(FailureKind::Local, "the file cannot be read");
                        return Poll::Ready(Some(Err(told)));
                    }
                },
                Part::Tail => {
                    self.part = Part::Over;
                    return Poll::Ready(Some(Ok(self.outgoing.tail())));
                }
                Part::Over => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("file", &self.outgoing).finish_non_exhaustive()
    }
}

/// Where the body of an answer goes that is a file.
pub struct Receiver<'a> {
    incoming: Arc<Incoming>,
    to: &'a mut (dyn AsyncWrite + Send + Unpin),
}

impl<'a> Receiver<'a> {
    pub(crate) fn new(incoming: Arc<Incoming>, to: &'a mut (dyn AsyncWrite + Send + Unpin)) -> Self {
        Self { incoming, to }
    }

    /// Whether the body of the answer with this head is the file. Otherwise it is collected as that of any answer.
    ///
    /// # Errors
    ///
    /// When it is the file in a form in which it cannot be taken.
    pub fn begin(&self, head: &Parts) -> Result<bool, TransportError> {
        self.incoming.begin(head.status, &head.headers)
    }

    /// Takes the next piece of the file.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or when more comes than there should be.
    pub async fn take(&mut self, piece: &[u8]) -> Result<(), TransportError> {
        let piece = self.incoming.piece(piece)?;
        self.to.write_all(&piece).await.map_err(|error| TransportError::new(FailureKind::Local, error))
    }
}

impl fmt::Debug for Receiver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("file", &self.incoming).finish_non_exhaustive()
    }
}
