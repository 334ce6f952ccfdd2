//! Reading the target, and the source page by page.

use crate::batch::{Batch, Outcome};
use crate::copy::lists::Pair;
use crate::copy::step::{Done, Side, page, step};
use crate::copy::work::{Next, Work};
use crate::error::{Error, Result};
use crate::flows::List;
use crate::query::Filter;
use crate::session::Session;
use crate::sync::Survey;

/// How many objects of the source are in memory.
const PAGE: u64 = 500;

impl Work {
    pub(super) fn survey(&self, pair: &Pair) -> Survey {
        let order = &self.order;
        let mut survey = pair.target.survey();
        if !order.dry_run {
            // Nobody looks at the plan.
            survey = survey.keep_bytes(0);
        }
        if order.permissions {
            survey = survey.permissions();
        }
        #[cfg(feature = "attachments")]
        if order.attachments {
            survey = survey.attachments();
        }
        if order.timestamps && pair.has_own_timestamps {
            survey = survey.keep_timestamps();
        }
        if !order.delete_extra {
            survey = survey.keep_extra();
        }
        match &pair.only {
            // A personal bucket is there as soon as anything is written.
            Some((_, id)) if self.personal => survey.only([id.as_str()]).hidden_is_absent(),
            Some((_, id)) => survey.only([id.as_str()]),
            None => self.filters(pair).into_iter().fold(survey, Survey::filter),
        }
    }

    fn filters(&self, pair: &Pair) -> Vec<Filter> {
        if pair.is_of_records() { self.order.filters.clone() } else { Vec::new() }
    }

    /// Begins to read the source.
    pub(super) fn read(&mut self) -> Result<Next> {
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
    pub(super) fn each(&self, ids: Vec<String>) -> Next {
        let alone = self.pair().only.is_some();
        let mut batch = Batch::new();
        let tickets: Vec<_> = ids.into_iter().map(|id| batch.push(self.pair().source.get(id))).collect();
        let read = move |mut outcome: Outcome| {
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

    pub(super) fn next_page(&mut self, session: &Session) -> Result<Next> {
        match self.pages.take() {
            Some(pages) if !pages.is_at_end() => Ok(Next::Step(Side::Source, page(pages))),
            _ => self.end(session),
        }
    }
}
