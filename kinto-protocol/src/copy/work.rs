//! A copy under way.
//!
//! ```text
//!           ┌───────────────────────────── the next list, or the second pass ─────────────────────────┐
//!           ▼                                                                                          │
//!  Survey the target ─▶ a page of the source ─▶ (each by itself) ─┬─ first pass: Apply ─▶ (files) ─┬─▶ end
//!                                ▲                                └─ second pass: compare ─────────┤
//!                                └──────────────────────── one more page ──────────────────────────┘
//! ```

use std::collections::HashSet;
#[cfg(feature = "attachments")]
use std::collections::VecDeque;

use crate::address::{Kind, bucket};
use crate::batch::Batch;
use crate::copy::copy_to::Order;
#[cfg(feature = "attachments")]
use crate::copy::files::{Filing, Job};
use crate::copy::leave::Leaving;
use crate::copy::lists::{Pair, Place};
use crate::copy::report::{CopiedList, CopyPart, CopyReport};
use crate::copy::step::{Done, Side, Step, page, step};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::Turn;
use crate::flows::{List, Pages};
use crate::object::Object;
use crate::operations::server_info;
use crate::permissions::Permissions;
use crate::reply::Reply;
use crate::retry;
use crate::session::Session;
use crate::sync::{Planner, Survey, Wanted, file_of};

/// How many objects of the source are in memory.
const PAGE: u64 = 500;

