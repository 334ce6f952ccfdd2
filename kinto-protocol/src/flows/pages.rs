//! A list, page by page.
//!
//! ```text
//!  First ──▶ Next(query) ──▶ … ──▶ End
//!    └──────────────────────────────▲    no Next-Page, or enough
//! ```
//!
//! For those who read it to its end, a large page [turns](Pages::turn) by its head alone: it is decoded while the next one is
//! under way. If it cannot be, the cursor goes back to it.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::marker::PhantomData;

use http::{Method, StatusCode};

use crate::call::{Call, Precondition};
use crate::decode::ListItem;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Ask, Flow, Turn};
use crate::object::Listing;
use crate::path::Path;
use crate::query::Query;
use crate::reply::Reply;
use crate::session::Session;
use crate::timestamp::Timestamp;

const NEXT_PAGE: &str = "next-page";

/// So many bytes of a page take longer to decode than it takes to arrange that this is done meanwhile.
const LARGE: usize = 64 * 1024;

/// A list, page by page: a cursor that the caller keeps.
///
/// Sending `&mut pages` gives the next page, and `None` after the last. After an error, or when a future was dropped,
/// the cursor stands where it stood: sending it again asks for the same page. It holds one page at a time.
pub struct Pages<I> {
    path: Path,
    first: Result<String, String>,
    /// Whether only some fields of the objects were asked for.
    partial: bool,
    consistent: bool,
    left: Option<u64>,
    position: Position,
    walk: Walk,
    timestamp: Option<Timestamp>,
    /// The page that the cursor has gone by, and that is still to be decoded.
    undecoded: Option<Box<Undecoded>>,
    of: PhantomData<fn() -> I>,
}

struct Undecoded {
    reply: Reply,
    /// Where it stands in the list.
    position: Position,
}

#[derive(Debug)]
enum Position {
    First,
    Next(String),
    End,
}

impl<I> Pages<I> {
    /// From a path and a query; with `limit` at most so many items.
    pub(crate) fn new(path: Path, query: &Query, limit: Option<u64>, consistent: bool) -> Self {
        Self {
            path,
            first: query.encode().map_err(|error| error.to_string()),
            partial: !query.fields.is_empty(),
            consistent,
            left: limit,
            position: if limit == Some(0) { Position::End } else { Position::First },
            walk: Walk::default(),
            timestamp: None,
            undecoded: None,
            of: PhantomData,
        }
    }

    /// Whether all pages were read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        matches!(self.position, Position::End)
    }

    /// Whether they are not too many for somebody who keeps what is on them.
    pub(crate) fn within(&self, session: &Session) -> Result<()> {
        let most = session.policy().pages;
        if self.is_at_end() || self.walk.steps() < most {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Pagination, format!("the list has more than {most} pages"));
        Err(error.hint("read it page by page, or raise policy.pages"))
    }

    /// What is to be asked for the next page, if there is one: meanwhile the page before is decoded, if it was not yet.
    pub(crate) fn ask(&self) -> Result<Option<Ask>> {
        let ask = self.call()?.map(Ask::from);
        Ok(if self.undecoded.is_some() { ask.map(Ask::meanwhile) } else { ask })
    }

    /// The next call, if there is a next page.
    pub(crate) fn call(&self) -> Result<Option<Call>> {
        let get = || Call::new(Method::GET, self.path.clone());
        Ok(match &self.position {
            Position::End => None,
            Position::First => Some(get().query(self.first.clone().map_err(Error::input)?)),
            Position::Next(query) => Some(get().query(query.clone()).precondition(match self.timestamp {
                Some(at) if self.consistent => Precondition::Unchanged(at),
                _ => Precondition::None,
            })),
        })
    }
}

impl<I: ListItem> Pages<I> {
    /// Reads a page and moves the cursor.
    pub(crate) fn read(&mut self, reply: &Reply) -> Result<Listing<I>> {
        let mut items = Vec::new();
        self.read_to(&mut items, reply)?;
        Ok(Listing { items, timestamp: self.timestamp })
    }

