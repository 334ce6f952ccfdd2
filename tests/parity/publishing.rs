//! What is reviewed and published: the steps of a review, changesets, and which collections changed.

use std::time::Duration;

use kinto_protocol::{JsonMap, Review, Timestamp, broadcasts, bucket, changed_collections};

use crate::answers::{Scripted, answer, has, json, lost};
use crate::scenario::{Scenario, scenario};

const SIGNED: &str = r#"{"data":{"id":"c","last_modified":9,"status":"signed","last_edit_by":"account:ed"}}"#;
const UNDER_REVIEW: &str = r#"{"data":{"id":"c","last_modified":8,"status":"to-review"}}"#;
const IN_PROGRESS: &str = r#"{"data":{"id":"c","last_modified":8,"status":"work-in-progress"}}"#;
const REFUSED: &str =
    r#"{"code":400,"errno":109,"error":"Invalid posted data","message":"Collection not under review"}"#;
const CHANGESET: &str = r#"{"metadata":{"signature":{"x5u":"https://certs/a.pem","mode":"p384ecdsa","signature":"YQ=="},
    "signatures":[{"x5u":"https://certs/a.pem","mode":"p384ecdsa","signature":"YQ=="},{"x5u":"","signature":"Yg=="}],
    "id":"c","last_modified":11,"bucket":"main"},"timestamp":9,
    "changes":[{"id":"a","last_modified":9,"n":1},{"id":"b","last_modified":7,"deleted":true}]}"#;
const CHANGED: &str = r#"{"metadata":{"bucket":"monitor"},"timestamp":9,"changes":[
    {"id":"2e2c5e5d-91b6-2c21-9a4c-1b1c1d0a1b9e","last_modified":9,"bucket":"main","collection":"c","host":""}]}"#;
/// What the newest plugin says of broadcasts; no Kinto that can be had from the package registry has it.
const BROADCAST: &str = r#"{"broadcasts":{"remote-settings/monitor_changes":"\"9\""},"code":200}"#;

/// The caller is ahead: that of newer versions of the plugin, where older ones give a list of nothing.
fn ahead() -> Scripted {
    answer(204, &[("Cache-Control", "max-age=86400"), ("Expires", "Tue, 24 Nov 2026 06:26:44 GMT")], "")
}

/// Too long ago: the server, which takes itself for another one, sends the caller there without a time.
fn too_long_ago() -> Scripted {
    let there = "https://settings.example/v1/buckets/monitor/collections/changes/changeset?_expected=0";
    let headers = [("Location", there), ("Cache-Control", "max-age=86400"), ("Content-Type", "text/plain")];
    answer(307, &headers, "307 Temporary Redirect")
}

fn review() -> Review {
    bucket("draft").collection("c").review()
}

fn signer() -> Scripted {
    has(&["signer"])
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = steps();
    all.extend(changes());
    all
}

