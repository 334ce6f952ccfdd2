//! Lists that go on for ever, elsewhere, or not at all.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{Entry, ErrorKind, Merge, Timestamp, bucket, buckets};
use kinto_tests::{Answer, Stub, whole};
use serde_json::json;

use crate::answers::{RECORD, answer, buried, head, json, page};
use crate::certificates::KNOWN;
use crate::driver::Driver;
use crate::place::{PASSWORD, Place, USER, records};
use crate::row::{Row, rows};
use crate::secure::{Act, Secure};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        K02 { the_next_page_is_never_elsewhere; wire }
        K03 { never_into_tls_that_was_not_asked_for; wire never_out_of_tls }
        K04 { only_the_place_in_the_list_is_taken, what_is_no_place; wire }
        K05 { circles_end; wire }
        K06 { pages_without_end, page_after_page_as_long_as_one_likes; wire }
        K07 { a_later_page_is_tried_again, a_later_page_fails; wire }
        K08 { a_list_that_changes_is_noticed, what_moves_may_be_missed; wire }
        K09 { all_pages_are_deleted, a_token_is_never_sent_twice; wire }
    }
}

/// The list, as it is asked for.
const LIST: &str = "GET /v1/buckets/b/collections/c/records";

fn lines(stub: &Stub) -> Vec<String> {
    let line = |request: &String| request.split(" HTTP/1.1").next().unwrap_or_default().to_owned();
    stub.requests().iter().map(line).collect()
}

/// Two pages, of which the first names the second so.
fn two_pages(next: String) -> Stub {
    Stub::start(move |number, _| match number {
        0 => page(&["a"], Some(&next)).answer,
        _ => page(&["b"], None).answer,
    })
}

fn the_next_page_is_never_elsewhere<D: Driver>() {
    let other = Stub::start(|_, _| page(&["evil"], None).answer);
    let there = other.url().trim_end_matches("/v1").trim_start_matches("http://");
    for url in [
        format!("http://{there}/v1/buckets/b/collections/c/records?_token=t"),
        format!("//{there}/v1/buckets/b/collections/c/records?_token=t"),
        format!("http://127.0.0.1@{there}/v1?_token=t"),
        format!("http://{USER}@{there}/?_token=t"),
        format!("@{there}/v1?_token=t"),
        format!("http://localhost:{there}/?_token=t#@evil.test/"),
        format!("\\\\{there}\\v1?_token=t"),
    ] {
        let stub = two_pages(url.clone());
        let it = Place::<D>::at(stub.url());
        let all = it.client.send(records().list()).unwrap();
        assert_eq!(all.items.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["a", "b"], "{url}");
        assert_eq!(lines(&stub), [LIST.to_owned(), format!("{LIST}?_token=t")], "{url}");
    }
    // Nor is one repeated that holds what only the server should know.
    let stub = two_pages(format!("http://{USER}:{PASSWORD}@{there}/?_token=t"));
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().list()).unwrap_err();
    assert!(error.kind() == ErrorKind::Pagination && !error.to_string().contains(PASSWORD), "{error}");
    assert_eq!((stub.requests().len(), other.connections()), (1, 0));
}

fn never_into_tls_that_was_not_asked_for<D: Driver>() {
    let stub = two_pages("https://127.0.0.1/v1/buckets/b/collections/c/records?_token=t".to_owned());
    let it = Place::<D>::at(stub.url());
    assert_eq!(it.client.send(records().list()).unwrap().items.len(), 2);
    assert_eq!(stub.requests().len(), 2);
}

/// As behind a proxy that ends TLS, and does not tell.
fn never_out_of_tls<D: Driver>() {
    let clear = Stub::start(|_, _| page(&["evil"], None).answer);
    let next = format!("{}/buckets/b/collections/c/records?_token=t", clear.url());
    let Answer::Keep(first) = page(&["a"], Some(&next)).answer else { panic!("it stays open") };
    // The same page each time: the second one says so.
    let secure = Secure::start(Act::Answer(first));
    let it = Place::<D>::with(&secure.url(), |setup| setup.roots = Some(KNOWN.pem().to_owned()));
    let error = it.client.send(records().list()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Pagination, "{error}");
    drop(it);
    let text: String = secure.seen().into_iter().map(|seen| seen.text).collect();
    assert_eq!(text.matches(&format!("{LIST}?_token=t HTTP/1.1")).count(), 1, "{text}");
    assert_eq!(clear.connections(), 0);
}

