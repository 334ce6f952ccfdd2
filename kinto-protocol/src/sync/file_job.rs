//! One file, and how it comes to its record.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::attachment::{Attachment, RecordFile};
use crate::batch::{Batch, Status};
use crate::error::{Error, ErrorKind};
use crate::flow::Flow;
use crate::flows::Download;
use crate::mapped::mapped;
use crate::object::Object;
use crate::resource::Resource;
use crate::sync::compare::{file_of, same_file};
use crate::sync::edit::Edit;
use crate::sync::file_edit::FileEdit;
use crate::sync::file_source;
use crate::sync::files::Written;
use crate::timestamp::Timestamp;

/// One file.
pub(super) struct Job {
    pub(super) id: Box<str>,
    pub(super) edit: FileEdit,
    /// The timestamp that the record is to have with it.
    at: Option<Timestamp>,
    /// By which its record is written, until that is done.
    written: Option<Written>,
    /// When the record was last changed: only that one is given its file.
    since: Option<Timestamp>,
    /// Whether the file was sent, and may be there.
    pub(super) tried: bool,
    ended: Option<Filed>,
}

/// How a file ended.
#[derive(Debug)]
pub(super) struct Filed {
    status: Status,
    error: Option<Error>,
}

impl Filed {
    pub(super) fn status(&self) -> Status {
        self.status
    }

    pub(super) fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    pub(super) fn into_error(self) -> Option<Error> {
        self.error
    }
}

/// A part of it.
pub(super) struct Step {
    pub(super) flow: Box<dyn Flow<Output = Got>>,
    pub(super) about: About,
}

/// What a part is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The content, and so the server that files come from.
    Fetching,
    Looking,
    Sending,
}

/// What came of a part.
pub(super) enum Got {
    Content(Bytes),
    Record(Object, Option<Bytes>),
    Filed,
}

pub(super) fn fetch(download: Download) -> Step {
    Step { flow: mapped(download, |fetched| Got::Content(fetched.content)), about: About::Fetching }
}

fn send(flow: impl Flow + 'static) -> Step {
    Step { flow: mapped(flow, |_| Got::Filed), about: About::Sending }
}

impl Job {
    /// The file of an edit, whose record is written by this, or stays as it is.
    pub(super) fn new(edit: &Edit, file: FileEdit, written: Option<Written>) -> Self {
        let since = edit.last_modified.filter(|_| written.is_none());
        Self { id: edit.id.as_str().into(), edit: file, at: edit.at, written, since, tried: false, ended: None }
    }

    pub(super) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    pub(super) fn end(&mut self, status: Status, error: Option<Error>) {
        self.ended = Some(Filed { status, error });
        self.edit.content = None;
    }

    pub(super) fn fail(&mut self, error: Error) {
        self.end(Status::of(&error), Some(error));
    }

    /// How it ended so far.
    pub(super) fn status(&self) -> Status {
        match &self.ended {
            Some(ended) => ended.status,
            None if self.tried => Status::Unknown,
            None => Status::NotSent,
        }
    }

    pub(super) fn into_ended(self) -> Filed {
        let status = self.status();
        self.ended.unwrap_or_else(|| {
            let stopped = |why: &str| Error::new(ErrorKind::Stopped, why);
            let error = if self.tried {
                stopped("it stopped before it was known what became of the file").touched()
            } else {
                stopped("it stopped before the file was sent")
            };
            Filed { status, error: Some(error) }
        })
    }

    /// Takes what came of its record.
    pub(super) fn follow(&mut self, batch: &Batch) {
        let Some(written) = self.written.take() else { return };
        match batch.look_at(written) {
            (Status::Done, Some(Ok(object))) => self.since = Some(object.last_modified),
            (Status::AlreadySo, Some(Err(refusal))) => {
                let existing = refusal.server().and_then(|refusal| refusal.existing());
                // Whoever wrote the same may have given it a file.
                let old = described(self.edit.old.as_ref());
                let as_planned = existing.filter(|existing| same_file(file_of(existing), old.as_ref()));
                self.since = as_planned.and_then(|it| it.get("last_modified")?.as_i64()).map(Timestamp::from_millis);
            }
            _ => {
                let why = "its record is not as planned, and keeps the file that it has";
                self.end(Status::NotSent, Some(Error::new(ErrorKind::Stopped, why)));
            }
        }
    }

    /// The server knows no preconditions for files: the record is looked at right before.
    pub(super) fn look(&self, list: &Resource<()>, content: Option<Bytes>) -> Step {
        let mut content = content;
        let record = move |record| Got::Record(record, content.take());
        Step { flow: mapped(self.place(list).get_record(), record), about: About::Looking }
    }

    /// Attaches or removes the file, if the record is as it was left. If not, it has ended with that.
    pub(super) fn bring(
        &mut self,
        list: &Resource<()>,
        record: &Object,
        content: Option<Bytes>,
        any_extension: bool,
    ) -> Option<Step> {
        let there = file_of(&record.data);
        if same_file(there, described(self.edit.new.as_ref()).as_ref()) {
            self.end(if self.tried { Status::Done } else { Status::AlreadySo }, None);
            return None;
        }
        if self.since != Some(record.last_modified) {
            let why = "the record was changed meanwhile, and keeps the file that it has";
            let error = Error::new(ErrorKind::Attachment, why).hint("read it again and decide");
            self.end(Status::Conflict, Some(error));
            return None;
        }
        self.tried = true;
        let place = self.place(list);
        let (file, content) = match (&self.edit.new, content) {
            (Some(file), Some(content)) => (file, content),
            (None, _) => return Some(send(place.remove())),
            (Some(_), None) => {
                self.fail(file_source::nowhere());
                return None;
            }
        };
        let upload = place.upload(file.filename.as_str()).always();
        // Only where there is none to be lost, the server may refuse it.
        let upload = if there.is_none() || any_extension { upload.any_extension() } else { upload };
        let upload = if file.mimetype.is_empty() { upload } else { upload.media_type(file.mimetype.as_str()) };
        let upload = match self.at {
            Some(at) => upload.data(&json!({"last_modified": at})),
            None => upload,
        };
        Some(send(upload.content(content)))
    }

    fn place(&self, list: &Resource<()>) -> RecordFile {
        RecordFile::new(list.object_path(&self.id), &self.id)
    }
}

/// A file as a record says it.
fn described(file: Option<&Attachment>) -> Option<Value> {
    file.and_then(|file| serde_json::to_value(file).ok())
}
