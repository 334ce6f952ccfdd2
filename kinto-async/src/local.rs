//! What goes wrong on this side, with what is read and written here.

use std::io;
use std::path::Path;

use kinto_protocol::{Error, FailureKind, TransportError};

/// An error of reading or writing.
pub(crate) fn local(error: io::Error) -> TransportError {
    TransportError::new(FailureKind::Local, error)
}

/// An error of a file, with its name.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |error| TransportError::new(FailureKind::Local, format!("{path}: {error}")).into()
}
