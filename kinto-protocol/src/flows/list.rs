//! A list, to its end.

use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::call::Precondition;
use crate::decode::ListItem;
use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::flows::pages::Pages;
use crate::object::{Conditional, Entry, Listing, Object};
use crate::path::Path;
use crate::query::{Deleted, Filter, Query};
use crate::reply::Reply;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Reads a list, see [`Resource::list`](crate::Resource::list).
///
/// Sent as it is, it is read to its end, page after page: a server may page without being asked. The client also
/// gives it page by page or object by object, in constant memory.
///
/// A large page (64 KiB and more) is decoded while the next one is under way, as far as the client can do both at a time. If
/// it turns out that it cannot be decoded, one page was asked for in vain.
///
/// While a list is read, others may change it: an object that is changed between two pages moves to the front, and may
/// be missed, or to the end where the oldest come first, and comes twice. [`consistent`](Self::consistent) turns that
/// into an error.
pub struct List<I> {
    spec: Spec,
    progress: Option<Box<Progress<I>>>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq)]
struct Spec {
    path: Path,
    query: Query,
    limit: Option<u64>,
    consistent: bool,
}

/// How far it has come.
struct Progress<I> {
    pages: Pages<I>,
    read: u64,
    so_far: Vec<I>,
}

impl<I> List<I> {
    pub(crate) fn new(path: Path) -> Self {
        Self::of(Spec { path, query: Query::default(), limit: None, consistent: false })
    }

    fn of(spec: Spec) -> Self {
        Self { spec, progress: None }
    }

    /// Another list begins anew.
    fn with(mut self, change: impl FnOnce(&mut Spec)) -> Self {
        change(&mut self.spec);
        Self::of(self.spec)
    }

    /// Sorted by this field, downward with a `-` before it; by several when called again (`_sort`). Without, the newest first.
    /// Objects without the field come after all others, or before them when it goes downward.
    #[must_use]
    pub fn sort(self, key: &str) -> Self {
        self.with(|spec| spec.query.sort.extend(key.split(',').map(str::to_owned)))
    }

    /// Only these fields (with dots into nested objects), `id` and `last_modified` (`_fields`). What was read like this is not
    /// written back by [`update`](crate::Resource::update), which would lose the others.
    #[must_use]
    pub fn fields<F: Into<String>>(self, names: impl IntoIterator<Item = F>) -> Self {
        self.with(|spec| spec.query.fields = names.into_iter().map(Into::into).collect())
    }

    /// So many items at most, in all, whatever the size of pages. Without, all there are.
    #[must_use]
    pub fn limit(self, items: u64) -> Self {
        self.with(|spec| spec.limit = Some(items))
    }

    /// So many items a page (`_limit`). The server may give fewer, as it has a limit of its own. Without, as many as it likes: on
    /// most servers up to 10,000.
    #[must_use]
    pub fn page_size(self, items: u64) -> Self {
        self.with(|spec| spec.query.page_size = Some(items))
    }

    /// An error, [`ErrorKind::Pagination`](crate::ErrorKind::Pagination), if the list is changed while it is read
    /// (`If-Match` from the second page).
    #[must_use]
    pub fn consistent(self) -> Self {
        self.with(|spec| spec.consistent = true)
    }

    /// Only if anything in the list was changed since this timestamp, mostly [`Listing::timestamp`] of the time before
    /// (`If-None-Match`). The output is a [`Conditional`]; without a change the server sends no body.
    #[must_use]
    pub fn if_changed_since(self, at: Timestamp) -> ListIfChanged<I> {
        ListIfChanged { list: self, at }
    }

    /// Page by page: a flow to be sent as `&mut`, each time for the next page, until there is none. Clients have `pages` and
    /// `items`, which do that.
    ///
    /// ```
    /// # use kinto_protocol::{Flow, Result, bucket};
    /// # fn example(client: impl Client) -> Result<()> {
    /// let mut pages = bucket("blog").collection("posts").records().list().page_size(500).pages();
    /// while let Some(page) = client.send(&mut pages)? {
    ///     println!("{} more", page.items.len());
    /// }
    /// # Ok(())
    /// # }
    /// # trait Client { fn send<F: Flow>(&self, flow: F) -> Result<F::Output>; }
    /// ```
    #[must_use]
    pub fn pages(self) -> Pages<I> {
        let Spec { path, mut query, limit, consistent } = self.spec;
        // What is not wanted need not be sent.
        query.page_size = match (limit, query.page_size) {
            (Some(limit), Some(size)) => Some(limit.min(size)),
            (limit, size) => limit.or(size),
        };
        Pages::new(path, &query, limit, consistent)
    }

    /// Only objects that meet this condition, and all others given.
    #[must_use]
    pub fn filter(self, filter: Filter) -> Self {
        self.with(|spec| spec.query.filters.push(filter))
    }
}

impl<T: DeserializeOwned + Send> List<Object<T>> {
    /// Deleted objects too, as [`Entry::Deleted`] with their ids and when they were deleted (`_since=0`, as far as tombstones go
    /// back).
    #[must_use]
    pub fn with_deleted(self) -> List<Entry<T>> {
        let mut spec = self.spec;
        spec.query.deleted = Deleted::Shown;
        List::of(spec)
    }

