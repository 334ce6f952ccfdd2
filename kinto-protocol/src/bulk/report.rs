//! What came of a stream of records, in bounded memory.

use std::fmt;
use std::ops::Range;

use crate::batch::{Status, Summary};
use crate::bulk::chunk::Chunk;
use crate::error::{Error, Result};
use crate::object::JsonMap;
use crate::server_error::{Escaped, ServerError};

/// What came of pouring records into a list: how many ended how, the first failures in full, and what is known of those that
/// have no outcome. However long the stream was, it takes the memory of few records. `Display` is a summary on one line.
#[must_use = "a record that failed is told here, and nowhere else"]
#[derive(Debug)]
pub struct BulkReport {
    taken: u64,
    summary: Summary,
    failures: Vec<BulkFailure>,
    unfinished: Vec<(Range<u64>, Status)>,
    stopped: Option<Error>,
}

/// A record that could not be written, or of which that is not known.
#[derive(Debug)]
pub struct BulkFailure {
    position: u64,
    id: Box<str>,
    status: Status,
    error: Error,
}

/// The counts while it goes on.
pub(super) struct Tally {
    pub(super) summary: Summary,
    pub(super) failed: u64,
    /// Whether anything was written, or may have been.
    pub(super) touched: bool,
    pub(super) keep: usize,
    pub(super) told: Option<Told>,
    failures: Vec<BulkFailure>,
    unfinished: Vec<(u64, Status)>,
}

/// Is told of failures.
type Told = Box<dyn Fn(&BulkFailure) + Send + Sync>;

impl Default for Tally {
    fn default() -> Self {
        let (summary, failures, unfinished) = (Summary::default(), Vec::new(), Vec::new());
        Self { summary, failed: 0, touched: false, keep: 100, told: None, failures, unfinished }
    }
}

impl Tally {
    pub(super) fn fail(&mut self, failure: BulkFailure) {
        self.summary.add(failure.status);
        self.failed += 1;
        if let Some(told) = &self.told {
            told(&failure);
        }
        if self.failures.len() < self.keep {
            self.failures.push(failure);
        }
    }

    /// One that will have no outcome.
    pub(super) fn leave(&mut self, position: u64, status: Status) {
        self.summary.add(status);
        self.unfinished.push((position, status));
    }

    /// All of a chunk that came to no end.
    pub(super) fn take_unfinished(&mut self, chunk: Chunk) {
        for ended in chunk.into_ended() {
            let (open, position, status) = (ended.is_open(), ended.entry.position, ended.status);
            match ended.error {
                Some(error) if !open => self.fail(BulkFailure::new(position, ended.entry.id, status, error)),
                Some(_) => self.leave(position, status),
                None => self.summary.add(status),
            }
        }
    }
}

impl BulkReport {
    pub(super) fn new(taken: u64, tally: Tally, stopped: Option<Error>) -> Self {
        let Tally { summary, mut failures, mut unfinished, .. } = tally;
        failures.sort_unstable_by_key(BulkFailure::position);
        unfinished.sort_unstable_by_key(|(position, _)| *position);
        let mut ranges: Vec<(Range<u64>, Status)> = Vec::new();
        for (position, status) in unfinished {
            match ranges.last_mut() {
                Some((range, of)) if range.end == position && *of == status => range.end += 1,
                _ => ranges.push((position..position + 1, status)),
            }
        }
        Self { taken, summary, failures, unfinished: ranges, stopped }
    }

    /// How many records were taken from the stream. Each of them is counted in the [`summary`](Self::summary).
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// How many ended how.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// The first failures, by their positions in the stream: as many as [`Bulk::keep_failures`](crate::Bulk::keep_failures)
    /// says, of those that came to be known first.
    #[must_use]
    pub fn failures(&self) -> &[BulkFailure] {
        &self.failures
    }

    /// What was taken from the stream and has no outcome, as it stopped before: ranges of positions that were [not
    /// sent](Status::NotSent), or [may have been written](Status::Unknown). All others below [`taken`](Self::taken) are over.
    #[must_use]
    pub fn unfinished(&self) -> &[(Range<u64>, Status)] {
        &self.unfinished
    }

    /// Why it stopped before the end of the stream, if it did.
    #[must_use]
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref()
    }

    /// Whether all of the stream is as it was wanted.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.stopped.is_none() && self.summary.is_success()
    }

    /// The same, if all of the stream is as it was wanted.
    ///
    /// # Errors
    ///
    /// What stopped it, or else the first failure's. It [may have been applied](Error::maybe_applied) when any record was
    /// written, or may have been.
    pub fn into_result(mut self) -> Result<Summary> {
        if self.is_success() {
            return Ok(self.summary);
        }
        let touched = self.summary.count(Status::Done) + self.summary.count(Status::Unknown) > 0;
        let bad = self.summary.total() - self.summary.count(Status::Done) - self.summary.count(Status::AlreadySo);
        let error = match self.stopped.take() {
            Some(error) => error,
            None if self.failures.is_empty() => Error::input(format!("{bad} of {} records failed", self.taken)),
            None => {
                let first = self.failures.swap_remove(0);
                let why = format!("{bad} of {} records failed, the first of them {first}: ", self.taken);
                first.error.prefix(&why)
            }
        };
        Err(if touched { error.among_others() } else { error })
    }
}

impl fmt::Display for BulkReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary)?;
        match &self.stopped {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

impl BulkFailure {
    pub(super) fn new(position: u64, id: Box<str>, status: Status, error: Error) -> Self {
        Self { position, id, status, error }
    }

    /// Where the record stands in the stream, from 0.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Its id; empty where that could not be read.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How it ended: any but done and already so, which are no failures.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// What the server said to this record, or why it could not be sent: as if it had been sent alone.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The record as somebody else made it, where that stands in the way.
    #[must_use]
    pub fn existing(&self) -> Option<&JsonMap> {
        self.error.server().and_then(ServerError::existing)
    }
}

/// For people: `number 17, "milk", in conflict`.
impl fmt::Display for BulkFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "number {}", self.position)?;
        if !self.id.is_empty() {
            write!(f, ", \"{}\"", Escaped(&self.id))?;
        }
        write!(f, ", {}", self.status)
    }
}
