//! Which lists a copy is made of.

use percent_encoding::percent_decode_str;

use crate::address::{bucket, buckets};
use crate::error::{Error, Result};
use crate::path::Path;
use crate::resource::{Kind, Resource};
use crate::session::Session;

/// A bucket or a collection, by its ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: String,
    pub(super) collection: Option<String>,
}

/// A list of the source, and the one that it is copied to.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) source: Resource,
    pub(super) target: Resource,
    /// Of one object alone: its id there, and here.
    pub(super) only: Option<(String, String)>,
    /// Whether timestamps can be kept: in one list no two objects have the same.
    pub(super) has_own_timestamps: bool,
    /// Whether what it is in is to be created: then nothing is there.
    pub(super) absent: bool,
}

impl Place {
    /// Of the path of an address.
    pub(super) fn of(path: &Path, session: &Session) -> Result<Self> {
        path.check(session.id_rule())?;
        let id = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let segments: Vec<String> = path.as_str().split('/').skip(1).map(id).collect();
        let mut ids = segments.into_iter().skip(1).step_by(2);
        let bucket = ids.next().ok_or_else(|| Error::input("only buckets and collections can be copied"))?;
        Ok(Self { bucket, collection: ids.next() })
    }

    pub(super) fn is_in_default_bucket(&self) -> bool {
        self.bucket == "default"
    }

    pub(super) fn path(&self) -> String {
        let bucket = bucket(&self.bucket);
        self.collection.as_ref().map_or_else(
            || bucket.path().as_str().to_owned(),
            |collection| bucket.collection(collection).path().as_str().to_owned(),
        )
    }

    /// The list that it is in itself, and its id.
    fn itself(&self) -> (Resource, String) {
        match &self.collection {
            Some(collection) => (bucket(&self.bucket).collections(), collection.clone()),
            None => (buckets(), self.bucket.clone()),
        }
    }
}

impl Pair {
    /// A bucket or a collection by itself: its attributes.
    pub(super) fn itself(source: &Place, target: &Place, same_server: bool) -> Self {
        let ((from, old), (to, new)) = (source.itself(), target.itself());
        // All buckets are in one list, of which nobody sees all.
        let has_own_timestamps = from.kind() != Kind::Bucket && !(same_server && from == to);
        Self { only: Some((old, new)), has_own_timestamps, ..Self::list(from, to, false) }
    }

    fn list(source: Resource, target: Resource, absent: bool) -> Self {
        Self { source, target, only: None, has_own_timestamps: true, absent }
    }

    pub(super) fn groups(source: &Place, target: &Place, absent: bool) -> Self {
        let of = |place: &Place| bucket(&place.bucket).groups().typed();
        Self::list(of(source), of(target), absent)
    }

    pub(super) fn collections(source: &Place, target: &Place, absent: bool) -> Self {
        let of = |place: &Place| bucket(&place.bucket).collections();
        Self::list(of(source), of(target), absent)
    }

    /// The records of collections of these ids.
    pub(super) fn records(source: &Place, target: &Place, ids: (&str, &str), absent: bool) -> Self {
        let of = |place: &Place, id: &str| bucket(&place.bucket).collection(id).records();
        Self::list(of(source, ids.0), of(target, ids.1), absent)
    }

    pub(super) fn kind(&self) -> Kind {
        self.source.kind()
    }

    pub(super) fn is_of_records(&self) -> bool {
        self.kind() == Kind::Record
    }

    /// What it is called in the target.
    pub(super) fn path(&self) -> String {
        let path = self.only.as_ref().map(|(_, id)| self.target.object_path(id));
        path.as_ref().unwrap_or(self.target.path()).as_str().to_owned()
    }
}
