//! Deleting one object, one that may be absent, and lists.

use kinto_protocol::{Timestamp, buckets, field};

use crate::answers::{RECORD, TOMBSTONE, answer, buried, json, json_with, lost};
use crate::scenario::{Scenario, records, scenario};

const MISSING: &str = r#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"a","resource_name":"record"}}"#;
const FORBIDDEN: &str = r#"{"code":403,"errno":121,"error":"Forbidden"}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = one();
    all.extend(one_that_may_be_absent());
    all.extend(many());
    all
}

fn one() -> Vec<Scenario> {
    vec![
        scenario!("delete", [delete, Delete], [json(200, TOMBSTONE)], |client, told| {
            told.of(client.send(records().delete("a")));
        })
        .shows("DELETE /v1/buckets/b/collections/c/records/a HTTP/1.1 | accept: application/json | authorization")
        .shows("| host: 127.0.0.1 | user-agent")
        .shows("Ok Tombstone"),
        scenario!(
            "delete what was read",
            [delete, Delete],
            [json(200, RECORD), json(200, TOMBSTONE)],
            |client, told| {
                let object = client.send(records().get("a")).unwrap();
                told.of(client.send(records().delete(&object)));
            }
        )
        .shows("if-match: \"7\""),
        scenario!("delete with a timestamp of one's own", [delete, Delete], [json(200, TOMBSTONE)], |client, told| {
            told.of(client.send(records().delete("a").last_modified(Timestamp::from_millis(99))));
        })
        .shows("DELETE /v1/buckets/b/collections/c/records/a?last_modified=99 HTTP/1.1"),
        scenario!("delete what is not there", [delete], [json(404, MISSING)], |client, told| {
            told.of(client.send(records().delete("a")));
        })
        .shows("Err Server status=Some(404) errno=Some(110) attempts=1 maybe_applied=false"),
    ]
}

fn one_that_may_be_absent() -> Vec<Scenario> {
    vec![
        scenario!(
            "delete if present",
            [delete_if_present, DeleteIfPresent],
            [json(200, TOMBSTONE), json(404, MISSING), json(404, "<html>")],
            |client, told| {
                told.of(client.send(records().delete_if_present("a")));
                told.of(client.send(records().delete_if_present("a")));
                told.of(client.send(records().delete_if_present("a")));
            }
        )
        .shows("Ok Deleted(")
        .shows("Ok Absent")
        .shows("Err Server status=Some(404) errno=None"),
        scenario!(
            "delete if present and one may",
            [DeleteIfPresent],
            [json(403, FORBIDDEN), json(403, FORBIDDEN)],
            |client, told| {
                told.of(client.send(buckets().delete_if_present("a")));
                told.of(client.send(records().delete_if_present("a").if_match(Timestamp::from_millis(3))));
            }
        )
        .shows("Ok AbsentOrForbidden\nErr Server status=Some(403)"),
    ]
}

fn many() -> Vec<Scenario> {
    vec![
        scenario!(
            "delete all, in pages",
            [delete_all, DeleteAll],
            [buried(&["a", "b"], Some("http://x/y?_limit=2&_token=1")), buried(&["c"], None)],
            |client, told| told.of(client.send(records().delete_all().page_size(2)))
        )
        .shows("at first: DELETE /v1/buckets/b/collections/c/records?_limit=2 HTTP/1.1")
        .shows("soon: DELETE /v1/buckets/b/collections/c/records?_limit=2&_token=1 HTTP/1.1")
        .shows("id: \"c\""),
        scenario!("delete all that match", [DeleteAll], [buried(&[], None)], |client, told| {
            told.of(client.send(records().delete_all().filter(field("old").eq(true))));
        })
        .shows("DELETE /v1/buckets/b/collections/c/records?old=true HTTP/1.1")
        .shows("Ok []"),
        scenario!(
            "delete all, and go on after an error",
            [DeleteAll],
            [buried(&["a"], Some("?_token=1")), json(403, FORBIDDEN), buried(&["b"], None)],
            |client, told| {
                let mut delete = records().delete_all().if_match(Timestamp::from_millis(9));
                told.of(client.send(&mut delete));
                told.that(delete.deleted());
                told.of(client.send(&mut delete));
            }
        )
        .shows("if-match: \"9\"")
        .shows("after 1 object was deleted"),
        scenario!(
            "delete all, and the answer is lost",
            [DeleteAll],
            [buried(&["a"], Some("?_token=1")), lost()],
            |client, told| told.of(client.send(records().delete_all()))
        )
        .shows("Err Interrupted")
        .shows("maybe_applied=true")
        .shows("after 1 object was deleted"),
        scenario!(
            "delete all, and the server is overloaded",
            [DeleteAll],
            [json_with(503, &[("Retry-After", "30")], r#"{"errno":201}"#)],
            |client, told| told.of(client.send(records().delete_all()))
        )
        .shows("Err Server status=Some(503) errno=Some(201) attempts=1 maybe_applied=true")
        .shows("retry_in=Some(30.0)"),
        scenario!(
            "delete all, and the first page is never sent",
            [DeleteAll],
            [answer(429, &[], ""), buried(&[], None)],
            |client, told| {
                told.of(client.send(records().delete_all()));
            }
        )
        .shows("retry: DELETE /buckets/b/collections/c/records: after 1, soon: the server answered 429"),
    ]
}
