//! Sizes and times that are kept, however the server goes beyond.

use std::time::Duration;

use serde_json::json as data;

use crate::answers::{RECORD, answer, cut, head, json, lost, raw, stall};
use crate::scenario::{Scenario, records, scenario};

/// A limit that is passed, and a time by which everything is over if it is kept once.
const SHORT: Duration = Duration::from_millis(400);
const SOON: u64 = 3_500;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = sizes();
    all.extend(times());
    all
}

fn chunked(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

fn sizes() -> Vec<Scenario> {
    let large = |spaces: usize| format!("{RECORD}{}", " ".repeat(spaces - RECORD.len()));
    vec![
        scenario!("too large by its length", [Get], [json(200, &large(101))], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .setup(|setup| setup.policy.limits.response_bytes = 100)
        .shows("Err TooLarge status=None errno=None attempts=1 maybe_applied=false"),
        scenario!("too large in chunks", [Put], [raw(&chunked(&large(101)))], |client, told| {
            told.of(client.send(records().create("a", &data!({}))));
        })
        .setup(|setup| setup.policy.limits.response_bytes = 100)
        .shows("Err TooLarge status=None errno=None attempts=1 maybe_applied=true"),
        scenario!(
            "too large without a length",
            [Get],
            [cut(&format!("HTTP/1.1 200 OK\r\n\r\n{}", large(101)))],
            |client, told| told.of(client.send(records().get("a")))
        )
        .setup(|setup| setup.policy.limits.response_bytes = 100)
        .shows("Err TooLarge"),
        scenario!(
            "as large as allowed",
            [Get],
            [
                json(200, &large(100)),
                raw(&chunked(&large(100))),
                cut(&format!("HTTP/1.1 200 OK\r\n\r\n{}", large(100)))
            ],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .setup(|setup| setup.policy.limits.response_bytes = 100)
        .shows("Ok Object"),
        // What is left of it must not be taken for the next answer.
        scenario!("too large, and then not", [Get], [json(200, &large(5_000)), json(200, RECORD)], |client, told| {
            told.of(client.send(records().get("a")));
            told.of(client.send(records().get("a")));
        })
        .setup(|setup| setup.policy.limits.response_bytes = 100)
        .shows("Err TooLarge")
        .shows("Ok Object"),
        scenario!("an error that is too large", [Get], [answer(500, &[], &large(101))], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .setup(|setup| setup.policy.limits.response_bytes = 100)
        .shows("Err TooLarge"),
        scenario!("what does not come is not too large", [Head], [head(200, &[("ETag", "\"7\"")])], |client, told| {
            told.of(client.send(records().head("a")));
        })
        .setup(|setup| setup.policy.limits.response_bytes = 10)
        .shows("Ok Timestamp(7)"),
        scenario!("more than a buffer holds, there and back", [Put], [json(201, &large(300_000))], |client, told| {
            let text = "x".repeat(300_000);
            // Too long to be shown where it is wrong.
            told.of(client.send(records().create("a", &data!({"text": text}))).map(|object| object.id));
        })
        .shows("content-length: 300020"),
    ]
}

fn times() -> Vec<Scenario> {
    vec![
        scenario!("no head in time", [Get], [stall("")], |client, told| {
            told.of(client.once().send(records().get("a")));
        })
        .setup(|setup| {
            setup.policy.limits.head = SHORT;
            setup.policy.limits.total = Duration::from_secs(5);
        })
        .within(SOON)
        .shows("Err Timeout status=None errno=None attempts=1 maybe_applied=false"),
        scenario!("half a head in time", [Put], [stall("HTTP/1.1 200 OK\r\nContent-Le")], |client, told| {
            told.of(client.once().send(records().create("a", &data!({}))));
        })
        .setup(|setup| {
            setup.policy.limits.head = SHORT;
            setup.policy.limits.total = Duration::from_secs(5);
        })
        .within(SOON)
        .shows("Err Timeout status=None errno=None attempts=1 maybe_applied=true"),
        scenario!(
            "half a body in time",
            [Get],
            [stall("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"data\":")],
            |client, told| told.of(client.once().send(records().get("a")))
        )
        .setup(|setup| setup.policy.limits.total = SHORT)
        .within(SOON)
        .shows("Err Timeout"),
        scenario!(
            "a head in time, and a body that takes longer than a head may",
            [Get],
            [json(200, RECORD), stall("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"data\":")],
            |client, told| {
                let client = client.once();
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .setup(|setup| {
            setup.policy.limits.head = SHORT;
            setup.policy.limits.total = Duration::from_millis(1_000);
        })
        .within(SOON + 1_000)
        .shows("Err Timeout"),
        scenario!("the time for the whole is a limit of the attempt", [Get], [lost(), stall("")], |client, told| told
            .of(client.send(records().get("a"))))
        .setup(|setup| setup.policy.deadline = SHORT)
        .within(SOON)
        .shows("Err Timeout status=None errno=None attempts=2"),
        scenario!("a policy that is another's limits", [Get], [stall(""), json(200, RECORD)], |client, told| {
            let hasty = client.with_policy(|policy| {
                policy.attempts = 1;
                policy.limits.total = SHORT;
            });
            told.of(hasty.send(records().get("a")));
            told.of(client.send(records().get("a")));
        })
        .within(SOON)
        .shows("Err Timeout")
        .shows("Ok Object"),
        scenario!("limits without end", [Get], [json(200, RECORD)], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .setup(|setup| {
            setup.policy.deadline = Duration::MAX;
            setup.policy.limits.connect = Duration::MAX;
            setup.policy.limits.head = Duration::MAX;
            setup.policy.limits.total = Duration::MAX;
            setup.policy.limits.response_bytes = u64::MAX;
        })
        .shows("Ok Object"),
    ]
}