    /// Only what was changed or deleted after this timestamp.
    ///
    /// On PostgreSQL, what was written earlier but committed later is missed by polling with the newest timestamp:
    /// [`changes`](crate::Resource::changes) finds that, too.
    #[must_use]
    pub fn since(self, at: Timestamp) -> List<Entry<T>> {
        self.with_deleted().since(at)
    }

    /// Only what was changed or deleted before this timestamp.
    #[must_use]
    pub fn before(self, at: Timestamp) -> List<Entry<T>> {
        self.with_deleted().before(at)
    }
}

impl<T: DeserializeOwned + Send> List<Entry<T>> {
    /// Only what was changed or deleted after this timestamp.
    #[must_use]
    pub fn since(self, at: Timestamp) -> Self {
        self.with(|spec| spec.query.since = Some(at))
    }

    /// Only what was changed or deleted before this timestamp.
    #[must_use]
    pub fn before(self, at: Timestamp) -> Self {
        self.with(|spec| spec.query.before = Some(at))
    }
}

impl<I: ListItem> Progress<I> {
    /// What is left of the page before.
    fn decode(&mut self) -> Result<()> {
        self.pages.decode_to(&mut self.so_far).map(drop)
    }
}

impl<I: ListItem> List<I> {
    /// Where it stands, from the beginning if it has not begun.
    fn progress(&mut self) -> &mut Progress<I> {
        let spec = &self.spec;
        self.progress.get_or_insert_with(|| {
            let pages = Self::of(spec.clone()).pages();
            Box::new(Progress { pages, read: 0, so_far: Vec::new() })
        })
    }

    fn go_on(&mut self) -> Result<Turn<Listing<I>>> {
        let Some(progress) = &mut self.progress else { return Err(Error::input("the list has not begun")) };
        if let Some(ask) = progress.pages.ask()? {
            return Ok(Turn::Ask(ask));
        }
        let listing = Listing { items: std::mem::take(&mut progress.so_far), timestamp: progress.pages.timestamp() };
        self.progress = None;
        Ok(Turn::Done(listing))
    }

    fn take(&mut self, session: &Session, reply: Reply) -> Result<Turn<Listing<I>>> {
        let progress = self.progress();
        progress.decode()?;
        progress.pages.turn_to(&mut progress.so_far, reply)?;
        progress.read += 1;
        progress.pages.within(session)?;
        self.go_on()
    }
}

impl<I: ListItem> Flow for List<I> {
    type Output = Listing<I>;

    fn start(&mut self, _: &Session) -> Result<Turn<Listing<I>>> {
        self.progress().decode()?;
        self.go_on()
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Listing<I>>> {
        self.take(session, reply)
    }

    fn meanwhile(&mut self, _: &Session) -> Result<()> {
        self.progress().decode()
    }
}

/// The list is kept by the caller: after an error, sending it again goes on with the page that failed.
impl<I: ListItem> Flow for &mut List<I> {
    type Output = Listing<I>;

    fn start(&mut self, session: &Session) -> Result<Turn<Listing<I>>> {
        Flow::start(&mut **self, session)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Listing<I>>> {
        Flow::resume(&mut **self, session, reply)
    }

    fn meanwhile(&mut self, session: &Session) -> Result<()> {
        Flow::meanwhile(&mut **self, session)
    }
}

/// Reads a list if it was changed, see [`List::if_changed_since`].
pub struct ListIfChanged<I> {
    list: List<I>,
    at: Timestamp,
}

impl<I: ListItem> Flow for ListIfChanged<I> {
    type Output = Conditional<Listing<I>>;

    fn start(&mut self, _: &Session) -> Result<Turn<Self::Output>> {
        // On the first page alone: on a later one it would end the list in the middle.
        Ok(match self.list.progress().pages.call()? {
            Some(call) => Turn::ask(call.precondition(Precondition::Changed(self.at))),
            None => self.list.go_on()?.map(Conditional::Modified),
        })
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Self::Output>> {
        if reply.status() == StatusCode::NOT_MODIFIED && self.list.progress().read == 0 {
            return Ok(Turn::Done(Conditional::NotModified));
        }
        self.list.take(session, reply).map(|turn| turn.map(Conditional::Modified))
    }

    fn meanwhile(&mut self, session: &Session) -> Result<()> {
        Flow::meanwhile(&mut self.list, session)
    }
}

impl<I> Clone for List<I> {
    /// The same list, not begun.
    fn clone(&self) -> Self {
        Self::of(self.spec.clone())
    }
}

impl<I> PartialEq for List<I> {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl<I> std::fmt::Debug for List<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl<I> Clone for ListIfChanged<I> {
    fn clone(&self) -> Self {
        Self { list: self.list.clone(), at: self.at }
    }
}

impl<I> PartialEq for ListIfChanged<I> {
    fn eq(&self, other: &Self) -> bool {
        self.list == other.list && self.at == other.at
    }
}

impl<I> std::fmt::Debug for ListIfChanged<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListIfChanged").field("list", &self.list).field("at", &self.at).finish()
    }
}
