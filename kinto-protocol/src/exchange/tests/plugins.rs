//! Endpoints of plugins, and the plugins that are there or not.

use super::*;
use crate::batch::{Batch, Status};
use crate::{EVERYONE, Permissions, accounts, counters, erase_the_whole_server, my_permissions};

fn info(capabilities: &[&str]) -> Outcome {
    let named: serde_json::Map<String, serde_json::Value> =
        capabilities.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
    answer(200, &[], &json!({"settings": {"batch_max_requests": 25}, "capabilities": named}).to_string())
}

fn empty() -> Outcome {
    answer(200, &[], r#"{"data":[]}"#)
}

#[test]
fn a_plugin_is_asked_for_once() {
    let mut bench = Bench::new(|_| {});
    let history = bucket("b").history();
    let first = bench.run(history.list(), vec![info(&["history", "accounts"]), empty()]);
    assert_eq!(first.lines(), ["GET /v1/", "GET /v1/buckets/b/history"]);
    assert!(first.result.is_ok());
    assert_eq!(bench.run(history.list(), vec![empty()]).requests.len(), 1);
    assert_eq!(bench.run(accounts().list(), vec![empty()]).requests.len(), 1);
}

#[test]
fn a_missing_plugin_has_a_name_and_nothing_is_sent_to_it() {
    let mut bench = Bench::new(|_| {});
    let error = bench.run(counters(), vec![info(&["history"])]).error();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.to_string(), "GET /__counters__: the server has no plugin \"counters_endpoint\"; it has history");
    // It may be put in while the session lives.
    let later = bench.run(counters(), vec![info(&["counters_endpoint"]), answer(200, &[], "{}")]);
    assert!(later.result.unwrap().objects.is_empty());
    // Who does not say what it can do is asked for it.
    let silent = Bench::new(|_| {}).run(counters(), vec![answer(404, &[], ""), answer(404, &[], "")]);
    assert!(silent.error().is_not_found());
    let lost =
        Bench::new(|policy| policy.attempts = 1).run(erase_the_whole_server(), vec![fails(FailureKind::Timeout)]);
    assert!(!lost.error().maybe_applied(), "nothing was sent there");
}

#[test]
fn in_a_batch_a_missing_plugin_is_one_operations_error() {
    let mut batch = Batch::new();
    batch.push(records().typed::<()>().get("a"));
    batch.push(counters());
    batch.push(records().typed::<()>().get("b"));
    let ok = || answer(200, &[], RECORD);
    batch.push(counters());
    let run = run(batch, vec![info(&[]), ok(), info(&[]), ok(), info(&[])]);
    let ended: Vec<Status> = run.result.unwrap().items().map(|item| item.status()).collect();
    assert_eq!(ended, [Status::Done, Status::Failed, Status::Done, Status::Failed], "and the second one as well");
}

#[test]
fn what_the_caller_may_do_needs_no_id() {
    let entries = r#"{"data":[{"uri":"/","resource_name":"root","permissions":["bucket:create"]},
        {"uri":"/buckets/b","resource_name":"bucket","permissions":["read"],"id":"b","bucket_id":"b"}]}"#;
    let grants =
        run(my_permissions(), vec![info(&["permissions_endpoint"]), answer(200, &[], entries)]).result.unwrap();
    assert_eq!(grants.items[0].id, None);
    assert_eq!(grants.items[1].bucket_id.as_deref(), Some("b"));
}

#[test]
fn passwords_and_their_hashes_are_shown_nowhere() {
    let create = accounts().create("me", "s3cr3t-p4ss").data(&json!({"mail": "me@example.com"}));
    assert!(!format!("{create:?}{:?}", accounts().change_password("me", "s3cr3t-p4ss")).contains("s3cr3t-p4ss"));
    let account = r#"{"data":{"id":"me","last_modified":1,"password":"$2b$12$hash","mail":"m"}}"#;
    let made = run(create.clone(), vec![info(&["accounts"]), answer(201, &[], account)]);
    let body: serde_json::Value = serde_json::from_slice(made.requests[1].body()).unwrap();
    assert_eq!(body, json!({"data": {"mail": "me@example.com", "password": "s3cr3t-p4ss"}}));
    let made = made.result.unwrap();
    assert_eq!((made.data.other.len(), &made.data.other["mail"]), (1, &json!("m")));
    let existing = r#"{"errno":114,"details":{"existing":{"id":"me","last_modified":1,"password":"$2b$12$hash"}}}"#;
    let taken = run(create, vec![info(&["accounts"]), answer(412, &[], existing)]).error();
    assert!(!format!("{taken:?} {taken} {:?}", taken.server().unwrap().existing()).contains("hash"));
    assert!(taken.server().unwrap().existing().unwrap().contains_key("id"));
}

