//! What plugins do: accounts, histories, snapshots, one's own permissions; and what the server tells of itself.

use kinto_protocol::{
    Attributes, JsonMap, Timestamp, accounts, broadcasts, bucket, contribute, counters, delete_user_data,
    erase_the_whole_server, field, lb_heartbeat, my_permissions, openapi, version,
};
use serde::Deserialize;
use serde_json::json as data;

use crate::answers::{Scripted, TOMBSTONE, answer, buried, has, json, json_with, lost, page};
use crate::plugins::NO;
use crate::scenario::{Scenario, scenario};

/// What the server shows of an account. That its hash is told nowhere is looked at in every scenario.
const ACCOUNT: &str = r#"{"data":{"id":"me","last_modified":7,"password":"$2b$12$s3cr3t","mail":"m"},"permissions":{"write":["account:me"]}}"#;
const TAKEN: &str =
    r#"{"errno":114,"details":{"existing":{"id":"me","last_modified":7,"password":"$2b$12$s3cr3t","mail":"m"}}}"#;
const WHO: &str = r#"{"code":401,"errno":104,"error":"Unauthorized"}"#;
const MISSING: &str = r#"{"code":404,"errno":110,"error":"Not Found","details":{"id":"me","resource_name":"account"}}"#;
const CHANGES: &str = r#"{"data":[
    {"id":"x","last_modified":9,"action":"update","uri":"/buckets/b/collections/c/records/a","resource_name":"record",
     "user_id":"account:me","date":"2026-11-23T06:21:17.700718+00:00","collection_id":"c","record_id":"a",
     "target":{"data":{"id":"a","last_modified":8,"n":1},"permissions":{"write":["account:me"]}}},
    {"id":"y","last_modified":7,"action":"renamed","uri":"/buckets/b","resource_name":"bucket","user_id":"account:me",
     "date":"2026","bucket_id":"b","target":{"data":{"id":"b"}},"unknown":1}]}"#;
const GRANTS: &str = r#"{"data":[{"uri":"/buckets/b","resource_name":"bucket","permissions":["write","read"],"id":"b","bucket_id":"b"}]}"#;
const ROOT: &str = r#"{"data":[{"uri":"/","resource_name":"root","permissions":["bucket:create"]}]}"#;

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "shown with Debug")]
struct Counted {
    n: u64,
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = of_accounts();
    all.extend(of_the_past());
    all.extend(of_the_server());
    all
}

fn account() -> Scripted {
    has(&["accounts"])
}

