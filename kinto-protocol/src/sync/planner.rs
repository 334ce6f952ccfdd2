//! What is there against what is wanted.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::id::IdRule;
use crate::json;
use crate::object::{JsonMap, Object};
use crate::permissions::Permissions;
use crate::resource::{Kind, Resource};
use crate::session::Session;
use crate::sync::content::{Fingerprint, Keys, by_name, callers, carried, is_as_none};
use crate::sync::edit::{Edit, EditKind};
use crate::sync::plan::Plan;
use crate::sync::survey::Wish;
use crate::sync::wanted::Wanted;
use crate::timestamp::Timestamp;

/// Knows what is there, and takes one by one what is wanted: the output of a [`Survey`](crate::Survey), and pure.
///
/// For records that come from elsewhere, such as another server, and need not all be in memory:
///
/// ```
/// # use kinto_protocol::{Object, Plan, Planner, Result};
/// fn plan(mut planner: Planner, elsewhere: impl Iterator<Item = Result<Object>>) -> Result<Plan> {
///     for record in elsewhere {
///         planner.want(record?)?;
///     }
///     Ok(planner.finish())
/// }
/// ```
pub struct Planner {
    resource: Resource,
    wish: Wish,
    server: String,
    id_rule: IdRule,
    pub(super) timestamp: Option<Timestamp>,
    there: HashMap<Box<str>, There>,
    keys: Keys,
    kept: usize,
    edits: Vec<Edit>,
    created: HashSet<Box<str>>,
    /// Timestamps that are given already, where they are kept: no two objects of a list have the same.
    taken: HashSet<Timestamp>,
    unchanged: u64,
}

/// A record that is there.
pub(crate) struct There {
    pub(crate) last_modified: Timestamp,
    pub(super) content: Fingerprint,
    /// Its data as text, where they are kept.
    data: Option<Box<str>>,
    /// What the server would take away if it were not sent along, as text.
    pub(super) carried: Option<Box<str>>,
    pub(crate) permissions: Option<Box<Permissions>>,
    pub(super) wanted: bool,
}

/// How a record that is wanted compares with what is there.
pub(crate) enum Standing {
    /// There is none, and this is to be written.
    Absent(Box<str>),
    /// It is as it is wanted.
    Same,
    /// It was changed then, and this is to be written in its place.
    Other(Timestamp, Box<str>),
}

impl Planner {
    pub(super) fn new(resource: Resource, wish: Wish, session: &Session) -> Self {
        Self {
            resource,
            wish,
            server: session.url(),
            id_rule: session.id_rule(),
            timestamp: None,
            there: HashMap::new(),
            keys: Keys::default(),
            kept: 0,
            edits: Vec::new(),
            created: HashSet::new(),
            taken: HashSet::new(),
            unchanged: 0,
        }
    }

    /// How many records are there.
    #[must_use]
    pub fn len(&self) -> usize {
        self.there.len()
    }

