//! Reading a bucket or a collection with all that is in it, piece by piece.
//!
//! ```text
//!  Bucket ─▶ Names of groups ─▶ Groups ─▶ Names of collections ─▶ Collection ─▶ Records ─▶ End
//!                                                                   ▲   ▲          │ ▲──┘ one more page
//!                        of a collection alone: begins here ────────┘   └──────────┘ one more collection
//! ```

mod reading;

use std::collections::VecDeque;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::address::{Bucket, Collection};
use crate::archive::export::reading::{Reading, Records, Seen};
use crate::archive::export_so_far::{ExportSoFar, Last};
use crate::archive::line::{ExportEnd, ExportHeader, ExportLine, ExportedObject, ExportedPermissions};
use crate::archive::place::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Ask, Flow, Turn};
use crate::flows::Pages;
use crate::object::{JsonMap, Object};
use crate::operation::Operation as _;
use crate::operations::Get;
use crate::reply::Reply;
use crate::resource::Kind;
use crate::session::Session;
use crate::timestamp::Timestamp;

/// Reads a bucket or a collection with all that is in it, as lines of text: see [`Bucket::export`] and
/// [`export_format`](crate::export_format).
///
/// It is kept by the caller, and sending `&mut export` gives the next piece of it, some complete lines, and `None` after the
/// last. After an error, or when a future was dropped, sending it again goes on where it stood. It holds two pages at most, as
/// a large one is decoded while the next one is under way, and the names of groups and collections.
///
/// # What stands in it
///
/// Each object as it was at some time while the export ran. Records are read in the order of their timestamps, so that those
/// that are changed meanwhile come again, at the end, and none is missed: of several lines of one object, the last counts.
/// What is deleted meanwhile may still stand in it. [`consistent`](Self::consistent) makes both an error.
///
/// Of attachments, the records say what the files are; the files themselves are not part of an export.
#[must_use = "it reads nothing before it is sent"]
pub struct Export {
    of: Place,
    time: Option<i64>,
    record_permissions: bool,
    consistent: bool,
    page_size: u64,
    stage: Stage,
    /// Objects that are to be read one by one, and when they were last changed if a list said so.
    unread: Vec<(Place, Option<Timestamp>)>,
    reading: Option<Reading>,
    lines: Vec<u8>,
    objects: u64,
    /// What cannot be written: going on would leave it out.
    broken: Option<Error>,
    /// The server that what is there already comes from.
    begun_at: Option<String>,
    progress: Option<Progress>,
    /// Whether all of it is kept in memory, so that it must not be endless.
    pub(super) is_kept: bool,
}

/// Is told how many objects there are so far.
type Progress = Box<dyn FnMut(u64) + Send>;

#[derive(Debug)]
enum Stage {
    /// Nothing was written.
    Header,
    Bucket,
    Names {
        pages: Pages<Object<()>>,
        of: Kind,
        found: Vec<String>,
        after: Option<String>,
    },
    Groups,
    Collection(VecDeque<String>),
    Records {
        pages: Records,
        of: Place,
        known: Option<String>,
        then: VecDeque<String>,
    },
    End,
    Over,
}

impl Export {
    fn new(of: Place) -> Self {
        Self {
            of,
            time: None,
            record_permissions: false,
            consistent: false,
            page_size: 500,
            stage: Stage::Header,
            unread: Vec::new(),
            reading: None,
            lines: Vec::new(),
            objects: 0,
            broken: None,
            begun_at: None,
            progress: None,
            is_kept: false,
        }
    }

    /// Is told with each piece how many objects there are so far, those of an interrupted one included.
    pub fn progress(mut self, told: impl FnMut(u64) + Send + 'static) -> Self {
        self.progress = Some(Box::new(told));
        self
    }

    /// With the permissions of records. As lists do not show them, each record is read by itself, in batches. Those of
    /// buckets, groups and collections are always there, as far as the caller may see them.
    pub fn record_permissions(mut self) -> Self {
        self.record_permissions = true;
        self
    }

