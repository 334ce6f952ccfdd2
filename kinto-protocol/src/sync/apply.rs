//! Doing what is planned.
//!
//! ```text
//!  start ─▶ a Batch of conditional writes ─▶ the files, one by one ─┬─ a review is wanted, and all is well ─▶ ask ─▶ a Report
//!                                                                   └───────────────────────────────────────────▶ a Report
//! ```

use std::fmt;
use std::sync::Arc;

use crate::address::buckets;
use crate::batch::{Batch, Status, Summary, learn};
use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::flows::Transition;
use crate::object::Object;
use crate::operation::Operation as _;
use crate::operations::server_info;
use crate::reply::Reply;
use crate::retry;
use crate::review::{Review, ReviewData};
use crate::server::ServerInfo;
use crate::session::Session;
use crate::sync::edit::{Edit, EditKind};
use crate::sync::files::Files;
#[cfg(feature = "attachments")]
use crate::sync::files::Source;
use crate::sync::plan::Plan;
use crate::sync::report::{Part, Report, together};
use crate::sync::write::write;

/// Is told how many changes are over, and how many there are.
type Progress = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// Does what is planned, see [`Plan::apply`]. The output is a [`Report`].
///
/// Every write has the precondition that nothing was changed since the plan was made. They go out in batches; what fails for
/// one record is that record's, and the others go on. What fails for all stops it, as it does a [`Batch`]: the report says
/// what was done and what was not, and a new plan goes on from there.
///
/// Files come after all records (feature `attachments`), one by one, and in memory as a whole. The server knows no
/// preconditions for them: each record is looked at right before, and one that was changed meanwhile keeps the file that it
/// has. What is attached has the size and the SHA-256 that were planned.
///
/// One that is sent as `&mut apply` stays with the caller: after an error or a dropped future, sending it again goes on where
/// it stood, and [`into_report`](Self::into_report) gives what came of it.
#[must_use]
pub struct Apply {
    server: String,
    parts: Vec<Part>,
    batch: Batch,
    files: Files,
    /// Why nothing can be sent.
    refused: Option<Error>,
    review: Option<Transition>,
    /// Whether the server was asked what it can do.
    asked: bool,
    stage: Stage,
    /// Why it stopped, where nobody else tells.
    stopped: Option<Error>,
    reviewed: Option<Result<Object<ReviewData>>>,
    progress: Option<Progress>,
}

/// What was asked last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing, or what the server can do.
    Beginning,
    Records,
    Files,
    Review,
}

impl Apply {
    pub(super) fn new(plan: Plan) -> Self {
        let resource = plan.resource();
        let Plan { server, edits, .. } = plan;
        let mut batch = Batch::new();
        let (list, refused) = match resource {
            Ok(resource) => (resource.typed(), None),
            Err(error) => (buckets().typed(), Some(error)),
        };
        let mut files = Files::new(list.clone());
        let part = |mut edit: Edit| {
            // The file of a record goes with it.
            edit.file.take_if(|_| edit.kind == EditKind::Delete);
            let filed = edit.file.is_some();
            let of_record = edit.kind != EditKind::Update || edit.data.is_some() || edit.permissions.is_some();
            let written = of_record || !filed;
            let ticket = if written { write(&mut batch, &list, &mut edit) } else { None };
            files.push(&mut edit, ticket);
            Part { id: edit.id.into_boxed_str(), kind: edit.kind, written, filed }
        };
        let parts = edits.into_iter().map(part).collect();
        let (review, asked, stage) = (None, false, Stage::Beginning);
        let (stopped, reviewed, progress) = (None, None, None);
        Self { server, parts, batch, files, refused, review, asked, stage, stopped, reviewed, progress }
    }

    /// So many chunks at the same time, in any order: see [`Batch::concurrency`]. Not for plans that keep timestamps, which
    /// need their order.
    pub fn concurrency(mut self, chunks: usize) -> Self {
        self.batch = self.batch.concurrency(chunks);
        self
    }

    /// Files are fetched from the server of this session, from where the wanted records said that they are: mostly the one
    /// that they were read from.
    ///
    /// ```
    /// # use kinto_protocol::{Flow, List, Object, Plan, Report, Result, Session, bucket};
    /// # fn example(here: impl Client, there: impl Client) -> Result<()> {
    /// let posts = bucket("blog").collection("posts").records();
    /// let wanted: Vec<Object> = there.send(posts.list())?.items;
    ///
    /// let plan = here.send(posts.sync(wanted).attachments())?;
    /// println!("{plan}"); // 1 to update, 1 file to attach, 7 unchanged
    /// let report = here.send(plan.apply().files_from(there.session()))?;
    /// println!("{report}"); // 1 done; files: 1 done
    /// # Ok(())
    /// # }
    /// # trait Client {
    /// #     fn send<F: Flow>(&self, flow: F) -> Result<F::Output>;
    /// #     fn session(&self) -> &Session;
    /// # }
    /// ```
    ///
    /// Content that [`Wanted::file`](crate::Wanted::file) gave is used as long as the plan is in memory, and nothing is
    /// fetched for it. Without this and without [`files_with`](Self::files_with), a plan that needs more is an error of the
    /// kind [`Input`](crate::ErrorKind::Input) before anything is sent.
    #[cfg(feature = "attachments")]
    pub fn files_from(mut self, session: &Session) -> Self {
        self.files.come_from(Source::Server(session.clone()));
        self
    }

