//! Pouring a stream of records into a list, however long it is: in few requests and bounded memory.
//!
//! ```text
//!             a chunk is full,
//!  Input ──▶ or nothing more comes ──▶ Send ──▶ under way ──▶ counted
//!    │                ▲                 ▲          │
//!    │ its id is      │ that one has    │          │ dropped, or what fails for all:
//!    │ under way      │ come home       │          ▼ in doubt, or not sent
//!    └────▶ held ─────┘                 └──────── left
//!                                poured once more
//! ```

mod chunk;
mod mode;
mod part;
mod report;
mod settings;

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use crate::batch::{Status, Summary};
use crate::error::{Error, Result};
use crate::id::IdRule;
use crate::object::JsonMap;
use crate::resource::Resource;
use crate::session::Session;
use crate::sync::{Planner, Survey, Wanted};

use chunk::{Chunk, Entry};
pub use mode::BulkMode;
pub use part::BulkPart;
use part::{Home, Load, Preparation};
use report::Tally;
pub use report::{BulkFailure, BulkReport};
use settings::Settings;

/// Records that are poured into a list: see [`Resource::bulk`]. Made once, sent by the `pour` of a client.
///
/// # What is sent
///
/// Each record of the stream is a [`Wanted`]: an id and data, a JSON map with an `id`, an [`Object`](crate::Object), or the
/// result of making one of these. Only its data are written, without what is the server's: `id`, `last_modified`, and of
/// records `schema`; the `attachment` of a record is passed on where it [overwrites](BulkMode::Overwrite) or
/// [patches](BulkMode::Patch), and kept where what is there is [replaced](BulkMode::SkipUnchanged).
///
/// They go out in chunks, as those of a [`Batch`](crate::Batch), and with all that is [guaranteed](crate::guarantees) of one.
/// Chunks side by side keep no order, but for records with the same id: the later of two is written when the outcome of the
/// earlier is known, and no other is taken from the stream meanwhile.
///
/// Nothing is taken from the stream that there is no room for: so many chunks as may be under way, and one.
///
/// # When something fails
///
/// What fails for one record is counted, and told with its position in the stream: all of them to
/// [`on_failure`](Self::on_failure), the first ones by the [report](BulkReport). What fails for all (no connection, an
/// overloaded server) stops it. Then, or when a future was dropped, it knows which records were not sent and which
/// [may have been written](Status::Unknown): pouring once more goes on with those, and then with what is left of the stream.
/// [`into_report`](Self::into_report) tells what came of it.
///
/// # Without a client
///
/// ```
/// use kinto_protocol::{Bulk, BulkPart, BulkStep, Result, Session, Summary, Wanted};
///
/// fn pour(
///     session: &Session,
///     bulk: &mut Bulk,
///     mut records: impl Iterator<Item = Wanted>,
///     send: impl Fn(&Session, BulkPart), // a flow, driven as any other
/// ) -> Result<Summary> {
///     bulk.begin();
///     loop {
///         match bulk.next(session) {
///             BulkStep::Input => bulk.input(records.next()),
///             BulkStep::Send(part) => send(session, part),
///             BulkStep::Wait => unreachable!("here nothing is under way in between"),
///             BulkStep::Over => return bulk.outcome(),
///         }
///     }
/// }
/// ```
pub struct Bulk {
    resource: Resource,
    mode: BulkMode,
    settings: Settings,
    ready: Option<Ready>,
    /// What is there, where that matters.
    there: Option<Planner>,
    /// How many were taken from the stream.
    taken: u64,
    ended: bool,
    /// One that cannot go before another has come home.
    held: Option<Record>,
    /// The chunk that is being made.
    chunk: Chunk,
    /// Whether it goes although it is not full.
    hurry: bool,
    /// Chunks that came home before their end.
    left: VecDeque<Chunk>,
    /// The ids of all that are in any chunk.
    ids: HashSet<Box<str>>,
    home: Arc<Home>,
    /// How many parts have not come home.
    out: usize,
    /// Whether some of these are somebody else's.
    elsewhere: bool,
    tally: Tally,
    stopped: Option<Error>,
}

/// What is known of the server.
struct Ready {
    url: String,
    id_rule: IdRule,
    /// How many requests a batch may hold, where the server does not say.
    limit: Option<usize>,
    /// How many go into a chunk now.
    most: usize,
}

/// One that was taken from the stream, and can be written.
struct Record {
    position: u64,
    id: Box<str>,
    data: JsonMap,
}

/// What a driver has to do for a [`Bulk`].
#[must_use]
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "a driver must know them all")]
#[allow(clippy::large_enum_variant, reason = "one of them exists per request")]
pub enum BulkStep {
    /// Give it the next record of the stream, with [`Bulk::input`].
    Input,
    /// Send this. It may be beside others, and tells by itself what came of it.
    Send(BulkPart),
    /// Ask again when one of those under way is over.
    Wait,
    /// Nothing more.
    Over,
}