    /// The same, with what is on it behind what is there.
    fn read_to(&mut self, all: &mut Vec<I>, reply: &Reply) -> Result<()> {
        let first = matches!(self.position, Position::First);
        if self.consistent && reply.status() == StatusCode::PRECONDITION_FAILED && !first {
            return Err(
                Error::new(ErrorKind::Pagination, "the list was changed while it was read").hint("read it again")
            );
        }
        let before = all.len();
        self.items_to(all, reply)?;
        let next = self.onward(reply).inspect_err(|_| all.truncate(before))?;
        if let Some(left) = &mut self.left {
            all.truncate(before.saturating_add(usize::try_from(*left).unwrap_or(usize::MAX)));
            *left -= (all.len() - before) as u64;
        }
        self.position = match next {
            Some(query) if self.left != Some(0) => Position::Next(query),
            _ => Position::End,
        };
        Ok(())
    }

    /// The same for those who read all pages: of a large page that is not the last one, only the head is read. What is on it is
    /// to be [decoded](Self::decode) before the next one is read.
    pub(crate) fn turn(&mut self, reply: Reply) -> Result<Option<Listing<I>>> {
        let mut items = Vec::new();
        let is_read = self.turn_to(&mut items, reply)?;
        Ok(is_read.then_some(Listing { items, timestamp: self.timestamp }))
    }

    /// The same, with what is on it behind what is there. Tells whether that was read.
    pub(crate) fn turn_to(&mut self, all: &mut Vec<I>, reply: Reply) -> Result<bool> {
        // How many there are on it matters where not all are wanted.
        let can_wait = reply.body().len() >= LARGE && reply.status() == StatusCode::OK && self.left.is_none();
        if !can_wait || !reply.headers().contains_key(NEXT_PAGE) {
            return self.read_to(all, &reply).map(|()| true);
        }
        let next = self.onward(&reply)?.map_or(Position::End, Position::Next);
        let position = std::mem::replace(&mut self.position, next);
        self.undecoded = Some(Box::new(Undecoded { reply, position }));
        Ok(false)
    }

    /// What is on the page that is still to be decoded, if there is one. If it cannot be decoded, it is the next one again.
    pub(crate) fn decode(&mut self) -> Result<Option<Listing<I>>> {
        let mut items = Vec::new();
        let is_read = self.decode_to(&mut items)?;
        Ok(is_read.then_some(Listing { items, timestamp: self.timestamp }))
    }

    /// The same, with what is on it behind what is there. Tells whether there is one.
    pub(crate) fn decode_to(&mut self, all: &mut Vec<I>) -> Result<bool> {
        // It is kept until it is decoded: a type of the caller's may panic.
        let Some(page) = &self.undecoded else { return Ok(false) };
        let read = self.items_to(all, &page.reply);
        let Some(page) = self.undecoded.take() else { return Ok(false) };
        read.map(|()| true).map_err(|error| {
            if let Position::Next(query) = std::mem::replace(&mut self.position, page.position) {
                self.walk.back(&query);
            }
            // Which request it is about is not that which is under way.
            page.reply.blame(error)
        })
    }

    /// Puts what is on a page behind what is there, all of it or nothing.
    fn items_to(&self, all: &mut Vec<I>, reply: &Reply) -> Result<()> {
        let mut page = Behind { before: all.len(), all };
        reply.json_with(|text| I::list(text, page.all))?;
        if self.partial {
            page.all[page.before..].iter_mut().for_each(ListItem::mark_partial);
        }
        page.before = page.all.len();
        Ok(())
    }

    /// When the list was changed last, as its first page says.
    pub(crate) fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// The query of the next page, as the head of this one says.
    fn onward(&mut self, reply: &Reply) -> Result<Option<String>> {
        let asked = self.first.as_deref().unwrap_or_default();
        let next = next_page(reply, asked)?;
        if matches!(self.position, Position::First) {
            self.timestamp = reply.timestamp();
        }
        if self.consistent && next.is_some() && self.timestamp.is_none() {
            let why = "whether the list is changed while it is read cannot be told: the server gives it no timestamp";
            return Err(Error::new(ErrorKind::Pagination, why));
        }
        if let Some(query) = &next {
            self.walk.step(query)?;
        }
        Ok(next)
    }
}

