//! Bringing files to records that are written.
//!
//! ```text
//!                 ┌────────────────────────────── the next file ──────────────────────────────┐
//!                 ▼                                                                           │
//!  start ─▶ its content: here, ─▶ GET the record ─┬─ it has the file already ─────────────────┤
//!           given, or fetched                     ├─ it is as it was left ─▶ attach, or remove ┤
//!                                                 └─ changed since ─▶ a conflict ─────────────┘
//! ```

use crate::batch::{Batch, Status, Ticket};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::Turn;
use crate::object::Object;
use crate::reply::Reply;
use crate::resource::{Kind, Resource};
use crate::retry;
use crate::server::ServerInfo;
use crate::session::Session;
use crate::sync::edit::Edit;
pub(crate) use crate::sync::file_edit::{FileEdit, WantedFile};
pub(super) use crate::sync::file_job::Filed;
use crate::sync::file_job::{About, Got, Job, Step, fetch};
use crate::sync::file_source::Content;
pub(super) use crate::sync::file_source::Source;

/// A record that is written for its own sake, and whose file comes then.
pub(super) type Written = Ticket<Object<()>>;

/// Files that are to be attached or removed, one after the other.
pub(super) struct Files {
    list: Resource<()>,
    jobs: Vec<Job>,
    /// Which of them is under way, or comes next.
    at: usize,
    /// Which it was when somebody asked.
    told: usize,
    step: Option<Step>,
    source: Source,
    any_extension: bool,
    /// Whether records are written also where their files cannot be attached.
    records_all_the_same: bool,
    /// Why no file can be attached.
    refused: Option<Error>,
}

impl Files {
    pub(super) fn new(list: Resource<()>) -> Self {
        Self {
            list,
            jobs: Vec::new(),
            at: 0,
            told: 0,
            step: None,
            source: Source::Nowhere,
            any_extension: false,
            records_all_the_same: false,
            refused: None,
        }
    }

    /// The file of an edit, whose record is written by this, or stays as it is.
    pub(super) fn push(&mut self, edit: &mut Edit, written: Option<Written>) {
        self.jobs.extend(edit.file.take().map(|file| Job::new(edit, *file, written)));
    }

    pub(super) fn come_from(&mut self, source: Source) {
        self.source = source;
    }

    pub(super) fn any_extension(&mut self) {
        self.any_extension = true;
    }