    /// Whether none is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.there.is_empty()
    }

    /// Takes a record that is there.
    pub(super) fn found(&mut self, record: Object) {
        let content = self.fingerprint(&record.data);
        let carried = carried(&record.data, self.resource.kind());
        if self.wish.keep_timestamps {
            self.taken.insert(record.last_modified);
        }
        let text = json::to_bytes(&record.data).ok().and_then(|text| String::from_utf8(text.into()).ok());
        let data = text.filter(|text| self.kept + text.len() <= self.wish.keep_bytes);
        self.kept += data.as_ref().map_or(0, String::len);
        let there = There {
            last_modified: record.last_modified,
            content,
            data: data.map(String::into_boxed_str),
            carried,
            permissions: record.permissions.map(Box::new),
            wanted: false,
        };
        self.there.insert(record.id.into(), there);
    }

    /// The fingerprint of what is compared.
    pub(crate) fn fingerprint(&self, data: &JsonMap) -> Fingerprint {
        let kind = self.resource.kind();
        let fields = callers(data, kind).filter(|(name, value)| !is_as_none(name, value, kind));
        match &self.wish.only_fields {
            Some(names) => self.keys.fingerprint(fields.filter(|(name, _)| names.contains(name))),
            None => self.keys.fingerprint(fields),
        }
    }

    /// A record is wanted, like this.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for an id that cannot be sent or is wanted twice, for data that cannot
    /// be written, and where permissions are to be compared that the server does not show.
    /// [`ErrorKind::Attachment`](crate::ErrorKind::Attachment) where files are compared, and what its data say of its file
    /// cannot be understood, or says no SHA-256.
    pub fn want(&mut self, wanted: impl Into<Wanted>) -> Result<()> {
        let mut wanted = wanted.into();
        let data = wanted.take_data(&self.resource, self.id_rule);
        let Wanted { id, permissions, last_modified, file, named_fields, named_permissions, .. } = wanted;
        let about = |error: Error| error.prefix(&format!("the record \"{}\" cannot be wanted: ", id.escape_debug()));
        let data = data.map_err(about)?;
        let permissions = permissions.filter(|_| self.wish.permissions);
        let at = last_modified.filter(|_| self.wish.keep_timestamps);
        let twice = || about(Error::input("it is wanted twice"));
        let content = self.fingerprint(&data);
        let has_named = named_fields && self.has_fields(&id, &data);
        let has_files = self.wish.attachments && self.resource.kind() == Kind::Record;
        let file = if has_files { file.edit(self.there.get(id.as_str()), &data).map_err(about)? } else { None };
        let Some(there) = self.there.get_mut(id.as_str()) else {
            if !self.created.insert(id.as_str().into()) {
                return Err(twice());
            }
            let claim = data.get_key_value("attachment").filter(|(_, file)| self.wish.claim_files && !file.is_null());
            let data = text(callers(&data, self.resource.kind()).chain(claim))?;
            // Of two that want the same, the server refuses the second for ever: it gets another.
            let at = at.filter(|at| self.taken.insert(*at));
            let edit = Edit { data: Some(data), permissions, at, file, ..Edit::of(EditKind::Create, id) };
            self.edits.push(edit);
            return Ok(());
        };
        if there.wanted {
            return Err(twice());
        }
        there.wanted = true;
        // All that are to be, by name, if they are not so already.
        let permissions = match (permissions, &there.permissions) {
            (None, _) => None,
            (Some(_), None) => {
                let error = Error::input("its permissions are not visible to the caller, and cannot be compared");
                return Err(about(error).hint("only those named in its own write permission see them"));
            }
            (Some(wanted), Some(visible)) => {
                let all = if named_permissions { wanted } else { wanted.naming_all_of(visible) };
                let met = all.iter().all(|(name, _)| all.is_met_in(visible, name));
                (!met).then_some(all)
            }
        };
        let same = has_named || there.content == content;
        let at = at.filter(|at| *at > there.last_modified && self.taken.insert(*at));
        // A file that is attached brings the timestamp along.
        let newer = at.is_some() && !file.as_ref().is_some_and(|file| file.attaches());
        let old = there.data.clone();
        let last_modified = Some(there.last_modified);
        let mut edit = Edit { last_modified, old, at, permissions, file, ..Edit::of(EditKind::Update, id) };
        if named_fields || self.wish.only_fields.is_some() {
            edit.some_fields = true;
            let is_named = |name: &String| self.wish.only_fields.as_ref().is_none_or(|names| names.contains(name));
            let fields = callers(&data, self.resource.kind()).filter(|(name, _)| is_named(name));
            edit.data = if same && !newer { None } else { Some(text(fields)?) };
            // What is there may have more of these fields, and keeps them.
            edit.data.take_if(|data| &**data == "{}" && !newer);
        } else if !same || newer {
            edit.data = Some(there.replaced(&data, self.resource.kind())?);
        }
        if edit.data.is_none() && edit.permissions.is_none() && edit.file.is_none() {
            self.unchanged += 1;
        } else {
            self.edits.push(edit);
        }
        Ok(())
    }

    /// Whether what is there has these fields like this, whatever others it has.
    fn has_fields(&self, id: &str, fields: &JsonMap) -> bool {
        let there = self.there.get(id).and_then(|there| there.data.as_deref());
        // Of what was not kept, nobody knows.
        let there = there.and_then(|text| serde_json::from_str::<JsonMap>(text).ok());
        there.is_some_and(|mut there| {
            there.retain(|name, _| fields.contains_key(name));
            self.fingerprint(&there) == self.fingerprint(fields)
        })
    }

    /// What is to be done about a record that is wanted like this, for those who do it at once.
    pub(crate) fn standing(&self, id: &str, data: &JsonMap) -> Result<Standing> {
        let kind = self.resource.kind();
        Ok(match self.there.get(id) {
            None => Standing::Absent(text(callers(data, kind))?),
            Some(there) if self.has_content(there, data) => Standing::Same,
            Some(there) => Standing::Other(there.last_modified, there.replaced(data, kind)?),
        })
    }

    /// It was written, and is there like this now.
    pub(crate) fn wrote(&mut self, id: Box<str>, last_modified: Timestamp, content: Fingerprint) {
        let there = There { last_modified, content, data: None, carried: None, permissions: None, wanted: false };
        let there = self.there.entry(id).or_insert(there);
        (there.last_modified, there.content) = (last_modified, content);
    }

    /// What was found of this id.
    pub(crate) fn there(&self, id: &str) -> Option<&There> {
        self.there.get(id)
    }

    pub(super) fn there_mut(&mut self, id: &str) -> Option<&mut There> {
        self.there.get_mut(id)
    }

    /// The ids of what is there and was not wanted.
    pub(crate) fn extra(&self) -> impl Iterator<Item = &str> {
        self.there.iter().filter(|(_, there)| !there.wanted).map(|(id, _)| &**id)
    }

    /// Whether it was wanted already.
    pub(crate) fn was_wanted(&self, id: &str) -> bool {
        self.created.contains(id) || self.there.get(id).is_some_and(|there| there.wanted)
    }

    /// The plan so far: what was wanted since it was asked for last.
    pub(crate) fn so_far(&mut self) -> Plan {
        let edits = in_order(std::mem::take(&mut self.edits), &mut self.taken);
        let path = self.resource.path().as_str().to_owned();
        let unchanged = std::mem::take(&mut self.unchanged);
        Plan { server: self.server.clone(), path, timestamp: self.timestamp, unchanged, left: 0, edits }
    }

    /// The plan: what was wanted is there then, and what was not is not, unless it may stay.
    pub fn finish(self) -> Plan {
        let Self { resource, wish, server, edits, there, unchanged, timestamp, mut taken, .. } = self;
        let mut edits = in_order(edits, &mut taken);
        let extra = there.into_iter().filter(|(_, there)| !there.wanted);
        let left = if wish.keep_extra {
            extra.count() as u64
        } else {
            let delete = |(id, there): (Box<str>, There)| {
                let last_modified = Some(there.last_modified);
                Edit { last_modified, old: there.data, ..Edit::of(EditKind::Delete, id.into()) }
            };
            let mut deletions: Vec<Edit> = extra.map(delete).collect();
            deletions.sort_unstable_by(|a, b| a.id.cmp(&b.id));
            edits.extend(deletions);
            0
        };
        Plan { server, path: resource.path().as_str().to_owned(), timestamp, unchanged, left, edits }
    }
}

