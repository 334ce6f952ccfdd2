//! One operation of a batch, from its being pushed to its outcome.
//!
//! ```text
//!          its call               an answer
//!  New ──────────────▶ Waiting ──────────────▶ Answered
//!   │                   ▲    │                  ▲    │
//!   │                   └────┘ a further call,  │    │ to be retried
//!   │                          or once more     │    ▼
//!   └─ it cannot be sent ───────────────────────┘  Waiting
//! ```

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::batch::outcome::Status;
use crate::call::{Call, Class};
use crate::error::{Error, ErrorKind, RequestLine, Result};
use crate::flow::Ask;
use crate::moment::Moment;
use crate::operation::{Operation, output, to_be_asked};
use crate::reply::Reply;
use crate::session::Session;

/// All of it in one piece of memory, with the operation of whatever type.
pub(super) struct Slot<M: ?Sized = dyn Member> {
    /// The number of its ticket.
    pub(super) number: u64,
    /// Where it stands in the batch it was pushed to.
    pub(super) position: usize,
    pub(super) state: State,
    member: M,
}

pub(super) enum State {
    New,
    Waiting(Pending),
    Answered(Answered),
}

/// Something to be sent.
pub(super) struct Pending {
    pub(super) call: Arc<Call>,
    /// The answer that it is to clear up.
    doubt: Option<Arc<Reply>>,
    /// How often it was sent.
    pub(super) attempts: u32,
    /// How many of these the server aborted.
    pub(super) aborted: u32,
    /// When the first attempt began that may have been carried out without its answer being known.
    pub(super) lost: Option<Moment>,
    /// How long to wait before it is sent again.
    pub(super) wait: Duration,
    /// In a chunk of so many at most.
    pub(super) most: usize,
    /// Whether it went by itself, and the server could do nothing for anybody.
    pub(super) failed_alone: bool,
}

impl Pending {
    fn new(ask: Ask) -> Self {
        let Ask { call, doubt, wait, .. } = ask;
        // What a check is about stays in doubt until the check has an answer.
        let lost = doubt.as_ref().map(|doubt| doubt.attempts().begun);
        Self { call, doubt, attempts: 0, aborted: 0, lost, wait, most: usize::MAX, failed_alone: false }
    }

    /// Whether it may be sent again although an earlier attempt may have been carried out.
    pub(super) fn is_repeatable(&self) -> bool {
        self.call.repeat_class() != Class::Once
    }

    pub(super) fn is_write(&self) -> bool {
        self.call.repeat_class() != Class::Safe
    }

    fn line(&self) -> RequestLine {
        self.doubt.as_ref().map_or_else(|| self.call.line(), |doubt| doubt.call().line())
    }

    /// The same, when it is over.
    fn into_line(self) -> RequestLine {
        match self.doubt {
            Some(doubt) => doubt.call().line(),
            None => Arc::try_unwrap(self.call).map_or_else(|call| call.line(), Call::into_line),
        }
    }
}

/// What is known when it is over.
pub(super) struct Answered {
    pub(super) line: Option<RequestLine>,
    pub(super) status: Status,
    /// What kept it from having an output, until it is taken.
    pub(super) error: Option<Error>,
    pub(super) repeated: bool,
    /// Whether it may have changed anything.
    pub(super) touched: bool,
    /// Whether it is worth another try that can do no harm.
    worth: bool,
    /// What to send then.
    pending: Option<Pending>,
}

/// In the order in which they were added.
pub(super) fn in_order(slots: &mut [Box<Slot>]) {
    slots.sort_by_key(|slot| slot.number);
}

impl Slot {
    pub(super) fn new<O>(number: u64, position: usize, operation: O) -> Box<Self>
    where
        O: Operation + 'static,
        O::Output: 'static,
    {
        Box::new(Slot { number, position, state: State::New, member: Typed::Open(operation) })
    }

    /// What is to be sent, if anything. What cannot be sent has its outcome with that.
    pub(super) fn pending(&mut self, session: &Session) -> Option<&mut Pending> {
        if matches!(self.state, State::New) {
            let admitted = |call: Call| match session.admit(&call) {
                Ok(()) => Ok(call),
                Err(error) => Err(error.during(call.line(), 0, None)),
            };
            let call = self.member.call(session).and_then(admitted);
            match call {
                Ok(call) => self.state = State::Waiting(Pending::new(call.into())),
                Err(error) => self.end(error, None, None),
            }
        }
        self.waiting()
    }

    pub(super) fn waiting(&mut self) -> Option<&mut Pending> {
        match &mut self.state {
            State::Waiting(pending) => Some(pending),
            _ => None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Answered(_))
    }

    /// Takes an answer, after which it is over or has something more to be sent.
    pub(super) fn answer(&mut self, session: &Session, reply: Reply) {
        let Some(mut pending) = self.take_pending() else { return };
        let reply = reply.about(pending.doubt.clone());
        pending.lost = pending.lost.or(reply.carried_out_since());
        match self.member.answered(reply) {
            Taken::More(ask) => {
                self.state = State::Waiting(Pending { attempts: pending.attempts, ..Pending::new(ask) });
            }
            Taken::Done { already_so, repeated } => {
                let writes = pending.is_write() || pending.doubt.is_some();
                let status = if writes && already_so { Status::AlreadySo } else { Status::Done };
                let touched = pending.lost.is_some();
                let line = Some(pending.into_line());
                let (error, worth, pending) = (None, false, None);
                self.state = State::Answered(Answered { line, status, error, repeated, touched, worth, pending });
            }
            Taken::Failed { error, already_so } => {
                let error = error.during(pending.line(), pending.attempts, pending.lost);
                let secrets = session.secrets_with(&pending.call);
                self.end(error.without(&secrets), Some(pending), already_so.then_some(Status::AlreadySo));
            }
        }
    }

