//! Files of records: where ours are others than Python's, and where Python's calls of them are wrong.

use kinto_protocol::{ErrorKind, Request, Response};
use serde_json::{Value, json};

use crate::compare::What;
use crate::diverging::page;
use crate::expect::{Rule, Seen, same};
use crate::files::our_form;
use crate::output::Output;
use crate::replay::Manner;

const R1: &str = "/buckets/b1/collections/c1/records/r1";
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// By decision.
pub(crate) static DIFFERING: &[Rule] = &[
    Rule {
        ids: &["attachments/add-filename"],
        why: "the media type is that of the name which is sent",
        check: |seen| {
            same("media type", &media_type(seen).as_deref(), &Some("text/markdown"))?;
            seen.only(&[What::Body])
        },
    },
    Rule {
        ids: &["attachments/add-no-extension"],
        why: "a file always has a media type: the server would make text of it",
        check: |seen| {
            same("media type", &media_type(seen).as_deref(), &Some("application/octet-stream"))?;
            seen.only(&[What::Body])
        },
    },
    Rule {
        ids: &["attachments/add-unicode-filename", "attachments/add-custom-header"],
        why: "what the answer does not say of the file is looked up in the record",
        check: |seen| {
            fn record(_: &Request) -> Option<Response> {
                with_file(json!({"filename": "hello.txt", "location": "x.txt", "hash": HELLO, "size": 5}))
            }
            fn renamed(_: &Request) -> Option<Response> {
                with_file(json!({"filename": "été ☃.txt", "location": "x.txt", "hash": HELLO, "size": 5}))
            }
            let is_renamed = seen.case.id == "attachments/add-unicode-filename";
            let answer = if is_renamed { renamed } else { record };
            seen.again(Manner { answer, ..Manner::default() }, |seen| {
                seen.sends(&[&format!("POST {R1}/attachment"), &format!("GET {R1}")])?;
                match seen.output()? {
                    Output::Plain(file) => same("size", &file["size"], &json!(5))?,
                    other => return Err(format!("expected a file, got {other:?}")),
                }
                seen.only(&[What::Requests, What::Outcome])
            })
        },
    },
    Rule {
        ids: &["attachments/remove"],
        why: "the record is read first, and what was removed is told",
        check: |seen| {
            fn record(_: &Request) -> Option<Response> {
                with_file(json!({"filename": "hello.txt", "location": "x.txt", "hash": HELLO, "size": 5}))
            }
            seen.again(Manner { answer: record, ..Manner::default() }, |seen| {
                let (file, record) = (format!("{R1}/attachment"), format!("GET {R1}"));
                seen.sends(&[&format!("POST {file}"), &record, &format!("DELETE {file}"), &record])?;
                match &seen.step(1)?.outcome {
                    Ok(Output::Plain(removed)) => same("removed", &removed["hash"], &json!(HELLO))?,
                    other => return Err(format!("expected what was removed, got {other:?}")),
                }
                seen.only(&[What::Requests, What::Target, What::Outcome])
            })
        },
    },
    Rule {
        ids: &["attachments/remove-missing-record"],
        why: "a record that is not there is an error: the server would make one",
        check: |seen| {
            fn nothing(_: &Request) -> Option<Response> {
                let mut missing = page(r#"{"code": 404, "errno": 110, "error": "Not Found"}"#, None)?;
                *missing.status_mut() = http::StatusCode::NOT_FOUND;
                Some(missing)
            }
            seen.again(Manner { answer: nothing, ..Manner::default() }, |seen| {
                seen.sends(&["GET /buckets/b1/collections/c1/records/nope"])?;
                seen.status(404, false)
            })
        },
    },
    Rule {
        ids: &["attachments/download-no-attachment"],
        why: "a file that is not there is nothing to ask the server about",
        check: |seen| {
            seen.refused()?;
            seen.only(&[What::Requests])
        },
    },
];

/// One for each case that is marked.
pub(crate) static DIVERGING: &[Rule] = &[
    Rule {
        ids: &["attachments/add-client-content-type"],
        why: "the content type is that of the content, whatever else the caller says",
        check: |seen| seen.refused(),
    },
    Rule {
        ids: &["attachments/add-retry-stores-empty-file"],
        why: "a file is not sent again where the server may have taken it",
        check: |seen| {
            same("sent", &seen.sent().filter(|it| *it.method() == http::Method::POST).count(), &1)?;
            same("content", &content(seen), &Some(json!("hello")))?;
            seen.status(503, true)
        },
    },
    Rule {
        ids: &["attachments/download-corrupt"],
        why: "a file is what its record says, or an error",
        check: |seen| {
            seen.error(ErrorKind::Attachment)?;
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["attachments/download-filename-traversal-in-directory"],
        why: "a name out of a record leads nowhere but into the folder that it is used in",
        check: |seen| {
            match seen.output()? {
                Output::File { name, content } => {
                    same("content", &content.as_str(), &"hello")?;
                    same("name", &name.as_str(), &"__evil.txt")?;
                }
                other => return Err(format!("expected a file, got {other:?}")),
            }
            seen.only(&[What::Outcome])
        },
    },
    Rule {
        ids: &["attachments/download-location-other-host", "attachments/download-location-dot-dot"],
        why: "a location is below the place where the server keeps files, or an error",
        check: |seen| {
            seen.error(ErrorKind::Attachment)?;
            seen.sends(&["GET /"])
        },
    },
    Rule {
        ids: &["attachments/download-503-not-retried"],
        why: "what can be fetched again is, and nothing of an error is taken for the file",
        check: |seen| {
            seen.waits(0, &[1, 1])?;
            same("attempts", &seen.error(ErrorKind::Server)?.attempts(), &3)?;
            seen.status(503, false)
        },
    },
];

/// What the form says of the file.
fn media_type(seen: &Seen<'_>) -> Option<String> {
    our_form(seen.sent().next()?)?.get("attachment")?.0.get("content-type").cloned()
}

/// The file in the form.
fn content(seen: &Seen<'_>) -> Option<Value> {
    our_form(seen.sent().next()?)?.get("attachment").map(|(_, content)| content.clone())
}

/// The record with this file.
fn with_file(file: Value) -> Option<Response> {
    let data = json!({"id": "r1", "last_modified": 1_700_000_001_000_u64, "attachment": file});
    page(&json!({ "data": data }).to_string(), None)
}
