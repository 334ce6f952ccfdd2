//! Published collections, and nothing of them that was not signed.
//!
//! ```text
//!  start ─▶ GET all ───────────┬─▶ next signature ──▶ GET its certificates ──▶ verified ──▶ Done
//!  start ─▶ GET what changed ──┤    ▲  │    ▲            (unless known)          │
//!             (of a copy)      │    │  │    └──────────── not this one ──────────┤
//!                              │    │  └─ none is left ──▶ Err, or a warning     │
//!                              │    └──────── GET all ◀── none is left, of what changed
//!                              └─ nobody wants to know ─────────────────────────────────────▶ Done
//! ```

use std::time::SystemTime;

use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::flow::{Flow, Turn};
use crate::object::JsonMap;
use crate::operation::Operation;
use crate::operations::{Changeset, GetChangeset};
use crate::reply::Reply;
use crate::session::Session;
use crate::signatures::{
    Check, ContentSignature, LocalCopy, Progress, Published, Verification, Verifier, signatures_in,
};
use crate::timestamp::Timestamp;

/// Reads a collection with its records, if they are those that were signed, see
/// [`Collection::verified_changeset`](crate::Collection::verified_changeset).
#[derive(Debug)]
pub struct GetVerifiedChangeset<T> {
    get: GetChangeset<T>,
    hold: Hold<Published>,
}

impl<T> GetVerifiedChangeset<T> {
    pub(crate) fn new(get: GetChangeset<T>, verifier: &Verifier, now: SystemTime) -> Self {
        Self { get, hold: Hold::new(verifier, now) }
    }

    /// As [`GetChangeset::expected`].
    #[must_use]
    pub fn expected(mut self, at: Timestamp) -> Self {
        self.get = self.get.expected(at);
        self
    }

    /// As [`GetChangeset::fresh`].
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.get = self.get.fresh();
        self
    }

    /// What becomes of records that are not those that were signed. They are an error, unless said otherwise.
    #[must_use]
    pub fn verification(mut self, verification: Verification) -> Self {
        self.hold.verification = verification;
        self
    }
}

impl<T: DeserializeOwned + Send> Flow for GetVerifiedChangeset<T> {
    type Output = Changeset<T>;

