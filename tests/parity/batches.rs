//! Many operations in few requests: what is put into which, and what comes out for whom.

use kinto_protocol::{
    Attributes, Batch, Call, JsonPatch, Merge, Method, Outcome, Precondition, Result, Timestamp, bucket, endpoints,
};
use serde_json::json as data;

use crate::answers::{RECORD, answer, entries, existing, info, json, json_with, responses};
use crate::plain;
use crate::scenario::{Scenario, Told, records, scenario};

pub(crate) const A: &str = r#"{"data":{"id":"a","last_modified":7,"n":1}}"#;
pub(crate) const B: &str = r#"{"data":{"id":"b","last_modified":8,"n":1}}"#;
pub(crate) const C: &str = r#"{"data":{"id":"c","last_modified":9,"n":1}}"#;
pub(crate) const D: &str = r#"{"data":{"id":"d","last_modified":10,"n":1}}"#;
const MISSING: &str = r#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"a","resource_name":"record"}}"#;
const TAKEN: &str = r#"{"errno":114,"details":{"existing":{"id":"a","last_modified":9,"n":2}}}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = together();
    all.extend(limits());
    all.extend(apart());
    all.extend(kept());
    all.extend(side_by_side());
    all
}

/// The creation of each of these.
pub(crate) fn creations(ids: &[&str]) -> Batch {
    ids.iter().map(|id| records().create(*id, &data!({"n": 1}))).collect()
}

/// All that is known of the outcome of a batch.
pub(crate) fn tell(told: &mut Told, result: Result<Outcome>) {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => return told.of::<()>(Err(error)),
    };
    told.0.push(format!("summary: {}", outcome.summary()));
    told.0.extend(outcome.stopped().map(|error| format!("stopped: {}", plain::error(error))));
    for item in outcome.items() {
        let request = item.request().map(ToString::to_string).unwrap_or_default();
        let repeated = if item.is_repeated() { ", repeated" } else { "" };
        let error = item.error().map(|error| plain::error_after(error, outcome.stopped())).unwrap_or_default();
        told.0.push(format!("item {}: {}{repeated}, {request} {error}", item.position(), item.status()));
    }
}

