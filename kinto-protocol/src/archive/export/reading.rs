//! Reading what lists do not show: what one has to ask for one by one, and what was deleted.

use bytes::Bytes;

use crate::archive::export::{Export, nothing_asked};
use crate::batch::{Batch, Outcome, Ticket};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Ask, Flow as _, Turn};
use crate::flows::Pages;
use crate::object::{Entry, Listing, Object};
use crate::reply::Reply;
use crate::resource::Kind;
use crate::session::Session;

/// How many objects are read in one batch.
const AT_ONCE: usize = 200;

/// The records of a collection.
#[derive(Debug)]
pub(super) enum Records {
    All(Pages<Object>),
    /// Deleted ones too, as the server gives them where timestamps are asked for.
    Since(Pages<Entry>),
}

impl Records {
    pub(super) fn ask(&self) -> Result<Option<Ask>> {
        match self {
            Self::All(pages) => pages.ask(),
            Self::Since(pages) => pages.ask(),
        }
    }

    pub(super) fn within(&self, session: &Session) -> Result<()> {
        match self {
            Self::All(pages) => pages.within(session),
            Self::Since(pages) => pages.within(session),
        }
    }

    /// The records of a page, unless they are still to be decoded, and the ids of those that seem to be deleted: that may be
    /// wrong.
    pub(super) fn turn(&mut self, reply: Reply) -> Result<Seen> {
        Ok(match self {
            Self::All(pages) => Self::live(pages.turn(reply)?),
            Self::Since(pages) => Self::live_and_dead(pages.turn(reply)?),
        })
    }

    /// Those of the page that is still to be decoded, if there is one.
    pub(super) fn decode(&mut self) -> Result<Seen> {
        Ok(match self {
            Self::All(pages) => Self::live(pages.decode()?),
            Self::Since(pages) => Self::live_and_dead(pages.decode()?),
        })
    }

    fn live(page: Option<Listing<Object>>) -> Seen {
        (page.map(|page| page.items).unwrap_or_default(), Vec::new())
    }

    fn live_and_dead(page: Option<Listing<Entry>>) -> Seen {
        let entries = page.map(|page| page.items).unwrap_or_default();
        let (mut live, mut dead) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Live(object) => live.push(object),
                Entry::Deleted(tombstone) => dead.push(tombstone.id),
            }
        }
        (live, dead)
    }
}

/// Records, and the ids of those that seem to be deleted.
pub(super) type Seen = (Vec<Object>, Vec<String>);

/// The first of those that are unread, in a batch.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) batch: Batch,
    tickets: Vec<Ticket<Object>>,
}

impl Export {
    /// Reads the first of those that are unread.
    pub(super) fn read(&mut self, session: &Session) -> Result<Turn<Option<Bytes>>> {
        let mut batch = Batch::new();
        let some = self.unread.iter().take(AT_ONCE);
        let tickets = some.map(|(place, _)| batch.push(self.get(place))).collect();
        let turn = batch.start(session)?;
        self.reading = Some(Reading { batch, tickets });
        self.has_read(session, turn)
    }

    pub(super) fn has_read(&mut self, session: &Session, turn: Turn<Outcome>) -> Result<Turn<Option<Bytes>>> {
        let mut outcome = match turn {
            Turn::Ask(ask) => return Ok(Turn::Ask(ask)),
            Turn::Fork(fork) => return Ok(Turn::Fork(fork)),
            Turn::Done(outcome) => outcome,
        };
        let Reading { tickets, .. } = self.reading.take().ok_or_else(nothing_asked)?;
        if let Some(stopped) = outcome.stopped() {
            return Err(stopped.copy());
        }
        let objects: Vec<_> = tickets.into_iter().map(|ticket| outcome.take(ticket)).collect();
        // First all that others may have done, so that what is read once more is not written twice.
        for ((place, listed), object) in self.unread.iter().zip(&objects) {
            if let Err(error) = object
                && !error.is_not_found()
            {
                return Err(error.copy());
            }
            let found = object.as_ref().map(|object| object.last_modified).ok();
            if self.consistent && listed.is_some() && found != *listed {
                let why = format!("{} was changed while its list was read", place.path());
                return Err(Error::new(ErrorKind::Pagination, why).hint("read it again"));
            }
        }
        let read: Vec<_> = self.unread.drain(..objects.len()).zip(objects).collect();
        for ((place, _), object) in read {
            // What is not found was deleted since.
            if let Ok(object) = object {
                let shows = self.record_permissions || place.kind() != Kind::Record;
                self.write(&place, object, shows)?;
            }
        }
        self.go_on(session)
    }
}
