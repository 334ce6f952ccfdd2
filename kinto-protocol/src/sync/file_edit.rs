//! What becomes of the file of a record.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::attachment::{Attachment, hex, no_hash, understood};
use crate::error::Result;
use crate::object::JsonMap;
use crate::server_error::Escaped;
use crate::sync::compare::{file_of, same_file};
use crate::sync::planner::There;
use crate::timestamp::Timestamp;

/// What becomes of the file of a record, see [`Edit::file`](crate::Edit::file).
///
/// `Display` is for people: `old.png, 12 bytes → new.png, 34 bytes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileEdit {
    /// What the record said of its file; `None` where it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Attachment>,
    /// The file that it is to have; `None` where that is to be gone. Its `location` is where it comes from, if it was read
    /// elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Attachment>,
    /// The timestamp that the record has until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Timestamp>,
    /// The content, where it is here already. It is not saved with a plan.
    #[serde(skip)]
    pub(super) content: Option<Bytes>,
}

impl FileEdit {
    pub(super) fn attaches(&self) -> bool {
        self.new.is_some()
    }

    /// Whether it attaches what is not here.
    pub(super) fn lacks_content(&self) -> bool {
        self.attaches() && self.content.is_none()
    }

    /// The timestamp that the record has until then.
    pub(super) fn before(&self) -> Option<Timestamp> {
        self.before
    }

    pub(super) fn begin_at(&mut self, before: Timestamp) {
        self.before = Some(before);
    }
}

/// Which file a record is to have.
#[derive(Clone, Debug)]
pub(crate) enum WantedFile {
    /// What its data say.
    OfData,
    /// This one.
    Here(Box<(Attachment, Bytes)>),
    /// That which it has.
    AsItIs,
}

impl WantedFile {
    pub(super) fn here(name: String, content: Bytes) -> Self {
        let hash = hex(&Sha256::digest(&content));
        let file = Attachment { filename: name, hash, size: content.len() as u64, ..Attachment::default() };
        Self::Here(Box::new((file, content)))
    }

    /// What has to be done for it.
    pub(super) fn edit(self, there: Option<&There>, data: &JsonMap) -> Result<Option<Box<FileEdit>>> {
        let (new, content) = match self {
            Self::AsItIs => return Ok(None),
            Self::Here(here) => (Some(here.0), Some(here.1)),
            Self::OfData => (file_of(data).map(attachable).transpose()?, None),
        };
        let old = there.and_then(There::file);
        let described = new.as_ref().and_then(|new| serde_json::to_value(new).ok());
        if same_file(described.as_ref(), old.as_ref()) {
            return Ok(None);
        }
        // Whatever is said of it, it is one to be replaced, or removed.
        let old = old.map(|old| Attachment::deserialize(old).unwrap_or_default());
        Ok(Some(Box::new(FileEdit { old, new, before: None, content })))
    }
}

/// What a record says of a file, as far as that can be attached to another.
pub(crate) fn attachable(file: &Value) -> Result<Attachment> {
    let file = understood(file)?;
    if file.is_checkable() { Ok(file) } else { Err(no_hash()) }
}

impl fmt::Display for FileEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alike = |old: &Attachment, new: &Attachment| old.filename == new.filename && old.size == new.size;
        let alike = self.old.as_ref().zip(self.new.as_ref()).is_some_and(|(old, new)| alike(old, new));
        let show = |file: &Attachment, f: &mut fmt::Formatter<'_>| {
            write!(f, "{}, {} bytes", Escaped(&file.filename), file.size)?;
            // What else tells one from the other is their content.
            let hash: String = file.hash.chars().take(8).collect();
            if alike { write!(f, ", {}", Escaped(&hash)) } else { Ok(()) }
        };
        if let Some(old) = &self.old {
            show(old, f)?;
            f.write_str(" → ")?;
        }
        match &self.new {
            Some(new) => show(new, f),
            None => f.write_str("gone"),
        }
    }
}
