//! Every kind of write, and what it does to an object.

use kinto_protocol::{EVERYONE, JsonMap, Permissions};
use serde_json::{Value, json};

use crate::driver::ACCOUNT;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    /// Where there is an object of that id.
    CreateExisting,
    CreateWithPermissions,
    Add,
    Replace,
    ReplaceMissing,
    Update,
    /// With an older timestamp than the object's.
    UpdateStale,
    Overwrite,
    OverwriteMissing,
    ReplacePermissions,
    ReplacePermissionsIfMatch,
    Attributes,
    AttributesIfMatch,
    AttributesMissing,
    AttributesWithPermissions,
    Merge,
    MergeIfMatch,
    JsonPatch,
    JsonPatchIfMatch,
    Delete,
    DeleteIfMatch,
    DeleteMissing,
    DeleteIfPresent,
    DeleteIfPresentIfMatch,
    DeleteIfPresentMissing,
    GetOrCreate,
    GetOrCreateExisting,
    Modify,
    ModifyOrCreate,
    /// A change that makes a difference each time.
    Count,
    /// A request of one's own.
    Post,
}

impl Kind {
    pub(crate) const ALL: [Self; 32] = [
        Self::Create,
        Self::CreateExisting,
        Self::CreateWithPermissions,
        Self::Add,
        Self::Replace,
        Self::ReplaceMissing,
        Self::Update,
        Self::UpdateStale,
        Self::Overwrite,
        Self::OverwriteMissing,
        Self::ReplacePermissions,
        Self::ReplacePermissionsIfMatch,
        Self::Attributes,
        Self::AttributesIfMatch,
        Self::AttributesMissing,
        Self::AttributesWithPermissions,
        Self::Merge,
        Self::MergeIfMatch,
        Self::JsonPatch,
        Self::JsonPatchIfMatch,
        Self::Delete,
        Self::DeleteIfMatch,
        Self::DeleteMissing,
        Self::DeleteIfPresent,
        Self::DeleteIfPresentIfMatch,
        Self::DeleteIfPresentMissing,
        Self::GetOrCreate,
        Self::GetOrCreateExisting,
        Self::Modify,
        Self::ModifyOrCreate,
        Self::Count,
        Self::Post,
    ];

    /// Whether there is an object before.
    pub(crate) fn has_object(self) -> bool {
        !matches!(
            self,
            Self::Create
                | Self::CreateWithPermissions
                | Self::Add
                | Self::ReplaceMissing
                | Self::OverwriteMissing
                | Self::AttributesMissing
                | Self::DeleteMissing
                | Self::DeleteIfPresentMissing
                | Self::GetOrCreate
                | Self::ModifyOrCreate
                | Self::Post
        )
    }

    /// Whether it is one request, so that it can be sent in a batch.
    pub(crate) fn is_operation(self) -> bool {
        !matches!(
            self,
            Self::GetOrCreate | Self::GetOrCreateExisting | Self::Modify | Self::ModifyOrCreate | Self::Count
        )
    }

    /// Whether it cannot share a request with others, or not with those of other kinds.
    pub(crate) fn goes_alone(self) -> bool {
        matches!(self, Self::Merge | Self::MergeIfMatch) || !self.is_settled()
    }

    /// Whether the server chooses the id, or the client does when it is sent.
    pub(crate) fn is_nameless(self) -> bool {
        matches!(self, Self::Add | Self::Post)
    }

    /// Whether the server refuses it.
    pub(crate) fn is_refused(self) -> bool {
        matches!(
            self,
            Self::CreateExisting
                | Self::ReplaceMissing
                | Self::UpdateStale
                | Self::AttributesMissing
                | Self::DeleteMissing
        )
    }

    /// Whether it is refused for an object whose age tells that no attempt has written it.
    pub(crate) fn is_refuted_by_age(self) -> bool {
        matches!(self, Self::CreateExisting | Self::UpdateStale)
    }

    /// Whether it writes nothing and is content with that.
    pub(crate) fn is_idle(self) -> bool {
        matches!(self, Self::DeleteIfPresentMissing | Self::GetOrCreateExisting)
    }

    /// Whether it is clear in the end what became of it, however many answers are lost.
    pub(crate) fn is_settled(self) -> bool {
        !matches!(self, Self::JsonPatch | Self::JsonPatchIfMatch | Self::Count | Self::Post)
    }

    /// Whether it is not sent again when it may have been carried out.
    pub(crate) fn is_sent_once(self) -> bool {
        matches!(self, Self::JsonPatch | Self::Post)
    }