pub(super) struct Work {
    pub(super) order: Order,
    pub(super) source: Place,
    pub(super) target: Place,
    /// Whose personal bucket is still to be asked for.
    unknown: Vec<Side>,
    pub(super) pairs: Vec<Pair>,
    /// Which of them, in this pass.
    pub(super) at: usize,
    second: bool,
    /// Whether the target is a personal bucket, or in one, that may not be there yet.
    personal: bool,
    pub(super) planner: Option<Planner>,
    pages: Option<Pages<Object>>,
    /// Collections whose records come next, and whether they are there.
    collections: Vec<(String, bool)>,
    /// Whether what is beyond the source's is being deleted.
    trimming: bool,
    #[cfg(feature = "attachments")]
    pub(super) jobs: VecDeque<Job>,
    #[cfg(feature = "attachments")]
    pub(super) filing: Option<Filing>,
    /// Why no file can be copied, where one of the servers knows no files.
    #[cfg(feature = "attachments")]
    pub(super) no_files: Option<Error>,
    pub(super) leaving: Option<Leaving>,
    /// Of a move: what the second pass has compared, list by list.
    pub(super) seen: Vec<Vec<(String, crate::timestamp::Timestamp)>>,
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
            #[cfg(feature = "attachments")]
            jobs: VecDeque::new(),
            #[cfg(feature = "attachments")]
            filing: None,
            #[cfg(feature = "attachments")]
            no_files: None,
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
            #[cfg(feature = "attachments")]
            Done::Object(object) if self.filing.is_some() => self.looked(session, &object),
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
                self.list().add(&report);
                if let Some(error) = report.stopped() {
                    return self.stop(error.copy());
                }
                if self.trimming {
                    self.trimming = false;
                    return self.over(session);
                }
                self.next_file(session)
            }
            #[cfg(feature = "attachments")]
            Done::Fetched(file) => self.fetched(file),
            #[cfg(feature = "attachments")]
            Done::Attached => {
                self.filing = None;
                self.list().files += 1;
                self.next_file(session)
            }
            Done::Left(listing) => Ok(self.looked_back(&listing.items)),
            Done::Deleted(results) => self.deleted(results),
        }
    }

    /// What an error means: for one file, for one collection of many, or for all.
    fn failed(&mut self, session: &Session, error: Error) -> Result<Next> {
        use ErrorKind::{Backoff, Connect, Deadline, Interrupted, Protocol, Server, Stopped, Timeout, Tls};
        let is_about_all = match error.kind() {
            Server => error.is_unauthorized() || error.status().is_some_and(retry::is_about_all),
            Backoff | Connect | Deadline | Interrupted | Protocol | Stopped | Timeout | Tls => true,
            _ => false,
        };
        #[cfg(feature = "attachments")]
        if self.filing.is_some() && !is_about_all {
            self.file_failed(error);
            return self.next_file(session);
        }
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

    fn survey(&self, pair: &Pair) -> Survey {
        let order = &self.order;
        let mut survey = pair.target.survey();
        if !order.dry_run {
            // Nobody looks at the plan.
            survey = survey.keep_bytes(0);
        }
        if order.permissions {
            survey = survey.permissions();
        }
        if order.timestamps && pair.has_own_timestamps {
            survey = survey.keep_timestamps();
        }
        if !order.delete_extra {
            survey = survey.keep_extra();
        }
        match &pair.only {
            // A personal bucket is there as soon as anything is written.
            Some((_, id)) if self.personal => survey.only(vec![id.clone()]).hidden_is_absent(),
            Some((_, id)) => survey.only(vec![id.clone()]),
            None => self.filters(pair).into_iter().fold(survey, Survey::filter),
        }
    }

    fn filters(&self, pair: &Pair) -> Vec<crate::query::Filter> {
        if pair.is_of_records() { self.order.filters.clone() } else { Vec::new() }
    }

    /// Begins to read the source.
    fn read(&mut self) -> Result<Next> {
        let pair = self.pair();
        if let Some((id, _)) = &pair.only {
            let id = id.clone();
            return Ok(self.each(vec![id]));
        }
        // The oldest first: what is changed meanwhile moves to the end, and nothing is missed.
        let list = pair.source.list().sort("last_modified").page_size(PAGE);
        let list = self.filters(pair).into_iter().fold(list, List::filter);
        Ok(Next::Step(Side::Source, page(list.pages())))
    }

    /// Each of them by itself, with its permissions.
    fn each(&self, ids: Vec<String>) -> Next {
        let alone = self.pair().only.is_some();
        let mut batch = Batch::new();
        let tickets: Vec<_> = ids.into_iter().map(|id| batch.push(self.pair().source.get(id))).collect();
        let read = move |mut outcome: crate::batch::Outcome| {
            if let Some(error) = outcome.stopped() {
                return Done::Objects(Err(error.copy()));
            }
            let objects = tickets.iter().map(|ticket| outcome.take(*ticket));
            // What was deleted since it was listed is not there.
            let there = objects.filter(|object| alone || !object.as_ref().is_err_and(Error::is_not_found));
            Done::Objects(there.collect())
        };
        Next::Step(Side::Source, step(batch, read))
    }

    /// Takes objects of the source.
    fn consider(&mut self, session: &Session, objects: Vec<Object>) -> Result<Next> {
        if self.second {
            self.compare(objects);
            return self.next_page(session);
        }
        for object in objects {
            self.want(object);
        }
        if self.order.dry_run {
            return self.next_page(session);
        }
        let plan = self.planner.as_mut().ok_or_else(over)?.so_far();
        self.list().unchanged += plan.unchanged();
        if plan.is_empty() {
            return self.next_file(session);
        }
        Ok(Next::Step(Side::Target, step(plan.apply(), Done::Written)))
    }

    /// The id that an object is to have in the target.
    pub(super) fn id_of(&self, object: &Object) -> String {
        self.pair().only.as_ref().map_or_else(|| object.id.clone(), |(_, id)| id.clone())
    }

    /// An object is to be in the target as it is in the source.
    fn want(&mut self, object: Object) {
        let (id, kind) = (self.id_of(&object), self.pair().kind());
        let Some(mut planner) = self.planner.take() else { return };
        // One that is changed meanwhile comes by once more. The second pass sees what is different then.
        if !planner.was_wanted(&id) {
            if kind == Kind::Collection && self.pair().only.is_none() {
                self.collections.push((id.clone(), planner.there(&id).is_some()));
            }
            let at = self.order.timestamps.then_some(object.last_modified);
            let at = self.attach(&planner, &id, &object, at);
            let mut wanted = Wanted::new(id.as_str(), &object.data);
            wanted = match at {
                Some(at) => wanted.last_modified(at),
                None => wanted,
            };
            if self.order.permissions {
                let seen = planner.there(&id).is_none_or(|there| there.permissions.is_some());
                match object.permissions.map(|permissions| self.renamed(&permissions)) {
                    Some(permissions) if seen => wanted = wanted.permissions(permissions),
                    Some(_) => self.list().not(&id, CopyPart::Permissions, invisible("target")),
                    None => self.list().not(&id, CopyPart::Permissions, invisible("source")),
                }
            }
            if let Err(error) = planner.want(wanted) {
                self.list().not(&id, CopyPart::Object, error);
            }
        }
        self.planner = Some(planner);
    }

    /// What is to become of its file, and the timestamp that the record is to have before.
    fn attach(
        &mut self,
        planner: &Planner,
        id: &str,
        object: &Object,
        at: Option<crate::timestamp::Timestamp>,
    ) -> Option<crate::timestamp::Timestamp> {
        if !self.pair().is_of_records() {
            return at;
        }
        #[cfg(feature = "attachments")]
        if self.order.attachments {
            return self.job(planner, id, object, at);
        }
        let _ = (planner, id);
        self.list().files_left += u64::from(file_of(&object.data).is_some());
        at
    }

    /// Permissions as they are to be in the target: groups of a bucket that gets another id stay its groups.
    pub(super) fn renamed(&self, permissions: &Permissions) -> Permissions {
        let path = |place: &Place| format!("{}/groups/", bucket(&place.bucket).path());
        let (old, new) = (path(&self.source), path(&self.target));
        let all = self.source.collection.is_none();
        permissions.iter().fold(Permissions::new(), |renamed, (name, whom)| {
            let whom = whom.iter().map(|who| match who.strip_prefix(&old) {
                Some(group) if all => format!("{new}{group}"),
                _ => who.clone(),
            });
            renamed.grant(name, whom)
        })
    }

    #[cfg(not(feature = "attachments"))]
    fn next_file(&mut self, session: &Session) -> Result<Next> {
        self.next_page(session)
    }

    pub(super) fn next_page(&mut self, session: &Session) -> Result<Next> {
        match self.pages.take() {
            Some(pages) if !pages.is_at_end() => Ok(Next::Step(Side::Source, page(pages))),
            _ => self.end(session),
        }
    }

    /// All of the source's list was read.
    fn end(&mut self, session: &Session) -> Result<Next> {
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

fn invisible(place: &str) -> Error {
    let error =
        Error::input(format!("its permissions in the {place} are not visible to the caller, and are not copied"));
    error.hint("only those named in its own write permission see them")
}

fn over() -> Error {
    Error::new(ErrorKind::Other, "this copy is over")
}
