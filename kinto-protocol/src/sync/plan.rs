//! A plan: what has to be done.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::resource::Resource;
#[cfg(feature = "export")]
use crate::session::Session;
use crate::sync::apply::Apply;
use crate::sync::edit::{Edit, EditKind};
use crate::timestamp::Timestamp;

/// What has to be done to make a list what it is wanted to be: made by [`Resource::sync`], without changing anything.
///
/// `Display` is a summary on one line; each of the [`changes`](Self::changes) shows itself in full. A plan can be saved (in
/// any format of serde's), looked at, and applied later: whatever was changed in the meantime is a conflict then, and not
/// overwritten.
///
/// ```
/// # use kinto_protocol::Plan;
/// let saved = r#"{"server": "https://kinto.example/v1", "path": "/buckets/b/collections/c/records",
///     "unchanged": 94, "edits": [{"kind": "create", "id": "milk", "data": {"title": "Buy milk"}}]}"#;
/// let plan: Plan = serde_json::from_str(saved)?;
/// assert_eq!(plan.to_string(), "1 to create, 94 unchanged");
/// assert_eq!(plan.changes().next().unwrap().to_string(), "+ milk\n    title: \"Buy milk\"");
/// let apply = plan.apply();
/// # let _ = apply;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use = "a plan changes nothing before it is applied"]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub(super) server: String,
    pub(super) path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<Timestamp>,
    #[serde(default)]
    pub(super) unchanged: u64,
    #[serde(default)]
    pub(super) left: u64,
    pub(super) edits: Vec<Edit>,
}

impl Plan {
    /// What has to be done, in the order in which it will be.
    pub fn changes(&self) -> impl Iterator<Item = &Edit> {
        self.edits.iter()
    }

    /// How many changes of this kind there are.
    #[must_use]
    pub fn count(&self, kind: EditKind) -> usize {
        self.edits.iter().filter(|edit| edit.kind == kind).count()
    }

    /// How many files are to be attached, and how many removed.
    pub(crate) fn files(&self) -> [u64; 2] {
        let files = self.edits.iter().filter_map(|edit| edit.file.as_ref());
        files.fold([0; 2], |mut counts, file| {
            counts[usize::from(!file.attaches())] += 1;
            counts
        })
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// How many records are as they are wanted.
    #[must_use]
    pub fn unchanged(&self) -> u64 {
        self.unchanged
    }

    /// How many records are there and not wanted, and stay.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// When anything in the list last changed before the plan was made.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.timestamp
    }

    /// The URL of the server that the plan is for. Applied at another one, it is an error of the kind
    /// [`Input`](crate::ErrorKind::Input) before anything is sent, see [`at`](Self::at).
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The same for another server, or for the same one under another URL. What was changed there is a conflict, as ever.
    pub fn at(mut self, server: impl Into<String>) -> Self {
        self.server = server.into();
        self
    }

    /// Only those of the changes that this is true of; the others are forgotten.
    ///
    /// ```
    /// use kinto_protocol::{EditKind, Plan};
    ///
    /// fn without_deletions(plan: Plan) -> Plan {
    ///     plan.only(|change| change.kind() != EditKind::Delete)
    /// }
    /// ```
    pub fn only(mut self, wanted: impl FnMut(&Edit) -> bool) -> Self {
        let mut wanted = wanted;
        self.edits.retain(|edit| wanted(edit));
        self
    }

    /// Does it, when it is sent: in batches, each write only if nobody has changed that record since the plan was made. The output
    /// is a [`Report`](crate::Report), which is to be looked at: a change that failed is no error of the whole.
    pub fn apply(self) -> Apply {
        Apply::new(self)
    }

    /// To delete these, as long as they are as they were at these times.
    #[cfg(feature = "export")]
    pub(crate) fn of_deletions(list: &Resource, session: &Session, extra: &[(String, Timestamp)]) -> Self {
        let delete = |(id, at): &(String, Timestamp)| {
            let last_modified = Some(*at);
            Edit { last_modified, ..Edit::of(EditKind::Delete, id.clone()) }
        };
        let (server, path) = (session.url(), list.path().as_str().to_owned());
        let edits = extra.iter().map(delete).collect();
        Self { server, path, timestamp: None, unchanged: 0, left: 0, edits }
    }

    pub(super) fn resource(&self) -> Result<Resource> {
        Resource::parse(&self.path)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = |count: u64| if count == 1 { "file" } else { "files" };
        let [attach, remove] = self.files();
        let counts = [
            (self.count(EditKind::Create) as u64, "to create"),
            (self.count(EditKind::Update) as u64, "to update"),
            (self.count(EditKind::Delete) as u64, "to delete"),
            (attach, &*format!("{} to attach", files(attach))),
            (remove, &*format!("{} to remove", files(remove))),
            (self.unchanged, "unchanged"),
            (self.left, "left alone"),
        ];
        if self.is_empty() {
            f.write_str("nothing to do")?;
        }
        let mut first = !self.is_empty();
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{}{count} {what}", if first { "" } else { ", " })?;
            first = false;
        }
        Ok(())
    }
}
