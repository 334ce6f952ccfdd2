//! What became of a write: it succeeded, did not happen, or may have.

use super::*;

#[test]
fn a_lost_answer_is_repeated_by_class() {
    let lost = || fails(FailureKind::Interrupted);
    let at = crate::Timestamp::from_millis(7);
    let ok = || answer(200, &[], RECORD);
    assert_eq!(run(records().get("a"), vec![lost(), ok()]).requests.len(), 2);
    assert_eq!(run(records().create("a", &json!({})).overwrite(), vec![lost(), ok()]).requests.len(), 2);
    assert_eq!(run(records().create("a", &json!({})), vec![lost(), ok()]).requests.len(), 2);
    assert_eq!(run(records().delete("a").if_match(at), vec![lost(), ok()]).requests.len(), 2);

    let once = run(records().patch("a", JsonPatch::new().add("/data/l/-", 1)), vec![lost()]);
    assert_eq!(once.requests.len(), 1);
    assert!(once.error().maybe_applied());
    let once = run(records().delete_all(), vec![answer(503, &[("retry-after", "1")], "")]);
    assert!(once.error().maybe_applied());
    // What was never sent can be sent again, whatever it is.
    let deleted = run(records().delete_all(), vec![fails(FailureKind::Connect), answer(200, &[], r#"{"data":[]}"#)]);
    assert_eq!(deleted.requests.len(), 2);
}

#[test]
fn new_ids_need_a_seed() {
    let mut bench =
        Bench { session: Session::builder("http://localhost:1/v1").build().unwrap(), now: Moment::default() };
    assert_eq!(bench.run(records().add(&json!({})), vec![]).error().kind(), ErrorKind::Input);
}

#[test]
fn a_request_is_the_same_when_it_is_repeated() {
    let run = run(records().add(&json!({"n": 1})), vec![fails(FailureKind::Interrupted), answer(201, &[], RECORD)]);
    assert_eq!(run.requests[0].uri(), run.requests[1].uri());
    assert_eq!(run.requests[0].body(), run.requests[1].body());
    let id = run.requests[0].uri().path().rsplit('/').next().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "4"));
}

#[test]
fn the_own_write_is_a_success_and_anothers_a_conflict() {
    let existing = |n| {
        let existing = json!({"errno": 114, "details": {"existing": {"id": "a", "last_modified": 7, "n": n}}});
        answer(412, &[], &existing.to_string())
    };
    let found = |n, at: i64| {
        let found =
            json!({"data": {"id": "a", "last_modified": at, "n": n}, "permissions": {"write": ["me"], "read": ["x"]}});
        answer(200, &[], &found.to_string())
    };
    let lost = || fails(FailureKind::Interrupted);
    let create = || records().create("a", &json!({"n": 1}));
    let ours = run(create(), vec![lost(), existing(1), found(1, 7)]);
    assert_eq!(ours.requests[2].method(), Method::GET);
    let ours = ours.result.unwrap();
    assert!(ours.repeated && ours.last_modified.as_millis() == 7 && ours.permissions.is_some());
    let theirs = run(create(), vec![lost(), existing(2), found(2, 7)]).error();
    assert!(theirs.is_precondition_failed() && theirs.maybe_applied());
    assert_eq!(theirs.server().unwrap().existing().unwrap()["n"], 2);
    assert_eq!(theirs.request().unwrap().method, Method::PUT);
    let at_once = run(create(), vec![existing(1)]).error();
    assert!(at_once.is_precondition_failed() && !at_once.maybe_applied());
    // After a 503 the write may have been committed, too.
    assert!(run(create(), vec![answer(503, &[], ""), existing(1), found(1, 7)]).result.unwrap().repeated);
    // Permissions count as well.
    let shared = |who: &str| create().permissions(crate::Permissions::new().read([who.to_owned()]));
    assert!(run(shared("x"), vec![lost(), existing(1), found(1, 7)]).result.unwrap().repeated);
    assert!(run(shared("y"), vec![lost(), existing(1), found(1, 7)]).error().maybe_applied());
    // What cannot be read back stays in doubt.
    for nothing in [answer(403, &[], "{}"), answer(404, &[], "{}"), fails(FailureKind::Protocol)] {
        let error = run(create(), vec![lost(), existing(1), nothing]).error();
        assert!(error.maybe_applied() && error.request().unwrap().method == Method::PUT, "{error}");
    }
}

#[test]
fn what_is_older_than_the_first_attempt_is_nobody_of_ours() {
    // The second attempt is answered at 12:00:00, 10 s after the first one began.
    let date = ("date", "Sun, 06 Nov 1994 12:00:00 GMT");
    let noon = 784_123_200_000;
    let found = |at: i64| answer(200, &[], &json!({"data": {"id": "a", "last_modified": at, "n": 1}}).to_string());
    let refused = || answer(412, &[date], r#"{"errno":114}"#);
    let slow = || answer(503, &[("retry-after", "10")], "");
    let create = || records().create("a", &json!({"n": 1}));
    assert!(run(create(), vec![slow(), refused(), found(noon - 9_000)]).result.unwrap().repeated);
    assert!(run(create(), vec![slow(), refused(), found(noon - 14_000)]).error().is_precondition_failed());
    // A timestamp of one's own says as much.
    let forced = records().create("a", &json!({"n": 1, "last_modified": 7}));
    assert!(run(forced, vec![slow(), refused(), found(7)]).result.unwrap().repeated);
}

#[test]
fn a_deletion_that_had_arrived_is_a_success() {
    let missing = || answer(404, &[("date", "Sun, 06 Nov 1994 12:00:00 GMT")], r#"{"errno":110}"#);
    let left = |deleted: bool| {
        let mut left = json!({"id": "a", "last_modified": 9});
        if deleted {
            left["deleted"] = true.into();
        }
        answer(200, &[], &json!({"data": [left]}).to_string())
    };
    let lost = || fails(FailureKind::Interrupted);
    let ours = run(records().delete("a"), vec![lost(), missing(), left(true)]);
    assert!(ours.lines()[2].contains("/records?id=%22a%22&_since=7841231"), "{}", ours.lines()[2]);
    assert!(ours.result.unwrap().repeated);
    for nothing in [left(false), page(&[], None), answer(403, &[], ""), answer(200, &[], "<html>")] {
        let error = run(records().delete("a"), vec![lost(), missing(), nothing]).error();
        assert!(error.is_not_found() && error.maybe_applied(), "{error}");
    }
    let absent = |rest| run(records().delete_if_present("a"), vec![lost(), missing(), rest]).result.unwrap();
    assert!(matches!(absent(left(true)), crate::Deletion::Deleted(tombstone) if tombstone.repeated));
    assert_eq!(absent(page(&[], None)), crate::Deletion::Absent);
}

#[test]
fn what_was_done_before_a_later_request_failed_is_not_forgotten() {
    let exists = || answer(412, &[], r#"{"errno":114}"#);
    let lost = || fails(FailureKind::Interrupted);
    let flow = || records().get_or_create("a", &json!({"n": 1}));
    let forbidden = || answer(403, &[], "{}");
    assert!(run(flow(), vec![lost(), exists(), forbidden()]).error().maybe_applied());
    let refused = run(flow(), vec![lost(), forbidden(), answer(200, &[], RECORD)]).result.unwrap();
    assert!(refused.is_created(), "what is there is what was sent, and one answer is missing");
    let GetOrCreated::Created(ours) = run(flow(), vec![lost(), exists(), answer(200, &[], RECORD)]).result.unwrap()
    else {
        panic!("it holds what was sent");
    };
    assert!(ours.repeated);
    let shared = |who: &str| flow().permissions(crate::Permissions::new().write([who.to_owned()]));
    assert!(run(shared("me"), vec![lost(), exists(), answer(200, &[], RECORD)]).result.unwrap().is_created());
    assert!(!run(shared("you"), vec![lost(), exists(), answer(200, &[], RECORD)]).result.unwrap().is_created());
    assert!(!run(flow(), vec![exists(), answer(200, &[], RECORD)]).result.unwrap().is_created(), "nothing was lost");
    assert!(!run(flow(), vec![exists(), forbidden()]).error().maybe_applied());

    let tombstones = |headers: &[(&'static str, &str)]| {
        answer(200, headers, r#"{"data":[{"id":"a","last_modified":2,"deleted":true}]}"#)
    };
    let next = ("next-page", "?_token=1");
    for rest in [forbidden(), fails(FailureKind::Protocol), answer(307, &[("location", "/v1/x")], "")] {
        let error = run(records().delete_all(), vec![tombstones(&[next]), rest]).error();
        assert!(error.maybe_applied() && error.to_string().contains("after 1 object was deleted"), "{error}");
    }
    for first in [tombstones(&[next, ("backoff", "500")]), tombstones(&[("next-page", "")])] {
        let error = run(records().delete_all(), vec![first]).error();
        assert!(error.maybe_applied() && error.to_string().contains("after 1 object was deleted"), "{error}");
    }
    assert!(!run(records().delete_all(), vec![forbidden()]).error().maybe_applied());
}

#[test]
fn a_plain_patch_that_had_arrived_is_a_success() {
    let object = crate::decode::object::<JsonMap>(RECORD).unwrap();
    let patch = records().patch(&object, crate::Attributes::new(&json!({"n": 2})));
    let existing = r#"{"errno":114,"details":{"existing":{"id":"a","last_modified":8,"n":2,"m":1}}}"#;
    let found = |n| answer(200, &[], &json!({"data": {"id": "a", "last_modified": 8, "n": n, "m": 1}}).to_string());
    let lost = || fails(FailureKind::Timeout);
    let ours = run(patch, vec![lost(), answer(412, &[], existing), found(2)]);
    assert_eq!(ours.requests[1].headers()["if-match"], "\"7\"");
    assert!(ours.result.unwrap().repeated);
    let merge = |data| records().patch(&object, crate::Merge::new(&data));
    let merged = |data| run(merge(data), vec![lost(), answer(412, &[], existing), found(2)]);
    assert!(merged(json!({"n": 2, "gone": null})).result.unwrap().repeated);
    for not_so in [json!({"n": 3}), json!({"m": null}), json!({"m": {"x": 1}}), json!({"x": {}})] {
        assert!(merged(not_so).error().maybe_applied());
    }
    // Of a JSON Patch nobody can tell.
    let patch = records().patch(&object, JsonPatch::new().replace("/data/n", 2));
    assert!(run(patch, vec![lost(), answer(412, &[], existing), found(2)]).error().maybe_applied());
}

#[test]
fn conflicts_of_the_server_are_repeated_and_others_are_not() {
    let aborted = || answer(409, &[("retry-after", "3")], r#"{"errno":122}"#);
    let put = run(records().create("a", &json!({})), vec![aborted(), answer(201, &[], RECORD)]);
    assert_eq!(put.waits, [Duration::from_secs(3)]);
    assert!(!put.result.unwrap().repeated);
    let other = run(records().create("a", &json!({})), vec![answer(409, &[], r#"{"errno":109}"#)]);
    assert!(other.error().is_conflict());
    let proxys = run(records().delete_all(), vec![answer(409, &[], "<html>")]);
    assert!(proxys.error().is_conflict(), "not repeated, as nobody says that it was aborted");
    // That others write too is no sign of distress: patience has its own count.
    let forever = run(records().create("a", &json!({})), (0..11).map(|_| aborted()).collect()).error();
    assert!(forever.is_conflict() && !forever.maybe_applied() && forever.attempts() == 11);
    let mut once = Bench::new(|policy| policy.attempts = 1);
    assert_eq!(once.run(records().create("a", &json!({})), vec![aborted()]).requests.len(), 1);
    assert_eq!(run(records().get("a"), vec![aborted()]).requests.len(), 1);
}

#[test]
fn a_success_that_cannot_be_read_may_have_been_applied() {
    for body in ["", "<html>", "{}", "{\"data\":null}", "[]"] {
        let error = run(records().create("a", &json!({})), vec![answer(200, &[], body)]).error();
        assert!(error.kind() == ErrorKind::Decode && error.maybe_applied(), "{body}");
        assert!(!run(records().get("a"), vec![answer(200, &[], body)]).error().maybe_applied());
    }
    for status in [202, 206, 304] {
        let error = run(records().create("a", &json!({})), vec![answer(status, &[], "{}")]).error();
        assert!(error.kind() == ErrorKind::Protocol && error.maybe_applied(), "{status}");
    }
    assert!(!run(records().create("a", &json!({})), vec![answer(403, &[], "")]).error().maybe_applied());
    assert!(run(records().create("a", &json!({})), vec![answer(524, &[], "")]).error().maybe_applied());
    assert!(!run(records().create("a", &json!({})), vec![answer(501, &[], "")]).error().maybe_applied());
    let broken = TransportError::new(FailureKind::Tls, "bad record").sent();
    assert!(run(records().create("a", &json!({})), vec![Err(broken)]).error().maybe_applied());
}

#[test]
fn get_or_create_has_two_requests_at_most() {
    let flow = || records().get_or_create("a", &json!({"n": 1}));
    let created = run(flow(), vec![answer(201, &[], RECORD)]);
    assert!(created.result.unwrap().is_created());
    let exists = || answer(412, &[], r#"{"errno":114,"details":{"existing":{"id":"a","last_modified":7,"n":3}}}"#);
    let found = run(flow(), vec![exists(), answer(200, &[], RECORD)]);
    assert_eq!(
        found.lines(),
        ["PUT /v1/buckets/b/collections/c/records/a", "GET /v1/buckets/b/collections/c/records/a"]
    );
    assert!(!found.result.unwrap().is_created());
    assert!(run(flow(), vec![exists(), answer(404, &[], "")]).error().is_not_found());
    // Those who may not create may still read, and if they may not, the first refusal is the one that counts.
    let refused = || answer(403, &[], "first");
    assert!(!run(flow(), vec![refused(), answer(200, &[], RECORD)]).result.unwrap().is_created());
    let error = run(flow(), vec![refused(), answer(404, &[], "second")]).error();
    assert!(error.is_forbidden() && error.to_string().contains("first"), "{error}");
}

#[test]
fn a_selection_cannot_be_written_back() {
    let get = run(records().get("a").fields(["n"]), vec![answer(200, &[], RECORD)]);
    let mut partial = vec![get.result.unwrap()];
    let list =
        run(records().list().fields(["n"]), vec![answer(200, &[], r#"{"data":[{"id":"a","last_modified":7}]}"#)]);
    partial.extend(list.result.unwrap());
    for object in partial {
        assert_eq!(run(records().update(&object), vec![]).error().kind(), ErrorKind::Input);
        assert!(run(records().replace(&object, &json!({"n": 2})), vec![answer(200, &[], RECORD)]).result.is_ok());
    }
}

#[test]
fn nobody_else_s_write_is_taken_for_ours() {
    let lost = || fails(FailureKind::Interrupted);
    let refused = || answer(412, &[], r#"{"errno":114}"#);
    let found = |data: serde_json::Value| answer(200, &[], &json!({"data": data}).to_string());
    let at = crate::Timestamp::from_millis(1);
    // On a collection the schema is the caller's, on a record the server's.
    let other_schema = || found(json!({"id": "c", "last_modified": 9, "schema": {"b": 1}}));
    let collection = bucket("b").collections().replace("c", &json!({"schema": {"a": 1}})).if_match(at);
    assert!(run(collection, vec![lost(), refused(), other_schema()]).result.is_err());
    let record = records().replace("c", &json!({})).if_match(at);
    assert!(run(record, vec![lost(), refused(), other_schema()]).result.unwrap().repeated);
    // A patch of nothing proves nothing.
    let nothing = records().patch("c", crate::Attributes::new(&json!({}))).if_match(at);
    let there = || found(json!({"id": "c", "last_modified": 9, "n": 1}));
    assert!(run(nothing, vec![lost(), refused(), there()]).result.is_err());
    // The server does not keep the last digits of floats.
    let float = records().replace("c", &json!({"x": 0.1 + 0.2, "y": 1e17})).if_match(at);
    let rounded = found(json!({"id": "c", "last_modified": 9, "x": 0.3, "y": 100_000_000_000_000_000_u64}));
    assert!(run(float, vec![lost(), refused(), rounded]).result.unwrap().repeated);
    let integer = records().replace("c", &json!({"n": 9_007_199_254_740_993_u64})).if_match(at);
    let near = found(json!({"id": "c", "last_modified": 9, "n": 9_007_199_254_740_992_u64}));
    assert!(run(integer, vec![lost(), refused(), near]).result.is_err());
}

#[test]
fn deleting_what_may_be_absent_says_what_is_known() {
    let delete = |status, body| {
        run(records().delete_if_present("a"), vec![answer(status, &[], body)]).result.map(crate::Deletion::tombstone)
    };
    let missing = r#"{"errno":111,"details":{"id":"c","resource_name":"collection"}}"#;
    for absent in [r#"{"errno":110}"#, missing] {
        assert_eq!(delete(404, absent).unwrap(), None);
    }
    for unknown in [r#"{"errno":111}"#, "<html>", ""] {
        assert!(delete(404, unknown).unwrap_err().is_not_found());
    }
    assert!(delete(403, r#"{"errno":121}"#).unwrap_err().is_forbidden());
    let mut once = Bench::new(|policy| policy.attempts = 1);
    let nobody = once.run(records().delete_if_present("a"), vec![fails(FailureKind::Connect)]);
    assert_eq!(nobody.error().kind(), ErrorKind::Connect);
    let hidden = run(buckets().delete_if_present("a"), vec![answer(403, &[], r#"{"errno":121}"#)]);
    assert_eq!(hidden.result.unwrap(), crate::Deletion::AbsentOrForbidden);
}

#[test]
fn what_was_there_before_is_a_conflict_and_no_doubt() {
    let date = ("date", "Sun, 06 Nov 1994 12:00:00 GMT");
    let noon = 784_123_200_000;
    let refused = || answer(412, &[date], r#"{"errno":114}"#);
    let lost = || fails(FailureKind::Interrupted);
    let found = |at: i64| answer(200, &[], &json!({"data": {"id": "a", "last_modified": at, "n": 2}}).to_string());
    let create = || records().create("a", &json!({"n": 1}));
    let old = run(create(), vec![lost(), refused(), found(noon - 100_000)]).error();
    assert!(old.is_precondition_failed() && !old.maybe_applied(), "{old}");
    // Clocks may differ a little.
    let recent = run(create(), vec![lost(), refused(), found(noon - 30_000)]).error();
    assert!(recent.maybe_applied());
}

#[test]
fn less_than_what_was_sent_proves_nothing() {
    let at = crate::Timestamp::from_millis(1);
    let lost = || fails(FailureKind::Interrupted);
    let refused = || answer(412, &[], r#"{"errno":114}"#);
    let collections = bucket("b").collections();
    let found = |more: serde_json::Value| {
        let mut data = json!({"id": "c", "last_modified": 9});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer(200, &[], &json!({"data": data, "permissions": {"write": ["me", "you"], "read": ["x"]}}).to_string())
    };
    let without = || collections.replace("c", &json!({})).if_match(at);
    assert!(run(without(), vec![lost(), refused(), found(json!({"schema": {}}))]).result.is_err());
    assert!(run(without(), vec![lost(), refused(), found(json!({"status": "signed"}))]).result.is_ok());
    // Permissions that were to be taken away are still there.
    let revoke = |kept: crate::Permissions| collections.replace_permissions("c", kept).if_match(at);
    assert!(run(revoke(crate::Permissions::new()), vec![lost(), refused(), found(json!({}))]).result.is_err());
    let all = crate::Permissions::new().write(["me"]).read(["x"]);
    assert!(run(revoke(all), vec![lost(), refused(), found(json!({}))]).result.is_ok(), "the writer is added");
    let fewer = crate::Permissions::new().read(["x"]);
    assert!(run(revoke(fewer), vec![lost(), refused(), found(json!({}))]).result.is_err());
}