impl<T> Resource<T> {
    /// Writes the records of a stream that may be endless, in few requests and bounded memory: see [`Bulk`]. The records are
    /// given to the `pour` of a client.
    ///
    /// ```
    /// # use kinto_protocol::{Bulk, BulkMode, Result, Summary, Wanted, bucket};
    /// # use std::io::{self, BufRead};
    /// # fn example(client: impl Client) -> Result<()> {
    /// use kinto_protocol::JsonMap;
    ///
    /// let mut bulk = bucket("blog").collection("posts").records().bulk(BulkMode::Create).concurrency(3);
    /// let lines = io::stdin().lines().map(|line| serde_json::from_str::<JsonMap>(&line?).map_err(io::Error::from));
    /// let summary = client.pour(&mut bulk, lines)?; // of kinto-async: a stream, and .await
    /// println!("{summary}"); // 98 done, 2 invalid
    /// for failure in bulk.into_report().failures() {
    ///     println!("line {}: {}", failure.position() + 1, failure.error());
    /// }
    /// # Ok(())
    /// # }
    /// # trait Client {
    /// #     fn pour<W: Into<Wanted>>(&self, bulk: &mut Bulk, records: impl Iterator<Item = W>) -> Result<Summary>;
    /// # }
    /// ```
    pub fn bulk(&self, mode: BulkMode) -> Bulk {
        Bulk::new(self.typed(), mode)
    }
}

impl Bulk {
    fn new(resource: Resource, mode: BulkMode) -> Self {
        Self {
            resource,
            mode,
            settings: Settings::default(),
            ready: None,
            there: None,
            taken: 0,
            ended: false,
            held: None,
            chunk: Chunk::default(),
            hurry: false,
            left: VecDeque::new(),
            ids: HashSet::new(),
            home: Arc::default(),
            out: 0,
            elsewhere: false,
            tally: Tally::default(),
            stopped: None,
        }
    }

    /// Begins, or goes on: for drivers, once before the first [`next`](Self::next).
    pub fn begin(&mut self) {
        self.land();
        (self.ended, self.hurry, self.stopped) = (false, false, None);
        self.home.clear();
        self.elsewhere = self.out > 0;
        if self.elsewhere {
            self.stop(Error::input("parts of the bulk are still under way: go on when they are done or dropped"));
        }
    }

    /// What to do now: for drivers.
    pub fn next(&mut self, session: &Session) -> BulkStep {
        self.land();
        let url = session.url();
        match &mut self.ready {
            Some(ready) if ready.url == url => {
                let servers = session.memory().batch_most().or(ready.limit).unwrap_or(usize::MAX);
                ready.most = self.settings.most.min(servers).max(1);
            }
            // What is known is of another server.
            ready => *ready = None,
        }
        if self.stopped.is_none() {
            if self.out < self.settings.concurrency
                && let Some(load) = self.load(session)
            {
                self.out += 1;
                return BulkStep::Send(BulkPart::new(load, &self.home));
            }
            if self.has_room() {
                return BulkStep::Input;
            }
        }
        if self.out > 0 && !self.elsewhere { BulkStep::Wait } else { BulkStep::Over }
    }

    /// Takes the next record of the stream, or its end: for drivers, after [`BulkStep::Input`].
    pub fn input<W: Into<Wanted>>(&mut self, wanted: Option<W>) {
        let Some(wanted) = wanted else { return self.ended = true };
        let position = self.taken;
        self.taken += 1;
        let mut wanted = wanted.into();
        let rule = self.ready.as_ref().map_or(IdRule::Wide, |ready| ready.id_rule);
        let data = wanted.take_data(&self.resource, rule);
        let id: Box<str> = wanted.id.into();
        match data {
            Ok(data) if self.ids.contains(&id) => self.held = Some(Record { position, id, data }),
            Ok(data) => self.gather(Record { position, id, data }),
            Err(error) => self.failed(BulkFailure::new(position, id, Status::Invalid, error)),
        }
    }

    /// There is no next record yet, after [`BulkStep::Input`]: for drivers that need not wait for it. What was taken so far
    /// need not wait either: whether [`next`](Self::next) has something else to do now.
    pub fn pause(&mut self) -> bool {
        self.hurry = !self.chunk.is_empty() && self.out < self.settings.concurrency && self.stopped.is_none();
        self.hurry
    }

    /// How many ended how so far: for drivers, after [`BulkStep::Over`].
    ///
    /// # Errors
    ///
    /// What stopped it. It [may have been applied](Error::maybe_applied) when any record was written, or may have been.
    pub fn outcome(&mut self) -> Result<Summary> {
        self.land();
        let Some(error) = self.stopped.take() else { return Ok(self.tally.summary) };
        // The report tells it, too.
        self.stopped = Some(error.copy());
        let touched = self.tally.touched || self.left.iter().any(Chunk::is_touched);
        Err(if touched { error.among_others() } else { error })
    }

