//! A file on its way to the server, piece by piece.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::attachment::{Progress, hex};
use crate::transport_error::{FailureKind, TransportError};

/// A file on its way to the server: for drivers that have its bytes, see [`Transfer`](crate::Transfer).
///
/// The body of the request is [`head`](Self::head), the file, and [`tail`](Self::tail). Of each attempt the driver tells
/// where it [begins](Self::begin), shows each [piece](Self::piece), and [ends](Self::end) it, so that what is announced,
/// what is sent and what the server says it has can be held against each other.
pub struct Outgoing {
    head: Bytes,
    tail: Bytes,
    size: Option<u64>,
    once: bool,
    progress: Option<Progress>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    begun: bool,
    moved: u64,
    hash: Sha256,
    sent: Option<(u64, String)>,
}

impl Outgoing {
    /// A file of that size, if it is known, which can be read again unless it can be read only `once`.
    pub(crate) fn new(head: Bytes, tail: Bytes, size: Option<u64>, once: bool, progress: Option<Progress>) -> Self {
        Self { head, tail, size, once, progress, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is in there is whole after every statement, whoever panicked elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes before the file.
    #[must_use]
    pub fn head(&self) -> Bytes {
        self.head.clone()
    }

    /// What comes after the file.
    #[must_use]
    pub fn tail(&self) -> Bytes {
        self.tail.clone()
    }

    /// The bytes of the whole body, if they are known: its `Content-Length`.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.size?.checked_add((self.head.len() + self.tail.len()) as u64)
    }

    /// An attempt begins, with the first byte of the file.
    pub fn begin(&self) {
        *self.state() = State { begun: true, ..State::default() };
    }

    /// This is the next piece of the file.
    ///
    /// # Errors
    ///
    /// When it has become larger than was announced: the request must be broken off.
    pub fn piece(&self, piece: &[u8]) -> Result<(), TransportError> {
        let mut state = self.state();
        state.moved += piece.len() as u64;
        state.hash.update(piece);
        let moved = state.moved;
        drop(state);
        if self.size.is_some_and(|size| moved > size) {
            return Err(TransportError::new(FailureKind::Local, "the file has become larger while it was read"));
        }
        if let Some(progress) = &self.progress {
            progress(moved, self.size);
        }
        Ok(())
    }

    /// The file ends here.
    ///
    /// # Errors
    ///
    /// When it is smaller than was announced: the request must be broken off.
    pub fn end(&self) -> Result<(), TransportError> {
        let mut state = self.state();
        if self.size.is_some_and(|size| state.moved < size) {
            return Err(TransportError::new(FailureKind::Local, "the file has become smaller while it was read"));
        }
        state.sent = Some((state.moved, hex(&std::mem::take(&mut state.hash).finalize())));
        Ok(())
    }

    /// How many bytes of the file this attempt has moved.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.state().moved
    }

    /// Whether this attempt has come to the [end](Self::end).
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.state().sent.is_some()
    }

    /// The size and SHA-256 of what was sent, once all of it was.
    pub(crate) fn sent(&self) -> Option<(u64, String)> {
        self.state().sent.clone()
    }

    /// Whether it was begun and cannot be read again.
    pub(crate) fn is_spent(&self) -> bool {
        self.once && self.state().begun
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("size", &self.size).field("moved", &self.moved()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(size: Option<u64>, once: bool) -> Outgoing {
        Outgoing::new("<".into(), ">>".into(), size, once, None)
    }

    #[test]
    fn what_was_sent_is_known_only_at_the_end() {
        let file = outgoing(Some(3), false);
        assert_eq!(file.length(), Some(6));
        file.begin();
        file.piece(b"ab").unwrap();
        assert_eq!((file.moved(), file.sent()), (2, None));
        assert_eq!(file.end().unwrap_err().kind(), FailureKind::Local);
        file.begin();
        file.piece(b"abc").unwrap();
        file.end().unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(file.sent(), Some((3, abc.to_owned())));
        assert_eq!(file.piece(b"d").unwrap_err().kind(), FailureKind::Local);
    }

    #[test]
    fn what_can_be_read_once_is_spent_once_it_is_begun() {
        let file = outgoing(None, true);
        assert!(!file.is_spent() && file.length().is_none());
        file.begin();
        assert!(file.is_spent());
        let again = outgoing(None, false);
        again.begin();
        assert!(!again.is_spent());
    }
}
