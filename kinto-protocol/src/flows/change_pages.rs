//! What changed in a list since a cursor, page by page.
//!
//! ```text
//!           cursor of this list            ┌─ 304 ────────────────────────────────────────▶ End
//!         ┌────────────────────▶ Since ────┼─ the newest is as it was ──▶ Since … ────────▶ End
//!         │                        │       └─ it is not ─▶ Doubt ─┬─ its parent is ─▶ Since … ─▶ End
//!  Begin ─┤                        │                              └─ it is not ──┐
//!         │    any other           │ 400; an older list;                        ▼
//!         └────────────────────▶ Parent ◀─ nothing new is shown ──────────────▶ All … ─▶ End
//! ```
//!
//! Changes are read in the order in which they were made: what changes while they are read comes last, and is met. The
//! next time begins before the first page of this one, so that what came in between is met again.

use std::fmt;
use std::time::Duration;

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::call::{Call, Precondition};
use crate::cursor::{Cursor, Place, State};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Ask, Flow, Turn};
use crate::flows::pages::Pages;
use crate::object::{Entry, Object};
use crate::path::Path;
use crate::query::{Deleted, Query};
use crate::reply::Reply;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Why everything was read, and not only what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FullRead {
    /// The cursor was empty.
    First,
    /// The cursor is of another version of this library, or damaged.
    UnknownCursor,
    /// The cursor is of another list, or of another server.
    OtherList,
    /// The server does not take the timestamp of the cursor: it is too far ahead of its clock.
    Refused,
    /// The list is older than when it was read last: it was restored, or another machine answers.
    WentBack,
    /// The collection was deleted and made anew, or nothing shows that it was not: its attributes were changed, and so was
    /// all that was changed last.
    Recreated,
    /// The caller may see only some of the list, such as what was shared, and is not told what is deleted. That is so until
    /// an empty cursor is begun with.
    Hidden,
}

/// In words.
impl fmt::Display for FullRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "nothing was known yet",
            Self::UnknownCursor => "the cursor is of another version, or damaged",
            Self::OtherList => "the cursor is of another list",
            Self::Refused => "the server does not take the timestamp of the cursor",
            Self::WentBack => "the list is older than it was",
            Self::Recreated => "the collection may have been deleted and made anew",
            Self::Hidden => "not all of the list is shown, nor what is deleted",
        })
    }
}

/// Some of the changes of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangesPage<T> {
    /// What was changed or deleted; of a full read, what is there.
    pub items: Vec<Entry<T>>,
    /// Why this belongs to a reading of the whole list, if it does: then what is on none of these pages is gone.
    pub full: Option<FullRead>,
}

/// What changed in a list since a cursor, page by page: the caller keeps it. See
/// [`GetChanges::pages`](crate::GetChanges::pages).
///
/// Sending `&mut pages` gives the next page, which may be empty, and `None` after the last; then there is the
/// [`cursor`](Self::cursor) for the next time. After an error, or when a future was dropped, sending it again asks for the
/// same page. It holds one page at a time.
///
/// Once a page belongs to a [full](ChangesPage::full) read, all that follow do. It can begin after other pages.
pub struct ChangePages<T> {
    asked: Asked,
    stage: Stage<T>,
    full: Option<FullRead>,
    /// The cursor as it will be.
    next: Option<Place>,
    newest: Option<Timestamp>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) path: Path,
    /// What the list is in, if it is in anything.
    pub(super) parent: Option<Path>,
    pub(super) cursor: Cursor,
    pub(super) overlap: Duration,
    pub(super) page_size: Option<u64>,
}

enum Stage<T> {
    Begin,
    /// Reads what changed.
    Since(Pages<Entry<T>>),
    /// Holds the first page of it, which may be of another list.
    Doubt(Pages<Entry<T>>, Vec<Entry<T>>),
    /// Asks about what the list is in, before the list is read: if it is made anew in between, that is noticed the next time.
    Parent,
    /// Reads everything, with what was said of the parent.
    All(Pages<Object<T>>, Option<Timestamp>),
    End,
}

impl<T> ChangePages<T> {
    pub(super) fn new(asked: Asked) -> Self {
        Self { asked, stage: Stage::Begin, full: None, next: None, newest: None }
    }

    /// Where to go on the next time, once all pages were read. To be kept after what they hold: what was not kept is told
    /// again then.
    #[must_use]
    pub fn cursor(&self) -> Option<&Cursor> {
        matches!(self.stage, Stage::End).then_some(&self.asked.cursor)
    }