fn of_accounts() -> Vec<Scenario> {
    vec![
        scenario!("sign up", [create, CreateAccount], [account(), json(201, ACCOUNT)], |client, told| {
            let sign_up = accounts().create("me@x.org", "s3cr3t").data(&data!({"mail": "m"}));
            told.that(&sign_up);
            told.of(client.with_auth(None).unwrap().send(sign_up));
        })
        .shows("PUT /v1/accounts/me%40x.org HTTP/1.1 | accept: application/json | content-length:")
        .shows("if-none-match: *")
        .shows("{\"data\":{\"mail\":\"m\",\"password\":\"s3cr3t\"}}")
        .shows("data: AccountData { other: {\"mail\": String(\"m\")} }"),
        scenario!(
            "sign up under a name that is taken",
            [CreateAccount],
            [account(), json(412, TAKEN), json(401, WHO)],
            |client, told| {
                told.of(client.send(accounts().create("me", "s3cr3t")));
                told.of(client.send(accounts().create("me", "s3cr3t")));
            }
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=1 maybe_applied=false")
        .shows("Err Server status=Some(401)")
        .shows("Some({\"id\": String(\"me\"), \"last_modified\": Number(7), \"mail\": String(\"m\")})"),
        scenario!(
            "sign up, and the answer is lost",
            [CreateAccount],
            [account(), lost(), json(412, TAKEN)],
            |client, told| {
                told.of(client.send(accounts().create("me", "s3cr3t")));
            }
        )
        .shows("Err Server status=Some(412) errno=Some(114) attempts=2 maybe_applied=true"),
        scenario!("sign up with data that is none", [CreateAccount], [], |client, told| {
            told.of(client.send(accounts().create("me", "s3cr3t").data(&data!([1]))));
        })
        .shows("Err Input"),
        scenario!(
            "change a password",
            [change_password, ChangePassword],
            [account(), json(200, ACCOUNT), lost(), json(401, WHO)],
            |client, told| {
                let change = accounts().change_password("me", "s3cr3t-2");
                told.that(&change);
                told.of(client.send(change.clone()));
                told.of(client.send(change));
            }
        )
        .shows("PATCH /v1/accounts/me HTTP/1.1")
        .shows("{\"data\":{\"password\":\"s3cr3t-2\"}}")
        .shows("Err Server status=Some(401) errno=Some(104) attempts=2 maybe_applied=true"),
        scenario!(
            "read, list, change and delete accounts",
            [get, list, patch, delete, delete_if_present],
            [
                account(),
                json(200, ACCOUNT),
                json(200, r#"{"data":[{"id":"me","last_modified":7,"password":"$2b$12$s3cr3t"}]}"#),
                json(200, ACCOUNT),
                json(200, TOMBSTONE),
                json(404, MISSING)
            ],
            |client, told| {
                told.of(client.send(accounts().get("me")));
                told.of(client.send(accounts().list()));
                told.of(client.send(accounts().patch("me", Attributes::new(&data!({"mail": "n"})))));
                told.of(client.send(accounts().delete("me")));
                told.of(client.send(accounts().delete_if_present("me")));
            }
        )
        .shows("GET /v1/accounts HTTP/1.1")
        .shows("{\"data\":{\"mail\":\"n\"}}")
        .shows("Ok Tombstone")
        .shows("Ok Absent"),
    ]
}

fn of_the_past() -> Vec<Scenario> {
    vec![
        scenario!(
            "a history",
            [list],
            [has(&["history"]), json_with(200, &[("ETag", "\"9\"")], CHANGES)],
            |client, told| {
                let list = bucket("b").history().list().filter(field("target.data.n").eq(1)).sort("-last_modified");
                told.of(client.send(list));
            }
        )
        .shows("GET /v1/buckets/b/history?target.data.n=1&_sort=-last_modified HTTP/1.1")
        .shows("action: Update")
        .shows("action: Other")
        .shows("record_id: Some(\"a\")")
        .shows("timestamp: Some(Timestamp(9))"),
        scenario!(
            "purge a history of two pages",
            [purge],
            [
                has(&["history"]),
                buried(&["a", "b"], Some("{origin}/v1/buckets/b/history?_token=x")),
                buried(&["c"], None)
            ],
            |client, told| told.of(client.send(bucket("b").history().purge().filter(field("action").eq("create"))))
        )
        .shows("DELETE /v1/buckets/b/history?action=%22create%22 HTTP/1.1")
        .shows("DELETE /v1/buckets/b/history?action=%22create%22&_token=x HTTP/1.1"),
        scenario!("a purge whose answer is lost", [purge], [has(&["history"]), lost()], |client, told| {
            told.of(client.send(bucket("b").history().purge()));
        })
        .shows("Err Interrupted status=None errno=None attempts=1 maybe_applied=true"),
        scenario!(
            "a snapshot",
            [snapshot, Snapshot],
            [has(&["history"]), page(&["a", "b"], None), json(200, r#"{"data":[{"id":"a","last_modified":1,"n":3}]}"#)],
            |client, told| {
                let collection = bucket("b").collection("c");
                told.of(client.send(collection.snapshot::<JsonMap>(Timestamp::from_millis(5))));
                told.of(client.send(collection.snapshot::<Counted>(Timestamp::from_millis(6))));
            }
        )
        .shows("GET /v1/buckets/b/snapshot/collections/c@5 HTTP/1.1")
        .shows("Counted { n: 3 }"),
        scenario!(
            "a snapshot of what one may not read",
            [Snapshot],
            [has(&["history"]), json(403, NO)],
            |client, told| {
                told.of(client.send(bucket("b").collection("c").snapshot::<JsonMap>(Timestamp::from_millis(5))));
            }
        )
        .shows("Err Server status=Some(403)"),
    ]
}

fn of_the_server() -> Vec<Scenario> {
    vec![
        scenario!(
            "one's own permissions, of two pages",
            [my_permissions],
            [
                has(&["permissions_endpoint"]),
                json_with(200, &[("Next-Page", "{origin}/v1/permissions?_token=x")], GRANTS),
                json(200, ROOT)
            ],
            |client, told| told.of(client.send(my_permissions().filter(field("resource_name").not("record"))))
        )
        .shows("GET /v1/permissions?not_resource_name=%22record%22 HTTP/1.1")
        .shows("GET /v1/permissions?not_resource_name=%22record%22&_token=x HTTP/1.1")
        .shows("uri: \"/\", resource_name: \"root\", permissions: {\"bucket:create\"}, id: None"),
        scenario!(
            "what a server tells of itself",
            [GetDocument, version, openapi, contribute, lb_heartbeat],
            [json(200, r#"{"name":"kinto"}"#), json(200, r#"{"swagger":"2.0"}"#), json(200, "{}"), json(200, "{}")],
            |client, told| {
                told.of(client.send(version()));
                told.of(client.send(openapi()));
                told.of(client.send(contribute()));
                told.of(client.send(lb_heartbeat()));
            }
        )
        .shows("at first: GET /v1/__version__ HTTP/1.1")
        .shows("GET /v1/__api__ HTTP/1.1")
        .shows("GET /v1/contribute.json HTTP/1.1")
        .shows("GET /v1/__lbheartbeat__ HTTP/1.1"),
        scenario!(
            "a server that was not told its version",
            [version],
            [json(500, r#"{"code":500,"errno":999}"#), json(500, r#"{"code":500,"errno":999}"#), json(500, r#"{"code":500,"errno":999}"#)],
            |client, told| told.of(client.send(version()))
        )
        .shows("Err Server status=Some(500) errno=Some(999)"),
        scenario!("a document that is none", [GetDocument], [json(200, "[]")], |client, told| {
            told.of(client.send(contribute()));
        })
        .shows("Err Decode"),
        scenario!(
            "counters and broadcasts",
            [counters, broadcasts],
            [
                has(&["counters_endpoint", "changes"]),
                json(200, r#"{"objects":{"record":3},"tombstones":{"record":1}}"#),
                json(200, r#"{"broadcasts":{"remote-settings/monitor_changes":"\"179\""},"code":200}"#),
                json(200, r#"{"objects":{"record":-3}}"#)
            ],
            |client, told| {
                told.of(client.send(counters()));
                told.of(client.send(broadcasts()));
                told.of(client.send(counters()));
            }
        )
        .shows("GET /v1/__counters__ HTTP/1.1")
        .shows("GET /v1/__broadcasts__ HTTP/1.1")
        .shows("objects: {\"record\": 3}, tombstones: {\"record\": 1}")
        .shows("{\"remote-settings/monitor_changes\": \"\\\"179\\\"\"}")
        .shows("Err Decode"),
        scenario!(
            "erase the server",
            [erase_the_whole_server, EraseServer],
            [has(&["flush_endpoint"]), json(202, "{}"), answer(202, &[], ""), json(403, NO)],
            |client, told| {
                told.of(client.send(erase_the_whole_server()));
                told.of(client.send(erase_the_whole_server()));
                told.of(client.send(erase_the_whole_server()));
            }
        )
        .shows("POST /v1/__flush__ HTTP/1.1 | accept: application/json | authorization: Basic bWU6czNjcjN0 | content-length: 0 |")
        .shows("Ok ()\nOk ()\nErr Server status=Some(403)"),
        scenario!("erase the server, and the answer is lost: it is not erased twice", [EraseServer], [has(&["flush_endpoint"]), lost()], |client, told| {
            told.of(client.send(erase_the_whole_server()));
        })
        .shows("Err Interrupted status=None errno=None attempts=1 maybe_applied=true"),
        scenario!(
            "delete what belongs to somebody",
            [delete_user_data, DeleteUserData],
            [lost(), json(200, r#"{"data":{"principal":"account:me"}}"#), json(403, NO)],
            |client, told| {
                told.of(client.send(delete_user_data("account:me@x.org")));
                told.of(client.send(delete_user_data("/buckets/b/groups/g")));
                told.of(client.send(delete_user_data("")));
            }
        )
        .shows("DELETE /v1/__user_data__/account%3Ame%40x.org HTTP/1.1")
        .shows("DELETE /v1/__user_data__/%2Fbuckets%2Fb%2Fgroups%2Fg HTTP/1.1")
        .shows("Ok ()\nErr Server status=Some(403)")
        .shows("Err Input"),
    ]
}
