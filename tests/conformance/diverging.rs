//! Where the Python client is wrong, and what we do instead.

use std::time::Duration;

use bytes::Bytes;
use kinto_protocol::{ErrorKind, OnBackoff, Request, Response};

use crate::compare::{What, credentials};
use crate::expect::{Checked, Rule, Seen, same};
use crate::output::Output;
use crate::replay::Manner;

const R1: &str = "/buckets/b1/collections/c1/records/r1";

/// One for each case that is marked.
pub(crate) static RULES: &[Rule] = &[
    Rule {
        ids: &["endpoints/unknown-name"],
        why: "an endpoint is a function: an unknown one does not compile, and this one is known",
        check: |seen| match seen.output()? {
            Output::Plain(path) => same("path", &path.as_str(), &Some("/buckets/b1/snapshot/collections/coll@7")),
            other => Err(format!("expected a path, got {other:?}")),
        },
    },
    Rule {
        ids: &["buckets/update-if-match-star"],
        why: "that it must exist is what `replace` asks for by itself: a star is no timestamp",
        check: |seen| seen.refused(),
    },
    Rule {
        ids: &["buckets/update-if-match-weak-etag"],
        why: "a weak ETag is read as the timestamp it is, and sent as a strong one",
        check: |seen| {
            let sent = seen.sent().next().and_then(|request| request.headers().get("if-match"));
            same("If-Match", &sent.and_then(|value| value.to_str().ok()), &Some("\"123\""))?;
            seen.only(&[What::Headers])
        },
    },
    Rule {
        ids: &["buckets/get-500"],
        why: "a server that fails says nothing of the bucket",
        check: |seen| {
            seen.status(500, false)?;
            same("is not found", &seen.error(ErrorKind::Server)?.is_not_found(), &false)
        },
    },
    Rule {
        ids: &["buckets/get-400"],
        why: "a request that is refused says nothing of the bucket",
        check: |seen| {
            seen.status(400, false)?;
            same("is not found", &seen.error(ErrorKind::Server)?.is_not_found(), &false)
        },
    },
    Rule {
        ids: &["buckets/delete-empty-id", "ids/bucket-empty", "ids/collection-argument-empty"],
        why: "an empty id is an error, it does not stand for another one",
        check: |seen| seen.refused(),
    },
    Rule {
        ids: &[
            "ids/record-upper-case-and-space",
            "ids/record-japanese",
            "ids/record-slash",
            "ids/record-dot",
            "ids/record-question-mark",
            "ids/record-at-sign",
            "ids/record-tab",
            "ids/record-dot-dot",
            "ids/record-trailing-newline",
            "ids/bucket-space",
            "ids/bucket-slash",
            "ids/collection-accent",
            "ids/group-space",
            "ids/update-vanishing-id",
        ],
        why: "an id is sent as it is or not at all",
        check: |seen| seen.refused(),
    },
    Rule {
        ids: &["ids/delete-collection-vanishing-id", "ids/delete-bucket-vanishing-id"],
        why: "an id is sent as it is or not at all: nothing is deleted",
        check: |seen| {
            seen.refused()?;
            same("methods", &seen.sent().map(|request| request.method().as_str()).collect(), &vec!["GET"])
        },
    },
    Rule {
        ids: &["ids/record-zero"],
        why: "0 is an id like any other",
        check: |seen| seen.sends(&["GET /buckets/b1/collections/c1/records/0"]),
    },
    Rule {
        ids: &["records/patch-json-and-data"],
        why: "a patch speaks one language: there is no place for data next to it to get lost in",
        check: |seen| seen.same(),
    },
    Rule {
        ids: &["records/delete-204", "errors/delete-without-data"],
        why: "a success that cannot be read is an error of its own kind, and the deletion may have been done",
        check: |seen| {
            same("maybe applied", &seen.error(ErrorKind::Decode)?.maybe_applied(), &true)?;
            seen.only(&[What::Outcome])
        },
    },
    Rule { ids: &["records/delete-all-more-than-a-page"], why: "all pages are deleted", check: all_pages },
    Rule {
        ids: &["listing/since-none"],
        why: "what is not asked for is not sent",
        check: |seen| {
            seen.sends(&["GET /buckets/b1/collections/c1/records"])?;
            seen.only(&[What::Query])
        },
    },
    Rule {
        ids: &["listing/next-page-other-host"],
        why: "only the query of the next page is taken, so neither requests nor credentials go elsewhere",
        check: |seen| {
            seen.sends(&[
                "GET /buckets/b1/collections/c1/records",
                "GET /buckets/b1/collections/c1/records?_token=abc",
            ])?;
            seen.only(&[What::Target])
        },
    },
    Rule { ids: &["listing/next-page-hundreds"], why: "pages are read in a loop", check: hundreds },
    Rule {
        ids: &["listing/record-without-id", "errors/list-without-data", "errors/200-truncated-json"],
        why: "an answer that cannot be read is an error of its own kind, and a read changed nothing",
        check: |seen| {
            same("maybe applied", &seen.error(ErrorKind::Decode)?.maybe_applied(), &false)?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["listing/generator-pages"],
        why: "how many pages are read is the caller's business, and nothing that the server is told",
        check: |seen| {
            seen.sends(&["GET /buckets/b1/collections/c1/records?_limit=1"])?;
            seen.only(&[What::Query])
        },
    },
    Rule {
        ids: &["listing/if-none-match-304"],
        why: "not modified and empty are two outcomes",
        check: |seen| {
            seen.not_modified()?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["listing/filter-string-of-digits"],
        why: "a text is sent as a text",
        check: |seen| {
            seen.sends(&["GET /buckets/b1/collections/c1/records?title=%22123%22"])?;
            seen.only(&[What::Query])
        },
    },
    Rule {
        ids: &["listing/filter-in-ints"],
        why: "numbers are values like any other",
        check: |seen| seen.sends(&["GET /buckets/b1/collections/c1/records?in_n=1%2C3"]),
    },
    Rule {
        ids: &["timestamps/stale-after-write"],
        why: "the server is asked each time",
        check: |seen| {
            let records = "/buckets/b1/collections/c1/records";
            let (head, put) = (format!("HEAD {records}"), format!("PUT {records}/r2"));
            seen.sends(&[&head, &put, &head])
        },
    },
    Rule {
        ids: &["auth/tuple-outside-latin1"],
        why: "credentials are written in UTF-8",
        check: |seen| {
            let sent = seen.sent().next().and_then(credentials);
            same("credentials", &sent.as_deref(), &Some("Basic dXNlcjrQv9Cw0YDQvtC70Yw="))
        },
    },
    Rule {
        ids: &["auth/netrc"],
        why: "without credentials none are sent, whatever lies on the disk",
        check: |seen| {
            same("credentials", &seen.sent().find_map(credentials), &None)?;
            seen.only(&[What::Headers])
        },
    },
    Rule {
        ids: &["auth/netrc-replaces-header"],
        why: "credentials are said in one place, and a header is not it",
        check: |seen| seen.refused(),
    },
    Rule {
        ids: &["headers/cookies-are-kept"],
        why: "no cookie is sent",
        check: |seen| {
            same("cookie", &seen.sent().any(|request| request.headers().contains_key("cookie")), &false)?;
            seen.only(&[What::Headers])
        },
    },
    Rule {
        ids: &["retry/retry-after-huge"],
        why: "a wait that does not fit the deadline is not begun, and told to the caller",
        check: |seen| {
            seen.sends(&[&format!("GET {R1}")])?;
            seen.waits(0, &[])?;
            seen.status(503, false)?;
            let retry_in = seen.error(ErrorKind::Server)?.retry_in();
            same("retry in", &retry_in, &Some(Duration::from_secs(86_400)))
        },
    },
    Rule {
        ids: &["backoff/between-create-and-get"],
        why: "one waits in the middle of an operation, as anywhere else",
        check: |seen| {
            let manner = Manner {
                policy: |policy| policy.on_backoff = OnBackoff::Wait,
                answer: |_| page(r#"{"data": {"id": "r1", "last_modified": 1234}}"#, None),
            };
            seen.again(manner, |seen| {
                seen.sends(&[&format!("PUT {R1}"), &format!("GET {R1}")])?;
                seen.waits(0, &[5])?;
                seen.output().map(|_| ())
            })
        },
    },
    Rule {
        ids: &["transport/timeout-patch", "transport/timeout-if-not-exists"],
        why: "there is one count of attempts, and the error says that the write may have been applied",
        check: |seen| {
            same("requests", &seen.sent().count(), &2)?;
            let error = seen.error(ErrorKind::Timeout)?;
            same("attempts and doubt", &(error.attempts(), error.maybe_applied()), &(2, true))
        },
    },
    Rule {
        ids: &["retry/put-create", "transport/lost-create"],
        why: "what the lost attempt has written is recognised when it is read back, and the write is a success",
        check: |seen| read_back(seen, holds_one, holds_two),
    },
    Rule {
        ids: &["transport/lost-update-if-match"],
        why: "what the lost attempt has written is recognised when it is read back, and the write is a success",
        check: |seen| read_back(seen, holds_two, holds_one),
    },
    Rule {
        ids: &["transport/lost-delete"],
        why: "what the lost attempt has deleted is recognised by its tombstone, and the deletion is a success",
        check: deletion_read_back,
    },
    Rule {
        ids: &["transport/lost-delete-all"],
        why: "it is not repeated, as the answer could not tell what the first attempt deleted",
        check: |seen| {
            same("requests", &seen.sent().count(), &1)?;
            same("maybe applied", &seen.error(ErrorKind::Interrupted)?.maybe_applied(), &true)
        },
    },
    Rule {
        ids: &["transport/redirect-302-put", "transport/redirect-301-patch", "transport/redirect-other-host-put"],
        why: "a write does not follow",
        check: |seen| {
            same("requests", &seen.sent().count(), &1)?;
            same("maybe applied", &seen.error(ErrorKind::Redirect)?.maybe_applied(), &false)
        },
    },
    Rule {
        ids: &["transport/redirect-other-host"],
        why: "nothing goes to another host",
        check: |seen| {
            seen.sends(&[&format!("GET {R1}")])?;
            seen.error(ErrorKind::Redirect).map(|_| ())
        },
    },
    Rule {
        ids: &["clone/retry-without-auth-ignored"],
        why: "a policy that is set is kept to",
        check: |seen| {
            same("requests", &seen.sent().count(), &3)?;
            same("attempts", &seen.error(ErrorKind::Server)?.attempts(), &3)
        },
    },
    Rule {
        ids: &["clone/loses-dry-mode"],
        why: "a dry run is a request that is built and not sent, whoever builds it",
        check: |seen| seen.builds("DELETE /buckets/b1"),
    },
    Rule {
        ids: &["dry-mode/delete-record"],
        why: "a dry run is a request that is built and not sent: there is no answer to read",
        check: |seen| seen.builds(&format!("DELETE {R1}")),
    },
    Rule {
        ids: &["clone/backoff-forgotten-with-auth"],
        why: "the server asked for silence of everybody",
        check: |seen| {
            same("requests", &seen.sent().count(), &1)?;
            let left = seen.error(ErrorKind::Backoff)?.retry_in().unwrap_or_default();
            same("a wait of 30 s at most", &(left <= Duration::from_secs(30) && !left.is_zero()), &true)
        },
    },
];

/// An answer of the server with data, and perhaps a next page.
pub(crate) fn page(body: &str, next: Option<String>) -> Option<Response> {
    let mut response = http::Response::new(Bytes::from(body.to_owned()));
    if let Some(query) = next {
        let url = format!("http://server.test/v1/x?{query}").parse().expect("a header");
        response.headers_mut().insert("next-page", url);
    }
    Some(response)
}

fn holds_one(_: &Request) -> Option<Response> {
    page(r#"{"data": {"id": "r1", "last_modified": 1700000003000, "n": 1}}"#, None)
}

fn holds_two(_: &Request) -> Option<Response> {
    page(r#"{"data": {"id": "r1", "last_modified": 1700000003000, "n": 2}}"#, None)
}

type Answer = fn(&Request) -> Option<Response>;

/// The refusal is on record, and here is what stands there: what was written, or something else.
fn read_back(seen: &Seen<'_>, ours: Answer, others: Answer) -> Checked {
    let (put, get) = (format!("PUT {R1}"), format!("GET {R1}"));
    seen.again(Manner { answer: ours, ..Manner::default() }, |seen| {
        seen.sends(&[&put, &put, &get])?;
        seen.repeated()?;
        seen.only(&[What::Requests, What::Outcome])
    })?;
    seen.again(Manner { answer: others, ..Manner::default() }, |seen| {
        seen.sends(&[&put, &put, &get])?;
        seen.status(412, true)?;
        seen.only(&[What::Requests])
    })
}

/// The 404 is on record, and here is what is left there: a tombstone, or nothing.
pub(crate) fn deletion_read_back(seen: &Seen<'_>) -> Checked {
    fn tombstone(_: &Request) -> Option<Response> {
        page(r#"{"data": [{"id": "r1", "last_modified": 1700000001000, "deleted": true}]}"#, None)
    }
    let list = "GET /buckets/b1/collections/c1/records?id=%22r1%22&_since=0";
    let requests = [&format!("DELETE {R1}"), &format!("DELETE {R1}"), list];
    seen.again(Manner { answer: tombstone, ..Manner::default() }, |seen| {
        seen.sends(&requests)?;
        seen.repeated()?;
        seen.only(&[What::Requests, What::Outcome])
    })?;
    seen.again(Manner { answer: |_| page(r#"{"data": []}"#, None), ..Manner::default() }, |seen| {
        seen.sends(&requests)?;
        seen.status(404, true)?;
        seen.only(&[What::Requests])
    })
}

/// The first page is on record, with its link to the second.
fn all_pages(seen: &Seen<'_>) -> Checked {
    fn second(request: &Request) -> Option<Response> {
        let data = r#"{"data": [{"id": "r3", "last_modified": 3, "deleted": true}]}"#;
        (*request.method() == http::Method::DELETE).then(|| page(data, None))?
    }
    seen.again(Manner { answer: second, ..Manner::default() }, |seen| {
        let queries: Vec<_> = seen.step(0)?.sent.iter().map(|request| request.uri().query().unwrap_or("")).collect();
        same("queries", &queries, &vec!["", "_limit=100&_token=cGFnZS10b2stMQ%3D%3D"])?;
        match &seen.step(0)?.outcome {
            Ok(Output::AllDeleted(deleted)) => same("deleted", &deleted.len(), &101),
            other => Err(format!("expected what was deleted, got {other:?}")),
        }
    })
}

/// The first three pages are on record, and here are many more.
fn hundreds(seen: &Seen<'_>) -> Checked {
    const LAST: u32 = 3000;
    fn more(request: &Request) -> Option<Response> {
        let number: u32 = request.uri().query()?.strip_prefix("_token=t")?.parse().ok()?;
        let data = format!(r#"{{"data": [{{"id": "r{number}", "last_modified": 100}}]}}"#);
        page(&data, (number < LAST).then(|| format!("_token=t{}", number + 1)))
    }
    seen.again(Manner { answer: more, ..Manner::default() }, |seen| {
        // One before those that are counted from zero.
        seen.lists(LAST as usize + 2)
    })
}
