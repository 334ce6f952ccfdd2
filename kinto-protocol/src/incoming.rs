//! A file on its way from where it is kept, piece by piece.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::header::{CONTENT_ENCODING, CONTENT_RANGE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::attachment::{Attachment, Progress, hex};
use crate::error::{Error, ErrorKind, Result};
use crate::transport_error::{FailureKind, TransportError};

/// A file on its way here: for drivers that have a place for its bytes, see [`Transfer`](crate::Transfer).
///
/// The driver shows the head of each answer: if the file [begins](Self::begin) there, each piece of the body is
/// [taken](Self::piece), and what this gives back is to be written. When an attempt breaks off, the next one goes on behind
/// what was written: there is nothing to be taken back.
pub struct Incoming {
    size: u64,
    hash: Option<String>,
    progress: Option<Progress>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How much was taken.
    got: u64,
    /// How much of the present answer was taken before.
    skip: u64,
    hash: Sha256,
    /// What the file was like when it began to come.
    version: Option<HeaderValue>,
    /// Whether it comes encoded, so that its bytes on the wire are not those of the file.
    encoded: bool,
    #[cfg(feature = "gzip")]
    decoder: Option<flate2::write::GzDecoder<Vec<u8>>>,
    /// Whether more has come than there should be.
    excess: bool,
}

impl Incoming {
    /// The file that this describes.
    pub(crate) fn new(attachment: &Attachment, progress: Option<Progress>) -> Self {
        let hash = (!attachment.hash.is_empty()).then(|| attachment.hash.to_ascii_lowercase());
        Self { size: attachment.size, hash, progress, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is in there is whole after every statement, whoever panicked elsewhere.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes of the file there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many of them have come.
    #[must_use]
    pub fn got(&self) -> u64 {
        self.state().got
    }

    /// Whether the body of the answer that begins so is the file. Otherwise it is collected as that of any answer.
    ///
    /// # Errors
    ///
    /// When it is the file in a form in which it cannot be taken: the answer must be broken off.
    pub fn begin(&self, status: StatusCode, headers: &HeaderMap) -> Result<bool, TransportError> {
        let mut state = self.state();
        let wrong = |why: &str| Err(TransportError::new(FailureKind::Protocol, why));
        let coding = headers.get(CONTENT_ENCODING).filter(|coding| *coding != "identity");
        match status {
            StatusCode::OK => state.skip = state.got,
            StatusCode::PARTIAL_CONTENT if coding.is_none() && starts_at(headers) == Some(state.got) => {
                state.skip = 0;
            }
            StatusCode::PARTIAL_CONTENT => return wrong("a part of the file was given that was not asked for"),
            _ => return Ok(false),
        }
        state.encoded = coding.is_some();
        if state.version.is_none() {
            state.version = version(headers);
        }
        #[cfg(feature = "gzip")]
        {
            state.decoder = coding.map(|_| flate2::write::GzDecoder::new(Vec::new()));
            if coding.is_some_and(|coding| coding != "gzip") {
                return wrong("the file is encoded in a way that was not asked for");
            }
        }
        #[cfg(not(feature = "gzip"))]
        if coding.is_some() {
            return wrong("the file is encoded in a way that was not asked for");
        }
        Ok(true)
    }

    /// Takes a piece of the body, and gives what is to be written.
    ///
    /// # Errors
    ///
    /// When more comes than there should be, or what cannot be decoded: the answer must be broken off.
    pub fn piece<'a>(&self, piece: &'a [u8]) -> Result<Cow<'a, [u8]>, TransportError> {
        let mut state = self.state();
        #[cfg(feature = "gzip")]
        let piece = match &mut state.decoder {
            Some(decoder) => Cow::Owned(decode(decoder, piece, self.size)?),
            None => Cow::Borrowed(piece),
        };
        #[cfg(not(feature = "gzip"))]
        let piece = Cow::Borrowed(piece);
        let old = usize::try_from(state.skip).unwrap_or(usize::MAX).min(piece.len());
        state.skip -= old as u64;
        let new = match piece {
            Cow::Borrowed(piece) => Cow::Borrowed(&piece[old..]),
            Cow::Owned(mut piece) => {
                piece.drain(..old);
                Cow::Owned(piece)
            }
        };
        if state.got + new.len() as u64 > self.size {
            state.excess = true;
            return Err(TransportError::new(FailureKind::TooLarge, "more comes than the file has"));
        }
        state.got += new.len() as u64;
        state.hash.update(&new);
        let got = state.got;
        drop(state);
        if let Some(progress) = &self.progress {
            progress(got, Some(self.size));
        }
        Ok(new)
    }

    /// Whether more came than there should be.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.state().excess
    }

    /// Whether what has come is the file.
    pub(crate) fn verify(&self) -> Result<()> {
        let state = self.state();
        if state.excess || state.got != self.size {
            let got = if state.excess { "more".to_owned() } else { state.got.to_string() };
            let why = format!("the file has {got} bytes, where its record says {}", self.size);
            return Err(Error::new(ErrorKind::Attachment, why));
        }
        let found = hex(&state.hash.clone().finalize());
        if let Some(hash) = self.hash.as_ref().filter(|hash| **hash != found) {
            let why = format!("the SHA-256 of the file is {found}, where its record says {hash}");
            return Err(Error::new(ErrorKind::Attachment, why));
        }
        Ok(())
    }

    /// Asks for what is still to come, where that can be said.
    pub(crate) fn write_headers(&self, to: &mut HeaderMap) {
        let state = self.state();
        // Without a version, what comes could be of another file. It would be noticed, but in vain.
        let Some(version) = state.version.as_ref().filter(|_| state.got > 0 && state.got < self.size) else { return };
        if !state.encoded
            && let Ok(range) = HeaderValue::try_from(format!("bytes={}-", state.got))
        {
            to.insert(RANGE, range);
            to.insert(IF_RANGE, version.clone());
        }
    }
}

/// By which the server tells whether the file is still the same. A weak tag does not say so to the byte.
fn version(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    tag.or_else(|| headers.get(LAST_MODIFIED)).cloned()
}

/// Where the part begins that an answer gives.
fn starts_at(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}

/// What this becomes, but not much more than the file can have: a little can become very much.
#[cfg(feature = "gzip")]
fn decode(decoder: &mut flate2::write::GzDecoder<Vec<u8>>, piece: &[u8], most: u64) -> Result<Vec<u8>, TransportError> {
    use std::io::Write as _;
    for part in piece.chunks(512) {
        decoder.write_all(part).map_err(|error| TransportError::new(FailureKind::Protocol, error))?;
        if decoder.get_ref().len() as u64 > most {
            break;
        }
    }
    decoder.flush().map_err(|error| TransportError::new(FailureKind::Protocol, error))?;
    Ok(std::mem::take(decoder.get_mut()))
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("size", &self.size).field("got", &self.got()).finish_non_exhaustive()
    }
}
