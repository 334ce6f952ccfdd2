//! `cp` and `mv`.

use kinto_blocking::{Client, CopyReport, CopyTo, EditKind, MoveTo, bucket};

use crate::carry_out::{self, Doing};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::place::Place;
use crate::read::Which;

/// Copies a collection or a bucket, within a server or to another
#[derive(clap::Args)]
#[command(after_help = "\
What is there already and the same is not written. Then both are read once more and compared: it fails if they are not equal.

Examples:
  kinto cp /blog/posts /blog/drafts
  kinto cp prod:/main local:/main-copy --delete --yes")]
pub(crate) struct Cp {
    /// The collection or bucket; stage:/blog is at the server of the profile stage
    source: String,
    /// What it is to be copied to, by its own name
    target: String,
    #[command(flatten)]
    which: Which,
    /// What is in the target and not in the source is deleted
    #[arg(long)]
    delete: bool,
    /// Without permissions
    #[arg(long)]
    no_permissions: bool,
    /// With new timestamps
    #[arg(long)]
    no_timestamps: bool,
    /// Without the files that are attached to records
    #[arg(long)]
    no_attachments: bool,
    #[command(flatten)]
    doing: Doing,
}

/// Moves a collection or a bucket: copies it, compares, and only then deletes the source
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kinto mv /blog/posts /archive/posts")]
pub(crate) struct Mv {
    /// The collection or bucket; stage:/blog is at the server of the profile stage
    source: String,
    /// What it is to be called then, and where
    target: String,
    /// With new timestamps
    #[arg(long)]
    no_timestamps: bool,
    #[command(flatten)]
    doing: Doing,
}

impl Cp {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let (source, target) = (context.site(&self.source)?, context.site(&self.target)?);
        if self.delete && !self.doing.dry_run && !self.doing.yes && !context.output.curl() {
            let planned = source.0.send(self.copy(&source, &target, true)?)?;
            let deletions: u64 = planned.lists().iter().map(|list| list.count(EditKind::Delete)).sum();
            if deletions > 0 {
                context.confirm(&format!("{}: {planned}. Go on?", self.target), false)?;
            }
        }
        let report = context.send_by(&source.0, self.copy(&source, &target, self.doing.dry_run)?)?;
        told(context, report, &self.target)
    }

    fn copy(&self, source: &(Client, Place), target: &(Client, Place), dry_run: bool) -> Result<CopyTo, Failure> {
        let mut copy = match (&source.1, &target.1) {
            (Place::Bucket(from), Place::Bucket(to)) => bucket(from).copy_to(&bucket(to)),
            (Place::Collection(of, from), Place::Collection(into, to)) => {
                bucket(of).collection(from).copy_to(&bucket(into).collection(to))
            }
            (from, to) => return Err(not_alike(from, to)),
        };
        copy = self.which.filters()?.into_iter().fold(copy.at(target.0.session()), CopyTo::filter);
        for (wanted, with) in [
            (!self.no_permissions, CopyTo::permissions as fn(CopyTo) -> CopyTo),
            (!self.no_timestamps, CopyTo::timestamps),
            (!self.no_attachments, CopyTo::attachments),
            (self.delete, CopyTo::delete_extra),
            (dry_run, CopyTo::dry_run),
        ] {
            copy = if wanted { with(copy) } else { copy };
        }
        Ok(copy)
    }
}

impl Mv {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let (source, target) = (context.site(&self.source)?, context.site(&self.target)?);
        let within = |(client, place): &(Client, Place)| -> Result<String, Failure> {
            Ok(place.counted(client.send(place.list()?.count())?))
        };
        let moved = match (&source.1, &target.1) {
            (Place::Bucket(from), Place::Bucket(to)) => bucket(from).move_to(&bucket(to)),
            (Place::Collection(of, from), Place::Collection(into, to)) => {
                bucket(of).collection(from).move_to(&bucket(into).collection(to))
            }
            (from, to) => return Err(not_alike(from, to)),
        };
        let mut moved = moved.at(target.0.session());
        for (wanted, with) in
            [(!self.no_timestamps, MoveTo::timestamps as fn(MoveTo) -> MoveTo), (self.doing.dry_run, MoveTo::dry_run)]
        {
            moved = if wanted { with(moved) } else { moved };
        }
        if !self.doing.dry_run && !context.output.curl() {
            let question = format!("Move {} with {} to {}?", self.source, within(&source)?, self.target);
            context.confirm(&question, self.doing.yes)?;
        }
        let report = context.send_by(&source.0, moved)?;
        told(context, report, &self.target)
    }
}

fn not_alike(from: &Place, to: &Place) -> Failure {
    Failure::Usage(format!("{from} and {to} are not alike: expected two collections, or two buckets"))
}

/// Shows what a dry run would do, and tells what was done.
fn told(context: &Context, report: CopyReport, what: &str) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::Done;
    for list in report.lists() {
        if let Some(plan) = list.plan().filter(|plan| !plan.is_empty()) {
            context.output.line(list.path())?;
            carry_out::show(plan)?;
            outcome = Outcome::Changes;
        }
        for not in list.not_copied() {
            context.say(&format!("{}: not copied: {}: {}", list.path(), not.id(), not.error()));
        }
        for (id, difference) in list.differences() {
            context.say(&format!("{}: {id}: found to differ: {difference:?}", list.path()));
        }
    }
    for not in report.not_deleted() {
        context.say(&format!("not deleted: {}: {}", not.id(), not.error()));
    }
    context.say(&format!("{what}: {report}"));
    report.into_result().map(|_| outcome).map_err(Failure::from)
}
