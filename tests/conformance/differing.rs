//! Where ours is another by decision, although the Python client is not wrong.

use std::time::Duration;

use kinto_protocol::{ErrorKind, OnBackoff};

use crate::compare::What;
use crate::diverging::deletion_read_back;
use crate::expect::{Rule, Seen, same};
use crate::output::Stop;
use crate::replay::Manner;

const R1: &str = "/buckets/b1/collections/c1/records/r1";
const RECORDS: &str = "/buckets/b1/collections/c1/records";

/// One for each case that differs without being marked.
pub(crate) static RULES: &[Rule] = &[
    Rule {
        ids: &["server/info-cached", "timestamps/cached"],
        why: "the server is asked each time: what it said before may be out of date",
        check: |seen| {
            same("requests", &seen.sent().count(), &2)?;
            seen.only(&[What::Requests])
        },
    },
    Rule {
        ids: &["timestamps/list-304-keeps-timestamp"],
        why: "the server is asked each time, and not modified is told apart from empty",
        check: |seen| {
            seen.not_modified()?;
            seen.sends(&[&format!("GET {RECORDS}"), &format!("HEAD {RECORDS}")])
        },
    },
    Rule {
        ids: &["buckets/create-unsafe-new"],
        why: "a write says what the data is, where Python leaves it out",
        check: |seen| seen.only(&[What::Body]),
    },
    Rule {
        ids: &["records/create-id-argument-and-data", "errors/body-id-mismatch"],
        why: "two ids that differ are refused before the server has to",
        check: |seen| seen.refused(),
    },
    Rule {
        ids: &["headers/if-match-default-header", "auth/authorization-in-headers-and-auth"],
        why: "preconditions and credentials have their own places, a default header is not one",
        check: |seen| seen.refused(),
    },
    Rule {
        ids: &["auth/browser-first-provider"],
        why: "of several identity providers, the user's is not guessed",
        check: |seen| {
            let first = seen.step(0)?;
            same("requests", &first.sent.len(), &1)?;
            let Err(Stop::Failed(error)) = &first.outcome else { return Err("one is guessed".into()) };
            same("kind", &error.kind(), &ErrorKind::Input)?;
            same("names", &error.to_string().contains("other, ldap"), &true)
        },
    },
    Rule { ids: &["errors/400-details"], why: "what is no timestamp is not sent as one", check: |seen| seen.refused() },
    Rule {
        ids: &["listing/filter-in-empty"],
        why: "one of nothing is a mistake, which the server would not tell",
        check: |seen| seen.refused(),
    },
    Rule {
        ids: &[
            "listing/if-none-match-quoted",
            "listing/if-none-match-groups",
            "listing/if-none-match-collections",
            "listing/generator-304",
        ],
        why: "not modified and empty are two outcomes",
        check: |seen| {
            seen.not_modified()?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["listing/limit-and-if-none-match-paged"],
        why: "the condition is about the list, so it is asked on the first page alone",
        check: |seen| {
            let conditional = seen.sent().map(|request| request.headers().contains_key("if-none-match"));
            same("conditions", &conditional.collect(), &vec![true, false, false])?;
            seen.only(&[What::Headers])
        },
    },
    Rule {
        ids: &["listing/generator-if-none-match"],
        why: "the condition is about the list, so it is asked on the first page alone, and the list is read whole",
        check: |seen| {
            seen.sends(&[&format!("GET {RECORDS}"), &format!("GET {RECORDS}?_token=abc")])?;
            seen.lists(2)?;
            seen.only(&[What::Target, What::Headers, What::Outcome])
        },
    },
    Rule {
        ids: &["listing/next-page-error", "headers/custom-next-page", "retry/list-second-page"],
        why: "only the query of the next page is taken, and asked of the path of the list",
        check: |seen| {
            let pages: Vec<_> = seen.sent().skip(1).map(|request| request.uri().to_string()).collect();
            let own = format!("http://server.test/v1{RECORDS}?_token=abc");
            same("pages", &pages, &vec![own; pages.len()])?;
            seen.only(&[What::Target])
        },
    },
    Rule {
        ids: &["listing/next-page-loop"],
        why: "pages that go round in a circle are noticed at once",
        check: |seen| {
            seen.sends(&[&format!("GET {RECORDS}"), &format!("GET {RECORDS}?_token=abc")])?;
            seen.error(ErrorKind::Pagination).map(|_| ())
        },
    },
    Rule {
        ids: &["records/get-304", "errors/304-on-list"],
        why: "not modified is no answer to who did not ask whether it was",
        check: |seen| {
            seen.error(ErrorKind::Protocol)?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["errors/200-json-other-content-type", "errors/200-without-data", "errors/list-null"],
        why: "an object has an id and a timestamp, a list is one: anything else is an error",
        check: |seen| {
            same("maybe applied", &seen.error(ErrorKind::Decode)?.maybe_applied(), &false)?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["errors/204-on-put"],
        why: "a success that cannot be read is an error, and the write may have been done",
        check: |seen| {
            same("maybe applied", &seen.error(ErrorKind::Decode)?.maybe_applied(), &true)?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["retry/status-408"],
        why: "a request that the server gave up waiting for was not carried out",
        check: |seen| {
            seen.waits(0, &[1])?;
            same("attempts", &seen.error(ErrorKind::Server)?.attempts(), &2)?;
            seen.status(408, false)
        },
    },
    Rule {
        ids: &["retry/status-409"],
        why: "a read is in nobody's way, so a conflict is no reason to read again",
        check: |seen| {
            seen.sends(&[&format!("GET {R1}")])?;
            seen.status(409, false)
        },
    },
    Rule {
        ids: &["retry/retry-after-forced"],
        why: "how long to wait is up to the server, or to chance",
        check: |seen| {
            let waits = &seen.step(0)?.waits;
            same("short waits", &waits.iter().map(|wait| *wait <= Duration::from_secs(1)).collect(), &vec![true])?;
            seen.only(&[What::Waits])
        },
    },
    Rule {
        ids: &["retry/retry-after-forced-zero"],
        why: "what the server asks for is not to be overruled",
        check: |seen| {
            seen.waits(0, &[27])?;
            seen.only(&[What::Waits])
        },
    },
    Rule {
        ids: &["backoff/on-503-with-retry"],
        why: "what the server wants of everybody holds for a retry too",
        check: |seen| {
            seen.sends(&[&format!("GET {R1}")])?;
            let manner = Manner { policy: |policy| policy.on_backoff = OnBackoff::Wait, ..Manner::default() };
            seen.again(manner, |seen| {
                seen.waits(0, &[10])?;
                seen.only(&[What::Waits])
            })
        },
    },
    Rule {
        ids: &["retry/if-not-exists"],
        why: "what is there may be what the attempt made that was answered 503, and holds what it sent",
        check: |seen| {
            seen.repeated()?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["retry/delete-done-twice"],
        why: "what the attempt that was answered 504 has deleted is recognised by its tombstone",
        check: deletion_read_back,
    },
    Rule {
        ids: &["dry-mode/server-info"],
        why: "a dry run is a request that is built and not sent",
        check: |seen| seen.builds("GET /"),
    },
    Rule {
        ids: &["dry-mode/patch-record"],
        why: "a dry run is a request that is built and not sent",
        check: |seen| seen.builds(&format!("PATCH {R1}")),
    },
    Rule {
        ids: &["dry-mode/get-records"],
        why: "a dry run is a request that is built and not sent",
        check: |seen| seen.builds(&format!("GET {RECORDS}?_since=333")),
    },
    Rule {
        ids: &["transport/timeout-generator"],
        why: "a read is repeated, page by page as well",
        check: |seen| {
            same("requests", &seen.sent().count(), &2)?;
            same("attempts", &seen.error(ErrorKind::Timeout)?.attempts(), &2)
        },
    },
    Rule {
        ids: &["transport/redirect-missing-version-put"],
        why: "a write does not follow, and the error tells to complete the URL",
        check: |seen| {
            seen.sends(&[&format!("PUT {R1}")])?;
            let error = seen.error(ErrorKind::Redirect)?;
            same("hint", &error.to_string().contains("/v1"), &true)
        },
    },
    Rule {
        ids: &["transport/redirect-loop"],
        why: "five redirects are enough",
        check: |seen| {
            same("requests", &seen.sent().count(), &6)?;
            seen.error(ErrorKind::Redirect).map(|_| ())
        },
    },
];

/// The default of a session is to wait where Python fails.
pub(crate) fn waits_by_default(seen: &Seen<'_>) -> Result<(), String> {
    let manner = Manner { policy: |policy| policy.on_backoff = OnBackoff::Wait, ..Manner::default() };
    seen.again(manner, |seen| {
        let waited = seen.run.steps.iter().any(|step| !step.waits.is_empty());
        same("waited", &waited, &true)
    })
}