fn only_the_place_in_the_list_is_taken<D: Driver>() {
    let long = "t".repeat(60_000);
    for (next, asked) in [
        ("?_token=t".to_owned(), "n=1&_token=t"),
        ("/v1/buckets/b/collections/c/records?n=1&_limit=5&_token=t".to_owned(), "n=1&_limit=5&_token=t"),
        ("/v1/buckets/other/collections/c/records?_token=t".to_owned(), "n=1&_token=t"),
        ("/v1/buckets/0f4e8a76-real/collections/c/records?_token=t&n=2&_since=0&_fields=id".to_owned(), "n=1&_token=t"),
        ("file:///etc/passwd?_token=t".to_owned(), "n=1&_token=t"),
        ("javascript:alert(1)?_token=t".to_owned(), "n=1&_token=t"),
        ("%00?_token=t%3D#_token=u".to_owned(), "n=1&_token=t%3D"),
        (format!("/v1?_token={long}"), &format!("n=1&_token={long}")),
    ] {
        let stub = two_pages(next.clone());
        let it = Place::<D>::at(stub.url());
        let list = records().list().filter(kinto_protocol::field("n").eq(1));
        assert_eq!(it.client.send(list).unwrap().items.len(), 2, "{next}");
        assert_eq!(lines(&stub), [format!("{LIST}?n=1"), format!("{LIST}?{asked}")]);
    }
    // The bucket with two names stays the one that was asked for.
    let stub = two_pages("/v1/buckets/0f4e8a76-real/collections/c/records?_token=t".to_owned());
    let it = Place::<D>::at(stub.url());
    it.client.send(bucket("default").collection("c").records().list()).unwrap();
    assert!(lines(&stub)[1].ends_with("/buckets/default/collections/c/records?_token=t"));
}

fn what_is_no_place<D: Driver>() {
    for next in [
        "",
        " ",
        "garbage",
        "/v1/buckets/b/collections/c/records",
        "?",
        "?_token",
        "?_token=",
        "?_limit=5",
        "?n=2",
        "?token=t",
        "#?_token=t",
        "file:///etc/passwd",
        "http://127.0.0.1:1/",
        "?_token=a b",
        "?_token=a\tb",
        "?_token=é",
    ] {
        let stub = two_pages(next.to_owned());
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().list()).unwrap_err();
        let told = (error.kind(), error.maybe_applied(), stub.requests().len());
        assert_eq!(told, (ErrorKind::Pagination, false, 1), "{next:?}: {error}");
        assert_eq!(error.request().unwrap().path, "/buckets/b/collections/c/records");
        assert!(it.waits().is_empty());
    }
}

fn circles_end<D: Driver>() {
    for (circle, sent) in [(1, 2), (2, 3), (5, 6)] {
        let stub = Stub::start(move |number, _| page(&["a"], Some(&format!("?_token={}", number % circle))).answer);
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().list()).unwrap_err();
        assert_eq!((error.kind(), stub.requests().len()), (ErrorKind::Pagination, sent), "{error}");
        assert!(error.to_string().contains("go round in a circle"), "{error}");
        // Page by page it is noticed at the same place.
        let pages: Vec<_> = it.client.pages(records().list()).collect();
        let good = pages.iter().filter(|page| page.is_ok()).count();
        assert_eq!((good, pages.len()), (sent - 1, sent));
        assert_eq!(pages.last().unwrap().as_ref().unwrap_err().kind(), ErrorKind::Pagination);
    }
}

/// A page after each page, with these records.
fn without_end(ids: &'static [&'static str]) -> Stub {
    Stub::start(move |number, _| page(ids, Some(&format!("?_token={number}"))).answer)
}

