//! The course of an exchange, which is the same for all flows: when what is sent, and how it ends.
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

use http::Method;

use super::under_way::UnderWay;
use super::{AnyFlow, Step, over};
use crate::call::Call;
use crate::endpoints;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::flow::{Fork, Turn};
use crate::moment::Moment;
use crate::policy::OnBackoff;
use crate::reply::Reply;
use crate::retry;
use crate::server::ServerInfo;
use crate::session::{Response, Session};
use crate::transfer::Transfer;
use crate::transport_error::TransportError;

/// How far an exchange has come.
pub(super) struct Course {
    pub(super) session: Session,
    pub(super) phase: Phase,
    pub(super) deadline: Moment,
    /// Whether the server may have carried out a write: one succeeded, or the answer to one was lost.
    pub(super) touched: bool,
    /// Sessions whose server does not say what it can do.
    silent: Vec<Session>,
    /// Other sessions that requests were asked by.
    others: Vec<Session>,
    /// Whether the driver moves files piece by piece.
    pub(super) by_pieces: bool,
}

pub(super) enum Phase {
    Start,
    Ready(UnderWay),
    Paused(UnderWay, Moment),
    Flying(UnderWay),
    Forked(Option<Fork>),
    /// If it is no error, the outcome was put aside.
    Ended(Result<()>),
    Over,
}

impl Course {
    pub(super) fn new(session: &Session) -> Self {
        Self {
            session: session.clone(),
            phase: Phase::Start,
            deadline: Moment::default(),
            touched: false,
            silent: Vec::new(),
            others: Vec::new(),
            by_pieces: false,
        }
    }

    pub(super) fn phase(&self) -> &'static str {
        match &self.phase {
            Phase::Start => "start",
            Phase::Ready(_) => "ready",
            Phase::Paused(..) => "paused",
            Phase::Flying(_) => "flying",
            Phase::Forked(_) => "forked",
            Phase::Ended(_) => "ended",
            Phase::Over => "over",
        }
    }

    pub(super) fn transfer(&self) -> Option<Transfer> {
        match &self.phase {
            Phase::Flying(call) => call.call.transfer().cloned(),
            _ => None,
        }
    }

    pub(super) fn has_work(&self) -> bool {
        matches!(&self.phase, Phase::Flying(call) if call.work)
    }

    pub(super) fn meanwhile(&mut self, flow: &mut dyn AnyFlow) {
        if let Phase::Flying(call) = &mut self.phase
            && std::mem::take(&mut call.work)
        {
            call.spoiled = flow.meanwhile(&self.session).err();
        }
    }

    pub(super) fn fork(&mut self, flow: &mut dyn AnyFlow, now: Moment) -> Option<Fork> {
        if matches!(self.phase, Phase::Start) {
            self.deadline = now.after(self.session.policy().deadline);
            self.start(flow, now);
        }
        match &mut self.phase {
            Phase::Forked(fork) => fork.take(),
            _ => None,
        }
    }

    pub(super) fn next(&mut self, flow: &mut dyn AnyFlow, now: Moment) -> Step<()> {
        loop {
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Start => {
                    self.deadline = now.after(self.session.policy().deadline);
                    self.start(flow, now);
                }
                Phase::Forked(fork) => {
                    // Parts that nobody took go back to the flow.
                    drop(fork);
                    self.start(flow, now);
                }
                Phase::Ready(call) => match self.gate(&call, now) {
                    Ok(None) => {
                        let begun = call.begun.or(Some(now));
                        self.phase = Phase::Flying(UnderWay { attempts: call.attempts + 1, begun, ..call });
                    }
                    Ok(Some(until)) => self.phase = Phase::Paused(call, until),
                    Err(error) => self.phase = self.ended(flow, &call, error, now),
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
                        self.phase = self.ended(flow, &UnderWay { attempts: call.attempts - 1, ..call }, error, now);
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
                        self.phase = self.ended(flow, &UnderWay { attempts: call.attempts - 1, ..call }, error, now);
                    }
                },
                Phase::Ended(result) => return Step::Done(result),
                Phase::Over => return Step::Done(Err(over())),
            }
        }
    }

    pub(super) fn handle(&mut self, flow: &mut dyn AnyFlow, outcome: Result<Response, TransportError>, now: Moment) {
        // Before anything is made of the outcome: what goes out next must not depend on the driver.
        self.meanwhile(flow);
        let call = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Flying(call) => call,
            other => return self.phase = other,
        };
        if self.moves(&call).is_some() {
            // How long a file takes counts for nothing; what comes after it does.
            self.deadline = now.after(call.session.policy().deadline);
        }
        self.phase = match outcome {
            Ok(response) => self.answered(flow, call, response, now),
            Err(failure) => self.failed(flow, call, failure, now),
        };
    }

    /// The file that this moves, piece by piece.
    pub(super) fn moves<'a>(&self, call: &'a UnderWay) -> Option<&'a Transfer> {
        call.call.transfer().filter(|_| self.by_pieces)
    }

    fn start(&mut self, flow: &mut dyn AnyFlow, now: Moment) {
        self.session.memory().tick(now);
        self.phase = match flow.start(&self.session) {
            Ok(turn) => self.turn(flow, turn, now),
            Err(error) => self.fail(flow, error, now),
        };
    }

    pub(super) fn turn(&mut self, flow: &mut dyn AnyFlow, turn: Turn<()>, now: Moment) -> Phase {
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
                    self.ended(flow, &call, error.retry_after(Some(wait)), now)
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
    pub(super) fn informed(&mut self, flow: &mut dyn AnyFlow, call: UnderWay, reply: &Reply, now: Moment) -> Phase {
        if retry::is_about_all(reply.status()) {
            return self.ended(flow, &call, reply.error(), now);
        }
        // A server that does not say is taken at its word later, and not asked again.
        let Ok(info) = reply.json::<ServerInfo>() else {
            self.silent.push(call.session.clone());
            return Phase::Ready(call);
        };
        call.session.memory().learn_capabilities(&info.capabilities);
        if let Some(missing) = call.call.path().capability().filter(|capability| !info.has(capability)) {
            return self.ended(flow, &call, Error::missing_plugin(missing, &info), now);
        }
        Phase::Ready(call)
    }

    /// Ends with an error, and with all that is known of it.
    pub(super) fn ended(&mut self, flow: &mut dyn AnyFlow, call: &UnderWay, error: Error, now: Moment) -> Phase {
        self.fail(flow, call.blame(error).without(&call.session.secrets_with(&call.call)), now)
    }

    /// Ends with an error, unless the flow knows better.
    fn fail(&mut self, flow: &mut dyn AnyFlow, error: Error, now: Moment) -> Phase {
        // What a server says may repeat what it was told.
        let sessions = self.others.iter().chain([&self.session]);
        let error = sessions.fold(error, |error, session| error.without(&session.secrets()));
        match flow.fail(&self.session, error) {
            Ok(turn) => self.turn(flow, turn, now),
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
}
