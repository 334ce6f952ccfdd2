//! Reading what is there, to plan what is to become of it.
//!
//! ```text
//!             ┌── one more page ──┐
//!             ▼                   │
//!  start ─▶ GET the list ─────────┴─▶ a Planner; with permissions: GET each record, in batches ─▶ a Planner
//! ```

use crate::batch::{Batch, Outcome, Ticket};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Flow, Turn};
use crate::flows::{List, Pages};
use crate::object::{Listing, Object};
use crate::query::{Filter, field};
use crate::reply::Reply;
use crate::resource::{Kind, Resource};
use crate::server_error::ServerError;
use crate::session::Session;
use crate::sync::planner::Planner;

/// How many records are read in one batch, for their permissions.
const AT_ONCE: usize = 200;

/// What is compared and planned, and what not.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) filters: Vec<Filter>,
    pub(super) only_fields: Option<Vec<String>>,
    pub(super) keep_extra: bool,
    pub(super) keep_timestamps: bool,
    pub(super) permissions: bool,
    pub(super) attachments: bool,
    /// Whether records that are created say that they have the files that they are wanted with.
    pub(super) claim_files: bool,
    pub(super) keep_bytes: usize,
}

/// The setters of a survey and of what contains one.
macro_rules! wishes {
    (|$self:ident| $wish:expr) => {
        /// Only records that meet this condition are looked at, and all others given. What is wanted should meet it too:
        /// what is there and does not is not seen, so that creating it will be a conflict.
        pub fn filter(mut $self, filter: $crate::query::Filter) -> Self {
            $wish.filters.push(filter);
            $self
        }

        /// Only these fields are compared, and written where they differ: others of a record that is there stay, and so do
        /// those that the wanted record lacks. Without, a record is to be as it is wanted, in all its fields.
        pub fn only_fields<F: Into<String>>(mut $self, names: impl IntoIterator<Item = F>) -> Self {
            $wish.only_fields = Some(names.into_iter().map(Into::into).collect());
            $self
        }

        /// Records that are there and not wanted stay. Without, they are to be deleted.
        pub fn keep_extra(mut $self) -> Self {
            $wish.keep_extra = true;
            $self
        }

        /// Records are to have the timestamps that are wanted, as far as the server can do that: a record that is there
        /// cannot become older than it is. They are written in the order of their timestamps.
        pub fn keep_timestamps(mut $self) -> Self {
            $wish.keep_timestamps = true;
            $self
        }

        /// Permissions are compared and written too, of those records that are wanted with some. As lists do not show them,
        /// each record is read by itself, in batches.
        pub fn permissions(mut $self) -> Self {
            $wish.permissions = true;
            $self
        }

        /// Files of records are compared too, by size and SHA-256, and attached or removed where they differ: a record is to
        /// have the file that its field `attachment` says, as that of one does which was read elsewhere, or that [it is
        /// wanted with](crate::Wanted::file), and none if there is neither. Where their content comes from is for
        /// [`Apply`](crate::Apply) to say. Without this, files stay as they are.
        #[cfg(feature = "attachments")]
        pub fn attachments(mut $self) -> Self {
            $wish.attachments = true;
            $self
        }

        /// So much of what is there is kept to show what changes in it: 64 MiB. Of records beyond that, only that they
        /// change.
        pub fn keep_bytes(mut $self, most: usize) -> Self {
            $wish.keep_bytes = most;
            $self
        }
    };
}
pub(super) use wishes;

/// Reads a list to plan what is to become of it: see [`Resource::survey`]. The output is a [`Planner`].
///
/// Of each record a fingerprint is kept, some 200 bytes with its id, and of some their content, as much as
/// [`keep_bytes`](Self::keep_bytes) says.
#[must_use]
#[derive(Debug)]
pub struct Survey {
    pub(super) resource: Resource,
    pub(super) wish: Wish,
    /// Those that alone are of interest.
    only: Option<Vec<String>>,
    /// Whether what is forbidden counts as not being there.
    hidden_is_absent: bool,
    under_way: Option<UnderWay>,
}

/// By which ids records were asked for.
type Asked = Vec<(String, Ticket<Object>)>;

#[derive(Debug)]
struct UnderWay {
    pages: Pages<Object>,
    planner: Planner,
    /// Records that are still to be read one by one.
    left: Vec<String>,
    batch: Option<(Batch, Asked)>,
}

impl UnderWay {
    /// What is left of the page before.
    fn decode(&mut self, wish: &Wish) -> Result<()> {
        let page = self.pages.decode()?;
        self.take(page, wish);
        Ok(())
    }

    fn take(&mut self, page: Option<Listing<Object>>, wish: &Wish) {
        let Some(page) = page else { return };
        self.planner.timestamp = page.timestamp;
        for record in page.items {
            if wish.permissions {
                self.left.push(record.id);
            } else {
                self.planner.found(record);
            }
        }
    }
}

impl Survey {
    pub(crate) fn new<T>(resource: &Resource<T>) -> Self {
        let wish = Wish {
            filters: Vec::new(),
            only_fields: None,
            keep_extra: false,
            keep_timestamps: false,
            permissions: false,
            attachments: false,
            claim_files: false,
            keep_bytes: 64 * 1024 * 1024,
        };
        let resource = resource.typed();
        // That a bucket is not there is not told to everybody.
        let hidden_is_absent = resource.kind() == Kind::Bucket;
        Self { resource, wish, only: None, hidden_is_absent, under_way: None }
    }

