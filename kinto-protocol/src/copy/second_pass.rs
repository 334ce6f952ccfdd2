//! Whether the target is what the source is.

use crate::copy::report::Difference;
use crate::copy::work::Work;
use crate::object::Object;
use crate::sync::{Planner, There, file_of, same_file};

impl Work {
    /// Compares objects of the source with what is there.
    pub(super) fn compare(&mut self, objects: Vec<Object>) {
        let Some(mut planner) = self.planner.take() else { return };
        for object in objects {
            let id = self.id_of(&object);
            let found = match planner.there(&id) {
                Some(there) => self.differences(&planner, there, &object),
                None => vec![Difference::Missing],
            };
            planner.see(&id);
            let id: Box<str> = id.into();
            self.list().differences.extend(found.into_iter().map(|difference| (id.clone(), difference)));
            if self.order.moves {
                self.seen[self.at].push((object.id, object.last_modified));
            }
        }
        self.planner = Some(planner);
    }

    fn differences(&self, planner: &Planner, there: &There, object: &Object) -> Vec<Difference> {
        let order = &self.order;
        let wanted = object.permissions.as_ref().filter(|_| order.permissions);
        let timestamps = order.timestamps && self.pair().has_own_timestamps;
        let files = self.pair().is_of_records() && (order.attachments || order.moves);
        let checks = [
            (!planner.has_content(there, &object.data), Difference::Data),
            (wanted.is_some_and(|it| !there.has_permissions(&self.renamed(it))), Difference::Permissions),
            (timestamps && there.last_modified != object.last_modified, Difference::Timestamp),
            (files && !same_file(file_of(&object.data), there.file().as_ref()), Difference::File),
        ];
        checks.into_iter().filter(|(differs, _)| *differs).map(|(_, difference)| difference).collect()
    }

    /// What is there and should not be.
    pub(super) fn compare_extra(&mut self, planner: &Planner) {
        if self.order.delete_extra && self.pair().only.is_none() {
            let extra = planner.extra().map(|id| (id.into(), Difference::Extra));
            self.list().differences.extend(extra);
        }
    }
}
