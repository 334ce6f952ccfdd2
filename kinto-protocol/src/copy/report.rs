//! What came of a copy.

use std::fmt;

use crate::batch::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::server_error::Escaped;
use crate::sync::{EditKind, Plan, Report};

/// What came of a [`CopyTo`](crate::CopyTo) or a [`MoveTo`](crate::MoveTo), list by list. `Display` is a summary on one line.
#[must_use = "what was not copied is told here, and nowhere else"]
#[derive(Debug, Default)]
pub struct CopyReport {
    pub(super) lists: Vec<CopiedList>,
    pub(super) dry_run: bool,
    pub(super) verified: bool,
    pub(super) deleted: u64,
    pub(super) not_deleted: Vec<NotCopied>,
    pub(super) stopped: Option<Error>,
}

/// What came of one list: a bucket or a collection by itself, the groups or collections of a bucket, or the records of a
/// collection.
#[derive(Debug, Default)]
pub struct CopiedList {
    pub(super) path: String,
    pub(super) counts: [u64; 3],
    pub(super) unchanged: u64,
    pub(super) left: u64,
    pub(super) files: u64,
    pub(super) files_left: u64,
    pub(super) not_copied: Vec<NotCopied>,
    pub(super) differences: Vec<(Box<str>, Difference)>,
    pub(super) plan: Option<Plan>,
}

/// What was not copied, or not deleted, and why.
#[derive(Debug)]
pub struct NotCopied {
    pub(super) id: String,
    pub(super) part: CopyPart,
    pub(super) error: Error,
}

/// What of an object could not be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CopyPart {
    /// The object itself.
    Object,
    /// Its permissions, as they are not visible to the caller.
    Permissions,
    /// The file that is attached to it.
    File,
}

/// How an object of the target differs from that of the source, in what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Difference {
    /// It is not there.
    Missing,
    /// It is there, and not in the source. Only where such objects are to be deleted.
    Extra,
    /// Its data are others.
    Data,
    /// Its permissions are others, or not visible.
    Permissions,
    /// It has another timestamp.
    Timestamp,
    /// It has another file, or one has none.
    File,
}

impl CopyReport {
    /// List by list, in the order in which they were copied.
    #[must_use]
    pub fn lists(&self) -> &[CopiedList] {
        &self.lists
    }

    /// Why it stopped before its end, if it did. The same copy once more goes on from there.
    #[must_use]
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref()
    }

    /// Whether the second pass has read all of the source and the target once more, whatever it found.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verified
    }

    /// How many objects of the source were deleted, by a move.
    #[must_use]
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    /// What a move was to delete of the source, and did not: as it was changed, or anything added to it, since it was
    /// compared.
    #[must_use]
    pub fn not_deleted(&self) -> &[NotCopied] {
        &self.not_deleted
    }

    /// Whether all of it was copied and found equal; and if it was moved, the source is gone. Of a dry run, whether nothing
    /// stands in its way so far.
    #[must_use]
    pub fn is_success(&self) -> bool {
        let copied = self.is_equal() && self.not_deleted.is_empty();
        copied && self.stopped.is_none() && (self.verified || self.dry_run)
    }

    /// Whether nothing is missing, as far as was looked.
    pub(super) fn is_equal(&self) -> bool {
        self.lists.iter().all(|list| list.not_copied.is_empty() && list.differences.is_empty())
    }

    /// Whether nothing was written, nor tried.
    pub(super) fn is_untouched(&self) -> bool {
        let untouched = |list: &CopiedList| list.counts == [0; 3] && list.files == 0 && list.not_copied.is_empty();
        self.lists.iter().all(untouched) && self.deleted == 0 && self.not_deleted.is_empty()
    }

    /// The same, if all is well.
    ///
    /// # Errors
    ///
    /// What stopped it, or else why the first of what was not copied was not, or not deleted, or what the second pass found.
    pub fn into_result(mut self) -> Result<Self> {
        if self.is_success() {
            return Ok(self);
        }
        let said = self.to_string();
        let touched = !self.is_untouched();
        let first = self.lists.iter_mut().find(|list| !list.not_copied.is_empty());
        let first = first.map(|list| list.not_copied.swap_remove(0));
        let first = first.or_else(|| (!self.not_deleted.is_empty()).then(|| self.not_deleted.swap_remove(0)));
        let error = match (self.stopped, first) {
            (Some(error), _) => error.prefix("the copy stopped: "),
            (None, Some(first)) => {
                first.error.prefix(&format!("{said}; the first that was not, \"{}\": ", Escaped(&first.id)))
            }
            (None, None) => Error::input(said),
        };
        Err(if touched { error.among_others() } else { error })
    }

    fn sum(&self, of: impl Fn(&CopiedList) -> u64) -> u64 {
        self.lists.iter().map(of).sum()
    }
}

