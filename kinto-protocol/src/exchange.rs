//! A flow under way, and the rules that all flows obey.
//!
//! ```text
//!           flow.start: a call              the gate is open
//!  Start ─────────────────────────▶ Ready ───────────────────▶ Flying
//!  ▲ │ │                            ▲ ▲ │                       │ │ │ │
//!  │ │ │                 time is up │ │ │ Backoff               │ │ │ │
//!  │ │ │                            │ │ ▼                       │ │ │ │
//!  │ │ │                          Paused ◀──────────────────────┘ │ │ │  try again, after a wait
//!  │ │ │                              │                           │ │ │
//!  │ │ │                              └───────────────────────────┘ │ │  redirected; flow.resume or flow.fail: a call
//!  │ │ └─ flow.start: done ───────▶ Ended ◀─────────────────────────┘ │  flow.resume or flow.fail: done, or an error
//!  │ └─── flow.start: a fork ─────▶ Forked ◀──────────────────────────┘  flow.resume or flow.fail: a fork
//!  └────────────────────────────────┘    the parts are done, or left to the flow
//! ```

mod under_way;

use std::sync::Arc;
use std::time::Duration;

use http::header::LOCATION;
use http::{Method, StatusCode};

use crate::call::{Call, Class};
use crate::endpoints;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::flow::{Flow, Fork, Turn};
use crate::moment::Moment;
use crate::policy::{Limits, OnBackoff};
use crate::reply::{Attempts, Reply};
use crate::retry::{self, Verdict};
use crate::root;
use crate::server::ServerInfo;
use crate::server_error::{Escaped, errno_of};
use crate::session::{Request, Response, Session};
use crate::transfer::Transfer;
use crate::transport_error::{FailureKind, TransportError, too_large};

use under_way::UnderWay;

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
    session: Session,
    flow: F,
    phase: Phase<F::Output>,
    deadline: Moment,
    /// Whether the server may have carried out a write: one succeeded, or the answer to one was lost.
    touched: bool,
    /// Sessions whose server does not say what it can do.
    silent: Vec<Session>,
    /// Other sessions that requests were asked by.
    others: Vec<Session>,
    /// Whether the driver moves files piece by piece.
    by_pieces: bool,
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

enum Phase<T> {
    Start,
    Ready(UnderWay),
    Paused(UnderWay, Moment),
    Flying(UnderWay),
    Forked(Option<Fork>),
    Ended(Result<T>),
    Over,
}

impl Session {
    /// Begins an exchange with the server: nothing happens until it is [driven](Exchange).
    pub fn exchange<F: Flow>(&self, flow: F) -> Exchange<F> {
        Exchange {
            session: self.clone(),
            flow,
            phase: Phase::Start,
            deadline: Moment::default(),
            touched: false,
            silent: Vec::new(),
            others: Vec::new(),
            by_pieces: false,
        }
    }
}

impl<F: Flow> Exchange<F> {
    /// Its driver moves files piece by piece, and asks for the [`transfer`](Self::transfer) after each [`Step::Send`].
    pub fn by_pieces(mut self) -> Self {
        self.by_pieces = true;
        self
    }

    /// The file that the request which was just given sends or fetches, if it does. To be asked after each
    /// [`Step::Send`] by drivers that move files [piece by piece](Self::by_pieces).
    pub fn transfer(&self) -> Option<Transfer> {
        match &self.phase {
            Phase::Flying(call) => call.call.transfer().cloned(),
            _ => None,
        }
    }

    /// Whether there is something to do while the request that was just given is under way: what is left of the answer before.
    /// Seldom; to be asked after a [`Step::Send`] by drivers that can do both at a time, see [`meanwhile`](Self::meanwhile).
    #[must_use]
    pub fn has_work(&self) -> bool {
        matches!(&self.phase, Phase::Flying(call) if call.work)
    }

    /// Does what there is to do while the request that was just given is under way: the page before is decoded, say. It may
    /// take milliseconds of the processor's time, in which the request should be on its way already.
    ///
    /// What is asked, and what comes of it, is the same when it is not called: then [`handle`](Self::handle) does it first. What
    /// comes of the request is given to `handle` in any case.
    pub fn meanwhile(&mut self) {
        if let Phase::Flying(call) = &mut self.phase
            && std::mem::take(&mut call.work)
        {
            call.spoiled = self.flow.meanwhile(&self.session).err();
        }
    }

