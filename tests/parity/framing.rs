//! Where an answer begins and ends: all that HTTP allows, and what it does not.

use kinto_protocol::{Call, Method, endpoints};
use serde_json::json as data;

use crate::answers::{RECORD, Scripted, answer, cut, json, raw, record};
use crate::scenario::{Scenario, records, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = allowed();
    all.extend(odd());
    all.extend(forbidden());
    all
}

/// An answer with this head and the body that belongs to it.
fn with_head(head: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}")
}

/// The same with its length.
fn sized(head: &str, body: &str) -> String {
    with_head(&format!("{head}Content-Length: {}\r\n", body.len()), body)
}

fn allowed() -> Vec<Scenario> {
    let (left, right) = RECORD.split_at(10);
    let chunks = format!("{:X};a=b\r\n{left}\r\n{:x}\r\n{right}\r\n000\r\nX-After: 1\r\n\r\n", left.len(), right.len());
    vec![
        scenario!(
            "chunks, with extensions and a trailer",
            [Get],
            [raw(&with_head("transfer-encoding: Chunked\r\n", &chunks)), json(200, RECORD)],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("Ok Object"),
        scenario!("until the end of the connection", [Get], [cut(&with_head("", RECORD))], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("Ok Object"),
        scenario!("HTTP/1.0", [Get], [cut(&format!("HTTP/1.0 200 OK\r\n\r\n{RECORD}"))], |client, told| told
            .of(client.send(records().get("a"))))
        .shows("Ok Object"),
        scenario!(
            "Connection: close",
            [Get],
            [cut(&sized("Connection: close\r\n", RECORD)), json(200, RECORD)],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("Ok Object"),
        scenario!(
            "hints before the answer",
            [Get],
            [raw(&format!("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n{}", sized("", RECORD)))],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("Ok Object"),
        scenario!(
            "100 before the answer",
            [Put],
            [raw(&format!("HTTP/1.1 100 Continue\r\n\r\n{}", sized("", RECORD)))],
            |client, told| told.of(client.send(records().create("a", &data!({}))))
        )
        .shows("Ok Object"),
        scenario!(
            "no reason, and one beyond ASCII",
            [Get],
            [
                raw(&sized("", RECORD).replace("200 OK", "200")),
                raw(&sized("", RECORD).replace("OK", "")),
                raw(&sized("", RECORD).replace("OK", "Très bien")),
            ],
            |client, told| {
                for _ in 0..3 {
                    told.of(client.send(records().get("a")));
                }
            }
        )
        .shows("Ok Object"),
        scenario!(
            "headers as they come",
            [Call],
            [raw(&sized("X-A:1\r\nx-a:  2 \t\r\nX-Empty:\r\nX-B: é, \"x\"\r\nDate: yesterday\r\n", "{}"))],
            |client, told| {
                let reply = client.send(Call::new(Method::GET, endpoints::version()));
                told.that(reply.unwrap().headers());
            }
        )
        .shows(r#""x-a": "1", "x-a": "2", "x-empty": "", "#),
        scenario!(
            "the same length twice",
            [Get],
            [raw(&sized(&format!("Content-Length: {}\r\n", RECORD.len()), RECORD))],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("Ok Object"),
    ]
}

fn odd() -> Vec<Scenario> {
    let headers = |count: usize| (0..count).map(|n| format!("X-{n}: {n}\r\n")).collect::<String>();
    vec![
        scenario!("ninety headers", [Get], [raw(&sized(&headers(90), RECORD))], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("Ok Object"),
        // With that of the length.
        scenario!("a hundred headers", [Get], [raw(&sized(&headers(99), RECORD))], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("Ok Object"),
        scenario!("a hundred and one headers", [Get], [cut(&sized(&headers(100), RECORD))], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("Err TooLarge status=None errno=None attempts=1"),
        // Whoever takes it for the answer to the next request gives one caller what is another's.
        scenario!(
            "more than the answer",
            [Get],
            [raw(&format!("{}{}", sized("", RECORD), sized("", &record(666)))), json(200, &record(2))],
            |client, told| {
                told.of(client.send(records().get("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("\"n\": Number(2)"),
        scenario!(
            "a body in the answer to HEAD",
            [Head, Get],
            [answer(200, &[("ETag", "\"7\"")], &record(666)), json(200, &record(2))],
            |client, told| {
                told.of(client.send(records().head("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("\"n\": Number(2)"),
        scenario!(
            "a body that does not belong there",
            [Delete, Get],
            [answer(204, &[], "{}"), json(200, RECORD)],
            |client, told| {
                told.of(client.send(records().delete("a")));
                told.of(client.send(records().get("a")));
            }
        )
        .shows("Err Decode")
        .shows("Ok Object"),
        scenario!("nothing where something was to be", [Get, Put], [json(200, ""), json(201, "")], |client, told| {
            told.of(client.send(records().get("a")));
            told.of(client.send(records().create("a", &data!({}))));
        })
        .shows("Err Decode status=None errno=None attempts=1 maybe_applied=true"),
    ]
}

fn forbidden() -> Vec<Scenario> {
    let broken: [Scripted; 4] = [
        raw(&with_head("Content-Length: 5\r\nContent-Length: 7\r\n", "{}     ")),
        raw(&with_head("Content-Length: two\r\n", "{}")),
        raw(&with_head("Content-Length: -1\r\n", "{}")),
        raw(&with_head("Content-Length: 99999999999999999999999\r\n", "{}")),
    ];
    let both = format!("{:x}\r\n{RECORD}\r\n0\r\n\r\n", RECORD.len());
    vec![
        scenario!("lengths that are none", [Get], broken, |client, told| {
            for _ in 0..4 {
                told.of(client.once().send(records().get("a")));
            }
        })
        .shows("Err Protocol"),
        scenario!(
            "a chunk without a size",
            [Put],
            [cut(&with_head("Transfer-Encoding: chunked\r\n", "xyz\r\n{}\r\n0\r\n\r\n"))],
            |client, told| told.of(client.send(records().create("a", &data!({}))))
        )
        .shows("Err Protocol status=None errno=None attempts=1 maybe_applied=true"),
        scenario!(
            "chunks that are none",
            [Get],
            [
                cut(&with_head("Transfer-Encoding: chunked\r\n", "2\r\n{}x\r\n0\r\n\r\n")),
                cut(&with_head("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n")),
                cut(&with_head("Transfer-Encoding: chunked\r\n", "\r\n{}\r\n0\r\n\r\n")),
            ],
            |client, told| {
                for _ in 0..3 {
                    told.of(client.once().send(records().get("a")));
                }
            }
        )
        .shows("Err Protocol"),
        scenario!(
            "chunks and a length",
            [Get],
            [cut(&with_head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", &both))],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("Ok Object"),
        scenario!(
            "a header that is none",
            [Get],
            [
                cut(&sized("no colon\r\n", RECORD)),
                cut(&sized("a b: c\r\n", RECORD)),
                cut(&sized("a: b\r\n c\r\n", RECORD)),
            ],
            |client, told| {
                for _ in 0..3 {
                    told.of(client.send(records().get("a")));
                }
            }
        )
        .shows("Err Protocol"),
        scenario!(
            "another protocol than was asked for",
            [Get],
            [cut("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n")],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("Err Protocol"),
    ]
}
