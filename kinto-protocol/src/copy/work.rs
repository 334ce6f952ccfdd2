//! A copy under way.
//!
//! ```text
//!           ┌───────────────────────────── the next list, or the second pass ───────────────────────┐
//!           ▼                                                                                       │
//!  Survey the target ─▶ a page of the source ─▶ (each by itself) ─┬─ first pass: Apply, with files ─┬─▶ end
//!                                ▲                                └─ second pass: compare ──────────┤
//!                                └──────────────────────── one more page ───────────────────────────┘
//! ```

use std::collections::HashSet;

use crate::copy::copy_to::Order;
use crate::copy::leave::Leaving;
use crate::copy::lists::{Pair, Place};
use crate::copy::report::{CopiedList, CopyPart, CopyReport};
use crate::copy::step::{Done, Side, Step, step};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::Turn;
use crate::flows::Pages;
use crate::object::Object;
use crate::operations::server_info;
use crate::reply::Reply;
use crate::retry;
use crate::session::Session;
use crate::sync::Planner;
use crate::timestamp::Timestamp;

pub(super) struct Work {
    pub(super) order: Order,
    pub(super) source: Place,
    pub(super) target: Place,
    /// Whose personal bucket is still to be asked for.
    unknown: Vec<Side>,
    pub(super) pairs: Vec<Pair>,
    /// Which of them, in this pass.
    pub(super) at: usize,
    pub(super) second: bool,
    /// Whether the target is a personal bucket, or in one, that may not be there yet.
    pub(super) personal: bool,
    pub(super) planner: Option<Planner>,
    pub(super) pages: Option<Pages<Object>>,
    /// Collections whose records come next, and whether they are there.
    pub(super) collections: Vec<(String, bool)>,
    /// Whether what is beyond the source's is being deleted.
    trimming: bool,
    /// Why no file can be copied, where one of the servers knows no files.
    pub(super) no_files: Option<Error>,
    /// Whether the target has another URL. That may be one of the same server.
    pub(super) other_url: bool,
    /// When the bucket of the source was changed, to tell it from that of the target.
    pub(super) stamp: Option<Timestamp>,
    pub(super) leaving: Option<Leaving>,
    /// Of a move: what the second pass has compared, list by list.
    pub(super) seen: Vec<Vec<(String, Timestamp)>>,
    pub(super) report: CopyReport,
    side: Side,
    step: Option<Step>,
}

/// What comes next.
pub(super) enum Next {
    Step(Side, Step),
    Finished,
}

impl Work {
    pub(super) fn new(order: Order, session: &Session) -> Result<Self> {
        let source = Place::of(&order.source, session)?;
        let target = Place::of(&order.target, order.target(session))?;
        let sides = [(Side::Source, &source), (Side::Target, &target)];
        let unknown =
            sides.into_iter().filter(|(_, place)| place.is_in_default_bucket()).map(|(side, _)| side).collect();
        let report = CopyReport { dry_run: order.dry_run, ..CopyReport::default() };
        let personal = order.dry_run && target.is_in_default_bucket();
        Ok(Self {
            order,
            personal,
            source,
            target,
            unknown,
            pairs: Vec::new(),
            at: 0,
            second: false,
            planner: None,
            pages: None,
            collections: Vec::new(),
            trimming: false,
            no_files: None,
            other_url: false,
            stamp: None,
            leaving: None,
            seen: Vec::new(),
            report,
            side: Side::Source,
            step: None,
        })
    }

    pub(super) fn start(&mut self, session: &Session) -> Result<Turn<CopyReport>> {
        let next = self.resolve(session);
        self.go(session, next)
    }

    pub(super) fn resume(&mut self, session: &Session, reply: Reply) -> Result<Turn<CopyReport>> {
        let side = self.session(session);
        let Some(step) = &mut self.step else { return Err(over()) };
        // An error comes by once more, with what is known of its request.
        let turn = step.resume(&side, reply)?;
        self.went(session, Ok(turn))
    }

    pub(super) fn meanwhile(&mut self, session: &Session) -> Result<()> {
        let side = self.session(session);
        self.step.as_mut().map_or(Ok(()), |step| step.meanwhile(&side))
    }

    pub(super) fn fail(&mut self, session: &Session, error: Error) -> Result<Turn<CopyReport>> {
        let side = self.session(session);
        let Some(step) = &mut self.step else { return Err(error) };
        let turn = step.fail(&side, error);
        self.went(session, turn)
    }

