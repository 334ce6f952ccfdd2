//! The file of a record.
//!
//! ```text
//!  (fetch it from the source) ─▶ GET the record of the target ─┬─ as it was written ─▶ attach, or remove
//!                                                              └─ changed since ─▶ not copied
//! ```

use bytes::Bytes;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::attachment::Attachment;
use crate::copy::report::CopyPart;
use crate::copy::step::{Done, Side, step};
use crate::copy::work::{Next, Work};
use crate::error::{Error, ErrorKind, Result};
use crate::flows::Downloaded;
use crate::object::Object;
use crate::session::Session;
use crate::sync::{Fingerprint, Planner, file_of, same_file};
use crate::timestamp::Timestamp;

/// A file that is to be copied, or removed.
pub(super) struct Job {
    id: String,
    /// What the source says of it, if it has one.
    file: Option<Value>,
    /// What the target says of its own.
    was: Option<Value>,
    /// What the record is to be like.
    content: Fingerprint,
    /// The timestamp that the record is to have with it.
    at: Option<Timestamp>,
}

/// The file under way.
pub(super) struct Filing {
    job: Job,
    file: Option<(Attachment, Bytes)>,
}

impl Work {
    /// Notes what is to become of a record's file. Gives the timestamp that the record is to have before: as attaching a file
    /// is one more change of it, an earlier one.
    pub(super) fn job(
        &mut self,
        planner: &Planner,
        id: &str,
        object: &Object,
        at: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let file = file_of(&object.data).cloned();
        let there = planner.there(id);
        let was = there.and_then(crate::sync::There::file);
        if same_file(file.as_ref(), was.as_ref()) {
            return at;
        }
        if self.order.dry_run {
            self.list().files += 1;
            return at;
        }
        if let Some(error) = self.no_files.as_ref().map(Error::copy) {
            self.list().not(id, CopyPart::File, error);
            return at;
        }
        let own = there.map(|there| there.last_modified);
        let at = at.filter(|at| planner.is_free(*at) || own == Some(*at));
        let before = at.map(|at| planner.free_before(at));
        let content = planner.fingerprint(&object.data);
        self.jobs.push_back(Job { id: id.to_owned(), file, was, content, at });
        before
    }

    /// Begins with the next file, or goes on with the next page.
    pub(super) fn next_file(&mut self, session: &Session) -> Result<Next> {
        while let Some(job) = self.jobs.pop_front() {
            let list = self.list();
            // Of a record that is not as it should be, the file stays.
            if list.not_copied.iter().any(|not| not.id == job.id && not.part == CopyPart::Object) {
                continue;
            }
            let Some(file) = &job.file else {
                self.filing = Some(Filing { job, file: None });
                return self.look();
            };
            let attachment = Attachment::deserialize(file).map_err(|error| {
                let why = "what the record says of its attachment cannot be understood";
                Error::new(ErrorKind::Attachment, why).caused_by(error.into())
            });
            self.filing = Some(Filing { job, file: None });
            match attachment {
                Ok(attachment) => return Ok(Next::Step(Side::Source, step(attachment.download(), Done::Fetched))),
                Err(error) => self.file_failed(error),
            }
        }
        self.next_page(session)
    }

    pub(super) fn fetched(&mut self, file: Downloaded) -> Result<Next> {
        if let Some(filing) = &mut self.filing {
            filing.file = Some((file.attachment, file.content));
        }
        self.look()
    }

    /// The server knows no preconditions for files: the record is looked at right before.
    fn look(&self) -> Result<Next> {
        let id = self.filing.as_ref().map(|filing| filing.job.id.as_str()).unwrap_or_default();
        Ok(Next::Step(Side::Target, step(self.pair().target.get(id), Done::Object)))
    }

    pub(super) fn looked(&mut self, session: &Session, record: &Object) -> Result<Next> {
        let (Some(filing), Some(planner)) = (&mut self.filing, &self.planner) else { return self.next_file(session) };
        let job = &filing.job;
        let same = planner.fingerprint(&record.data) == job.content;
        if !same || !same_file(file_of(&record.data), job.was.as_ref()) {
            let error = Error::new(ErrorKind::Attachment, "the record was changed meanwhile, and keeps what it has");
            self.file_failed(error);
            return self.next_file(session);
        }
        let (at, had_one) = (job.at, job.was.is_some());
        let file = filing.file.take();
        let place = self.pair().collection.as_ref().map(|collection| collection.attachment(&record.id));
        let Some(place) = place else { return self.next_file(session) };
        let Some((attachment, content)) = file else {
            return Ok(Next::Step(Side::Target, step(place.remove(), |_| Done::Attached)));
        };
        let upload = place.upload(attachment.filename).always();
        // Only where there is none to be lost, the server may refuse it.
        let upload = if had_one { upload } else { upload.any_extension() };
        let upload = if attachment.mimetype.is_empty() { upload } else { upload.media_type(attachment.mimetype) };
        let upload = match at {
            Some(at) => upload.data(&json!({"last_modified": at})),
            None => upload,
        };
        Ok(Next::Step(Side::Target, step(upload.content(content), |_| Done::Attached)))
    }

    pub(super) fn file_failed(&mut self, error: Error) {
        let Some(filing) = self.filing.take() else { return };
        if error.kind() == ErrorKind::Unsupported {
            for job in std::mem::take(&mut self.jobs) {
                self.list().not(&job.id, CopyPart::File, error.copy());
            }
            self.no_files = Some(error.copy());
        }
        self.list().not(&filing.job.id, CopyPart::File, error);
    }
}
