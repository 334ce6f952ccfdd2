//! Where reading follows, and that nothing else does.

use serde_json::json as data;

use crate::answers::{RECORD, Scripted, answer, json};
use crate::scenario::{Scenario, records, scenario};

fn moved(location: &str) -> Scripted {
    answer(307, &[("Location", location)], "moved")
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(
            "reading follows within the origin",
            [Get],
            [moved("{origin}/v1/elsewhere?x=1#y"), moved("/v2/there"), json(200, RECORD)],
            |client, told| told.of(client.with_header("X-A", "1").unwrap().send(records().get("a")))
        )
        .shows("soon: GET /v1/elsewhere?x=1 HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 |")
        .shows("soon: GET /v2/there HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 |")
        .shows("| x-a: 1 |")
        .shows("Ok Object"),
        scenario!(
            "every kind of redirect is one",
            [Head, Get],
            [
                answer(301, &[("Location", "/v1/x")], ""),
                answer(302, &[("Location", "/v1/y")], ""),
                answer(303, &[("Location", "/v1/z")], ""),
                answer(308, &[("Location", "/v1/a")], ""),
                json(200, RECORD),
                answer(300, &[], ""),
            ],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("soon: GET /v1/z HTTP/1.1")
        .shows("Err Redirect"),
        scenario!(
            "HEAD stays HEAD",
            [Head],
            [answer(302, &[("Location", "/v1/x")], ""), answer(200, &[("ETag", "\"7\"")], "")],
            |client, told| told.of(client.send(records().head("a")))
        )
        .shows("soon: HEAD /v1/x HTTP/1.1"),
        scenario!(
            "the origin is not left",
            [Get],
            [
                moved("http://evil.example/v1/x?s3cr3t"),
                moved("//evil.example/"),
                moved("http://u:s3cr3t@127.0.0.1/"),
                moved("http://127.0.0.1:1/v1"),
                moved("https://127.0.0.1/"),
                moved("elsewhere"),
                moved(""),
            ],
            |client, told| {
                for _ in 0..7 {
                    told.of(client.send(records().get("a")));
                }
            }
        )
        .shows("Err Redirect")
        .shows("which is not the origin of this API"),
        scenario!(
            "a write follows nowhere",
            [Put, Delete],
            [moved("/v1/x"), moved("{origin}/v1/y")],
            |client, told| {
                told.of(client.send(records().create("a", &data!({}))));
                told.of(client.send(records().delete("a")));
            }
        )
        .shows("Err Redirect status=None errno=None attempts=1 maybe_applied=false")
        .shows("which a write does not follow"),
        scenario!("redirects in a circle", [Get], [moved("/v1/x"), moved("/v1/y"), moved("/v1/x")], |client, told| {
            told.of(client.with_policy(|policy| policy.redirects = 2).send(records().get("a")))
        })
        .shows("the server redirects in a circle"),
        scenario!(
            "the way there is no failed attempt",
            [Get],
            [moved("/v1/x"), answer(503, &[], ""), answer(503, &[], ""), answer(503, &[], "")],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("attempts=3"),
    ]
}
