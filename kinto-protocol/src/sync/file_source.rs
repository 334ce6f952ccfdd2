//! Where the content of files comes from.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::attachment::{Attachment, hex};
use crate::error::{Error, ErrorKind, Result};
use crate::flows::Download;
use crate::session::Session;
use crate::sync::file_edit::FileEdit;

/// Where content comes from that is not here.
pub(super) enum Source {
    Nowhere,
    /// Nowhere either, as was found out.
    Missing(Error),
    Server(Session),
    Caller(Give),
}

/// Gives the content of a file, by the id of its record and what is planned.
type Give = Box<dyn FnMut(&str, &Attachment) -> Result<Bytes> + Send>;

/// The content of a file.
pub(super) enum Content {
    /// What it is; nothing where the file is to be removed.
    Here(Option<Bytes>),
    ToBeFetched(Box<Download>),
}

impl Source {
    pub(super) fn caller<C, E>(mut give: impl FnMut(&str, &Attachment) -> Result<C, E> + Send + 'static) -> Self
    where
        C: Into<Bytes>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let failed = |error: E| Error::new(ErrorKind::Io, "there is no content for it").caused_by(error.into());
        Self::Caller(Box::new(move |id, file| give(id, file).map(Into::into).map_err(failed)))
    }

    pub(super) fn is_nowhere(&self) -> bool {
        matches!(self, Self::Nowhere)
    }

    /// The session that a part is asked with, which may be about the source.
    pub(super) fn asks(&self, of_source: bool, session: &Session) -> Session {
        match self {
            Self::Server(source) if of_source => source.clone(),
            _ => session.clone(),
        }
    }

    /// The content of the file of this record.
    pub(super) fn content(&mut self, id: &str, edit: &FileEdit) -> Result<Content> {
        let (Some(file), None) = (&edit.new, &edit.content) else {
            return Ok(Content::Here(edit.content.clone()));
        };
        match self {
            Self::Nowhere => Err(nowhere()),
            Self::Missing(error) => Err(error.copy()),
            Self::Server(_) => Ok(Content::ToBeFetched(Box::new(file.download()))),
            Self::Caller(give) => checked(file, give(id, file)?).map(|content| Content::Here(Some(content))),
        }
    }
}

/// What the caller gives may be another than was planned.
fn checked(file: &Attachment, content: Bytes) -> Result<Bytes> {
    let (size, hash) = (content.len() as u64, hex(&Sha256::digest(&content)));
    if file.is(size, &hash) {
        return Ok(content);
    }
    let planned = format!("{} bytes with the SHA-256 {}", file.size, file.hash);
    let why = format!("the content given for it has {size} bytes with the SHA-256 {hash}, and {planned} were planned");
    Err(Error::new(ErrorKind::Attachment, why))
}

pub(super) fn nowhere() -> Error {
    Error::input("its content is not here")
}