#[test]
fn an_account_that_may_be_ones_own_stays_in_doubt() {
    let taken = answer(412, &[], r#"{"errno":114}"#);
    let run = run(accounts().create("me", "x"), vec![info(&["accounts"]), fails(FailureKind::Interrupted), taken]);
    assert!(run.error().maybe_applied());
}

#[test]
fn sharing_changes_what_it_names_and_no_more() {
    let object = |permissions: serde_json::Value| {
        let data = json!({"id": "a", "last_modified": 7});
        answer(200, &[], &json!({"data": data, "permissions": permissions}).to_string())
    };
    let everybody = || Permissions::new().read([EVERYONE]).grant("write", ["account:you"]);
    let now = || object(json!({"read": ["account:x"], "write": ["me", "account:you"]}));
    let given = run(records().share("a", everybody()), vec![now(), object(json!({}))]);
    let body: serde_json::Value = serde_json::from_slice(given.requests[1].body()).unwrap();
    assert_eq!(body, json!({"permissions": {"read": ["account:x", "system.Everyone"]}}));
    assert_eq!(given.requests[1].headers()["if-match"], "\"7\"");
    let taken = run(records().unshare("a", everybody()), vec![now(), object(json!({}))]);
    let body: serde_json::Value = serde_json::from_slice(taken.requests[1].body()).unwrap();
    assert_eq!(body, json!({"permissions": {"write": ["me"]}}));
    // The last one to be taken leaves an empty list, which is what takes it.
    let last = run(records().unshare("a", Permissions::new().read(["account:x"])), vec![now(), object(json!({}))]);
    let body: serde_json::Value = serde_json::from_slice(last.requests[1].body()).unwrap();
    assert_eq!(body, json!({"permissions": {"read": []}}));
    // Nothing to change, nothing written; not visible, nothing changed.
    let all = run(records().share("a", Permissions::new().read(["account:x"])), vec![now()]);
    assert!(all.result.is_ok());
    let hidden = run(records().share("a", everybody()), vec![object(json!({}))]).error();
    assert!(hidden.kind() == ErrorKind::Input && !hidden.maybe_applied(), "{hidden}");
    // Others may be faster.
    let changed = answer(412, &[], r#"{"errno":114}"#);
    assert!(run(records().share("a", everybody()), vec![now(), changed, now(), object(json!({}))]).result.is_ok());
}

#[test]
fn members_come_and_go() {
    let group = |members: &[&str]| {
        answer(200, &[], &json!({"data": {"id": "g", "last_modified": 7, "members": members, "x": 1}}).to_string())
    };
    let groups = bucket("b").groups();
    let added = run(groups.add_members("g", ["b", "c"]), vec![group(&["a", "b"]), group(&[])]);
    let body: serde_json::Value = serde_json::from_slice(added.requests[1].body()).unwrap();
    assert_eq!(body, json!({"data": {"members": ["a", "b", "c"], "x": 1}}));
    let removed = run(groups.remove_members("g", ["b", "z"]), vec![group(&["a", "b"]), group(&[])]);
    let body: serde_json::Value = serde_json::from_slice(removed.requests[1].body()).unwrap();
    assert_eq!(body["data"]["members"], json!(["a"]));
    assert!(run(groups.add_members("g", ["a"]), vec![group(&["a"])]).result.is_ok());
}

#[test]
fn a_snapshot_is_of_a_time() {
    let at = crate::Timestamp::from_millis(5);
    let then = run(bucket("b").collection("c").snapshot::<JsonMap>(at), vec![info(&["history"]), page(&["a"], None)]);
    assert_eq!(then.lines()[1], "GET /v1/buckets/b/snapshot/collections/c@5");
    assert_eq!(then.result.unwrap()[0].id, "a");
    // A server that has histories and no snapshots says so, and nothing is guessed from the one about the other.
    let snapshot = || bucket("b").collection("c").snapshot::<JsonMap>(at);
    let without = run(snapshot(), vec![info(&["history"]), answer(404, &[], r#"{"errno":111}"#)]);
    assert_eq!(without.requests.len(), 2);
    assert!(without.error().is_not_found());
}

#[test]
fn names_of_accounts_may_be_addresses_of_mail() {
    let read = run(accounts().get("me@example.com"), vec![info(&["accounts"]), answer(404, &[], r#"{"errno":110}"#)]);
    assert_eq!(read.lines()[1], "GET /v1/accounts/me%40example.com");
    assert!(read.error().is_not_found());
}