    /// Content is given by this, by the id of the record and what the plan says of the file: for plans that were saved. What
    /// has another size or SHA-256 is not attached. It is asked between two requests, and whatever it does is waited for.
    ///
    /// ```
    /// # use kinto_protocol::Plan;
    /// # fn example(plan: Plan) {
    /// let apply = plan.apply().files_with(|_id, file| std::fs::read(format!("files/{}", file.safe_name())));
    /// # let _ = apply;
    /// # }
    /// ```
    #[cfg(feature = "attachments")]
    pub fn files_with<C, E>(
        mut self,
        give: impl FnMut(&str, &crate::attachment::Attachment) -> Result<C, E> + Send + 'static,
    ) -> Self
    where
        C: Into<bytes::Bytes>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.files.come_from(Source::caller(give));
        self
    }

    /// Sends files whatever their endings, as [`Upload::any_extension`](crate::Upload::any_extension) does. Without this, one
    /// that takes the place of another is refused here if a server would that is not configured otherwise.
    #[cfg(feature = "attachments")]
    pub fn any_extension(mut self) -> Self {
        self.files.any_extension();
        self
    }

    /// Writes records also where no files can be attached, for which there may be a reason already.
    #[cfg(feature = "attachments")]
    pub(crate) fn records_all_the_same(mut self, no_files: Option<Error>) -> Self {
        self.files.records_all_the_same(no_files);
        self
    }

    /// Asks for a review of the changes, if there are any, when all of them are made, files too.
    pub fn then_request_review(mut self, review: &Review, comment: impl Into<String>) -> Self {
        self.review = Some(review.request(comment));
        self
    }

    /// Is told after each chunk of records, and after each file, how many of these are over, and how many there are: a change
    /// of a record and its file is two.
    pub fn progress(mut self, told: impl Fn(usize, usize) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(told));
        self
    }

    /// What came of it so far.
    pub fn into_report(self) -> Report {
        let Self { parts, batch, files, stopped, reviewed, .. } = self;
        Report::new(parts, batch.into_outcome(), files.ended(), stopped, reviewed)
    }

    fn check(&mut self, session: &Session) -> Result<()> {
        if let Some(error) = &self.refused {
            return Err(error.copy());
        }
        if self.server != session.url() {
            let (made, here) = (&self.server, session.url());
            let error = Error::input(format!("the plan was made for {made}, and this is {here}"));
            return Err(error.hint("if it is meant for this one, say so with at()"));
        }
        self.files.check()
    }

    fn tell(&self) {
        if let Some(told) = &self.progress {
            told(self.batch.over() + self.files.over(), self.batch.len() + self.files.len());
        }
    }

    /// How many ended how so far.
    fn summary(&self) -> Summary {
        let (mut records, mut files) = (self.batch.statuses(), self.files.statuses());
        let status = |part: &Part| {
            let (record, file) = part.take(&mut records, &mut files);
            together(record, file)
        };
        self.parts.iter().map(status).collect()
    }

    fn begin(&mut self, session: &Session) -> Result<Turn<Summary>> {
        self.stage = Stage::Beginning;
        self.stopped = None;
        self.check(session)?;
        if !self.asked
            && (self.files.is_in_doubt(session) || self.lacks_for_review(|it| session.memory().has(it)).is_some())
        {
            return server_info().call(session).map(Turn::ask);
        }
        self.records(session)
    }

    /// The plugin that asking for a review of these changes needs, where it is not there.
    fn lacks_for_review(&self, has: impl Fn(&str) -> bool) -> Option<&'static str> {
        let review = self.review.as_ref().filter(|_| !self.parts.is_empty())?;
        review.capability().filter(|capability| !has(capability))
    }

    /// Takes what the server can do.
    fn informed(&mut self, session: &Session, reply: &Reply) -> Result<()> {
        if retry::is_about_all(reply.status()) {
            return Err(reply.error());
        }
        // A server that does not say is taken at its word later.
        if let Ok(info) = reply.json::<ServerInfo>() {
            learn(session, Some(&info));
            if let Some(missing) = self.lacks_for_review(|it| info.has(it)) {
                return Err(Error::missing_plugin(missing, &info));
            }
            self.files.informed(&info)?;
        }
        self.asked = true;
        Ok(())
    }

    fn go_on(&mut self, session: &Session, reply: Reply) -> Result<Turn<Summary>> {
        match self.stage {
            Stage::Beginning => {
                self.informed(session, &reply)?;
                self.records(session)
            }
            Stage::Records => {
                let turn = (&mut &mut self.batch).resume(session, reply)?;
                self.batched(session, turn)
            }
            Stage::Files => {
                let turn = self.files.resume(session, reply);
                self.filed(session, turn)
            }
            Stage::Review => {
                let about = reply.clone();
                let turn = self.review.as_mut().map(|review| review.resume(session, reply));
                turn.map_or(Ok(Turn::Done(self.summary())), |turn| {
                    self.reviewed(turn.map_err(|error| about.blame(error)))
                })
            }
        }
    }

    fn records(&mut self, session: &Session) -> Result<Turn<Summary>> {
        self.stage = Stage::Records;
        let turn = (&mut &mut self.batch).start(session)?;
        self.batched(session, turn)
    }

    fn batched(&mut self, session: &Session, turn: Turn<Summary>) -> Result<Turn<Summary>> {
        match turn {
            Turn::Ask(ask) => {
                self.tell();
                Ok(Turn::Ask(ask))
            }
            Turn::Fork(fork) => Ok(Turn::Fork(fork)),
            Turn::Done(_) => {
                self.tell();
                self.stage = Stage::Files;
                self.files.follow(&self.batch);
                let turn = self.files.start(session);
                self.filed(session, turn)
            }
        }
    }

    fn filed(&mut self, session: &Session, turn: Result<Turn<()>>) -> Result<Turn<Summary>> {
        if self.files.has_come_further() {
            self.tell();
        }
        match turn {
            Ok(Turn::Ask(ask)) => return Ok(Turn::Ask(ask)),
            Ok(Turn::Fork(fork)) => return Ok(Turn::Fork(fork)),
            Ok(Turn::Done(())) => {}
            Err(error) => {
                // For those who ask later: the batch, which is done, does not know.
                self.stopped = Some(error.copy());
                return Err(error);
            }
        }
        let summary = self.summary();
        let all_is_well = summary.is_success() && summary.count(Status::Done) > 0;
        match self.review.as_mut().filter(|_| all_is_well) {
            Some(review) => {
                self.stage = Stage::Review;
                let turn = review.start(session);
                self.reviewed(turn)
            }
            None => Ok(Turn::Done(summary)),
        }
    }

    /// What came of asking for the review is told beside what came of the changes.
    fn reviewed(&mut self, turn: Result<Turn<Object<ReviewData>>>) -> Result<Turn<Summary>> {
        let turn = match turn {
            Ok(Turn::Ask(ask)) => return Ok(Turn::Ask(ask)),
            Ok(Turn::Fork(fork)) => return Ok(Turn::Fork(fork)),
            Ok(Turn::Done(reviewed)) => Ok(reviewed),
            Err(error) => Err(error),
        };
        self.review = None;
        self.reviewed = Some(turn);
        Ok(Turn::Done(self.summary()))
    }

    /// What came of it, also where it was stopped: unless nothing was sent.
    fn report(&mut self, turn: Result<Turn<Summary>>) -> Result<Turn<Report>> {
        let turn = match turn {
            Ok(turn) => turn,
            Err(error) if self.stage == Stage::Beginning => return Err(error),
            Err(error) => {
                self.stopped = Some(error);
                Turn::Done(Summary::default())
            }
        };
        Ok(turn.map(|_| {
            let (parts, batch) = (std::mem::take(&mut self.parts), std::mem::take(&mut self.batch));
            let files = std::mem::replace(&mut self.files, Files::new(buckets().typed()));
            Report::new(parts, batch.into_outcome(), files.ended(), self.stopped.take(), self.reviewed.take())
        }))
    }
}