    /// An error, [`ErrorKind::Pagination`], if the records of a collection are changed while they are read. Not for an export
    /// that is to be resumed: what happened in between is not known.
    pub fn consistent(mut self) -> Self {
        self.consistent = true;
        self
    }

    /// So many records a page, which is what is held in memory at a time: 500. The server may give fewer.
    pub fn page_size(mut self, records: u64) -> Self {
        self.page_size = records;
        self
    }

    /// The time that stands in the first line.
    pub fn at(mut self, time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).ok();
        self.time = since.and_then(|since| i64::try_from(since.as_millis()).ok());
        self
    }

    /// Goes on behind what an interrupted export has left. What is complete already is not read again; if that is all, there
    /// is nothing more to come.
    ///
    /// What was changed in the meantime comes again, as if the export had been running all the time. Groups and collections
    /// made since are missed if their names come before where it stopped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`] when that is an export of something else, or when this is to be
    /// [consistent](Self::consistent).
    pub fn resume(mut self, so_far: &ExportSoFar) -> Result<Self> {
        let Some((header, last)) = so_far.state()? else { return Ok(self) };
        if self.consistent {
            return Err(
                Error::input("what an interrupted export has left cannot be made consistent").hint("begin anew")
            );
        }
        let ours = self.header(String::new());
        if (&header.path, header.record_permissions) != (&ours.path, ours.record_permissions) {
            let with = if header.record_permissions { "with" } else { "without" };
            let (path, other) = (&header.path, &ours.path);
            let why =
                format!("what is there is an export of {path} {with} permissions of records, and not this of {other}");
            return Err(Error::input(why));
        }
        self.begun_at = Some(header.server);
        self.stage = match last {
            Last::Header => self.first(),
            Last::End => Stage::Over,
            Last::Object { place, at, objects } => {
                self.objects = objects;
                if !place.is_within(&self.of) {
                    return Err(Error::input(format!("{} is not in {}", place.path(), ours.path)));
                }
                match place.kind() {
                    Kind::Bucket => self.names(Kind::Group, None),
                    Kind::Group => self.names(Kind::Group, place.member),
                    Kind::Collection => self.records(&place, None, VecDeque::new()),
                    Kind::Record | Kind::Account => self.records(&place, Some(at), VecDeque::new()),
                }
            }
        };
        Ok(self)
    }

    /// Whether all of it was given.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over) && self.lines.is_empty()
    }

    /// How many lines of objects there are so far.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// Whether nothing of it was given, by it or by another that it goes on behind.
    #[cfg(feature = "yaml")]
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.stage, Stage::Header)
    }

    fn header(&self, server: String) -> ExportHeader {
        ExportHeader::new(server, self.of.path(), self.time, self.record_permissions)
    }

    fn first(&self) -> Stage {
        match &self.of.collection {
            Some(collection) => Stage::Collection(VecDeque::from([collection.clone()])),
            None => Stage::Bucket,
        }
    }

    /// The names in a list, those after this one.
    fn names(&self, of: Kind, after: Option<String>) -> Stage {
        let place = if of == Kind::Group { self.of.group("x") } else { self.of.collection("x") };
        let pages = place.list().typed().list().fields(["id"]).page_size(self.page_size).pages();
        Stage::Names { pages, of, found: Vec::new(), after }
    }

    /// The records of a collection. Those that are known are older than this, or have this id.
    fn records(&self, place: &Place, since: Option<Timestamp>, then: VecDeque<String>) -> Stage {
        let of = Place { member: None, ..place.clone() };
        // Ids for where timestamps are the same: else some of these could fall between two pages.
        let mut list = of.record("x").list().list().sort("last_modified,id").page_size(self.page_size);
        if self.consistent {
            list = list.consistent();
        }
        let pages = match since {
            // Others may have that very timestamp.
            Some(since) => {
                Records::Since(list.since(Timestamp::from_millis(since.as_millis().saturating_sub(1))).pages())
            }
            None => Records::All(list.pages()),
        };
        Stage::Records { pages, of, known: place.member.clone(), then }
    }

    fn write(&mut self, place: &Place, object: Object, with_permissions: bool) -> Result<()> {
        let Object { last_modified, mut data, permissions, .. } = object;
        // The personal bucket has another id than that by which it is asked for, and which it can be imported by.
        data.insert("id".to_owned(), place.id().into());
        data.insert("last_modified".to_owned(), last_modified.as_millis().into());
        let permissions = match permissions {
            _ if !with_permissions => ExportedPermissions::NotRead,
            Some(permissions) => ExportedPermissions::Visible(permissions),
            None => ExportedPermissions::NotVisible,
        };
        let line = ExportLine::Object(ExportedObject::new(place.path(), data, permissions));
        match line.to_bytes() {
            Ok(line) => self.lines.extend(line),
            Err(error) => {
                let error = error.prefix(&format!("{}: ", place.path()));
                self.broken = Some(error.copy());
                return Err(error);
            }
        }
        self.objects += 1;
        Ok(())
    }

    /// What is to be asked next, or what can be given.
    fn go_on(&mut self, session: &Session) -> Result<Turn<Option<Bytes>>> {
        loop {
            if !self.unread.is_empty() {
                return self.read(session);
            }
            if !self.lines.is_empty() && !matches!(self.stage, Stage::Bucket | Stage::End) {
                if let Some(told) = &mut self.progress {
                    told(self.objects);
                }
                return Ok(Turn::Done(Some(std::mem::take(&mut self.lines).into())));
            }
            match &mut self.stage {
                Stage::Header => {
                    self.lines = ExportLine::Header(self.header(session.url())).to_bytes()?;
                    self.stage = self.first();
                }
                Stage::Bucket => return self.get(&self.of).call(session).map(Turn::ask),
                Stage::Names { pages, of, found, after } => {
                    if let Some(call) = pages.call()? {
                        // Each page has its time.
                        return Ok(Turn::Ask(Ask::from(call).anew()));
                    }
                    // In an order of their own, in which it can be told where it was interrupted.
                    let mut found = std::mem::take(found);
                    found.retain(|id| after.as_ref().is_none_or(|after| id > after));
                    found.sort_unstable();
                    if *of == Kind::Group {
                        self.unread = found.iter().map(|id| (self.of.group(id), None)).collect();
                        self.stage = Stage::Groups;
                    } else {
                        self.stage = Stage::Collection(found.into());
                    }
                }
                Stage::Groups => self.stage = self.names(Kind::Collection, None),
                Stage::Collection(left) => match left.front() {
                    Some(id) => {
                        let place = self.of.collection(id);
                        return self.get(&place).call(session).map(Turn::ask);
                    }
                    None => self.stage = Stage::End,
                },
                Stage::Records { pages, of, then, .. } => {
                    if let Some(ask) = pages.ask()? {
                        // Each page has its time.
                        return Ok(Turn::Ask(ask.anew()));
                    }
                    let (then, of) = (std::mem::take(then), of.clone());
                    let resumed = self.of.collection.is_none() && self.begun_at.take().is_some();
                    // Which collections come after is not known yet where this is the first that was looked at.
                    self.stage =
                        if resumed { self.names(Kind::Collection, of.collection) } else { Stage::Collection(then) };
                }
                Stage::End => {
                    self.lines.extend(ExportLine::End(ExportEnd::new(self.objects)).to_bytes()?);
                    self.stage = Stage::Over;
                }
                Stage::Over => return Ok(Turn::Done(None)),
            }
        }
    }

    fn get(&self, place: &Place) -> Get<JsonMap> {
        place.list().get(place.id())
    }

    fn take_page(&mut self, session: &Session, reply: Reply) -> Result<Turn<Option<Bytes>>> {
        self.decode()?;
        let Stage::Records { pages, .. } = &mut self.stage else { return Err(nothing_asked()) };
        let seen = pages.turn(reply)?;
        if self.is_kept {
            pages.within(session)?;
        }
        self.take(seen)?;
        self.go_on(session)
    }

    /// What is left of the page before.
    fn decode(&mut self) -> Result<()> {
        let Stage::Records { pages, .. } = &mut self.stage else { return Ok(()) };
        let seen = pages.decode()?;
        self.take(seen)
    }

    fn take(&mut self, (mut live, dead): Seen) -> Result<()> {
        let Stage::Records { of, known, .. } = &self.stage else { return Err(nothing_asked()) };
        // It stands in the file already, as the last one.
        live.retain(|record| known.as_ref() != Some(&record.id));
        let of = of.clone();
        self.unread.extend(dead.iter().map(|id| (of.record(id), None)));
        if self.record_permissions {
            self.unread.extend(live.iter().map(|it| (of.record(&it.id), Some(it.last_modified))));
        } else {
            live.into_iter().try_for_each(|record| self.write(&of.record(&record.id), record, false))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export").field("of", &self.of).field("stage", &self.stage).finish_non_exhaustive()
    }
}

