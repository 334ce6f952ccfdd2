//! Deleting the source of a move, when all of it was found equal in the target, and that is not the source itself.
//!
//! ```text
//!  records ─▶ is anything left in the collection? ─▶ the collection ─▶ groups ─▶ is anything left in the bucket? ─▶ the bucket
//! ```

use std::collections::VecDeque;

use crate::address::{bucket, buckets};
use crate::batch::{Batch, Outcome};
use crate::copy::report::{CopyPart, NotCopied};
use crate::copy::step::{Done, Side, step};
use crate::copy::work::{Next, Work};
use crate::error::{Error, ErrorKind, Result};
use crate::object::{Object, Tombstone};
use crate::object_ref::ObjectRef;
use crate::resource::{Kind, Resource};
use crate::timestamp::Timestamp;

/// How many are deleted in one batch.
const AT_ONCE: usize = 500;

/// What is still to be deleted.
pub(super) struct Leaving(VecDeque<Task>);

struct Task {
    list: Resource,
    objects: Vec<(String, Timestamp)>,
    /// Lists that nothing may be left in: they would go along with it.
    within: Vec<Resource>,
}

impl Work {
    /// Deletes the source, if it is to be deleted.
    pub(super) fn leave(&mut self) -> Result<Next> {
        if !self.order.moves || !self.report.is_equal() {
            return Ok(Next::Finished);
        }
        if self.other_url && self.source == self.target {
            return Ok(self.look_at_bucket(Side::Source));
        }
        self.begin_to_leave()
    }

    /// Two URLs may lead to one server, where the target is the source: timestamps of buckets are not copied, so that those of
    /// two of them differ.
    fn look_at_bucket(&self, side: Side) -> Next {
        let get = buckets().get(&self.source.bucket);
        Next::Step(side, step(get, |bucket: Object| Done::Stamped(bucket.last_modified)))
    }

    pub(super) fn stamped(&mut self, at: Timestamp) -> Result<Next> {
        match self.stamp.replace(at) {
            None => Ok(self.look_at_bucket(Side::Target)),
            Some(source) if source == at => {
                let path = self.source.path();
                let why =
                    format!("{path} is the same in both places, as one server may have two URLs: nothing is deleted");
                self.stop(
                    Error::input(why).hint("copy it, and delete the source when it is certain that it is another"),
                )
            }
            Some(_) => self.begin_to_leave(),
        }
    }

    fn begin_to_leave(&mut self) -> Result<Next> {
        let mut tasks = VecDeque::new();
        // What is in others comes after them in the lists.
        for (pair, objects) in self.pairs.iter().zip(std::mem::take(&mut self.seen)).rev() {
            let within = |id: &str| match pair.kind() {
                Kind::Bucket => vec![bucket(id).collections(), bucket(id).groups().typed()],
                Kind::Collection => vec![bucket(&self.source.bucket).collection(id).records()],
                Kind::Group | Kind::Record | Kind::Account => Vec::new(),
            };
            let most = if matches!(pair.kind(), Kind::Bucket | Kind::Collection) { 1 } else { AT_ONCE };
            tasks.extend(objects.chunks(most).map(|some| Task {
                list: pair.source.clone(),
                objects: some.to_vec(),
                within: within(&some[0].0),
            }));
        }
        self.leaving = Some(Leaving(tasks));
        Ok(self.next_task())
    }

    fn next_task(&mut self) -> Next {
        let Some(task) = self.leaving.as_mut().and_then(|Leaving(tasks)| tasks.front_mut()) else {
            return Next::Finished;
        };
        if let Some(within) = task.within.pop() {
            return Next::Step(Side::Source, step(within.list().limit(1), Done::Left));
        }
        let mut batch = Batch::new();
        let unchanged = |(id, at): &(String, Timestamp)| ObjectRef::unchanged(id.clone(), *at);
        let tickets: Vec<_> =
            task.objects.iter().map(|object| batch.push(task.list.delete(unchanged(object)))).collect();
        let deleted = move |mut outcome: Outcome| Done::Deleted(tickets.iter().map(|it| outcome.take(*it)).collect());
        Next::Step(Side::Source, step(batch, deleted))
    }

    /// Takes what is left in something that is to be deleted.
    pub(super) fn looked_back(&mut self, left: &[Object]) -> Next {
        if !left.is_empty() {
            let task = self.leaving.as_mut().and_then(|Leaving(tasks)| tasks.pop_front());
            for (id, _) in task.into_iter().flat_map(|task| task.objects) {
                let why = "it is not empty: something was added to it, or changed, and was not moved";
                self.not_deleted(id, Error::new(ErrorKind::Other, why));
            }
        }
        self.next_task()
    }

    pub(super) fn deleted(&mut self, results: Vec<Result<Tombstone>>) -> Result<Next> {
        let task = self.leaving.as_mut().and_then(|Leaving(tasks)| tasks.pop_front());
        let ids = task.into_iter().flat_map(|task| task.objects).map(|(id, _)| id);
        let mut stopped = None;
        for (id, result) in ids.zip(results) {
            match result {
                Ok(_) => self.report.deleted += 1,
                // Somebody else has deleted it.
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    stopped = stopped.or_else(|| (error.kind() == ErrorKind::Stopped).then(|| error.copy()));
                    self.not_deleted(id, error);
                }
            }
        }
        match stopped {
            Some(error) => self.stop(error),
            None => Ok(self.next_task()),
        }
    }

    fn not_deleted(&mut self, id: String, error: Error) {
        self.report.not_deleted.push(NotCopied { id, part: CopyPart::Object, error });
    }
}