    /// Looks at those with these ids alone, of which there may be as many as fit into a URL. All others are as if they were
    /// not there: what is extra is what of these is not wanted.
    pub fn only<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.only = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    /// For what is in a bucket that need not be there: that is not told either.
    pub(crate) fn hidden_is_absent(mut self) -> Self {
        self.hidden_is_absent = true;
        self
    }

    #[cfg(feature = "export")]
    pub(crate) fn claim_files(mut self) -> Self {
        self.wish.claim_files = true;
        self
    }

    /// Reads nothing, where it is known that there is nothing.
    pub(crate) fn nothing_there(&self, session: &Session) -> Planner {
        Planner::new(self.resource.clone(), self.wish.clone(), session)
    }

    wishes!(|self| self.wish);

    fn next_batch(&mut self, session: &Session) -> Result<Turn<Planner>> {
        let Some(mut under_way) = self.under_way.take() else { return Err(over()) };
        if under_way.left.is_empty() {
            return Ok(Turn::Done(under_way.planner));
        }
        let some = under_way.left.split_off(under_way.left.len().saturating_sub(AT_ONCE));
        let mut batch = Batch::new();
        let ticket = |id: String| (id.clone(), batch.push(self.resource.get(id)));
        let tickets = some.into_iter().map(ticket).collect();
        let turn = batch.start(session)?;
        under_way.batch = Some((batch, tickets));
        self.under_way = Some(under_way);
        self.batched(session, turn)
    }

    fn batched(&mut self, session: &Session, turn: Turn<Outcome>) -> Result<Turn<Planner>> {
        let mut outcome = match turn {
            Turn::Ask(ask) => return Ok(Turn::Ask(ask)),
            Turn::Fork(fork) => return Ok(Turn::Fork(fork)),
            Turn::Done(outcome) => outcome,
        };
        if let Some(stopped) = outcome.stopped() {
            return Err(stopped.copy());
        }
        let Some(under_way) = &mut self.under_way else { return Err(over()) };
        for (id, ticket) in under_way.batch.take().map(|(_, tickets)| tickets).unwrap_or_default() {
            match outcome.take(ticket) {
                // The personal bucket has another id than that by which it is asked for.
                Ok(record) => under_way.planner.found(Object { id, ..record }),
                // It was deleted since, or never there; but where the list itself is not there, nothing can be made in it.
                Err(error) if error.is_not_found() && !error.server().is_some_and(ServerError::lacks_parent) => {}
                Err(error) if error.is_forbidden() && self.hidden_is_absent => {}
                Err(error) => return Err(error),
            }
        }
        self.next_batch(session)
    }
}

fn over() -> Error {
    Error::new(ErrorKind::Other, "this survey is over")
}

impl Flow for Survey {
    type Output = Planner;

    fn start(&mut self, session: &Session) -> Result<Turn<Planner>> {
        let mut list = self.wish.filters.iter().cloned().fold(self.resource.list(), List::filter);
        // Not everybody who may read an object may read its list, and lists do not show permissions.
        let read_alone = self.wish.permissions || self.resource.kind() != Kind::Record;
        let comma = |ids: &Vec<String>| ids.iter().any(|id| id.contains(','));
        let mut left = Vec::new();
        match &self.only {
            Some(ids) if read_alone || comma(ids) => left.clone_from(ids),
            Some(ids) => list = list.filter(field("id").is_in(ids)),
            None => {}
        }
        let planner = Planner::new(self.resource.clone(), self.wish.clone(), session);
        let under_way = UnderWay { pages: list.pages(), planner, left, batch: None };
        if !under_way.left.is_empty() {
            self.under_way = Some(under_way);
            return self.next_batch(session);
        }
        let call = under_way.pages.call()?.ok_or_else(over)?;
        self.under_way = Some(under_way);
        Ok(Turn::ask(call))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Planner>> {
        let under_way = self.under_way.as_mut().ok_or_else(over)?;
        if let Some((batch, _)) = &mut under_way.batch {
            let turn = batch.resume(session, reply)?;
            return self.batched(session, turn);
        }
        under_way.decode(&self.wish)?;
        let page = under_way.pages.turn(reply)?;
        under_way.take(page, &self.wish);
        under_way.pages.within(session)?;
        match under_way.pages.ask()? {
            // A long list is many requests, each of which has its time.
            Some(ask) => Ok(Turn::Ask(ask.anew())),
            None => self.next_batch(session),
        }
    }

    fn meanwhile(&mut self, _: &Session) -> Result<()> {
        match &mut self.under_way {
            Some(under_way) => under_way.decode(&self.wish),
            None => Ok(()),
        }
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Planner>> {
        match self.under_way.as_mut().and_then(|under_way| under_way.batch.as_mut()) {
            Some((batch, _)) => {
                let turn = batch.fail(session, error)?;
                self.batched(session, turn)
            }
            None => Err(error),
        }
    }
}
