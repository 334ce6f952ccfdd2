//! How a record of a stream is written.

use crate::error::Result;
use crate::object::JsonMap;
use crate::resource::Resource;
use crate::sync::{Fingerprint, Planner, Standing, callers, given, text};
use crate::timestamp::Timestamp;

/// What becomes of a record that is poured into a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BulkMode {
    /// It is created, if there is none of that id (`If-None-Match: *`). One that is there stays, and is a
    /// [conflict](crate::Status::Conflict), unless it is [already so](crate::Status::AlreadySo).
    Create,
    /// It is created, or overwrites what is there, without looking: see [`Put::overwrite`](crate::Put::overwrite).
    Overwrite,
    /// Its fields are set in the record that is there, and others stay: see [`Attributes`](crate::Attributes). Where there
    /// is none, it is [missing](crate::Status::Missing).
    Patch,
    /// The list is read first. A record that is there as it is wanted is not written, and [already so](crate::Status::AlreadySo);
    /// another is replaced, if nobody changed it since (`If-Match`); one that is not there is created. Takes some 200 bytes
    /// for each record of the list and of the stream.
    SkipUnchanged,
}

/// What is to be written of a record.
pub(super) struct Write {
    pub(super) how: How,
    pub(super) data: Box<str>,
    /// What will be there, where that is remembered.
    pub(super) content: Option<Fingerprint>,
}

pub(super) enum How {
    Create,
    Overwrite,
    /// In place of the one that was changed then.
    Replace(Timestamp),
    Patch,
}

impl BulkMode {
    /// What is to be written of this record, unless it is there as it is wanted.
    pub(super) fn write(
        self,
        resource: &Resource,
        there: Option<&Planner>,
        id: &str,
        data: &JsonMap,
    ) -> Result<Option<Write>> {
        let kind = resource.kind();
        let given = || text(given(data, kind));
        let (how, data, content) = match (self, there) {
            (Self::Overwrite, _) => (How::Overwrite, given()?, None),
            (Self::Patch, _) => (How::Patch, given()?, None),
            (Self::Create, _) | (Self::SkipUnchanged, None) => (How::Create, text(callers(data, kind))?, None),
            (Self::SkipUnchanged, Some(there)) => {
                let content = Some(there.fingerprint(data));
                match there.standing(id, data)? {
                    Standing::Absent(data) => (How::Create, data, content),
                    Standing::Other(at, data) => (How::Replace(at), data, content),
                    Standing::Same => return Ok(None),
                }
            }
        };
        Ok(Some(Write { how, data, content }))
    }
}
