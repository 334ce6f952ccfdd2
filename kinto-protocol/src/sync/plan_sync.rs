//! Reading what is there, and planning with what is wanted.

use std::fmt;

use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::reply::Reply;
use crate::session::Session;
use crate::sync::plan::Plan;
use crate::sync::planner::Planner;
use crate::sync::survey::{Survey, wishes};
use crate::sync::wanted::Wanted;

/// Plans how to make a list what it is wanted to be, see [`Resource::sync`](crate::Resource::sync). The output is a
/// [`Plan`].
#[must_use]
pub struct PlanSync<I> {
    survey: Survey,
    /// Asked for when it is known what is there.
    wanted: Option<I>,
}

impl<I> PlanSync<I> {
    pub(crate) fn new(survey: Survey, wanted: I) -> Self {
        Self { survey, wanted: Some(wanted) }
    }

    wishes!(|self| self.survey.wish);
}

impl<I: Iterator<Item: Into<Wanted>> + Send> PlanSync<I> {
    fn plan(&mut self, turn: Turn<Planner>) -> Result<Turn<Plan>> {
        let mut planner = match turn {
            Turn::Ask(ask) => return Ok(Turn::Ask(ask)),
            Turn::Fork(fork) => return Ok(Turn::Fork(fork)),
            Turn::Done(planner) => planner,
        };
        for wanted in self.wanted.take().into_iter().flatten() {
            planner.want(wanted)?;
        }
        Ok(Turn::Done(planner.finish()))
    }
}

impl<I: Iterator<Item: Into<Wanted>> + Send> Flow for PlanSync<I> {
    type Output = Plan;

    fn start(&mut self, session: &Session) -> Result<Turn<Plan>> {
        let turn = self.survey.start(session)?;
        self.plan(turn)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Plan>> {
        let turn = self.survey.resume(session, reply)?;
        self.plan(turn)
    }

    fn meanwhile(&mut self, session: &Session) -> Result<()> {
        self.survey.meanwhile(session)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Plan>> {
        let turn = self.survey.fail(session, error)?;
        self.plan(turn)
    }
}

impl<I> fmt::Debug for PlanSync<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlanSync").field("survey", &self.survey).finish_non_exhaustive()
    }
}