    fn known(&self) -> Option<&Place> {
        match &self.asked.cursor.0 {
            State::At(place) => Some(place),
            State::Empty | State::Unreadable => None,
        }
    }

    fn query(&self, since: Option<Timestamp>) -> Query {
        let deleted = if since.is_some() { Deleted::Shown } else { Deleted::Hidden };
        let sort = vec!["last_modified".to_owned()];
        Query { since, deleted, sort, page_size: self.asked.page_size, ..Query::default() }
    }

    fn begin(&mut self, session: &Session) {
        let place = match &self.asked.cursor.0 {
            State::Empty => return self.read_all(FullRead::First),
            State::Unreadable => return self.read_all(FullRead::UnknownCursor),
            State::At(place) => place,
        };
        if place.server != session.url() || place.path != self.asked.path.as_str() {
            return self.read_all(FullRead::OtherList);
        }
        if place.parent.is_none() {
            self.full = Some(FullRead::Hidden);
            return self.read_list(None);
        }
        let query = self.query(Some(place.since()));
        self.stage = Stage::Since(Pages::new(self.asked.path.clone(), &query, None, false));
    }

    /// Everything is to be read, and what it is in to be asked about first.
    fn read_all(&mut self, why: FullRead) {
        self.full = Some(why);
        if self.asked.parent.is_some() {
            self.stage = Stage::Parent;
        } else {
            self.read_list(None);
        }
    }

    fn read_list(&mut self, parent: Option<Timestamp>) {
        self.next = None;
        self.stage = Stage::All(Pages::new(self.asked.path.clone(), &self.query(None), None, false), parent);
    }

    /// The next call, if there is anything left.
    fn call(&self) -> Result<Option<Call>> {
        Ok(match &self.stage {
            Stage::Begin | Stage::End => None,
            Stage::Since(pages) => pages.call()?.map(|call| match self.known() {
                // On the first page alone.
                Some(known) if self.next.is_none() && known.is_quiet() => {
                    call.precondition(Precondition::Changed(known.timestamp))
                }
                _ => call,
            }),
            Stage::Doubt(..) | Stage::Parent => {
                self.asked.parent.as_ref().map(|path| Call::new(Method::HEAD, path.clone()))
            }
            Stage::All(pages, _) => pages.call()?,
        })
    }

    fn turn(&self) -> Result<Turn<Option<ChangesPage<T>>>> {
        Ok(self.call()?.map_or(Turn::Done(None), |call| Turn::Ask(Ask::from(call).anew())))
    }

    /// The place that the first page of a list gives.
    fn place(&self, session: &Session, reply: &Reply, parent: Option<Timestamp>) -> Result<Place> {
        let of = (session.url(), self.asked.path.to_string());
        Ok(Place::of(of, (reply, timestamp(reply)?), self.asked.overlap, parent))
    }

    /// Hands out changes, without those that were told the last time.
    fn hand_out(&mut self, mut items: Vec<Entry<T>>) -> ChangesPage<T> {
        self.newest = items.iter().map(Entry::last_modified).max().max(self.newest);
        if let Some(next) = &mut self.next {
            items.iter().for_each(|item| next.remember(item.id(), item.last_modified()));
        }
        if let Some(known) = self.known() {
            items.retain(|item| !known.knows(item));
        }
        if matches!(&self.stage, Stage::Since(pages) if pages.is_at_end()) {
            if self.hides_something() {
                self.full = Some(FullRead::Hidden);
                self.stage = Stage::Parent;
            } else {
                self.end();
            }
        }
        ChangesPage { items, full: None }
    }

    /// Whether the list was changed, but nothing that is shown: the newest of it is always among what is read.
    fn hides_something(&self) -> bool {
        let (Some(known), Some(next)) = (self.known(), &self.next) else { return false };
        next.timestamp > known.timestamp && self.newest < Some(next.timestamp)
    }

    fn end(&mut self) {
        if let Some(next) = self.next.take() {
            self.asked.cursor = Cursor(State::At(Box::new(next)));
        }
        self.stage = Stage::End;
    }
}

fn timestamp(reply: &Reply) -> Result<Timestamp> {
    let none = || Error::new(ErrorKind::Decode, "the answer has no ETag that is a timestamp");
    reply.success()?.timestamp().ok_or_else(none)
}