    fn start(&mut self, session: &Session) -> Result<Turn<Changeset<T>>> {
        self.hold.found = None;
        self.get.call(session).map(Turn::ask)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<Changeset<T>>> {
        let after = match self.hold.answered(session, &reply) {
            Some(after) => after,
            None => {
                let found = reply.json_with(|text| serde_json::from_str::<Published>(text))?.live();
                let (text, signatures) = (found.message()?, signatures_in(&found.metadata));
                self.hold.take(session, found, &reply, text, signatures)
            }
        };
        after.settled(session, self.hold.verification, Published::typed)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<Changeset<T>>> {
        let verification = self.hold.verification;
        self.hold.failed(session, error)?.settled(session, verification, Published::typed)
    }
}

/// Brings a copy of a collection up to date, see [`Collection::update_copy`](crate::Collection::update_copy).
#[derive(Debug)]
pub struct UpdateCopy {
    get: GetChangeset<JsonMap>,
    copy: LocalCopy,
    /// Whether all of it is asked for.
    whole: bool,
    hold: Hold<LocalCopy>,
}

impl UpdateCopy {
    pub(crate) fn new(get: GetChangeset<JsonMap>, copy: &LocalCopy, verifier: &Verifier, now: SystemTime) -> Self {
        Self { get, copy: copy.clone(), whole: false, hold: Hold::new(verifier, now) }
    }

    /// As [`GetChangeset::expected`].
    #[must_use]
    pub fn expected(mut self, at: Timestamp) -> Self {
        self.get = self.get.expected(at);
        self
    }

    /// As [`GetChangeset::fresh`].
    #[must_use]
    pub fn fresh(mut self) -> Self {
        self.get = self.get.fresh();
        self
    }

    /// What becomes of records that are not those that were signed. They are an error, unless said otherwise.
    #[must_use]
    pub fn verification(mut self, verification: Verification) -> Self {
        self.hold.verification = verification;
        self
    }

    fn turn(&mut self, session: &Session, after: After<LocalCopy>) -> Result<Turn<LocalCopy>> {
        match after {
            // What was here before may be wrong, or too old for the server to tell what was deleted since.
            After::Refused(_, error) if !self.whole && error.kind() == ErrorKind::Signature => {
                self.whole = true;
                self.get.clone().fresh().call(session).map(Turn::ask)
            }
            after => after.settled(session, self.hold.verification, Ok),
        }
    }
}

impl Flow for UpdateCopy {
    type Output = LocalCopy;

    fn start(&mut self, session: &Session) -> Result<Turn<LocalCopy>> {
        self.hold.found = None;
        self.whole = false;
        self.get.clone().since(self.copy.timestamp()).call(session).map(Turn::ask)
    }

    fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<LocalCopy>> {
        let after = match self.hold.answered(session, &reply) {
            Some(after) => after,
            None => {
                let published = reply.json_with(|text| serde_json::from_str::<Published>(text))?;
                let mut found = if self.whole { LocalCopy::new() } else { self.copy.clone() };
                found.merge(published)?;
                let (text, signatures) = (found.signed_text(), found.signatures());
                self.hold.take(session, found, &reply, text, signatures)
            }
        };
        self.turn(session, after)
    }

    fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<LocalCopy>> {
        let after = self.hold.failed(session, error)?;
        self.turn(session, after)
    }
}

/// Holds what was read back from everybody until it is verified.
#[derive(Debug)]
struct Hold<F> {
    check: Check,
    verification: Verification,
    found: Option<Found<F>>,
}

/// What was read, and by what.
#[derive(Debug)]
struct Found<F> {
    what: F,
    call: Call,
    attempts: u32,
}

/// What follows from an answer.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "it does not live for long")]
enum After<F> {
    Ask(Call),
    Verified(F),
    Refused(Found<F>, Error),
}

impl<F> Hold<F> {
    fn new(verifier: &Verifier, now: SystemTime) -> Self {
        Self { check: Check::new(verifier, now), verification: Verification::default(), found: None }
    }

    /// Takes what was read, and looks at its signatures.
    fn take(
        &mut self,
        session: &Session,
        what: F,
        reply: &Reply,
        text: String,
        signatures: Vec<ContentSignature>,
    ) -> After<F> {
        if self.verification == Verification::Off {
            return After::Verified(what);
        }
        let found = Found { what, call: reply.call().clone(), attempts: reply.attempts().count };
        let progress = self.check.begin(session, text, signatures);
        self.after(found, progress)
    }

    /// Takes the answer to what the signatures need, if something is held back.
    fn answered(&mut self, session: &Session, reply: &Reply) -> Option<After<F>> {
        let found = self.found.take()?;
        let progress = self.check.answered(session, reply);
        Some(self.after(found, progress))
    }

    /// Takes the error that ends the exchange, which is about what the signatures need, if something is held back.
    fn failed(&mut self, session: &Session, error: Error) -> Result<After<F>> {
        let Some(found) = self.found.take() else { return Err(error) };
        let progress = self.check.unanswered(session, error);
        Ok(self.after(found, progress))
    }

    fn after(&mut self, found: Found<F>, progress: Progress) -> After<F> {
        match progress {
            Progress::Ask(call) => {
                self.found = Some(found);
                After::Ask(call)
            }
            Progress::Verified => After::Verified(found.what),
            Progress::Refused(error) => After::Refused(found, error),
        }
    }
}

impl<F> After<F> {
    /// What the flow does then: what is refused is an error, or told and given all the same.
    fn settled<O>(
        self,
        session: &Session,
        verification: Verification,
        output: impl FnOnce(F) -> Result<O>,
    ) -> Result<Turn<O>> {
        match self {
            Self::Ask(call) => Ok(Turn::ask(call)),
            Self::Verified(found) => output(found).map(Turn::Done),
            Self::Refused(found, error) if verification == Verification::Warn => {
                session.tell(&Event::Unverified {
                    request: &found.call,
                    why: &session.secrets().hide(&error.to_string()),
                });
                output(found.what).map(Turn::Done)
            }
            Self::Refused(found, error) => Err(error.during(found.call.line(), found.attempts, None)),
        }
    }
}
