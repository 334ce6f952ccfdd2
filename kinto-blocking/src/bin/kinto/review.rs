//! `review`.

use clap::Subcommand;
use kinto_blocking::{Object, ReviewData, ReviewStatus, bucket};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::place::Place;

/// The review of a collection, on servers that sign what is published
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kinto review status /main-workspace/cfr
  kinto review request /main-workspace/cfr 'as in production'
  kinto review approve /main-workspace/cfr --wait")]
pub(crate) struct Review {
    #[command(subcommand)]
    step: Step,
    /// Shows the step, and does not do it. Ends with status 2
    #[arg(short = 'n', long, global = true)]
    dry_run: bool,
}

#[derive(Subcommand)]
enum Step {
    /// How far it has come
    Status(At),
    /// Asks for a review of the changes
    Request(Commented),
    /// Approves the changes, which are signed and published
    Approve(At),
    /// Declines the changes, which stay to be worked on
    Decline(Commented),
    /// Takes the changes back: the collection is again what is published
    Rollback(Commented),
    /// Signs what is published anew
    Resign(At),
}

#[derive(clap::Args)]
struct At {
    /// The collection, where it is worked on
    path: String,
    /// Waits until it is signed
    #[arg(long)]
    wait: bool,
}

#[derive(clap::Args)]
struct Commented {
    /// The collection, where it is worked on
    path: String,
    /// What is to be said about it
    comment: String,
}

impl Review {
    pub(crate) fn run(self, context: &mut Context) -> Result<Outcome, Failure> {
        let (path, wait) = match &self.step {
            Step::Status(at) | Step::Approve(at) | Step::Resign(at) => (&at.path, at.wait),
            Step::Request(of) | Step::Decline(of) | Step::Rollback(of) => (&of.path, false),
        };
        let Place::Collection(of, id) = context.place(path)? else {
            return Err(Failure::Usage(format!("{path} is no collection")));
        };
        let review = bucket(&of).collection(&id).review();
        let step = match &self.step {
            Step::Status(_) => None,
            Step::Request(of) => Some(("to-review", review.request(&of.comment))),
            Step::Approve(_) => Some(("to-sign", review.approve())),
            Step::Decline(of) => Some(("work-in-progress", review.decline(&of.comment))),
            Step::Rollback(of) => Some(("to-rollback", review.roll_back(&of.comment))),
            Step::Resign(_) => Some(("to-resign", review.resign())),
        };
        if let Some((to, _)) = step.as_ref().filter(|_| self.dry_run) {
            let from = context.client()?.send(review.status())?.data.status.map_or_else(|| "none".to_owned(), name);
            context.output.line(&format!("~ {path}\n    status: {from} → {to}"))?;
            return Ok(Outcome::Changes);
        }
        let mut now = match step {
            None => context.send(review.status())?,
            Some((_, step)) => context.send(step)?,
        };
        if wait {
            now = context.send(review.wait_until_signed())?;
        }
        context.output.object(shown(now), &[])?;
        Ok(Outcome::Done)
    }
}

fn shown(object: Object<ReviewData>) -> Map<String, Value> {
    let ReviewData {
        status,
        last_edit_by,
        last_edit_date,
        last_editor_comment,
        last_review_request_by,
        last_review_request_date,
        last_review_by,
        last_review_date,
        last_reviewer_comment,
        last_signature_by,
        last_signature_date,
        ..
    } = object.data;
    let fields = [
        ("id", json!(object.id)),
        ("status", json!(status.map(name))),
        ("last_edit_by", json!(last_edit_by)),
        ("last_edit_date", json!(last_edit_date)),
        ("last_editor_comment", json!(last_editor_comment)),
        ("last_review_request_by", json!(last_review_request_by)),
        ("last_review_request_date", json!(last_review_request_date)),
        ("last_review_by", json!(last_review_by)),
        ("last_review_date", json!(last_review_date)),
        ("last_reviewer_comment", json!(last_reviewer_comment)),
        ("last_signature_by", json!(last_signature_by)),
        ("last_signature_date", json!(last_signature_date)),
    ];
    let told = fields.into_iter().filter(|(_, value)| !value.is_null());
    told.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// As the server writes it.
fn name(status: ReviewStatus) -> String {
    match status {
        ReviewStatus::WorkInProgress => "work-in-progress".to_owned(),
        ReviewStatus::ToReview => "to-review".to_owned(),
        ReviewStatus::ToSign => "to-sign".to_owned(),
        ReviewStatus::Signed => "signed".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}
