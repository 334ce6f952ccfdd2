//! One change of a plan.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json;
use crate::object::JsonMap;
use crate::permissions::Permissions;
use crate::server_error::Escaped;
use crate::sync::files::FileEdit;
use crate::timestamp::Timestamp;

/// How many characters of a value are shown to people.
const SHOWN: usize = 60;

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EditKind {
    /// The record is not there, and is to be.
    Create,
    /// The record is another than it is to be.
    Update,
    /// The record is there, and is not to be.
    Delete,
}

/// One change of a [`Plan`](crate::Plan).
///
/// `Display` is for people: a line for the record, and one for each field that changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Edit {
    pub(super) kind: EditKind,
    pub(super) id: String,
    /// What the record was like when the plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_modified: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_object")]
    pub(super) old: Option<Box<str>>,
    /// What is to be written of its data: all, or some fields.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_object")]
    pub(super) data: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) some_fields: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) permissions: Option<Permissions>,
    /// The timestamp it is to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    /// What becomes of its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<Box<FileEdit>>,
}

/// What becomes of one field, see [`Edit::fields`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FieldEdit {
    /// Its name.
    pub name: String,
    /// What it was; `None` where it was not there.
    pub old: Option<Value>,
    /// What it is to be; `None` where it is to be gone.
    pub new: Option<Value>,
}

impl Edit {
    pub(super) fn of(kind: EditKind, id: String) -> Self {
        let (last_modified, old, data, permissions, at) = (None, None, None, None, None);
        Self { kind, id, last_modified, old, data, some_fields: false, permissions, at, file: None }
    }

    /// What it does: creates, updates or deletes the record.
    #[must_use]
    pub fn kind(&self) -> EditKind {
        self.kind
    }

    /// The id of the record.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When the record that is to be changed or deleted was last changed: only that one is.
    #[must_use]
    pub fn last_modified(&self) -> Option<Timestamp> {
        self.last_modified
    }

    /// The record as it was read, if it was kept: see [`Survey::keep_bytes`](crate::Survey::keep_bytes).
    #[must_use]
    pub fn old(&self) -> Option<JsonMap> {
        parsed(self.old.as_deref())
    }

    /// What is to be written of its data, if any is.
    #[must_use]
    pub fn data(&self) -> Option<JsonMap> {
        parsed(self.data.as_deref())
    }

    /// Its permissions, if they are to be written.
    #[must_use]
    pub fn permissions(&self) -> Option<&Permissions> {
        self.permissions.as_ref()
    }

    /// What becomes of its file, if anything does.
    #[cfg(feature = "attachments")]
    #[must_use]
    pub fn file(&self) -> Option<&FileEdit> {
        self.file.as_deref()
    }

    /// The fields that change, by name, but for that of its file. Of an update whose old record was not kept, all that are written.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldEdit> {
        let (old, new) = (self.old().unwrap_or_default(), self.data().unwrap_or_default());
        if self.kind == EditKind::Update && self.data.is_none() {
            return Vec::new();
        }
        let gone = old.keys().filter(|name| !self.some_fields && !new.contains_key(*name));
        // The server writes that one itself.
        let of_file = |name: &String| self.file.is_some() && name == "attachment";
        let mut names: Vec<&String> = new.keys().chain(gone).filter(|name| !of_file(name)).collect();
        names.sort_unstable();
        let field = |name: &String| {
            let (old, new) = (old.get(name).cloned(), new.get(name).cloned());
            let same = old.as_ref().zip(new.as_ref()).is_some_and(|(old, new)| json::same(old, new));
            (!same).then(|| FieldEdit { name: name.clone(), old, new })
        };
        names.into_iter().filter_map(field).collect()
    }
}

/// It is kept as text, which takes a fraction of the memory.
fn parsed(text: Option<&str>) -> Option<JsonMap> {
    serde_json::from_str(text?).ok()
}

/// In whatever format a plan is saved, data are objects.
mod as_object {
    use serde::de::{Deserialize as _, Deserializer, Error as _};
    use serde::ser::{Error as _, Serialize as _, Serializer};

    use crate::object::JsonMap;

    pub(super) fn serialize<S: Serializer>(text: &Option<Box<str>>, to: S) -> Result<S::Ok, S::Error> {
        let object = text.as_deref().map(serde_json::from_str::<JsonMap>).transpose();
        object.map_err(S::Error::custom)?.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Box<str>>, D::Error> {
        let object = Option::<JsonMap>::deserialize(from)?;
        let text = object.map(|object| serde_json::to_string(&object)).transpose();
        Ok(text.map_err(D::Error::custom)?.map(String::into_boxed_str))
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.kind {
            EditKind::Create => '+',
            EditKind::Update => '~',
            EditKind::Delete => '-',
        };
        write!(f, "{mark} {}", Escaped(&self.id))?;
        if self.kind == EditKind::Delete {
            return Ok(());
        }
        for field in self.fields() {
            write!(f, "\n    {field}")?;
        }
        if let Some(file) = &self.file {
            write!(f, "\n    attachment: {file}")?;
        }
        for (permission, whom) in self.permissions.iter().flat_map(Permissions::iter) {
            let whom = whom.collect::<Vec<_>>().join(", ");
            write!(f, "\n    {}: {}", Escaped(permission), Escaped(&whom))?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Escaped(&self.name);
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => {
                let (old, new) = (old.to_string(), new.to_string());
                let alike = old.chars().zip(new.chars()).take_while(|(old, new)| old == new).count();
                // Of long ones, what is the same is not what anybody looks for.
                let from = if alike > SHOWN / 2 { alike - SHOWN / 4 } else { 0 };
                write!(f, "{name}: {} → {}", short(&old, from), short(&new, from))
            }
            (None, Some(new)) => write!(f, "{name}: {}", short(&new.to_string(), 0)),
            (Some(old), None) => write!(f, "{name}: {} → gone", short(&old.to_string(), 0)),
            (None, None) => write!(f, "{name}"),
        }
    }
}

/// A value as people want to see it: on one line, and not all of a long one.
fn short(text: &str, from: usize) -> String {
    let before = if from > 0 { "…" } else { "" };
    let after = if text.chars().nth(from + SHOWN).is_some() { "…" } else { "" };
    let shown: String = text.chars().skip(from).take(SHOWN).collect();
    format!("{before}{}{after}", Escaped(&shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_values_what_differs_is_shown() {
        let same = "long ".repeat(30);
        let of = |old: String, new: String| {
            FieldEdit { name: "text".to_owned(), old: Some(old.into()), new: Some(new.into()) }.to_string()
        };
        assert_eq!(of("a".into(), "b".into()), "text: \"a\" → \"b\"");
        let shown = of(format!("{same}old"), format!("{same}new"));
        assert_eq!(shown, "text: …long long long old\" → …long long long new\"");
        let shown = of(format!("{same}old{same}"), format!("{same}new{same}"));
        assert!(shown.contains(" oldlong") && shown.contains(" newlong") && shown.len() < 200, "{shown}");
        assert_eq!(of(same.clone(), format!("{same}more")), "text: …long long long \" → …long long long more\"");
    }
}