    /// Where files cannot be attached, for which there may be a reason already, that is told of each of them.
    pub(super) fn records_all_the_same(&mut self, refused: Option<Error>) {
        (self.records_all_the_same, self.refused) = (true, refused);
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// How many are over.
    pub(super) fn over(&self) -> usize {
        self.at
    }

    /// Whether more of them are over than when this was asked last.
    pub(super) fn has_come_further(&mut self) -> bool {
        std::mem::replace(&mut self.told, self.at) < self.at
    }

    /// Whether all of it can be sent.
    pub(super) fn check(&self) -> Result<()> {
        if !self.jobs.is_empty() && self.list.kind() != Kind::Record {
            return Err(Error::input(format!(
                "the plan attaches files at {}, and only records have any",
                self.list.path()
            )));
        }
        let lacking = self.jobs.iter().filter(|job| !job.is_over() && job.edit.lacks_content()).count();
        if lacking > 0 && self.source.is_nowhere() {
            let all = self.jobs.len();
            let error =
                Error::input(format!("the content of files that the plan brings is not here: of {lacking} of {all}"));
            return Err(error.hint("say where it comes from with files_from() or files_with()"));
        }
        Ok(())
    }

    /// Whether it is to be asked if the server keeps files, before anything is written.
    pub(super) fn is_in_doubt(&self, session: &Session) -> bool {
        let known = self.refused.is_some() || session.memory().has("attachments");
        !known && !self.jobs.iter().all(Job::is_over)
    }

    /// Takes what the server can do.
    pub(super) fn informed(&mut self, info: &ServerInfo) -> Result<()> {
        if info.has("attachments") || self.jobs.iter().all(Job::is_over) {
            return Ok(());
        }
        let missing = Error::missing_plugin("attachments", info);
        if !self.records_all_the_same {
            return Err(missing);
        }
        self.refused = Some(missing);
        Ok(())
    }

    /// Takes what came of the records.
    pub(super) fn follow(&mut self, batch: &Batch) {
        self.jobs.iter_mut().for_each(|job| job.follow(batch));
    }

    /// What came of them so far.
    pub(super) fn ended(self) -> Vec<Filed> {
        self.jobs.into_iter().map(Job::into_ended).collect()
    }

    /// How they ended so far.
    pub(super) fn statuses(&self) -> impl Iterator<Item = Status> {
        self.jobs.iter().map(Job::status)
    }

    /// Begins, or goes on with the one that was under way.
    pub(super) fn start(&mut self, session: &Session) -> Result<Turn<()>> {
        self.step = None;
        let next = self.next();
        self.go(session, next)
    }

    pub(super) fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<()>> {
        let Some(step) = &mut self.step else { return Err(over()) };
        let at = self.source.asks(step.about == About::Fetching, session);
        let about = reply.clone();
        let turn =
            step.flow.resume(&at, reply).map_err(|error| about.blame(error).without(&at.secrets_with(about.call())));
        self.went(session, turn)
    }

    /// Takes what kept an answer from coming. What stopped all comes by once more.
    pub(super) fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<()>> {
        let Some(step) = &mut self.step else { return Err(error) };
        let turn = step.flow.fail(&self.source.asks(step.about == About::Fetching, session), error);
        self.went(session, turn)
    }

    /// Goes on with what came of a part.
    fn went(&mut self, session: &Session, turn: Result<Turn<Got>>) -> Result<Turn<()>> {
        let next = match turn {
            Ok(Turn::Done(got)) => self.got(got),
            Ok(Turn::Ask(ask)) => return Ok(self.aside(Turn::Ask(ask))),
            Ok(Turn::Fork(fork)) => return Ok(self.aside(Turn::Fork(fork))),
            Err(error) => self.failed(error).map(|()| self.next())?,
        };
        self.go(session, next)
    }

    /// Goes on until something is to be asked.
    fn go(&mut self, session: &Session, next: Option<Step>) -> Result<Turn<()>> {
        let mut next = next;
        while let Some(step) = next {
            let step = self.step.insert(step);
            next = match step.flow.start(&self.source.asks(step.about == About::Fetching, session)) {
                Ok(Turn::Done(got)) => self.got(got),
                // Each part has its time.
                Ok(Turn::Ask(ask)) => return Ok(self.aside(Turn::Ask(ask.anew()))),
                Ok(Turn::Fork(fork)) => return Ok(self.aside(Turn::Fork(fork))),
                Err(error) => self.failed(error).map(|()| self.next())?,
            };
        }
        self.step = None;
        Ok(Turn::Done(()))
    }

    /// The same, asked of the server that files come from where it is about that.
    fn aside(&self, turn: Turn<()>) -> Turn<()> {
        match (&self.step, &self.source) {
            (Some(Step { about: About::Fetching, .. }), Source::Server(source)) => turn.at(source),
            _ => turn,
        }
    }

    /// How the next file begins, if there is one.
    fn next(&mut self) -> Option<Step> {
        while let Some(job) = self.jobs.get_mut(self.at) {
            if job.is_over() {
                self.at += 1;
                continue;
            }
            let content = match &self.refused {
                Some(refused) => Err(refused.copy()),
                None => self.source.content(&job.id, &job.edit),
            };
            match content {
                Ok(Content::ToBeFetched(download)) => return Some(fetch(*download)),
                Ok(Content::Here(content)) => return Some(job.look(&self.list, content)),
                Err(error) => job.fail(error),
            }
        }
        None
    }

    fn got(&mut self, got: Got) -> Option<Step> {
        let job = self.jobs.get_mut(self.at)?;
        let step = match got {
            Got::Content(content) => Some(job.look(&self.list, Some(content))),
            Got::Record(record, content) => job.bring(&self.list, &record, content, self.any_extension),
            Got::Filed => {
                job.end(Status::Done, None);
                None
            }
        };
        step.or_else(|| self.next())
    }

    /// What an error means: for this file, or for all.
    fn failed(&mut self, error: Error) -> Result<()> {
        let (count, about) = (self.jobs.len(), self.step.take().map(|step| step.about));
        let Some(job) = self.jobs.get_mut(self.at) else { return Err(error) };
        if about == Some(About::Sending) {
            job.tried = error.maybe_applied();
        }
        if retry::stops_all(&error) {
            let ended = self.at;
            return Err(error.prefix(&format!("it stopped after {ended} of {count} files: ")));
        }
        if about == Some(About::Fetching) && error.kind() == ErrorKind::Unsupported {
            self.source = Source::Missing(error.copy());
        }
        job.fail(error);
        Ok(())
    }
}

fn over() -> Error {
    Error::new(ErrorKind::Other, "these files are over")
}