    /// Ends it with this error.
    pub(super) fn give_up(&mut self, error: Error, status: Option<Status>) {
        if self.is_over() {
            return;
        }
        let pending = self.take_pending();
        let error = match &pending {
            Some(pending) => error.during(pending.line(), pending.attempts, pending.lost),
            None => error,
        };
        self.end(error, pending, status);
    }

    /// What waits, to be put back or ended.
    fn take_pending(&mut self) -> Option<Pending> {
        match std::mem::replace(&mut self.state, State::New) {
            State::Waiting(pending) => Some(pending),
            other => {
                self.state = other;
                None
            }
        }
    }

    fn end(&mut self, error: Error, pending: Option<Pending>, status: Option<Status>) {
        let status = status.unwrap_or_else(|| Status::of(&error));
        let line = pending.as_ref().map(Pending::line);
        let harmless = pending.as_ref().is_none_or(|it| it.lost.is_none() || it.is_repeatable());
        let worth = harmless
            && match status {
                Status::NotSent | Status::Unknown => true,
                Status::AlreadySo => false,
                _ => error.is_retryable(),
            };
        let (repeated, touched, error) = (false, error.maybe_applied(), Some(error));
        self.state = State::Answered(Answered { line, status, error, repeated, touched, worth, pending });
    }

    /// Makes it wait again, if that is worth it and can do no harm.
    pub(super) fn retry(&mut self) -> bool {
        let State::Answered(answered) = &mut self.state else { return true };
        let worth = answered.worth;
        if worth {
            let pending = answered.pending.take();
            self.state = pending
                .map_or(State::New, |pending| State::Waiting(Pending { aborted: 0, wait: Duration::ZERO, ..pending }));
        }
        worth
    }

    /// Whether it may have changed anything.
    pub(super) fn touched(&self) -> bool {
        match &self.state {
            State::New => false,
            State::Waiting(pending) => pending.lost.is_some(),
            State::Answered(answered) => answered.touched,
        }
    }

    /// How it ended, if it did.
    pub(super) fn status(&self) -> Option<Status> {
        match &self.state {
            State::Answered(answered) => Some(answered.status),
            _ => None,
        }
    }

    pub(super) fn error(&self) -> Option<&Error> {
        match &self.state {
            State::Answered(answered) => answered.error.as_ref(),
            _ => None,
        }
    }

    /// Its error, unless it has none or it was taken.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        match &mut self.state {
            State::Answered(answered) => answered.error.take(),
            _ => None,
        }
    }

    /// Its output or error, unless there is none yet or it was taken.
    pub(super) fn result<T: 'static>(&self) -> Option<Result<&T, &Error>> {
        match self.error() {
            Some(error) => Some(Err(error)),
            None => self.member.output()?.downcast_ref::<Option<T>>()?.as_ref().map(Ok),
        }
    }

    pub(super) fn take_result<T: 'static>(&mut self) -> Option<Result<T>> {
        match self.take_error() {
            Some(error) => Some(Err(error)),
            None => self.member.output_mut()?.downcast_mut::<Option<T>>()?.take().map(Ok),
        }
    }
}

/// What came of an answer.
pub(super) enum Taken {
    More(Ask),
    Done {
        /// Whether there was nothing to do.
        already_so: bool,
        /// Whether it was the lost attempt that has done it.
        repeated: bool,
    },
    Failed {
        error: Error,
        already_so: bool,
    },
}

/// An operation or its output, whatever their types.
pub(super) trait Member: Send {
    fn call(&self, session: &Session) -> Result<Call>;
    fn answered(&mut self, reply: Reply) -> Taken;
    /// Its output, an `Option<O::Output>`, once there was one.
    fn output(&self) -> Option<&dyn Any>;
    fn output_mut(&mut self) -> Option<&mut dyn Any>;
}

enum Typed<O: Operation> {
    /// Until there is an output.
    Open(O),
    /// Until it is taken.
    Done(Option<O::Output>),
}

impl<O: Operation<Output: 'static>> Member for Typed<O> {
    fn call(&self, session: &Session) -> Result<Call> {
        match self {
            Self::Open(operation) => operation.call(session),
            Self::Done(_) => Err(Error::new(ErrorKind::Other, "the operation has its output")),
        }
    }

    fn answered(&mut self, reply: Reply) -> Taken {
        let Self::Open(operation) = self else {
            return Taken::Done { already_so: false, repeated: false };
        };
        let refusal = reply.doubt().unwrap_or(&reply);
        let refused = refusal.status().is_client_error();
        let already_so = refused && operation.is_already_so(refusal);
        if let Some(call) = to_be_asked(operation, &reply) {
            return Taken::More(Ask::from(call).about(reply));
        }
        let (result, repeated) = output(operation, &reply);
        match result {
            Ok(output) => {
                *self = Self::Done(Some(output));
                // A refusal that is an output all the same says that there was nothing to do.
                Taken::Done { already_so: refused && !repeated, repeated }
            }
            Err(error) => Taken::Failed { error, already_so },
        }
    }

    fn output(&self) -> Option<&dyn Any> {
        match self {
            Self::Open(_) => None,
            Self::Done(output) => Some(output),
        }
    }

    fn output_mut(&mut self) -> Option<&mut dyn Any> {
        match self {
            Self::Open(_) => None,
            Self::Done(output) => Some(output),
        }
    }
}
