//! Reviews, and what is published.

use super::*;
use crate::{Entry, ReviewData, ReviewStatus, Timestamp, changed_collections};

fn plugins() -> Outcome {
    let resource = |bucket: &str| json!({"bucket": bucket, "collection": null});
    let resources = json!([{"source": resource("draft"), "preview": resource("look"), "destination": resource("main")},
        {"source": {"bucket": "x", "collection": "a"}, "destination": {"bucket": "y", "collection": "b"}}]);
    answer(200, &[], &json!({"capabilities": {"signer": {"resources": resources}, "changes": {}}}).to_string())
}

fn at(status: &str) -> Outcome {
    let data = json!({"id": "c", "last_modified": 9, "status": status, "last_edit_by": "account:ed", "x": 1});
    answer(200, &[], &json!({"data": data}).to_string())
}

fn review() -> crate::Review {
    bucket("draft").collection("c").review()
}

fn status(run: Run<crate::Object<ReviewData>>) -> ReviewStatus {
    run.result.unwrap().data.status.unwrap()
}

#[test]
fn a_step_is_told_as_it_stands_afterwards() {
    let approved = run(review().approve(), vec![plugins(), at("to-sign"), at("signed")]);
    assert_eq!(approved.lines()[1..], ["PATCH /v1/buckets/draft/collections/c", "GET /v1/buckets/draft/collections/c"]);
    assert_eq!(approved.requests[1].body(), r#"{"data":{"status":"to-sign"}}"#);
    assert_eq!(status(approved), ReviewStatus::Signed);
    let asked = run(review().request("please"), vec![plugins(), at("to-review"), at("to-review")]);
    let body: serde_json::Value = serde_json::from_slice(asked.requests[1].body()).unwrap();
    assert_eq!(body, json!({"data": {"status": "to-review", "last_editor_comment": "please"}}));
    let declined = run(review().decline("no"), vec![plugins(), at("work-in-progress"), at("work-in-progress")]);
    assert!(std::str::from_utf8(declined.requests[1].body()).unwrap().contains("last_reviewer_comment"));
    for (step, word) in [(review().roll_back("oh"), "to-rollback"), (review().resign(), "to-resign")] {
        let done = run(step, vec![plugins(), at(word), at("odd")]);
        assert!(std::str::from_utf8(done.requests[1].body()).unwrap().contains(word));
        assert_eq!(status(done), ReviewStatus::Other("odd".into()));
    }
}

#[test]
fn a_refusal_is_the_servers_unless_it_is_done_already() {
    let refused = || answer(403, &[], r#"{"errno":121,"message":"Last editor cannot review"}"#);
    let error = run(review().approve(), vec![plugins(), refused()]).error();
    assert!(error.is_forbidden() && !error.maybe_applied());
    let lost = || fails(FailureKind::Interrupted);
    let signed = || answer(400, &[], r#"{"errno":109,"message":"Collection already signed"}"#);
    assert_eq!(status(run(review().approve(), vec![plugins(), lost(), signed(), at("signed")])), ReviewStatus::Signed);
    let error = run(review().approve(), vec![plugins(), lost(), refused(), at("to-review")]).error();
    assert!(error.is_forbidden() && error.maybe_applied(), "{error}");
}

#[test]
fn a_step_on_condition() {
    let approve = || review().approve().if_match(Timestamp::from_millis(9));
    let moved = || answer(412, &[], r#"{"errno":114,"message":"Resource was modified meanwhile"}"#);
    let refused = run(approve(), vec![plugins(), moved()]);
    assert_eq!(refused.requests[1].headers()["if-match"], "\"9\"");
    let error = refused.error();
    assert!(error.is_precondition_failed() && !error.maybe_applied(), "{error}");
    let lost = || fails(FailureKind::Interrupted);
    assert_eq!(status(run(approve(), vec![plugins(), lost(), moved(), at("signed")])), ReviewStatus::Signed);
    let error = run(approve(), vec![plugins(), lost(), moved(), at("work-in-progress")]).error();
    assert!(error.is_precondition_failed() && error.maybe_applied(), "{error}");
}

#[test]
fn without_the_plugin_no_status_is_written() {
    let none = answer(200, &[], r#"{"capabilities":{"history":{}}}"#);
    let error = run(review().approve(), vec![none]).error();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("\"signer\""), "{error}");
}

#[test]
fn waiting_ends() {
    let soon = run(review().wait_until_signed(), vec![plugins(), at("to-sign"), at("to-sign"), at("signed")]);
    assert_eq!(soon.waits, [Duration::from_secs(2); 2]);
    assert_eq!(status(soon), ReviewStatus::Signed);
    let never = review().wait_until_signed().times(2).interval(Duration::from_secs(500));
    let mut patient = Bench::new(|policy| policy.deadline = Duration::from_secs(600));
    let error = patient.run(never, vec![plugins(), at("to-review"), at("to-review")]).error();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    let no_review = answer(200, &[], r#"{"data":{"id":"c","last_modified":9}}"#);
    assert_eq!(run(review().wait_until_signed(), vec![plugins(), no_review]).error().kind(), ErrorKind::Input);
}

#[test]
fn the_places_of_a_review() {
    let info = run(server_info(), vec![plugins()]).result.unwrap();
    for bucket in ["draft", "look", "main"] {
        let places = info.review_of(bucket, "c").unwrap().unwrap();
        assert_eq!(places.source, ("draft".into(), "c".into()));
        assert_eq!(places.preview, Some(("look".into(), "c".into())));
        assert_eq!(places.destination, ("main".into(), "c".into()));
    }
    let own = info.review_of("y", "b").unwrap().unwrap();
    assert_eq!((own.source, own.preview), (("x".into(), "a".into()), None));
    assert_eq!(info.review_of("x", "c").unwrap(), None);
    let plain: ServerInfo = serde_json::from_str("{}").unwrap();
    assert_eq!(plain.review_of("x", "a").unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_changeset_is_read_in_one_pass() {
    let body = r#"{"metadata":{"id":"c","bucket":"main","signatures":[]},"timestamp":9,"changes":[
        {"id":"a","last_modified":9,"n":1},{"id":"b","last_modified":8,"deleted":true}]}"#;
    let collection = bucket("main").collection("c");
    let get = collection.changeset::<JsonMap>().since(Timestamp::from_millis(5)).expected(Timestamp::from_millis(9));
    let run1 = run(get, vec![plugins(), answer(200, &[], body)]);
    assert_eq!(run1.lines()[1], "GET /v1/buckets/main/collections/c/changeset?_expected=9&_since=%225%22");
    let set = run1.result.unwrap();
    assert_eq!((set.timestamp.as_millis(), set.metadata["bucket"].as_str()), (9, Some("main")));
    assert!(matches!(&set.changes[..], [Entry::Live(a), Entry::Deleted(b)] if a.id == "a" && b.id == "b"));
    let whole = run(collection.changeset::<JsonMap>(), vec![plugins(), answer(200, &[], body)]);
    assert!(whole.lines()[1].ends_with("?_expected=0"));
    let fresh = |seed: u128| {
        let session = Session::builder("http://localhost:1/v1").seed(seed << 64).build().unwrap();
        let run = Bench { session, now: Moment::default() }
            .run(collection.changeset::<JsonMap>().fresh(), vec![plugins(), answer(200, &[], body)]);
        run.lines()[1].clone()
    };
    assert!(fresh(1).contains("?_expected=9999") && fresh(1) != fresh(2));
    for odd in ["{}", r#"{"metadata":{},"timestamp":1}"#, r#"{"metadata":[],"timestamp":1,"changes":[]}"#] {
        let error = run(collection.changeset::<JsonMap>(), vec![plugins(), answer(200, &[], odd)]).error();
        assert_eq!(error.kind(), ErrorKind::Decode);
    }
    assert_eq!(
        run(collection.changeset::<JsonMap>().since(Timestamp::from_millis(-1)), vec![]).error().kind(),
        ErrorKind::Input
    );
}

#[test]
fn collections_that_changed() {
    let body = r#"{"metadata":{"bucket":"monitor"},"timestamp":9,"changes":[
        {"id":"u","bucket":"main","collection":"c","last_modified":9,"host":""}]}"#;
    let ok = || answer(200, &[], body);
    let all = run(changed_collections().in_bucket("main").named("c"), vec![plugins(), ok()]);
    assert_eq!(
        all.lines()[1],
        "GET /v1/buckets/monitor/collections/changes/changeset?_expected=0&bucket=main&collection=c"
    );
    let all = all.result.unwrap();
    assert!(all.is_full && all.timestamp == Timestamp::from_millis(9));
    let next = all.changesets().next().unwrap();
    let session = Bench::new(|_| {}).session;
    assert!(session.request(&next).unwrap().uri().to_string().ends_with("/main/collections/c/changeset?_expected=9"));
    let own = all.changes[0].changeset::<JsonMap>().since(Timestamp::from_millis(5));
    assert!(session.request(&own).unwrap().uri().to_string().ends_with("?_expected=9&_since=%225%22"));

    let since = || changed_collections().since(Timestamp::from_millis(5));
    assert!(!run(since(), vec![plugins(), ok()]).result.unwrap().is_full);
    // Too long ago: wherever the server sends one to, the same is asked without a time.
    let elsewhere = || answer(307, &[("location", "https://else.where/v1/buckets/monitor?_expected=0")], "");
    let full = run(since(), vec![plugins(), elsewhere(), ok()]);
    assert_eq!(full.lines()[2], "GET /v1/buckets/monitor/collections/changes/changeset?_expected=0");
    assert!(full.result.unwrap().is_full);
    assert_eq!(run(changed_collections(), vec![plugins(), elsewhere()]).error().kind(), ErrorKind::Redirect);
    // Ahead of the server.
    let ahead = run(since().expected(Timestamp::from_millis(3)), vec![plugins(), answer(204, &[], "")]).result.unwrap();
    assert!(ahead.changes.is_empty() && !ahead.is_full && ahead.timestamp == Timestamp::from_millis(5));
    // Who asked for all is not told so that there is nothing.
    assert_eq!(run(changed_collections(), vec![plugins(), answer(204, &[], "")]).error().kind(), ErrorKind::Decode);
}
