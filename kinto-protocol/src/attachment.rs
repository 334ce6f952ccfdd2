//! Files attached to records.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::file_name;
use crate::flows::{Download, RemoveAttachment, Upload};
use crate::object::{JsonMap, Object};
use crate::operations::{Get, GetAttachment};
use crate::path::Path;

/// Is told how many bytes of a file have moved, and how many there are, where that is known.
pub(crate) type Progress = Arc<dyn Fn(u64, Option<u64>) + Send + Sync>;

/// The address of the file that is attached to a record, see [`Collection::attachment`](crate::Collection::attachment).
/// Needs the plugin `attachments`.
///
/// ```
/// use kinto_protocol::bucket;
/// use serde_json::json;
///
/// let photo = bucket("blog").collection("posts").attachment("hello");
/// let upload = photo.upload("hello.jpg").data(&json!({"title": "Hello"})).content(&b"..."[..]);
/// let download = photo.download();
/// let remove = photo.remove();
/// # let _ = (upload, download, remove);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordFile {
    record: Path,
    id: String,
}

impl RecordFile {
    pub(crate) fn new(record: Path, id: &str) -> Self {
        Self { record: record.needing("attachments"), id: id.to_owned() }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn record(&self) -> &Path {
        &self.record
    }

    pub(crate) fn path(&self) -> Path {
        self.record.join("/attachment")
    }

    /// The record, as far as it is of interest.
    pub(crate) fn get_record(&self) -> Get<JsonMap> {
        Get::new(self.record.clone())
    }

    /// Reads what the record says of the file.
    #[must_use]
    pub fn get(&self) -> GetAttachment {
        GetAttachment::new(self.clone())
    }

    /// Attaches a file of that name to the record, which is created if there is none. Its content comes from memory
    /// ([`content`](Upload::content)), or piece by piece with `upload_from` or `upload_file` of a client.
    ///
    /// The name is what the record says; where the file is kept is up to the server.
    pub fn upload(&self, name: impl Into<String>) -> Upload {
        Upload::new(self.clone(), name.into())
    }

    /// Fetches the file into memory; piece by piece with `download_to` or `download_file` of a client.
    #[must_use]
    pub fn download(&self) -> Download {
        Download::of_record(self.clone())
    }

    /// Removes the file, if there is one. The record stays.
    #[must_use]
    pub fn remove(&self) -> RemoveAttachment {
        RemoveAttachment::new(self.clone())
    }
}

/// What a record says of the file that is attached to it: its member `attachment`.
///
/// For types of the caller's own, which may be given back to the server as they came:
///
/// ```
/// # use kinto_protocol::Attachment;
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Post {
///     title: String,
///     attachment: Option<Attachment>,
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Attachment {
    /// The name it was uploaded with. **Anybody's words**: never a path to write to, see [`safe_name`](Self::safe_name).
    #[serde(default)]
    pub filename: String,
    /// Where it is: a URL, or a path below the one that the server names.
    #[serde(default)]
    pub location: String,
    /// Its SHA-256, in hexadecimal digits.
    #[serde(default)]
    pub hash: String,
    /// Its media type.
    #[serde(default)]
    pub mimetype: String,
    /// Its size in bytes.
    pub size: u64,
    /// What else the server says of it.
    #[serde(flatten)]
    pub other: JsonMap,
}

impl Attachment {
    /// The same file as one of this size and SHA-256 (in hexadecimal digits).
    #[must_use]
    pub fn is(&self, size: u64, sha256: &str) -> bool {
        self.size == size && self.hash.eq_ignore_ascii_case(sha256)
    }

    /// Whether it says what a file can be checked by.
    pub(crate) fn is_checkable(&self) -> bool {
        self.hash.len() == 64 && self.hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// A name for a file in a folder of one's own, made of [`filename`](Self::filename): without steps, separators,
    /// control characters and names that some systems reserve, not hidden, and at most 200 bytes long.
    ///
    /// ```
    /// # let mut attachment: kinto_protocol::Attachment = serde_json::from_str(r#"{"size": 1}"#).unwrap();
    /// attachment.filename = "../../etc/pass\0wd".to_owned();
    /// assert_eq!(attachment.safe_name(), "__.._etc_pass_wd");
    /// attachment.filename = "con.txt".to_owned();
    /// assert_eq!(attachment.safe_name(), "_con.txt");
    /// ```
    #[must_use]
    pub fn safe_name(&self) -> String {
        file_name::safe(&self.filename)
    }

    /// Fetches this file: for those who have read the record already.
    #[must_use]
    pub fn download(&self) -> Download {
        Download::of(self.clone())
    }
}

/// What the data of a record say of its file: nothing for those that have none, and null.
pub(crate) fn attachment_of(record: &Object) -> Result<Option<Attachment>> {
    record.data.get("attachment").filter(|member| !member.is_null()).map(understood).transpose()
}

/// What a record says of its file.
pub(crate) fn understood(member: &Value) -> Result<Attachment> {
    Attachment::deserialize(member).map_err(|error| {
        let why = "what the record says of its attachment cannot be understood";
        Error::new(ErrorKind::Attachment, why).caused_by(error.into())
    })
}

pub(crate) fn no_file() -> Error {
    Error::new(ErrorKind::Attachment, "the record has no file attached")
}

pub(crate) fn no_hash() -> Error {
    Error::new(ErrorKind::Attachment, "the record says no SHA-256 of its file to check it by")
}

/// As hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
