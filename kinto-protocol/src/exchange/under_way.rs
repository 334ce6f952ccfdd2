//! One call of an exchange, until it has an answer.

use std::sync::Arc;

use http::Uri;

use crate::call::{Call, Class};
use crate::error::Error;
use crate::flow::Ask;
use crate::moment::Moment;
use crate::reply::Reply;
use crate::session::Session;

/// One call, until it has an answer.
pub(super) struct UnderWay {
    pub(super) call: Arc<Call>,
    /// Who asks it: the credentials, the policy and the memory are this one's.
    pub(super) session: Session,
    /// The answer that it is to clear up.
    pub(super) doubt: Option<Arc<Reply>>,
    /// What is to be sent when this has told what the server can do.
    pub(super) then: Option<Box<Self>>,
    /// Whether the flow has something to do meanwhile, and has not done it yet.
    pub(super) work: bool,
    /// What the flow has found then, and ends with: whatever comes of this.
    pub(super) spoiled: Option<Error>,
    /// How often it was sent.
    pub(super) attempts: u32,
    /// How many of these the server aborted.
    pub(super) aborted: u32,
    /// How many it aborted before this exchange.
    pub(super) aborted_before: u32,
    /// When it was sent first.
    pub(super) begun: Option<Moment>,
    pub(super) redirects: u32,
    pub(super) redirected: Option<Uri>,
    /// Whether the answer to an earlier attempt was lost, which may have been carried out.
    pub(super) lost: bool,
    /// What went wrong last.
    pub(super) failure: Option<String>,
}

impl UnderWay {
    pub(super) fn new(ask: Ask, session: Session) -> Self {
        let Ask { call, doubt, aborted, work, .. } = ask;
        Self {
            call,
            session,
            doubt,
            aborted_before: aborted,
            then: None,
            work,
            spoiled: None,
            attempts: 0,
            aborted: 0,
            begun: None,
            redirects: 0,
            redirected: None,
            lost: false,
            failure: None,
        }
    }

    /// Adds what an error is about: the request whose answer is in doubt, where this one was to clear it up.
    pub(super) fn blame(&self, error: Error) -> Error {
        let lost = self.begun.filter(|_| self.lost);
        match &self.doubt {
            Some(doubt) => error.during(doubt.call().line(), doubt.attempts().count, lost),
            None => error.during(self.call.line(), self.attempts, lost),
        }
    }

    pub(super) fn is_write(&self) -> bool {
        self.call.repeat_class() != Class::Safe
    }

    /// Where it goes, if that is no part of the API.
    pub(super) fn elsewhere(&self) -> Option<&Uri> {
        self.call.uri_elsewhere().map(|uri| self.redirected.as_ref().unwrap_or(uri))
    }

    /// Whether it goes to the server of the API.
    pub(super) fn is_at_the_api(&self) -> bool {
        self.elsewhere().is_none_or(|uri| self.session.root().is_at(uri))
    }

    /// Until when this is not to be sent: what a server asks for holds for its own place.
    pub(super) fn quiet_until(&self) -> Moment {
        if self.is_at_the_api() { self.session.quiet_until() } else { Moment::default() }
    }
}
