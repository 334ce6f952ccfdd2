//! What is there and not in the export.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::archive::place::Place;
use crate::flows::Pages;
use crate::object::Object;
use crate::resource::Resource;
use crate::timestamp::Timestamp;

/// Which objects the export has, list by list, and how far those that it has not have been looked for.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// A short hash for each id, as there may be many: of two ids that share one, the extra one would stay.
    known: BTreeMap<String, HashSet<u64>>,
    /// In the order in which they are to be looked through: what is in an object before the object.
    lists: VecDeque<Resource>,
    looking: Option<(Resource, Pages<Object<()>>)>,
}

impl Extra {
    /// All that is in this belongs to the export.
    pub(super) fn covers(&mut self, place: &Place) {
        if place.collection.is_some() {
            self.covers_list(place.record("x").list());
        } else {
            self.covers_list(place.group("x").list());
            self.covers_list(place.collection("x").list());
        }
    }

    fn covers_list(&mut self, list: Resource) {
        let known = self.known.entry(list.path().as_str().to_owned());
        if matches!(known, std::collections::btree_map::Entry::Vacant(_)) {
            known.or_default();
            self.lists.push_front(list);
        }
    }

    /// The export has this.
    pub(super) fn has(&mut self, list: &Resource, id: &str) {
        if let Some(known) = self.known.get_mut(list.path().as_str()) {
            known.insert(hash(id));
        }
    }

    /// The page to look at next, until all lists were looked through.
    pub(super) fn next(&mut self) -> Option<&mut (Resource, Pages<Object<()>>)> {
        if self.looking.as_ref().is_none_or(|(_, pages)| pages.is_at_end()) {
            let list = self.lists.pop_front()?;
            let pages = list.typed().list().fields(["id"]).page_size(1_000).pages();
            self.looking = Some((list, pages));
        }
        self.looking.as_mut()
    }

    /// Leaves a list in which there can be nothing.
    pub(super) fn leave(&mut self) {
        self.looking = None;
    }

    /// The list that is being looked through.
    pub(super) fn list(&mut self) -> Option<&mut (Resource, Pages<Object<()>>)> {
        self.looking.as_mut()
    }

    /// Those of a page that the export has not.
    pub(super) fn among(&self, list: &Resource, page: Vec<Object<()>>) -> Vec<(String, Timestamp)> {
        let known = self.known.get(list.path().as_str());
        let extra = page.into_iter().filter(|it| known.is_some_and(|known| !known.contains(&hash(&it.id))));
        extra.map(|it| (it.id, it.last_modified)).collect()
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