fn pages_without_end<D: Driver>() {
    for ids in [&["a", "b"][..], &[]] {
        let stub = without_end(ids);
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.pages = 7);
        let error = it.client.send(records().list()).unwrap_err();
        assert_eq!((error.kind(), stub.requests().len()), (ErrorKind::Pagination, 7), "{error}");
        assert!(error.to_string().contains("more than 7 pages"), "{error}");
        // Where there may be any number of pages, there is still no more time than there is.
        let endless = it.client.with_policy(|policy| {
            (policy.pages, policy.deadline) = (u64::MAX, Duration::from_millis(150));
        });
        let error = endless.send(records().list()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Deadline | ErrorKind::Timeout), "{error}");
    }
}

fn page_after_page_as_long_as_one_likes<D: Driver>() {
    for ids in [&["a", "b"][..], &[]] {
        let stub = without_end(ids);
        let it = Place::<D>::with_policy(stub.url(), |policy| policy.pages = 2);
        let pages: Vec<_> = it.client.pages(records().list()).take(9).map(|page| page.unwrap().items.len()).collect();
        assert_eq!((pages, stub.requests().len()), (vec![ids.len(); 9], 9));
    }
    let stub = without_end(&["a", "b"]);
    let it = Place::<D>::at(stub.url());
    assert_eq!(it.client.items(records().list()).take(6).filter(Result::is_ok).count(), 6);
    assert_eq!(stub.requests().len(), 3, "nobody asks for what is not wanted");
}

fn a_later_page_is_tried_again<D: Driver>() {
    for trouble in [Answer::Reset(Vec::new()), Answer::Close(Vec::new()), answer(503, &[], "").answer] {
        let stub = Stub::start(move |number, _| match number {
            0 => page(&["a"], Some("?_token=t")).answer,
            1 => trouble.clone(),
            _ => page(&["b"], None).answer,
        });
        let it = Place::<D>::at(stub.url());
        assert_eq!(it.client.send(records().list()).unwrap().items.len(), 2);
        assert_eq!((lines(&stub)[1..].to_vec(), it.waits().len()), (vec![format!("{LIST}?_token=t"); 2], 1));
    }
}

