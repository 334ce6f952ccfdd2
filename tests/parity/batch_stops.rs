//! Batches that stop in the middle, and what is tried again.

use kinto_protocol::{Batch, OnBackoff};
use serde_json::json as data;

use crate::answers::{Scripted, answer, entries, existing, info, json, json_with, lost, page};
use crate::batches::{A, B, C, D, creations, tell};
use crate::scenario::{Scenario, records, scenario};

const REFUSED: &str = r#"{"errno":114}"#;
const MISSING: &str = r#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"a","resource_name":"record"}}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = stopped();
    all.extend(tried_again());
    all
}

fn stopped() -> Vec<Scenario> {
    vec![
        scenario!(
            "a batch that stops in the middle goes on where it stood",
            [Batch],
            [
                info("2"),
                entries(&[(201, A), (201, B)]),
                lost(),
                lost(),
                lost(),
                entries(&[(201, C), (412, REFUSED)]),
                json(200, D)
            ],
            |client, told| {
                let mut batch = creations(&["a", "b", "c", "d"]);
                told.of(client.send(&mut batch));
                told.of(client.send(&mut batch));
                tell(told, Ok(batch.into_outcome()));
            }
        )
        .shows("Err Interrupted status=None errno=None attempts=3 maybe_applied=true")
        .shows("the batch stopped after 2 of 4 operations")
        .shows("item 3: done, repeated, PUT /buckets/b/collections/c/records/d"),
        scenario!(
            "a batch that stops in the middle tells what became of each",
            [Batch],
            [info("2"), entries(&[(201, A), (201, B)]), lost(), lost(), lost()],
            |client, told| tell(told, client.send(creations(&["a", "b", "c", "d", "a"])))
        )
        .shows("summary: 2 done, 1 not sent, 2 unknown")
        .shows("stopped: Err Interrupted")
        .shows("item 4: not sent,"),
        scenario!(
            "a batch with wrong credentials stops before anything was done",
            [Batch],
            [info("25"), json(401, r#"{"errno":104}"#)],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("stopped: Err Server status=Some(401) errno=Some(104) attempts=1 maybe_applied=false")
        .shows("summary: 2 not sent"),
        scenario!(
            "a batch that is redirected stops before anything was done",
            [Batch],
            [info("25"), answer(301, &[("Location", "{origin}/v2/batch")], "")],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("stopped: Err Redirect status=None errno=None attempts=1 maybe_applied=false")
        .shows("summary: 2 not sent"),
        scenario!(
            "one that went by itself and is answered by an overload stops the batch",
            [Batch],
            [info("1"), json(201, A), json_with(503, &[("Retry-After", "300")], "")],
            |client, told| tell(told, client.send(creations(&["a", "b", "c"])))
        )
        .within(5_000)
        .shows("stopped: Err Server status=Some(503)")
        .shows("summary: 1 done, 1 not sent, 1 unknown"),
        scenario!(
            "a success of another kind is not an answer to a batch, which may have been carried out",
            [Batch],
            [info("25"), json(202, "{}")],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("summary: 2 unknown"),
        scenario!("a batch for nobody", [Batch], [], |client, told| {
            tell(told, client.send(creations(&["a", "b"])));
        })
        .at_nobodys()
        .shows("stopped: Err Connect")
        .shows("summary: 2 not sent"),
        scenario!(
            "a batch that stopped is no result, also when its errors were taken",
            [Batch],
            [answer(503, &[], "")],
            |client, told| {
                let mut batch = Batch::new();
                let ticket = batch.push(records().get("a"));
                let mut outcome = client.once().send(batch).unwrap();
                told.that(outcome.stopped().is_some());
                told.of(outcome.take(ticket).map(|_| ()));
                told.of(outcome.into_result().map(|_| "a result"));
            }
        )
        .shows("true\nErr")
        .shows("Err Server status=Some(503)"),
    ]
}

fn info_and_silence(seconds: &str) -> Scripted {
    json_with(200, &[("Backoff", seconds)], r#"{"settings":{"batch_max_requests":25}}"#)
}

fn tried_again() -> Vec<Scenario> {
    vec![
        scenario!(
            "what failed and is worth it is tried again, and comes to the others",
            [Batch],
            [
                info("25"),
                entries(&[(201, A), (503, r#"{"errno":201}"#), (403, r#"{"errno":121}"#)]),
                json(412, REFUSED),
                json(200, B)
            ],
            |client, told| {
                let mut outcome = client.send(creations(&["a", "b", "c"])).unwrap();
                let again = outcome.retry_failed().unwrap();
                told.that(again.len());
                outcome.merge(client.send(again).unwrap());
                tell(told, Ok(outcome));
            }
        )
        .shows("item 1: done, repeated, PUT /buckets/b/collections/c/records/b")
        .shows("summary: 2 done, 1 forbidden"),
        scenario!(
            "what was not sent is tried again as if for the first time",
            [Batch],
            [info_and_silence("1"), entries(&[(201, A), (412, REFUSED)])],
            |client, told| {
                let mut outcome = client.send(creations(&["a", "b"])).unwrap();
                told.that(outcome.summary().to_string());
                let again = outcome.retry_failed().unwrap();
                let patient = client.with_policy(|policy| policy.on_backoff = OnBackoff::Wait);
                outcome.merge(patient.send(again).unwrap());
                tell(told, Ok(outcome));
            }
        )
        .setup(|setup| setup.policy.on_backoff = OnBackoff::Fail)
        .shows("after a wait: POST /v1/batch HTTP/1.1")
        .shows("\"2 not sent\"")
        .shows(
            "item 1: in conflict, PUT /buckets/b/collections/c/records/b Err Server status=Some(412) errno=Some(114)",
        )
        .shows("summary: 1 done, 1 in conflict"),
        scenario!("what failed for good is not tried again", [Batch], [existing(2)], |client, told| {
            let mut outcome = client.send(creations(&["a"])).unwrap();
            told.that(outcome.retry_failed().is_none());
            tell(told, Ok(outcome));
        })
        .shows("true\nsummary: 1 in conflict"),
        scenario!(
            "a deletion that is tried again is looked for",
            [Batch],
            [info("25"), lost(), lost(), lost(), entries(&[(404, MISSING), (201, B)]), page(&[], None)],
            |client, told| {
                let mut batch = Batch::new();
                batch.push(records().delete("a"));
                batch.push(records().create("b", &data!({"n": 1})));
                let mut outcome = client.send(batch).unwrap();
                let again = outcome.retry_failed().unwrap();
                outcome.merge(client.send(again).unwrap());
                tell(told, Ok(outcome));
            }
        )
        .shows("item 0: unknown, DELETE /buckets/b/collections/c/records/a Err Server status=Some(404)")
        .shows("maybe_applied=true"),
    ]
}
