//! What came of an import.

use std::fmt;

use crate::batch::Status;
use crate::error::Error;
use crate::sync::{EditKind, Report, ReportItem};

/// How many failures are kept with all that is known of them.
const KEPT: usize = 1_000;

/// What came of an [`Import`](crate::Import), or what would come of it. `Display` is for people: `3 created, 94 unchanged`.
#[must_use = "what failed is told here, and nowhere else"]
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Imported {
    /// How many objects were created.
    pub created: u64,
    /// How many were there, and are now as the export has them.
    pub updated: u64,
    /// How many were deleted, as the export does not have them.
    pub deleted: u64,
    /// How many were as they should be.
    pub unchanged: u64,
    /// How many are not as they should be.
    pub failed: u64,
    /// The first thousand of these.
    pub failures: Vec<ImportFailure>,
}

/// One object that is not as it should be.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImportFailure {
    /// Its path, where it was to be.
    pub path: String,
    /// What was to be done.
    pub kind: EditKind,
    /// How it ended.
    pub status: Status,
    /// The error, if there is one.
    pub error: Option<Error>,
}

impl Imported {
    /// Whether all is as the export has it.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failed == 0
    }

    /// How many objects were changed.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.created + self.updated + self.deleted
    }

    pub(super) fn count(&mut self, kind: EditKind, how_many: u64) {
        match kind {
            EditKind::Create => self.created += how_many,
            EditKind::Update => self.updated += how_many,
            EditKind::Delete => self.deleted += how_many,
        }
    }

    /// Takes what came of a plan, but for what was not sent; `path` is that of its list. What may be there all the same was
    /// not wanted in any other way.
    pub(super) fn take(&mut self, report: &Report, path: &str, may_be_there: impl Fn(&ReportItem<'_>) -> bool) {
        for item in report.items() {
            match item.status() {
                Status::Done => self.count(item.kind(), 1),
                Status::AlreadySo => self.unchanged += 1,
                _ if is_open(&item, report) => {}
                _ if may_be_there(&item) => self.unchanged += 1,
                status => {
                    self.failed += 1;
                    if self.failures.len() < KEPT {
                        let (path, error) = (format!("{path}/{}", item.id()), item.error().map(Error::copy));
                        self.failures.push(ImportFailure { path, kind: item.kind(), status, error });
                    }
                }
            }
        }
    }
}

/// Whether it is to be tried again, as what stopped the others stopped it too.
pub(super) fn is_open(item: &ReportItem<'_>, report: &Report) -> bool {
    report.stopped().is_some() && matches!(item.status(), Status::NotSent | Status::Unknown)
}

impl fmt::Display for Imported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.created, "created"),
            (self.updated, "updated"),
            (self.deleted, "deleted"),
            (self.unchanged, "unchanged"),
            (self.failed, "failed"),
        ];
        let mut shown = counts.into_iter().filter(|(count, _)| *count > 0);
        match shown.next() {
            Some((count, what)) => write!(f, "{count} {what}")?,
            None => return f.write_str("nothing to do"),
        }
        shown.try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}
