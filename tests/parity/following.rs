//! Changes since a cursor.

use kinto_protocol::{Changes, Cursor, JsonMap, buckets};

use crate::answers::{Scripted, answer, head, json, json_with, lost};
use crate::driver::Driver;
use crate::scenario::{Scenario, Told, records, scenario};

/// A time at which nothing of these lists is under way any more.
const LATER: (&str, &str) = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");

/// A page of a list that last changed then, whose records are the ids with the times behind them.
fn list(timestamp: u32, records: &[(&str, u32)], next: Option<&str>) -> Scripted {
    let records = records.iter().map(|(id, at)| match id.strip_prefix('-') {
        Some(id) => format!(r#"{{"id":"{id}","last_modified":{at},"deleted":true}}"#),
        None => format!(r#"{{"id":"{id}","last_modified":{at},"n":{at}}}"#),
    });
    let body = format!(r#"{{"data":[{}]}}"#, records.collect::<Vec<_>>().join(","));
    let etag = format!("\"{timestamp}\"");
    let next = next.map(|url| ("Next-Page", url));
    let headers: Vec<(&str, &str)> = [LATER, ("ETag", etag.as_str())].into_iter().chain(next).collect();
    json_with(200, &headers, &body)
}

fn parent(timestamp: u32) -> Scripted {
    head(200, &[("ETag", &format!("\"{timestamp}\""))])
}

/// What everybody begins with: `a` and `b`, the latter the newest.
fn begun() -> [Scripted; 2] {
    [parent(3), list(9, &[("a", 5), ("b", 9)], None)]
}

fn script<const N: usize>(then: [Scripted; N]) -> Vec<Scripted> {
    begun().into_iter().chain(then).collect()
}

/// Asks for the changes, tells of them, and gives the cursor for the next time.
fn follow<D: Driver>(client: &D, told: &mut Told, cursor: &Cursor) -> Cursor {
    let changes: kinto_protocol::Result<Changes<JsonMap>> = client.send(records().changes(cursor));
    let next = changes.as_ref().map_or_else(|_| Cursor::default(), |changes| changes.cursor.clone());
    told.of(changes);
    next
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = since();
    all.extend(all_again());
    all.extend(piecewise());
    all
}

fn since() -> Vec<Scenario> {
    vec![
        scenario!("all is new to an empty cursor", [changes, GetChanges], begun(), |client, told| {
            let cursor = follow(client, told, &Cursor::default());
            told.that(cursor.timestamp());
        })
        .shows("HEAD /v1/buckets/b/collections/c HTTP/1.1")
        .shows("GET /v1/buckets/b/collections/c/records?_sort=last_modified HTTP/1.1")
        .shows("full: Some(First)")
        .shows("Some(Timestamp(9))"),
        scenario!(
            "what changed since a cursor",
            [changes],
            script([list(12, &[("b", 9), ("-a", 11), ("c", 12)], None)]),
            |client, told| {
                let cursor = follow(client, told, &Cursor::default());
                follow(client, told, &cursor);
            }
        )
        .shows("GET /v1/buckets/b/collections/c/records?_since=8&_sort=last_modified HTTP/1.1")
        .shows("if-none-match: \"9\"")
        .shows("items: [Deleted(Tombstone { id: \"a\", last_modified: Timestamp(11)")
        .shows("full: None"),
        scenario!("nothing changed since a cursor", [changes], script([head(304, &[])]), |client, told| {
            let cursor = follow(client, told, &Cursor::default());
            let same = follow(client, told, &cursor) == cursor;
            told.that(same);
        })
        .shows("items: [], full: None")
        .shows("true"),
        scenario!(
            "all that changed last was changed again",
            [changes],
            script([list(12, &[("b", 12)], None), parent(3)]),
            |client, told| {
                let cursor = follow(client, told, &Cursor::default());
                follow(client, told, &cursor);
            }
        )
        .shows("last_modified: Timestamp(12), data: {\"n\": Number(12)}")
        .shows("full: None"),
        scenario!(
            "changes of what is not there",
            [changes],
            [head(404, &[]), json(404, r#"{"errno":111}"#)],
            |client, told| {
                follow(client, told, &Cursor::default());
            }
        )
        .shows("Err Server status=Some(404)"),
    ]
}

fn all_again() -> Vec<Scenario> {
    vec![
        scenario!(
            "a cursor that the server refuses",
            [changes],
            script([json(400, r#"{"errno":107}"#), parent(3), list(7, &[("c", 7)], None)]),
            |client, told| {
                let cursor = follow(client, told, &Cursor::default());
                follow(client, told, &cursor);
            }
        )
        .shows("full: Some(Refused)"),
        scenario!(
            "a collection that was made anew",
            [changes],
            script([list(30, &[("b", 30)], None), parent(20), list(30, &[("b", 30)], None)]),
            |client, told| {
                let cursor = follow(client, told, &Cursor::default());
                follow(client, told, &cursor);
            }
        )
        .shows("full: Some(Recreated)"),
        scenario!(
            "a list that is older than it was",
            [changes],
            script([list(8, &[], None), parent(3), list(8, &[("a", 5)], None)]),
            |client, told| {
                let cursor = follow(client, told, &Cursor::default());
                follow(client, told, &cursor);
            }
        )
        .shows("full: Some(WentBack)"),
        scenario!(
            "a list of which only some is shown",
            [changes],
            [head(403, &[]), list(9, &[("a", 5)], None), list(11, &[], None), json(403, r#"{"errno":121}"#)],
            |client, told| {
                let first = follow(client, told, &Cursor::default());
                let second = follow(client, told, &first);
                follow(client, told, &second);
            }
        )
        .shows("items: [], full: Some(Hidden)")
        .shows("Err Server status=Some(403)"),
        scenario!("a list that is in nothing", [changes], [list(9, &[("b", 9)], None)], |client, told| {
            told.of(client.send(buckets().changes(&Cursor::from("of another version"))));
        })
        .shows("full: Some(UnknownCursor)"),
    ]
}

fn piecewise() -> Vec<Scenario> {
    vec![
        scenario!(
            "changes page by page, and on after an error",
            [ChangePages, pages],
            script([
                list(12, &[("b", 9), ("c", 11)], Some("https://evil.example/?_limit=2&_token=1")),
                answer(500, &[], ""),
                list(13, &[("d", 12), ("e", 13)], None),
            ]),
            |client, told| {
                let (cursor, client) = (follow(client, told, &Cursor::default()), client.once());
                let mut pages = records().changes(&cursor).page_size(2).pages();
                for _ in 0..4 {
                    told.of(client.send(&mut pages));
                }
                told.that(pages.cursor().and_then(Cursor::timestamp));
            }
        )
        .shows("_limit=2&_token=1 HTTP/1.1")
        .shows("Ok None\nSome(Timestamp(12))"),
        scenario!(
            "all pages, of which the first is asked for twice",
            [ChangePages],
            [parent(3), lost(), list(9, &[("a", 5)], Some("?_token=1")), list(10, &[("b", 10)], None)],
            |client, told| {
                let mut pages = records().changes(&Cursor::default()).pages();
                for _ in 0..3 {
                    told.of(client.send(&mut pages));
                }
            }
        )
        .shows("full: Some(First)")
        .shows("Ok None"),
    ]
}