/// Whoever has a plan to apply need not keep it: the report tells everything.
impl Flow for Apply {
    type Output = Report;

    fn start(&mut self, session: &Session) -> Result<Turn<Report>> {
        let turn = self.begin(session);
        self.report(turn)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Report>> {
        let turn = self.go_on(session, reply);
        self.report(turn)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Report>> {
        let turn = match self.stage {
            Stage::Review => self.reviewed(Err(error)),
            _ => (&mut &mut *self).fail(session, error),
        };
        self.report(turn)
    }
}

/// It is kept by the caller. What stops it is an error, and sending it again goes on.
impl Flow for &mut Apply {
    type Output = Summary;

    fn start(&mut self, session: &Session) -> Result<Turn<Summary>> {
        self.begin(session)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Summary>> {
        self.go_on(session, reply)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Summary>> {
        match self.stage {
            // Unlike what came of the changes, nothing else would tell of it.
            Stage::Beginning | Stage::Review => Err(error),
            Stage::Records => {
                let turn = (&mut &mut self.batch).fail(session, error)?;
                self.batched(session, turn)
            }
            Stage::Files => {
                let turn = self.files.fail(session, error);
                self.filed(session, turn)
            }
        }
    }
}

impl fmt::Debug for Apply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apply")
            .field("server", &self.server)
            .field("changes", &self.parts.len())
            .finish_non_exhaustive()
    }
}
