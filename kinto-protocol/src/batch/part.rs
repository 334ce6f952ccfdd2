//! Parts of a batch, sent side by side.

use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::job::{Job, Next, Phase, Settings};
use crate::batch::slot::{self, Slot};
use crate::error::{Error, Result};
use crate::flow::{Flow, Fork, Turn};
use crate::reply::Reply;
use crate::session::Session;

/// A part of a [`Batch`](crate::Batch) that is sent beside others, see [`Fork`](crate::Fork).
///
/// It has no outcome of its own: whatever becomes of it, also when it is dropped, the batch knows.
pub struct Part {
    /// Whatever flow may want parts: without knowing what they are, a program that has none has nothing of batches.
    flow: Box<dyn Flow<Output = ()>>,
    len: usize,
    /// Which session asks, if it is not that of whoever sends the part.
    session: Option<Session>,
}

/// Some of the operations of a batch.
struct Piece {
    job: Job,
    home: Arc<Home>,
}

/// Where the parts of a batch come back to.
#[derive(Default)]
pub(super) struct Home(Mutex<Returned>);

#[derive(Default)]
pub(super) struct Returned {
    pub(super) slots: Vec<Box<Slot>>,
    /// Why the first of them stopped. No other begins then.
    pub(super) stopped: Option<Error>,
    /// Whether any of them was begun: a driver that does one thing at a time begins none.
    pub(super) begun: bool,
}

impl Home {
    pub(super) fn returned<T>(&self, of: impl FnOnce(&mut Returned) -> T) -> T {
        // Slots are moved in whole, whoever panicked elsewhere.
        of(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part {
    pub(super) fn new(job: Job, home: &Arc<Home>) -> Self {
        Self { len: job.len(), flow: Box::new(Piece { job, home: Arc::clone(home) }), session: None }
    }

    /// The same, asked by this session.
    pub(crate) fn at(mut self, session: &Session) -> Self {
        self.session.get_or_insert_with(|| session.clone());
        self
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn turn(&self, turn: Result<Turn<()>>) -> Result<Turn<()>> {
        match &self.session {
            Some(session) => turn.map(|turn| turn.at(session)),
            None => turn,
        }
    }
}

impl Flow for Part {
    type Output = ();

    fn start(&mut self, session: &Session) -> Result<Turn<()>> {
        let turn = self.flow.start(self.session.as_ref().unwrap_or(session));
        self.turn(turn)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<()>> {
        let turn = self.flow.resume(self.session.as_ref().unwrap_or(session), reply);
        self.turn(turn)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<()>> {
        let turn = self.flow.fail(self.session.as_ref().unwrap_or(session), error);
        self.turn(turn)
    }
}

impl Piece {
    fn turn(&self, next: Next) -> Turn<()> {
        match next {
            Next::Ask(ask) => Turn::Ask(ask),
            Next::Stopped(error) => {
                self.home.returned(|home| home.stopped = home.stopped.take().or(Some(error)));
                Turn::Done(())
            }
            Next::Finished | Next::Fork(_) => Turn::Done(()),
        }
    }
}

impl Flow for Piece {
    type Output = ();

    fn start(&mut self, session: &Session) -> Result<Turn<()>> {
        let stopped = self.home.returned(|home| {
            home.begun = true;
            home.stopped.is_some()
        });
        if stopped {
            return Ok(Turn::Done(()));
        }
        let next = self.job.start(session);
        Ok(self.turn(next))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<()>> {
        let next = self.job.resume(session, &reply);
        Ok(self.turn(next))
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<()>> {
        let next = self.job.fail(session, error);
        Ok(self.turn(next))
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let (slots, _) = self.job.give_back();
        self.home.returned(|home| home.slots.extend(slots));
    }
}

/// How parts leave their batch, and come home.
impl Job {
    /// Hands out parts of a chunk each.
    pub(super) fn apart(&mut self, most: usize) -> Next {
        let home = Arc::new(Home::default());
        self.queue.clear();
        let (over, waiting): (Vec<Box<Slot>>, Vec<Box<Slot>>) =
            std::mem::take(&mut self.slots).into_iter().partition(|slot| slot.is_over());
        self.slots = over;
        // A part keeps the order of its own operations, and has no parts itself.
        let settings = Settings { concurrency: 1, ..self.settings };
        let mut waiting = waiting.into_iter().peekable();
        let mut parts = Vec::with_capacity(waiting.len().div_ceil(most));
        while waiting.peek().is_some() {
            let mut part = Self::of(waiting.by_ref().take(most).collect(), settings);
            part.limit = self.limit;
            parts.push(Part::new(part, &home));
        }
        let out = parts.iter().map(Part::len).sum();
        self.phase = Phase::Apart { home, out };
        Next::Fork(Fork { parts, at_once: self.settings.concurrency })
    }

    /// Takes in what is under way: a chunk that was dropped with the future that sent it, or parts, of which it tells
    /// whether any was begun.
    pub(super) fn land(&mut self) -> Result<Option<bool>> {
        match std::mem::take(&mut self.phase) {
            Phase::Apart { home, out } => self.gather(home, out).map(Some),
            Phase::Flying(members) => {
                self.mark(&members, Some(self.since));
                Ok(None)
            }
            Phase::Resting | Phase::Asking => Ok(None),
        }
    }

    pub(super) fn gather(&mut self, home: Arc<Home>, out: usize) -> Result<bool> {
        let (slots, stopped, begun) =
            home.returned(|home| (std::mem::take(&mut home.slots), home.stopped.take(), home.begun));
        let still_out = out - slots.len();
        self.slots.extend(slots);
        slot::in_order(&mut self.slots);
        if still_out > 0 {
            self.phase = Phase::Apart { home, out: still_out };
            return Err(Error::input("parts of the batch are still under way: go on when they are done or dropped"));
        }
        stopped.map_or(Ok(begun), Err)
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("len", &self.len).finish_non_exhaustive()
    }
}