impl CopiedList {
    /// The path of the list in the target: of a bucket or a collection by itself, its own.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How many objects were created, updated or deleted; of a dry run, would be.
    #[must_use]
    pub fn count(&self, kind: EditKind) -> u64 {
        self.plan.as_ref().map_or(self.counts[kind as usize], |plan| plan.count(kind) as u64)
    }

    /// How many objects were as they should be.
    #[must_use]
    pub fn unchanged(&self) -> u64 {
        self.plan.as_ref().map_or(self.unchanged, Plan::unchanged)
    }

    /// How many objects of the target are not in the source, and were left alone.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.plan.as_ref().map_or(self.left, Plan::left)
    }

    /// How many files were copied or removed; of a dry run, would be.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.plan.as_ref().map_or(self.files, |plan| plan.files().iter().sum())
    }

    /// How many records have a file that was not copied as nobody asked for files.
    #[must_use]
    pub fn files_left(&self) -> u64 {
        self.files_left
    }

    /// What could not be copied, and why: also what somebody else has changed in the target meanwhile, which is not
    /// overwritten.
    #[must_use]
    pub fn not_copied(&self) -> &[NotCopied] {
        &self.not_copied
    }

    /// What the second pass found: the ids of the target's objects, and how they differ from the source.
    pub fn differences(&self) -> impl Iterator<Item = (&str, Difference)> {
        self.differences.iter().map(|(id, difference)| (&**id, *difference))
    }

    /// What a dry run would do: a plan for the target, which may be looked at and applied (with the source's files, if
    /// it has any: `Apply::files_from`). `None` where it was done.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// Takes what came of a plan. Gives why there can be no files, if that was found out.
    pub(super) fn add(&mut self, report: &Report) -> Option<Error> {
        let mut no_files = None;
        for item in report.items() {
            let none = || Error::input("nobody knows why");
            let error = || item.error().map_or_else(none, Error::copy);
            match (item.record(), item.file()) {
                (Status::Done | Status::AlreadySo, file) => {
                    self.counts[item.kind() as usize] += 1;
                    match file {
                        Some(Status::Done) => self.files += 1,
                        None | Some(Status::AlreadySo) => {}
                        Some(_) => {
                            no_files =
                                no_files.or_else(|| Some(error()).filter(|it| it.kind() == ErrorKind::Unsupported));
                            self.not(item.id(), CopyPart::File, error());
                        }
                    }
                }
                _ => self.not(item.id(), CopyPart::Object, error()),
            }
        }
        no_files
    }

    pub(super) fn not(&mut self, id: &str, part: CopyPart, error: Error) {
        self.not_copied.push(NotCopied { id: id.to_owned(), part, error });
    }
}

impl NotCopied {
    /// The id of the object, in the list that it belongs to.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What of the object could not be copied: itself, its permissions, its file.
    #[must_use]
    pub fn part(&self) -> CopyPart {
        self.part
    }

    /// Why not. A 412 says that somebody else has written it in the target meanwhile.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }
}

impl fmt::Display for CopyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = if self.dry_run { "to be " } else { "" };
        let count = |kind| self.sum(|list| list.count(kind));
        let counts = [
            (count(EditKind::Create), format!("{plan}created")),
            (count(EditKind::Update), format!("{plan}updated")),
            (count(EditKind::Delete), format!("{plan}deleted")),
            (self.sum(CopiedList::unchanged), "unchanged".into()),
            (self.sum(CopiedList::left), "left alone".into()),
            (self.sum(CopiedList::files), format!("files {plan}copied")),
            (self.sum(CopiedList::files_left), "files not asked for".into()),
            (self.sum(|list| list.not_copied.len() as u64), "not copied".into()),
            (self.sum(|list| list.differences.len() as u64), "found to differ".into()),
            (self.deleted, "deleted from the source".into()),
            (self.not_deleted.len() as u64, "not deleted from the source".into()),
        ];
        let said = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        let said: Vec<String> = said.collect();
        f.write_str(if said.is_empty() { "nothing to copy" } else { "" })?;
        f.write_str(&said.join(", "))?;
        match &self.stopped {
            Some(error) => write!(f, "; stopped: {error}"),
            None if self.verified && self.is_equal() => f.write_str("; verified"),
            None => Ok(()),
        }
    }
}
