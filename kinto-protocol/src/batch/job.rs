//! The work of a batch.
//!
//! ```text
//!              the limit is not known       its answer
//!  Resting ───────────────────────▶ Asking ────────────┐
//!   ▲ │ ▲                                              ▼
//!   │ │ │ nothing left,             a chunk         (next) ◀──┐
//!   │ │ └ or it stops    Flying ◀───────────────────── │      │ the parts have come home
//!   │ │                   │  │        its answer       ▲      │
//!   │ └──────────────────────┼─────────────────────────┘      │
//!   │      start          │  └──────────────▶ (next)          │
//!   └─────────────────────┘                         Apart ────┘
//!      dropped: in doubt                  side by side
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::batch::chunk::Chunk;
use crate::batch::outcome::{Outcome, Summary};
use crate::batch::part::Home;
use crate::batch::slot::Slot;
use crate::error::{Error, ErrorKind};
use crate::flow::{Ask, Fork};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operations::server_info;
use crate::reply::Reply;
use crate::retry;
use crate::server::{BatchLimit, ServerInfo};
use crate::session::Session;

/// What a server takes that does not say: Kinto's default.
const USUAL: usize = 25;

/// Remembers how many requests a batch may hold, if the server has said so, and what else it says. Otherwise gives how many
/// it may hold this time.
pub(crate) fn learn(session: &Session, info: Option<&ServerInfo>) -> Option<usize> {
    if let Some(info) = info {
        session.memory().learn_capabilities(&info.capabilities);
    }
    let most = match info.map(|info| (info.settings.readonly, info.settings.batch_max_requests)) {
        // A batch is refused there, even one that only reads. It need not stay so.
        Some((true, _)) => return Some(1),
        None => return Some(USUAL),
        Some((_, BatchLimit::Unlimited)) => usize::MAX,
        Some((_, BatchLimit::AtMost(most))) => usize::try_from(most).unwrap_or(usize::MAX),
        Some((_, BatchLimit::Unknown)) => USUAL,
    };
    session.memory().learn_batch_most(most);
    None
}

/// The operations of a batch, and how far they have come. What an answer means for them is in `answers.rs`, how they are
/// sent side by side in `part.rs`.
pub(super) struct Job {
    pub(super) slots: Vec<Box<Slot>>,
    /// Those that have something to be sent, in their order.
    pub(super) queue: VecDeque<usize>,
    pub(super) phase: Phase,
    /// Answers 500 in a row.
    pub(super) broken: u32,
    /// How many requests a batch may hold, this time.
    pub(super) limit: usize,
    /// How late it was when the chunk under way was made: it was sent after that.
    pub(super) since: Moment,
    /// Why it stopped, for those who ask later.
    stopped: Option<Error>,
    pub(super) settings: Settings,
}

/// What the caller asked for.
#[derive(Clone, Copy)]
pub(super) struct Settings {
    /// Operations in a request at most.
    pub(super) most: usize,
    /// Bytes in a request at most.
    pub(super) bytes: usize,
    /// Requests at the same time.
    pub(super) concurrency: usize,
}

#[derive(Default)]
pub(super) enum Phase {
    #[default]
    Resting,
    Asking,
    Flying(Vec<usize>),
    Apart {
        home: Arc<Home>,
        /// How many slots are out there.
        out: usize,
    },
}

/// What the job wants.
pub(super) enum Next {
    Ask(Ask),
    Fork(Fork),
    /// Everything has its answer.
    Finished,
    /// Something that fails for all.
    Stopped(Error),
}

impl Default for Settings {
    fn default() -> Self {
        Self { most: 200, bytes: 1_000_000, concurrency: 1 }
    }
}

impl Default for Job {
    fn default() -> Self {
        Self::of(Vec::new(), Settings::default())
    }
}

impl Job {
    pub(super) fn of(slots: Vec<Box<Slot>>, settings: Settings) -> Self {
        let (queue, phase) = (VecDeque::new(), Phase::Resting);
        Self { slots, queue, phase, broken: 0, limit: usize::MAX, since: Moment::default(), stopped: None, settings }
    }

    pub(super) fn push(&mut self, slot: Box<Slot>) {
        self.slots.push(slot);
    }

    pub(super) fn len(&self) -> usize {
        let out = if let Phase::Apart { out, .. } = &self.phase { *out } else { 0 };
        self.slots.len() + out
    }

    /// Begins, or goes on where it stood.
    pub(super) fn start(&mut self, session: &Session) -> Next {
        let mut may_fork = self.settings.concurrency > 1;
        let landed = self.land();
        self.since = session.memory().latest();
        match landed {
            Ok(None) => self.stopped = None,
            // Nobody does things side by side here.
            Ok(Some(begun)) => may_fork &= begun,
            Err(error) => return self.stop(session, &[], error, None),
        }
        self.broken = 0;
        self.queue = (0..self.slots.len()).filter(|index| !self.slots[*index].is_over()).collect();
        if self.queue.len() > 1
            && self.settings.most > 1
            && self.limit == usize::MAX
            && session.memory().batch_most().is_none()
        {
            return match server_info().call(session) {
                Ok(call) => {
                    self.phase = Phase::Asking;
                    Next::Ask(Ask::from(call).anew())
                }
                Err(error) => self.stop(session, &[], error, None),
            };
        }
        self.begin(session, may_fork)
    }

    fn begin(&mut self, session: &Session, may_fork: bool) -> Next {
        let most = self.most(session);
        if may_fork && self.queue.len() > most { self.apart(most) } else { self.next(session) }
    }

    fn most(&self, session: &Session) -> usize {
        let servers = session.memory().batch_most().unwrap_or(usize::MAX);
        self.settings.most.min(servers).min(self.limit).max(1)
    }

