//! Answers that are errors, or should be successes and are not.

use serde_json::json as data;

use crate::answers::{RECORD, answer, json, json_with};
use crate::scenario::{Scenario, records, scenario};

const HTML: &str = "<html>\n<h1>Bad gateway</h1>";
const INVALID: &str = r#"{"code":400,"errno":107,"error":"Invalid parameters","message":"data.n in body: bad",
    "details":[{"location":"body","name":"data.n","description":"bad"},{"name":3}]}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = said();
    all.extend(not_said());
    all.extend(unusable());
    all
}

fn said() -> Vec<Scenario> {
    vec![
        scenario!("400 with what is wrong", [Put], [json(400, INVALID)], |client, told| {
            told.of(client.send(records().create("a", &data!({"n": "x"}))));
        })
        .shows("Err Server status=Some(400) errno=Some(107) attempts=1 maybe_applied=false retryable=false")
        .shows("Invalid { location: \"body\", name: \"data.n\", description: \"bad\" }"),
        scenario!(
            "401, 403 and 405",
            [Get, Put],
            [
                json_with(401, &[("WWW-Authenticate", "Basic")], r#"{"errno":104,"error":"Unauthorized"}"#),
                json(403, r#"{"errno":121,"error":"Forbidden","message":"This user cannot access this resource."}"#),
                json(405, r#"{"errno":115,"error":"Method Not Allowed"}"#),
            ],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
                told.of(client.send(records().create("a", &data!({}))));
            }
        )
        .shows("errno=Some(104)")
        .shows("does not tell which")
        .shows("the server may be read-only"),
        scenario!(
            "407 is an error like any other",
            [Get],
            [answer(407, &[("Proxy-Authenticate", "Basic")], "")],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("Err Server status=Some(407)"),
        scenario!(
            "413, 414, 415 and 431",
            [Put],
            [
                json(413, r#"{"errno":113,"message":"too long"}"#),
                answer(414, &[], ""),
                json(415, r#"{"errno":107}"#),
                answer(431, &[], ""),
            ],
            |client, told| {
                for _ in 0..4 {
                    told.of(client.send(records().create("a", &data!({}))));
                }
            }
        )
        .shows("status=Some(413)")
        .shows("status=Some(431)"),
        scenario!("what cannot be an id", [Get, Delete], [], |client, told| {
            for id in ["", "..", "a/b", "a b", "x\r\n", "é"] {
                told.of(client.send(records().get(id)));
            }
            told.of(client.send(kinto_protocol::bucket("").collection("c").records().delete("a")));
        })
        .shows("Err Input status=None errno=None attempts=0 maybe_applied=false retryable=false"),
    ]
}

fn not_said() -> Vec<Scenario> {
    vec![
        scenario!("502 in HTML", [Get], [answer(502, &[("Content-Type", "text/html")], HTML)], |client, told| {
            told.of(client.once().send(records().get("a")));
        })
        .shows("Err Server status=Some(502) errno=None attempts=1 maybe_applied=false retryable=true")
        .shows("it begins with <html> <h1>Bad gateway</h1>"),
        scenario!("502 in HTML to a write", [Put], [answer(502, &[], HTML)], |client, told| {
            told.of(client.once().send(records().create("a", &data!({}))));
        })
        .shows("maybe_applied=true"),
        scenario!("404 with nothing", [Get], [answer(404, &[], "")], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("Err Server status=Some(404) errno=None"),
        scenario!("404 that is not Kinto's", [Get], [answer(404, &[], "nginx")], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("this does not look like a Kinto server"),
        scenario!(
            "errors of an odd shape",
            [Get],
            [json(400, "[]"), json(400, r#"{"errno":"x","details":7,"message":[]}"#), json(400, "\u{0}\u{1b}[31m")],
            |client, told| {
                for _ in 0..3 {
                    told.of(client.send(records().get("a")));
                }
            }
        )
        .shows("Other(\"7\")"),
    ]
}

fn unusable() -> Vec<Scenario> {
    vec![
        scenario!(
            "bodies that are no objects",
            [Get],
            [
                json(200, "{\"data\":"),
                json(200, "{}"),
                json(200, r#"{"data":null}"#),
                json(200, "[]"),
                json(200, &format!("{RECORD}x")),
                json(200, r#"{"data":{"id":"a","last_modified":7,"n":123456789012345678901}}"#),
            ],
            |client, told| {
                for _ in 0..6 {
                    told.of(client.send(records().get("a")));
                }
            }
        )
        .shows("Err Decode status=None errno=None attempts=1 maybe_applied=false")
        .shows("it holds an integer of more than 64 bits"),
        scenario!("an object that is not the caller's", [Get], [json(200, RECORD)], |client, told| {
            told.of(client.send(records().typed::<std::collections::BTreeMap<String, String>>().get("a")));
        })
        .shows("it is not of the expected shape"),
        scenario!(
            "200 in HTML",
            [Get, Put],
            [
                answer(200, &[("Content-Type", "text/html; charset=utf-8")], "<html>"),
                answer(200, &[("Content-Type", "text/html")], "<html>"),
            ],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().create("a", &data!({}))));
            }
        )
        .shows("(it calls itself text/html; charset=utf-8)")
        .shows("Err Decode status=None errno=None attempts=1 maybe_applied=true"),
        scenario!(
            "no content where there was to be some",
            [Get, Put],
            [answer(204, &[], ""), answer(204, &[], ""), answer(304, &[], "")],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().create("a", &data!({}))));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("Err Decode")
        .shows("Err Protocol"),
        scenario!(
            "statuses that are no answer to this",
            [Get, Put],
            [json(202, RECORD), json(206, RECORD), json(205, "")],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
                told.of(client.send(records().create("a", &data!({}))));
            }
        )
        .shows("Err Protocol"),
        scenario!(
            "encoded as nobody asked for",
            [Get],
            [
                json_with(200, &[("Content-Encoding", "br")], RECORD),
                json_with(200, &[("Content-Encoding", "gzip")], RECORD),
                json_with(200, &[("Content-Encoding", "identity")], RECORD),
            ],
            |client, told| {
                for _ in 0..3 {
                    told.of(client.send(records().get("a")));
                }
            }
        )
        .shows("it is encoded in a way that was not asked for")
        .shows("Ok Object"),
        scenario!(
            "another charset",
            [Get],
            [answer(
                200,
                &[("Content-Type", "application/json; charset=iso-8859-1")],
                r#"{"data":{"id":"a","last_modified":7,"x":"é"}}"#
            )],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("String(\"é\")"),
    ]
}
