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

use http::StatusCode;

use crate::batch::chunk::Chunk;
use crate::batch::entries::replies;
use crate::batch::outcome::{Outcome, Status, Summary};
use crate::batch::part::{Home, Part};
use crate::batch::slot::Slot;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::flow::{Ask, Fork};
use crate::moment::Moment;
use crate::operation::Operation;
use crate::operations::server_info;
use crate::reply::Reply;
use crate::retry;
use crate::server::{BatchLimit, ServerInfo};
use crate::server_error::{Details, ServerError};
use crate::session::Session;

/// What a server takes that does not say: Kinto's default.
const USUAL: usize = 25;
/// So many answers 500 in a row to requests that went by themselves, and it is not for the requests.
const BROKEN: u32 = 2;

#[derive(Default)]
pub(super) struct Job {
    slots: Vec<Slot>,
    /// Those that have something to be sent, in their order.
    queue: VecDeque<usize>,
    phase: Phase,
    /// Answers 500 in a row.
    broken: u32,
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
enum Phase {
    #[default]
    Resting,
    Asking,
    Flying(Vec<usize>),
    Apart(Arc<Home>),
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

impl Job {
    pub(super) fn of(slots: Vec<Slot>, settings: Settings) -> Self {
        Self { slots, settings, ..Self::default() }
    }

