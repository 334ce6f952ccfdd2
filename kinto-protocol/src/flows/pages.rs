//! A list, page by page.
//!
//! ```text
//!  First ──▶ Next(query) ──▶ … ──▶ End
//!    └──────────────────────────────▲    no Next-Page, or enough
//! ```

use std::marker::PhantomData;

use http::Method;

use crate::call::{Call, Precondition};
use crate::decode::{self, ListItem};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Flow, Turn};
use crate::object::Listing;
use crate::path::Path;
use crate::reply::Reply;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// A list, page by page: a cursor that the caller keeps.
///
/// Sending `&mut pages` gives the next page, and `None` after the last. After an error, or when a future was dropped,
/// the cursor stands where it stood: sending it again asks for the same page. It holds one page at a time.
pub struct Pages<I> {
    path: Path,
    first: Result<String, String>,
    consistent: bool,
    left: Option<u64>,
    position: Position,
    walk: Walk,
    timestamp: Option<Timestamp>,
    of: PhantomData<fn() -> I>,
}

#[derive(Debug)]
enum Position {
    First,
    Next(String),
    End,
}

impl<I> Pages<I> {
    /// From a path and a query; with `limit` at most so many items.
    pub(crate) fn new(path: Path, first: Result<String>, limit: Option<u64>, consistent: bool) -> Self {
        Self {
            path,
            first: first.map_err(|error| error.to_string()),
            consistent,
            left: limit,
            position: if limit == Some(0) { Position::End } else { Position::First },
            walk: Walk::default(),
            timestamp: None,
            of: PhantomData,
        }
    }

    /// Whether all pages were read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        matches!(self.position, Position::End)
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
        let first = matches!(self.position, Position::First);
        if reply.status().as_u16() == 412 && !first {
            return Err(
                Error::new(ErrorKind::Pagination, "the list was changed while it was read").hint("read it again")
            );
        }
        let mut items = reply.json_with(decode::list::<I>)?;
        let next = next_page(reply)?;
        if let Some(query) = &next {
            self.walk.step(query)?;
        }
        if first {
            self.timestamp = reply.timestamp();
        }
        if let Some(left) = &mut self.left {
            items.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= items.len() as u64;
        }
        self.position = match next {
            Some(query) if self.left != Some(0) => Position::Next(query),
            _ => Position::End,
        };
        Ok(Listing { items, timestamp: self.timestamp })
    }
}

impl<I: ListItem> Flow for &mut Pages<I> {
    type Output = Option<Listing<I>>;

    fn start(&mut self, _: &Session) -> Result<Turn<Self::Output>> {
        Ok(self.call()?.map_or(Turn::Done(None), Turn::Ask))
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

/// The query of the next page. Of the URL in `Next-Page` only the query is taken, and applied to the path that was
/// asked for: the rest is what the server believes of itself, and may be another host, scheme or bucket id.
pub(crate) fn next_page(reply: &Reply) -> Result<Option<String>> {
    let Some(value) = reply.headers().get("next-page") else { return Ok(None) };
    let broken = || Error::new(ErrorKind::Pagination, "the server names a next page that cannot be asked for");
    let url = value.to_str().map_err(|_| broken())?;
    let query = url.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or_default());
    match query {
        Some(query) if !query.is_empty() && query.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(Some(query.to_owned()))
        }
        _ => Err(broken()),
    }
}

/// Notices when pages go round in a circle, in constant memory (Brent's algorithm): each page is compared with a
/// milestone, which is set anew ever more rarely.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    milestone: Option<String>,
    since: u64,
    next_at: u64,
}

impl Walk {
    pub(crate) fn step(&mut self, query: &str) -> Result<()> {
        if self.milestone.as_deref() == Some(query) {
            return Err(Error::new(ErrorKind::Pagination, "the pages of the server go round in a circle"));
        }
        self.since += 1;
        if self.since > self.next_at {
            self.milestone = Some(query.to_owned());
            (self.since, self.next_at) = (0, self.next_at * 2 + 1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_noticed_and_lines_are_not() {
        let steps = |page: &dyn Fn(u64) -> u64| {
            let mut walk = Walk::default();
            (0..10_000_u64).take_while(|n| walk.step(&page(*n).to_string()).is_ok()).count()
        };
        assert_eq!(steps(&|n| n), 10_000);
        assert!(steps(&|_| 7) <= 2);
        for length in [2, 3, 10, 100] {
            assert!(steps(&|n| n % length) as u64 <= 6 * length, "{length}");
        }
        assert!(steps(&|n| if n < 50 { n } else { 50 + n % 7 }) < 200);
    }
}
