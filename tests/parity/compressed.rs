//! Answers in gzip, where the core is built to ask for them.

use kinto_protocol::{Session, server_info};
use serde_json::json as data;

use crate::answers::{gzip, head};
use crate::scenario::{Scenario, records, scenario};

/// `{"data":{"id":"a","last_modified":7,"n":1}}`.
const RECORD: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabVJI,IT\xb2\xaaV\xcaLQ\xb2RJT\xd2Q\xcaI,.\x89\xcf\xcdO\xc9L\xcbL\x05\x8a\x99\xeb(\xe5)Y\x19\xd6\xd6\x02\x00\xce%\x9c'+\x00\x00\x00";
/// `{"errno":110,"error":"Not Found"}`.
const MISSING: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabVJ-*\xca\xcbW\xb2244\xd0\x01\xb1\xf3\x8b\x94\xac\x94\xfc\xf2K\x14\xdc\xf2K\xf3R\x94j\x01\x07$Q\x8e!\x00\x00\x00";
/// An object and five thousand spaces.
const BOMB: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc81\x0a\xc0 \x10E\xc1\xab\x84_\xa7\x17\xbcLXX\x85\x05C\x8a\xd8\x89w\xd7K\xd8\xbd)g\xc8\xad\x9b\xf2P\xb8\xb2L\xb7\x9a\xfd\xfdy?\x8f\x1ae_\x9a\xf3\x02\x00\x00\x00\x00\x00\x00p\xdc\x02\xca\xbd70\xad\x13\x00\x00";

/// Whether the core asks for it: that is a feature, which whoever builds this turns on or not.
fn is_on() -> bool {
    let session = Session::builder("http://localhost/v1").build().unwrap();
    session.request(&server_info()).unwrap().headers().contains_key("accept-encoding")
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    if !is_on() {
        return Vec::new();
    }
    vec![
        scenario!("compressed, success and error", [Get], [gzip(200, RECORD), gzip(404, MISSING)], |client, told| {
            told.of(client.send(records().get("a")));
            told.of(client.send(records().get("a")));
        })
        .shows("| no body | accept-encoding: gzip")
        .shows("\"n\": Number(1)")
        .shows("Err Server status=Some(404) errno=Some(110)"),
        scenario!("too large when it is unpacked", [Get, Put], [gzip(200, BOMB), gzip(200, BOMB)], |client, told| {
            told.of(client.send(records().get("a")));
            told.of(client.send(records().create("a", &data!({}))));
        })
        .setup(|setup| setup.policy.limits.response_bytes = 1_000)
        .shows("Err TooLarge status=None errno=None attempts=1 maybe_applied=false")
        .shows("Err TooLarge status=None errno=None attempts=1 maybe_applied=true"),
        scenario!(
            "compressed only in name, or only half",
            [Get, Put],
            [gzip(200, b"{\"data\":{}}"), gzip(201, &RECORD[..RECORD.len() - 9])],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().create("a", &data!({}))));
            }
        )
        .shows("maybe_applied=false")
        .shows("maybe_applied=true"),
        scenario!(
            "nothing, compressed",
            [Head],
            [head(200, &[("ETag", "\"7\""), ("Content-Encoding", "gzip")])],
            |client, told| told.of(client.send(records().head("a")))
        )
        .shows("Ok Timestamp(7)"),
    ]
}
