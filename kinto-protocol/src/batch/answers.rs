//! What an answer means for the members of a chunk.

use std::sync::Arc;

use http::StatusCode;

use crate::batch::entries::Entries;
use crate::batch::job::{Job, Next};
use crate::batch::outcome::Status;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::moment::Moment;
use crate::reply::Reply;
use crate::retry;
use crate::server_error::{Details, ServerError};
use crate::session::Session;

/// So many answers 5xx in a row to requests that went by themselves, and it is not for the requests.
const BROKEN: u32 = 4;

/// What an entry says whose transaction was aborted. Here nobody but Kinto can say so.
const ABORTED: StatusCode = StatusCode::CONFLICT;

impl Job {
    /// One that went by itself: its answer, unless it says that the server can do nothing for anybody.
    pub(super) fn answered_alone(&mut self, session: &Session, member: usize, reply: &Reply) -> Next {
        let first =
            self.slots[member].waiting().is_some_and(|pending| !std::mem::replace(&mut pending.failed_alone, true));
        let secrets = session.secrets_with(reply.call());
        let error = || reply.error().during(reply.call().line(), reply.attempts().count, None).without(&secrets);
        // What does so again when it is sent once more may be about this request after all, and is its answer.
        if retry::is_about_all(reply.status()) && first {
            return self.stop(session, &[member], error(), reply.in_doubt_since());
        }
        self.broken = if reply.status().is_server_error() { self.broken + 1 } else { 0 };
        self.deliver(session, member, reply.clone());
        self.requeue(&[member]);
        if self.broken >= BROKEN { self.stop(session, &[], error(), None) } else { self.next(session) }
    }

    /// All answers of a chunk.
    pub(super) fn answered(&mut self, session: &Session, members: &[usize], reply: &Reply) -> Next {
        self.broken = 0;
        let calls: Vec<_> = members
            .iter()
            .filter_map(|member| self.slots[*member].waiting().map(|pending| Arc::clone(&pending.call)))
            .collect();
        let entries = match Entries::read(reply, &calls) {
            Ok(entries) => entries,
            Err(error) => {
                let lost = reply.carried_out_since();
                let error = error.during(reply.call().line(), reply.attempts().count, lost);
                let error = error.without(&session.secrets_with(reply.call()));
                return self.stop(session, members, error, lost);
            }
        };
        // What an earlier attempt at all of them has done, nobody knows.
        self.mark(members, reply.in_doubt_since());
        // Up to here PostgreSQL has undone everything, although it says otherwise.
        let undone = entries.last(ABORTED);
        for (number, (member, entry)) in members.iter().zip(entries.replies(calls)).enumerate() {
            let again = undone.is_some_and(|undone| match &entry {
                Ok(_) if number <= undone => true,
                // What comes after it stands, but it may have failed, or read, for the lack of what was undone.
                Ok(entry) => !(entry.status().is_success() && self.writes(*member)),
                Err(_) => false,
            });
            match entry {
                Ok(entry) => {
                    if let Some(orders) = entry.orders() {
                        session.heed(reply.call(), orders, entry.attempts().answered);
                    }
                    let aborted = entry.status() == ABORTED;
                    if !again || (aborted && !self.may_meet_again(session, *member)) {
                        self.deliver(session, *member, entry);
                    } else if aborted {
                        self.aborted(session, *member, &entry, members.len());
                    } else {
                        // Where it was not undone, the repeat meets it.
                        let stands = entry.status().is_success().then_some(entry.attempts().begun);
                        self.mark(&[*member], stands.or(entry.in_doubt_since()));
                        if session.policy().attempts < 2
                            && let Some(pending) = self.slots[*member].waiting()
                            && pending.lost.is_some()
                        {
                            self.slots[*member].give_up(unsaid(), Some(Status::Unknown));
                        }
                    }
                }
                Err(error) => {
                    self.mark(&[*member], Some(reply.attempts().begun));
                    self.slots[*member].give_up(error.without(&session.secrets_with(reply.call())), None);
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
    pub(super) fn refused(
        &mut self,
        session: &Session,
        members: Vec<usize>,
        error: Error,
        lost: Option<Moment>,
    ) -> Next {
        let status = error.status().map(|status| status.as_u16());
        let smaller = match (error.kind(), status) {
            _ if members.len() < 2 => false,
            // It may have been carried out, and nothing is to be sent twice.
            _ if lost.is_some() && session.policy().attempts < 2 => false,
            (_, Some(404 | 405 | 501)) => {
                // There are no batches here.
                self.limit = 1;
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
        // Where it stops, it goes on with less: one of them may be what overburdens the server.
        if smaller || error.status().is_some_and(retry::is_about_all) {
            for member in &members {
                if let Some(pending) = self.slots[*member].waiting() {
                    pending.most = members.len().div_ceil(2);
                }
            }
        }
        if !smaller {
            return self.stop(session, &members, error, lost);
        }
        self.mark(&members, lost);
        self.requeue(&members);
        self.next(session)
    }

    /// Remembers which may have been carried out. Those that must not be sent twice are over with that.
    pub(super) fn mark(&mut self, members: &[usize], lost: Option<Moment>) {
        let Some(begun) = lost else { return };
        for member in members {
            let slot = &mut self.slots[*member];
            let Some(pending) = slot.waiting() else { continue };
            if pending.is_write() {
                pending.lost.get_or_insert(begun);
                if !pending.is_repeatable() {
                    slot.give_up(unsaid(), Some(Status::Unknown));
                }
            }
        }
    }
}

/// Why one that may have been carried out is left as it is.
fn unsaid() -> Error {
    Error::new(ErrorKind::Interrupted, "its answer was lost, and it is not to be sent twice")
}

/// The limit that a server names when it refuses a batch that is too long.
fn limit(error: &ServerError) -> Option<usize> {
    let Details::Invalid(list) = error.details() else { return None };
    let words = list.iter().find(|it| it.name.ends_with("requests"))?.description.rsplit("limited to").next()?;
    words.trim().trim_end_matches('.').parse().ok().filter(|most| *most > 0)
}
