//! Making the target what the source is.

use serde_json::Value;

use crate::address::bucket;
use crate::copy::lists::Place;
use crate::copy::report::CopyPart;
use crate::copy::step::{Done, Side, step};
use crate::copy::work::{Next, Work, over};
use crate::error::{Error, Result};
use crate::object::Object;
use crate::permissions::Permissions;
use crate::resource::Kind;
use crate::session::Session;
#[cfg(feature = "attachments")]
use crate::sync::attachable;
use crate::sync::{Wanted, file_of};

impl Work {
    /// Takes objects of the source.
    pub(super) fn consider(&mut self, session: &Session, objects: Vec<Object>) -> Result<Next> {
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
            return self.next_page(session);
        }
        let apply = plan.apply();
        // That there can be no files is told of each of them, and keeps no record from being copied.
        #[cfg(feature = "attachments")]
        let apply = apply.files_from(session).records_all_the_same(self.no_files.as_ref().map(Error::copy));
        Ok(Next::Step(Side::Target, step(apply, Done::Written)))
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
            let mut wanted = Wanted::new(id.as_str(), &object.data);
            if self.order.timestamps {
                wanted = wanted.last_modified(object.last_modified);
            }
            if let (Some(file), true) = (file_of(&object.data), self.pair().is_of_records()) {
                wanted = self.with_file(&id, file, wanted);
            }
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

    /// With the file that it has in the source, if it can be had.
    fn with_file(&mut self, id: &str, file: &Value, wanted: Wanted) -> Wanted {
        #[cfg(feature = "attachments")]
        if self.order.attachments {
            let Err(error) = attachable(file) else { return wanted };
            self.list().not(id, CopyPart::File, error);
            return wanted.keep_file();
        }
        let _ = (id, file);
        self.list().files_left += 1;
        wanted
    }

    /// Permissions as they are to be in the target: groups of a bucket that gets another id stay its groups.
    pub(super) fn renamed(&self, permissions: &Permissions) -> Permissions {
        let path = |place: &Place| format!("{}/groups/", bucket(&place.bucket).path());
        let (old, new) = (path(&self.source), path(&self.target));
        let all = self.source.collection.is_none();
        let renamed = |who: &str| match who.strip_prefix(&old) {
            Some(group) if all => format!("{new}{group}"),
            _ => who.to_owned(),
        };
        Permissions::of_each(permissions.iter().map(|(name, whom)| (name, whom.map(renamed))))
    }
}

fn invisible(place: &str) -> Error {
    let error =
        Error::input(format!("its permissions in the {place} are not visible to the caller, and are not copied"));
    error.hint("only those named in its own write permission see them")
}
