//! Many operations in few requests.

mod answers;
mod chunk;
mod entries;
mod job;
mod outcome;
mod part;
mod slot;
mod walk;

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::operation::Operation;
use crate::reply::Reply;
use crate::session::Session;

pub(crate) use job::learn;
use job::{Job, Next};
pub use outcome::{Item, Outcome, Outputs, Status, Summary};
pub use part::Part;
use slot::Slot;

/// Many operations, sent in as few requests as the server allows, and each with an outcome of its own.
///
/// Whatever is one request goes into a batch, reads too. [`push`](Self::push) gives a ticket, and the [`Outcome`] gives
/// that operation's own output or error for it.
///
/// ```
/// # use kinto_protocol::{Batch, Outcome, bucket};
/// # use serde_json::json;
/// # fn example(client: impl Client) -> kinto_protocol::Result<()> {
/// let todos = bucket("default").collection("todos").records();
/// let mut batch = Batch::new();
/// let milk = batch.push(todos.create("milk", &json!({"title": "Buy milk"})));
/// let eggs = batch.push(todos.delete("eggs"));
///
/// let mut outcome = client.send(batch)?;
/// println!("{}", outcome.summary()); // 2 done
/// let milk = outcome.take(milk)?; // an object, or why there is none
/// let eggs = outcome.take(eggs)?; // a tombstone, or why there is none
/// # Ok(())
/// # }
/// # trait Client { fn send(&self, batch: Batch) -> kinto_protocol::Result<Outcome>; }
/// ```
///
/// # What is sent
///
/// The operations go out in their order, in chunks of as many as the server takes at a time (it is asked once per
/// session) and as fit into [`bytes`](Self::bytes). What the server cannot do in a batch is sent by itself, in its place:
/// patches other than [`Attributes`](crate::Attributes), conditional reads, paths with `/batch` in them, everything
/// where the server is read-only. An object that is written twice is written in two chunks, so that a lost answer can be
/// cleared up. [`concurrency`](Self::concurrency) gives up the order and sends chunks side by side.
///
/// A batch is **not a transaction**: every operation succeeds or fails by itself. When the server aborts one of them
/// (409), PostgreSQL undoes those before it in the same chunk, although they are answered as done; they are sent again,
/// and counted as done only then (or as [unknown](Status::Unknown), where they must not be sent twice).
///
/// # When something fails
///
/// What fails for one operation is that operation's error, and the others go on. What fails for all (no connection, an
/// overloaded server, the time of one chunk is over, see [`Policy::deadline`](crate::Policy::deadline)) stops the batch:
/// [`Outcome::stopped`] says why, and each operation that has no answer says whether it was
/// [not sent](Status::NotSent) or [may have been carried out](Status::Unknown). [`Outcome::retry_failed`] makes a batch
/// of what is worth repeating.
///
/// A batch that is sent as `&mut batch` stays with the caller: after an error or a dropped future, sending it again goes
/// on where it stood, and [`into_outcome`](Self::into_outcome) gives what came of it.
#[derive(Default)]
#[must_use]
pub struct Batch {
    job: Job,
}

impl Batch {
    /// Nothing yet. A batch of operations of one type is also collected from an iterator, or extended by one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation, which goes behind all others. The ticket is exchanged for its output or error by
    /// [`Outcome::take`]. Nothing is sent yet, and what cannot be sent shows in the outcome.
    pub fn push<O>(&mut self, operation: O) -> Ticket<O::Output>
    where
        O: Operation + 'static,
        O::Output: 'static,
    {
        // A number that no other ticket has, so that one of another batch finds nothing instead of something else.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.job.push(Slot::new(number, self.job.len(), operation));
        Ticket { number, of: PhantomData }
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.job.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// So many chunks at the same time, in any order. One at a time, in order, if nothing is said.
    ///
    /// A small number is best: writes to one list keep each other waiting. Drivers that do one thing at a time send one
    /// chunk after the other all the same.
    pub fn concurrency(mut self, chunks: usize) -> Self {
        self.job.settings.concurrency = chunks.max(1);
        self
    }

    /// So many operations in one request at most, where the server would take more: 200, and never more than 1,000.
    pub fn requests(mut self, most: usize) -> Self {
        self.job.settings.most = most.clamp(1, 1_000);
        self
    }

    /// So many bytes in one request at most: 1,000,000, which is less than most proxies take. An operation that is larger
    /// is sent by itself.
    pub fn bytes(mut self, most: usize) -> Self {
        self.job.settings.bytes = most;
        self
    }

    /// With this for what the server takes, as the server does not say it.
    pub(crate) fn limited(&mut self, most: usize) {
        self.job.limit = most;
    }

    /// Whether anything was changed, or may have been.
    pub(crate) fn is_touched(&self) -> bool {
        self.job.slots.iter().any(|slot| slot.touched())
    }

    /// How each of them ended so far.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = Status> {
        self.job.slots.iter().map(|slot| slot.status().unwrap_or(Status::NotSent))
    }

