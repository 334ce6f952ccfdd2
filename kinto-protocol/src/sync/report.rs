//! What came of a plan.

use std::fmt;

use crate::batch::{Item, Outcome, Status, Summary};
use crate::error::{Error, Result};
use crate::object::{JsonMap, Object};
use crate::review::ReviewData;
use crate::server_error::Escaped;
use crate::sync::edit::EditKind;
use crate::sync::files::Filed;

/// A change, and the parts that it has.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) id: Box<str>,
    pub(super) kind: EditKind,
    /// Whether its record is written.
    pub(super) written: bool,
    /// Whether its file is attached or removed.
    pub(super) filed: bool,
}

impl Part {
    /// What comes next of the two, as far as it has them.
    pub(super) fn take<R, F>(
        &self,
        records: &mut impl Iterator<Item = R>,
        files: &mut impl Iterator<Item = F>,
    ) -> (Option<R>, Option<F>) {
        (if self.written { records.next() } else { None }, if self.filed { files.next() } else { None })
    }
}

/// How a change ended whose parts ended like this: as its record did, and if that is as planned, as its file.
pub(super) fn together(record: Option<Status>, file: Option<Status>) -> Status {
    let record = record.unwrap_or(Status::AlreadySo);
    match (record, file) {
        (Status::AlreadySo, Some(file)) => file,
        (Status::Done, Some(file)) if file != Status::AlreadySo => file,
        _ => record,
    }
}

/// What came of applying a [`Plan`](crate::Plan): one outcome for each of its changes, with its file. `Display` is a summary
/// on one line.
#[must_use = "a change that failed is told here, and nowhere else"]
#[derive(Debug)]
pub struct Report {
    parts: Vec<Part>,
    outcome: Outcome,
    files: Vec<Filed>,
    stopped: Option<Error>,
    reviewed: Option<Result<Object<ReviewData>>>,
}

/// What came of one change.
#[derive(Clone, Copy, Debug)]
pub struct ReportItem<'a> {
    part: &'a Part,
    record: Option<Item<'a>>,
    file: Option<&'a Filed>,
}

impl Report {
    pub(super) fn new(
        parts: Vec<Part>,
        outcome: Outcome,
        files: Vec<Filed>,
        stopped: Option<Error>,
        reviewed: Option<Result<Object<ReviewData>>>,
    ) -> Self {
        Self { parts, outcome, files, stopped, reviewed }
    }

    /// All of them, in the order of the plan.
    pub fn items(&self) -> impl Iterator<Item = ReportItem<'_>> {
        let (mut records, mut files) = (self.outcome.items(), self.files.iter());
        self.parts.iter().map(move |part| {
            let (record, file) = part.take(&mut records, &mut files);
            ReportItem { part, record, file }
        })
    }

    /// Those that ended in this way.
    pub fn of(&self, status: Status) -> impl Iterator<Item = ReportItem<'_>> {
        self.items().filter(move |item| item.status() == status)
    }

    /// How many ended how.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.items().map(|item| item.status()).collect()
    }

    /// Whether all is as it was planned.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.summary().is_success() && !matches!(self.reviewed, Some(Err(_)))
    }

    /// Why it stopped before its end, if it did.
    #[must_use]
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref().or_else(|| self.outcome.stopped())
    }

    /// The collection after a review was asked for, or why it could not be. `None` where it was not: because nobody wanted it,
    /// because nothing changed, or because not all changes were made.
    #[must_use]
    pub fn reviewed(&self) -> Option<Result<&Object<ReviewData>, &Error>> {
        self.reviewed.as_ref().map(Result::as_ref)
    }

    /// The same, if all is as it was planned.
    ///
    /// # Errors
    ///
    /// What stopped it, or else the first error of a change, or else of a file, or else that of asking for the review. It
    /// [may have been applied](Error::maybe_applied) when any change was, or may have been.
    pub fn into_result(self) -> Result<Summary> {
        let summary = self.summary();
        let filed = self.files.iter().any(|file| matches!(file.status(), Status::Done | Status::Unknown));
        let touched = self.outcome.is_touched() || filed;
        let Self { parts, outcome, files, stopped, reviewed } = self;
        let result = match stopped {
            Some(error) => Err(error),
            None => outcome.into_result().map(drop).and_then(|()| all_filed(&parts, files)),
        };
        result.map_err(|error| if touched { error.among_others() } else { error })?;
        match reviewed {
            Some(Err(error)) => Err(error.prefix("the changes are made, and no review was asked for: ").among_others()),
            _ => Ok(summary),
        }
    }
}

/// Whether all files are as they were planned; if not, the first error.
fn all_filed(parts: &[Part], files: Vec<Filed>) -> Result<()> {
    let total = files.len();
    let bad = |file: &Filed| !matches!(file.status(), Status::Done | Status::AlreadySo);
    let failed = files.iter().filter(|file| bad(file)).count();
    let named = parts.iter().filter(|part| part.filed).zip(files).find(|(_, file)| bad(file));
    match named.and_then(|(part, file)| Some((&part.id, file.into_error()?))) {
        Some((id, error)) => {
            let id = Escaped(id);
            Err(error.prefix(&format!("{failed} of {total} files failed, the first of them, of \"{id}\", with: ")))
        }
        None => Ok(()),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary())?;
        if !self.files.is_empty() {
            let files: Summary = self.files.iter().map(Filed::status).collect();
            write!(f, "; files: {files}")?;
        }
        match &self.reviewed {
            Some(Ok(_)) => f.write_str(", under review"),
            Some(Err(error)) => write!(f, ", not under review: {error}"),
            None => Ok(()),
        }
    }
}

impl<'a> ReportItem<'a> {
    /// The id of the record.
    #[must_use]
    pub fn id(&self) -> &'a str {
        &self.part.id
    }

    /// What was to be done, as the plan has it: created, updated or deleted.
    #[must_use]
    pub fn kind(&self) -> EditKind {
        self.part.kind
    }

    /// How it ended: as its record did, and if that is as it was planned, as its file.
    #[must_use]
    pub fn status(&self) -> Status {
        together(self.record.map(|item| item.status()), self.file())
    }

    /// How the writing of its record ended; [`AlreadySo`](Status::AlreadySo) where only its file was to change.
    #[must_use]
    pub fn record(&self) -> Status {
        together(self.record.map(|item| item.status()), None)
    }

    /// How the attaching or removing of its file ended, if that was planned: [`AlreadySo`](Status::AlreadySo) if the record
    /// had that file, or none; [`Conflict`](Status::Conflict) if the record was changed meanwhile, and keeps what it has;
    /// [`Unknown`](Status::Unknown) if that may have happened; [`NotSent`](Status::NotSent) also if the record is not as it
    /// was planned.
    #[must_use]
    pub fn file(&self) -> Option<Status> {
        self.file.map(Filed::status)
    }

    /// Its error, if it has one: of its record, or else of its file.
    #[must_use]
    pub fn error(&self) -> Option<&'a Error> {
        let of_file = || self.file.and_then(Filed::error);
        match (self.record(), self.record.and_then(|item| item.error())) {
            // That it was there already is no error where the file has one.
            (Status::AlreadySo, error) => of_file().or(error),
            (_, error) => error.or_else(of_file),
        }
    }

    /// The record as somebody else made it, where that stands in the way.
    #[must_use]
    pub fn existing(&self) -> Option<&'a JsonMap> {
        self.record?.existing()
    }
}
