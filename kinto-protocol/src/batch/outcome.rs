//! What came of a batch.

use std::fmt;

use crate::batch::Batch;
use crate::batch::Ticket;
use crate::batch::job::{Job, Settings};
use crate::batch::slot::{self, Slot, State};
use crate::error::{Error, ErrorKind, RequestLine, Result};
use crate::object::JsonMap;
use crate::server_error::{Details, Invalid, ServerError};

/// What came of a [`Batch`]: one outcome for each of its operations.
///
/// Each operation's own output or error is taken with its ticket. [`items`](Self::items) goes through them all, whatever
/// their types; [`of`](Self::of) gives those that ended in one way. [`into_result`](Self::into_result) is for those to
/// whom one error is an error.
#[must_use = "an operation that failed is told here, and nowhere else"]
pub struct Outcome {
    slots: Vec<Box<Slot>>,
    settings: Settings,
    stopped: Option<Error>,
}

/// How an operation of a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Status {
    /// It was carried out, by the lost first attempt at it or by a later one; or what was asked for was read.
    Done,
    /// There was nothing to do: what was to be written is there with the same content (its ticket still gives the 412),
    /// what was to be deleted is not there.
    AlreadySo,
    /// 412 or 409: the object was changed meanwhile, or exists although it should not: see [`Item::existing`]. Nothing
    /// happened.
    Conflict,
    /// 404 or 410: there is no such object.
    Missing,
    /// 401 or 403.
    Forbidden,
    /// It cannot be sent, or the server takes it for malformed: see [`Item::invalid`].
    Invalid,
    /// The batch stopped before. Nothing happened.
    NotSent,
    /// It may have been carried out: its answer was lost, or cannot be understood, and what is there now tells neither that
    /// it was nor that it was not. That may show in [`Item::existing`].
    Unknown,
    /// Another error. Nothing happened.
    Failed,
}

impl Status {
    const ALL: [Self; 9] = [
        Self::Done,
        Self::AlreadySo,
        Self::Conflict,
        Self::Missing,
        Self::Forbidden,
        Self::Invalid,
        Self::NotSent,
        Self::Unknown,
        Self::Failed,
    ];

    /// What an error means for what it is about.
    pub(crate) fn of(error: &Error) -> Self {
        match (error.kind(), error.status().map(|status| status.as_u16())) {
            _ if error.maybe_applied() => Self::Unknown,
            (_, Some(409 | 412)) => Self::Conflict,
            (_, Some(404 | 410)) => Self::Missing,
            (_, Some(401 | 403)) => Self::Forbidden,
            (ErrorKind::Input, _) | (_, Some(400 | 406 | 413 | 414 | 415 | 422)) => Self::Invalid,
            _ => Self::Failed,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::AlreadySo => "already so",
            Self::Conflict => "in conflict",
            Self::Missing => "missing",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::NotSent => "not sent",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        })
    }
}

impl Outcome {
    pub(super) fn new(mut slots: Vec<Box<Slot>>, settings: Settings, stopped: Option<Error>) -> Self {
        for slot in &mut slots {
            if slot.is_over() {
                continue;
            }
            let (status, why) = match slot.waiting() {
                Some(pending) if pending.lost.is_some() => (Status::Unknown, "the batch stopped before it was known"),
                _ => (Status::NotSent, "the batch stopped before it was sent"),
            };
            slot.give_up(Error::new(ErrorKind::Stopped, why), Some(status));
        }
        Self { slots, settings, stopped }
    }

    fn find<T>(&self, ticket: Ticket<T>) -> Option<usize> {
        self.slots.binary_search_by_key(&ticket.number, |slot| slot.number).ok()
    }

