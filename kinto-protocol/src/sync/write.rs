//! The request that makes a change.

use std::borrow::Cow;

use crate::batch::Batch;
use crate::call::Precondition;
use crate::object_ref::ObjectRef;
use crate::operations::Put;
use crate::patch::{Attributes, Data, Envelope};
use crate::resource::Resource;
use crate::sync::edit::{Edit, EditKind};
use crate::sync::files::Written;
use crate::timestamp::Timestamp;

/// The write that makes one change, by which its record will be known if it is there then.
pub(super) fn write(batch: &mut Batch, resource: &Resource<()>, edit: &mut Edit) -> Option<Written> {
    let (kind, last_modified, some_fields) = (edit.kind, edit.last_modified, edit.some_fields);
    let (id, data, permissions) = (edit.id.clone(), edit.data.take(), edit.permissions.take());
    // A file that is attached brings the timestamp along.
    let at = edit.file.as_ref().filter(|file| file.attaches()).map_or(edit.at, |file| file.before());
    let unchanged = last_modified.map_or(Precondition::Present, Precondition::Unchanged);
    let object = |id: String| match last_modified {
        Some(at) => ObjectRef::unchanged(id, at),
        None => ObjectRef::from(id),
    };
    let content = Envelope { data: data.map(|data| Ok(Data::of(&dated(&data, at)))), permissions };
    Some(match kind {
        EditKind::Create => batch.push(Put::new(resource.clone(), Some(id), Precondition::Absent, content)),
        EditKind::Update if some_fields || content.data.is_none() => {
            batch.push(resource.patch(object(id), Attributes(content)))
        }
        EditKind::Update => batch.push(Put::new(resource.clone(), Some(id), unchanged, content)),
        EditKind::Delete => {
            batch.push(resource.delete_if_present(object(id)));
            return None;
        }
    })
}

/// With the timestamp that it is to have.
fn dated(data: &str, at: Option<Timestamp>) -> Cow<'_, str> {
    match (at, data.strip_prefix('{')) {
        (Some(at), Some("}")) => format!("{{\"last_modified\":{at}}}").into(),
        (Some(at), Some(rest)) => format!("{{\"last_modified\":{at},{rest}").into(),
        _ => data.into(),
    }
}