    pub(super) fn push(&mut self, slot: Slot) {
        self.slots.push(slot);
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Begins, or goes on where it stood.
    pub(super) fn start(&mut self, session: &Session) -> Next {
        let mut may_fork = self.settings.concurrency > 1;
        match self.land() {
            Some((stopped @ Some(_), _)) => return stopped.map_or(Next::Finished, Next::Stopped),
            // Nobody does things side by side here.
            Some((None, begun)) => may_fork &= begun,
            None => {}
        }
        self.broken = 0;
        self.queue = (0..self.slots.len()).filter(|index| !self.slots[*index].is_over()).collect();
        if self.queue.len() > 1 && session.memory().batch_most().is_none() {
            return match server_info().call(session) {
                Ok(call) => {
                    self.phase = Phase::Asking;
                    Next::Ask(Ask::from(call).anew())
                }
                Err(error) => Next::Stopped(error),
            };
        }
        self.begin(session, may_fork)
    }

    fn begin(&mut self, session: &Session, may_fork: bool) -> Next {
        let most = self.limit(session);
        if may_fork && self.queue.len() > most { self.apart(most) } else { self.next(session) }
    }

    fn limit(&self, session: &Session) -> usize {
        self.settings.most.min(session.memory().batch_most().unwrap_or(USUAL)).max(1)
    }

    /// Takes the answer to what was asked last.
    pub(super) fn resume(&mut self, session: &Session, reply: &Reply) -> Next {
        match std::mem::take(&mut self.phase) {
            Phase::Asking => {
                learn(session, reply.json().ok().as_ref());
                self.begin(session, self.settings.concurrency > 1)
            }
            Phase::Flying(members) => match &members[..] {
                [member] => self.answered_alone(session, *member, reply),
                _ if reply.status() == StatusCode::OK => self.answered(session, &members, reply),
                _ => {
                    let class = retry::after_status(reply.call().repeat_class(), reply.status());
                    let lost = reply.is_repeated() || class.is_some_and(retry::Verdict::is_marked);
                    let error = reply.error().during(reply.call().line(), reply.attempts().count, None);
                    self.refused(session, members, error, lost.then_some(reply.attempts().begun))
                }
            },
            other => {
                self.phase = other;
                Next::Finished
            }
        }
    }

    /// Takes what kept an answer from coming.
    pub(super) fn fail(&mut self, session: &Session, error: Error) -> Next {
        let elsewhere = matches!(error.kind(), ErrorKind::Decode | ErrorKind::Redirect | ErrorKind::TooLarge);
        match std::mem::take(&mut self.phase) {
            Phase::Asking if elsewhere => {
                learn(session, None);
                self.begin(session, self.settings.concurrency > 1)
            }
            Phase::Flying(members) => {
                let lost = error.lost();
                match &members[..] {
                    [member] if elsewhere || error.kind() == ErrorKind::Input => {
                        self.mark(&members, lost);
                        self.slots[*member].give_up(error, None);
                        self.next(session)
                    }
                    _ => self.refused(session, members, error, lost),
                }
            }
            _ => Next::Stopped(error),
        }
    }

    /// The next chunk, if there is anything left.
    fn next(&mut self, session: &Session) -> Next {
        let mut chunk = Chunk::new(self.limit(session), self.settings.bytes);
        while let Some(&member) = self.queue.front() {
            let taken = self.slots[member].pending(session).is_none_or(|pending| chunk.take(member, pending));
            if !taken {
                break;
            }
            self.queue.pop_front();
        }
        if chunk.members.is_empty() {
            return Next::Finished;
        }
        for member in &chunk.members {
            if let Some(pending) = self.slots[*member].waiting() {
                pending.attempts += 1;
            }
        }
        let ask = chunk.ask();
        self.phase = Phase::Flying(chunk.members);
        ask.map_or_else(|error| self.fail(session, error), Next::Ask)
    }

    /// One that went by itself: its answer, unless it says that the server can do nothing for anybody.
    fn answered_alone(&mut self, session: &Session, member: usize, reply: &Reply) -> Next {
        let overloaded = matches!(reply.status().as_u16(), 408 | 425 | 429 | 502..=504);
        if overloaded {
            let marked = retry::after_status(reply.call().repeat_class(), reply.status());
            let lost = reply.is_repeated() || marked.is_some_and(retry::Verdict::is_marked);
            let lost = lost.then_some(reply.attempts().begun);
            let error = reply.error().during(reply.call().line(), reply.attempts().count, lost);
            return self.stop(&[member], error, lost);
        }
        let broken = reply.status() == StatusCode::INTERNAL_SERVER_ERROR;
        self.broken = if broken { self.broken + 1 } else { 0 };
        self.deliver(session, member, reply.clone());
        self.requeue(&[member]);
        if self.broken >= BROKEN {
            return self.stop(&[], reply.error().during(reply.call().line(), reply.attempts().count, None), None);
        }
        self.next(session)
    }

    /// All answers of a chunk.
    fn answered(&mut self, session: &Session, members: &[usize], reply: &Reply) -> Next {
        self.broken = 0;
        let calls: Vec<_> = members
            .iter()
            .filter_map(|member| self.slots[*member].waiting().map(|pending| Arc::clone(&pending.call)))
            .collect();
        let replies = match replies(reply, &calls) {
            Ok(replies) => replies,
            Err(error) => {
                let begun = reply.attempts().begun;
                let error = error.during(reply.call().line(), reply.attempts().count, Some(begun));
                return self.stop(members, error, Some(begun));
            }
        };
        // Up to here PostgreSQL has undone everything, although it says otherwise.
        let undone = replies.iter().rposition(is_aborted);
        for (number, (member, entry)) in members.iter().zip(replies).enumerate() {
            let again = undone.is_some_and(|undone| match &entry {
                Ok(_) if number <= undone => true,
                // What comes after it stands, but it may have failed, or read, for the lack of what was undone.
                Ok(entry) => !(entry.status().is_success() && self.writes(*member)),
                Err(_) => false,
            });
            match entry {
                Ok(entry) => {
                    session.heed(entry.headers(), entry.attempts().answered);
                    let aborted = is_aborted_reply(&entry);
                    if !again || (aborted && !self.may_meet_again(session, *member)) {
                        self.deliver(session, *member, entry);
                    } else if aborted {
                        self.aborted(session, *member, &entry, members.len());
                    } else if number <= undone.unwrap_or_default() && entry.status().is_success() {
                        // Where it was not undone, the repeat meets it.
                        self.mark(&[*member], Some(entry.attempts().begun));
                    }
                }
                Err(error) => {
                    self.mark(&[*member], Some(reply.attempts().begun));
                    self.slots[*member].give_up(error, None);
                }
            }
        }
        self.requeue(members);
        self.next(session)
    }

    fn writes(&mut self, member: usize) -> bool {
        self.slots[member].waiting().is_some_and(|pending| pending.is_write())
    }

    fn may_meet_again(&mut self, session: &Session, member: usize) -> bool {
        let aborted = self.slots[member].waiting().map_or(0, |pending| pending.aborted);
        session.policy().allows_conflicts(aborted + 1)
    }

    /// One whose transaction was aborted is sent again, in smaller company each time.
    fn aborted(&mut self, session: &Session, member: usize, entry: &Reply, company: usize) {
        let Some(pending) = self.slots[member].waiting() else { return };
        pending.aborted += 1;
        pending.most = if pending.aborted < 3 { (company / 2).max(1) } else { 1 };
        pending.wait = retry::wait_after_conflict(session, pending.aborted, retry::retry_after(entry.headers()));
        session.tell(&Event::Retry {
            request: &pending.call,
            attempts: pending.attempts,
            wait: pending.wait,
            why: "the server answered 409, and may have undone what was before it in the batch",
        });
    }

    /// Gives a member its answer.
    fn deliver(&mut self, session: &Session, member: usize, reply: Reply) {
        let slot = &mut self.slots[member];
        let lost = slot.waiting().and_then(|pending| pending.lost);
        slot.answer(session, reply.after_lost(lost));
    }

    /// A chunk that was refused as a whole, or whose answer did not come.
    fn refused(&mut self, session: &Session, members: Vec<usize>, error: Error, lost: Option<Moment>) -> Next {
        let smaller = match (error.kind(), error.status().map(|status| status.as_u16())) {
            _ if members.len() < 2 => false,
            (_, Some(404 | 405 | 501)) => {
                // There are no batches here.
                self.settings.most = 1;
                true
            }
            (_, Some(400)) => {
                if let Some(most) = error.server().and_then(limit).filter(|most| *most < members.len()) {
                    session.memory().learn_batch_most(most);
                }
                true
            }
            // One of them may be what the server stumbles over.
            (ErrorKind::TooLarge, _) | (_, Some(413 | 422 | 500)) => true,
            _ => false,
        };
        if !smaller {
            return self.stop(&members, error, lost);
        }
        self.mark(&members, lost);
        for member in &members {
            if let Some(pending) = self.slots[*member].waiting() {
                pending.most = members.len().div_ceil(2);
            }
        }
        self.requeue(&members);
        self.next(session)
    }

    /// Stops for something that fails for all. What was under way stays to be sent.
    fn stop(&mut self, members: &[usize], error: Error, lost: Option<Moment>) -> Next {
        self.mark(members, lost);
        self.requeue(members);
        self.phase = Phase::Resting;
        Next::Stopped(error)
    }

    /// With what a batch has come to when this stops it.
    pub(super) fn place(&self, error: Error) -> Error {
        let done = self.slots.iter().filter(|slot| slot.is_over()).count();
        error.prefix(&format!("the batch stopped after {done} of {} operations: ", self.slots.len()))
    }

    pub(super) fn is_resting(&self) -> bool {
        matches!(self.phase, Phase::Resting)
    }

    /// Remembers which may have been carried out. Those that must not be sent twice are over with that.
    fn mark(&mut self, members: &[usize], lost: Option<Moment>) {
        let Some(begun) = lost else { return };
        for member in members {
            let slot = &mut self.slots[*member];
            let Some(pending) = slot.waiting() else { continue };
            if pending.is_write() {
                pending.lost.get_or_insert(begun);
                if !pending.is_repeatable() {
                    let error = Error::new(ErrorKind::Interrupted, "its answer was lost, and it cannot be sent twice");
                    slot.give_up(error, Some(Status::Unknown));
                }
            }
        }
    }

    /// Puts those that have something to be sent back to where they were.
    fn requeue(&mut self, members: &[usize]) {
        for member in members.iter().rev() {
            if !self.slots[*member].is_over() {
                self.queue.push_front(*member);
            }
        }
    }

    /// Hands out parts of a chunk each.
    fn apart(&mut self, most: usize) -> Next {
        let home = Arc::new(Home::default());
        self.queue.clear();
        let (over, waiting): (Vec<Slot>, Vec<Slot>) =
            std::mem::take(&mut self.slots).into_iter().partition(Slot::is_over);
        self.slots = over;
        // A part keeps the order of its own operations, and has no parts itself.
        let settings = Settings { concurrency: 1, ..self.settings };
        let mut waiting = waiting.into_iter().peekable();
        let mut parts = Vec::with_capacity(waiting.len().div_ceil(most));
        while waiting.peek().is_some() {
            parts.push(Part::new(Self::of(waiting.by_ref().take(most).collect(), settings), &home));
        }
        self.phase = Phase::Apart(home);
        Next::Fork(Fork { parts, at_once: self.settings.concurrency })
    }

    /// Takes in what is under way: parts that are done, or a chunk that was dropped with the future that sent it. For
    /// parts, why they stopped and whether any was begun.
    fn land(&mut self) -> Option<(Option<Error>, bool)> {
        match std::mem::take(&mut self.phase) {
            Phase::Apart(home) => {
                let (slots, landed) =
                    home.returned(|home| (std::mem::take(&mut home.slots), (home.stopped.take(), home.begun)));
                self.slots.extend(slots);
                self.slots.sort_by_key(|slot| slot.number);
                Some(landed)
            }
            Phase::Flying(members) => {
                // Nobody knows when it was sent: it may have made whatever is there.
                self.mark(&members, Some(Moment::default()));
                None
            }
            Phase::Resting | Phase::Asking => None,
        }
    }

    /// All there is, wherever it stands.
    pub(super) fn give_back(&mut self) -> Vec<Slot> {
        self.land();
        std::mem::take(&mut self.slots)
    }

    pub(super) fn outcome(&mut self, stopped: Option<Error>) -> Outcome {
        Outcome::new(self.give_back(), self.settings, stopped)
    }

    pub(super) fn summary(&self) -> Summary {
        Summary::of(&self.slots)
    }
}

/// Remembers how many requests a batch may hold.
fn learn(session: &Session, info: Option<&ServerInfo>) {
    let most = match info.map(|info| (info.settings.readonly, info.settings.batch_max_requests)) {
        // A batch is refused there, even one that only reads.
        Some((true, _)) => 1,
        Some((_, BatchLimit::Unlimited)) => usize::MAX,
        Some((_, BatchLimit::AtMost(most))) => usize::try_from(most).unwrap_or(usize::MAX),
        Some((_, BatchLimit::Unknown)) | None => USUAL,
    };
    session.memory().learn_batch_most(most);
}

/// The limit that a server names when it refuses a batch that is too long.
fn limit(error: &ServerError) -> Option<usize> {
    let Details::Invalid(list) = error.details() else { return None };
    let words = list.iter().find(|it| it.name.ends_with("requests"))?.description.rsplit("limited to").next()?;
    words.trim().trim_end_matches('.').parse().ok().filter(|most| *most > 0)
}

fn is_aborted(entry: &Result<Reply>) -> bool {
    entry.as_ref().is_ok_and(is_aborted_reply)
}

/// Whether an entry says that its transaction was aborted. Here nobody but Kinto can say so.
fn is_aborted_reply(entry: &Reply) -> bool {
    entry.status() == StatusCode::CONFLICT
}
