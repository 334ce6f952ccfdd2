//! What is under way for a bulk, and how it comes home.
//!
//! ```text
//!                  not known how many              SkipUnchanged
//!                  a batch may hold
//!  Preparation ──▶ GET / ──▶ ────────────────────▶ Survey ──▶ known
//!
//!  Chunk ────────▶ a Batch ──▶ each has its outcome, or what fails for all
//! ```

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::learn;
use crate::bulk::chunk::Chunk;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Ask, Flow, Turn};
use crate::id::IdRule;
use crate::operation::Operation;
use crate::operations::server_info;
use crate::reply::Reply;
use crate::retry;
use crate::session::Session;
use crate::sync::{Planner, Survey};

/// A part of a [`Bulk`](crate::Bulk) that is to be sent, as any other flow.
///
/// It has no outcome of its own: whatever becomes of it, also when it is dropped, the bulk knows.
pub struct BulkPart {
    /// Until it is dropped.
    load: Option<Load>,
    stopped: Option<Error>,
    home: Arc<Home>,
}

#[allow(clippy::large_enum_variant, reason = "one of them exists per request")]
pub(super) enum Load {
    Preparation(Preparation),
    Chunk(Chunk),
}

/// Where parts come back to, each with what fails for all, if anything did.
#[derive(Default)]
pub(super) struct Home(Mutex<Returned>);

#[derive(Default)]
struct Returned {
    parts: Vec<(Load, Option<Error>)>,
    /// Whether no other part is to begin.
    stopped: bool,
}

impl Home {
    fn returned<T>(&self, of: impl FnOnce(&mut Returned) -> T) -> T {
        // Parts are moved in whole, whoever panicked elsewhere.
        of(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn take(&self) -> Vec<(Load, Option<Error>)> {
        self.returned(|returned| std::mem::take(&mut returned.parts))
    }

    pub(super) fn stop(&self) {
        self.returned(|returned| returned.stopped = true);
    }

    pub(super) fn clear(&self) {
        self.returned(|returned| returned.stopped = false);
    }
}

/// What must be known before the first chunk.
pub(super) struct Preparation {
    url: String,
    id_rule: IdRule,
    /// Whether it waits for what the server says of itself.
    asking: bool,
    limit: Option<usize>,
    survey: Option<Survey>,
    there: Option<Planner>,
    over: bool,
}

impl Preparation {
    pub(super) fn new(session: &Session, survey: Option<Survey>) -> Self {
        let (url, id_rule) = (session.url(), session.id_rule());
        Self { url, id_rule, asking: false, limit: None, survey, there: None, over: false }
    }

    /// What is known now, if all of it is.
    pub(super) fn into_known(self) -> Option<(String, IdRule, Option<usize>, Option<Planner>)> {
        self.over.then_some((self.url, self.id_rule, self.limit, self.there))
    }

    fn survey(&mut self, session: &Session) -> Result<Turn<()>> {
        match &mut self.survey {
            Some(survey) => {
                let turn = survey.start(session);
                self.surveyed(turn)
            }
            None => {
                self.over = true;
                Ok(Turn::Done(()))
            }
        }
    }

    fn surveyed(&mut self, turn: Result<Turn<Planner>>) -> Result<Turn<()>> {
        Ok(match turn? {
            // Each part of it has its time.
            Turn::Ask(ask) => Turn::Ask(ask.anew()),
            Turn::Fork(fork) => Turn::Fork(fork),
            Turn::Done(there) => {
                (self.there, self.over) = (Some(there), true);
                Turn::Done(())
            }
        })
    }
}

impl Flow for Preparation {
    type Output = ();

    fn start(&mut self, session: &Session) -> Result<Turn<()>> {
        if session.memory().batch_most().is_some() {
            return self.survey(session);
        }
        self.asking = true;
        Ok(Turn::Ask(Ask::from(server_info().call(session)?).anew()))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<()>> {
        if std::mem::take(&mut self.asking) {
            if retry::is_about_all(reply.status()) {
                return Err(reply.error());
            }
            self.limit = learn(session, reply.json().ok().as_ref());
            return self.survey(session);
        }
        let turn = self.survey.as_mut().map(|survey| survey.resume(session, reply));
        self.surveyed(turn.unwrap_or_else(|| Err(Error::new(ErrorKind::Other, "this survey is over"))))
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<()>> {
        let elsewhere = matches!(error.kind(), ErrorKind::Decode | ErrorKind::Redirect | ErrorKind::TooLarge);
        match &mut self.survey {
            // A server that says nothing of itself may take records all the same.
            _ if self.asking && elsewhere => {
                (self.asking, self.limit) = (false, learn(session, None));
                self.survey(session)
            }
            Some(survey) if !self.asking => {
                let turn = survey.fail(session, error);
                self.surveyed(turn)
            }
            _ => Err(error),
        }
    }
}

impl BulkPart {
    pub(super) fn new(load: Load, home: &Arc<Home>) -> Self {
        Self { load: Some(load), stopped: None, home: Arc::clone(home) }
    }

    fn go(&mut self, on: impl FnOnce(&mut dyn Flow<Output = ()>) -> Result<Turn<()>>) -> Turn<()> {
        let turn = match &mut self.load {
            Some(Load::Preparation(preparation)) => on(preparation),
            Some(Load::Chunk(chunk)) => on(chunk),
            None => Ok(Turn::Done(())),
        };
        turn.unwrap_or_else(|error| {
            self.home.stop();
            self.stopped.get_or_insert(error);
            Turn::Done(())
        })
    }
}

impl Flow for BulkPart {
    type Output = ();

    fn start(&mut self, session: &Session) -> Result<Turn<()>> {
        if self.home.returned(|returned| returned.stopped) {
            return Ok(Turn::Done(()));
        }
        Ok(self.go(|load| load.start(session)))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<()>> {
        Ok(self.go(|load| load.resume(session, reply)))
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<()>> {
        Ok(self.go(|load| load.fail(session, error)))
    }
}

impl Drop for BulkPart {
    fn drop(&mut self) {
        let (load, stopped) = (self.load.take(), self.stopped.take());
        self.home.returned(|home| home.parts.extend(load.map(|load| (load, stopped))));
    }
}

impl fmt::Debug for BulkPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let records = match &self.load {
            Some(Load::Chunk(chunk)) => chunk.len(),
            _ => 0,
        };
        f.debug_struct("BulkPart").field("records", &records).finish_non_exhaustive()
    }
}
