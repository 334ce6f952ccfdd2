//! Changesets and reviews: what Python's calls of them are in our words.

use kinto_protocol::{Attributes, Bucket, JsonMap, bucket, changed_collections};
use serde_json::json;

use crate::case::{Args, Client};
use crate::output::Stop;
use crate::python::{Outcome, Way, if_match, timestamp};

/// A collection and its changes. Of the one that lists which collections changed we read that.
pub(crate) fn changeset(way: Way<'_>, client: &Client, args: &Args) -> Outcome {
    let (within, id) = place(client, args, "collection")?;
    let collection = within.collection(&id);
    // Python takes any text for it, with or without quotes; beside it, the wish to pass by the caches is nothing.
    let expected = args.given("_expected").map(timestamp).transpose()?;
    let is_fresh = args.is("bust_cache") == Some(true);
    let changeset = || match (expected, is_fresh) {
        (Some(at), _) => collection.changeset::<JsonMap>().expected(at),
        (None, true) => collection.changeset().fresh(),
        (None, false) => collection.changeset(),
    };
    if collection.path().as_str() != "/buckets/monitor/collections/changes" {
        return way.operation(changeset());
    }
    let changed = changed_collections();
    let changed = match (expected, is_fresh) {
        (Some(at), _) => changed.expected(at),
        (None, true) => changed.fresh(),
        (None, false) => changed,
    };
    way.flow(changed, changeset)
}

/// A step of a review. What Python lets one write of the collection along with it is not said here: it is a patch of
/// its own.
pub(crate) fn step(way: Way<'_>, client: &Client, method: &str, args: &Args) -> Outcome {
    let (within, id) = place(client, args, "id")?;
    let (review, message) = (within.collection(&id).review(), args.name("message").unwrap_or_default());
    let (step, attributes) = match method {
        "request_review" => (review.request(&message), json!({"status": "to-review", "last_editor_comment": message})),
        "decline_changes" => {
            (review.decline(&message), json!({"status": "work-in-progress", "last_reviewer_comment": message}))
        }
        "approve_changes" => (review.approve(), json!({"status": "to-sign"})),
        "rollback_changes" => {
            (review.roll_back(&message), json!({"status": "to-rollback", "last_editor_comment": message}))
        }
        _ => panic!("no step of a review has the name {method}"),
    };
    let step = match if_match(args, &["data"])? {
        Some(at) => step.if_match(at),
        None => step,
    };
    // In a batch, which reads nothing back, the status is an attribute like any other.
    way.flow(step, || within.collections().patch(id, Attributes::new(&attributes)))
}

/// The bucket, and the id of the collection: arguments come before the options of the client.
pub(crate) fn place(client: &Client, args: &Args, name: &str) -> Result<(Bucket, String), Stop> {
    let within = args.name("bucket").or_else(|| client.bucket.clone()).ok_or(Stop::Refused("a bucket needs an id"))?;
    let id = args.name(name).or_else(|| client.collection.clone()).ok_or(Stop::Refused("a collection needs an id"))?;
    Ok((bucket(&within), id))
}