fn a_later_page_fails<D: Driver>() {
    for (what, trouble, kind, attempts) in [
        ("reset", Answer::Reset(Vec::new()), ErrorKind::Interrupted, 3),
        ("503", answer(503, &[], "").answer, ErrorKind::Server, 3),
        ("403", json(403, r#"{"errno":121}"#).answer, ErrorKind::Server, 1),
        ("304", head(304, &[]).answer, ErrorKind::Protocol, 1),
        ("html", answer(200, &[], "<html>").answer, ErrorKind::Decode, 1),
        ("cut", answer(200, &[], r#"{"data":[{"id":"b""#).answer, ErrorKind::Decode, 1),
        ("one object", json(200, RECORD).answer, ErrorKind::Decode, 1),
    ] {
        let stub = Stub::start(move |_, request| match request.contains("_token=t") {
            true => trouble.clone(),
            false => page(&["a"], Some("?_token=t")).answer,
        });
        let it = Place::<D>::at(stub.url());
        let error = it.client.send(records().list()).unwrap_err();
        assert_eq!((error.kind(), error.attempts()), (kind, attempts), "{what}: {error}");
        let error = it.client.send(records().list().if_changed_since(Timestamp::from_millis(1))).unwrap_err();
        assert_eq!(error.kind(), kind, "{what}: no list that is as it was: {error}");
        let mut items = it.client.items(records().list());
        assert_eq!(items.next().unwrap().unwrap().id, "a");
        assert_eq!(items.next().unwrap().unwrap_err().kind(), kind, "{what}");
        assert!(items.next().is_none());
        assert_eq!(stub.requests().len() as u32, 3 * (1 + attempts), "{what}");
    }
}

/// Four records, two a page.
fn model() -> MemoryServer {
    let server = MemoryServer::new().page_size(2);
    server.send(buckets().create("b", &json!({}))).unwrap();
    server.send(bucket("b").collections().create("c", &json!({}))).unwrap();
    for id in ["a", "b", "c", "d"] {
        server.send(records().create(id, &json!({"n": 1}))).unwrap();
    }
    server
}

/// The model, in which somebody changes the oldest record after the first page was read.
fn busy() -> Stub {
    let server = model();
    let other = server.clone();
    Stub::behind(server, move |number, request, answered| {
        if number == 1 {
            other.send(records().patch("a", Merge::new(&json!({"n": 2})))).unwrap();
        }
        whole(request, answered())
    })
}

fn a_list_that_changes_is_noticed<D: Driver>() {
    let stub = busy();
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().list().consistent()).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Pagination, 1), "{error}");
    assert!(error.to_string().contains("the list was changed while it was read"), "{error}");
    let requests: Vec<String> = stub.requests().iter().map(|request| request.to_ascii_lowercase()).collect();
    assert!(!requests[0].contains("if-match") && requests[1].contains("if-match: \""), "{requests:?}");
    // Nobody changes it the second time.
    let all = it.client.send(records().list().consistent()).unwrap();
    assert_eq!(all.items.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["a", "d", "c", "b"]);
}

/// Without being asked for, it is as it is documented: what moves to the front is not met again.
fn what_moves_may_be_missed<D: Driver>() {
    let stub = busy();
    let it = Place::<D>::at(stub.url());
    let ids = |list: kinto_protocol::List<kinto_protocol::Object>| -> Vec<String> {
        it.client.send(list).unwrap().items.into_iter().map(|record| record.id).collect()
    };
    assert_eq!(ids(records().list()), ["d", "c", "b"]);
    let stub = busy();
    let it = Place::<D>::at(stub.url());
    let oldest_first = it.client.send(records().list().sort("last_modified")).unwrap();
    assert_eq!(oldest_first.items.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d", "a"]);
}

fn all_pages_are_deleted<D: Driver>() {
    let server = model();
    let stub = Stub::serving(server.clone());
    let it = Place::<D>::at(stub.url());
    let mut gone: Vec<String> =
        it.client.send(records().delete_all()).unwrap().into_iter().map(|tombstone| tombstone.id).collect();
    gone.sort();
    assert_eq!(gone, ["a", "b", "c", "d"]);
    assert!(server.send(records().list()).unwrap().items.is_empty());
    assert!(stub.requests().len() >= 2 && stub.requests().iter().all(|request| request.starts_with("DELETE ")));
    let dead = server.send(records().list().with_deleted()).unwrap();
    assert_eq!(dead.items.iter().filter(|entry| matches!(entry, Entry::Deleted(_))).count(), 4);
}

fn a_token_is_never_sent_twice<D: Driver>() {
    for (trouble, kind, in_doubt) in [
        (Answer::Reset(Vec::new()), ErrorKind::Interrupted, true),
        (answer(503, &[], "").answer, ErrorKind::Server, true),
        (json(403, r#"{"errno":121}"#).answer, ErrorKind::Server, true),
        (answer(200, &[], "<html>").answer, ErrorKind::Decode, true),
    ] {
        let pages = AtomicUsize::new(0);
        let trouble = Mutex::new(Some(trouble));
        let stub = Stub::start(move |_, request| {
            if request.contains("_token=t1")
                && let Some(trouble) = trouble.lock().unwrap().take()
            {
                return trouble;
            }
            match pages.fetch_add(1, Ordering::SeqCst) {
                0 => buried(&["a", "b"], Some("?_token=t1")).answer,
                1 => buried(&["c"], Some("?_token=t2")).answer,
                _ => buried(&["d"], None).answer,
            }
        });
        let it = Place::<D>::at(stub.url());
        let mut all = records().delete_all();
        let error = it.client.send(&mut all).unwrap_err();
        assert_eq!((error.kind(), error.attempts(), error.maybe_applied()), (kind, 1, in_doubt), "{error}");
        assert!(error.to_string().contains("after 2 objects were deleted"), "{error}");
        assert_eq!(all.deleted().len(), 2);
        let rest = it.client.send(&mut all).unwrap();
        assert_eq!(rest.iter().map(|tombstone| tombstone.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        let tokens: Vec<String> =
            lines(&stub).iter().map(|line| line.rsplit_once("records").unwrap().1.to_owned()).collect();
        assert_eq!(tokens, ["", "?_token=t1", "", "?_token=t2"]);
    }
}
