//! What becomes of an attempt: read, sent again, sent elsewhere, or the end.

use std::sync::Arc;
use std::time::Duration;

use http::header::LOCATION;
use http::{Method, StatusCode};

use super::AnyFlow;
use super::course::{Course, Phase};
use super::under_way::UnderWay;
use crate::call::Class;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::moment::Moment;
use crate::policy::OnBackoff;
use crate::reply::{Attempts, Reply};
use crate::retry::{self, Verdict};
use crate::root;
use crate::server_error::{Escaped, errno_of};
use crate::session::Response;
use crate::transfer::Transfer;
use crate::transport_error::{FailureKind, TransportError, too_large};

impl Course {
    pub(super) fn failed(
        &mut self,
        flow: &mut dyn AnyFlow,
        mut call: UnderWay,
        failure: TransportError,
        now: Moment,
    ) -> Phase {
        let verdict = retry::after_failure(call.call.repeat_class(), &failure);
        if let Some(error) = call.spoiled.take() {
            self.lose(&mut call, verdict);
            return self.ended(flow, &call, error, now);
        }
        let timed_out = failure.kind() == FailureKind::Timeout;
        if let Some(until) = self.again(&mut call, verdict, None, timed_out, &failure.to_string(), now) {
            return Phase::Paused(call, until);
        }
        self.lose(&mut call, verdict);
        let place = call.elsewhere().and_then(|uri| uri.authority()).map(ToString::to_string);
        let error = failure.at(Some(place.unwrap_or_else(|| call.session.root().to_string())));
        self.ended(flow, &call, error, now)
    }

    pub(super) fn answered(
        &mut self,
        flow: &mut dyn AnyFlow,
        mut call: UnderWay,
        response: Response,
        now: Moment,
    ) -> Phase {
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
            return self.ended(flow, &call, error, now);
        }
        let mut asked = retry::retry_after(response.headers());
        // It would be part of a URL, and of whatever log that stands in.
        if let Some(next) = response.headers().get("next-page").and_then(|next| next.to_str().ok())
            && call.session.secrets_with(&call.call).are_in_url(next)
        {
            call.lost |= call.is_write();
            self.touched |= call.lost;
            let error = Error::new(ErrorKind::Pagination, "the next page that the server names holds the credentials");
            return self.ended(flow, &call, error, now);
        }
        if response.body().len() as u64 > call.session.policy().limits.response_bytes {
            call.lost |= call.is_write();
            self.touched |= call.lost;
            return self.ended(flow, &call, too_large(), now);
        }
        if is_redirect(status) && !call.call.expects(status) {
            return self.redirected(flow, call, &response, now);
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
                return self.ended(flow, &call, error, now);
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
            return self.informed(flow, *then, &reply, now);
        }
        // A success is one, whether it can be understood or not.
        call.lost |= call.is_write() && !status.is_client_error() && !status.is_server_error();
        self.touched |= call.lost;
        match flow.resume(&self.session, reply) {
            Ok(turn) => self.turn(flow, turn, now),
            Err(error) => {
                let asked = asked.filter(|_| error.kind() == ErrorKind::Server);
                self.ended(flow, &call, error.retry_after(asked), now)
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
    fn redirected(&mut self, flow: &mut dyn AnyFlow, mut call: UnderWay, response: &Response, now: Moment) -> Phase {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let status = response.status().as_u16();
        // Neither a user nor a query is anybody's business.
        let shown = location.split(['?', '#']).next().unwrap_or_default();
        let shown = shown.rsplit_once('@').map_or(shown, |(_, rest)| rest);
        let why = format!("redirected ({status}) to \"{}\"", Escaped(shown));
        let refused = |why: String, hint: &'static str| Error::new(ErrorKind::Redirect, why).hint(hint);
        if !matches!(*call.call.method(), Method::GET | Method::HEAD) {
            let hint = "is the base URL complete, with its version such as /v1?";
            return self.ended(flow, &call, refused(format!("{why}, which a write does not follow"), hint), now);
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
                return self.ended(flow, &call, refused(format!("{why}, {wrong}"), hint), now);
            }
        };
        if call.redirects >= call.session.policy().redirects {
            let error = refused(format!("{why}, and to others before"), "the server redirects in a circle");
            return self.ended(flow, &call, error, now);
        }
        call.redirects += 1;
        call.redirected = Some(target);
        // The way there is not a failed attempt.
        call.attempts -= 1;
        Phase::Ready(call)
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