fn together() -> Vec<Scenario> {
    vec![
        scenario!(
            "a batch of many things, each with an outcome of its own",
            [Batch],
            [
                info("25"),
                entries(&[(201, A), (200, B), (412, TAKEN), (404, MISSING), (200, "\"\""), (403, r#"{"errno":121}"#)])
            ],
            |client, told| {
                let mut batch = Batch::new();
                let created = batch.push(records().create("a", &data!({"n": 1, "é": "😀"})));
                let read = batch.push(records().get("b"));
                let refused = batch.push(records().create("c", &data!({})));
                let gone = batch.push(records().delete_if_present("d").if_match(Timestamp::from_millis(3)));
                let exists = batch.push(records().exists("e"));
                let patched = batch.push(records().patch("f", Attributes::new(&data!({"n": 2}))));
                let mut outcome = client.send(batch).unwrap();
                told.that(outcome.summary().to_string());
                told.of(outcome.take(created));
                told.of(outcome.take(read));
                told.of(outcome.take(refused));
                told.of(outcome.take(gone));
                told.of(outcome.take(exists));
                told.of(outcome.take(patched));
            }
        )
        .shows("at first: GET /v1/ HTTP/1.1")
        .shows("soon: POST /v1/batch HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 | content-length:")
        .shows("content-type: application/json | host: 127.0.0.1 | user-agent:")
        .shows("{\"requests\":[{\"method\":\"PUT\",\"path\":\"/buckets/b/collections/c/records/a\",\"headers\":{\"if-none-match\":\"*\"},\"body\":{\"data\":{\"n\":1,\"é\":\"😀\"}}},")
        .shows("{\"method\":\"GET\",\"path\":\"/buckets/b/collections/c/records/b\"}")
        .shows("{\"method\":\"DELETE\",\"path\":\"/buckets/b/collections/c/records/d\",\"headers\":{\"if-match\":\"\\\"3\\\"\"}}")
        .shows("{\"method\":\"HEAD\",\"path\":\"/buckets/b/collections/c/records/e\"}")
        .shows("{\"method\":\"PATCH\",\"path\":\"/buckets/b/collections/c/records/f\",\"body\":{\"data\":{\"n\":2}}}]}")
        .shows("\"3 done, 1 already so, 1 in conflict, 1 forbidden\"")
        .shows("Ok Absent\nOk true\nErr Server status=Some(403) errno=Some(121) attempts=1 maybe_applied=false"),
        scenario!("one alone is sent as it is", [Batch], [json(201, A)], |client, told| {
            tell(told, client.send(creations(&["a"])));
        })
        .shows("at first: PUT /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("summary: 1 done"),
        scenario!("a batch of nothing sends nothing", [Batch], [], |client, told| {
            tell(told, client.send(Batch::new()));
        })
        .shows("summary: nothing to do"),
        scenario!("what cannot be sent is refused by itself", [Batch], [info("25"), json(201, B)], |client, told| {
            let mut batch = creations(&["../a"]);
            batch.push(records().create("b", &data!({"n": 1})));
            batch.push(records().create("c", &data!({"id": "d"})));
            tell(told, client.send(batch));
        })
        .shows("summary: 1 done, 2 invalid"),
        scenario!("ids that are drawn stay the same when a batch is repeated", [Batch, add], [
            info("25"),
            answer(503, &[], ""),
            responses(&[r#"{"status":201,"body":{"data":{"id":"x","last_modified":1}}}"#, r#"{"status":201,"body":{"data":{"id":"y","last_modified":1}}}"#])
        ], |client, told| {
            let batch: Batch = (0..2).map(|n| records().add(&data!({"n": n}))).collect();
            tell(told, client.send(batch));
        })
        .shows("records/<id 1>\",\"headers\":{\"if-none-match\":\"*\"},\"body\":{\"data\":{\"n\":0}}},{\"method\":\"PUT\",\"path\":\"/buckets/b/collections/c/records/<id 2>")
        .shows("retry: POST /batch: after 1, soon: the server answered 503")
        .shows("summary: 2 done"),
    ]
}

fn limits() -> Vec<Scenario> {
    vec![
        scenario!(
            "chunks are as long as the server allows, and it is asked once",
            [Batch],
            [
                info("2"),
                entries(&[(201, A), (201, B)]),
                entries(&[(201, C), (201, D)]),
                json(201, A),
                entries(&[(201, A), (201, B)])
            ],
            |client, told| {
                tell(told, client.send(creations(&["a", "b", "c", "d", "a"])));
                tell(told, client.with_policy(|policy| policy.attempts = 2).send(creations(&["a", "b"])));
            }
        )
        .shows("summary: 5 done")
        .shows("soon: PUT /v1/buckets/b/collections/c/records/a HTTP/1.1"),
        scenario!("no limit is none", [Batch], [info("null"), many(30)], |client, told| {
            tell(told, client.send(reads(30)));
        })
        .shows("summary: 30 done"),
        scenario!("a limit of 0 is none", [Batch], [info("0"), many(30)], |client, told| {
            tell(told, client.send(reads(30)));
        })
        .shows("summary: 30 done"),
        scenario!(
            "200 are enough where there is no limit",
            [Batch],
            [info("0"), many(200), json(200, RECORD)],
            |client, told| {
                tell(told, client.send(reads(201)));
            }
        )
        .shows("summary: 201 done"),
        scenario!(
            "a server that does not say has Kinto's limit",
            [Batch],
            [json(200, r#"{"settings":{}}"#), many(25), json(200, RECORD)],
            |client, told| tell(told, client.send(reads(26)))
        )
        .shows("summary: 26 done"),
        scenario!(
            "a server that says nothing of itself has Kinto's limit",
            [Batch],
            [json(403, r#"{"errno":121}"#), many(25), json(200, RECORD)],
            |client, told| tell(told, client.send(reads(26)))
        )
        .shows("summary: 26 done"),
        scenario!(
            "what a server says of itself need not be understood",
            [Batch],
            [answer(200, &[], "<html>"), many(25), json(200, RECORD)],
            |client, told| tell(told, client.send(reads(26)))
        )
        .shows("summary: 26 done"),
        scenario!(
            "where there is no way to what a server says of itself, batches are tried all the same",
            [Batch],
            [answer(302, &[("Location", "http://other.test/")], ""), entries(&[(200, A), (200, A)])],
            |client, told| tell(told, client.send(reads(2)))
        )
        .shows("summary: 2 done"),
        scenario!(
            "a server that is too busy to say is not asked for more",
            [Batch],
            [answer(503, &[], ""), answer(503, &[], ""), answer(503, &[], "")],
            |client, told| tell(told, client.send(reads(2)))
        )
        .shows("stopped: Err Server status=Some(503)")
        .shows("summary: 2 not sent"),
        scenario!(
            "a server that is read-only is asked one by one",
            [Batch],
            [json(200, r#"{"settings":{"readonly":true,"batch_max_requests":25}}"#), json(200, A), json(200, A)],
            |client, told| tell(told, client.send(reads(2)))
        )
        .shows("soon: GET /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("summary: 2 done"),
        scenario!(
            "fewer requests in one than the server allows",
            [Batch],
            [info("25"), entries(&[(200, A), (200, A)]), json(200, RECORD)],
            |client, told| tell(told, client.send(reads(3).requests(2)))
        )
        .shows("summary: 3 done"),
        scenario!(
            "fewer bytes in one than would fit",
            [Batch],
            [info("25"), entries(&[(201, A), (201, B)]), json(201, C), json(201, D)],
            |client, told| {
                let mut batch = creations(&["a", "b"]);
                batch.push(records().create("c", &data!({"text": "x".repeat(700)})));
                batch.push(records().create("d", &data!({"n": 1})));
                tell(told, client.send(batch.bytes(600)));
            }
        )
        .shows("summary: 4 done"),
    ]
}

/// The same object, so many times.
fn reads(count: usize) -> Batch {
    (0..count).map(|_| records().get("a")).collect()
}

fn many(count: usize) -> crate::answers::Scripted {
    entries(&vec![(200, A); count])
}

fn apart() -> Vec<Scenario> {
    vec![
        scenario!(
            "what the server cannot do in a batch is sent by itself, in its place",
            [Batch],
            [
                info("25"),
                entries(&[(201, A), (201, B)]),
                json(200, RECORD),
                json(200, RECORD),
                answer(304, &[], ""),
                json(200, RECORD),
                entries(&[(201, C), (201, D)])
            ],
            |client, told| {
                let mut batch = creations(&["a", "b"]);
                batch.push(records().patch("a", JsonPatch::new().add("/data/n", 2)));
                batch.push(records().patch("a", Merge::new(&data!({"n": 3}))));
                let changed = Precondition::Changed(Timestamp::from_millis(7));
                batch.push(Call::new(Method::GET, endpoints::record("b", "c", "a")).precondition(changed));
                batch.push(bucket("batch").collections().get("a"));
                batch.push(records().create("c", &data!({"n": 1})));
                batch.push(records().create("d", &data!({"n": 1})));
                tell(told, client.send(batch));
            }
        )
        .shows("content-type: application/json-patch+json |")
        .shows("content-type: application/merge-patch+json |")
        .shows("soon: GET /v1/buckets/batch/collections/a HTTP/1.1")
        .shows("summary: 8 done"),
        scenario!(
            "what is written twice is written in two requests",
            [Batch],
            [info("25"), entries(&[(201, A), (201, B)]), entries(&[(200, A), (200, A)])],
            |client, told| {
                let mut batch = creations(&["a", "b"]);
                batch.push(records().replace("a", &data!({"n": 2})));
                batch.push(records().get("a"));
                tell(told, client.send(batch));
            }
        )
        .shows("summary: 4 done"),
        scenario!(
            "what is read before it is written is read in another request",
            [Batch],
            [info("25"), json_with(200, &[("Total-Records", "1")], ""), json(201, A)],
            |client, told| {
                let mut batch = Batch::new();
                batch.push(records().count());
                batch.push(records().create("a", &data!({"n": 1})));
                tell(told, client.send(batch));
            }
        )
        .shows("soon: HEAD /v1/buckets/b/collections/c/records HTTP/1.1"),
        scenario!(
            "what may be sent only once does not go with what may be sent twice",
            [Batch],
            [info("25"), entries(&[(201, A), (201, B)]), json(201, C)],
            |client, told| {
                let post = || Call::new(Method::POST, endpoints::records("b", "c")).json(&data!({"data": {}})).unwrap();
                let mut batch: Batch = [post(), post()].into_iter().collect();
                batch.push(records().create("c", &data!({"n": 1})));
                tell(told, client.send(batch));
            }
        )
        .shows("summary: 3 done"),
    ]
}

fn kept() -> Vec<Scenario> {
    vec![
        scenario!(
            "a batch that is kept gives how many ended how, and sends nothing again",
            [Batch],
            [info("25"), entries(&[(201, A), (412, TAKEN)])],
            |client, told| {
                let mut batch = creations(&["a", "b"]);
                told.of(client.send(&mut batch));
                told.of(client.send(&mut batch));
                tell(told, Ok(batch.into_outcome()));
            }
        )
        .shows("summary: 1 done, 1 in conflict"),
        scenario!("a batch that was never sent", [Batch], [], |_client, told| {
            tell(told, Ok(creations(&["a"]).into_outcome()));
        })
        .shows("summary: 1 not sent"),
        scenario!(
            "what is pushed to a batch that was sent is sent when it is sent again",
            [Batch],
            [json(201, A), json(201, B)],
            |client, told| {
                let mut batch = creations(&["a"]);
                told.of(client.send(&mut batch));
                batch.push(records().create("b", &data!({"n": 1})));
                told.of(client.send(&mut batch));
                tell(told, Ok(batch.into_outcome()));
            }
        )
        .shows("summary: 2 done"),
        scenario!(
            "one error is an error to who wants no outcome with one",
            [Batch],
            [info("25"), entries(&[(201, A), (412, TAKEN)]), entries(&[(201, A), (201, B)])],
            |client, told| {
                told.of(client.send(creations(&["a", "b"])).and_then(Outcome::into_result));
                told.of(client.send(creations(&["a", "b"])).and_then(Outcome::into_result));
            }
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=1 maybe_applied=true")
        .shows("1 of 2 operations failed, the first of them with: ")
        .shows("Ok Outputs(Outcome { summary: \"2 done\""),
        scenario!("a ticket of another batch", [Batch], [existing(2)], |client, told| {
            let ticket = Batch::new().push(records().get("a"));
            let mut outcome = client.send(creations(&["a"])).unwrap();
            told.of(outcome.take(ticket));
        })
        .shows("Err Input"),
    ]
}

fn side_by_side() -> Vec<Scenario> {
    vec![
        scenario!(
            "side by side, where it does not matter who comes first",
            [Batch, Part],
            [info("2"), entries(&[(200, A), (200, A)]), entries(&[(200, A), (200, A)])],
            |client, told| tell(told, client.send(reads(4).concurrency(2)))
        )
        .shows("summary: 4 done"),
        scenario!(
            "side by side, where one part has nothing that could be sent",
            [Batch, Part],
            [info("2"), entries(&[(201, C), (201, D)])],
            |client, told| tell(told, client.send(creations(&["../a", "../b", "c", "d"]).concurrency(2)))
        )
        .shows("summary: 2 done, 2 invalid"),
        scenario!(
            "side by side, and all that fits into one request",
            [Batch],
            [info("2"), entries(&[(201, A), (201, B)])],
            |client, told| tell(told, client.send(creations(&["a", "b"]).concurrency(5)))
        )
        .shows("summary: 2 done"),
    ]
}
