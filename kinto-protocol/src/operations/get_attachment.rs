//! What a record says of its file.

use crate::attachment::{Attachment, RecordFile, attachment_of};
use crate::call::Call;
use crate::error::Result;
use crate::operation::Operation;
use crate::reply::Reply;
use crate::session::Session;

/// Reads what a record says of the file that is attached to it, if one is: see
/// [`RecordFile::get`](crate::RecordFile::get).
#[derive(Clone, Debug, PartialEq)]
pub struct GetAttachment(RecordFile);

impl GetAttachment {
    pub(crate) fn new(file: RecordFile) -> Self {
        Self(file)
    }
}

impl Operation for GetAttachment {
    type Output = Option<Attachment>;

    fn call(&self, session: &Session) -> Result<Call> {
        self.0.get_record().call(session)
    }

    fn parse(&self, reply: &Reply) -> Result<Option<Attachment>> {
        attachment_of(&self.0.get_record().parse(reply)?)
    }
}
