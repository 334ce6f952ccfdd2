//! Copies and moves: here within one server, as each scenario has one.

use kinto_protocol::{Auth, Collection, bucket};

use crate::answers::{answer, entries, info, json, lost, page};
use crate::scenario::{Scenario, scenario};

const C: &str = r#"{"data":{"id":"c","last_modified":5,"schema":{}},"permissions":{"write":["me"]}}"#;
const D: &str = r#"{"data":{"id":"d","last_modified":9,"schema":{}},"permissions":{"write":["me"]}}"#;
const A: &str = r#"{"data":{"id":"a","last_modified":7,"n":1},"permissions":{"write":["me"]}}"#;
const B: &str = r#"{"data":{"id":"b","last_modified":8,"n":1},"permissions":{"write":["me"]}}"#;
const BUCKET: &str = r#"{"data":{"id":"b","last_modified":3},"permissions":{"write":["me"]}}"#;
const BOTH: &str = r#"{"data":[{"id":"a","last_modified":7,"n":1},{"id":"b","last_modified":8,"n":1}]}"#;
const NOTHING: &str = r#"{"data":[]}"#;
const MISSING: &str = r#"{"errno":110}"#;
const GONE: &str = r#"{"data":{"id":"a","last_modified":11,"deleted":true}}"#;

fn from() -> Collection {
    bucket("b").collection("c")
}

fn to() -> Collection {
    bucket("b").collection("d")
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(
            "a collection is copied, and compared",
            [CopyTo, copy_to, Mapped, NextPage],
            [
                json(404, MISSING),
                json(200, C),
                json(201, D),
                json(200, NOTHING),
                json(200, BOTH),
                info("25"),
                entries(&[(201, A), (201, B)]),
                json(200, D),
                json(200, C),
                json(200, BOTH),
                json(200, BOTH),
            ],
            |client, told| {
                let report = client.send(from().copy_to(&to()).timestamps());
                told.of(report.map(|report| report.to_string()));
            }
        )
        .shows("3 created; verified")
        .shows("records?_sort=last_modified&_limit=500"),
        scenario!(
            "nothing is written by a dry run",
            [CopyTo, copy_records_to],
            [page(&["b"], None), json(200, BOTH)],
            |client, told| {
                let report = client.send(from().copy_records_to(&to()).delete_extra().dry_run()).unwrap();
                told.that(report.to_string());
                let plan = report.lists()[0].plan().unwrap();
                told.that(plan.changes().map(ToString::to_string).collect::<Vec<_>>());
            }
        )
        .shows("1 to be created, 1 to be updated"),
        scenario!(
            "another session asks with its own credentials, and what fails is told",
            [copy_records_to],
            [json(200, NOTHING), json(200, BOTH), info("25"), lost()],
            |client, told| {
                let other = client.session().with_auth(Some(Auth::bearer("0therS3cr3t"))).unwrap();
                let other = other.with_policy(|policy| policy.attempts = 1);
                let report = client.send(from().copy_records_to(&to()).at(&other)).unwrap();
                let not = report.lists()[0].not_copied();
                told.that(
                    not.iter().map(|not| (not.id(), not.part(), not.error().maybe_applied())).collect::<Vec<_>>(),
                );
                // Its last words are the library's.
                told.that(
                    report.stopped().map(|error| (error.kind(), error.request().cloned(), error.maybe_applied())),
                );
            }
        )
        .shows("authorization: Bearer 0therS3cr3t")
        .shows("authorization: Basic")
        .shows("(\"a\", Object, true), (\"b\", Object, true)")
        .shows("Interrupted"),
        scenario!(
            "what is equal is moved, and the source is deleted",
            [MoveTo, move_to],
            [
                json(200, D),
                json(200, C),
                page(&[], None),
                json(200, r#"{"data":[{"id":"a","last_modified":7,"n":1}]}"#),
                json(200, A),
                json(201, A),
                json(200, D),
                json(200, C),
                json(200, r#"{"data":[{"id":"a","last_modified":7,"n":1}]}"#),
                json(200, A),
                json(200, r#"{"data":[{"id":"a","last_modified":7,"n":1}]}"#),
                json(200, A),
                json(200, GONE),
                json(200, NOTHING),
                json(200, GONE),
            ],
            |client, told| {
                told.of(client.send(from().move_to(&to())).map(|report| report.to_string()));
            }
        )
        .shows("1 created, 1 unchanged, 2 deleted from the source; verified")
        .shows("if-match: \"7\""),
        scenario!(
            "a bucket, and the server refuses",
            [copy_to],
            [json(403, r#"{"errno":121}"#), json(200, BUCKET), answer(403, &[], r#"{"errno":121,"message":"no"}"#)],
            |client, told| {
                let report = client.send(bucket("b").copy_to(&bucket("e"))).unwrap();
                told.that(report.to_string());
                told.of(report.into_result().map(|report| report.to_string()));
            }
        )
        .shows("1 not copied; stopped: PUT /buckets/e: "),
    ]
}
