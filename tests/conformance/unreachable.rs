//! Cases that cannot be compared: what our types do not let one write, and what is another conversation with ours.

use crate::case::Case;

/// What cannot be written with our types: the id, and why.
pub(crate) static BY_TYPE: &[(&str, &str)] = &[
    ("endpoints/record-without-id", "the function takes the id of the record"),
    ("endpoints/collection-without-collection", "the function takes the id of the collection"),
    ("endpoints/bucket-without-bucket", "the function takes the id of the bucket"),
    ("endpoints/group-without-group", "the function takes the id of the group"),
    ("groups/create-without-id", "`create` takes an id"),
    ("groups/create-if-not-exists-without-id", "`get_or_create` takes an id"),
    ("collections/create-without-id", "`create` takes an id"),
    ("records/create-without-collection", "records are reached through a collection"),
    ("changeset/without-collection", "a changeset is that of a collection"),
    ("records/patch-wrong-type", "a patch is of one of three types, and a number is none of them"),
    ("records/patch-without-id", "`patch` takes an id or an object"),
];

/// Why the recorded answers are none to what ours asks, if so: decided by what is called, not by what fails.
pub(crate) fn another_conversation(case: &Case) -> Option<&'static str> {
    case.methods().find_map(|method| {
        Some(match method {
            "replicate" => "a copy compares before it writes; on real servers in `tests/functional/copies.rs`",
            _ => return None,
        })
    })
}
