//! Files that move piece by piece.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use http::response::Parts;
use kinto_protocol::{FailureKind, Incoming, Outgoing, TransportError};

/// How large a piece is.
pub(crate) const PIECE: usize = 64 * 1024;

/// The body of a request that sends a file: read from it.
pub struct Pieces<'a> {
    outgoing: Arc<Outgoing>,
    content: &'a mut dyn Read,
    /// What is read now, and how far.
    part: Part,
    failure: Option<TransportError>,
}

enum Part {
    Head(usize),
    Content,
    Tail(usize),
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(outgoing: Arc<Outgoing>, content: &'a mut dyn Read) -> Self {
        Self { outgoing, content, part: Part::Head(0), failure: None }
    }

    /// How long the body is, if that is known. Without it, it has to be sent in chunks.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.outgoing.length()
    }

    /// All of it.
    pub(crate) fn collect(&mut self) -> Result<Vec<u8>, TransportError> {
        let mut body = Vec::new();
        match self.read_to_end(&mut body) {
            Ok(_) => Ok(body),
            Err(error) => Err(self.failure().unwrap_or_else(|| TransportError::new(FailureKind::Local, error))),
        }
    }

    /// Why it could not be read, if it could not.
    pub(crate) fn failure(&mut self) -> Option<TransportError> {
        self.failure.take()
    }

    fn content(&mut self, into: &mut [u8]) -> Result<usize, TransportError> {
        let length = loop {
            match self.content.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(|error| TransportError::new(FailureKind::Local, error))?,
            }
        };
        if length == 0 {
            self.outgoing.end()?
        } else {
            self.outgoing.piece(&into[..length])?
        }
        Ok(length)
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            match &mut self.part {
                Part::Head(at) => {
                    let length = copy(&self.outgoing.head(), at, into);
                    if length > 0 {
                        return Ok(length);
                    }
                    self.outgoing.begin();
                    self.part = Part::Content;
                }
                Part::Content => match self.content(into) {
                    Ok(0) => self.part = Part::Tail(0),
                    Ok(length) => return Ok(length),
                    // The transport has its own words for it; these are kept for afterwards.
                    Err(failure) => {
                        self.failure = Some(failure);
                        return Err(io::Error::other("the file cannot be read"));
                    }
                },
                Part::Tail(at) => return Ok(copy(&self.outgoing.tail(), at, into)),
            }
        }
    }
}

/// As much of this as there is room for, from there on.
fn copy(from: &[u8], at: &mut usize, into: &mut [u8]) -> usize {
    let rest = &from[*at..];
    let length = rest.len().min(into.len());
    into[..length].copy_from_slice(&rest[..length]);
    *at += length;
    length
}

impl fmt::Debug for Pieces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("file", &self.outgoing).finish_non_exhaustive()
    }
}

/// Where the body of an answer goes that is a file.
pub struct Receiver<'a> {
    incoming: Arc<Incoming>,
    to: &'a mut dyn Write,
}

impl<'a> Receiver<'a> {
    pub(crate) fn new(incoming: Arc<Incoming>, to: &'a mut dyn Write) -> Self {
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
    pub fn take(&mut self, piece: &[u8]) -> Result<(), TransportError> {
        let piece = self.incoming.piece(piece)?;
        self.to.write_all(&piece).map_err(|error| TransportError::new(FailureKind::Local, error))
    }
}

impl fmt::Debug for Receiver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("file", &self.incoming).finish_non_exhaustive()
    }
}
