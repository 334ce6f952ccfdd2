//! A step of a review.
//!
//! ```text
//!  start ─▶ PATCH the status ─┬─ done ─────────────────────────▶ GET ─▶ done
//!                             └─ refused, after a lost answer ─▶ GET ─┬─ it is so: done
//!                                                                     └─ it is not: the refusal
//! ```

use std::time::Duration;

use http::Method;

use crate::call::{Class, Precondition};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Ask, Flow, Turn};
use crate::object::Object;
use crate::operation::Operation as _;
use crate::operations::Get;
use crate::patch::Attributes;
use crate::path::Path;
use crate::reply::Reply;
use crate::resource::call;
use crate::review::{ReviewData, ReviewStatus, step_data};
use crate::session::Session;
use crate::timestamp::Timestamp;

/// A step of a review, see [`Review`](crate::Review). The output is the collection as it stands afterwards.
#[derive(Clone, Debug)]
pub struct Transition {
    path: Path,
    status: &'static str,
    comment: Option<(&'static str, String)>,
    precondition: Precondition,
    /// Whether it has come to where this step leads.
    goal: fn(&ReviewStatus) -> bool,
}

impl Transition {
    pub(crate) fn new(path: Path, status: &'static str, goal: fn(&ReviewStatus) -> bool) -> Self {
        Self { path, status, comment: None, precondition: Precondition::None, goal }
    }

    pub(crate) fn comment(mut self, name: &'static str, comment: String) -> Self {
        self.comment = Some((name, comment));
        self
    }

    /// The plugin that it needs.
    pub(crate) fn capability(&self) -> Option<&'static str> {
        self.path.capability()
    }

    /// Only if neither the collection nor a record in it was changed since this timestamp, which is that of the
    /// collection when it was looked at (`If-Match`).
    ///
    /// ```
    /// use kinto_protocol::{Object, ReviewData, Transition, bucket};
    ///
    /// /// Approves what was looked at, and nothing that came after.
    /// fn approve(looked_at: &Object<ReviewData>) -> Transition {
    ///     bucket("main-workspace").collection("onboarding").review().approve().if_match(looked_at.last_modified)
    /// }
    /// ```
    #[must_use]
    pub fn if_match(mut self, at: Timestamp) -> Self {
        self.precondition = Precondition::Unchanged(at);
        self
    }

    fn get(&self) -> Get<ReviewData> {
        Get::new(self.path.clone())
    }
}

impl Flow for Transition {
    type Output = Object<ReviewData>;

    fn start(&mut self, _: &Session) -> Result<Turn<Object<ReviewData>>> {
        let body = Attributes::new(&step_data(self.status, self.comment.as_ref())).0.body()?;
        let patch = call(Method::PATCH, &self.path, self.precondition).class(Class::Repeatable);
        Ok(Turn::ask(patch.json_body(body)))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Object<ReviewData>>> {
        if *reply.method() == Method::GET {
            let object = self.get().parse(&reply)?;
            return match reply.doubt() {
                Some(refusal) if !object.data.status.as_ref().is_some_and(self.goal) => Err(refusal.error()),
                _ => Ok(Turn::Done(object)),
            };
        }
        let get = Ask::from(self.get().call(session)?);
        if reply.is_repeated() && reply.status().is_client_error() {
            return Ok(Turn::Ask(get.about(reply)));
        }
        reply.success()?;
        Ok(Turn::Ask(get))
    }
}

/// Waits until a collection is signed, see [`Review::wait_until_signed`](crate::Review::wait_until_signed).
#[derive(Clone, Debug)]
pub struct WaitUntilSigned {
    get: Get<ReviewData>,
    times: u32,
    interval: Duration,
    read: u32,
}

impl WaitUntilSigned {
    pub(crate) fn new(get: Get<ReviewData>) -> Self {
        Self { get, times: 30, interval: Duration::from_secs(2), read: 0 }
    }

    /// Reads it so many times at most: 30, unless said otherwise. If it is not signed by then, that is an error of the kind
    /// [`Deadline`](crate::ErrorKind::Deadline).
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times.max(1);
        self
    }

    /// With so much time between two of them: 2 s, unless said otherwise. One that is longer than
    /// [`Policy::deadline`](crate::Policy::deadline) is an error.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }
}

impl Flow for WaitUntilSigned {
    type Output = Object<ReviewData>;

    fn start(&mut self, session: &Session) -> Result<Turn<Object<ReviewData>>> {
        self.read = 0;
        self.get.call(session).map(Turn::ask)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Object<ReviewData>>> {
        let object = self.get.parse(&reply)?;
        self.read += 1;
        match &object.data.status {
            Some(ReviewStatus::Signed) => Ok(Turn::Done(object)),
            None => Err(Error::new(ErrorKind::Input, "the collection is under no review")),
            Some(status) if self.read >= self.times => {
                let why = format!("it is not signed after {} looks at it: {status:?}", self.read);
                Err(Error::new(ErrorKind::Deadline, why))
            }
            Some(_) => Ok(Turn::Ask(Ask::from(self.get.call(session)?).anew().after(self.interval))),
        }
    }
}