impl There {
    /// What is to be written in its place.
    fn replaced(&self, data: &JsonMap, kind: Kind) -> Result<Box<str>> {
        let carried: Option<JsonMap> = self.carried.as_deref().and_then(|text| serde_json::from_str(text).ok());
        text(callers(data, kind).chain(carried.iter().flatten()))
    }
}

/// The server gives no timestamps between others: what is written later is newer.
fn in_order(mut edits: Vec<Edit>, taken: &mut HashSet<Timestamp>) -> Vec<Edit> {
    edits.sort_by_key(|edit| (edit.at.is_none(), edit.at));
    for edit in &mut edits {
        let (Some(file), Some(at)) = (&mut edit.file, edit.at) else { continue };
        if !file.attaches() {
            continue;
        }
        // As attaching it is one more change of the record, that has an earlier timestamp until then, as no other has.
        let earlier = |at: &Timestamp| at.as_millis().checked_sub(1).map(Timestamp::from_millis);
        let free = std::iter::successors(earlier(&at), earlier).find(|before| !taken.contains(before));
        if let Some(before) = free.filter(|before| edit.last_modified.is_none_or(|there| *before > there)) {
            taken.insert(before);
            file.begin_at(before);
        }
    }
    edits
}

/// These fields as JSON text.
pub(crate) fn text<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>) -> Result<Box<str>> {
    written(fields.collect())
}

/// Built once, wherever the fields come from.
fn written(fields: Vec<(&String, &Value)>) -> Result<Box<str>> {
    let text = json::to_bytes(&Members(by_name(fields)))?;
    String::from_utf8(text.into()).map(String::into_boxed_str).map_err(|error| Error::input(error.to_string()))
}

struct Members<'a>(Vec<(&'a String, &'a Value)>);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().copied())
    }
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner").field("path", &self.resource.path()).field("len", &self.len()).finish_non_exhaustive()
    }
}
