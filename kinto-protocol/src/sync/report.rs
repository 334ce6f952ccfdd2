//! What came of a plan.

use std::fmt;

use crate::batch::{Item, Outcome, Status, Summary};
use crate::error::{Error, Result};
use crate::object::{JsonMap, Object};
use crate::review::ReviewData;
use crate::sync::edit::EditKind;

/// What came of applying a [`Plan`](crate::Plan): one outcome for each of its changes. `Display` is a summary on one line.
#[must_use = "a change that failed is told here, and nowhere else"]
#[derive(Debug)]
pub struct Report {
    edits: Vec<(Box<str>, EditKind)>,
    outcome: Outcome,
    reviewed: Option<Result<Object<ReviewData>>>,
}

/// What came of one change.
#[derive(Clone, Copy, Debug)]
pub struct ReportItem<'a> {
    edit: &'a (Box<str>, EditKind),
    item: Item<'a>,
}

impl Report {
    pub(super) fn new(
        edits: Vec<(Box<str>, EditKind)>,
        outcome: Outcome,
        reviewed: Option<Result<Object<ReviewData>>>,
    ) -> Self {
        Self { edits, outcome, reviewed }
    }

    /// All of them, in the order of the plan.
    pub fn items(&self) -> impl Iterator<Item = ReportItem<'_>> {
        self.edits.iter().zip(self.outcome.items()).map(|(edit, item)| ReportItem { edit, item })
    }

    /// Those that ended in this way.
    pub fn of(&self, status: Status) -> impl Iterator<Item = ReportItem<'_>> {
        self.items().filter(move |item| item.status() == status)
    }

    /// How many ended how.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.outcome.summary()
    }

    /// Whether all is as it was planned.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.summary().is_success() && !matches!(self.reviewed, Some(Err(_)))
    }

    /// Why it stopped before its end, if it did.
    #[must_use]
    pub fn stopped(&self) -> Option<&Error> {
        self.outcome.stopped()
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
    /// What stopped it, or else the first error of a change, or else that of asking for the review. It [may have been
    /// applied](Error::maybe_applied) when any change was, or may have been.
    pub fn into_result(self) -> Result<Summary> {
        let summary = self.summary();
        self.outcome.into_result()?;
        match self.reviewed {
            Some(Err(error)) => Err(error.prefix("the changes are made, and no review was asked for: ").touched()),
            _ => Ok(summary),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary())?;
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
        &self.edit.0
    }

    /// What was to be done.
    #[must_use]
    pub fn kind(&self) -> EditKind {
        self.edit.1
    }

    /// How it ended.
    #[must_use]
    pub fn status(&self) -> Status {
        self.item.status()
    }

    /// Its error, if it has one.
    #[must_use]
    pub fn error(&self) -> Option<&'a Error> {
        self.item.error()
    }

    /// The record as somebody else made it, where that stands in the way.
    #[must_use]
    pub fn existing(&self) -> Option<&'a JsonMap> {
        self.item.existing()
    }
}
