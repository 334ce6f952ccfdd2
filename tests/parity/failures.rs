//! Answers that do not come, or not whole, or not in HTTP.

use kinto_protocol::server_info;
use serde_json::json as data;

use crate::answers::{RECORD, buried, cut, json, lost, stall};
use crate::scenario::{Scenario, records, scenario};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = nobody();
    all.extend(cut_short());
    all.extend(something_else());
    all
}

fn nobody() -> Vec<Scenario> {
    vec![
        scenario!("nobody is there", [GetServerInfo, DeleteAll], [], |client, told| {
            told.of(client.send(server_info()));
            // What was never sent can be sent again, whatever it is.
            told.of(client.send(records().delete_all()));
        })
        .at_nobodys()
        .shows("Err Connect status=None errno=None attempts=3 maybe_applied=false retryable=true")
        .shows("retry: DELETE /buckets/b/collections/c/records: after 2")
        .shows("no connection to http://127.0.0.1:<port>/v1"),
        scenario!("the name of nobody", [GetServerInfo], [], |client, told| {
            told.of(client.once().send(server_info()));
        })
        .setup(|setup| {
            setup.url = "http://nobody.invalid:1/v1".into();
            setup.auth = None;
        })
        .at_nobodys()
        .shows("Err Connect"),
    ]
}

fn cut_short() -> Vec<Scenario> {
    vec![
        scenario!("closed before an answer", [Get], [lost()], |client, told| {
            told.of(client.once().send(records().get("a")));
        })
        .shows("Err Interrupted status=None errno=None attempts=1 maybe_applied=false retryable=true")
        .shows("the connection to http://127.0.0.1:<port>/v1 broke before a complete answer"),
        scenario!("cut in the head", [Put], [cut("HTTP/1.1 200 OK\r\nContent-Le")], |client, told| {
            told.of(client.once().send(records().create("a", &data!({}))));
        })
        .shows("Err Interrupted status=None errno=None attempts=1 maybe_applied=true"),
        scenario!(
            "cut in the body",
            [Get],
            [cut("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"data\":"), json(200, RECORD)],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("retry: GET")
        .shows("Ok Object"),
        scenario!(
            "cut in the body of a write",
            [Put],
            [cut(&format!("HTTP/1.1 201 Created\r\nContent-Length: 999\r\n\r\n{RECORD}"))],
            |client, told| told.of(client.once().send(records().create("a", &data!({}))))
        )
        .shows("Err Interrupted status=None errno=None attempts=1 maybe_applied=true"),
        scenario!(
            "cut between two chunks",
            [Get],
            [cut(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{RECORD}\r\n", RECORD.len()))],
            |client, told| told.of(client.once().send(records().get("a")))
        )
        .shows("Err Interrupted"),
        scenario!(
            "cut in a chunk",
            [Get],
            [cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n99\r\n{\"data\":")],
            |client, told| told.of(client.once().send(records().get("a")))
        )
        .shows("Err Interrupted"),
        scenario!(
            "cut in the end of the last chunk",
            [Get],
            [cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")],
            |client, told| told.of(client.once().send(records().get("a")))
        )
        .but("blocking", "ureq takes the last chunk for the end, with which the body is complete (RFC 9112, 8)")
        .shows("Err Interrupted"),
        scenario!(
            "closed while nobody looked",
            [Get, DeleteAll],
            [json(200, RECORD).then_closed(), buried(&["a"], None)],
            |client, told| {
                told.of(client.send(records().get("a")));
                // Until the news has come.
                std::thread::sleep(std::time::Duration::from_millis(100));
                told.of(client.send(records().delete_all()));
            }
        )
        .shows("Ok [Tombstone"),
    ]
}

fn something_else() -> Vec<Scenario> {
    vec![
        scenario!("not HTTP", [GetServerInfo], [cut("SSH-2.0-OpenSSH_9.2\r\n")], |client, told| {
            told.of(client.send(server_info()));
        })
        .shows("Err Protocol status=None errno=None attempts=1 maybe_applied=false retryable=false"),
        scenario!("not HTTP, and silent then", [Put], [stall("SSH-2.0-OpenSSH_9.2\r\n")], |client, told| {
            told.of(client.send(records().create("a", &data!({}))));
        })
        .within(5_000)
        .shows("Err Protocol status=None errno=None attempts=1 maybe_applied=true"),
        scenario!("another HTTP", [Get], [cut("HTTP/2 200\r\nContent-Length: 2\r\n\r\n{}")], |client, told| {
            told.of(client.send(records().get("a")));
        })
        .shows("Err Protocol"),
        scenario!(
            "statuses that are none",
            [Get],
            [
                cut("HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\n{}"),
                cut("HTTP/1.1 1000 OK\r\nContent-Length: 2\r\n\r\n{}"),
                cut("HTTP/1.1 99 OK\r\nContent-Length: 2\r\n\r\n{}"),
            ],
            |client, told| {
                for _ in 0..3 {
                    told.of(client.send(records().get("a")));
                }
            }
        )
        .shows("Err Protocol"),
        scenario!(
            "a status that nobody knows",
            [Get],
            [json(299, RECORD), json(499, r#"{"errno":999}"#), json(999, "{}")],
            |client, told| {
                for _ in 0..3 {
                    told.of(client.send(records().get("a")));
                }
            }
        )
        .shows("Err Protocol"),
        scenario!(
            "a head that is too large",
            [Get],
            [cut(&format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 2\r\n\r\n{{}}", "x".repeat(300 * 1024)))],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("Err TooLarge status=None errno=None attempts=1"),
        scenario!(
            "a head that is large",
            [Get],
            [cut(&format!(
                "HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: {}\r\n\r\n{RECORD}",
                "x".repeat(40 * 1024),
                RECORD.len()
            ))],
            |client, told| told.of(client.send(records().get("a")))
        )
        .shows("Ok Object"),
    ]
}
