//! Plugins: where Python's calls of them are wrong.

use crate::expect::Rule;

/// One for each case that is marked.
pub(crate) static DIVERGING: &[Rule] = &[
    Rule {
        ids: &["dry-mode/purge-history"],
        why: "a dry run is a request that is built and not sent: there is no answer to read",
        check: |seen| seen.builds("DELETE /buckets/b1/history"),
    },
    Rule {
        ids: &["dry-mode/get-permissions"],
        why: "a dry run is a request that is built and not sent: there is no answer to read",
        check: |seen| seen.builds("GET /permissions?_sort=id"),
    },
    Rule {
        ids: &["permissions/exclude-one"],
        why: "a list of one has no comma",
        check: |seen| {
            seen.sends(&["GET /permissions?exclude_resource_name=%22record%22&_sort=id"])?;
            seen.same()
        },
    },
];
