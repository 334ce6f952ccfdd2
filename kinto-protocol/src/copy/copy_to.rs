//! What is to be copied, and how.

use std::fmt;

use crate::copy::report::CopyReport;
use crate::copy::work::Work;
use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::path::Path;
use crate::query::Filter;
use crate::reply::Reply;
use crate::session::Session;

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) source: Path,
    pub(super) target: Path,
    /// The server of the target, where it is another.
    pub(super) to: Option<Session>,
    pub(super) only_records: bool,
    pub(super) filters: Vec<Filter>,
    pub(super) permissions: bool,
    pub(super) timestamps: bool,
    pub(super) attachments: bool,
    pub(super) delete_extra: bool,
    pub(super) dry_run: bool,
    pub(super) moves: bool,
}

impl Order {
    fn new(source: &Path, target: &Path) -> Self {
        Self {
            source: source.clone(),
            target: target.clone(),
            to: None,
            only_records: false,
            filters: Vec::new(),
            permissions: false,
            timestamps: false,
            attachments: false,
            delete_extra: false,
            dry_run: false,
            moves: false,
        }
    }

    /// The session that the target is asked with.
    pub(super) fn target<'a>(&'a self, session: &'a Session) -> &'a Session {
        self.to.as_ref().unwrap_or(session)
    }
}

/// Copies a collection or a bucket: see [`Collection::copy_to`](crate::Collection::copy_to) and
/// [`Bucket::copy_to`](crate::Bucket::copy_to). The output is a [`CopyReport`].
///
/// Copied are the data of the records, and the attributes of the collection, such as its schema; of a bucket its
/// attributes, its groups, and all its collections. [Permissions](Self::permissions), [timestamps](Self::timestamps) and
/// files (`attachments()`, with the feature of that name) are copied on request. What the server makes of its own is never
/// copied, such as where the review of a collection stands.
///
/// It does what a [sync](crate::Resource::sync) does: what is as it should be is not written, and what somebody else changes
/// in the target meanwhile is not overwritten. So the same copy once more goes on where the first one was interrupted. Then
/// all of both is read once more and compared, and the report tells what is not equal.
///
/// In memory are a fingerprint for each record of the target, and one page of the source. A file is in memory as a whole, if
/// [`Limits::response_bytes`](crate::Limits::response_bytes) allows that; if not, the report tells that it was not copied.
///
/// Whoever sends it reads the source, and moves the bytes of both: through its own proxy, and trusting its own certificates.
#[must_use]
#[derive(Clone)]
pub struct CopyTo(Flowing);

/// Moves a collection or a bucket: see [`Collection::move_to`](crate::Collection::move_to) and
/// [`Bucket::move_to`](crate::Bucket::move_to). The output is a [`CopyReport`].
///
/// It is a [`CopyTo`] with permissions and files, as nothing else would remember them. If all was copied, and the second pass
/// has found all of it equal, the source is deleted: each object only if it was not changed since it was compared, and what
/// contains others only if nothing is left in it (what is added in the moment after that look goes along: the server has no
/// precondition for it). If not, nothing is deleted. The same move once more goes on.
///
/// Two URLs may be of one server. Where the target has the same ids at another URL, nothing is deleted unless the timestamps of
/// the two buckets show that these are two.
#[must_use]
#[derive(Clone)]
pub struct MoveTo(Flowing);

/// What was asked for, and what became of it.
struct Flowing {
    order: Order,
    work: Option<Work>,
}

impl CopyTo {
    pub(crate) fn new(source: &Path, target: &Path) -> Self {
        Self(Flowing { order: Order::new(source, target), work: None })
    }

    pub(crate) fn only_records(mut self) -> Self {
        self.0.order.only_records = true;
        self
    }

    /// To the server of this session, and with its credentials. Without, within the server of the source.
    pub fn at(mut self, server: &Session) -> Self {
        self.0.order.to = Some(server.clone());
        self
    }