    /// What may be done side by side now, for drivers that can: to be asked before each [`next`](Self::next). A driver
    /// that cannot need not ask: then the parts are done one after the other.
    ///
    /// The parts are sent as flows of their own, as many at the same time as the fork says. When they are done, or
    /// dropped, this exchange goes on.
    pub fn fork(&mut self, now: Moment) -> Option<Fork> {
        if matches!(self.phase, Phase::Start) {
            self.deadline = now.after(self.session.policy().deadline);
            self.start(now);
        }
        match &mut self.phase {
            Phase::Forked(fork) => fork.take(),
            _ => None,
        }
    }

    /// What to do now, `now` being the time since a start that is the same for all exchanges of the session. Until
    /// [`handle`](Self::handle) is called, asking again after a [`Step::Send`] gives it again; after a [`Step::Wait`], what comes
    /// next, or the rest of the wait. After [`Step::Done`] there is nothing more, and asking gives an error.
    pub fn next(&mut self, now: Moment) -> Step<F::Output> {
        loop {
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Start => {
                    self.deadline = now.after(self.session.policy().deadline);
                    self.start(now);
                }
                Phase::Forked(fork) => {
                    // Parts that nobody took go back to the flow.
                    drop(fork);
                    self.start(now);
                }
                Phase::Ready(call) => match self.gate(&call, now) {
                    Ok(None) => {
                        let begun = call.begun.or(Some(now));
                        self.phase = Phase::Flying(UnderWay { attempts: call.attempts + 1, begun, ..call });
                    }
                    Ok(Some(until)) => self.phase = Phase::Paused(call, until),
                    Err(error) => self.phase = self.ended(&call, error, now),
                },
                Phase::Paused(call, until) => match now.left_until(until) {
                    Some(wait) => {
                        self.phase = Phase::Paused(call, until);
                        return Step::Wait(wait);
                    }
                    None => self.phase = Phase::Ready(call),
                },
                Phase::Flying(call) => match call.session.http_request(&call.call, call.redirected.as_ref()) {
                    Ok(_) if !self.by_pieces && call.call.transfer().is_some_and(Transfer::needs_pieces) => {
                        let error = Error::input("what sends this does not move files piece by piece");
                        let error = error.hint("give the content in memory, or use upload_from of a client");
                        self.phase = self.ended(&UnderWay { attempts: call.attempts - 1, ..call }, error, now);
                    }
                    Ok(request) => {
                        let limits = call.session.policy().limits.within(now.until(self.deadline));
                        let limits = match self.moves(&call) {
                            Some(file) => limits.unhurried(file.sends()),
                            None => limits,
                        };
                        self.phase = Phase::Flying(call);
                        return Step::Send(request, limits);
                    }
                    // Nothing was sent, so it was no attempt.
                    Err(error) => {
                        self.phase = self.ended(&UnderWay { attempts: call.attempts - 1, ..call }, error, now);
                    }
                },
                Phase::Ended(result) => return Step::Done(result),
                Phase::Over => return Step::Done(Err(Error::new(ErrorKind::Other, "this exchange is over"))),
            }
        }
    }

    /// Takes what came of the last [`Step::Send`]: the answer, whatever its status, or what kept it from coming. At any other time
    /// it does nothing. `now` is the time by then, counted as for [`next`](Self::next).
    pub fn handle(&mut self, outcome: Result<Response, TransportError>, now: Moment) {
        // Before anything is made of the outcome: what goes out next must not depend on the driver.
        self.meanwhile();
        let call = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Flying(call) => call,
            other => return self.phase = other,
        };
        if self.moves(&call).is_some() {
            // How long a file takes counts for nothing; what comes after it does.
            self.deadline = now.after(call.session.policy().deadline);
        }
        self.phase = match outcome {
            Ok(response) => self.answered(call, response, now),
            Err(failure) => self.failed(call, failure, now),
        };
    }

    /// The file that this moves, piece by piece.
    fn moves<'a>(&self, call: &'a UnderWay) -> Option<&'a Transfer> {
        call.call.transfer().filter(|_| self.by_pieces)
    }

    fn start(&mut self, now: Moment) {
        self.session.memory().tick(now);
        self.phase = match self.flow.start(&self.session) {
            Ok(turn) => self.turn(turn, now),
            Err(error) => self.fail(error, now),
        };
    }

    fn turn(&mut self, turn: Turn<F::Output>, now: Moment) -> Phase<F::Output> {
        match turn {
            Turn::Ask(ask) => {
                let session = self.asked_by(ask.session.as_ref(), now);
                if ask.anew {
                    self.deadline = now.after(session.policy().deadline);
                }
                let wait = ask.wait;
                let call = self.capable(UnderWay::new(ask, session));
                let until = now.after(wait);
                if wait.is_zero() {
                    Phase::Ready(call)
                } else if until < self.deadline {
                    Phase::Paused(call, until)
                } else {
                    let error =
                        Error::new(ErrorKind::Deadline, "the wait before it does not fit into the time there is");
                    self.ended(&call, error.retry_after(Some(wait)), now)
                }
            }
            Turn::Fork(fork) => Phase::Forked(Some(fork)),
            Turn::Done(output) => Phase::Ended(Ok(output)),
        }
    }

    /// The session that asks: that of the exchange, unless another one is named.
    fn asked_by(&mut self, other: Option<&Session>, now: Moment) -> Session {
        let Some(other) = other else { return self.session.clone() };
        other.memory().tick(now);
        if !self.others.iter().any(|met| met.is(other)) {
            self.others.push(other.clone());
        }
        other.clone()
    }

    /// The call itself, or the question that comes first: whether the server has what it needs.
    fn capable(&self, call: UnderWay) -> UnderWay {
        match call.call.path().capability() {
            Some(capability) if !self.is_silent(&call.session) && !call.session.memory().has(capability) => {
                // What cannot be sent is an error before anything is.
                if call.session.admit(&call.call).is_err() {
                    return call;
                }
                let hello = Call::new(Method::GET, endpoints::root());
                let session = call.session.clone();
                UnderWay { then: Some(Box::new(call)), ..UnderWay::new(hello.into(), session) }
            }
            _ => call,
        }
    }

    fn is_silent(&self, session: &Session) -> bool {
        self.silent.iter().any(|silent| silent.is(session))
    }

    /// Takes what the server can do, and goes on with what was to be sent.
    fn informed(&mut self, call: UnderWay, reply: &Reply, now: Moment) -> Phase<F::Output> {
        if retry::is_about_all(reply.status()) {
            return self.ended(&call, reply.error(), now);
        }
        // A server that does not say is taken at its word later, and not asked again.
        let Ok(info) = reply.json::<ServerInfo>() else {
            self.silent.push(call.session.clone());
            return Phase::Ready(call);
        };
        call.session.memory().learn_capabilities(&info.capabilities);
        if let Some(missing) = call.call.path().capability().filter(|capability| !info.has(capability)) {
            return self.ended(&call, Error::missing_plugin(missing, &info), now);
        }
        Phase::Ready(call)
    }

    /// Ends with an error, and with all that is known of it.
    fn ended(&mut self, call: &UnderWay, error: Error, now: Moment) -> Phase<F::Output> {
        self.fail(call.blame(error).without(&call.session.secrets_with(&call.call)), now)
    }

    /// Ends with an error, unless the flow knows better.
    fn fail(&mut self, error: Error, now: Moment) -> Phase<F::Output> {
        // What a server says may repeat what it was told.
        let sessions = self.others.iter().chain([&self.session]);
        let error = sessions.fold(error, |error, session| error.without(&session.secrets()));
        match self.flow.fail(&self.session, error) {
            Ok(turn) => self.turn(turn, now),
            Err(error) => Phase::Ended(Err(if self.touched { error.touched() } else { error })),
        }
    }

    /// Whether a call may be sent now; if later, when.
    fn gate(&self, call: &UnderWay, now: Moment) -> Result<Option<Moment>> {
        if now >= self.deadline {
            let mut why = "the time for the whole operation is over".to_owned();
            if let Some(failure) = &call.failure {
                why.push_str(&format!("; the last attempt failed: {failure}"));
            }
            return Err(Error::new(ErrorKind::Deadline, why));
        }
        let until = call.quiet_until();
        let Some(wait) = now.left_until(until) else { return Ok(None) };
        if until >= self.deadline || call.session.policy().on_backoff == OnBackoff::Fail {
            let error = Error::new(ErrorKind::Backoff, "the server asked for silence");
            return Err(error.retry_after(Some(wait)));
        }
        call.session.tell(&Event::Backoff { request: &call.call, wait });
        Ok(Some(until))
    }

    fn failed(&mut self, mut call: UnderWay, failure: TransportError, now: Moment) -> Phase<F::Output> {
        let verdict = retry::after_failure(call.call.repeat_class(), &failure);
        if let Some(error) = call.spoiled.take() {
            self.lose(&mut call, verdict);
            return self.ended(&call, error, now);
        }
        let timed_out = failure.kind() == FailureKind::Timeout;
        if let Some(until) = self.again(&mut call, verdict, None, timed_out, &failure.to_string(), now) {
            return Phase::Paused(call, until);
        }
        self.lose(&mut call, verdict);
        let place = call.elsewhere().and_then(|uri| uri.authority()).map(ToString::to_string);
        let error = failure.at(Some(place.unwrap_or_else(|| call.session.root().to_string())));
        self.ended(&call, error, now)
    }

    fn answered(&mut self, mut call: UnderWay, response: Response, now: Moment) -> Phase<F::Output> {
        let status = response.status();
        call.session.tell(&Event::Answered { request: &call.call, status });
        let mut silence = None;
        if call.is_at_the_api() {
            call.session.heed(&call.call, response.headers(), now);
            silence = retry::backoff(response.headers());
        }
        if let Some(error) = call.spoiled.take() {
            call.lost |= call.is_write();
            self.touched |= call.lost;
            return self.ended(&call, error, now);
        }
        let mut asked = retry::retry_after(response.headers());
        // It would be part of a URL, and of whatever log that stands in.
        if let Some(next) = response.headers().get("next-page").and_then(|next| next.to_str().ok())
            && call.session.secrets_with(&call.call).are_in_url(next)
        {
            call.lost |= call.is_write();
            self.touched |= call.lost;
            let error = Error::new(ErrorKind::Pagination, "the next page that the server names holds the credentials");
            return self.ended(&call, error, now);
        }
        if response.body().len() as u64 > call.session.policy().limits.response_bytes {
            call.lost |= call.is_write();
            self.touched |= call.lost;
            return self.ended(&call, too_large(), now);
        }
        if is_redirect(status) && !call.call.expects(status) {
            return self.redirected(call, &response, now);
        }
        #[cfg(feature = "gzip")]
        let response = match crate::gzip::decoded(response, call.session.policy().limits.response_bytes) {
            Ok(response) => response,
            // What the status says counts all the same.
            Err(_) if !status.is_success() => {
                let mut bare = Response::default();
                *bare.status_mut() = status;
                bare
            }
            Err(error) => {
                call.lost |= call.is_write();
                self.touched |= call.lost;
                return self.ended(&call, error, now);
            }
        };
        let attempts =
            Attempts { count: call.attempts, lost: call.lost, begun: call.begun.unwrap_or(now), answered: now };
        let final_answer = call.call.expects(status)
            || (status == StatusCode::CONFLICT && !is_aborted(&response, call.call.repeat_class()));
        if !final_answer && let Some(verdict) = retry::after_status(call.call.repeat_class(), status) {
            // Sent again before the silence is over, it would not go out.
            asked = asked.max(silence);
            let why = format!("the server answered {}", status.as_u16());
            if let Some(until) = self.again(&mut call, verdict, asked, false, &why, now) {
                return Phase::Paused(call, until);
            }
            self.lose(&mut call, verdict);
        } else if !status.is_server_error() {
            call.session.memory().earn();
        }
        let reply = Reply::new(Arc::clone(&call.call), response, attempts);
        let reply = reply.to(Some(&call.session)).about(call.doubt.clone());
        if let Some(then) = call.then {
            return self.informed(*then, &reply, now);
        }
        // A success is one, whether it can be understood or not.
        call.lost |= call.is_write() && !status.is_client_error() && !status.is_server_error();
        self.touched |= call.lost;
        match self.flow.resume(&self.session, reply) {
            Ok(turn) => self.turn(turn, now),
            Err(error) => {
                let asked = asked.filter(|_| error.kind() == ErrorKind::Server);
                self.ended(&call, error.retry_after(asked), now)
            }
        }
    }

    /// Remembers that an attempt may have been carried out.
    fn lose(&mut self, call: &mut UnderWay, verdict: Verdict) {
        call.lost |= verdict.is_marked();
        self.touched |= verdict.is_marked();
    }

    /// When the call is to be sent again, if it is: the verdict allows it, and neither attempts, deadline nor budget
    /// are used up.
    fn again(
        &mut self,
        call: &mut UnderWay,
        verdict: Verdict,
        asked: Option<Duration>,
        timed_out: bool,
        why: &str,
        now: Moment,
    ) -> Option<Moment> {
        let session = call.session.clone();
        let policy = session.policy();
        let (left, wait) = match verdict {
            Verdict::Again | Verdict::AgainMarked => {
                (call.attempts - call.aborted < policy.attempts, retry::wait(&session, call.attempts, asked))
            }
            Verdict::Aborted => {
                call.aborted += 1;
                let aborted = call.aborted_before + call.aborted;
                (policy.allows_conflicts(aborted), retry::wait_after_conflict(&session, aborted, asked))
            }
            Verdict::No | Verdict::NoMarked => return None,
        };
        // What can be read only once cannot be sent twice.
        if !left || call.call.transfer().is_some_and(Transfer::is_spent) {
            return None;
        }
        let until = now.after(wait);
        // What the server wants of everybody holds for a retry too.
        let quiet = call.quiet_until();
        if policy.on_backoff == OnBackoff::Fail && quiet > now {
            return None;
        }
        let until = until.max(quiet);
        // That writes meet is no sign of a server in distress.
        let paid = || verdict == Verdict::Aborted || session.memory().pay_for_retry(timed_out);
        if until >= self.deadline || !paid() {
            return None;
        }
        self.lose(call, verdict);
        let why = &*session.secrets_with(&call.call).hide(why);
        call.failure = Some(why.to_owned());
        let wait = now.until(until);
        call.session.tell(&Event::Retry { request: &call.call, attempts: call.attempts, wait, why });
        Some(until)
    }

    /// A reading request may follow within the origin, a write never.
    fn redirected(&mut self, mut call: UnderWay, response: &Response, now: Moment) -> Phase<F::Output> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let status = response.status().as_u16();
        // Neither a user nor a query is anybody's business.
        let shown = location.split(['?', '#']).next().unwrap_or_default();
        let shown = shown.rsplit_once('@').map_or(shown, |(_, rest)| rest);
        let why = format!("redirected ({status}) to \"{}\"", Escaped(shown));
        let refused = |why: String, hint: &'static str| Error::new(ErrorKind::Redirect, why).hint(hint);
        if !matches!(*call.call.method(), Method::GET | Method::HEAD) {
            let hint = "is the base URL complete, with its version such as /v1?";
            return self.ended(&call, refused(format!("{why}, which a write does not follow"), hint), now);
        }
        let target = match call.elsewhere() {
            Some(_) if call.session.secrets().are_in_url(location) => Err("whose URL holds the credentials"),
            Some(from) => root::onward(from, location).ok_or("it leads to no place that can be trusted as much"),
            None => call.session.root().follow(location).ok_or("which is not the origin of this API"),
        };
        let target = match target {
            Ok(target) => target,
            Err(wrong) => {
                let hint = "use the URL of the API itself as base URL";
                return self.ended(&call, refused(format!("{why}, {wrong}"), hint), now);
            }
        };
        if call.redirects >= call.session.policy().redirects {
            let error = refused(format!("{why}, and to others before"), "the server redirects in a circle");
            return self.ended(&call, error, now);
        }
        call.redirects += 1;
        call.redirected = Some(target);
        // The way there is not a failed attempt.
        call.attempts -= 1;
        Phase::Ready(call)
    }
}

impl<F: Flow> std::fmt::Debug for Exchange<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let phase = match &self.phase {
            Phase::Start => "start",
            Phase::Ready(_) => "ready",
            Phase::Paused(..) => "paused",
            Phase::Flying(_) => "flying",
            Phase::Forked(_) => "forked",
            Phase::Ended(_) => "ended",
            Phase::Over => "over",
        };
        f.debug_struct("Exchange").field("phase", &phase).finish_non_exhaustive()
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 300 | 301 | 302 | 303 | 305 | 307 | 308)
}

/// Whether a 409 is the one of an aborted transaction, after which the same request may succeed. One that does not say
/// so may be a proxy's: it is taken for it where twice does no harm.
fn is_aborted(response: &Response, class: Class) -> bool {
    match errno_of(response.body()) {
        Some(errno) => errno == 122,
        None => class != Class::Once,
    }
}

#[cfg(test)]
mod tests;