    /// How an operation ended so far, and its output or error.
    #[cfg(feature = "attachments")]
    pub(crate) fn look_at<T: 'static>(&self, ticket: Ticket<T>) -> (Status, Option<Result<&T, &Error>>) {
        let found = self.job.slots.binary_search_by_key(&ticket.number, |slot| slot.number);
        let slot = found.ok().and_then(|index| self.job.slots.get(index));
        (slot.and_then(|slot| slot.status()).unwrap_or(Status::NotSent), slot.and_then(|slot| slot.result()))
    }

    /// How many of them are over.
    pub(crate) fn over(&self) -> usize {
        self.job.over()
    }

    /// What came of it so far.
    pub fn into_outcome(mut self) -> Outcome {
        self.job.outcome(None)
    }
}

impl<O> Extend<O> for Batch
where
    O: Operation + 'static,
    O::Output: 'static,
{
    fn extend<I: IntoIterator<Item = O>>(&mut self, operations: I) {
        let operations = operations.into_iter();
        self.job.slots.reserve(operations.size_hint().0);
        for operation in operations {
            self.push(operation);
        }
    }
}

impl<O> FromIterator<O> for Batch
where
    O: Operation + 'static,
    O::Output: 'static,
{
    fn from_iter<I: IntoIterator<Item = O>>(operations: I) -> Self {
        let mut batch = Self::new();
        batch.extend(operations);
        batch
    }
}

/// What an operation in a [`Batch`] will be known by: it is exchanged for the outcome, once.
pub struct Ticket<T> {
    number: u64,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Ticket<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Ticket<T> {}

impl<T> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({})", self.number)
    }
}

/// The outcome holds everything: what was done, and what could not be.
impl Flow for Batch {
    type Output = Outcome;

    fn start(&mut self, session: &Session) -> Result<Turn<Outcome>> {
        let next = self.job.start(session);
        Ok(self.turn(next))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Outcome>> {
        let next = self.job.resume(session, &reply);
        Ok(self.turn(next))
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Outcome>> {
        let next = self.job.fail(session, error);
        Ok(self.turn(next))
    }
}

impl Batch {
    fn turn(&mut self, next: Next) -> Turn<Outcome> {
        match next {
            Next::Ask(ask) => Turn::Ask(ask),
            Next::Fork(fork) => Turn::Fork(fork),
            Next::Finished => Turn::Done(self.job.outcome(None)),
            Next::Stopped(error) => {
                let error = self.job.place(error);
                Turn::Done(self.job.outcome(Some(error)))
            }
        }
    }
}

/// The batch is kept by the caller. It gives what is known when everything has an answer, whatever it is; what stops it is
/// an error, and sending it again goes on.
impl Flow for &mut Batch {
    type Output = Summary;

    fn start(&mut self, session: &Session) -> Result<Turn<Summary>> {
        let next = self.job.start(session);
        self.kept(next)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Summary>> {
        let next = self.job.resume(session, &reply);
        self.kept(next)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Summary>> {
        // What stopped it comes by once more.
        if !self.job.awaits_an_answer() {
            return Err(error);
        }
        let next = self.job.fail(session, error);
        self.kept(next)
    }
}

impl Batch {
    fn kept(&mut self, next: Next) -> Result<Turn<Summary>> {
        Ok(match next {
            Next::Ask(ask) => Turn::Ask(ask),
            Next::Fork(fork) => Turn::Fork(fork),
            Next::Finished => Turn::Done(self.job.summary()),
            Next::Stopped(error) => return Err(self.job.place(error)),
        })
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("len", &self.len()).finish_non_exhaustive()
    }
}
