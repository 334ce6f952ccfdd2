//! Writing what an export has, chunk by chunk.
//!
//! ```text
//!  lines ─▶ a chunk ─▶ Survey ─▶ Plan ─┬─ dry run ─▶ counted ─▶ the next chunk
//!                                      └─▶ Apply ──▶ counted ─▶ the next chunk
//!  after the end: a page of ids ─▶ Plan of deletions ─▶ in the same way, until all lists were looked through
//! ```

mod intake;

use std::fmt;
use std::mem;

use crate::archive::extra::Extra;
use crate::archive::imported::{Imported, is_open};
use crate::archive::line::ExportHeader;
use crate::archive::lines::Lines;
use crate::archive::place::{Names, Place};
use crate::batch::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Ask, Flow, Turn};
use crate::object::Object;
use crate::reply::Reply;
use crate::resource::{Kind, Resource};
use crate::session::Session;
use crate::sync::{Apply, EditKind, Plan, Planner, Report, ReportItem, Survey, Wanted};
use crate::timestamp::Timestamp;

/// Is told each plan before it is carried out.
type Shown = Box<dyn FnMut(&Plan) + Send>;

/// Is told after each chunk what came of all so far.
type Progress = Box<dyn FnMut(&Imported) + Send>;

/// Writes what an [`Export`](crate::Export) has, in constant memory.
///
/// The client reads it from a file. What is there and the same is not written, so that an import that was interrupted is
/// begun anew and goes on where it was; each write has the precondition that nothing was changed since it was compared. What
/// fails for one object is told in [`Imported`], and the others go on; what fails for all is an error.
///
/// Unless said otherwise nothing is deleted, permissions are left alone, and objects get new timestamps.
///
/// ```
/// use kinto_protocol::Import;
///
/// let import = Import::new().into_bucket("blog-copy").permissions().keep_timestamps();
/// # let _ = import; // let imported = client.import_file(import, "blog.ndjson")?;
/// ```
///
/// Records are written without the files that they had attached, as the server does not have these: whoever follows such a
/// record would find nothing. See [`claim_files`](Self::claim_files).
#[must_use = "it writes nothing before it is sent"]
pub struct Import {
    names: Names,
    permissions: bool,
    keep_timestamps: bool,
    claim_files: bool,
    delete_extra: bool,
    partial: bool,
    dry_run: bool,
    shown: Option<Shown>,
    progress: Option<Progress>,
    lines: Lines,
    header: Option<(ExportHeader, Place)>,
    /// Whether its last line has come.
    ended: bool,
    /// Whether no more lines come.
    over: bool,
    chunk: Option<Chunk>,
    /// The first of another list.
    next: Option<(Resource, Wanted)>,
    extra: Extra,
    stage: Stage,
    /// In a dry run, what is not there yet, and so what is in it.
    to_be: Vec<String>,
    imported: Imported,
}

/// Objects of one list.
struct Chunk {
    list: Resource,
    what: What,
    bytes: usize,
}

impl Chunk {
    /// The buckets of which nothing is wanted but that they are there, which is not told to everybody.
    fn only_named_buckets(&self) -> Vec<String> {
        match &self.what {
            What::Wanted(wanted) if self.list.kind() == Kind::Bucket => {
                wanted.iter().filter(|wanted| wanted.is_only_named()).map(|wanted| wanted.id().to_owned()).collect()
            }
            _ => Vec::new(),
        }
    }
}

enum What {
    /// They are to be like this.
    Wanted(Vec<Wanted>),
    /// They are to be gone.
    Extra(Vec<(String, Timestamp)>),
}

enum Stage {
    Idle,
    Surveying(Box<Survey>),
    Applying { apply: Box<Apply>, unchanged: u64 },
    Listing,
}

impl Default for Import {
    fn default() -> Self {
        Self::new()
    }
}

impl Import {
    /// Into the bucket and the collections where it comes from.
    pub fn new() -> Self {
        Self {
            names: Names::default(),
            permissions: false,
            keep_timestamps: false,
            claim_files: false,
            delete_extra: false,
            partial: false,
            dry_run: false,
            shown: None,
            progress: None,
            lines: Lines::default(),
            header: None,
            ended: false,
            over: false,
            chunk: None,
            next: None,
            extra: Extra::default(),
            stage: Stage::Idle,
            to_be: Vec::new(),
            imported: Imported::default(),
        }
    }

    /// Into a bucket of this name, which is created if it is part of the export. Permissions of the groups of the old one are
    /// given to those of the new one.
    pub fn into_bucket(mut self, id: impl Into<String>) -> Self {
        self.names.bucket = Some(id.into());
        self
    }

    /// A collection of the one name is to have the other.
    pub fn rename_collection(mut self, old: impl Into<String>, new: impl Into<String>) -> Self {
        self.names.collections.push((old.into(), new.into()));
        self
    }

    /// Permissions are compared and written too, of the objects whose permissions the export has. The caller stays in the
    /// `write` of all that is written. Where the caller does not see those of an object that is there, that is an error: what
    /// is not seen cannot be compared.
    pub fn permissions(mut self) -> Self {
        self.permissions = true;
        self
    }

