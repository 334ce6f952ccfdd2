//! What is reviewed and published: the steps of a review, changesets, and which collections changed.

use std::time::Duration;

use kinto_protocol::{JsonMap, Review, Timestamp, bucket, changed_collections};

use crate::answers::{Scripted, answer, has, json, lost};
use crate::scenario::{Scenario, scenario};

const SIGNED: &str = r#"{"data":{"id":"c","last_modified":9,"status":"signed","last_edit_by":"account:ed"}}"#;
const UNDER_REVIEW: &str = r#"{"data":{"id":"c","last_modified":8,"status":"to-review"}}"#;
const IN_PROGRESS: &str = r#"{"data":{"id":"c","last_modified":8,"status":"work-in-progress"}}"#;
const REFUSED: &str =
    r#"{"code":400,"errno":109,"error":"Invalid posted data","message":"Collection not under review"}"#;
const CHANGESET: &str = r#"{"metadata":{"id":"c"},"timestamp":9,"changes":[{"id":"a","last_modified":9,"n":1}]}"#;
const CHANGED: &str =
    r#"{"metadata":{},"timestamp":9,"changes":[{"id":"u","bucket":"main","collection":"c","last_modified":9}]}"#;

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
        .shows("Err Decode"),
        scenario!(
            "which collections changed",
            [changed_collections, GetChangedCollections],
            [
                has(&["changes"]),
                json(200, CHANGED),
                answer(307, &[("Location", "https://else.where/v1/x")], ""),
                json(200, CHANGED),
                answer(204, &[], "")
            ],
            |client, told| {
                let since = || changed_collections().since(Timestamp::from_millis(5));
                told.of(client.send(changed_collections().in_bucket("main")));
                told.of(client.send(since()));
                told.of(client.send(since().expected(Timestamp::from_millis(3))));
            }
        )
        .shows("is_full: true")
        .shows("is_full: false"),
    ]
}
