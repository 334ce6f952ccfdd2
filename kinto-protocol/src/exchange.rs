//! A flow under way, seen from outside.

mod answered;
mod course;
mod under_way;

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Flow, Fork, Turn};
use crate::moment::Moment;
use crate::policy::Limits;
use crate::reply::Reply;
use crate::session::{Request, Response, Session};
use crate::transfer::Transfer;
use crate::transport_error::TransportError;

use course::Course;

/// A flow under way: what to do next, and what came of it.
///
/// Whoever has an HTTP client drives it with a loop:
///
/// ```
/// use std::time::{Duration, Instant};
/// use kinto_protocol::{Flow, Limits, Moment, Request, Response, Result, Session, Step, TransportError};
///
/// fn drive<F: Flow>(
///     session: &Session,
///     flow: F,
///     started: Instant,
///     send: impl Fn(Request, &Limits) -> Result<Response, TransportError>,
/// ) -> Result<F::Output> {
///     let mut exchange = session.exchange(flow);
///     loop {
///         match exchange.next(Moment::at(started.elapsed())) {
///             Step::Send(request, limits) => {
///                 let outcome = send(request, &limits);
///                 exchange.handle(outcome, Moment::at(started.elapsed()));
///             }
///             Step::Wait(pause) => std::thread::sleep(pause),
///             Step::Done(result) => return result,
///         }
///     }
/// }
///
/// let session = Session::builder("https://kinto.example/v1").build()?;
/// let info = drive(&session, kinto_protocol::server_info(), Instant::now(), |request, _| {
///     assert_eq!(request.uri(), "https://kinto.example/v1/");
///     Ok(Response::new(r#"{"project_name": "kinto"}"#.into()))
/// })?;
/// assert_eq!(info.project_name.as_deref(), Some("kinto"));
/// # Ok::<(), kinto_protocol::Error>(())
/// ```
#[must_use]
pub struct Exchange<F: Flow> {
    flow: F,
    outcome: Option<F::Output>,
    course: Course,
}

/// What the driver has to do.
#[must_use]
#[allow(clippy::exhaustive_enums, reason = "a driver must know them all")]
#[allow(clippy::large_enum_variant, reason = "one of them exists per request")]
pub enum Step<T> {
    /// Put this on the wire within these limits, then give what came of it to [`Exchange::handle`].
    Send(Request, Limits),
    /// Ask again after this long.
    Wait(Duration),
    /// Nothing more.
    Done(Result<T>),
}

/// Of a request no more than its method and its path: neither its query nor its body.
impl<T: std::fmt::Debug> std::fmt::Debug for Step<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Send(request, limits) => {
                let line = format_args!("{} {}", request.method(), request.uri().path()).to_string();
                f.debug_tuple("Send").field(&line).field(limits).finish()
            }
            Self::Wait(pause) => f.debug_tuple("Wait").field(pause).finish(),
            Self::Done(result) => f.debug_tuple("Done").field(result).finish(),
        }
    }
}

/// A flow whose outcome is put aside: what goes on is the same for all flows, and is built once, in this crate.
trait AnyFlow {
    fn start(&mut self, session: &Session) -> Result<Turn<()>>;
    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<()>>;
    fn meanwhile(&mut self, session: &Session) -> Result<()>;
    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<()>>;
}

struct Aside<'a, F: Flow> {
    flow: &'a mut F,
    outcome: &'a mut Option<F::Output>,
}

impl<F: Flow> Aside<'_, F> {
    fn put(&mut self, turn: Turn<F::Output>) -> Turn<()> {
        turn.map(|outcome| *self.outcome = Some(outcome))
    }
}

impl<F: Flow> AnyFlow for Aside<'_, F> {
    fn start(&mut self, session: &Session) -> Result<Turn<()>> {
        self.flow.start(session).map(|turn| self.put(turn))
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<()>> {
        self.flow.resume(session, reply).map(|turn| self.put(turn))
    }

    fn meanwhile(&mut self, session: &Session) -> Result<()> {
        self.flow.meanwhile(session)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<()>> {
        self.flow.fail(session, error).map(|turn| self.put(turn))
    }
}

impl Session {
    /// Begins an exchange with the server: nothing happens until it is [driven](Exchange).
    pub fn exchange<F: Flow>(&self, flow: F) -> Exchange<F> {
        Exchange { flow, outcome: None, course: Course::new(self) }
    }
}

impl<F: Flow> Exchange<F> {
    /// Its driver moves files piece by piece, and asks for the [`transfer`](Self::transfer) after each [`Step::Send`].
    pub fn by_pieces(mut self) -> Self {
        self.course.by_pieces = true;
        self
    }

    /// The file that the request which was just given sends or fetches, if it does. To be asked after each
    /// [`Step::Send`] by drivers that move files [piece by piece](Self::by_pieces).
    pub fn transfer(&self) -> Option<Transfer> {
        self.course.transfer()
    }

    /// Whether there is something to do while the request that was just given is under way: what is left of the answer before.
    /// Seldom; to be asked after a [`Step::Send`] by drivers that can do both at a time, see [`meanwhile`](Self::meanwhile).
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.course.has_work()
    }

    /// Does what there is to do while the request that was just given is under way: the page before is decoded, say. It may
    /// take milliseconds of the processor's time, in which the request should be on its way already.
    ///
    /// What is asked, and what comes of it, is the same when it is not called: then [`handle`](Self::handle) does it first. What
    /// comes of the request is given to `handle` in any case.
    pub fn meanwhile(&mut self) {
        let Self { flow, outcome, course } = self;
        course.meanwhile(&mut Aside { flow, outcome });
    }

    /// What may be done side by side now, for drivers that can: to be asked before each [`next`](Self::next). A driver
    /// that cannot need not ask: then the parts are done one after the other.
    ///
    /// The parts are sent as flows of their own, as many at the same time as the fork says. When they are done, or
    /// dropped, this exchange goes on.
    pub fn fork(&mut self, now: Moment) -> Option<Fork> {
        let Self { flow, outcome, course } = self;
        course.fork(&mut Aside { flow, outcome }, now)
    }

    /// What to do now, `now` being the time since a start that is the same for all exchanges of the session. Until
    /// [`handle`](Self::handle) is called, asking again after a [`Step::Send`] gives it again; after a [`Step::Wait`], what comes
    /// next, or the rest of the wait. After [`Step::Done`] there is nothing more, and asking gives an error.
    pub fn next(&mut self, now: Moment) -> Step<F::Output> {
        let Self { flow, outcome, course } = self;
        match course.next(&mut Aside { flow, outcome }, now) {
            Step::Send(request, limits) => Step::Send(request, limits),
            Step::Wait(pause) => Step::Wait(pause),
            Step::Done(Ok(())) => Step::Done(self.outcome.take().ok_or_else(over)),
            Step::Done(Err(error)) => Step::Done(Err(error)),
        }
    }

    /// Takes what came of the last [`Step::Send`]: the answer, whatever its status, or what kept it from coming. At any other time
    /// it does nothing. `now` is the time by then, counted as for [`next`](Self::next).
    pub fn handle(&mut self, outcome: Result<Response, TransportError>, now: Moment) {
        let Self { flow, outcome: aside, course } = self;
        course.handle(&mut Aside { flow, outcome: aside }, outcome, now);
    }
}

fn over() -> Error {
    Error::new(ErrorKind::Other, "this exchange is over")
}

impl<F: Flow> std::fmt::Debug for Exchange<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("phase", &self.course.phase()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
