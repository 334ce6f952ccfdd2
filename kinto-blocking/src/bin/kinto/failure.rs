//! How the program ends.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use kinto_blocking::cli::ArgsError;
use kinto_blocking::{Error, ErrorKind, StatusCode};

use crate::hints::in_words_of_the_command;

/// How it ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What was to be done is done.
    Done,
    /// A dry run found something to do.
    Changes,
}

/// Why it did not. `Display` is one line.
#[derive(Debug)]
pub(crate) enum Failure {
    Kinto(Error),
    /// The arguments are not as they have to be.
    Usage(String),
    /// Something of this machine: a file, the terminal.
    Local(String),
    /// Whoever was asked said no.
    Declined,
    /// Some of many failed, and the first of them ends with this status.
    Some(String, u8),
    /// It is not as it was when it was looked at.
    Changed(String),
    /// The server knows nobody by these credentials, or there are none.
    Nobody,
    /// Whoever reads the output has seen enough.
    Enough,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::Changes => Self::from(2),
        }
    }
}

impl Failure {
    /// Some of many failed, this one first.
    pub(crate) fn of_some(why: String, first: Option<&Error>) -> Self {
        Self::Some(why, first.map_or(1, status))
    }

    /// The same for many, of which this was the first.
    pub(crate) fn of_many(&self, why: String) -> Self {
        Self::Some(why, self.status())
    }

    /// Tells of it on standard error, and gives the exit status.
    pub(crate) fn tell(&self) -> ExitCode {
        if matches!(self, Self::Enough) {
            return ExitCode::SUCCESS;
        }
        // In one piece, so that nothing gets in between. Nobody to read it is no reason to fail in another way.
        let line = in_words_of_the_command(&self.to_string());
        let _ = io::stderr().lock().write_all(format!("kinto: {line}\n").as_bytes());
        ExitCode::from(self.status())
    }

    fn status(&self) -> u8 {
        match self {
            Self::Enough => 0,
            Self::Usage(_) => 3,
            Self::Some(_, status) => *status,
            Self::Changed(_) => 6,
            Self::Nobody => 4,
            Self::Local(_) | Self::Declined => 1,
            Self::Kinto(error) => status(error),
        }
    }
}

/// The exit status by what kind of error it is.
fn status(error: &Error) -> u8 {
    if let Some(status) = error.status() {
        return match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => 4,
            StatusCode::NOT_FOUND => 5,
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => 6,
            status if status.is_client_error() => 7,
            _ => 8,
        };
    }
    match error.kind() {
        ErrorKind::Input => 3,
        ErrorKind::Login => 4,
        ErrorKind::Unsupported | ErrorKind::Decode | ErrorKind::Redirect | ErrorKind::Protocol => 8,
        ErrorKind::Connect
        | ErrorKind::Tls
        | ErrorKind::Timeout
        | ErrorKind::Interrupted
        | ErrorKind::Backoff
        | ErrorKind::Deadline => 9,
        _ => 1,
    }
}

/// Help and version are no errors; anything else about the arguments is.
pub(crate) fn of_arguments(error: &clap::Error) -> ExitCode {
    // Nobody to read it is no reason to fail in another way.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(3) } else { ExitCode::SUCCESS }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Kinto(error)
    }
}

impl From<ArgsError> for Failure {
    fn from(error: ArgsError) -> Self {
        match error {
            ArgsError::Client(error) => Self::Kinto(error),
            other => Self::Usage(other.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Enough,
            _ => Self::Local(error.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kinto(error) => error.fmt(f),
            Self::Usage(why) | Self::Local(why) | Self::Some(why, _) | Self::Changed(why) => f.write_str(why),
            Self::Declined => f.write_str("nothing was done"),
            Self::Nobody => f.write_str("the server knows nobody by these credentials, or none were given"),
            Self::Enough => Ok(()),
        }
    }
}
