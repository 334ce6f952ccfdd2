//! Why a server could not be started.

use std::io;

/// Why a server could not be started. Its text says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No usable Python was found.
    #[error("{0}")]
    Python(String),
    /// Kinto could not be installed.
    #[error("{message}\n{output}")]
    Install {
        /// Which step failed.
        message: String,
        /// What the step printed.
        output: String,
    },
    /// The backend cannot be used on this machine, as
    /// [`Backend::available`](crate::Backend::available) says.
    #[error("{0}")]
    Unavailable(String),
    /// The server ended early, or never answered.
    #[error("the Kinto server did not start: {message}\nThe end of its log:\n{log}")]
    Server {
        /// What happened.
        message: String,
        /// The last lines of the server's log.
        log: String,
    },
    /// A file or a process could not be made.
    #[error("{action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl StartError {
    /// For `map_err`: an I/O error together with what was tried.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
