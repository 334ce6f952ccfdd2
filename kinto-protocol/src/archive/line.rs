//! One line of an export.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::json;
use crate::object::JsonMap;
use crate::permissions::Permissions;

/// What the first line of every export says that it is.
const FORMAT: &str = "kinto-export";

/// The only version there is.
const VERSION: u64 = 1;

/// One line of an export, see [`export_format`](crate::export_format).
///
/// ```
/// use kinto_protocol::ExportLine;
///
/// let text = r#"{"path":"/buckets/blog/collections/posts","data":{"id":"posts","last_modified":1},"permissions":null}"#;
/// let ExportLine::Object(posts) = ExportLine::parse(text)? else { panic!() };
/// assert_eq!(posts.data["id"], "posts");
/// assert_eq!(ExportLine::Object(posts).to_bytes()?, format!("{text}\n").as_bytes());
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExportLine {
    /// The first: what this is an export of.
    Header(ExportHeader),
    /// An object.
    Object(ExportedObject),
    /// The last: all that there was is before it.
    End(ExportEnd),
}

/// The first line of an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExportHeader {
    format: String,
    version: u64,
    /// The URL of the server.
    pub server: String,
    /// When it was begun, in milliseconds since 1970, if whoever exported said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
    /// The path of the bucket or collection that was exported, with all that is in it.
    pub path: String,
    /// Whether the permissions of records were read.
    #[serde(default)]
    pub record_permissions: bool,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: JsonMap,
}

impl ExportHeader {
    pub(super) fn new(server: String, path: String, time: Option<i64>, record_permissions: bool) -> Self {
        let other = JsonMap::new();
        Self { format: FORMAT.to_owned(), version: VERSION, server, time, path, record_permissions, other }
    }
}

/// A bucket, group, collection or record of an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExportedObject {
    /// Its path on the server it comes from.
    pub path: String,
    /// All its fields, with `id` and `last_modified`.
    pub data: JsonMap,
    /// Its own permissions.
    #[serde(default, skip_serializing_if = "ExportedPermissions::are_not_read")]
    pub permissions: ExportedPermissions,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: JsonMap,
}

impl ExportedObject {
    pub(super) fn new(path: String, data: JsonMap, permissions: ExportedPermissions) -> Self {
        Self { path, data, permissions, other: JsonMap::new() }
    }
}

/// What an export knows of an object's permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "read and seen, read and not seen, or not read")]
pub enum ExportedPermissions {
    /// Nobody asked for them. The line has no member `permissions`.
    #[default]
    NotRead,
    /// Whoever exported may not see them, which does not mean that there are none: `null`.
    NotVisible,
    /// These.
    Visible(Permissions),
}

impl ExportedPermissions {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn are_not_read(&self) -> bool {
        *self == Self::NotRead
    }
}

impl Serialize for ExportedPermissions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::NotRead | Self::NotVisible => to.serialize_none(),
            Self::Visible(permissions) => permissions.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for ExportedPermissions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let permissions = Option::<Permissions>::deserialize(from)?;
        // Empty ones are how servers and other tools write that they are not to be seen: they take nothing from anybody.
        Ok(permissions.filter(|shown| !shown.is_empty()).map_or(Self::NotVisible, Self::Visible))
    }
}

/// The last line of an export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExportEnd {
    /// How many lines with objects there were. For information: who edits an export need not count.
    pub objects: u64,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: JsonMap,
}

impl ExportEnd {
    pub(super) fn new(objects: u64) -> Self {
        Self { objects, other: JsonMap::new() }
    }
}

impl ExportLine {
    /// Reads a line, with or without what ends it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for what is no such line, or of a version that is not known here, and
    /// for integers that no type of 64 bits can hold.
    pub fn parse(text: &str) -> Result<Self> {
        if json::holds_huge_integer(text) {
            return Err(Error::input("it holds an integer of more than 64 bits, which would be rounded"));
        }
        let malformed = |error: serde_json::Error| Error::input("it is no line of an export").caused_by(error.into());
        let mut line: JsonMap = serde_json::from_str(text).map_err(malformed)?;
        if let Some(format) = line.get("format") {
            if format != FORMAT {
                return Err(Error::input(format!("it is of the format {format}, and not of \"{FORMAT}\"")));
            }
            // Before anything else is looked at: another version may have other members.
            let version = line.get("version").unwrap_or(&Value::Null);
            if *version != VERSION {
                let why = format!("the export is of version {version}, and only version {VERSION} is known here");
                return Err(Error::input(why).hint("a newer version of this library may know it"));
            }
            return serde_json::from_value(line.into()).map(Self::Header).map_err(malformed);
        }
        match line.remove("end") {
            Some(end) => serde_json::from_value(end).map(Self::End).map_err(malformed),
            None => serde_json::from_value(line.into()).map(Self::Object).map_err(malformed),
        }
    }

    /// The line, with what ends it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for what cannot be written as JSON, such as data nested too deep.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Last<'a> {
            end: &'a ExportEnd,
        }
        let text = match self {
            Self::Header(header) => json::to_bytes(header)?,
            Self::Object(object) => json::to_bytes(object)?,
            Self::End(end) => json::to_bytes(&Last { end })?,
        };
        let mut line = Vec::from(text);
        line.push(b'\n');
        Ok(line)
    }
}