    fn session(&self, session: &Session) -> Session {
        match self.side {
            Side::Source => session.clone(),
            Side::Target => self.order.target(session).clone(),
        }
    }

    /// Goes on with what came of a step, until something is to be asked.
    fn went(&mut self, session: &Session, turn: Result<Turn<Done>>) -> Result<Turn<CopyReport>> {
        let next = match turn {
            Ok(Turn::Done(done)) => self.done(session, done),
            Ok(Turn::Ask(ask)) => return Ok(self.aside(Turn::Ask(ask))),
            Ok(Turn::Fork(fork)) => return Ok(self.aside(Turn::Fork(fork))),
            Err(error) => Err(error),
        };
        self.go(session, next)
    }

    fn go(&mut self, session: &Session, next: Result<Next>) -> Result<Turn<CopyReport>> {
        let mut next = next;
        loop {
            let turn = match next.or_else(|error| self.failed(session, error)) {
                Ok(Next::Step(side, begun)) => {
                    self.side = side;
                    let at = self.session(session);
                    self.step.insert(begun).start(&at)
                }
                Ok(Next::Finished) => {
                    self.step = None;
                    return Ok(Turn::Done(std::mem::take(&mut self.report)));
                }
                Err(error) => {
                    self.step = None;
                    return Err(error);
                }
            };
            next = match turn {
                Ok(Turn::Done(done)) => self.done(session, done),
                // Each step has its time.
                Ok(Turn::Ask(ask)) => return Ok(self.aside(Turn::Ask(ask.anew()))),
                Ok(Turn::Fork(fork)) => return Ok(self.aside(Turn::Fork(fork))),
                Err(error) => Err(error),
            };
        }
    }

    /// The same, asked by the session of the side that it is about.
    fn aside(&self, turn: Turn<CopyReport>) -> Turn<CopyReport> {
        match (self.side, &self.order.to) {
            (Side::Target, Some(other)) => turn.at(other),
            _ => turn,
        }
    }

    fn done(&mut self, session: &Session, done: Done) -> Result<Next> {
        match done {
            Done::Info(info) => {
                if let Some(id) = info.user.and_then(|user| user.bucket) {
                    self.place().bucket = id;
                }
                self.unknown.pop();
                self.resolve(session)
            }
            Done::Object(object) => {
                self.place().bucket = object.id;
                self.unknown.pop();
                self.resolve(session)
            }
            Done::Found(planner) => {
                self.planner = Some(planner);
                self.read()
            }
            Done::Page(pages, page) => {
                self.pages = Some(pages);
                let objects = page.map(|page| page.items).unwrap_or_default();
                if self.order.permissions && !objects.is_empty() {
                    return Ok(self.each(objects.into_iter().map(|object| object.id).collect()));
                }
                self.consider(session, objects)
            }
            Done::Objects(objects) => self.consider(session, objects?),
            Done::Written(report) => {
                let no_files = self.list().add(&report);
                self.no_files = self.no_files.take().or(no_files);
                if let Some(error) = report.stopped() {
                    return self.stop(error.copy());
                }
                if self.trimming {
                    self.trimming = false;
                    return self.over(session);
                }
                self.next_page(session)
            }
            Done::Stamped(at) => self.stamped(at),
            Done::Left(listing) => Ok(self.looked_back(&listing.items)),
            Done::Deleted(results) => self.deleted(results),
        }
    }

    /// What an error means: for one collection of many, or for all.
    fn failed(&mut self, session: &Session, error: Error) -> Result<Next> {
        let is_about_all = retry::stops_all(&error);
        let one_of_many = self.source.collection.is_none() && self.pairs.get(self.at).is_some_and(Pair::is_of_records);
        if one_of_many && !is_about_all && self.leaving.is_none() {
            let id = self.pair().path();
            self.list().not(&id, CopyPart::Object, error);
            self.at += 1;
            return self.next_list(session);
        }
        self.stop(error)
    }

    /// Ends with an error: all of it is one if nothing was done yet.
    pub(super) fn stop(&mut self, error: Error) -> Result<Next> {
        if self.report.is_untouched() {
            return Err(error);
        }
        self.report.stopped = Some(error);
        Ok(Next::Finished)
    }