    /// Permissions too, of all that is copied. Each object is read by itself for that, in batches. Where they are not visible
    /// to the caller, in the source or the target, they are not copied, and the report tells it: that does not mean that
    /// nobody has any.
    ///
    /// Who copies has `write`, as ever. Where a bucket gets another id, its groups stay its groups.
    pub fn permissions(mut self) -> Self {
        self.0.order.permissions = true;
        self
    }

    /// Timestamps too, but for those of buckets, and of a collection that is copied within its bucket. What is there already
    /// cannot become older than it is, and no two objects of a list have the same: the second pass tells of those that could
    /// not be kept.
    pub fn timestamps(mut self) -> Self {
        self.0.order.timestamps = true;
        self
    }

    /// Files that are attached to records too: where size and SHA-256 differ, they are fetched and attached, one by one.
    /// Without this, the report counts them, and no record of the target claims to have one.
    #[cfg(feature = "attachments")]
    pub fn attachments(mut self) -> Self {
        self.0.order.attachments = true;
        self
    }

    /// Only records that meet this condition, and all others given: those of the target that do not are not looked at.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.0.order.filters.push(filter);
        self
    }

    /// What is in the target and not in the source is deleted; collections of a bucket with all that is in them. Without, it
    /// stays.
    pub fn delete_extra(mut self) -> Self {
        self.0.order.delete_extra = true;
        self
    }

    /// Changes nothing: the report has the [plans](crate::CopiedList::plan) of what would be done, all of them in memory.
    pub fn dry_run(mut self) -> Self {
        self.0.order.dry_run = true;
        self
    }
}

impl MoveTo {
    pub(crate) fn new(source: &Path, target: &Path) -> Self {
        let attachments = cfg!(feature = "attachments");
        let order = Order { permissions: true, attachments, moves: true, ..Order::new(source, target) };
        Self(Flowing { order, work: None })
    }

    /// As [`CopyTo::at`].
    pub fn at(mut self, server: &Session) -> Self {
        self.0.order.to = Some(server.clone());
        self
    }

    /// As [`CopyTo::timestamps`]. Where one cannot be kept, the source is not deleted.
    pub fn timestamps(mut self) -> Self {
        self.0.order.timestamps = true;
        self
    }

    /// As [`CopyTo::dry_run`].
    pub fn dry_run(mut self) -> Self {
        self.0.order.dry_run = true;
        self
    }
}

impl Flowing {
    fn start(&mut self, session: &Session) -> Result<Turn<CopyReport>> {
        let work = Work::new(self.order.clone(), session)?;
        self.work.insert(work).start(session)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<CopyReport>> {
        self.work.as_mut().ok_or_else(over)?.resume(session, reply)
    }

    fn meanwhile(&mut self, session: &Session) -> Result<()> {
        self.work.as_mut().map_or(Ok(()), |work| work.meanwhile(session))
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<CopyReport>> {
        match &mut self.work {
            Some(work) => work.fail(session, error),
            None => Err(error),
        }
    }
}

fn over() -> Error {
    Error::input("this copy has not begun")
}

/// Another one begins anew.
impl Clone for Flowing {
    fn clone(&self) -> Self {
        Self { order: self.order.clone(), work: None }
    }
}

impl Flow for CopyTo {
    type Output = CopyReport;

    fn start(&mut self, session: &Session) -> Result<Turn<CopyReport>> {
        self.0.start(session)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<CopyReport>> {
        self.0.resume(session, reply)
    }

    fn meanwhile(&mut self, session: &Session) -> Result<()> {
        self.0.meanwhile(session)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<CopyReport>> {
        self.0.fail(session, error)
    }
}

impl Flow for MoveTo {
    type Output = CopyReport;

    fn start(&mut self, session: &Session) -> Result<Turn<CopyReport>> {
        self.0.start(session)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<CopyReport>> {
        self.0.resume(session, reply)
    }

    fn meanwhile(&mut self, session: &Session) -> Result<()> {
        self.0.meanwhile(session)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<CopyReport>> {
        self.0.fail(session, error)
    }
}

impl fmt::Debug for CopyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CopyTo").field(&self.0.order).finish()
    }
}

impl fmt::Debug for MoveTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MoveTo").field(&self.0.order).finish()
    }
}
