//! Batches whose answers are odd, or ask for silence.

use std::time::Duration;

use kinto_protocol::{Batch, OnBackoff, server_info};

use crate::answers::{Scripted, answer, entries, entries_with, info, json, responses};
use crate::batches::{A, B, C, D, creations, tell};
use crate::scenario::{Scenario, records, scenario};

/// These take their time.
pub(crate) fn in_time() -> Vec<Scenario> {
    vec![
        scenario!(
            "silence between two chunks",
            [Batch],
            [info("2"), entries_with(&[("Backoff", "1")], &[(201, A), (201, B)]), entries(&[(201, C), (201, D)])],
            |client, told| tell(told, client.send(creations(&["a", "b", "c", "d"])))
        )
        .shows("backoff: POST /batch: in 1 s")
        .shows("after a wait: POST /v1/batch")
        .shows("summary: 4 done"),
        scenario!(
            "silence that one answer in a batch asks for",
            [Batch],
            [
                info("2"),
                responses(&[
                    &format!(r#"{{"status":201,"headers":{{"Backoff":"1"}},"body":{A}}}"#),
                    &format!(r#"{{"status":201,"headers":{{"Alert":"soon"}},"body":{B}}}"#)
                ]),
                json(201, C)
            ],
            |client, told| tell(told, client.send(creations(&["a", "b", "c"])))
        )
        .shows("alert: None \"soon\" None")
        .shows("after a wait: PUT /v1/buckets/b/collections/c/records/c")
        .shows("summary: 3 done"),
        scenario!(
            "silence between two chunks that is not waited for",
            [Batch],
            [info("2"), entries_with(&[("Backoff", "30")], &[(201, A), (201, B)])],
            |client, told| {
                let mut batch = creations(&["a", "b", "c", "d"]);
                told.of(client.send(&mut batch));
                told.of(client.send(&mut batch));
                tell(told, Ok(batch.into_outcome()));
            }
        )
        .setup(|setup| setup.policy.on_backoff = OnBackoff::Fail)
        .within(5_000)
        .shows("Err Backoff status=None errno=None attempts=0 maybe_applied=true retryable=true retry_in=Some(30.0)")
        .shows("the batch stopped after 2 of 4 operations")
        .shows("summary: 2 done, 2 not sent"),
        scenario!(
            "each chunk has the whole time for itself",
            [Batch],
            [info("2"), entries(&[(201, A), (201, B)]).late(1_000), entries(&[(201, C), (201, D)]).late(1_000)],
            |client, told| tell(told, client.send(creations(&["a", "b", "c", "d"])))
        )
        .setup(|setup| setup.policy.deadline = Duration::from_millis(1_700))
        .shows("summary: 4 done"),
    ]
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    fn two(second: &str) -> Scripted {
        responses(&[&format!(r#"{{"status":201,"path":"/v1/buckets/b/collections/c/records/a","body":{A}}}"#), second])
    }
    vec![
        scenario!(
            "of an answer that is none only that one is lost",
            [Batch],
            [info("25"), two(r#"{"body":{}}"#), two(r#"{"status":99}"#), two(r#""gone""#), two("null")],
            |client, told| {
                for _ in 0..4 {
                    tell(told, client.send(creations(&["a", "b"])));
                }
            }
        )
        .shows("summary: 1 done, 1 unknown\nitem 0: done, PUT /buckets/b/collections/c/records/a \nitem 1: unknown"),
        scenario!(
            "of an answer with an integer of more than 64 bits only that one is lost",
            [Batch],
            [info("25"), two(r#"{"status":201,"body":{"data":{"id":"b","last_modified":8,"n":123456789012345678901234567890}}}"#)],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("summary: 1 done, 1 unknown"),
        scenario!(
            "of an object that cannot be read only that one is lost",
            [Batch],
            [info("25"), two(r#"{"status":201,"body":{"data":{"id":"b"}}}"#), two(r#"{"status":201,"body":null}"#), two(r#"{"status":201,"body":"<html>"}"#)],
            |client, told| {
                for _ in 0..3 {
                    tell(told, client.send(creations(&["a", "b"])));
                }
            }
        )
        .shows("summary: 1 done, 1 unknown"),
        scenario!(
            "headers that cannot be read are left out",
            [Batch],
            [info("25"), two(&format!(r#"{{"status":201,"headers":{{"a b":"1","X":5,"Y":null,"Z":["1"],"ETag":"\"8\""}},"body":{B},"more":[{{}}]}}"#)), two(&format!(r#"{{"status":201,"headers":null,"body":{B}}}"#))],
            |client, told| {
                tell(told, client.send(creations(&["a", "b"])));
                tell(told, client.send(creations(&["a", "b"])));
            }
        )
        .shows("summary: 2 done"),
        scenario!(
            "paths are compared by their last part, however they are written",
            [Batch],
            [
                info("25"),
                responses(&[
                    &format!(r#"{{"status":201,"path":"/v2/other/%61/?x=1","body":{A}}}"#),
                    &format!(r#"{{"status":201,"path":null,"body":{B}}}"#)
                ])
            ],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("summary: 2 done"),
        scenario!(
            "what the server says of itself, in a batch",
            [Batch],
            [
                info("25"),
                responses(&[
                    r#"{"status":200,"path":"/v1/","headers":{},"body":{"project_name":"kinto"}}"#,
                    &format!(r#"{{"status":200,"path":"/v1/buckets/b/collections/c/records/a","headers":{{}},"body":{A}}}"#)
                ])
            ],
            |client, told| {
                let mut batch = Batch::new();
                batch.push(server_info());
                batch.push(records().get("a"));
                tell(told, client.send(batch));
            }
        )
        .shows("summary: 2 done"),
        scenario!(
            "answers in another order are none",
            [Batch],
            [info("25"), responses(&[
                &format!(r#"{{"status":201,"path":"/v1/buckets/b/collections/c/records/b","body":{B}}}"#),
                &format!(r#"{{"status":201,"path":"/v1/buckets/b/collections/c/records/a","body":{A}}}"#)
            ])],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("stopped: Err Decode status=None errno=None attempts=1 maybe_applied=true")
        .shows("summary: 2 unknown"),
        scenario!(
            "fewer answers than requests are none",
            [Batch],
            [info("25"), entries(&[(201, A)])],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("stopped: Err Decode")
        .shows("the batch had 2 requests, and the answer to it has 1")
        .shows("summary: 2 unknown"),
        scenario!(
            "more answers than requests are none",
            [Batch],
            [info("25"), entries(&[(201, A), (201, B), (201, C)])],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("the batch had 2 requests, and the answer to it has 3"),
        scenario!(
            "an answer to a batch that is none",
            [Batch],
            [info("25"), answer(200, &[], "<html>"), json(200, "{}"), json(200, r#"{"responses":{}}"#)],
            |client, told| {
                let mut batch = creations(&["a", "b"]);
                for _ in 0..3 {
                    told.of(client.send(&mut batch));
                }
                tell(told, Ok(batch.into_outcome()));
            }
        )
        .shows("Err Decode status=None errno=None attempts=1 maybe_applied=true")
        .shows("summary: 2 unknown"),
    ]
}