    /// Whether it may be carried out twice, to the same effect.
    pub(crate) fn is_repeatable(self) -> bool {
        matches!(
            self,
            Self::Replace
                | Self::Overwrite
                | Self::OverwriteMissing
                | Self::ReplacePermissions
                | Self::Attributes
                | Self::AttributesWithPermissions
                | Self::Merge
        )
    }

    /// What the server's history calls it.
    pub(crate) fn actions(self) -> &'static [&'static str] {
        match self {
            // The first creates, the next update.
            Self::OverwriteMissing => &["create", "update"],
            Self::Create
            | Self::CreateExisting
            | Self::CreateWithPermissions
            | Self::Add
            | Self::GetOrCreate
            | Self::GetOrCreateExisting
            | Self::ModifyOrCreate
            | Self::Post => &["create"],
            Self::Delete
            | Self::DeleteIfMatch
            | Self::DeleteMissing
            | Self::DeleteIfPresent
            | Self::DeleteIfPresentIfMatch
            | Self::DeleteIfPresentMissing => &["delete"],
            _ => &["update"],
        }
    }

    /// The method of the request that does it.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Attributes
            | Self::AttributesIfMatch
            | Self::AttributesMissing
            | Self::AttributesWithPermissions
            | Self::Merge
            | Self::MergeIfMatch
            | Self::JsonPatch
            | Self::JsonPatchIfMatch => "PATCH",
            _ if self.actions() == ["delete"] => "DELETE",
            _ => "PUT",
        }
    }

    /// The data before, when there is an object.
    pub(crate) fn before(self, number: usize) -> JsonMap {
        map(json!({"title": "old é", "number": number, "o": {"a": [1, null], "b": 0.5}, "count": 7}))
    }

    /// What it writes: whole data, or parts.
    pub(crate) fn written(self, number: usize) -> JsonMap {
        map(match self {
            Self::Merge | Self::MergeIfMatch => json!({"title": "merged", "o": {"a": null, "c": number}}),
            Self::Attributes | Self::AttributesIfMatch | Self::AttributesMissing | Self::AttributesWithPermissions => {
                json!({"title": "patched 日", "o": {"p": [number]}, "more": null})
            }
            _ => json!({"title": "new ü", "mark": number, "o": {"x": [true, "y"], "f": 1.25}}),
        })
    }

    /// What is there when it was carried out so many times on what was there.
    pub(crate) fn after(self, number: usize, before: Option<JsonMap>, times: usize) -> Option<JsonMap> {
        if times == 0 {
            return before;
        }
        let written = self.written(number);
        let mut data = before.clone().unwrap_or_default();
        match self {
            Self::ReplacePermissions | Self::ReplacePermissionsIfMatch => {}
            Self::Attributes | Self::AttributesIfMatch | Self::AttributesMissing | Self::AttributesWithPermissions => {
                data.extend(written);
            }
            Self::Merge | Self::MergeIfMatch => {
                data.insert("title".into(), json!("merged"));
                data.insert("o".into(), json!({"b": 0.5, "c": number}));
            }
            Self::JsonPatch | Self::JsonPatchIfMatch => {
                for _ in 0..times {
                    data["o"]["a"].as_array_mut().unwrap().push(number.into());
                }
            }
            Self::Modify | Self::ModifyOrCreate => set(&mut data),
            Self::Count => (0..times).for_each(|_| count(&mut data)),
            _ if self.actions() == ["delete"] => return None,
            _ => return Some(written),
        }
        Some(data)
    }

    /// The permissions that the object has when it was carried out; the same as before, if it says nothing of them.
    pub(crate) fn permissions(self) -> Option<Permissions> {
        matches!(
            self,
            Self::CreateWithPermissions
                | Self::ReplacePermissions
                | Self::ReplacePermissionsIfMatch
                | Self::AttributesWithPermissions
        )
        .then(|| public().write([format!("account:{ACCOUNT}")]))
    }
}

/// The permissions that are written here.
pub(crate) fn public() -> Permissions {
    Permissions::new().read([EVERYONE])
}

/// A change that makes no difference the second time.
pub(crate) fn set(data: &mut JsonMap) {
    data.insert("title".into(), "modified".into());
}

/// A change that makes a difference each time.
pub(crate) fn count(data: &mut JsonMap) {
    let count = data["count"].as_u64().unwrap();
    data.insert("count".into(), (count + 1).into());
}

/// The members of a JSON object.
pub(crate) fn map(value: Value) -> JsonMap {
    match value {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}
