//! Beginning anew where others were faster.

use crate::call::Call;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::flow::Ask;
use crate::retry;
use crate::session::Session;

/// How often others were faster.
#[derive(Debug, Default)]
pub(super) struct Anew(u32);

impl Anew {
    /// The first call once more, after a wait, unless others were faster too often.
    pub(super) fn ask(&mut self, session: &Session, conflict: Error, first: Call) -> Result<Ask> {
        self.0 += 1;
        if !session.policy().allows_conflicts(self.0) {
            return Err(conflict.prefix(&format!("others were faster {} times: ", self.0)));
        }
        let wait = retry::wait_after_conflict(session, self.0, None);
        session.tell(&Event::Retry { request: &first, attempts: self.0, wait, why: "it was changed meanwhile" });
        Ok(Ask::from(first).after(wait))
    }
}
