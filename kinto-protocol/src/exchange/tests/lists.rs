//! Lists and deletions of many pages.

use super::*;

#[test]
fn a_list_waits_at_the_gate_and_goes_on() {
    let page = answer(200, &[("backoff", "10"), ("next-page", "http://x/y?_token=1")], r#"{"data":[]}"#);
    let run = run(records().list(), vec![page, answer(200, &[], r#"{"data":[]}"#)]);
    assert_eq!(run.waits, [Duration::from_secs(10)]);
    assert!(run.result.is_ok());
}

#[test]
fn a_list_is_read_to_its_end_by_query_only() {
    let run = run(
        buckets().list().page_size(2),
        vec![page(&["a", "b"], Some("https://evil.example/other?n=1&_limit=2&_token=x%3D#f")), page(&["c"], None)],
    );
    assert_eq!(run.lines(), ["GET /v1/buckets?_limit=2", "GET /v1/buckets?_limit=2&_token=x%3D"]);
    assert!(run.requests.iter().all(|request| request.uri().host() == Some("localhost")));
    let listing = run.result.unwrap();
    assert_eq!(listing.timestamp.unwrap().as_millis(), 9);
    assert_eq!(ids(listing), ["a", "b", "c"]);
}

#[test]
fn a_list_is_complete_or_an_error() {
    for next in [
        "",
        "http://x/y",
        "?",
        "http://x/?a=1",
        "?_token=",
        "http://x/?_token=a\u{e9}",
        "?_token=a b",
        "?_token=a\tb",
        "#?_token=a",
    ] {
        let error = run(buckets().list(), vec![page(&["a"], Some(next))]).error();
        assert_eq!(error.kind(), ErrorKind::Pagination, "{next}");
    }
    let circle =
        run(buckets().list(), (0..3).map(|_| page(&[], Some("?_token=1"))).collect::<Vec<_>>().drain(..2).collect());
    assert_eq!(circle.error().kind(), ErrorKind::Pagination);
    let error = run(buckets().list(), vec![page(&["a"], Some("?_token=1")), answer(304, &[], "")]).error();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    let mut bench = Bench::new(|policy| policy.pages = 2);
    let error =
        bench.run(buckets().list(), vec![page(&["a"], Some("?_token=1")), page(&["b"], Some("?_token=2"))]).error();
    assert_eq!(error.kind(), ErrorKind::Pagination);
}

#[test]
fn a_token_that_is_refused_is_not_the_end() {
    let page = |next: Option<&str>| {
        let headers: Vec<(&str, &str)> = next.map(|next| ("next-page", next)).into_iter().collect();
        answer(200, &headers, r#"{"data":[{"id":"a","last_modified":2,"deleted":true}]}"#)
    };
    let refused = || answer(400, &[], r#"{"errno":107,"message":"_token was already used or has expired."}"#);
    let aborted = answer(409, &[], r#"{"errno":122}"#);
    let mut bench = Bench::new(|_| {});
    let run1 = bench.run(buckets().delete_all(), vec![page(Some("?_token=1")), aborted, refused(), page(None)]);
    let token = "DELETE /v1/buckets?_token=1";
    assert_eq!(run1.lines(), ["DELETE /v1/buckets", token, token, "DELETE /v1/buckets"]);
    assert_eq!(run1.result.unwrap().len(), 2);
    // If nothing is deleted in between, it is.
    let empty = answer(200, &[("next-page", "?_token=2")], r#"{"data":[]}"#);
    let answers = vec![page(Some("?_token=1")), refused(), empty, refused()];
    assert_eq!(bench.run(buckets().delete_all(), answers).error().status().unwrap().as_u16(), 400);
    assert_eq!(bench.run(buckets().delete_all(), vec![refused()]).requests.len(), 1);

    let mut delete = buckets().delete_all().if_match(crate::Timestamp::from_millis(9));
    for _ in 0..2 {
        assert!(bench.run(&mut delete, vec![page(None)]).requests[0].headers().contains_key("if-match"));
    }
    // And has as much patience as the first one had.
    for _ in 0..2 {
        let again = bench.run(&mut delete, vec![page(Some("?_token=1")), refused(), page(None)]);
        assert_eq!(again.result.unwrap().len(), 2);
    }
}

#[test]
fn a_question_stays_the_same_on_every_page() {
    let delete = || records().delete_all().filter(crate::field("old").eq(true));
    let page = |next| answer(200, &[("next-page", next)], r#"{"data":[]}"#);
    let run = run(delete(), vec![page("http://x/all?_token=1"), answer(200, &[], r#"{"data":[]}"#)]);
    let path = "/v1/buckets/b/collections/c/records";
    assert_eq!(run.lines(), [format!("DELETE {path}?old=true"), format!("DELETE {path}?old=true&_token=1")]);
}

#[test]
fn what_goes_with_a_request_goes_with_every_page() {
    let session = Bench::new(|_| {}).session.with_header("X-Mine", "1").unwrap();
    let mut bench = Bench { session, now: Moment::default() };
    let run = bench.run(buckets().list(), vec![page(&["a"], Some("?_token=1")), page(&["b"], None)]);
    assert_eq!(run.requests.len(), 2);
    for request in &run.requests {
        assert_eq!(request.headers()["x-mine"], "1");
        assert_eq!(request.headers()["authorization"], "Basic bWU6czNjcjN0");
    }
}

#[test]
fn a_list_can_be_limited() {
    let one = run(buckets().list().limit(2), vec![page(&["a", "b"], Some("?_token=1"))]);
    assert_eq!(one.lines(), ["GET /v1/buckets?_limit=2"]);
    assert_eq!(ids(one.result.unwrap()), ["a", "b"]);
    let two = run(
        buckets().list().limit(3).page_size(2),
        vec![page(&["a", "b"], Some("?_token=1")), page(&["c", "d"], None)],
    );
    assert_eq!(ids(two.result.unwrap()), ["a", "b", "c"]);
    assert!(ids(run(buckets().list().limit(0), vec![]).result.unwrap()).is_empty());
}

#[test]
fn a_list_can_be_conditional_and_consistent() {
    let at = crate::Timestamp::from_millis(9);
    let same = run(buckets().list().if_changed_since(at), vec![answer(304, &[], "")]);
    assert_eq!(same.requests[0].headers()["if-none-match"], "\"9\"");
    assert_eq!(same.result.unwrap(), Conditional::NotModified);
    let changed = run(buckets().list().if_changed_since(at), vec![page(&["a"], Some("?_token=1")), page(&["b"], None)]);
    assert!(!changed.requests[1].headers().contains_key("if-none-match"), "on the first page alone");
    assert_eq!(ids(changed.result.unwrap().modified().unwrap()), ["a", "b"]);

    let run = run(buckets().list().consistent(), vec![page(&["a"], Some("?_token=1")), answer(412, &[], "{}")]);
    assert_eq!(run.requests[1].headers()["if-match"], "\"9\"");
    assert_eq!(run.error().kind(), ErrorKind::Pagination);
}

#[test]
fn a_list_and_a_deletion_go_on_where_they_stood() {
    let mut bench = Bench::new(|policy| policy.attempts = 1);
    let mut list = buckets().list();
    let broken = bench.run(&mut list, vec![page(&["a"], Some("?_token=1")), fails(FailureKind::Interrupted)]);
    assert_eq!(broken.error().kind(), ErrorKind::Interrupted);
    let rest = bench.run(&mut list, vec![page(&["b"], None)]);
    assert_eq!(rest.lines(), ["GET /v1/buckets?_token=1"]);
    assert_eq!(ids(rest.result.unwrap()), ["a", "b"]);

    let mut pages = buckets().list().pages();
    assert!(bench.run(&mut pages, vec![answer(500, &[], "")]).result.is_err());
    assert_eq!(ids(bench.run(&mut pages, vec![page(&["a"], None)]).result.unwrap().unwrap()), ["a"]);
    assert!(bench.run(&mut pages, vec![]).result.unwrap().is_none());

    let tombstones = |id: &str, next: Option<&str>| {
        let headers: Vec<(&str, &str)> = next.map(|next| ("next-page", next)).into_iter().collect();
        answer(200, &headers, &json!({"data": [{"id": id, "last_modified": 2, "deleted": true}]}).to_string())
    };
    let mut delete = buckets().delete_all().if_match(crate::Timestamp::from_millis(9));
    let broken = bench.run(&mut delete, vec![tombstones("a", Some("?_token=1")), answer(403, &[], "{}")]);
    assert_eq!(broken.requests[0].headers()["if-match"], "\"9\"");
    assert!(!broken.requests[1].headers().contains_key("if-match"));
    assert!(broken.error().to_string().contains("after 1 object was deleted"));
    assert_eq!(delete.deleted().len(), 1);
    let rest = bench.run(&mut delete, vec![tombstones("b", None)]);
    assert_eq!(rest.lines(), ["DELETE /v1/buckets"], "a token is never sent twice");
    assert!(!rest.requests[0].headers().contains_key("if-match"), "this very deletion changed the list");
    assert_eq!(rest.result.unwrap().len(), 2);
}

#[test]
fn what_is_kept_in_memory_has_an_end() {
    let mut bench = Bench::new(|policy| policy.pages = 3);
    let endless = |first: Option<Outcome>| {
        let page = |n| page(&["a"], Some(&format!("http://localhost:1/v1/x?_token={n}")));
        first.into_iter().chain((0..3).map(page)).collect()
    };
    let error = bench.run(records().survey(), endless(None)).error();
    assert_eq!(
        (error.kind(), error.to_string().contains("more than 3 pages")),
        (ErrorKind::Pagination, true),
        "{error}"
    );
    #[cfg(feature = "yaml")]
    {
        let c = answer(200, &[], r#"{"data":{"id":"c","last_modified":1}}"#);
        let error = bench.run(bucket("b").collection("c").export().into_tree(), endless(Some(c))).error();
        assert_eq!(error.kind(), ErrorKind::Pagination, "{error}");
        let b = answer(200, &[], r#"{"data":{"id":"b","last_modified":1}}"#);
        let error = bench.run(bucket("b").export().into_tree(), endless(Some(b))).error();
        assert_eq!(error.kind(), ErrorKind::Pagination, "of names: {error}");
    }
}
