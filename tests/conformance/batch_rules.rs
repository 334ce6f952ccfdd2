//! Batches: where ours are others than Python's, and where Python's are wrong.

use std::time::Duration;

use kinto_protocol::{ErrorKind, OnBackoff, Request, Response, Status};
use serde_json::{Value, json};

use crate::batches::{own_entries, parts};
use crate::compare::What;
use crate::diverging::page;
use crate::expect::{Checked, Rule, Seen, same};
use crate::output::Output;
use crate::replay::Manner;

const R1: &str = "/buckets/b1/collections/c1/records/r1";
const PUT_1: &str = "PUT /buckets/b1/collections/c1/records/r1";
const PUT_2: &str = "PUT /buckets/b1/collections/c1/records/r2";
const PUT_3: &str = "PUT /buckets/b1/collections/c1/records/r3";
const BOTH: &str = "POST /batch: PUT /buckets/b1/collections/c1/records/r1, PUT /buckets/b1/collections/c1/records/r2";

/// By decision.
pub(crate) static DIFFERING: &[Rule] = &[
    Rule {
        ids: &["batch/get-group"],
        why: "one alone is sent as it is: it needs neither an envelope nor its limit",
        check: |seen| {
            seen.sends(&["GET /buckets/b1/groups/g1"])?;
            seen.ended(&[Status::Done])?;
            seen.only(&[What::Requests])
        },
    },
    Rule {
        ids: &["batch/root-read-once"],
        why: "one alone is sent as it is: it needs neither an envelope nor its limit",
        check: |seen| {
            seen.sends(&[PUT_1, PUT_2])?;
            seen.ended(&[Status::Done])?;
            seen.only(&[What::Requests])
        },
    },
    Rule {
        ids: &["batch/inside-server-info"],
        why: "one alone is sent as it is: it needs neither an envelope nor its limit",
        check: |seen| {
            seen.sends(&["GET /"])?;
            match &seen.batch()?.results[..] {
                [Ok(Output::Info(_))] => Ok(()),
                other => Err(format!("expected what the server says of itself, got {other:?}")),
            }
        },
    },
    Rule {
        ids: &["clone/sets-ignore-batch-4xx"],
        why: "one alone is sent as it is: it needs neither an envelope nor its limit",
        check: |seen| {
            seen.sends(&[PUT_1])?;
            seen.ended(&[Status::Forbidden])?;
            seen.only(&[What::Requests])
        },
    },
    Rule {
        ids: &["batch/4xx-first-chunk-does-not-stop"],
        why: "where a batch may hold one request, they are sent as they are",
        check: |seen| {
            seen.sends(&["GET /", PUT_1, PUT_2, PUT_3])?;
            seen.ended(&[Status::Conflict, Status::Done, Status::Done])?;
            seen.only(&[What::Requests])
        },
    },
    Rule {
        ids: &["batch/all-writes"],
        why: "what is written twice is written in two chunks, so that a lost answer can be cleared up",
        check: written_twice,
    },
    Rule {
        ids: &["batch/results-before-send"],
        why: "there are no results before there are any",
        check: |seen| {
            seen.ended(&[Status::Done, Status::Done])?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["batch/empty", "batch/exception-inside"],
        why: "what is not sent asks for nothing, not even for the limit",
        check: |seen| {
            seen.sends(&[])?;
            seen.only(&[What::Requests])
        },
    },
    Rule {
        ids: &["batch/root-fails"],
        why: "a server that does not say how many requests a batch may hold is taken for one with Kinto's default",
        check: |seen| {
            seen.again(Manner { answer: made, ..Manner::default() }, |seen| {
                seen.sends(&["GET /", BOTH])?;
                seen.ended(&[Status::Done, Status::Done])
            })
        },
    },
    Rule {
        ids: &["batch/304-inside"],
        why: "not modified is no answer to a write, and the others have theirs",
        check: |seen| {
            seen.ended(&[Status::Unknown, Status::Done])?;
            let kinds = seen.batch()?.errors().map(kinto_protocol::Error::kind);
            same("errors", &kinds.collect(), &vec![ErrorKind::Protocol])?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["batch/http-error"],
        why: "a chunk that is too large is sent in two halves",
        check: |seen| {
            seen.again(Manner { answer: made, ..Manner::default() }, |seen| {
                seen.sends(&["GET /", BOTH, PUT_1, PUT_2])?;
                seen.ended(&[Status::Done, Status::Done])
            })
        },
    },
    Rule {
        ids: &["dry-mode/batch"],
        why: "a dry run is a request that is built and not sent: a batch begins with the question how long it may be",
        check: |seen| seen.builds("GET /"),
    },
    Rule {
        ids: &["transport/timeout-batch"],
        why: "there is one count of attempts, and the outcome says that the write may have been carried out",
        check: |seen| {
            seen.sends(&[PUT_1, PUT_1])?;
            let error = seen.stopped(ErrorKind::Timeout, &[Status::Unknown])?;
            same("attempts and doubt", &(error.attempts(), error.maybe_applied()), &(2, true))?;
            seen.only(&[What::Requests, What::Waits])
        },
    },
];

/// One for each case that is marked.
pub(crate) static DIVERGING: &[Rule] = &[
    Rule {
        ids: &["batch/limit-null"],
        why: "no limit is one way to say it",
        check: |seen| {
            seen.again(Manner { answer: made, ..Manner::default() }, |seen| {
                seen.sends(&["GET /", BOTH])?;
                seen.ended(&[Status::Done, Status::Done])
            })
        },
    },
    Rule {
        ids: &["batch/5xx-stops-next-chunks"],
        why: "the outcome tells what was done, what may have been and what was not sent",
        check: |seen| {
            seen.sends(&["GET /", PUT_1, PUT_2])?;
            let statuses = [Status::Done, Status::Unknown, Status::NotSent];
            same("status", &seen.stopped(ErrorKind::Server, &statuses)?.status().map(|it| it.as_u16()), &Some(502))?;
            seen.only(&[What::Requests])
        },
    },
    Rule {
        ids: &["batch/fewer-responses"],
        why: "answers that cannot be told apart are none, and the writes may have been carried out",
        check: |seen| {
            let error = seen.stopped(ErrorKind::Decode, &[Status::Unknown, Status::Unknown])?;
            same("maybe applied", &error.maybe_applied(), &true)?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["batch/more-responses"],
        why: "one alone is sent as it is: there is no list that could be too long",
        check: |seen| {
            seen.sends(&[PUT_1])?;
            seen.ended(&[Status::Done])
        },
    },
    Rule {
        ids: &["batch/backoff-on-root"],
        why: "one waits between two requests of a batch, as anywhere else",
        check: |seen| {
            seen.stopped(ErrorKind::Backoff, &[Status::NotSent, Status::NotSent])?;
            seen.same()?;
            seen.again(Manner { policy: patient, answer: made }, |seen| {
                seen.sends(&["GET /", BOTH])?;
                seen.waits(0, &[10])?;
                seen.ended(&[Status::Done, Status::Done])
            })
        },
    },
    Rule {
        ids: &["batch/backoff-between-chunks"],
        why: "one waits between two chunks, or is told what was done before",
        check: |seen| {
            let error = seen.stopped(ErrorKind::Backoff, &[Status::Done, Status::Done, Status::NotSent])?;
            same("retry in", &error.retry_in(), &Some(Duration::from_secs(5)))?;
            seen.same()?;
            seen.again(Manner { policy: patient, answer: made }, |seen| {
                seen.sends(&["GET /", BOTH, PUT_3])?;
                seen.waits(0, &[5])?;
                seen.ended(&[Status::Done; 3])
            })
        },
    },
    Rule {
        ids: &["batch/existing-with-if-not-exists"],
        why: "a conversation does not fit into a batch, and a conflict shows what is there",
        check: |seen| {
            seen.sends(&[PUT_1])?;
            seen.ended(&[Status::Conflict])?;
            let item = seen.batch()?.errors().find_map(|error| error.server()?.existing());
            same("existing", &item.map(|existing| existing["title"].clone()), &Some("one".into()))
        },
    },
    Rule {
        ids: &["batch/missing-with-if-exists"],
        why: "that something is not there is no error to who wants it gone",
        check: |seen| {
            seen.sends(&["DELETE /buckets/b1/collections/c1/records/nope"])?;
            seen.ended(&[Status::AlreadySo])?;
            same("errors", &seen.batch()?.errors().count(), &0)
        },
    },
    Rule {
        ids: &["batch/inside-get-record"],
        why: "reads go into a batch as writes do",
        check: |seen| {
            seen.again(Manner { answer: made, ..Manner::default() }, |seen| {
                seen.sends(&[&format!("GET {R1}")])?;
                seen.ended(&[Status::Done])
            })
        },
    },
    Rule {
        ids: &["batch/inside-get-records"],
        why: "a list is a conversation, but a page of it goes into a batch as any request of one's own",
        check: |seen| {
            seen.again(Manner { answer: made, ..Manner::default() }, |seen| {
                seen.sends(&["GET /buckets/b1/collections/c1/records"])?;
                seen.ended(&[Status::Done])
            })
        },
    },
    Rule {
        ids: &["batch/inside-get-records-timestamp"],
        why: "reads go into a batch as writes do",
        check: |seen| {
            seen.sends(&["HEAD /buckets/b1/collections/c1/records"])?;
            match &seen.batch()?.results[..] {
                [Ok(Output::Plain(Value::String(at)))] => same("timestamp", &at.as_str(), &"1"),
                other => Err(format!("expected a timestamp, got {other:?}")),
            }
        },
    },
    Rule {
        ids: &["batch/inside-purge-history"],
        why: "a purge is a conversation, but a request of it goes into a batch as any request of one's own",
        check: |seen| {
            seen.again(Manner { answer: made, ..Manner::default() }, |seen| {
                seen.sends(&["DELETE /buckets/b1/history"])?;
                seen.ended(&[Status::Done])
            })
        },
    },
    Rule {
        ids: &["batch/id-contains-v1"],
        why: "an id is sent as it is, in a batch too",
        check: |seen| {
            seen.again(Manner { answer: made, ..Manner::default() }, |seen| {
                seen.sends(&["PUT /buckets/dev1/collections/c1/records/r1"])?;
                seen.ended(&[Status::Done])
            })
        },
    },
    Rule {
        ids: &["batch/collection-contains-v1"],
        why: "an id is sent as it is, in a batch too",
        check: |seen| {
            seen.again(Manner { answer: made, ..Manner::default() }, |seen| {
                seen.sends(&["DELETE /buckets/b1/collections/v1/records"])?;
                seen.ended(&[Status::Done])
            })
        },
    },
    Rule {
        ids: &["batch/nested"],
        why: "a batch is no operation, and goes into no other: it does not compile",
        check: |seen| seen.refused(),
    },
];

/// What was asked for was done: for what is not on record.
fn made(request: &Request) -> Option<Response> {
    let object = |path: &str| json!({"data": {"id": path.rsplit('/').next(), "last_modified": 1}});
    let parts = parts(request);
    let entries = parts.iter().map(|part| json!({"status": 200, "headers": {}, "body": object(&part.path)}));
    let body = match own_entries(request) {
        Some(_) => json!({"responses": entries.collect::<Vec<_>>()}),
        None => object(request.uri().path()),
    };
    page(&body.to_string(), None)
}

fn patient(policy: &mut kinto_protocol::Policy) {
    policy.on_backoff = OnBackoff::Wait;
}

/// The same twelve in the same order, in six requests.
fn written_twice(seen: &Seen<'_>) -> Checked {
    const B1: &str = "/buckets/b1";
    const C1: &str = "/buckets/b1/collections/c1";
    let r = |n| format!("{C1}/records/r{n}");
    seen.sends(&[
        "GET /",
        &format!("POST /batch: PUT {}, PUT {}, PATCH {}", r(1), r(2), r(3)),
        &format!("POST /batch: DELETE {}, DELETE {}, PUT {B1}/groups/g1", r(1), r(2)),
        &format!("PUT {B1}/groups/g1"),
        &format!("POST /batch: DELETE {B1}/groups/g1, PUT {C1}, PATCH {B1}, DELETE {C1}/records"),
        &format!("DELETE {C1}"),
    ])?;
    seen.ended(&[Status::Done; 12])?;
    seen.only(&[What::Requests])
}
