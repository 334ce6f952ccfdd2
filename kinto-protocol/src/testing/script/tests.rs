//! What a script lets pass, and what it says of the rest.

use std::panic::{AssertUnwindSafe, catch_unwind};

use http::Method;
use serde_json::json;

use super::*;
use crate::{
    Attributes, Batch, Call, ErrorKind, FailureKind, GroupData, Merge, Operation as _, Path, Permissions, Resource,
    Timestamp, bucket, buckets, heartbeat, server_info,
};

fn posts() -> Resource {
    bucket("blog").collection("posts").records()
}

/// What a panic says.
fn complaint(of: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(of)).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

/// Without the places in this file.
fn without_places(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("(at ")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_same_in_other_words_is_the_same() {
    let script = Script::new();
    script.expect(posts().list().filter(crate::field("n").eq(1)).sort("title"), Answer::list([("a", json!({"n": 1}))]));
    let query = "_sort=title&n=1";
    let call = Call::new(Method::GET, posts().path().clone()).query(query);
    assert_eq!(script.send(call).unwrap().json::<Value>().unwrap()["data"][0]["n"], 1);
}

#[test]
fn all_but_the_credentials_counts() {
    let at = Timestamp::from_millis(7);
    let put = || posts().replace("a", &json!({"title": "A"}));
    let others = [
        posts().replace("b", &json!({"title": "A"})).call(&Script::new().session()),
        put().if_match(at).call(&Script::new().session()),
        posts().create("a", &json!({"title": "A"})).call(&Script::new().session()),
        posts().replace("a", &json!({"title": "B"})).call(&Script::new().session()),
        put().permissions(Permissions::new().read(["x"])).call(&Script::new().session()),
        put().call(&Script::new().session()).map(|call| call.query("n=1")),
        posts().patch("a", Attributes::new(&json!({"title": "A"}))).call(&Script::new().session()),
    ];
    for other in others {
        let script = Script::new();
        script.expect(put(), Answer::done());
        let other = other.unwrap();
        let text = complaint(|| _ = script.send(&other));
        assert!(text.starts_with("this request was not expected:"), "{text}");
        assert_eq!(complaint(|| script.finish()), text, "also to those who have not noticed");
    }
    let patches = Script::new();
    patches.expect(posts().patch("a", Merge::new(&json!({"n": 1}))), Answer::done());
    let text = complaint(|| _ = patches.send(posts().patch("a", Attributes::new(&json!({"n": 1})))));
    assert!(text.contains("Content-Type: expected application/merge-patch+json, came nothing"), "{text}");
    complaint(|| drop(patches));

    let script = Script::new();
    script.expect(put(), Answer::done());
    let session = script.session().with_auth(Some(crate::Auth::basic("me", "p4ssw0rd"))).unwrap();
    script.send_by(&session, put()).unwrap();
}

#[test]
fn what_is_wrong_is_told_at_once_and_whole() {
    let script = Script::new();
    script.expect(posts().get("a"), Answer::object(&json!({"title": "A"})));
    script.expect(posts().create("b", &json!({"title": "B", "tags": ["x", "y"]})), Answer::done());
    script.expect(buckets().delete("blog"), Answer::done());
    script.send(posts().get("a")).unwrap();
    let text = complaint(|| _ = script.send(posts().create("b", &json!({"title": "Bee", "tags": ["x"], "n": null}))));
    assert!(text.contains(&format!("(at {}:", file!())), "{text}");
    assert_eq!(
        without_places(&text),
        r#"this request was not expected:
    PUT /buckets/blog/collections/posts/records/b
    If-None-Match: *
    {"data":{"n":null,"tags":["x"],"title":"Bee"}}

this one was, number 2 of 3:
    PUT /buckets/blog/collections/posts/records/b
    If-None-Match: *
    {"data":{"tags":["x","y"],"title":"B"}}

they differ in
    the body at /data/tags/1: expected "y", came nothing
    the body at /data/title: expected "B", came "Bee"
    the body at /data/n: expected nothing, came null

what had come before:
    1. GET /buckets/blog/collections/posts/records/a: 200
"#
    );
    complaint(|| drop(script));

    let nothing = Script::new();
    let text = complaint(|| _ = nothing.send(heartbeat()));
    assert_eq!(
        text,
        "this request was not expected:\n    GET /__heartbeat__\n\nnothing was expected\n\nnothing had come before\n"
    );
    complaint(|| drop(nothing));
}

#[test]
fn what_does_not_come_is_missed_whether_one_asks_or_not() {
    let unfinished = || {
        let script = Script::new();
        script.expect(posts().get("a"), Answer::failure(FailureKind::Tls));
        script.expect(posts().get("b"), Answer::done());
        assert_eq!(script.send(posts().get("a")).unwrap_err().kind(), ErrorKind::Tls);
        script
    };
    let text = complaint(|| unfinished().finish());
    assert_eq!(
        without_places(&text),
        "1 of 2 expected requests did not come:
    2. GET /buckets/blog/collections/posts/records/b

what had come before:
    1. GET /buckets/blog/collections/posts/records/a: as the test wants it
"
    );
    assert_eq!(without_places(&complaint(|| drop(unfinished()))), without_places(&text));
    let held = unfinished();
    let client = held.answering();
    complaint(|| drop(held));
    drop(client);
    // Who panics already says more than this would.
    assert_eq!(
        *catch_unwind(|| {
            let _script = unfinished();
            std::panic::panic_any("of the test");
        })
        .unwrap_err()
        .downcast::<&str>()
        .unwrap(),
        "of the test"
    );
}

#[test]
fn in_order_unless_the_order_does_not_matter() {
    let two = |script: Script| {
        script.expect(posts().get("a"), Answer::object(&json!({})));
        script.expect(posts().get("b"), Answer::object(&json!({})));
        script
    };
    let script = two(Script::new());
    let text = complaint(|| _ = script.send(posts().get("b")));
    assert!(text.contains("this one was, number 1 of 2"), "{text}");
    complaint(|| drop(script));

    let script = two(Script::new().in_any_order());
    script.send(posts().get("b")).unwrap();
    let text = complaint(|| _ = script.send(posts().get("b")));
    assert!(text.contains("the nearest of what was expected, number 1 of 2"), "{text}");
    complaint(|| drop(script));
}

#[test]
fn what_is_allowed_may_come_at_any_time_or_never() {
    let script = Script::new();
    script.allow((Method::GET, "/"), Answer::status(200).json(&json!({"project_name": "kinto"})));
    script.allow(posts().get("never"), Answer::done());
    script.allow(("any deletion", |asked: &Asked| asked.method == Method::DELETE), Answer::done());
    script.expect(posts().delete("b"), Answer::error(404, 110));
    for _ in 0..2 {
        assert_eq!(script.send(server_info()).unwrap().project_name.as_deref(), Some("kinto"));
        script.send(posts().delete("a")).unwrap();
    }
    assert!(script.send(posts().delete("b")).unwrap_err().is_not_found(), "what is expected comes first");
    assert_eq!(script.seen().len(), 5);
    assert_eq!(script.seen()[1].path, "/buckets/blog/collections/posts/records/a");
    script.finish();

    let script = Script::new();
    script.expect((Method::GET, "/buckets?_limit=3"), Answer::list([("b", json!({}))]));
    script.expect(("any write", |asked: &Asked| asked.method != Method::GET), Answer::done());
    let text = complaint(|| _ = script.send(Call::new(Method::GET, "/buckets".parse::<Path>().unwrap())));
    assert!(text.contains("the parameter _limit: expected 3, came nothing"), "{text}");
    complaint(|| drop(script));
}

#[test]
fn what_is_in_a_batch_is_as_if_it_came_alone() {
    let batch = || {
        let mut batch = Batch::new();
        let a = batch.push(posts().create("a", &json!({"n": 1})));
        let b = batch.push(posts().get("b"));
        (batch, a, b)
    };
    let script = Script::new();
    script.expect(posts().create("a", &json!({"n": 1})), Answer::done());
    script.expect(posts().get("b"), Answer::error(404, 110));
    let (sent, a, b) = batch();
    let mut outcome = script.send(sent).unwrap();
    assert_eq!(outcome.take(a).unwrap().data["n"], 1);
    assert!(outcome.take(b).unwrap_err().is_not_found());
    assert_eq!(script.seen().len(), 3, "and what the server is");
    script.finish();

    let script = Script::new();
    script.expect((Method::POST, "/batch"), Answer::error(405, 115));
    script.expect(posts().create("a", &json!({"n": 1})), Answer::done());
    script.expect(posts().get("b"), Answer::object(&json!({})));
    let (sent, ..) = batch();
    // A server without batches is sent each by itself.
    assert!(script.send(sent).unwrap().into_result().is_ok());
    assert_eq!(script.seen()[1].path, "/batch");
    script.finish();
}

#[test]
fn new_ids_are_any() {
    let script = Script::new();
    script.expect(posts().add(&json!({"n": 1})), Answer::done());
    script.expect(buckets().add(&json!({"n": 1})), Answer::done());
    let made = script.send(posts().add(&json!({"n": 1}))).unwrap();
    assert_eq!((made.id.len(), &made.data["n"]), (36, &json!(1)));
    assert_eq!(script.send(buckets().add(&json!({"n": 1}))).unwrap().data["n"], 1);
    script.finish();

    let script = Script::new();
    script.expect(posts().add(&json!({"n": 1})), Answer::done());
    let text = complaint(|| _ = script.send(posts().add(&json!({"n": 2}))));
    assert!(text.contains("<a new id>") && text.contains("expected 1, came 2"), "{text}");
    assert!(!text.contains("the path: "), "{text}");
    complaint(|| drop(script));
}

#[test]
fn answers_are_as_a_server_gives_them() {
    let script = Script::new();
    script.expect(posts().get("a"), Answer::object(&json!({"n": 1, "last_modified": 7})));
    script.expect(posts().count(), Answer::list([("a", json!({})), ("b", json!({}))]));
    script.expect(posts().delete("a"), Answer::done());
    script.expect(bucket("b").groups().get("g"), Answer::object(&GroupData::of(["me"])));
    script.expect(posts().get("b"), Answer::status(503).header("Retry-After", "20").header("Backoff", "30"));
    script.expect(posts().get("b"), Answer::object(&json!({})).header("Alert", "soon"));
    let existing = json!({"existing": {"id": "c", "last_modified": 9, "by": "others"}});
    script.expect(posts().create("c", &json!({})), Answer::error(412, 114).message("no").details(existing));
    let mut odd = Response::new("<html>".into());
    *odd.status_mut() = http::StatusCode::BAD_GATEWAY;
    script.expect(posts().list(), odd);

    assert_eq!(script.send(posts().get("a")).unwrap().last_modified, Timestamp::from_millis(7));
    assert_eq!(script.send(posts().count()).unwrap(), 2);
    assert!(script.send(posts().delete("a")).unwrap().last_modified > Timestamp::from_millis(7));
    assert_eq!(script.send(bucket("b").groups().get("g")).unwrap().data.members, ["me"]);
    assert_eq!(script.send(posts().get("b")).unwrap().id, "b");
    let error = script.send(posts().create("c", &json!({}))).unwrap_err();
    assert_eq!(error.server().unwrap().existing().unwrap()["by"], "others");
    assert!(error.to_string().contains("no"), "{error}");
    let once = script.session().with_policy(|policy| policy.attempts = 1);
    assert!(script.send_by(&once, posts().list()).unwrap_err().to_string().contains("<html>"));
    script.finish();
}

#[test]
fn what_cannot_be_sent_cannot_be_expected() {
    let script = Script::new();
    let text = complaint(|| script.expect(posts().get("no good"), Answer::done()));
    assert!(text.starts_with("this cannot be expected, as it cannot be sent: "), "{text}");
    complaint(|| script.expect((Method::GET, "buckets"), Answer::done()));
    script.expect(posts().get("a"), Answer::done());
    assert!(complaint(|| _ = script.send(posts().get("a"))).starts_with("done() is no answer to GET "));
}
