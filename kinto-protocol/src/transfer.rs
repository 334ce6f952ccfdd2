//! The file that a request sends or fetches.

#[cfg(feature = "attachments")]
use std::sync::Arc;

use http::HeaderMap;

#[cfg(feature = "attachments")]
use crate::incoming::Incoming;
#[cfg(feature = "attachments")]
use crate::outgoing::Outgoing;

/// The file that a request sends or fetches, see [`Exchange::transfer`](crate::Exchange::transfer): for drivers that move
/// it piece by piece, in constant memory. Nothing is one without the feature `attachments`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Transfer {
    /// The body of the request is [framed](Outgoing::head) around a file that the driver has.
    #[cfg(feature = "attachments")]
    Out(Arc<Outgoing>),
    /// The body of the answer is a file, if its status says so. A driver that does not ask gets it in memory.
    #[cfg(feature = "attachments")]
    In(Arc<Incoming>),
}

impl Transfer {
    /// Whether only a driver that moves it piece by piece can send it.
    pub(crate) fn needs_pieces(&self) -> bool {
        match *self {
            #[cfg(feature = "attachments")]
            Self::Out(_) => true,
            #[cfg(feature = "attachments")]
            Self::In(_) => false,
        }
    }

    /// How much is sent, as far as that is known.
    pub(crate) fn sends(&self) -> u64 {
        match *self {
            #[cfg(feature = "attachments")]
            Self::Out(ref file) => file.length().unwrap_or_default(),
            #[cfg(feature = "attachments")]
            Self::In(_) => 0,
        }
    }

    /// Whether it was read and cannot be read again.
    pub(crate) fn is_spent(&self) -> bool {
        match *self {
            #[cfg(feature = "attachments")]
            Self::Out(ref file) => file.is_spent(),
            #[cfg(feature = "attachments")]
            Self::In(_) => false,
        }
    }

    /// The headers by which a transfer goes on where it stopped.
    pub(crate) fn write_headers(&self, to: &mut HeaderMap) {
        #[cfg(not(feature = "attachments"))]
        let _ = to;
        match *self {
            #[cfg(feature = "attachments")]
            Self::Out(_) => {}
            #[cfg(feature = "attachments")]
            Self::In(ref file) => file.write_headers(to),
        }
    }
}

/// Two are the same if they move the same file to or from the same place.
impl PartialEq for Transfer {
    fn eq(&self, other: &Self) -> bool {
        #[cfg(not(feature = "attachments"))]
        let _ = other;
        match *self {
            #[cfg(feature = "attachments")]
            Self::Out(ref file) => matches!(other, Self::Out(other) if Arc::ptr_eq(file, other)),
            #[cfg(feature = "attachments")]
            Self::In(ref file) => matches!(other, Self::In(other) if Arc::ptr_eq(file, other)),
        }
    }
}

impl Eq for Transfer {}
