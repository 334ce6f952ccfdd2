//! Reading, changing and writing back.

use kinto_protocol::JsonMap;
use serde::{Deserialize, Serialize};
use serde_json::json as data;

use crate::answers::{RECORD, existing, json, lost, record};
use crate::scenario::{Scenario, records, scenario};

const MISSING: &str = r#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"a","resource_name":"record"}}"#;
const REFUSED: &str = r#"{"errno":114}"#;

#[derive(Debug, Serialize, Deserialize)]
struct Counter {
    n: u64,
}

fn one_more(counter: &mut Counter) {
    counter.n += 1;
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = alone();
    all.extend(with_others());
    all.extend(in_doubt());
    all
}

fn alone() -> Vec<Scenario> {
    vec![
        scenario!(
            "modify what is there",
            [modify, Modify],
            [
                json(200, r#"{"data":{"id":"a","last_modified":7,"n":1,"other":[1,null]}}"#),
                json(200, r#"{"data":{"id":"a","last_modified":8,"n":2,"other":[1,null]}}"#)
            ],
            |client, told| told.of(client.send(records().typed().modify("a", one_more)))
        )
        .shows("at first: GET /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("soon: PUT /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("if-match: \"7\"")
        .shows("{\"data\":{\"n\":2,\"other\":[1,null]}}")
        .shows("data: Counter { n: 2 }"),
        scenario!("modify nothing", [Modify], [json(200, RECORD)], |client, told| {
            told.of(client.send(records().modify("a", |_| {})));
        })
        .shows("Ok Object"),
        scenario!("modify what is not there", [Modify], [json(404, MISSING)], |client, told| {
            told.of(client.send(records().typed().modify("a", one_more)));
        })
        .shows("Err Server status=Some(404) errno=Some(110) attempts=1 maybe_applied=false"),
        scenario!(
            "modify or create what is not there",
            [Modify],
            [json(404, MISSING), json(201, RECORD)],
            |client, told| told.of(client.send(records().typed().modify("a", one_more).or_create(&Counter { n: 0 })))
        )
        .shows("if-none-match: *")
        .shows("{\"data\":{\"n\":1}}"),
        scenario!(
            "modify what is of another shape",
            [Modify],
            [json(200, r#"{"data":{"id":"a","last_modified":7,"n":"one"}}"#)],
            |client, told| told.of(client.send(records().typed().modify("a", one_more)))
        )
        .shows("Err Decode status=None errno=None attempts=1 maybe_applied=false"),
        scenario!("modify by what cannot be sent", [Modify], [json(200, RECORD)], |client, told| {
            told.of(client.send(records().modify("a", |map: &mut JsonMap| drop(map.insert("id".into(), data!("b"))))));
        })
        .shows("Err Input")
        .shows("maybe_applied=false"),
    ]
}

fn with_others() -> Vec<Scenario> {
    vec![
        scenario!(
            "modify, and another was faster",
            [Modify],
            [json(200, &record(1)), existing(5), json(200, &record(5)), json(200, &record(6))],
            |client, told| told.of(client.send(records().typed().modify("a", one_more)))
        )
        .shows("{\"data\":{\"n\":6}}")
        .shows("data: Counter { n: 6 }"),
        scenario!(
            "modify, and others are always faster",
            [Modify],
            [json(200, &record(1)), existing(5), json(200, &record(5)), existing(6)],
            |client, told| {
                let client = client.with_policy(|policy| policy.conflicts = 1);
                told.of(client.send(records().typed().modify("a", one_more)));
            }
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=1 maybe_applied=false")
        .shows("others were faster 2 times"),
        scenario!(
            "modify once, and another was faster",
            [Modify],
            [json(200, &record(1)), existing(5)],
            |client, told| told.of(client.once().send(records().typed().modify("a", one_more)))
        )
        .shows("Err Server status=Some(412)")
        .shows("maybe_applied=false"),
        scenario!(
            "modify or create, and another creates it at the same moment",
            [Modify],
            [json(404, MISSING), existing(5), json(200, &record(5)), json(200, &record(6))],
            |client, told| told.of(client.send(records().typed().modify("a", one_more).or_create(&Counter { n: 0 })))
        )
        .shows("if-none-match: *")
        .shows("{\"data\":{\"n\":6}}"),
        scenario!(
            "modify, and the write is aborted in favour of another",
            [Modify],
            [json(200, &record(1)), json(409, r#"{"errno":122}"#), json(200, &record(2))],
            |client, told| told.of(client.send(records().typed().modify("a", one_more)))
        )
        .shows("soon: the server answered 409")
        .shows("Ok Object"),
    ]
}

fn in_doubt() -> Vec<Scenario> {
    vec![
        scenario!(
            "modify, the answer is lost, and its work is there",
            [Modify],
            [json(200, &record(1)), lost(), existing(2), json(200, &record(2))],
            |client, told| told.of(client.send(records().typed().modify("a", |counter: &mut Counter| counter.n = 2)))
        )
        .shows("data: Counter { n: 2 }")
        .shows("repeated: true"),
        scenario!(
            "modify, the answer is lost, and the same change would change it once more",
            [Modify],
            [json(200, &record(1)), lost(), existing(2), json(200, &record(2))],
            |client, told| told.of(client.send(records().typed().modify("a", one_more)))
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
        scenario!(
            "modify, the answer is lost, and another's work is there",
            [Modify],
            [json(200, &record(1)), lost(), existing(3), json(200, &record(3))],
            |client, told| told.of(client.send(records().typed().modify("a", one_more)))
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
        scenario!(
            "modify, the answer is lost, and what is there cannot be read",
            [Modify],
            [json(200, &record(1)), lost(), json(412, REFUSED), json(403, r#"{"errno":121}"#)],
            |client, told| told.of(client.send(records().typed().modify("a", one_more)))
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
        scenario!(
            "modify, and the answer is lost until attempts end",
            [Modify],
            [json(200, &record(1)), lost(), lost(), lost()],
            |client, told| told.of(client.send(records().typed().modify("a", one_more)))
        )
        .shows("Err Interrupted status=None errno=None attempts=3 maybe_applied=true"),
    ]
}
