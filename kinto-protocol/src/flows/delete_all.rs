//! Deleting the objects of a list.

use http::{Method, StatusCode};

use crate::call::{Call, Class, Precondition};
use crate::decode;
use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::flows::pages::{Walk, next_page};
use crate::object::Tombstone;
use crate::path::Path;
use crate::query::{Deleted, Filter, Query};
use crate::reply::Reply;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Deletes the objects of a list, all pages of it, see [`Resource::delete_all`](crate::Resource::delete_all).
///
/// The output is what was deleted: of a list that not all of which the caller may write, the rest stays. When a later
/// page fails, what was deleted before is said in the error, and stays readable in [`deleted`](Self::deleted) for
/// those who send `&mut` it; sending it again goes on with what is left. A precondition ([`if_match`](Self::if_match))
/// holds for the beginning only, as deleting changes the list.
///
/// Without a precondition, a page whose answer is lost is not asked for again by itself, as nobody could tell what it
/// deleted.
#[derive(Debug)]
pub struct DeleteAll {
    path: Path,
    query: Query,
    if_match: Option<Timestamp>,
    position: Position,
    /// How many were deleted when a token was refused last.
    refused_at: Option<usize>,
    walk: Walk,
    deleted: Vec<Tombstone>,
}

/// Where it stands. The server takes the token of a page only once, so that a page that was asked for and not answered
/// is never asked for again: what is left is deleted from the beginning.
#[derive(Debug)]
enum Position {
    First,
    Next(String),
    Again,
}

impl DeleteAll {
    pub(crate) fn new(path: Path) -> Self {
        let query = Query { deleted: Deleted::Irrelevant, ..Query::default() };
        Self {
            path,
            query,
            if_match: None,
            position: Position::First,
            refused_at: None,
            walk: Walk::default(),
            deleted: Vec::new(),
        }
    }

    /// Only objects that meet this condition, and all others given.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.query.filters.push(filter);
        self
    }

    /// So many objects a page. The server may delete fewer at a time.
    #[must_use]
    pub fn page_size(mut self, objects: u64) -> Self {
        self.query.page_size = Some(objects);
        self
    }

    /// Only if nothing in the list was changed since this timestamp (`If-Match`).
    #[must_use]
    pub fn if_match(mut self, at: Timestamp) -> Self {
        self.if_match = Some(at);
        self
    }

    /// What was deleted so far.
    #[must_use]
    pub fn deleted(&self) -> &[Tombstone] {
        &self.deleted
    }

    fn call(&mut self) -> Result<Call> {
        let call = Call::new(Method::DELETE, self.path.clone()).class(Class::Once);
        Ok(match std::mem::replace(&mut self.position, Position::Again) {
            Position::First => {
                // Until one page is deleted, the precondition is still to be met.
                self.position = Position::First;
                let precondition = self.if_match.map_or(Precondition::None, Precondition::Unchanged);
                call.query(self.query.encode()?).precondition(precondition)
            }
            Position::Next(query) => call.query(query),
            Position::Again => call.query(self.query.encode()?),
        })
    }

    fn read(&mut self, reply: &Reply) -> Result<Turn<Vec<Tombstone>>> {
        let page = reply.json_with(decode::tombstones)?;
        self.deleted.extend(page);
        self.position = Position::Again;
        match next_page(reply, &self.query.encode()?)? {
            Some(query) => {
                self.walk.step(&query)?;
                self.position = Position::Next(query);
                self.call().map(Turn::ask)
            }
            None => {
                // Sent once more, it is another deletion, under its own precondition.
                (self.position, self.refused_at, self.walk) = (Position::First, None, Walk::default());
                Ok(Turn::Done(std::mem::take(&mut self.deleted)))
            }
        }
    }
}

impl Flow for DeleteAll {
    type Output = Vec<Tombstone>;

    fn start(&mut self, _: &Session) -> Result<Turn<Vec<Tombstone>>> {
        self.call().map(Turn::ask)
    }

    fn resume(&mut self, _: &Session, reply: Reply) -> Result<Turn<Vec<Tombstone>>> {
        self.read(&reply)
    }

    fn fail(&mut self, _: &Session, error: Error) -> Result<Turn<Vec<Tombstone>>> {
        let deleted = self.deleted.len();
        // A token is good for once and for a while. One that was used up by an attempt of ours, or has waited for too
        // long, is none: what is left is deleted from the beginning. That ends, as something is deleted in between.
        let refused = error.status() == Some(StatusCode::BAD_REQUEST) && matches!(self.position, Position::Again);
        if refused && deleted > self.refused_at.unwrap_or_default() {
            self.refused_at = Some(deleted);
            return self.call().map(Turn::ask);
        }
        Err(match deleted {
            0 => error,
            1 => error.prefix("after 1 object was deleted: "),
            count => error.prefix(&format!("after {count} objects were deleted: ")),
        })
    }
}

/// The flow is kept by the caller: after an error, sending it again goes on where it stood.
impl Flow for &mut DeleteAll {
    type Output = Vec<Tombstone>;

    fn start(&mut self, session: &Session) -> Result<Turn<Vec<Tombstone>>> {
        Flow::start(&mut **self, session)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Vec<Tombstone>>> {
        Flow::resume(&mut **self, session, reply)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Vec<Tombstone>>> {
        Flow::fail(&mut **self, session, error)
    }
}
