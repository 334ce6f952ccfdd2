//! Where an object of an export is, and where it is to go.

use percent_encoding::percent_decode_str;

use crate::address::{bucket, buckets};
use crate::error::{Error, Result};
use crate::id::IdRule;
use crate::path::Path;
use crate::permissions::Permissions;
use crate::resource::{Kind, Resource};

/// Where an object is: the ids on the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) bucket: String,
    /// Of a collection, and of the records in one.
    pub(super) collection: Option<String>,
    /// Of a group or a record.
    pub(super) member: Option<String>,
}

impl Place {
    pub(super) fn bucket(bucket: &str) -> Self {
        Self { bucket: bucket.to_owned(), collection: None, member: None }
    }

    pub(super) fn group(&self, id: &str) -> Self {
        Self { bucket: self.bucket.clone(), collection: None, member: Some(id.to_owned()) }
    }

    pub(super) fn collection(&self, id: &str) -> Self {
        Self { bucket: self.bucket.clone(), collection: Some(id.to_owned()), member: None }
    }

    pub(super) fn record(&self, id: &str) -> Self {
        Self { member: Some(id.to_owned()), ..self.clone() }
    }

    /// Of an address. What is wrong with its ids shows when it is asked for.
    pub(super) fn of(path: &Path) -> Self {
        let mut ids = path.as_str().split('/').skip(2).step_by(2);
        let mut next = || ids.next().map(|id| percent_decode_str(id).decode_utf8_lossy().into_owned());
        Self { bucket: next().unwrap_or_default(), collection: next(), member: None }
    }

    /// From a path as it stands in a line: written in one way, and no other.
    pub(super) fn parse(path: &str) -> Result<Self> {
        let wrong = || Error::input(format!("\"{}\" is not the path of an object", path.escape_debug()));
        let segment = |text: &str| percent_decode_str(text).decode_utf8().map(String::from).map_err(|_| wrong());
        let segments: Vec<String> = path.split('/').skip(1).map(segment).collect::<Result<_>>()?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let place = match segments[..] {
            ["buckets", id] => Self::bucket(id),
            ["buckets", id, "groups", group] => Self::bucket(id).group(group),
            ["buckets", id, "collections", collection] => Self::bucket(id).collection(collection),
            ["buckets", id, "collections", collection, "records", record] => {
                Self::bucket(id).collection(collection).record(record)
            }
            _ => return Err(wrong()),
        };
        place.list().object_path(place.id()).check(IdRule::Wide)?;
        if place.path() == path { Ok(place) } else { Err(wrong()) }
    }

    pub(super) fn kind(&self) -> Kind {
        match (&self.collection, &self.member) {
            (None, None) => Kind::Bucket,
            (None, Some(_)) => Kind::Group,
            (Some(_), None) => Kind::Collection,
            (Some(_), Some(_)) => Kind::Record,
        }
    }

    pub(super) fn id(&self) -> &str {
        self.member.as_ref().or(self.collection.as_ref()).unwrap_or(&self.bucket)
    }

    /// The list that it is in.
    pub(super) fn list(&self) -> Resource {
        let within = bucket(&self.bucket);
        match (&self.collection, &self.member) {
            (None, None) => buckets(),
            (None, Some(_)) => within.groups().typed(),
            (Some(_), None) => within.collections(),
            (Some(collection), Some(_)) => within.collection(collection).records(),
        }
    }

    pub(super) fn path(&self) -> String {
        self.list().object_path(self.id()).as_str().to_owned()
    }

    /// Whether it is this, or in it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| b.is_none() || a == b;
        self.bucket == other.bucket
            && same(&self.collection, &other.collection)
            && (other.member.is_none() || self == other)
    }
}

/// Under which names what is imported is to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) bucket: Option<String>,
    pub(super) collections: Vec<(String, String)>,
}

impl Names {
    pub(super) fn of(&self, place: &Place) -> Place {
        let bucket = self.bucket.as_ref().unwrap_or(&place.bucket).clone();
        let renamed =
            |id: &String| self.collections.iter().find(|(old, _)| old == id).map_or(id, |(_, new)| new).clone();
        Place { bucket, collection: place.collection.as_ref().map(renamed), member: place.member.clone() }
    }

    /// Groups are named with their bucket.
    pub(super) fn in_permissions(&self, permissions: &Permissions, from: &str) -> Permissions {
        let old = bucket(from).groups().path().as_str().to_owned() + "/";
        let new = bucket(self.bucket.as_deref().unwrap_or(from)).groups().path().as_str().to_owned() + "/";
        let renamed =
            |who: &str| who.strip_prefix(&old).map_or_else(|| who.to_owned(), |group| format!("{new}{group}"));
        Permissions::of_each(permissions.iter().map(|(name, whom)| (name, whom.map(renamed))))
    }
}
