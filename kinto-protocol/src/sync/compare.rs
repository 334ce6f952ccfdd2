//! Comparing one object with what is there.

use serde_json::Value;

use crate::object::JsonMap;
use crate::permissions::Permissions;
use crate::sync::planner::{Planner, There};

impl Planner {
    /// Whether these data are what is there, in what is the caller's.
    pub(crate) fn has_content(&self, there: &There, data: &JsonMap) -> bool {
        there.content == self.fingerprint(data)
    }

    /// Remembers that an object was compared.
    pub(crate) fn see(&mut self, id: &str) {
        if let Some(there) = self.there_mut(id) {
            there.wanted = true;
        }
    }
}

impl There {
    /// What the record says of its file.
    pub(crate) fn file(&self) -> Option<Value> {
        let mut fields: JsonMap = serde_json::from_str(self.carried.as_deref()?).ok()?;
        fields.remove("attachment")
    }

    /// Whether it has these permissions and no others, but for one more who may write: the writer.
    pub(crate) fn has_permissions(&self, wanted: &Permissions) -> bool {
        let Some(visible) = &self.permissions else { return false };
        let all = wanted.clone().naming_all_of(visible);
        all.iter().all(|(name, _)| all.is_met_in(visible, name))
    }
}

/// What a record says of its file, if it has one.
pub(crate) fn file_of(data: &JsonMap) -> Option<&Value> {
    data.get("attachment").filter(|file| !file.is_null())
}

/// Whether two records say that they have the same file, or that they have none: by its size and SHA-256.
pub(crate) fn same_file(one: Option<&Value>, other: Option<&Value>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one.is_none() && other.is_none() };
    let hash = |file: &Value| file.get("hash").and_then(Value::as_str).map(str::to_ascii_lowercase);
    one.get("size") == other.get("size") && hash(one).is_some() && hash(one) == hash(other)
}