/// The timestamp of what a list is in; `None` where that is not shown. Why it is not is for the list itself to say.
fn parent(reply: &Reply) -> Result<Option<Timestamp>> {
    let hidden = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&reply.status());
    if hidden { Ok(None) } else { timestamp(reply).map(Some) }
}

fn over() -> Error {
    Error::new(ErrorKind::Other, "these changes are over")
}

impl<T: DeserializeOwned + Send> ChangePages<T> {
    fn take_changes(&mut self, session: &Session, reply: &Reply) -> Result<Turn<Option<ChangesPage<T>>>> {
        let known = self.known().ok_or_else(over)?;
        let mut first = None;
        if self.next.is_none() {
            match reply.status() {
                StatusCode::NOT_MODIFIED => {
                    self.stage = Stage::End;
                    return self.turn();
                }
                StatusCode::BAD_REQUEST => {
                    self.read_all(FullRead::Refused);
                    return self.turn();
                }
                _ => {}
            }
            let mut place = self.place(session, reply, known.parent)?;
            if place.timestamp < known.timestamp {
                self.read_all(FullRead::WentBack);
                return self.turn();
            }
            // A slow answer says little of what was committed when, and takes nothing back.
            place.settled = place.settled.max(known.settled);
            first = Some((place, known.timestamp));
        }
        let Stage::Since(pages) = &mut self.stage else { return Err(over()) };
        let items = pages.read(reply)?.items;
        if let Some((place, before)) = first {
            // A list that is made anew has a newer timestamp, and so have all that are in it.
            let is_same = place.timestamp == before
                || self.known().is_some_and(|known| items.iter().any(|item| known.is_shown_by(item)));
            self.next = Some(place);
            if !is_same {
                if let Stage::Since(pages) = std::mem::replace(&mut self.stage, Stage::End) {
                    self.stage = Stage::Doubt(pages, items);
                }
                return self.turn();
            }
        }
        Ok(Turn::Done(Some(self.hand_out(items))))
    }

    /// Takes what is said of that which the list is in.
    fn take_parent(&mut self, reply: &Reply) -> Result<Turn<Option<ChangesPage<T>>>> {
        let parent = parent(reply)?;
        let as_it_was = parent.is_some() && self.known().is_some_and(|known| known.parent == parent);
        match std::mem::replace(&mut self.stage, Stage::End) {
            Stage::Doubt(pages, items) if as_it_was => {
                self.stage = Stage::Since(pages);
                return Ok(Turn::Done(Some(self.hand_out(items))));
            }
            // It was not another list that hid something.
            Stage::Parent if as_it_was && self.full == Some(FullRead::Hidden) => {
                self.read_list(None);
                return self.turn();
            }
            Stage::Parent if self.full != Some(FullRead::Hidden) => {}
            _ => self.full = Some(if parent.is_some() { FullRead::Recreated } else { FullRead::Hidden }),
        }
        self.read_list(parent);
        self.turn()
    }

    fn take_all(&mut self, session: &Session, reply: &Reply) -> Result<Turn<Option<ChangesPage<T>>>> {
        let Stage::All(_, parent) = self.stage else { return Err(over()) };
        let first = if self.next.is_none() { Some(self.place(session, reply, parent)?) } else { None };
        let Stage::All(pages, _) = &mut self.stage else { return Err(over()) };
        let items = pages.read(reply)?.items;
        let is_last = pages.is_at_end();
        self.next = first.or_else(|| self.next.take());
        if let Some(next) = &mut self.next {
            items.iter().for_each(|item| next.remember(&item.id, item.last_modified));
        }
        if is_last {
            self.end();
        }
        let items = items.into_iter().map(Entry::Live).collect();
        Ok(Turn::Done(Some(ChangesPage { items, full: self.full })))
    }
}

impl<T: DeserializeOwned + Send> Flow for &mut ChangePages<T> {
    type Output = Option<ChangesPage<T>>;

    fn start(&mut self, session: &Session) -> Result<Turn<Self::Output>> {
        if matches!(self.stage, Stage::Begin) {
            self.begin(session);
        }
        self.turn()
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Self::Output>> {
        match self.stage {
            Stage::Since(_) => self.take_changes(session, &reply),
            Stage::Doubt(..) | Stage::Parent => self.take_parent(&reply),
            Stage::All(..) => self.take_all(session, &reply),
            Stage::Begin | Stage::End => Err(over()),
        }
    }
}

impl<T> fmt::Debug for ChangePages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangePages").field("path", &self.asked.path).field("full", &self.full).finish_non_exhaustive()
    }
}
