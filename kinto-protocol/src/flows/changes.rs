//! What changed in a list since a cursor.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Flow, Turn};
use crate::flows::change_pages::{Asked, ChangePages, ChangesPage, FullRead};
use crate::object::Entry;
use crate::path::Path;
use crate::reply::Reply;
use crate::session::Session;

/// The longest that a request is taken to be under way. Servers and the proxies before them give up after half a minute, or
/// after one.
const OVERLAP: Duration = Duration::from_secs(60);

/// Reads what changed in a list since a cursor, see [`Resource::changes`](crate::Resource::changes).
pub struct GetChanges<T> {
    asked: Asked,
    progress: Option<Box<Progress<T>>>,
}

/// How far it has come.
struct Progress<T> {
    pages: ChangePages<T>,
    read: u64,
    so_far: Changes<T>,
}

/// What changed in a list since a cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes<T> {
    /// What was changed or deleted since, in the order in which it was: an object that changed again while they were read is
    /// among them twice. Of a full read, what is there.
    pub items: Vec<Entry<T>>,
    /// Why everything was read, if it was: then what is not among the items is gone.
    pub full: Option<FullRead>,
    /// Where to go on the next time. To be kept after the items: what was not kept is told again then.
    pub cursor: Cursor,
}

impl<T> Changes<T> {
    /// Whether these are all objects that there are, and what is not among them is gone.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.full.is_some()
    }
}

impl<T> GetChanges<T> {
    pub(crate) fn new(path: Path, parent: Option<Path>, cursor: &Cursor) -> Self {
        Self::of(Asked { path, parent, cursor: cursor.clone(), overlap: OVERLAP, page_size: None })
    }

    fn of(asked: Asked) -> Self {
        Self { asked, progress: None }
    }

    /// How long a write may take from its timestamp until it can be seen: a minute, unless said otherwise. What the next time
    /// is read again, without being told again, is what was changed this long before.
    ///
    /// On PostgreSQL a write has a timestamp before it is committed, and others with newer ones may be committed first; all
    /// those of one batch are committed together at its end. What took longer than this may be missed. Where the server is
    /// known to cut off requests earlier, less will do and makes polling a busy list cheaper.
    #[must_use]
    pub fn overlap(mut self, time: Duration) -> Self {
        self.asked.overlap = time;
        Self::of(self.asked)
    }

    /// So many items a page. The server may give fewer.
    #[must_use]
    pub fn page_size(mut self, items: u64) -> Self {
        self.asked.page_size = Some(items);
        Self::of(self.asked)
    }

    /// Page by page, for lists that are not to be in memory as a whole.
    ///
    /// ```
    /// # use kinto_protocol::{Cursor, Flow, Result, bucket};
    /// # fn example(client: impl Client, mut cursor: Cursor) -> Result<()> {
    /// let todos = bucket("default").collection("todos").records();
    /// let mut pages = todos.changes(&cursor).pages();
    /// while let Some(page) = client.send(&mut pages)? {
    ///     for item in page.items {
    ///         println!("{} {}", item.last_modified(), item.id());
    ///     }
    /// }
    /// cursor = pages.cursor().cloned().unwrap_or_default();
    /// # drop(cursor);
    /// # Ok(())
    /// # }
    /// # trait Client { fn send<F: Flow>(&self, flow: F) -> Result<F::Output>; }
    /// ```
    #[must_use]
    pub fn pages(self) -> ChangePages<T> {
        ChangePages::new(self.asked)
    }
}

impl<T: DeserializeOwned + Send> GetChanges<T> {
    /// Where it stands, from the beginning if it has not begun.
    fn progress(&mut self) -> &mut Progress<T> {
        let asked = &self.asked;
        self.progress.get_or_insert_with(|| {
            let so_far = Changes { items: Vec::new(), full: None, cursor: asked.cursor.clone() };
            Box::new(Progress { pages: ChangePages::new(asked.clone()), read: 0, so_far })
        })
    }

    fn collect(&mut self, session: &Session, turn: Turn<Option<ChangesPage<T>>>) -> Result<Turn<Changes<T>>> {
        let most = session.policy().pages;
        let mut turn = turn;
        loop {
            let progress = self.progress();
            match turn {
                Turn::Ask(ask) => return Ok(Turn::Ask(ask)),
                Turn::Fork(fork) => return Ok(Turn::Fork(fork)),
                Turn::Done(Some(page)) => {
                    let Changes { items, full, .. } = &mut progress.so_far;
                    // What changed is of no interest where everything follows.
                    if *full != page.full {
                        items.clear();
                    }
                    *full = page.full;
                    items.extend(page.items);
                    progress.read += 1;
                    if progress.read >= most && progress.pages.cursor().is_none() {
                        let error =
                            Error::new(ErrorKind::Pagination, format!("the changes have more than {most} pages"));
                        return Err(error.hint("read them page by page, or raise policy.pages"));
                    }
                    turn = (&mut progress.pages).start(session)?;
                }
                Turn::Done(None) => break,
            }
        }
        let Some(Progress { pages, mut so_far, .. }) = self.progress.take().map(|progress| *progress) else {
            return Err(Error::input("the changes have not begun"));
        };
        so_far.cursor = pages.cursor().cloned().unwrap_or(so_far.cursor);
        Ok(Turn::Done(so_far))
    }
}

impl<T: DeserializeOwned + Send> Flow for GetChanges<T> {
    type Output = Changes<T>;

    fn start(&mut self, session: &Session) -> Result<Turn<Changes<T>>> {
        let turn = (&mut self.progress().pages).start(session)?;
        self.collect(session, turn)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Changes<T>>> {
        let turn = (&mut self.progress().pages).resume(session, reply)?;
        self.collect(session, turn)
    }
}

impl<T> Clone for GetChanges<T> {
    /// The same, not begun.
    fn clone(&self) -> Self {
        Self::of(self.asked.clone())
    }
}

impl<T> PartialEq for GetChanges<T> {
    fn eq(&self, other: &Self) -> bool {
        self.asked == other.asked
    }
}

impl<T> fmt::Debug for GetChanges<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetChanges").field("asked", &self.asked).finish_non_exhaustive()
    }
}
