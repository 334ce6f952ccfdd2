//! Doing what is planned.
//!
//! ```text
//!  start ─▶ a Batch of conditional writes ─┬─ a review is wanted, and all is well ─▶ ask for it ─▶ a Report
//!                                          └─────────────────────────────────────────────────────▶ a Report
//! ```

use std::fmt;
use std::sync::Arc;

use crate::batch::{Batch, Outcome, Status, Summary};
use crate::call::Precondition;
use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::flows::Transition;
use crate::object::Object;
use crate::object_ref::ObjectRef;
use crate::operations::Put;
use crate::patch::{Attributes, Envelope};
use crate::reply::Reply;
use crate::resource::Resource;
use crate::review::{Review, ReviewData};
use crate::session::Session;
use crate::sync::edit::{Edit, EditKind};
use crate::sync::plan::Plan;
use crate::sync::report::Report;
use crate::timestamp::Timestamp;

/// Is told how many changes are over, and how many there are.
type Progress = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// Does what is planned, see [`Plan::apply`]. The output is a [`Report`].
///
/// Every write has the precondition that nothing was changed since the plan was made. They go out in batches; what fails for
/// one record is that record's, and the others go on. What fails for all stops it, as it does a [`Batch`]: the report says
/// what was done and what was not, and a new plan goes on from there.
///
/// One that is sent as `&mut apply` stays with the caller: after an error or a dropped future, sending it again goes on where
/// it stood, and [`into_report`](Self::into_report) gives what came of it.
#[must_use]
pub struct Apply {
    server: String,
    edits: Vec<(Box<str>, EditKind)>,
    batch: Batch,
    /// Why nothing can be sent.
    refused: Option<Error>,
    review: Option<Transition>,
    /// Whether the review is being asked for.
    reviewing: bool,
    reviewed: Option<Result<Object<ReviewData>>>,
    outcome: Option<Outcome>,
    progress: Option<Progress>,
}

impl Apply {
    pub(super) fn new(plan: Plan) -> Self {
        let resource = plan.resource();
        let Plan { server, edits, .. } = plan;
        let named = edits.iter().map(|edit| (edit.id.as_str().into(), edit.kind)).collect();
        let mut batch = Batch::new();
        let refused = match resource {
            Ok(resource) => {
                edits.into_iter().for_each(|edit| push(&mut batch, &resource.typed(), edit));
                None
            }
            Err(error) => Some(error),
        };
        let (review, reviewing, reviewed, outcome, progress) = (None, false, None, None, None);
        Self { server, edits: named, batch, refused, review, reviewing, reviewed, outcome, progress }
    }

    /// So many chunks at the same time, in any order: see [`Batch::concurrency`]. Not for plans that keep timestamps, which
    /// need their order.
    pub fn concurrency(mut self, chunks: usize) -> Self {
        self.batch = self.batch.concurrency(chunks);
        self
    }

    /// Asks for a review of the changes, if there are any, when all of them are made.
    pub fn then_request_review(mut self, review: &Review, comment: impl Into<String>) -> Self {
        self.review = Some(review.request(comment));
        self
    }

    /// Is told after each chunk how many changes are over, and how many there are.
    pub fn progress(mut self, told: impl Fn(usize, usize) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(told));
        self
    }

    /// What came of it so far.
    pub fn into_report(self) -> Report {
        let Self { edits, batch, reviewed, outcome, .. } = self;
        Report::new(edits, outcome.unwrap_or_else(|| batch.into_outcome()), reviewed)
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
        Ok(())
    }

    fn tell(&self) {
        if let Some(told) = &self.progress {
            told(self.batch.over(), self.batch.len());
        }
    }

    /// Whether the review is to be asked for now.
    fn is_to_review(&self, summary: Summary) -> bool {
        self.review.is_some() && summary.is_success() && summary.count(Status::Done) > 0
    }

    fn review(&mut self, session: &Session) -> Result<Turn<()>> {
        self.reviewing = true;
        let turn = self.review.as_mut().map(|review| review.start(session));
        turn.map_or(Ok(Turn::Done(())), |turn| self.reviewed(turn))
    }

    fn review_goes_on(&mut self, session: &Session, reply: Reply) -> Result<Turn<()>> {
        let about = reply.clone();
        let turn = self.review.as_mut().map(|review| review.resume(session, reply));
        turn.map_or(Ok(Turn::Done(())), |turn| self.reviewed(turn.map_err(|error| about.blame(error))))
    }

    /// What came of asking for the review is told beside what came of the changes.
    fn reviewed(&mut self, turn: Result<Turn<Object<ReviewData>>>) -> Result<Turn<()>> {
        let turn = match turn {
            Ok(Turn::Ask(ask)) => return Ok(Turn::Ask(ask)),
            Ok(Turn::Fork(fork)) => return Ok(Turn::Fork(fork)),
            Ok(Turn::Done(reviewed)) => Ok(reviewed),
            Err(error) => Err(error),
        };
        self.reviewing = false;
        self.review = None;
        self.reviewed = Some(turn);
        Ok(Turn::Done(()))
    }

    fn batched(&mut self, session: &Session, turn: Turn<Outcome>) -> Result<Turn<Report>> {
        let outcome = match turn {
            Turn::Ask(ask) => {
                self.tell();
                return Ok(Turn::Ask(ask));
            }
            Turn::Fork(fork) => return Ok(Turn::Fork(fork)),
            Turn::Done(outcome) => outcome,
        };
        let summary = outcome.summary();
        if let Some(told) = &self.progress {
            let over = summary.total() - summary.count(Status::NotSent);
            told(over, summary.total());
        }
        self.outcome = Some(outcome);
        if self.is_to_review(summary) {
            let turn = self.review(session)?;
            return self.report(turn);
        }
        self.report(Turn::Done(()))
    }

    fn report(&mut self, turn: Turn<()>) -> Result<Turn<Report>> {
        Ok(turn.map(|()| {
            let outcome = self.outcome.take().unwrap_or_else(|| std::mem::take(&mut self.batch).into_outcome());
            Report::new(std::mem::take(&mut self.edits), outcome, self.reviewed.take())
        }))
    }

    fn kept(&mut self, session: &Session, turn: Turn<Summary>) -> Result<Turn<Summary>> {
        match turn {
            Turn::Ask(ask) => {
                self.tell();
                Ok(Turn::Ask(ask))
            }
            Turn::Fork(fork) => Ok(Turn::Fork(fork)),
            Turn::Done(summary) => {
                self.tell();
                if self.is_to_review(summary) {
                    let turn = self.review(session)?;
                    return Ok(turn.map(|()| summary));
                }
                Ok(Turn::Done(summary))
            }
        }
    }
}

