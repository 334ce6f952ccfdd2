//! Reading what the server is, and single objects.

use kinto_protocol::{Timestamp, bucket, buckets, heartbeat, server_info};
use serde::Deserialize;

use crate::answers::{RECORD, answer, head, json, json_with, record};
use crate::scenario::{Scenario, records, scenario};

/// A type of the caller's own.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "shown with Debug")]
struct Counted {
    n: u64,
    id: String,
}

const INFO: &str = r#"{"project_name":"kinto","project_version":"26.5.0","http_api_version":"1.23","url":"http://x/v1/",
    "settings":{"batch_max_requests":25,"readonly":true,"other":1},"capabilities":{"history":{"url":"http://d"}},
    "user":{"id":"basicauth:1","principals":["a","b"],"bucket":"c"}}"#;
const MISSING: &str = r#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"a","resource_name":"record"}}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = about_the_server();
    all.extend(of_objects());
    all.extend(without_reading());
    all
}

fn about_the_server() -> Vec<Scenario> {
    vec![
        scenario!("what the server is", [server_info, GetServerInfo], [json(200, INFO)], |client, told| {
            told.of(client.send(server_info()));
        })
        .shows("GET /v1/ HTTP/1.1")
        .shows("AtMost(25)")
        .shows("basicauth:1"),
        scenario!(
            "all parts work",
            [heartbeat, GetHeartbeat],
            [json(200, r#"{"storage":true,"cache":null}"#)],
            |client, told| told.of(client.send(heartbeat()).map(|parts| (parts.is_healthy(), parts)))
        )
        .shows("GET /v1/__heartbeat__ HTTP/1.1")
        .shows("Ok (true"),
        scenario!(
            "a part does not work, which is no failure",
            [GetHeartbeat],
            [json_with(503, &[("Retry-After", "30")], r#"{"storage":false,"cache":true}"#)],
            |client, told| told.of(client.send(heartbeat()).map(|parts| (parts.is_healthy(), parts)))
        )
        .shows("Ok (false"),
        scenario!(
            "somebody else answers for a server without parts",
            [GetHeartbeat],
            [answer(503, &[("Content-Type", "text/html")], "<html>")],
            |client, told| told.of(client.send(heartbeat()))
        )
        .shows("Err Server status=Some(503)"),
    ]
}

fn of_objects() -> Vec<Scenario> {
    vec![
        scenario!("get", [get, Get], [json(200, RECORD)], |client, told| told.of(client.send(records().get("a"))))
            .shows("GET /v1/buckets/b/collections/c/records/a HTTP/1.1")
            .shows("accept: application/json | authorization: Basic bWU6czNjcjN0 | host: 127.0.0.1")
            .shows("user-agent: <front-end> kinto-protocol/")
            .shows("\"n\": Number(1)")
            .shows("\"write\": [\"me\"]"),
        scenario!("get with a type of one's own", [Get], [json(200, &record(5))], |client, told| {
            told.of(client.send(records().typed::<Counted>().get("a")));
        })
        .shows("Counted { n: 5, id: \"a\" }"),
        scenario!("get some fields", [Get], [json(200, RECORD)], |client, told| {
            told.of(client.send(records().get("a").fields(["n", "o.p", "é"])));
        })
        .shows("records/a?_fields=n%2Co.p%2C%C3%A9 HTTP/1.1")
        .shows("partial: true"),
        scenario!("get if changed, and it is", [if_changed_since, GetIfChanged], [json(200, RECORD)], |client, told| {
            told.of(client.send(records().get("a").if_changed_since(Timestamp::from_millis(6))));
        })
        .shows("if-none-match: \"6\"")
        .shows("Ok Modified("),
        scenario!(
            "get if changed, and it is not",
            [GetIfChanged],
            [head(304, &[("ETag", "\"7\"")])],
            |client, told| told.of(client.send(records().get("a").if_changed_since(Timestamp::from_millis(7))))
        )
        .shows("Ok NotModified"),
        scenario!("get what is not there", [Get], [json(404, MISSING)], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("Err Server status=Some(404) errno=Some(110)")
        .shows("record a does not exist"),
        scenario!(
            "buckets, collections and groups",
            [Get],
            [json(200, RECORD), json(200, RECORD), json(200, r#"{"data":{"id":"g","last_modified":7,"members":["m"]}}"#)],
            |client, told| {
                told.of(client.send(buckets().get("b")));
                told.of(client.send(bucket("default").collections().get("c")));
                told.of(client.send(bucket("b").groups().get("g")));
            }
        )
        .shows("GET /v1/buckets/b HTTP/1.1")
        .shows("GET /v1/buckets/default/collections/c HTTP/1.1")
        .shows("members: [\"m\"]"),
        scenario!(
            "texts and numbers of all kinds",
            [Get],
            [json(
                200,
                r#"{"data":{"id":"a","last_modified":7,"é":"\u00e9\ud83d\ude00é😀","n":18446744073709551615,"f":0.1,"x":null}}"#
            )],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("é😀é😀")
        .shows("18446744073709551615"),
    ]
}

fn without_reading() -> Vec<Scenario> {
    vec![
        scenario!("head", [head, Head], [head(200, &[("ETag", "\"7\"")])], |client, told| {
            told.of(client.send(records().head("a")));
        })
        .shows("HEAD /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("Ok Timestamp(7)"),
        scenario!("head without a timestamp", [Head], [head(200, &[])], |client, told| {
            told.of(client.send(records().head("a")));
        })
        .shows("Err Decode"),
        scenario!(
            "exists, does not, and may not be known",
            [exists, Exists],
            [head(200, &[]), head(404, &[]), head(403, &[])],
            |client, told| {
                told.of(client.send(records().exists("a")));
                told.of(client.send(records().exists("a")));
                told.of(client.send(records().exists("a")));
            }
        )
        .shows("Ok true\nOk false\nErr Server status=Some(403)"),
        scenario!(
            "count",
            [count, Count],
            [head(200, &[("Total-Objects", "12")]), head(200, &[("Total-Records", "3")]), head(200, &[])],
            |client, told| {
                told.of(client.send(records().count()));
                told.of(client.send(records().count().filter(kinto_protocol::field("n").gt(1))));
                told.of(client.send(records().count()));
            }
        )
        .shows("HEAD /v1/buckets/b/collections/c/records?gt_n=1 HTTP/1.1")
        .shows("Ok 12\nOk 3\nErr Decode"),
        scenario!("timestamp", [timestamp, ListTimestamp], [head(200, &[("ETag", "\"9\"")])], |client, told| {
            told.of(client.send(records().timestamp()));
        })
        .shows("HEAD /v1/buckets/b/collections/c/records HTTP/1.1")
        .shows("Ok Timestamp(9)"),
    ]
}
