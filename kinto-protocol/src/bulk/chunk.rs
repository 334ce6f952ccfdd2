//! Records that go to the server together, and what came of each.

use std::fmt;

use crate::batch::{Batch, Status, Summary, Ticket};
use crate::bulk::mode::{How, Write};
use crate::call::Precondition;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Flow, Turn};
use crate::object::{JsonMap, Object};
use crate::object_ref::ObjectRef;
use crate::operations::Put;
use crate::patch::{Attributes, Data, Envelope};
use crate::reply::Reply;
use crate::resource::Resource;
use crate::session::Session;
use crate::sync::Fingerprint;
use crate::timestamp::Timestamp;

/// A batch of records, none of which is in it twice.
#[derive(Default)]
pub(super) struct Chunk {
    batch: Batch,
    entries: Vec<(Entry, Ticket<Object<()>>)>,
    bytes: usize,
    over: bool,
}

/// A record of a chunk.
pub(super) struct Entry {
    /// Where it stands in the stream, from 0.
    pub(super) position: u64,
    pub(super) id: Box<str>,
    /// What will be there, where that is remembered.
    pub(super) content: Option<Fingerprint>,
}

/// What came of a record.
pub(super) struct Ended {
    pub(super) entry: Entry,
    pub(super) status: Status,
    /// Unless all is as it was wanted.
    pub(super) error: Option<Error>,
    /// When the record was last changed, if it is as it was wanted.
    pub(super) last_modified: Option<Timestamp>,
    /// Whether it was written, or may have been.
    pub(super) touched: bool,
}

impl Ended {
    /// Whether nobody knows more of it, as its chunk came to no end.
    pub(super) fn is_open(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Stopped)
    }
}

impl Chunk {
    pub(super) fn push(&mut self, resource: &Resource<()>, position: u64, id: Box<str>, write: Write) {
        let Write { how, data, content } = write;
        self.bytes += data.len();
        let data = Envelope { data: Some(Ok(Data::of(&data))), permissions: None };
        let put = |precondition, data| Put::new(resource.clone(), Some(id.to_string()), precondition, data);
        let ticket = match how {
            How::Create => self.batch.push(put(Precondition::Absent, data)),
            How::Overwrite => self.batch.push(put(Precondition::None, data)),
            How::Replace(at) => self.batch.push(put(Precondition::Unchanged(at), data)),
            How::Patch => self.batch.push(resource.patch(ObjectRef::from(id.to_string()), Attributes(data))),
        };
        self.entries.push((Entry { position, id, content }, ticket));
    }

    /// With this for what the server takes, where the server does not say it.
    pub(super) fn limit(&mut self, most: Option<usize>) {
        most.into_iter().for_each(|most| self.batch.limited(most));
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The position of its first record.
    pub(super) fn position(&self) -> u64 {
        self.entries.first().map_or(u64::MAX, |(entry, _)| entry.position)
    }

    /// Whether each has its outcome.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether any was written, or may have been.
    pub(super) fn is_touched(&self) -> bool {
        self.batch.is_touched()
    }

    /// What came of each so far.
    pub(super) fn into_ended(self) -> Vec<Ended> {
        let mut outcome = self.batch.into_outcome();
        let statuses: Vec<_> = outcome.items().map(|item| item.status()).collect();
        let ended = |((entry, ticket), status): ((Entry, Ticket<Object<()>>), Status)| {
            let result: Result<Object<()>> = outcome.take(ticket);
            let there = match &result {
                Ok(record) => Some(record.last_modified),
                Err(error) => error.server().and_then(|server| last_modified(server.existing()?)),
            };
            let is_well = matches!(status, Status::Done | Status::AlreadySo);
            let error = result.err().filter(|_| !is_well);
            let touched = status == Status::Done || error.as_ref().is_some_and(Error::maybe_applied);
            Ended { entry, status, error, last_modified: there.filter(|_| is_well), touched }
        };
        self.entries.into_iter().zip(statuses).map(ended).collect()
    }

    fn turn(&mut self, turn: Result<Turn<Summary>>) -> Result<Turn<()>> {
        let turn = turn?.map(drop);
        self.over = matches!(turn, Turn::Done(()));
        Ok(turn)
    }
}

fn last_modified(record: &JsonMap) -> Option<Timestamp> {
    Some(Timestamp::from_millis(record.get("last_modified")?.as_i64()?))
}

/// It goes on where it stood. What fails for all is an error, and some of it has no outcome then.
impl Flow for Chunk {
    type Output = ();

    fn start(&mut self, session: &Session) -> Result<Turn<()>> {
        let turn = (&mut &mut self.batch).start(session);
        self.turn(turn)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<()>> {
        let turn = (&mut &mut self.batch).resume(session, reply);
        self.turn(turn)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<()>> {
        let turn = (&mut &mut self.batch).fail(session, error);
        self.turn(turn)
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("len", &self.len()).field("over", &self.over).finish_non_exhaustive()
    }
}
