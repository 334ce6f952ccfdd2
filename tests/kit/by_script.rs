//! What counts is what is asked for, and what is made of the answers.

use std::fs;

use kinto_blocking::testing::{Answer, Asked, Script};
use kinto_blocking::{
    AUTHENTICATED, Client, FailureKind, Method, Permissions, accounts, bucket, buckets, changed_collections, endpoints,
    heartbeat,
};
use serde_json::json;

use crate::{backport, ingest, prepare, publish_files, read_all};

fn is_reading(asked: &Asked) -> bool {
    asked.method == Method::GET || asked.method == Method::HEAD
}

#[test]
fn a_dry_run_only_reads() {
    let script = Script::new();
    script.allow(("anything that reads", is_reading), Answer::list([("v1", json!({"build": 0}))]));
    ingest::ingest(&Client::testing(&script), vec![("v1", json!({"build": 1})), ("v2", json!({}))], true).unwrap();
    script.finish();
}

#[test]
fn what_is_ingested_is_written_only_if_nobody_else_did_and_then_reviewed() {
    let versions = bucket("main-workspace").collection("product-integrity");
    let at = kinto_blocking::Timestamp::from_millis(7);
    let script = Script::new();
    script.allow(("the list", is_reading), Answer::list([("v1", json!({"build": 0, "last_modified": 7}))]));
    script.expect(versions.records().replace("v1", &json!({"build": 1})).if_match(at), Answer::done());
    script.expect(versions.records().create("v2", &json!({"build": 2})), Answer::done());
    script.expect(versions.review().request("new versions"), Answer::error(403, 121));
    let source = vec![("v1", json!({"build": 1})), ("v2", json!({"build": 2}))];
    let error = ingest::ingest(&Client::testing(&script), source, false).unwrap_err();
    assert!(error.to_string().contains("403"), "{error}");
    script.finish();
}

#[test]
fn what_somebody_changed_meanwhile_is_not_reviewed() {
    let v1 = endpoints::record("main-workspace", "product-integrity", "v1");
    let script = Script::new();
    script.allow(("the list", is_reading), Answer::list([("v1", json!({"build": 0, "last_modified": 7}))]));
    let existing = json!({"existing": {"id": "v1", "build": 9, "last_modified": 9}});
    script.expect((Method::PUT, v1), Answer::error(412, 114).details(existing));
    ingest::ingest(&Client::testing(&script), vec![("v1", json!({"build": 1}))], false).unwrap_err();
    script.finish();
}

#[test]
fn a_backport_that_changes_nothing_asks_for_no_review() {
    let collection = endpoints::collection("main-workspace", "cfr-fr");
    for (status, is_asked) in [("signed", false), ("work-in-progress", true)] {
        let script = Script::new();
        script.allow((Method::GET, collection.clone()), Answer::object(&json!({"status": status})));
        let salut = || Answer::list([("salut", json!({"country": "FR"}))]);
        script.allow(("either list", |asked: &Asked| asked.path.ends_with("/records")), salut());
        if is_asked {
            let review = bucket("main-workspace").collection("cfr-fr").review();
            script.expect(review.request("as it is in cfr"), Answer::object(&json!({})));
        }
        let client = Client::testing(&script);
        backport::backport(&client, &client).unwrap();
        script.finish();
    }
}

#[test]
fn what_is_there_already_is_left_alone() {
    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}});
    let script = Script::new();
    script.expect(heartbeat(), Answer::status(200).json(&json!({"storage": true})));
    script.expect(accounts().create("admin", "p4ssw0rd"), Answer::error(401, 104));
    script.expect(accounts().create("editor", "p4ssw0rd"), Answer::error(412, 114));
    let everybody = Permissions::new().grant("collection:create", [AUTHENTICATED]);
    let bucket_there = json!({"existing": {"id": "main-workspace", "last_modified": 7}});
    let get_or_create = buckets().get_or_create("main-workspace", &json!({})).permissions(everybody);
    script.expect(get_or_create, Answer::error(412, 114).details(bucket_there));
    script.allow(buckets().get("main-workspace"), Answer::object(&json!({})));
    let groups = [("integration-editors", json!({"members": ["account:editor"]}))];
    script
        .allow(("groups", |asked: &Asked| is_reading(asked) && asked.path.ends_with("/groups")), Answer::list(groups));
    let collections = [("integration", json!({"schema": schema}))];
    let lists = |asked: &Asked| is_reading(asked) && asked.path.ends_with("/collections");
    script.allow(("collections", lists), Answer::list(collections));
    prepare::prepare(&Client::testing(&script)).unwrap();
    script.finish();
}

#[test]
fn a_file_that_is_there_already_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let (file, other) = (folder.path().join("abc.txt"), folder.path().join("other.txt"));
    fs::write(&file, "abc").unwrap();
    fs::write(&other, "other").unwrap();
    let filters = bucket("home").collection("filters");
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let attachment = json!({"hash": hash, "size": 3, "filename": "abc.txt", "location": "x", "mimetype": "application/octet-stream"});
    let there = json!({"about": "abc.txt", "attachment": attachment});
    let script = Script::new();
    script.allow(filters.records().get("abc-txt"), Answer::object(&there));
    let is_file = |asked: &Asked| asked.path.ends_with("/attachments/x");
    script.allow(("the file", is_file), Answer::status(200).body("abc"));
    script.allow(filters.records().get("other-txt"), Answer::error(404, 110));
    let sent = endpoints::attachment("home", "filters", "other-txt");
    script.expect((Method::POST, sent), Answer::error(403, 121));
    let error = publish_files::publish(&Client::testing(&script), &filters, &[file, other]).unwrap_err();
    assert!(error.to_string().contains("403"), "{error}");

    let downloaded = Client::testing(&script).send(filters.attachment("abc-txt").download()).unwrap();
    assert_eq!(downloaded.content, "abc");
    script.finish();
}

#[tokio::test]
async fn one_collection_that_cannot_be_read_is_an_error() {
    let changed = |id: &str| json!({"id": id, "bucket": "main", "collection": id, "last_modified": 7, "host": "x"});
    let changes = json!({"timestamp": 7, "changes": [changed("a"), changed("b")], "metadata": {}});
    let script = Script::new().in_any_order();
    script.expect(changed_collections().fresh(), Answer::status(200).json(&changes));
    let changeset = json!({"timestamp": 7, "changes": [], "metadata": {"id": "a"}});
    let (a, b) = (endpoints::changeset("main", "a"), endpoints::changeset("main", "b"));
    script.expect((Method::GET, a), Answer::status(200).json(&changeset));
    script.expect((Method::GET, b), Answer::failure(FailureKind::Tls));
    let error = read_all::read_all(&kinto_async::Client::testing(&script)).await.unwrap_err();
    assert!(error.to_string().contains("no trusted connection"), "{error}");
    script.finish();
}
