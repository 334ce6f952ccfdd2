//! Batches that do not go well: aborted, lost, refused.

use kinto_protocol::{Attributes, Batch, Call, Method, endpoints};
use serde_json::json as data;

use crate::answers::{Scripted, answer, entries, info, json, lost, page};
use crate::batches::{A, B, C, D, creations, tell};
use crate::scenario::{Scenario, records, scenario};

const ABORTED: &str = r#"{"errno":122}"#;
const REFUSED: &str = r#"{"errno":114}"#;
const MISSING: &str = r#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"a","resource_name":"record"}}"#;
const OTHER: &str = r#"{"data":{"id":"a","last_modified":9,"n":2}}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = aborted();
    all.extend(lost_answers());
    all.extend(refused());
    all
}

fn aborted() -> Vec<Scenario> {
    vec![
        scenario!(
            "what the server aborts, and what was before it, is sent again",
            [Batch],
            [info("25"), entries(&[(201, A), (409, ABORTED), (201, C)]), json(201, A), json(201, B)],
            |client, told| tell(told, client.send(creations(&["a", "b", "c"])))
        )
        .shows("retry: PUT /buckets/b/collections/c/records/b: after 1, soon: the server answered 409")
        .shows("summary: 3 done"),
        scenario!(
            "what was before an aborted one, and was not undone, is found when it is repeated",
            [Batch],
            [
                info("25"),
                entries(&[(201, A), (409, ABORTED), (201, C)]),
                json(412, REFUSED),
                json(200, A),
                json(201, B)
            ],
            |client, told| tell(told, client.send(creations(&["a", "b", "c"])))
        )
        .shows("item 0: done, repeated, PUT /buckets/b/collections/c/records/a")
        .shows("summary: 3 done"),
        scenario!(
            "what was refused after an aborted one is asked again",
            [Batch],
            [info("25"), entries(&[(409, ABORTED), (404, MISSING), (201, C)]), json(201, A), json(200, B)],
            |client, told| {
                let mut batch = creations(&["a"]);
                batch.push(records().patch("b", Attributes::new(&data!({"n": 1}))));
                batch.push(records().create("c", &data!({"n": 1})));
                tell(told, client.send(batch));
            }
        )
        .shows("summary: 3 done"),
        scenario!(
            "what is always aborted is given up alone",
            [Batch],
            [info("25"), entries(&[(409, ABORTED), (201, B)]), json(409, ABORTED), json(409, ABORTED)],
            |client, told| {
                let client = client.with_policy(|policy| policy.conflicts = 2);
                tell(told, client.send(creations(&["a", "b"])));
            }
        )
        .shows("item 0: in conflict, PUT /buckets/b/collections/c/records/a Err Server status=Some(409)")
        .shows("summary: 1 done, 1 in conflict"),
        scenario!(
            "a batch that is aborted as a whole is sent again",
            [Batch],
            [info("25"), json(409, ABORTED), entries(&[(201, A), (201, B)])],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("retry: POST /batch: after 1, soon: the server answered 409")
        .shows("summary: 2 done"),
    ]
}

fn lost_answers() -> Vec<Scenario> {
    vec![
        scenario!(
            "a chunk whose answer was lost is repeated, and what it has done is read back",
            [Batch],
            [info("25"), lost(), entries(&[(412, REFUSED), (201, B)]), json(200, A)],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("soon: GET /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("item 0: done, repeated, PUT /buckets/b/collections/c/records/a")
        .shows("item 1: done, PUT /buckets/b/collections/c/records/b"),
        scenario!(
            "what several have done is read back in one batch",
            [Batch],
            [
                info("25"),
                answer(504, &[], ""),
                entries(&[(412, REFUSED), (404, MISSING), (412, REFUSED)]),
                entries(&[(200, OTHER), (200, r#"{"data":[{"id":"b","last_modified":9,"deleted":true}]}"#), (403, r#"{"errno":121}"#)])
            ],
            |client, told| {
                let mut batch = creations(&["a"]);
                batch.push(records().delete("b"));
                batch.push(records().create("c", &data!({"n": 1})));
                tell(told, client.send(batch));
            }
        )
        .shows("{\"requests\":[{\"method\":\"GET\",\"path\":\"/buckets/b/collections/c/records/a\"},{\"method\":\"GET\",\"path\":\"/buckets/b/collections/c/records?id=%22b%22&_since=0\"},")
        .shows("item 0: unknown, PUT /buckets/b/collections/c/records/a Err Server status=Some(412) errno=Some(114)")
        .shows("item 1: done, repeated, DELETE /buckets/b/collections/c/records/b")
        .shows("item 2: unknown, PUT /buckets/b/collections/c/records/c Err Server status=Some(412)"),
        scenario!(
            "what may have been carried out stays in doubt where it cannot be read back",
            [Batch],
            [info("25"), lost(), entries(&[(412, REFUSED), (201, B)]), lost(), lost(), lost()],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("stopped: Err Interrupted")
        .shows("summary: 1 done, 1 unknown")
        .shows("item 0: unknown, PUT /buckets/b/collections/c/records/a"),
        scenario!(
            "what may have been carried out is read back when the batch is sent again",
            [Batch],
            [info("25"), lost(), entries(&[(412, REFUSED), (201, B)]), lost(), lost(), lost(), json(200, A)],
            |client, told| {
                let mut batch = creations(&["a", "b"]);
                told.of(client.send(&mut batch));
                told.of(client.send(&mut batch));
                tell(told, Ok(batch.into_outcome()));
            }
        )
        .shows("item 0: done, repeated, PUT /buckets/b/collections/c/records/a"),
        scenario!(
            "what is not there and need not be is no work of a lost attempt",
            [Batch],
            [info("25"), lost(), entries(&[(404, MISSING), (201, B)]), page(&[], None)],
            |client, told| {
                let mut batch = Batch::new();
                batch.push(records().delete_if_present("a"));
                batch.push(records().create("b", &data!({"n": 1})));
                tell(told, client.send(batch));
            }
        )
        .shows("item 0: already so, DELETE /buckets/b/collections/c/records/a"),
        scenario!(
            "a refusal after an overload is one",
            [Batch],
            [info("25"), answer(429, &[], ""), entries(&[(412, REFUSED), (201, B)])],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("item 0: in conflict, PUT /buckets/b/collections/c/records/a Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=false"),
        scenario!(
            "what may be done only once is not sent twice",
            [Batch],
            [info("25"), lost()],
            |client, told| {
                let post = || Call::new(Method::POST, endpoints::records("b", "c")).json(&data!({"data": {}})).unwrap();
                let mut batch: Batch = [post(), post()].into_iter().collect();
                told.of(client.send(&mut batch));
                told.of(client.send(&mut batch));
                tell(told, Ok(batch.into_outcome()));
            }
        )
        .shows("Err Interrupted status=None errno=None attempts=1 maybe_applied=true")
        .shows("summary: 2 unknown"),
        scenario!(
            "one of a batch whose answer is an overload may have been carried out",
            [Batch],
            [info("25"), entries(&[(201, A), (503, r#"{"errno":201}"#), (201, C)])],
            |client, told| tell(told, client.send(creations(&["a", "b", "c"])))
        )
        .shows("item 1: unknown, PUT /buckets/b/collections/c/records/b Err Server status=Some(503) errno=Some(201) attempts=1 maybe_applied=true")
        .shows("summary: 2 done, 1 unknown"),
    ]
}

fn too_many(most: usize) -> Scripted {
    let what =
        format!(r#"{{"location":"body","name":"requests","description":"Number of requests is limited to {most}"}}"#);
    json(400, &format!(r#"{{"code":400,"errno":107,"error":"Invalid parameters","details":[{what}]}}"#))
}

fn refused() -> Vec<Scenario> {
    vec![
        scenario!(
            "a chunk that is too long is cut, and the limit is known from then on",
            [Batch],
            [
                info("25"),
                too_many(2),
                entries(&[(201, A), (201, B)]),
                entries(&[(201, C), (201, D)]),
                entries(&[(201, A), (201, B)]),
                json(201, C)
            ],
            |client, told| {
                tell(told, client.send(creations(&["a", "b", "c", "d"])));
                tell(told, client.send(creations(&["a", "b", "c"])));
            }
        )
        .shows("summary: 4 done")
        .shows("summary: 3 done"),
        scenario!(
            "a chunk that the server takes for malformed is halved until it is known which one is",
            [Batch],
            [
                info("25"),
                json(400, r#"{"errno":107}"#),
                json(400, r#"{"errno":107}"#),
                json(201, A),
                json(400, r#"{"errno":107}"#),
                entries(&[(201, C), (201, D)])
            ],
            |client, told| tell(told, client.send(creations(&["a", "b", "c", "d"])))
        )
        .shows("item 1: invalid, PUT /buckets/b/collections/c/records/b Err Server status=Some(400)")
        .shows("summary: 3 done, 1 invalid"),
        scenario!(
            "where there are no batches, all are sent as they are",
            [Batch],
            [info("25"), json(404, r#"{"errno":111}"#), json(201, A), json(201, B), json(201, C)],
            |client, told| tell(told, client.send(creations(&["a", "b", "c"])))
        )
        .shows("soon: PUT /v1/buckets/b/collections/c/records/c HTTP/1.1")
        .shows("summary: 3 done"),
        scenario!(
            "where batches are not allowed, all are sent as they are",
            [Batch],
            [info("25"), json(405, r#"{"errno":115}"#), json(201, A), json(201, B)],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("summary: 2 done"),
        scenario!(
            "a chunk that the server stumbles over is halved, and what is met is read back",
            [Batch],
            [
                info("25"),
                answer(500, &[], ""),
                answer(500, &[], ""),
                answer(500, &[], ""),
                json(412, REFUSED),
                json(200, A),
                json(201, B)
            ],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("item 0: done, repeated, PUT /buckets/b/collections/c/records/a")
        .shows("summary: 2 done"),
        scenario!(
            "a server that stumbles over everything is left alone",
            [Batch],
            [info("1"), answer(500, &[], ""), answer(500, &[], ""), answer(500, &[], ""), answer(500, &[], "")],
            |client, told| tell(told, client.once().send(creations(&["a", "b", "c", "d", "e"])))
        )
        .shows("stopped: Err Server status=Some(500)")
        .shows("summary: 1 not sent, 4 unknown"),
        scenario!(
            "a chunk that is too large for something on the way is halved",
            [Batch],
            [info("25"), answer(413, &[], "<html>"), json(201, A), json(201, B)],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .shows("summary: 2 done"),
        scenario!(
            "a chunk whose answer is too large is halved, and what it has done is read back",
            [Batch],
            [
                info("25"),
                json(200, &"x".repeat(3_000)),
                json(412, REFUSED),
                json(200, A),
                json(412, REFUSED),
                json(200, B)
            ],
            |client, told| tell(told, client.send(creations(&["a", "b"])))
        )
        .setup(|setup| setup.policy.limits.response_bytes = 2_000)
        .shows("item 0: done, repeated")
        .shows("item 1: done, repeated"),
    ]
}