    /// How many chunks at the same time: for drivers.
    #[must_use]
    pub fn at_once(&self) -> usize {
        self.settings.concurrency
    }

    /// What came of it so far.
    pub fn into_report(mut self) -> BulkReport {
        self.land();
        let Self { left, chunk, held, mut tally, taken, stopped, .. } = self;
        for chunk in left.into_iter().chain([chunk]) {
            tally.take_unfinished(chunk);
        }
        if let Some(record) = held {
            tally.leave(record.position, Status::NotSent);
        }
        BulkReport::new(taken, tally, stopped)
    }

    /// What is to be sent now, if anything is.
    fn load(&mut self, session: &Session) -> Option<Load> {
        let Some(ready) = &self.ready else {
            let survey = self.mode == BulkMode::SkipUnchanged && self.there.is_none();
            let survey = survey.then(|| Survey::new(&self.resource).keep_bytes(0));
            // Nothing else goes before it is over.
            return (self.out == 0).then(|| Load::Preparation(Preparation::new(session, survey)));
        };
        let most = ready.most;
        if let Some(chunk) = self.left.pop_front() {
            return Some(Load::Chunk(chunk));
        }
        if let Some(record) = self.held.take_if(|record| !self.ids.contains(&record.id)) {
            self.gather(record);
        }
        let goes = self.is_full(most) || self.ended || self.held.is_some() || self.hurry;
        self.hurry = false;
        (goes && !self.chunk.is_empty()).then(|| {
            let mut chunk = std::mem::take(&mut self.chunk);
            chunk.limit(self.ready.as_ref().and_then(|ready| ready.limit));
            Load::Chunk(chunk)
        })
    }

    fn is_full(&self, most: usize) -> bool {
        self.chunk.len() >= most || self.chunk.bytes() >= self.settings.bytes
    }

    /// Whether one more can be taken: a chunk is made ready while others are under way.
    fn has_room(&self) -> bool {
        let Some(ready) = &self.ready else { return false };
        !self.ended && self.held.is_none() && self.left.is_empty() && !self.is_full(ready.most)
    }

    /// Puts one into the chunk that is being made, unless there is nothing to do.
    fn gather(&mut self, record: Record) {
        let Record { position, id, data } = record;
        match self.mode.write(&self.resource, self.there.as_ref(), &id, &data) {
            Ok(Some(write)) => {
                self.ids.insert(id.clone());
                self.chunk.push(&self.resource.typed(), position, id, write);
            }
            Ok(None) => self.tally.summary.add(Status::AlreadySo),
            Err(error) => self.failed(BulkFailure::new(position, id, Status::Invalid, error)),
        }
    }

    fn failed(&mut self, failure: BulkFailure) {
        if self.tally.failed + 1 >= self.settings.failures {
            let why = format!("stopped after {} failures, the last of them with: ", self.tally.failed + 1);
            self.stop(failure.error().copy().prefix(&why));
        }
        self.tally.fail(failure);
    }

    fn stop(&mut self, error: Error) {
        self.home.stop();
        self.stopped.get_or_insert(error);
    }

    /// Takes in what has come home.
    fn land(&mut self) {
        for (load, stopped) in self.home.take() {
            self.out -= 1;
            if let Some(error) = stopped {
                let why = format!("pouring stopped after {} of {} records: ", self.tally.summary.total(), self.taken);
                self.stop(error.prefix(&why));
            }
            match load {
                Load::Preparation(preparation) => {
                    if let Some((url, id_rule, limit, there)) = preparation.into_known() {
                        self.ready = Some(Ready { url, id_rule, limit, most: 1 });
                        self.there = there.or(self.there.take());
                    }
                }
                Load::Chunk(chunk) if chunk.is_over() => self.settle(chunk),
                Load::Chunk(chunk) => {
                    let place = self.left.partition_point(|other| other.position() < chunk.position());
                    self.left.insert(place, chunk);
                }
            }
        }
    }

    /// Takes what came of each of a chunk.
    fn settle(&mut self, chunk: Chunk) {
        for ended in chunk.into_ended() {
            self.ids.remove(&ended.entry.id);
            self.tally.touched |= ended.touched;
            let Entry { position, id, content } = ended.entry;
            if let (Some(there), Some(at), Some(content)) = (&mut self.there, ended.last_modified, content) {
                there.wrote(id.clone(), at, content);
            }
            match ended.error {
                Some(error) => self.failed(BulkFailure::new(position, id, ended.status, error)),
                None => self.tally.summary.add(ended.status),
            }
        }
    }
}

impl fmt::Debug for Bulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulk").field("mode", &self.mode).field("taken", &self.taken).finish_non_exhaustive()
    }
}