/// Whoever has a plan to apply need not keep it: the report tells everything.
impl Flow for Apply {
    type Output = Report;

    fn start(&mut self, session: &Session) -> Result<Turn<Report>> {
        self.check(session)?;
        let turn = self.batch.start(session)?;
        self.batched(session, turn)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Report>> {
        if self.reviewing {
            let turn = self.review_goes_on(session, reply)?;
            return self.report(turn);
        }
        let turn = self.batch.resume(session, reply)?;
        self.batched(session, turn)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Report>> {
        if self.reviewing {
            let turn = self.reviewed(Err(error))?;
            return self.report(turn);
        }
        if self.refused.is_some() || self.server != session.url() {
            return Err(error);
        }
        let turn = self.batch.fail(session, error)?;
        self.batched(session, turn)
    }
}

/// It is kept by the caller. What stops it is an error, and sending it again goes on.
impl Flow for &mut Apply {
    type Output = Summary;

    fn start(&mut self, session: &Session) -> Result<Turn<Summary>> {
        self.check(session)?;
        self.reviewing = false;
        let turn = (&mut &mut self.batch).start(session)?;
        self.kept(session, turn)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Summary>> {
        if self.reviewing {
            let turn = self.review_goes_on(session, reply)?;
            let summary = self.batch.summary();
            return Ok(turn.map(|()| summary));
        }
        let turn = (&mut &mut self.batch).resume(session, reply)?;
        self.kept(session, turn)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Summary>> {
        // Unlike what came of the changes, nothing else would tell of it.
        if self.reviewing {
            return Err(error);
        }
        let turn = (&mut &mut self.batch).fail(session, error)?;
        self.kept(session, turn)
    }
}

/// The write that makes one change.
fn push(batch: &mut Batch, resource: &Resource<()>, edit: Edit) {
    let Edit { kind, id, last_modified, data, some_fields, permissions, at, .. } = edit;
    let unchanged = last_modified.map_or(Precondition::Present, Precondition::Unchanged);
    let object = |id: String| match last_modified {
        Some(at) => ObjectRef::unchanged(id, at),
        None => ObjectRef::from(id),
    };
    let content = Envelope { data: data.map(|data| Ok(dated(&data, at).into())), permissions };
    match kind {
        EditKind::Create => {
            batch.push(Put::new(resource.clone(), Some(id), Precondition::Absent, content));
        }
        EditKind::Update if some_fields || content.data.is_none() => {
            batch.push(resource.patch(object(id), Attributes(content)));
        }
        EditKind::Update => {
            batch.push(Put::new(resource.clone(), Some(id), unchanged, content));
        }
        EditKind::Delete => {
            batch.push(resource.delete_if_present(object(id)));
        }
    }
}

/// With the timestamp that it is to have.
fn dated(data: &str, at: Option<Timestamp>) -> String {
    match (at, data.strip_prefix('{')) {
        (Some(at), Some("}")) => format!("{{\"last_modified\":{at}}}"),
        (Some(at), Some(rest)) => format!("{{\"last_modified\":{at},{rest}"),
        _ => data.to_owned(),
    }
}

impl fmt::Debug for Apply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apply").field("server", &self.server).field("edits", &self.edits.len()).finish_non_exhaustive()
    }
}