    /// Objects are to have the timestamps that the export has, as far as the server can do that: one that is there cannot
    /// become older than it is. A bucket or collection that gets another name gets another timestamp too, as it may stand
    /// beside the one that has it.
    ///
    /// A server does not tell those who poll a list of an object that comes with an old timestamp.
    pub fn keep_timestamps(mut self) -> Self {
        self.keep_timestamps = true;
        self
    }

    /// Records that are created say that they have the files which they had. Only for a server that has those very files in
    /// those places, such as one of the same storage.
    pub fn claim_files(mut self) -> Self {
        self.claim_files = true;
        self
    }

    /// After the end of the export, what is not in it is deleted: the records of its collections and, if it is one of a whole
    /// bucket, the groups and the collections with all that is in them. If the export has no end, that is an error, and
    /// nothing is deleted.
    pub fn delete_extra(mut self) -> Self {
        self.delete_extra = true;
        self
    }

    /// It need not have an end. Without this, an export that was interrupted is an error, once what it has is imported.
    pub fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// Writes nothing, and counts what would be written.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Is told each plan before it is carried out: a hundred objects of one list at most. In a dry run too.
    pub fn show(mut self, shown: impl FnMut(&Plan) + Send + 'static) -> Self {
        self.shown = Some(Box::new(shown));
        self
    }

    /// Is told after each hundred objects what came of all so far.
    pub fn progress(mut self, told: impl FnMut(&Imported) + Send + 'static) -> Self {
        self.progress = Some(Box::new(told));
        self
    }

    /// What came of it so far.
    pub fn into_imported(self) -> Imported {
        self.imported
    }

    fn survey(&self, list: &Resource, wanted: &[Wanted]) -> Survey {
        let mut survey = list.survey().only(wanted.iter().map(Wanted::id)).keep_extra();
        if self.permissions && wanted.iter().any(Wanted::has_permissions) {
            survey = survey.permissions();
        }
        if self.keep_timestamps {
            survey = survey.keep_timestamps();
        }
        if self.claim_files { survey.claim_files() } else { survey }
    }

