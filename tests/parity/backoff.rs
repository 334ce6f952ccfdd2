//! Silence that the server asks for, and what it announces.

use std::time::Duration;

use kinto_protocol::OnBackoff;

use crate::answers::{RECORD, answer, json, json_with, page, raw};
use crate::scenario::{Scenario, records, scenario};

const SOFT: &str = r#"{"code":"soft-eol","message":"bye","url":"http://x"}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = waiting();
    all.extend(failing());
    all.extend(alerts());
    all
}

fn waiting() -> Vec<Scenario> {
    vec![
        scenario!(
            "the next request waits",
            [Get],
            [json_with(200, &[("Backoff", "1")], RECORD), json(200, RECORD), json(200, RECORD)],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.with_auth(None).unwrap().send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("backoff: GET /buckets/b/collections/c/records/a: in 1 s")
        .shows("after a wait: GET /v1/buckets/b/collections/c/records/a HTTP/1.1 | accept: application/json | host")
        .shows("soon: GET"),
        scenario!(
            "the next page waits",
            [List],
            [json_with(200, &[("Backoff", "1"), ("Next-Page", "?_token=1")], r#"{"data":[]}"#), page(&["b"], None)],
            |client, told| told.of(client.send(records().list()))
        )
        .shows("backoff: GET /buckets/b/collections/c/records: in 1 s")
        .shows("after a wait: GET"),
        scenario!(
            "a retry waits for the longest of all wishes",
            [Get],
            [answer(503, &[("Backoff", "1"), ("Backoff", "0"), ("Retry-After", "0")], ""), json(200, RECORD)],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("after 1, in 1 s: the server answered 503")
        .shows("after a wait: GET"),
        scenario!(
            "nonsense is no wish",
            [Get],
            [json_with(200, &[("Backoff", "soon"), ("Backoff", "-1")], RECORD), json(200, RECORD)],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("soon: GET"),
    ]
}

fn failing() -> Vec<Scenario> {
    vec![
        scenario!(
            "silence as an error",
            [Get, Delete],
            [json_with(200, &[("Backoff", "30")], RECORD)],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().delete("a")));
            }
        )
        .setup(|setup| setup.policy.on_backoff = OnBackoff::Fail)
        .within(3_000)
        .shows("Err Backoff status=None errno=None attempts=0 maybe_applied=false retryable=true retry_in=Some(30.0)"),
        scenario!("not even a retry waits then", [Get], [answer(503, &[("Backoff", "30")], "")], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .setup(|setup| setup.policy.on_backoff = OnBackoff::Fail)
        .shows("Err Server status=Some(503) errno=None attempts=1"),
        scenario!(
            "silence that is longer than the time there is",
            [Get],
            [json_with(200, &[("Backoff", "99999999999999999999999")], RECORD)],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .setup(|setup| setup.policy.deadline = Duration::from_secs(5))
        .within(3_000)
        .shows("Err Backoff")
        .shows("retry_in=Some(86400.0)"),
    ]
}

fn alerts() -> Vec<Scenario> {
    vec![
        scenario!(
            "alerts are told once",
            [Get],
            [
                answer(503, &[("Alert", SOFT)], ""),
                json_with(200, &[("Alert", SOFT)], RECORD),
                json_with(200, &[("Alert", "plain words")], RECORD),
            ],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("alert: Some(\"soft-eol\") \"bye\" Some(\"http://x\")\nretry")
        .shows("alert: None \"plain words\" None"),
        scenario!(
            "alerts beyond ASCII",
            [Get],
            [raw(&format!("HTTP/1.1 200 OK\r\nAlert: adiós — 😀\r\nContent-Length: {}\r\n\r\n{RECORD}", RECORD.len()))],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("alert: None \"adiós — 😀\" None"),
        scenario!(
            "the end",
            [Get],
            [json_with(410, &[("Alert", r#"{"code":"hard-eol"}"#)], r#"{"errno":202,"error":"Gone"}"#)],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("alert: Some(\"hard-eol\") \"\" None")
        .shows("this service has ended"),
    ]
}
