//! Removing the file of a record.
//!
//! ```text
//!  start ─▶ GET the record ─┬─ it has none ─▶ done
//!                           └─ it has one ─▶ DELETE ─▶ done
//! ```

use http::Method;

use crate::attachment::{Attachment, RecordFile, attachment_of};
use crate::call::Precondition;
use crate::error::Result;
use crate::flow::{Flow, Turn};
use crate::operation::Operation as _;
use crate::reply::Reply;
use crate::resource::call;
use crate::session::Session;

/// Removes the file that is attached to a record, see [`RecordFile::remove`]. The output is what was removed, if there was
/// anything.
///
/// The record is read first: to a record that is not there the server would not say so, but create it.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoveAttachment {
    file: RecordFile,
    found: Option<Attachment>,
}

impl RemoveAttachment {
    pub(crate) fn new(file: RecordFile) -> Self {
        Self { file, found: None }
    }
}

impl Flow for RemoveAttachment {
    type Output = Option<Attachment>;

    fn start(&mut self, session: &Session) -> Result<Turn<Option<Attachment>>> {
        self.found = None;
        self.file.get_record().call(session).map(Turn::ask)
    }

    fn resume(&mut self, _: &Session, reply: Reply) -> Result<Turn<Option<Attachment>>> {
        if *reply.method() == Method::DELETE {
            reply.success()?;
            return Ok(Turn::Done(self.found.take()));
        }
        let record = self.file.get_record().parse(&reply)?;
        // Also one that cannot be understood is one to be removed.
        let found = attachment_of(&record).unwrap_or_else(|_| Some(Attachment::default()));
        let Some(found) = found else { return Ok(Turn::Done(None)) };
        self.found = Some(found);
        Ok(Turn::ask(call(Method::DELETE, &self.file.path(), Precondition::None)))
    }
}