    /// Whether nothing of this list can be there, as what it is in is not.
    fn is_to_be(&self, list: &Resource) -> bool {
        let path = list.path().as_str();
        self.to_be.iter().any(|made| path.strip_prefix(made.as_str()).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Goes on with the chunk that is there, with the next list of what is to be looked through, or ends.
    fn go_on(&mut self, session: &Session) -> Result<Turn<()>> {
        self.stage = Stage::Idle;
        if let Some(chunk) = &self.chunk {
            return match &chunk.what {
                What::Wanted(wanted) if wanted.is_empty() => self.chunk_done(session, 0),
                What::Wanted(wanted) => {
                    let mut survey = self.survey(&chunk.list, wanted);
                    if self.is_to_be(&chunk.list) {
                        let planner = survey.nothing_there(session);
                        return self.planned(session, planner);
                    }
                    let turn = survey.start(session)?;
                    self.stage = Stage::Surveying(Box::new(survey));
                    self.surveyed(session, turn)
                }
                What::Extra(extra) => {
                    let plan = Plan::of_deletions(&chunk.list, session, extra);
                    self.begin_plan(session, plan)
                }
            };
        }
        if !self.over {
            return Ok(Turn::Done(()));
        }
        if !self.ended && !self.partial {
            let why = format!("the export breaks off after line {}: it has no end", self.lines.number);
            let hint = "what it has is imported; resume the export, or say that it may be partial()";
            return Err(Error::input(why).hint(hint));
        }
        if !self.delete_extra {
            return Ok(Turn::Done(()));
        }
        if !self.ended {
            let why = "nothing is deleted, as the export has no end: what it would have had is not known";
            return Err(Error::input(why));
        }
        loop {
            let Some((list, pages)) = self.extra.next() else { return Ok(Turn::Done(())) };
            let list = list.clone();
            let call = pages.call()?;
            if !self.is_to_be(&list)
                && let Some(call) = call
            {
                self.stage = Stage::Listing;
                // Each page has its time.
                return Ok(Turn::Ask(Ask::from(call).anew()));
            }
            self.extra.leave();
        }
    }

    fn surveyed(&mut self, session: &Session, turn: Turn<Planner>) -> Result<Turn<()>> {
        match turn {
            Turn::Ask(ask) => Ok(Turn::Ask(ask)),
            Turn::Fork(fork) => Ok(Turn::Fork(fork)),
            Turn::Done(planner) => self.planned(session, planner),
        }
    }

    fn planned(&mut self, session: &Session, mut planner: Planner) -> Result<Turn<()>> {
        if let Some(Chunk { what: What::Wanted(wanted), .. }) = &self.chunk {
            wanted.iter().try_for_each(|wanted| planner.want(wanted.clone()))?;
        }
        self.begin_plan(session, planner.finish())
    }

    fn begin_plan(&mut self, session: &Session, plan: Plan) -> Result<Turn<()>> {
        if let Some(shown) = self.shown.as_mut().filter(|_| !plan.is_empty()) {
            shown(&plan);
        }
        let unchanged = plan.unchanged();
        if self.dry_run {
            for edit in plan.changes() {
                self.imported.count(edit.kind(), 1);
                if edit.kind() == EditKind::Create
                    && let Some(chunk) = self.chunk.as_ref().filter(|chunk| is_parent(chunk.list.kind()))
                {
                    self.to_be.push(chunk.list.object_path(edit.id()).as_str().to_owned());
                }
            }
            return self.chunk_done(session, unchanged);
        }
        if plan.is_empty() {
            return self.chunk_done(session, unchanged);
        }
        let mut apply = plan.apply();
        let turn = apply.start(session)?;
        self.stage = Stage::Applying { apply: Box::new(apply), unchanged };
        self.applied(session, turn)
    }

    fn applied(&mut self, session: &Session, turn: Turn<Report>) -> Result<Turn<()>> {
        let report = match turn {
            Turn::Ask(ask) => return Ok(Turn::Ask(ask)),
            Turn::Fork(fork) => return Ok(Turn::Fork(fork)),
            Turn::Done(report) => report,
        };
        let Stage::Applying { unchanged, .. } = mem::replace(&mut self.stage, Stage::Idle) else { return Err(lost()) };
        let Some(chunk) = &mut self.chunk else { return Err(lost()) };
        let only_named = chunk.only_named_buckets();
        // If it is not there after all, what is to be in it will say so.
        let may_be_there = |it: &ReportItem<'_>| {
            let refused = it.status() == Status::Conflict || it.error().is_some_and(Error::is_forbidden);
            refused && only_named.iter().any(|id| id == it.id())
        };
        self.imported.take(&report, chunk.list.path().as_str(), may_be_there);
        if let Some(stopped) = report.stopped() {
            // What is over is not done again, and not counted again.
            let open: Vec<&str> = report.items().filter(|it| is_open(it, &report)).map(|it| it.id()).collect();
            let over = |id: &str| report.items().any(|it| it.id() == id) && !open.contains(&id);
            match &mut chunk.what {
                What::Wanted(wanted) => wanted.retain(|wanted| !over(wanted.id())),
                What::Extra(extra) => extra.retain(|(id, _)| !over(id)),
            }
            return Err(stopped.copy());
        }
        // Without what they are to be in, all others would fail one by one.
        if is_parent(chunk.list.kind())
            && let Some(failed) =
                report.items().find(|it| it.kind() == EditKind::Create && it.error().is_some() && !may_be_there(it))
            && !matches!(failed.status(), Status::AlreadySo | Status::Conflict)
            && let Some(error) = failed.error()
        {
            return Err(error.copy());
        }
        self.chunk_done(session, unchanged)
    }

    fn chunk_done(&mut self, session: &Session, unchanged: u64) -> Result<Turn<()>> {
        self.imported.unchanged += unchanged;
        let next = self.next.take();
        self.chunk = next.map(|(list, wanted)| Chunk { list, what: What::Wanted(vec![wanted]), bytes: 0 });
        if let Some(told) = &mut self.progress {
            told(&self.imported);
        }
        // What comes next may belong to it.
        if self.over { self.go_on(session) } else { Ok(Turn::Done(())) }
    }
}

fn is_parent(kind: Kind) -> bool {
    matches!(kind, Kind::Bucket | Kind::Collection)
}

fn lost() -> Error {
    Error::new(ErrorKind::Other, "nothing was asked")
}

/// Each time it is sent, what it has taken is imported. After an error, sending it again goes on with what is left of that.
impl Flow for &mut Import {
    type Output = ();

    fn start(&mut self, session: &Session) -> Result<Turn<()>> {
        self.go_on(session)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<()>> {
        match &mut self.stage {
            Stage::Surveying(survey) => {
                let turn = survey.resume(session, reply)?;
                self.surveyed(session, turn)
            }
            Stage::Applying { apply, .. } => {
                let turn = apply.resume(session, reply)?;
                self.applied(session, turn)
            }
            Stage::Listing => {
                let Some((list, pages)) = self.extra.list() else { return Err(lost()) };
                let page: Vec<Object<()>> = pages.read(&reply)?.items;
                let list = list.clone();
                let extra = self.extra.among(&list, page);
                if !extra.is_empty() {
                    self.chunk = Some(Chunk { list, what: What::Extra(extra), bytes: 0 });
                }
                self.go_on(session)
            }
            Stage::Idle => Err(lost()),
        }
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<()>> {
        match &mut self.stage {
            Stage::Surveying(survey) => {
                let turn = survey.fail(session, error)?;
                self.surveyed(session, turn)
            }
            Stage::Applying { apply, .. } => {
                let turn = apply.fail(session, error)?;
                self.applied(session, turn)
            }
            Stage::Idle | Stage::Listing => Err(error),
        }
    }
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("names", &self.names).field("imported", &self.imported).finish_non_exhaustive()
    }
}