/// What is put behind what is there, and taken away again if it is not all: after an error, or a panic of the caller's type.
struct Behind<'a, I> {
    all: &'a mut Vec<I>,
    before: usize,
}

impl<I> Drop for Behind<'_, I> {
    fn drop(&mut self) {
        self.all.truncate(self.before);
    }
}

impl<I: ListItem> Flow for &mut Pages<I> {
    type Output = Option<Listing<I>>;

    fn start(&mut self, _: &Session) -> Result<Turn<Self::Output>> {
        Ok(self.call()?.map_or(Turn::Done(None), Turn::ask))
    }

    fn resume(&mut self, _: &Session, reply: Reply) -> Result<Turn<Self::Output>> {
        self.read(&reply).map(|page| Turn::Done(Some(page)))
    }
}

impl<I> std::fmt::Debug for Pages<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("path", &self.path).field("position", &self.position).finish_non_exhaustive()
    }
}

/// The query of the next page, if there is one. Of the URL in `Next-Page` only the place in the list is taken (`_token`,
/// and the size of a page), and put to what was asked for in the first place: the rest is what the server believes of
/// itself, and may be another host, scheme, bucket id, or another question.
pub(crate) fn next_page(reply: &Reply, asked: &str) -> Result<Option<String>> {
    let Some(value) = reply.headers().get(NEXT_PAGE) else { return Ok(None) };
    let broken = || Error::new(ErrorKind::Pagination, "the server names a next page that cannot be asked for");
    let url = value.to_str().map_err(|_| broken())?;
    let (_, query) = url.split('#').next().and_then(|url| url.split_once('?')).ok_or_else(broken)?;
    // What cannot stand in a URL is the server's fault, not the caller's.
    if !query.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(broken());
    }
    let place = query.split('&').filter(|pair| is_place(pair));
    let question = asked.split('&').filter(|pair| !pair.is_empty() && !is_place(pair));
    let next: Vec<&str> = question.chain(place).collect();
    let has_token = next.iter().any(|pair| pair.strip_prefix("_token=").is_some_and(|token| !token.is_empty()));
    if has_token { Ok(Some(next.join("&"))) } else { Err(broken()) }
}

fn is_place(pair: &str) -> bool {
    pair.starts_with("_token=") || pair.starts_with("_limit=")
}

/// Notices when pages go round in a circle: by a short hash of each, as there may be many.
#[derive(Debug, Default)]
pub(crate) struct Walk(HashSet<u64>);

impl Walk {
    fn steps(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn step(&mut self, query: &str) -> Result<()> {
        if self.0.insert(hash(query)) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Pagination, "the pages of the server go round in a circle"))
    }

    /// Takes a step back.
    fn back(&mut self, query: &str) {
        self.0.remove(&hash(query));
    }
}

fn hash(query: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    query.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Object;
    use http::HeaderMap;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Todo {
        #[allow(dead_code, reason = "it is there, or not")]
        n: u8,
    }

    #[test]
    fn of_a_page_that_cannot_be_read_nothing_is_kept() {
        let mut pages = Pages::<Object<Todo>>::new(crate::endpoints::root(), &Query::default(), None, false);
        let page = |body| Reply::test(Method::GET, 200, HeaderMap::new(), body);
        let good = page(br#"{"data":[{"id":"a","last_modified":1,"n":1}]}"#);
        let bad = page(br#"{"data":[{"id":"b","last_modified":1,"n":1},{"id":"c","last_modified":1}]}"#);
        let mut all = Vec::new();
        pages.read_to(&mut all, &good).unwrap();
        assert!(pages.read_to(&mut all, &bad).is_err());
        assert_eq!(all.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["a"]);
    }
}
