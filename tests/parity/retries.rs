//! What is sent again, when, and how often.

use std::time::Duration;

use kinto_protocol::JsonPatch;
use serde_json::json as data;

use crate::answers::{RECORD, Scripted, TOMBSTONE, answer, json, json_with, lost, page, stall};
use crate::scenario::{Scenario, records, scenario};

fn aborted() -> Scripted {
    json(409, r#"{"errno":122,"message":"conflict"}"#)
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = after_an_answer();
    all.extend(after_a_conflict());
    all.extend(after_a_lost_answer());
    all.extend(to_an_end());
    all
}

fn after_an_answer() -> Vec<Scenario> {
    vec![
        scenario!(
            "overloaded, then not",
            [Get],
            [answer(503, &[], ""), answer(502, &[], "<html>"), json(200, RECORD)],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("answered: GET /buckets/b/collections/c/records/a: 503")
        .shows("retry: GET /buckets/b/collections/c/records/a: after 1, soon: the server answered 503")
        .shows("retry: GET /buckets/b/collections/c/records/a: after 2, soon: the server answered 502")
        .shows("Ok Object"),
        scenario!(
            "as late as the server asks",
            [Get],
            [answer(503, &[("Retry-After", "1")], ""), json(200, RECORD)],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("after 1, in 1 s: the server answered 503")
        .shows("after a wait: GET"),
        scenario!(
            "at the date that the server names",
            [Put],
            [
                answer(
                    429,
                    &[
                        ("Date", "Sun, 06 Nov 1994 08:49:36 GMT"),
                        ("Retry-After", "0"),
                        ("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"),
                    ],
                    ""
                ),
                json(201, RECORD)
            ],
            |client, told| told.of(client.send(records().create("a", &data!({}))))
        )
        .shows("after 1, in 1 s: the server answered 429")
        .shows("after a wait: PUT"),
        scenario!(
            "429, 408 and 425 have done nothing",
            [PatchObject],
            [answer(429, &[], ""), answer(408, &[], ""), answer(425, &[], ""), json(200, RECORD)],
            |client, told| {
                let client = client.with_policy(|policy| policy.attempts = 4);
                told.of(client.send(records().patch("a", JsonPatch::new().add("/data/l/-", 1))));
            }
        )
        .shows("after 3, soon: the server answered 425")
        .shows("Ok Object"),
        scenario!("what is not implemented will not be", [Get], [answer(501, &[], "")], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("Err Server status=Some(501)"),
        scenario!("what a proxy means nobody knows", [Put], [answer(524, &[], "")], |client, told| {
            told.of(client.send(records().create("a", &data!({}))));
        })
        .shows("Err Server status=Some(524)")
        .shows("maybe_applied=true"),
    ]
}

fn after_a_conflict() -> Vec<Scenario> {
    vec![
        scenario!("an aborted transaction", [Put], [aborted(), json(201, RECORD)], |client, told| told
            .of(client.send(records().create("a", &data!({})))))
        .shows("soon: the server answered 409")
        .shows("repeated: false"),
        scenario!(
            "aborted more often than there are attempts",
            [Put],
            [aborted(), aborted(), aborted(), aborted(), json(201, RECORD)],
            |client, told| told.of(client.send(records().create("a", &data!({}))))
        )
        .shows("after 4, soon: the server answered 409")
        .shows("repeated: false"),
        scenario!(
            "aborted more often than patience lasts",
            [PatchObject],
            [aborted(), aborted(), aborted()],
            |client, told| {
                let client = client.with_policy(|policy| policy.conflicts = 2);
                told.of(client.send(records().patch("a", JsonPatch::new().add("/data/l/-", 1))));
            }
        )
        .shows("Err Server status=Some(409) errno=Some(122) attempts=3 maybe_applied=false retryable=true"),
        scenario!("aborted where nothing is sent twice", [Put], [aborted()], |client, told| {
            told.of(client.once().send(records().create("a", &data!({}))));
        })
        .shows("Err Server status=Some(409) errno=Some(122) attempts=1 maybe_applied=false"),
        scenario!(
            "aborted, and overloaded as often as there are attempts",
            [Put],
            [aborted(), answer(429, &[], ""), aborted(), answer(429, &[], ""), aborted(), answer(429, &[], "")],
            |client, told| told.of(client.send(records().create("a", &data!({}))))
        )
        .shows("Err Server status=Some(429) errno=None attempts=6 maybe_applied=false"),
        scenario!("another conflict", [Put], [json(409, r#"{"errno":109}"#)], |client, told| {
            told.of(client.send(records().create("a", &data!({}))));
        })
        .shows("Err Server status=Some(409) errno=Some(109) attempts=1 maybe_applied=false"),
        scenario!("a conflict of a proxy's about a list", [DeleteAll], [answer(409, &[], "<html>")], |client, told| {
            told.of(client.send(records().delete_all()));
        })
        .shows("attempts=1 maybe_applied=false"),
    ]
}

fn after_a_lost_answer() -> Vec<Scenario> {
    vec![
        scenario!("lost while reading", [Get], [lost(), lost(), json(200, RECORD)], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("after 2, soon: <the library's words>")
        .shows("Ok Object"),
        scenario!("lost, and twice does no harm", [Put], [lost(), json(200, RECORD)], |client, told| {
            told.of(client.send(records().create("a", &data!({"n": 1})).overwrite()));
        })
        .shows("repeated: false"),
        scenario!("lost, and once is enough", [PatchObject], [lost()], |client, told| {
            told.of(client.send(records().patch("a", JsonPatch::new().add("/data/l/-", 1))));
        })
        .shows("Err Interrupted")
        .shows("attempts=1 maybe_applied=true"),
        scenario!("too late while reading", [Get], [stall(""), json(200, RECORD)], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .setup(|setup| setup.policy.limits.total = Duration::from_millis(500))
        .shows("after 1, soon: <the library's words>")
        .shows("Ok Object"),
    ]
}

fn to_an_end() -> Vec<Scenario> {
    vec![
        scenario!(
            "attempts end",
            [Get],
            [answer(503, &[], ""), lost(), json_with(502, &[("Retry-After", "7")], r#"{"errno":999}"#)],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("Err Server status=Some(502) errno=Some(999) attempts=3 maybe_applied=false")
        .shows("retry_in=Some(7.0)"),
        scenario!("attempts end with a lost write", [Put], [lost(), lost(), lost()], |client, told| {
            told.of(client.send(records().create("a", &data!({}))));
        })
        .shows("Err Interrupted status=None errno=None attempts=3 maybe_applied=true"),
        scenario!("one attempt is one", [Get], [answer(503, &[], "")], |client, told| {
            told.of(client.once().send(records().get("a")));
        })
        .shows("attempts=1"),
        scenario!(
            "a wait that does not fit is not begun",
            [Delete],
            [json_with(503, &[("Retry-After", "30")], r#"{"errno":201,"error":"Service Unavailable"}"#)],
            |client, told| told.of(client.send(records().delete("a")))
        )
        .setup(|setup| setup.policy.deadline = Duration::from_secs(5))
        .within(3_000)
        .shows("Err Server status=Some(503) errno=Some(201) attempts=1 maybe_applied=true retryable=true retry_in=Some(30.0)"),
        scenario!(
            "the time for the whole ends between two pages",
            [List],
            [page(&["a"], Some("?_token=1")).late(200), page(&["b"], None).late(5_000)],
            |client, told| told.of(client.send(records().list()))
        )
        .setup(|setup| setup.policy.deadline = Duration::from_millis(700))
        .within(3_500)
        .shows("Err Timeout"),
        scenario!(
            "what failed before does not matter to the next",
            [Get, Delete],
            [answer(503, &[], ""), answer(503, &[], ""), answer(503, &[], ""), json(200, TOMBSTONE)],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().delete("a")));
            }
        )
        .shows("attempts=3")
        .shows("Ok Tombstone"),
    ]
}