    /// Takes the answer to what was asked last.
    pub(super) fn resume(&mut self, session: &Session, reply: &Reply) -> Next {
        self.since = reply.attempts().answered;
        match std::mem::take(&mut self.phase) {
            Phase::Asking if retry::is_about_all(reply.status()) => {
                let error = reply.error().during(reply.call().line(), reply.attempts().count, None);
                self.stop(session, &[], error, None)
            }
            Phase::Asking => {
                self.learn(session, reply.json().ok().as_ref());
                self.begin(session, self.settings.concurrency > 1)
            }
            Phase::Flying(members) => {
                self.count(&members, reply.attempts().count);
                match &members[..] {
                    [member] => self.answered_alone(session, *member, reply),
                    _ if reply.status() == StatusCode::OK => self.answered(session, &members, reply),
                    _ => {
                        let nothing = || Error::new(ErrorKind::Decode, "the answer to the batch has no entries");
                        let error = reply.success().err().unwrap_or_else(nothing);
                        let error = error.during(reply.call().line(), reply.attempts().count, None);
                        self.refused(session, members, error, reply.carried_out_since())
                    }
                }
            }
            other => {
                self.phase = other;
                Next::Finished
            }
        }
    }

    /// Takes what kept an answer from coming.
    pub(super) fn fail(&mut self, session: &Session, error: Error) -> Next {
        let elsewhere = matches!(error.kind(), ErrorKind::Decode | ErrorKind::Redirect | ErrorKind::TooLarge);
        let own = matches!(error.kind(), ErrorKind::Input | ErrorKind::Unsupported);
        match std::mem::take(&mut self.phase) {
            Phase::Asking if elsewhere => {
                self.learn(session, None);
                self.begin(session, self.settings.concurrency > 1)
            }
            Phase::Flying(members) => {
                let lost = error.lost();
                self.count(&members, error.attempts());
                match &members[..] {
                    [member] if elsewhere || own => {
                        self.mark(&members, lost);
                        self.slots[*member].give_up(error, None);
                        self.next(session)
                    }
                    _ => self.refused(session, members, error, lost),
                }
            }
            _ => self.stop(session, &[], error, None),
        }
    }

    fn learn(&mut self, session: &Session, info: Option<&ServerInfo>) {
        self.limit = learn(session, info).unwrap_or(self.limit);
    }

    /// The next chunk, if there is anything left.
    pub(super) fn next(&mut self, session: &Session) -> Next {
        let mut chunk = Chunk::new(self.most(session), self.settings.bytes, self.queue.len());
        while let Some(&member) = self.queue.front() {
            let taken = self.slots[member].pending(session).is_none_or(|pending| {
                // Whether the server has what one needs is asked for one by itself.
                let capability = pending.call.path().capability();
                chunk.take(member, pending, capability.is_none_or(|it| session.memory().has(it)))
            });
            if !taken {
                break;
            }
            self.queue.pop_front();
        }
        if chunk.members.is_empty() {
            self.limit = usize::MAX;
            return Next::Finished;
        }
        for member in &chunk.members {
            if let Some(pending) = self.slots[*member].waiting() {
                pending.wait = Duration::ZERO;
            }
        }
        let ask = chunk.ask();
        self.phase = Phase::Flying(chunk.members);
        Next::Ask(ask)
    }

    /// Stops for something that fails for all. What was under way stays to be sent.
    pub(super) fn stop(&mut self, session: &Session, members: &[usize], error: Error, lost: Option<Moment>) -> Next {
        // What a server says of all may repeat what it was told of each.
        let mut secrets = session.secrets();
        for member in members {
            if let Some(pending) = self.slots[*member].waiting() {
                pending.call.add_secrets(&mut secrets);
            }
        }
        let error = error.without(&secrets);
        self.mark(members, lost);
        self.requeue(members);
        self.limit = usize::MAX;
        self.stopped = Some(error.copy());
        Next::Stopped(error)
    }

    /// With what a batch has come to when this stops it.
    pub(super) fn place(&self, error: Error) -> Error {
        let done = self.slots.iter().filter(|slot| slot.is_over()).count();
        error.prefix(&format!("the batch stopped after {done} of {} operations: ", self.slots.len()))
    }

    pub(super) fn awaits_an_answer(&self) -> bool {
        matches!(self.phase, Phase::Asking | Phase::Flying(_))
    }

    /// How many are over, while they are sent in order: all that neither wait nor are under way.
    pub(super) fn over(&self) -> usize {
        let under_way = if let Phase::Flying(members) = &self.phase { members.len() } else { 0 };
        self.slots.len().saturating_sub(self.queue.len() + under_way)
    }

    /// Counts how often they were sent.
    fn count(&mut self, members: &[usize], attempts: u32) {
        for member in members {
            if let Some(pending) = self.slots[*member].waiting() {
                pending.attempts += attempts;
            }
        }
    }

    /// Puts those that have something to be sent back to where they were.
    pub(super) fn requeue(&mut self, members: &[usize]) {
        for member in members.iter().rev() {
            if !self.slots[*member].is_over() {
                self.queue.push_front(*member);
            }
        }
    }

    /// All there is, wherever it stands.
    pub(super) fn give_back(&mut self) -> (Vec<Box<Slot>>, Option<Error>) {
        let error = self.land().err();
        (std::mem::take(&mut self.slots), error)
    }

    pub(super) fn outcome(&mut self, stopped: Option<Error>) -> Outcome {
        let (slots, error) = self.give_back();
        Outcome::new(slots, self.settings, stopped.or(self.stopped.take()).or(error))
    }

    pub(super) fn summary(&self) -> Summary {
        Summary::of(&self.slots)
    }
}
