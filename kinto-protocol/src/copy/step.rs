//! What is done next, and with which of the two servers.

use crate::error::{Error, Result};
use crate::flow::{Flow, Turn};
use crate::flows::Pages;
pub(super) use crate::mapped::mapped as step;
use crate::object::{Listing, Object, Tombstone};
use crate::reply::Reply;
use crate::server::ServerInfo;
use crate::session::Session;
use crate::sync::{Planner, Report};
use crate::timestamp::Timestamp;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Target,
}

/// A conversation that is a part of the copy.
pub(super) type Step = Box<dyn Flow<Output = Done>>;

/// What came of a step.
#[allow(clippy::large_enum_variant, reason = "one of them exists at a time")]
pub(super) enum Done {
    Info(Box<ServerInfo>),
    Object(Object),
    Found(Planner),
    Page(Pages<Object>, Option<Listing<Object>>),
    Objects(Result<Vec<Object>>),
    Written(Report),
    /// When the bucket of one of the two places was changed.
    Stamped(Timestamp),
    /// What was found where nothing is to be left.
    Left(Listing<Object>),
    Deleted(Vec<Result<Tombstone>>),
}

/// The next page, and the cursor that it was read with.
pub(super) fn page(pages: Pages<Object>) -> Step {
    Box::new(NextPage(Some(pages)))
}

struct NextPage(Option<Pages<Object>>);

impl NextPage {
    fn turn(&mut self, turn: Turn<Option<Listing<Object>>>) -> Result<Turn<Done>> {
        Ok(match turn {
            Turn::Ask(ask) => Turn::Ask(ask),
            Turn::Fork(fork) => Turn::Fork(fork),
            Turn::Done(page) => Turn::Done(Done::Page(self.0.take().ok_or_else(over)?, page)),
        })
    }
}

fn over() -> Error {
    Error::input("these pages are over")
}

impl Flow for NextPage {
    type Output = Done;

    fn start(&mut self, session: &Session) -> Result<Turn<Done>> {
        let turn = Flow::start(&mut self.0.as_mut().ok_or_else(over)?, session)?;
        self.turn(turn)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Done>> {
        let turn = Flow::resume(&mut self.0.as_mut().ok_or_else(over)?, session, reply)?;
        self.turn(turn)
    }
}