    /// The place whose bucket is asked for.
    fn place(&mut self) -> &mut Place {
        if self.side == Side::Source { &mut self.source } else { &mut self.target }
    }

    /// Asks for the ids of personal buckets: reading below `default` would create what is read.
    fn resolve(&mut self, session: &Session) -> Result<Next> {
        Ok(match self.unknown.last() {
            // It is there then.
            Some(Side::Target) if !self.order.dry_run => {
                Next::Step(Side::Target, step(crate::address::buckets().get("default"), Done::Object))
            }
            Some(side) => Next::Step(*side, step(server_info(), |info| Done::Info(Box::new(info)))),
            None => return self.begin(session),
        })
    }

    fn begin(&mut self, session: &Session) -> Result<Next> {
        let same_server = self.order.target(session).url() == session.url();
        self.other_url = !same_server;
        let (source, target) = (&self.source, &self.target);
        if same_server && source == target {
            let error = Error::input(format!("{} cannot be copied to itself", source.path()));
            return Err(error.hint("if it is to go to another server, say so with at()"));
        }
        let itself = Pair::itself(source, target, same_server);
        self.pairs = match (&source.collection, &target.collection) {
            (Some(from), Some(to)) => {
                let records = Pair::records(source, target, (from, to), false);
                if self.order.only_records { vec![records] } else { vec![itself, records] }
            }
            _ => vec![itself, Pair::groups(source, target, false), Pair::collections(source, target, false)],
        };
        self.next_list(session)
    }

    pub(super) fn pair(&self) -> &Pair {
        &self.pairs[self.at]
    }

    pub(super) fn list(&mut self) -> &mut CopiedList {
        &mut self.report.lists[self.at]
    }

    /// Begins with a list, with the second pass, or with what comes after it.
    fn next_list(&mut self, session: &Session) -> Result<Next> {
        if self.at == self.pairs.len() {
            if self.second {
                self.report.verified = true;
                return self.leave();
            }
            if self.order.dry_run {
                return Ok(Next::Finished);
            }
            (self.second, self.at) = (true, 0);
        }
        let pair = self.pair().clone();
        if self.second {
            self.seen.push(Vec::new());
        } else {
            self.report.lists.push(CopiedList { path: pair.path(), ..CopiedList::default() });
        }
        let target = self.order.target(session).clone();
        let survey = self.survey(&pair);
        if pair.absent {
            self.planner = Some(survey.nothing_there(&target));
            return self.read();
        }
        Ok(Next::Step(Side::Target, step(survey, Done::Found)))
    }

    /// All of the source's list was read.
    pub(super) fn end(&mut self, session: &Session) -> Result<Next> {
        let Some(planner) = self.planner.take() else { return Err(over()) };
        if self.second {
            self.compare_extra(&planner);
            self.at += 1;
            return self.next_list(session);
        }
        if self.order.dry_run {
            if self.pair().only.is_some() && planner.is_empty() {
                // What is in it is not there either.
                self.pairs.iter_mut().skip(self.at).for_each(|pair| pair.absent = true);
            }
            self.list().plan = Some(planner.finish());
            return self.over(session);
        }
        let plan = planner.finish();
        self.list().left += plan.left();
        if plan.is_empty() {
            return self.over(session);
        }
        self.trimming = true;
        Ok(Next::Step(Side::Target, step(plan.apply(), Done::Written)))
    }

    /// The list is as it can be.
    fn over(&mut self, session: &Session) -> Result<Next> {
        let list = self.list();
        let failed = list.not_copied.iter().position(|not| not.part == CopyPart::Object);
        if let Some(failed) = failed.filter(|_| self.pair().only.is_some()) {
            let error = self.list().not_copied[failed].error.copy();
            return self.stop(error);
        }
        let lost = self.list().not_copied.iter().filter(|not| not.part == CopyPart::Object);
        let lost: HashSet<String> = lost.map(|not| not.id.clone()).collect();
        for (id, there) in std::mem::take(&mut self.collections) {
            let absent = self.order.dry_run && !there;
            if !lost.contains(&id) || there {
                self.pairs.push(Pair::records(&self.source, &self.target, (&id, &id), absent));
            }
        }
        self.at += 1;
        self.next_list(session)
    }
}

pub(super) fn over() -> Error {
    Error::new(ErrorKind::Other, "this copy is over")
}