fn nothing_asked() -> Error {
    Error::new(ErrorKind::Other, "nothing was asked")
}

/// Each time it is sent, it gives the next piece.
impl Flow for &mut Export {
    type Output = Option<Bytes>;

    fn start(&mut self, session: &Session) -> Result<Turn<Option<Bytes>>> {
        if let Some(begun_at) = self.begun_at.as_ref().filter(|begun_at| **begun_at != session.url()) {
            let why = format!("what is there is an export of {begun_at}, and this is {}", session.url());
            return Err(Error::input(why));
        }
        if let Some(broken) = &self.broken {
            return Err(broken.copy());
        }
        self.reading = None;
        self.go_on(session)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Option<Bytes>>> {
        if let Some(reading) = &mut self.reading {
            let turn = reading.batch.resume(session, reply)?;
            return self.has_read(session, turn);
        }
        match &mut self.stage {
            Stage::Bucket => {
                let place = self.of.clone();
                let bucket = self.get(&place).parse(&reply)?;
                self.write(&place, bucket, true)?;
                self.stage = self.names(Kind::Group, None);
            }
            Stage::Names { pages, found, .. } => {
                found.extend(pages.read(&reply)?.items.into_iter().map(|object| object.id));
                pages.within(session)?;
            }
            Stage::Collection(left) => {
                let Some(id) = left.front() else { return Err(nothing_asked()) };
                let place = self.of.collection(id);
                let collection = self.get(&place).parse(&reply);
                let Stage::Collection(left) = &mut self.stage else { return Err(nothing_asked()) };
                match collection {
                    // It was deleted since its name was read.
                    Err(error) if error.is_not_found() && self.of.collection.is_none() => {
                        left.pop_front();
                    }
                    collection => {
                        let collection = collection?;
                        left.pop_front();
                        let then = std::mem::take(left);
                        self.write(&place, collection, true)?;
                        self.stage = self.records(&place, None, then);
                    }
                }
            }
            Stage::Records { .. } => return self.take_page(session, reply),
            Stage::Header | Stage::Groups | Stage::End | Stage::Over => return Err(nothing_asked()),
        }
        self.go_on(session)
    }

    fn meanwhile(&mut self, _: &Session) -> Result<()> {
        self.decode()
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Option<Bytes>>> {
        match &mut self.reading {
            Some(reading) => {
                let turn = reading.batch.fail(session, error)?;
                self.has_read(session, turn)
            }
            None => Err(error),
        }
    }
}

impl Bucket {
    /// Reads the bucket, its groups, its collections and their records, as lines of text that another server can
    /// [import](crate::Import). The client writes them to a file.
    ///
    /// ```
    /// use kinto_protocol::bucket;
    ///
    /// let export = bucket("blog").export().record_permissions();
    /// # let _ = export; // client.export_file(export, "blog.ndjson")?
    /// ```
    pub fn export(&self) -> Export {
        Export::new(Place::of(self.path()))
    }
}

impl Collection {
    /// Reads the collection and its records, as lines of text that another server can [import](crate::Import). See
    /// [`Bucket::export`].
    pub fn export(&self) -> Export {
        Export::new(Place::of(self.path()))
    }
}
