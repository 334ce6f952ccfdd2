//! A part of a batch, sent beside others.

use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::job::{Job, Next};
use crate::batch::slot::Slot;
use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::reply::Reply;
use crate::session::Session;

/// A part of a [`Batch`](crate::Batch) that is sent beside others, see [`Fork`](crate::Fork).
///
/// It has no outcome of its own: whatever becomes of it, also when it is dropped, the batch knows.
pub struct Part {
    job: Job,
    home: Arc<Home>,
}

/// Where the parts of a batch come back to.
#[derive(Default)]
pub(super) struct Home(Mutex<Returned>);

#[derive(Default)]
pub(super) struct Returned {
    pub(super) slots: Vec<Slot>,
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
        Self { job, home: Arc::clone(home) }
    }

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

impl Flow for Part {
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

impl Drop for Part {
    fn drop(&mut self) {
        let slots = self.job.give_back();
        self.home.returned(|home| home.slots.extend(slots));
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("len", &self.job.len()).finish_non_exhaustive()
    }
}
