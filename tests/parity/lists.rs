//! Lists: whole, page by page, one by one.

use kinto_protocol::{Timestamp, buckets, field};
use serde::Deserialize;

use crate::answers::{Scripted, answer, head, json, json_with, lost, page};
use crate::scenario::{Scenario, records, scenario};

const CHANGES: &str = r#"{"data":[{"id":"a","last_modified":3,"n":1},{"id":"b","last_modified":2,"deleted":true}]}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = whole();
    all.extend(asked_for());
    all.extend(that_change());
    all.extend(piecewise());
    all.extend(without_end());
    all
}

fn whole() -> Vec<Scenario> {
    vec![
        scenario!("a list of one page", [list, List], [page(&["a", "b"], None)], |client, told| {
            told.of(client.send(records().list()));
        })
        .shows("GET /v1/buckets/b/collections/c/records HTTP/1.1")
        .shows("timestamp: Some(Timestamp(9))"),
        scenario!("a list of nothing", [List], [json(200, r#"{"data":[]}"#)], |client, told| {
            told.of(client.send(buckets().list()));
        })
        .shows("items: [], timestamp: None"),
        scenario!(
            "a list of several pages, whose URLs are another server's",
            [List],
            [
                page(&["a", "b"], Some("https://evil.example/other?n=1&_limit=2&_token=x%3D#f")),
                page(&["c", "d"], Some("{origin}/v1/buckets?_limit=2&_token=y")),
                page(&["e"], None),
            ],
            |client, told| told.of(client.send(buckets().list().page_size(2)))
        )
        .shows("GET /v1/buckets?_limit=2 HTTP/1.1")
        .shows("GET /v1/buckets?_limit=2&_token=x%3D HTTP/1.1")
        .shows("GET /v1/buckets?_limit=2&_token=y HTTP/1.1")
        .shows("id: \"e\""),
        scenario!(
            "a list goes on where it stood",
            [List],
            [page(&["a"], Some("?_token=1")), lost(), page(&["b"], None)],
            |client, told| {
                let (mut list, client) = (buckets().list(), client.once());
                told.of(client.send(&mut list));
                told.of(client.send(&mut list));
            }
        )
        .shows("Err Interrupted")
        .shows("id: \"a\""),
        scenario!(
            "a list of large pages, each decoded while the next one is under way",
            [List],
            [
                large("a", "1", Some("?_token=1")),
                answer(503, &[], ""),
                large("b", "1", Some("?_token=2")),
                page(&["c"], None)
            ],
            |client, told| {
                let listing = client.send(records().list());
                told.of(listing.map(|all| all.into_iter().map(|record| record.id).collect::<Vec<_>>()));
            }
        )
        .shows("Ok [\"a\", \"b\", \"c\"]"),
        scenario!(
            "a large page that cannot be decoded, after the next one was asked for",
            [List],
            [
                large("a", "1", Some("?_token=1")),
                large("b", "\"one\"", Some("?_token=2")),
                answer(503, &[], ""),
                large("b", "1", Some("?_token=2")),
                page(&["c"], None),
            ],
            |client, told| {
                let mut list = records().typed::<Numbered>().list();
                for _ in 0..2 {
                    let listing = client.send(&mut list);
                    told.of(listing.map(|all| all.into_iter().map(|record| record.id).collect::<Vec<_>>()));
                }
            }
        )
        .shows("Err Decode")
        .shows("Ok [\"a\", \"b\", \"c\"]"),
    ]
}

fn large(id: &str, n: &str, next: Option<&str>) -> Scripted {
    let text = "x".repeat(64 * 1024);
    let body = format!(r#"{{"data":[{{"id":"{id}","last_modified":1,"n":{n},"text":"{text}"}}]}}"#);
    json_with(200, &next.map(|next| ("Next-Page", next)).into_iter().collect::<Vec<_>>(), &body)
}

/// With a number, if there is one.
#[derive(Debug, Deserialize)]
struct Numbered {
    #[serde(rename = "n")]
    _n: Option<u8>,
}

fn asked_for() -> Vec<Scenario> {
    vec![
        scenario!(
            "a list with a limit",
            [List],
            [page(&["a", "b"], Some("?_token=1&_limit=2")), page(&["c", "d"], Some("?_token=2"))],
            |client, told| {
                told.of(client.send(buckets().list().limit(3).page_size(2)));
                told.of(client.send(buckets().list().limit(0)));
            }
        )
        .shows("Ok Listing { items: [], timestamp: None }"),
        scenario!("filters, order and fields", [List], [page(&["a"], None)], |client, told| {
            let list = records().list().filter(field("a b").eq("x&y=z+é")).filter(field("n").is_in([1, 2]));
            told.of(client.send(list.filter(field("t").has(true)).sort("-n").sort("o.p").fields(["n"])));
        })
        .shows("?has_t=true&a%20b=%22x%26y%3Dz%2B%C3%A9%22&in_n=1%2C2&_sort=-n%2Co.p&_fields=n HTTP/1.1"),
        scenario!("filters that the server cannot express", [List], [], |client, told| {
            told.of(client.send(records().list().filter(field("s").is_in(["a,b"]))));
            told.of(client.send(records().list().sort("a-b")));
        })
        .shows("Err Input"),
        scenario!("changes since, with what was deleted", [since, before], [json(200, CHANGES)], |client, told| {
            told.of(client.send(records().list().since(Timestamp::from_millis(1)).before(Timestamp::from_millis(5))));
        })
        .shows("?_since=1&_before=5 HTTP/1.1")
        .shows("Deleted(Tombstone { id: \"b\""),
        scenario!("all there ever was", [with_deleted], [json(200, CHANGES)], |client, told| {
            told.of(client.send(records().list().with_deleted()));
        })
        .shows("?_since=0 HTTP/1.1"),
    ]
}

fn that_change() -> Vec<Scenario> {
    vec![
        scenario!(
            "a list that does not change while it is read",
            [List],
            [page(&["a"], Some("?_token=1")), page(&["b"], None)],
            |client, told| told.of(client.send(buckets().list().consistent()))
        )
        .shows("if-match: \"9\"")
        .shows("Ok Listing"),
        scenario!(
            "a list that changes while it is read",
            [List],
            [page(&["a"], Some("?_token=1")), json(412, r#"{"errno":114}"#)],
            |client, told| told.of(client.send(buckets().list().consistent()))
        )
        .shows("Err Pagination")
        .shows("changed while it was read"),
        scenario!("a list that is as it was", [ListIfChanged], [head(304, &[])], |client, told| {
            told.of(client.send(buckets().list().if_changed_since(Timestamp::from_millis(9))));
        })
        .shows("if-none-match: \"9\"")
        .shows("Ok NotModified"),
        scenario!(
            "a list that is not as it was",
            [ListIfChanged, if_changed_since],
            [page(&["a"], Some("?_token=1")), page(&["b"], None)],
            |client, told| told.of(client.send(buckets().list().if_changed_since(Timestamp::from_millis(8))))
        )
        .shows("Ok Modified(Listing"),
    ]
}

fn piecewise() -> Vec<Scenario> {
    vec![
        scenario!(
            "a cursor goes on after an error",
            [pages, Pages],
            [page(&["a"], Some("?_token=1")), answer(500, &[], ""), page(&["b"], None)],
            |client, told| {
                let (mut pages, client) = (buckets().list().pages(), client.once());
                told.of(client.send(&mut pages));
                told.of(client.send(&mut pages));
                told.that(pages.is_at_end());
                told.of(client.send(&mut pages));
                told.of(client.send(&mut pages));
                told.that(pages.is_at_end());
            }
        )
        .shows("Ok None\ntrue"),
        scenario!(
            "page by page",
            [Pages],
            [page(&["a", "b"], Some("?_limit=2&_token=1")), page(&[], Some("?_limit=2&_token=2")), page(&["c"], None)],
            |client, told| told.all(client.pages(records().list().page_size(2)))
        )
        .shows("?_limit=2&_token=2 HTTP/1.1")
        .shows("no more"),
        scenario!(
            "page by page until an error",
            [Pages],
            [page(&["a"], Some("?_token=1")), json(403, r#"{"errno":121}"#)],
            |client, told| told.all(client.pages(records().list()))
        )
        .shows("Err Server status=Some(403)"),
        scenario!(
            "one by one",
            [Pages],
            [page(&["a", "b"], Some("?_token=1")), page(&[], Some("?_token=2")), page(&["c"], None)],
            |client, told| told.all(client.items(records().list()))
        )
        .shows("id: \"c\"")
        .shows("no more"),
        scenario!("one by one as far as one likes", [Pages], [page(&["a", "b"], Some("?_token=1"))], |client, told| {
            told.all(client.items(records().list()).take(2))
        }),
        scenario!(
            "one by one until an error",
            [Pages],
            [page(&["a"], Some("?_token=1")), json_with(200, &[], "<html>")],
            |client, told| told.all(client.items(records().list()))
        )
        .shows("Err Decode")
        .shows("no more"),
    ]
}

fn without_end() -> Vec<Scenario> {
    vec![
        scenario!(
            "pages in a circle",
            [List],
            [page(&["a"], Some("?_token=1")), page(&["a"], Some("?_token=1"))],
            |client, told| told.of(client.send(buckets().list()))
        )
        .shows("Err Pagination")
        .shows("in a circle"),
        scenario!("a next page that is none", [List], [page(&["a"], Some("http://x/y"))], |client, told| {
            told.of(client.send(buckets().list()));
        })
        .shows("Err Pagination"),
        scenario!(
            "more pages than allowed",
            [List],
            [page(&["a"], Some("?_token=1")), page(&["b"], Some("?_token=2"))],
            |client, told| told.of(client.with_policy(|policy| policy.pages = 2).send(buckets().list()))
        )
        .shows("Err Pagination")
        .shows("more than 2 pages"),
    ]
}
