//! Plugins: where ours are others than Python's, and where Python's calls of them are wrong.

use kinto_protocol::{ErrorKind, Request, Response, Status};
use serde_json::{Value, json};

use crate::compare::What;
use crate::diverging::page;
use crate::expect::{Checked, Rule, Seen, same};
use crate::output::Output;
use crate::replay::Manner;

const C1: &str = "/buckets/b1/collections/c1";

/// By decision.
pub(crate) static DIFFERING: &[Rule] = &[
    Rule {
        ids: &["changeset/monitor-changes"],
        why: "which collections changed is read as such, and asked without what the server makes nothing of",
        check: |seen| {
            seen.sends(&["GET /buckets/monitor/collections/changes/changeset?_expected=0"])?;
            // What was made up for the record are records.
            seen.error(ErrorKind::Decode)?;
            seen.only(&[What::Query, What::Outcome])
        },
    },
    Rule {
        ids: &["dry-mode/get-changeset"],
        why: "a dry run is a request that is built and not sent",
        check: |seen| seen.builds(&format!("GET {C1}/changeset?_expected=0")),
    },
    Rule {
        ids: &["dry-mode/request-review"],
        why: "a dry run is a request that is built and not sent",
        check: |seen| seen.builds(&format!("PATCH {C1}")),
    },
    Rule {
        ids: &["transport/timeout-changeset"],
        why: "a read is repeated",
        check: |seen| {
            same("requests", &seen.sent().count(), &2)?;
            same("attempts", &seen.error(ErrorKind::Timeout)?.attempts(), &2)
        },
    },
    Rule {
        ids: &["signer/request-review", "signer/request-review-unsafe", "signer/decline-other"],
        why: "what the server answers to a step is out of date already, so it is read what came of it",
        check: |seen| read_afterwards(seen, |seen| seen.only(&[What::Requests, What::Outcome])),
    },
    Rule {
        ids: &["signer/request-review-last-modified-in-data"],
        why: "a timestamp is a condition, and nothing to be written; and it is read what came of the step",
        check: |seen| read_afterwards(seen, nothing_else),
    },
    Rule {
        ids: &["signer/request-review-data", "signer/request-review-permissions", "signer/rollback-data"],
        why: "what else is to change of the collection is a patch of its own; and it is read what came of the step",
        check: |seen| read_afterwards(seen, nothing_else),
    },
    Rule {
        ids: &["signer/approve-data-if-match"],
        why: "what else is to change of the collection is a patch of its own",
        check: |seen| {
            seen.sends(&[&format!("PATCH {C1}")])?;
            seen.status(412, false)?;
            nothing_else(seen)
        },
    },
    Rule {
        ids: &["batch/signer"],
        why: "what is written twice is written in two chunks, so that a lost answer can be cleared up",
        check: |seen| {
            seen.sends(&["GET /", &format!("PATCH {C1}"), &format!("PATCH {C1}")])?;
            seen.ended(&[Status::Done, Status::Done])?;
            seen.only(&[What::Requests])
        },
    },
];

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
        ids: &["auth/browser-unknown-provider"],
        why: "an identity provider that is not there has a name, and so have those that are",
        check: |seen| {
            seen.sends(&["GET /"])?;
            let line = seen.error(ErrorKind::Input)?.to_string();
            same("line", &line.contains("no OpenID provider \"nope\"; it has other, ldap"), &true)
        },
    },
    Rule {
        ids: &["permissions/exclude-one"],
        why: "a list of one has no comma",
        check: |seen| {
            seen.sends(&["GET /permissions?exclude_resource_name=%22record%22&_sort=id"])?;
            seen.same()
        },
    },
    Rule {
        ids: &["async/request-review"],
        why: "there is one step in both front-ends, which sends what it is to send",
        check: |seen| {
            read_afterwards(seen, |seen| {
                let sent: Vec<Value> = seen.sent().take(1).map(body).collect();
                same("body", &sent, &vec![json!({"data": {"status": "to-review", "last_editor_comment": "r?"}})])
            })
        },
    },
];

/// The step, and after it a look at the collection, which is what is given: the record has no answer to that.
fn read_afterwards(seen: &Seen<'_>, check: fn(&Seen<'_>) -> Checked) -> Checked {
    fn collection(request: &Request) -> Option<Response> {
        let status = if *request.method() == http::Method::GET { "signed" } else { "to-sign" };
        let data = json!({"id": "c1", "last_modified": 1_700_000_009_000_u64, "status": status});
        page(&json!({ "data": data }).to_string(), None)
    }
    seen.again(Manner { answer: collection, ..Manner::default() }, |seen| {
        seen.sends(&[&format!("PATCH {C1}"), &format!("GET {C1}")])?;
        match seen.output()? {
            Output::Object(object, false) => same("status", &object["data"]["status"], &json!("signed"))?,
            other => return Err(format!("expected the collection, got {other:?}")),
        }
        check(seen)
    })
}

/// The step says what Python's says, but nothing of the collection beside it.
fn nothing_else(seen: &Seen<'_>) -> Checked {
    let mut theirs = seen.case.exchanges[0].request["body"].clone();
    let step = ["status", "last_editor_comment", "last_reviewer_comment"];
    theirs.as_object_mut().ok_or("no body of theirs")?.retain(|name, _| name == "data");
    theirs["data"].as_object_mut().ok_or("no data of theirs")?.retain(|name, _| step.contains(&name.as_str()));
    same("body", &seen.sent().next().map(body), &Some(theirs))?;
    seen.only(&[What::Requests, What::Body, What::Outcome])
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}