fn steps() -> Vec<Scenario> {
    vec![
        scenario!(
            "the steps of a review, each read anew",
            [Transition, request, approve, decline, roll_back, resign, status],
            [
                signer(),
                json(200, UNDER_REVIEW),
                json(200, UNDER_REVIEW),
                json(200, r#"{"data":{"id":"c","last_modified":8,"status":"to-sign"}}"#),
                json(200, SIGNED),
                json(200, IN_PROGRESS),
                json(200, IN_PROGRESS),
                json(200, IN_PROGRESS),
                json(200, SIGNED),
                json(200, IN_PROGRESS),
                json(200, SIGNED),
                json(200, SIGNED)
            ],
            |client, told| {
                told.of(client.send(review().request("please")));
                told.of(client.send(review().approve()));
                told.of(client.send(review().decline("no")));
                told.of(client.send(review().roll_back("oh")));
                told.of(client.send(review().resign()));
                told.of(client.send(review().status()));
            }
        )
        .shows("soon: PATCH /v1/buckets/draft/collections/c HTTP/1.1")
        .shows("status: Some(Signed)"),
        scenario!("a step that is refused", [approve], [signer(), json(400, REFUSED)], |client, told| {
            told.of(client.send(review().approve()));
        })
        .shows("Err Server status=Some(400) errno=Some(109) attempts=1 maybe_applied=false"),
        scenario!(
            "a step whose answer was lost, and that is done",
            [approve],
            [signer(), lost(), json(400, REFUSED), json(200, SIGNED)],
            |client, told| told.of(client.send(review().approve()))
        )
        .shows("Ok Object"),
        scenario!(
            "a step whose answer was lost, and that is not done",
            [approve],
            [signer(), lost(), json(400, REFUSED), json(200, UNDER_REVIEW)],
            |client, told| told.of(client.send(review().approve()))
        )
        .shows("Err Server status=Some(400) errno=Some(109) attempts=2 maybe_applied=true"),
        scenario!(
            "waiting until it is signed",
            [wait_until_signed, WaitUntilSigned],
            [signer(), json(200, UNDER_REVIEW), json(200, SIGNED), json(200, UNDER_REVIEW)],
            |client, told| {
                let wait = || review().wait_until_signed().interval(Duration::from_millis(1));
                told.of(client.send(wait()));
                told.of(client.send(wait().times(1)));
            }
        )
        .shows("Ok Object")
        .shows("Err Deadline"),
        scenario!("a review without the plugin", [approve], [has(&["history"])], |client, told| {
            told.of(client.send(review().approve()));
        })
        .shows("Err Unsupported"),
    ]
}

fn changes() -> Vec<Scenario> {
    vec![
        scenario!(
            "a changeset, whole and since",
            [changeset, GetChangeset],
            [has(&["changes"]), json(200, CHANGESET), json(200, CHANGESET), json(200, "{}")],
            |client, told| {
                let collection = bucket("main").collection("c");
                told.of(client.send(collection.changeset::<JsonMap>().expected(Timestamp::from_millis(9))));
                told.of(client.send(collection.changeset::<JsonMap>().since(Timestamp::from_millis(5))));
                told.of(client.send(collection.changeset::<JsonMap>()));
            }
        )
        .shows("soon: GET /v1/buckets/main/collections/c/changeset?_expected=9 HTTP/1.1")
        .shows("soon: GET /v1/buckets/main/collections/c/changeset?_expected=0&_since=%225%22 HTTP/1.1")
        .shows("Ok Changeset")
        .shows("\"signatures\": Array [Object")
        .shows("Deleted(Tombstone")
        .shows("Err Decode"),
        scenario!(
            "which collections changed",
            [changed_collections, GetChangedCollections],
            [has(&["changes"]), json(200, CHANGED), json(200, CHANGED)],
            |client, told| {
                told.of(client.send(changed_collections().in_bucket("main")));
                told.of(client.send(changed_collections().since(Timestamp::from_millis(5))));
            }
        )
        .shows("soon: GET /v1/buckets/monitor/collections/changes/changeset?_expected=0&bucket=main HTTP/1.1")
        .shows("is_full: true")
        .shows("is_full: false"),
        scenario!(
            "which collections changed, since too long ago",
            [GetChangedCollections],
            [has(&["changes"]), too_long_ago(), json(200, CHANGED), too_long_ago()],
            |client, told| {
                told.of(client.send(changed_collections().since(Timestamp::from_millis(5))));
                told.of(client.send(changed_collections()));
            }
        )
        .shows("soon: GET /v1/buckets/monitor/collections/changes/changeset?_expected=0&_since=%225%22 HTTP/1.1")
        .shows("soon: GET /v1/buckets/monitor/collections/changes/changeset?_expected=0 HTTP/1.1")
        .shows("is_full: true")
        .shows("Err Redirect"),
        scenario!(
            "which collections changed, to who is ahead",
            [GetChangedCollections],
            [has(&["changes"]), ahead(), ahead()],
            |client, told| {
                let since = changed_collections().since(Timestamp::from_millis(5));
                told.of(client.send(since.expected(Timestamp::from_millis(3))));
                told.of(client.send(changed_collections()));
            }
        )
        .shows("soon: GET /v1/buckets/monitor/collections/changes/changeset?_expected=3&_since=%225%22 HTTP/1.1")
        .shows("Ok ChangedCollections { timestamp: Timestamp(5), changes: [], is_full: false }\nErr Decode"),
        scenario!(
            "from a broadcast to the collections that changed, and what they hold",
            [broadcasts, changed_collections, changeset],
            [has(&["changes"]), json(200, BROADCAST), json(200, CHANGED), json(200, CHANGESET)],
            |client, told| {
                let said = client.send(broadcasts()).unwrap();
                let at = said.broadcasts["remote-settings/monitor_changes"].parse().unwrap();
                let changed = client.send(changed_collections().expected(at)).unwrap();
                told.of(client.send(changed.changes[0].changeset::<JsonMap>()));
            }
        )
        .shows("soon: GET /v1/__broadcasts__ HTTP/1.1")
        .shows("soon: GET /v1/buckets/monitor/collections/changes/changeset?_expected=9 HTTP/1.1")
        .shows("soon: GET /v1/buckets/main/collections/c/changeset?_expected=9 HTTP/1.1")
        .shows("Ok Changeset"),
    ]
}