    /// Takes an operation's output, or its error.
    ///
    /// # Errors
    ///
    /// The operation's own, and [`ErrorKind::Input`] for a ticket of another batch or one that was taken before.
    pub fn take<T: 'static>(&mut self, ticket: Ticket<T>) -> Result<T> {
        let result = self.find(ticket).and_then(|index| self.slots[index].take_result());
        let nothing = "there is nothing for this ticket here: it is of another batch, or was taken before";
        result.unwrap_or_else(|| Err(Error::input(nothing)))
    }

    /// Looks at an operation's output, or its error. `None` for a ticket of another batch, or one that was taken.
    #[must_use]
    pub fn get<T: 'static>(&self, ticket: Ticket<T>) -> Option<Result<&T, &Error>> {
        self.slots[self.find(ticket)?].result()
    }

    /// All of them, in the order in which they were pushed.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.slots.iter().map(|slot| Item { slot })
    }

    /// Those that ended in this way.
    pub fn of(&self, status: Status) -> impl Iterator<Item = Item<'_>> {
        self.items().filter(move |item| item.status() == status)
    }

    /// Why the batch stopped before its end, if it did.
    #[must_use]
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref()
    }

    /// How many ended how.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary::of(&self.slots)
    }

    /// Whether anything was changed, or may have been.
    pub(crate) fn is_touched(&self) -> bool {
        self.slots.iter().any(|slot| slot.touched())
    }

    /// The same, if all of it is as it was wanted: [done](Status::Done) or [already so](Status::AlreadySo).
    ///
    /// # Errors
    ///
    /// What stopped the batch, or else the first error of an operation. It [may have been
    /// applied](Error::maybe_applied) when any operation was, or may have been.
    pub fn into_result(mut self) -> Result<Outputs> {
        let summary = self.summary();
        let failed = summary.total() - summary.count(Status::Done) - summary.count(Status::AlreadySo);
        let bad = |slot: &Slot| !matches!(slot.status(), Some(Status::Done | Status::AlreadySo));
        let touched = self.is_touched();
        let error = match (self.stopped.take(), self.slots.iter().position(|slot| bad(slot))) {
            (None, None) => return Ok(Outputs(self)),
            (Some(error), _) => error,
            (None, Some(first)) => {
                let taken = || Error::new(ErrorKind::Other, "its error was taken before");
                let error = self.slots.swap_remove(first).take_error().unwrap_or_else(taken);
                error.prefix(&format!("{failed} of {} operations failed, the first of them with: ", summary.total()))
            }
        };
        Err(if touched { error.among_others() } else { error })
    }

    /// A batch of what failed and is worth repeating: what was not sent, what the server was too busy for, what may or may
    /// not have been carried out and does no harm twice. `None` when there is nothing of the kind.
    ///
    /// These operations leave this outcome; their tickets are good for the outcome of the new batch, which may be
    /// [merged](Self::merge) into this one.
    #[must_use]
    pub fn retry_failed(&mut self) -> Option<Batch> {
        let again: Vec<Box<Slot>> = self.slots.extract_if(.., |slot| slot.retry()).collect();
        if again.is_empty() {
            return None;
        }
        self.stopped = None;
        Some(Batch { job: Job::of(again, self.settings) })
    }

    /// With the outcomes of another batch, mostly of one made by [`retry_failed`](Self::retry_failed).
    pub fn merge(&mut self, other: Self) {
        self.slots.extend(other.slots);
        slot::in_order(&mut self.slots);
        self.stopped = self.stopped.take().or(other.stopped);
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome").field("summary", &self.summary().to_string()).finish_non_exhaustive()
    }
}

/// What came of a batch all of which is as it was wanted, see [`Outcome::into_result`].
#[derive(Debug)]
pub struct Outputs(Outcome);

impl std::ops::Deref for Outputs {
    type Target = Outcome;

    fn deref(&self) -> &Outcome {
        &self.0
    }
}

impl std::ops::DerefMut for Outputs {
    fn deref_mut(&mut self) -> &mut Outcome {
        &mut self.0
    }
}

/// One operation of a batch, when it is over.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    slot: &'a Slot,
}

impl<'a> Item<'a> {
    /// Where it stands in the batch it was pushed to, from 0.
    #[must_use]
    pub fn position(&self) -> usize {
        self.slot.position
    }

    /// Its request; `None` when there was none.
    #[must_use]
    pub fn request(&self) -> Option<&'a RequestLine> {
        match &self.slot.state {
            State::Answered(answered) => answered.line.as_ref(),
            _ => None,
        }
    }

    /// How it ended.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.slot.state {
            State::Answered(answered) => answered.status,
            _ => Status::NotSent,
        }
    }

    /// Whether it was carried out by an attempt whose answer was lost, and known for it when it was repeated.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        matches!(&self.slot.state, State::Answered(answered) if answered.repeated)
    }

    /// Its error, if it has one and it was not taken.
    #[must_use]
    pub fn error(&self) -> Option<&'a Error> {
        self.slot.error()
    }

    /// The object that stands in its way, as it was when the server refused it (412), without its permissions.
    #[must_use]
    pub fn existing(&self) -> Option<&'a JsonMap> {
        self.error()?.server().and_then(ServerError::existing)
    }

    /// What is wrong with it, where the server says so.
    #[must_use]
    pub fn invalid(&self) -> &'a [Invalid] {
        match self.error().and_then(Error::server).map(ServerError::details) {
            Some(Details::Invalid(list)) => list,
            _ => &[],
        }
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("position", &self.position())
            .field("request", &self.request().map(ToString::to_string))
            .field("status", &self.status())
            .field("error", &self.error())
            .finish()
    }
}

/// How many operations ended how. `Display` is for people: `98 done, 2 in conflict`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary([usize; Status::ALL.len()]);

impl Summary {
    pub(super) fn of(slots: &[Box<Slot>]) -> Self {
        slots.iter().map(|slot| Item { slot }.status()).collect()
    }

    /// Counts one more.
    pub(crate) fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    /// How many ended in this way.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.0[status as usize]
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// Whether all of them are as they were wanted: done, or already so.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.total() == self.count(Status::Done) + self.count(Status::AlreadySo)
    }
}

impl FromIterator<Status> for Summary {
    fn from_iter<I: IntoIterator<Item = Status>>(statuses: I) -> Self {
        let mut summary = Self::default();
        statuses.into_iter().for_each(|status| summary.add(status));
        summary
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Status::ALL.iter().map(|status| (self.count(*status), status)).filter(|(count, _)| *count > 0);
        match parts.next() {
            Some((count, status)) => write!(f, "{count} {status}")?,
            None => return f.write_str("nothing to do"),
        }
        parts.try_for_each(|(count, status)| write!(f, ", {count} {status}"))
    }
}
