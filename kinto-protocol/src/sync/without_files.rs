//! In the place of `files.rs` in builds without files: a saved plan that brings some is shown, and refused, and not applied
//! without them.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::batch::{Batch, Status, Ticket};
use crate::error::{Error, Result};
use crate::flow::Turn;
use crate::object::{JsonMap, Object};
use crate::reply::Reply;
use crate::resource::Resource;
use crate::server::ServerInfo;
use crate::server_error::Escaped;
use crate::session::Session;
use crate::sync::edit::Edit;
use crate::sync::planner::There;
use crate::timestamp::Timestamp;

pub(super) type Written = Ticket<Object<()>>;

/// What was saved of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FileEdit(Value);

impl FileEdit {
    pub(super) fn attaches(&self) -> bool {
        self.0.get("new").is_some()
    }

    pub(super) fn before(&self) -> Option<Timestamp> {
        None
    }

    pub(super) fn begin_at(&mut self, _: Timestamp) {}
}

impl fmt::Display for FileEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0.to_string()).fmt(f)
    }
}

/// Which file a record is to have: nobody can say so.
#[derive(Clone, Debug)]
pub(crate) enum WantedFile {
    OfData,
}

impl WantedFile {
    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "others have files")]
    pub(super) fn edit(self, _: Option<&There>, _: &JsonMap) -> Result<Option<Box<FileEdit>>> {
        Ok(None)
    }
}

/// How many there are.
pub(super) struct Files(usize);

/// There is none.
#[derive(Debug)]
pub(super) enum Filed {}

impl Filed {
    pub(super) fn status(&self) -> Status {
        match *self {}
    }

    pub(super) fn error(&self) -> Option<&Error> {
        match *self {}
    }

    pub(super) fn into_error(self) -> Option<Error> {
        match self {}
    }
}

impl Files {
    pub(super) fn new(_: Resource<()>) -> Self {
        Self(0)
    }

    pub(super) fn push(&mut self, edit: &mut Edit, _: Option<Written>) {
        self.0 += usize::from(edit.file.take().is_some());
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.0 == 0 {
            return Ok(());
        }
        let error = Error::input(format!("the plan brings {} files, and this program was built without them", self.0));
        Err(error.hint("build it with the feature \"attachments\""))
    }

    pub(super) fn len(&self) -> usize {
        0
    }

    pub(super) fn has_come_further(&self) -> bool {
        false
    }

    pub(super) fn over(&self) -> usize {
        0
    }

    pub(super) fn is_in_doubt(&self, _: &Session) -> bool {
        false
    }

    pub(super) fn informed(&mut self, _: &ServerInfo) -> Result<()> {
        Ok(())
    }

    pub(super) fn follow(&mut self, _: &Batch) {}

    pub(super) fn start(&mut self, _: &Session) -> Result<Turn<()>> {
        Ok(Turn::Done(()))
    }

    pub(super) fn resume(&mut self, _: &Session, _: Reply) -> Result<Turn<()>> {
        Ok(Turn::Done(()))
    }

    pub(super) fn fail(&mut self, _: &Session, error: Error) -> Result<Turn<()>> {
        Err(error)
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = Status> {
        std::iter::empty()
    }

    pub(super) fn ended(self) -> Vec<Filed> {
        Vec::new()
    }
}
