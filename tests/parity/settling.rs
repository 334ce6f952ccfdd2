//! Writes whose first answer was lost, and whose second one leaves it open whose work is there: what is there is read.

use kinto_protocol::{Attributes, Call, Merge, Method, Permissions, Timestamp, buckets, endpoints};
use serde_json::json as data;

use crate::answers::{RECORD, Scripted, TOMBSTONE, answer, buried, existing, json, json_with, lost, page, record};
use crate::scenario::{Scenario, records, scenario};

const MISSING: &str = r#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"a","resource_name":"record"}}"#;
const FORBIDDEN: &str = r#"{"code":403,"errno":121,"error":"Forbidden"}"#;
const REFUSED: &str = r#"{"errno":114}"#;
const TAKEN: &str = r#"{"errno":109}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = creations();
    all.extend(changes());
    all.extend(deletions());
    all.extend(deletions_of_what_may_be_absent());
    all.extend(creations_or_readings());
    all
}

/// A refusal at this second of the server's clock.
fn refused_at(second: &str) -> Scripted {
    json_with(412, &[("Date", &format!("Sun, 06 Nov 1994 08:49:{second} GMT"))], REFUSED)
}

fn creations() -> Vec<Scenario> {
    vec![
        scenario!(
            "a creation whose answer was lost, and its work is there",
            [create, Put],
            [lost(), existing(1), json(200, &record(1))],
            |client, told| told.of(client.send(records().create("a", &data!({"n": 1}))))
        )
        .shows("soon: GET /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("Ok Object")
        .shows("repeated: true"),
        scenario!(
            "a creation that was answered 503, and its work is there",
            [create, Put],
            [answer(503, &[], ""), json(412, REFUSED), json(200, &record(1))],
            |client, told| told.of(client.send(records().create("a", &data!({"n": 1}))))
        )
        .shows("repeated: true"),
        scenario!(
            "a creation whose answer was lost, and another's work is there",
            [create, Put],
            [lost(), existing(1), json(200, &record(2))],
            |client, told| told.of(client.send(records().create("a", &data!({"n": 1}))))
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true")
        .shows("Some(\"PUT /buckets/b/collections/c/records/a\")"),
        scenario!(
            "a creation whose answer was lost, and the same was there long before",
            [create, Put],
            [lost(), refused_at("37"), json(200, r#"{"data":{"id":"a","last_modified":784111770000,"n":1}}"#)],
            |client, told| told.of(client.send(records().create("a", &data!({"n": 1}))))
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
        scenario!(
            "a creation whose answer was lost, and the same is there since",
            [create, Put],
            [lost(), refused_at("37"), json(200, r#"{"data":{"id":"a","last_modified":784111777000,"n":1}}"#)],
            |client, told| told.of(client.send(records().create("a", &data!({"n": 1}))))
        )
        .shows("repeated: true"),
        scenario!(
            "a creation whose answer was lost, and what is there cannot be read",
            [create, Put],
            [lost(), json(412, REFUSED), json(403, FORBIDDEN)],
            |client, told| told.of(client.send(records().create("a", &data!({"n": 1}))))
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
        scenario!(
            "a creation whose answer was lost, and what is there never comes",
            [create, Put],
            [lost(), json(412, REFUSED), lost(), lost(), lost()],
            |client, told| told.of(client.send(records().create("a", &data!({"n": 1}))))
        )
        .shows("attempts=2 maybe_applied=true")
        .shows("Some(\"PUT /buckets/b/collections/c/records/a\")"),
        scenario!(
            "a creation with permissions, and what is there does not grant them",
            [create, Put],
            [lost(), json(412, REFUSED), json(200, RECORD)],
            |client, told| {
                let permissions = Permissions::new().read(["you"]);
                told.of(client.send(buckets().create("a", &data!({"n": 1})).permissions(permissions)));
            }
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
        scenario!(
            "a creation with permissions, and what is there grants them",
            [create, Put],
            [lost(), json(412, REFUSED), json(200, RECORD)],
            |client, told| {
                let permissions = Permissions::new().write(["me"]);
                told.of(client.send(buckets().create("a", &data!({"n": 1})).permissions(permissions)));
            }
        )
        .shows("repeated: true"),
        scenario!(
            "a creation whose answer was lost, and that then is in conflict",
            [create, Put],
            [lost(), json(409, TAKEN), json(200, &record(1))],
            |client, told| told.of(client.send(records().create("a", &data!({"n": 1}))))
        )
        .shows("repeated: true"),
        scenario!("a refusal of the only attempt is one", [create, Put], [existing(1)], |client, told| {
            told.of(client.send(records().create("a", &data!({"n": 1}))));
        })
        .shows("Err Server status=Some(412) errno=Some(114) attempts=1 maybe_applied=false"),
        scenario!(
            "after an overload there is nothing to be read back",
            [create, Put],
            [answer(429, &[], ""), existing(1)],
            |client, told| told.of(client.send(records().create("a", &data!({"n": 1}))))
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=false"),
        scenario!(
            "a request of one's own whose answer was lost is not read back",
            [Call],
            [lost(), json(412, REFUSED)],
            |client, told| {
                told.of(client.send(Call::new(Method::PUT, endpoints::bucket("b")).json(&data!({})).unwrap()));
            }
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
    ]
}

fn changes() -> Vec<Scenario> {
    vec![
        scenario!(
            "a replacement whose answer was lost, and its work is there",
            [replace, Put],
            [lost(), existing(2), json(200, &record(2))],
            |client, told| {
                let replace = records().replace("a", &data!({"n": 2}));
                told.of(client.send(replace.if_match(Timestamp::from_millis(3))));
            }
        )
        .shows("repeated: true"),
        scenario!(
            "a patch whose answer was lost, and its work is there",
            [patch, PatchObject],
            [answer(503, &[], ""), existing(2), json(200, &record(2))],
            |client, told| {
                let patch = records().patch("a", Attributes::new(&data!({"n": 2})));
                told.of(client.send(patch.if_match(Timestamp::from_millis(7))));
            }
        )
        .shows("soon: GET /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("repeated: true"),
        scenario!(
            "a patch whose answer was lost, and another's work is there",
            [patch, PatchObject],
            [lost(), existing(2), json(200, &record(3))],
            |client, told| {
                let patch = records().patch("a", Attributes::new(&data!({"n": 2})));
                told.of(client.send(patch.if_match(Timestamp::from_millis(7))));
            }
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
        scenario!(
            "a patch whose answer was lost, and what is there cannot be read",
            [patch, PatchObject],
            [lost(), existing(2), json(404, MISSING)],
            |client, told| {
                let patch = records().patch("a", Attributes::new(&data!({"n": 2})));
                told.of(client.send(patch.if_match(Timestamp::from_millis(7))));
            }
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
        scenario!(
            "a merge whose answer was lost, and its work is there",
            [patch, PatchObject],
            [lost(), json(412, REFUSED), json(200, &record(2))],
            |client, told| {
                let patch = records().patch("a", Merge::new(&data!({"n": 2, "gone": null})));
                told.of(client.send(patch.if_match(Timestamp::from_millis(7))));
            }
        )
        .shows("repeated: true"),
        scenario!(
            "a patch of nothing proves nothing",
            [patch, PatchObject],
            [lost(), json(412, REFUSED), json(200, &record(2))],
            |client, told| {
                let patch = records().patch("a", Attributes::new(&data!({})));
                told.of(client.send(patch.if_match(Timestamp::from_millis(7))));
            }
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
    ]
}

fn deletions() -> Vec<Scenario> {
    vec![
        scenario!(
            "a deletion whose answer was lost, and its tombstone is there",
            [delete, Delete],
            [lost(), json(404, MISSING), buried(&["a"], None)],
            |client, told| told.of(client.send(records().delete("a")))
        )
        .shows("soon: GET /v1/buckets/b/collections/c/records?id=%22a%22&_since=0 HTTP/1.1")
        .shows("Ok Tombstone")
        .shows("repeated: true"),
        scenario!(
            "a deletion whose answer was lost is looked for since it began",
            [delete, Delete],
            [
                lost(),
                json_with(404, &[("Date", "Sun, 06 Nov 1994 08:49:37 GMT")], MISSING),
                json(200, r#"{"data":[{"id":"a","last_modified":784111777000,"deleted":true}]}"#)
            ],
            |client, told| told.of(client.send(records().delete("a").last_modified(Timestamp::from_millis(99))))
        )
        .shows("records?id=%22a%22&_since=98 HTTP/1.1")
        .shows("repeated: true"),
        scenario!(
            "a deletion whose answer was lost, and nothing is left",
            [delete, Delete],
            [lost(), json(404, MISSING), page(&[], None)],
            |client, told| told.of(client.send(records().delete("a")))
        )
        .shows("Err Server status=Some(404) errno=Some(110) attempts=2 maybe_applied=true"),
        scenario!(
            "a deletion whose answer was lost, and somebody has made it anew",
            [delete, Delete],
            [lost(), json(404, MISSING), page(&["a"], None)],
            |client, told| told.of(client.send(records().delete("a")))
        )
        .shows("Err Server status=Some(404) errno=Some(110) attempts=2 maybe_applied=true"),
        scenario!(
            "a deletion whose answer was lost, and what is left cannot be read",
            [delete, Delete],
            [lost(), json(404, MISSING), json(403, FORBIDDEN)],
            |client, told| told.of(client.send(records().delete("a")))
        )
        .shows("Err Server status=Some(404) errno=Some(110) attempts=2 maybe_applied=true"),
        scenario!(
            "the deletion of a bucket whose answer was lost",
            [delete, Delete],
            [lost(), json(403, FORBIDDEN), json(403, FORBIDDEN)],
            |client, told| told.of(client.send(buckets().delete("a")))
        )
        .shows("soon: GET /v1/buckets?id=%22a%22&_since=0 HTTP/1.1")
        .shows("Err Server status=Some(403) errno=Some(121) attempts=2 maybe_applied=true"),
        scenario!(
            "a deletion that is done when it is repeated",
            [delete, Delete],
            [lost(), json(200, TOMBSTONE)],
            |client, told| told.of(client.send(records().delete("a")))
        )
        .shows("repeated: false"),
    ]
}

fn deletions_of_what_may_be_absent() -> Vec<Scenario> {
    vec![
        scenario!(
            "delete if present, the answer is lost, and its tombstone is there",
            [delete_if_present, DeleteIfPresent],
            [lost(), json(404, MISSING), buried(&["a"], None)],
            |client, told| told.of(client.send(records().delete_if_present("a")))
        )
        .shows("Ok Deleted(")
        .shows("repeated: true"),
        scenario!(
            "delete if present, the answer is lost, and nothing is left",
            [DeleteIfPresent],
            [lost(), json(404, MISSING), page(&[], None)],
            |client, told| told.of(client.send(records().delete_if_present("a")))
        )
        .shows("Ok Absent"),
        scenario!(
            "delete if present, the answer is lost, and what is left cannot be read",
            [DeleteIfPresent],
            [lost(), json(404, MISSING), json(403, FORBIDDEN)],
            |client, told| told.of(client.send(records().delete_if_present("a")))
        )
        .shows("Ok Absent"),
        scenario!(
            "delete a bucket if present, and the answer is lost",
            [DeleteIfPresent],
            [lost(), json(403, FORBIDDEN), json(200, r#"{"data":[{"id":"a","last_modified":8,"deleted":true}]}"#)],
            |client, told| told.of(client.send(buckets().delete_if_present("a")))
        )
        .shows("Ok Deleted("),
    ]
}

fn creations_or_readings() -> Vec<Scenario> {
    vec![
        scenario!(
            "get or create, the answer is lost, and its work is there",
            [get_or_create, GetOrCreate],
            [lost(), existing(1), json(200, &record(1))],
            |client, told| told.of(client.send(records().get_or_create("a", &data!({"n": 1}))))
        )
        .shows("Ok Created(")
        .shows("repeated: true"),
        scenario!(
            "get or create, the answer is lost, and another's work is there",
            [GetOrCreate],
            [lost(), json(412, REFUSED), json(200, &record(2))],
            |client, told| told.of(client.send(records().get_or_create("a", &data!({"n": 1}))))
        )
        .shows("Ok Found(")
        .shows("repeated: false"),
        scenario!(
            "get or create, the answer is lost, and what is there cannot be read",
            [GetOrCreate],
            [lost(), json(412, REFUSED), json(403, FORBIDDEN)],
            |client, told| told.of(client.send(records().get_or_create("a", &data!({"n": 1}))))
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
    ]
}
