//! Plans, and applying them.

use kinto_protocol::{Permissions, Wanted, bucket};
use serde_json::json;

use crate::answers::{entries, has, info, json, lost, page};
use crate::scenario::{Scenario, records, scenario};

const THERE: &str = r#"{"data":[{"id":"b","last_modified":8,"n":1},{"id":"c","last_modified":7,"n":1}]}"#;
const A: &str = r#"{"data":{"id":"a","last_modified":9,"n":2},"permissions":{"write":["me"]}}"#;
const B: &str = r#"{"data":{"id":"b","last_modified":10,"n":2},"permissions":{"write":["me"]}}"#;
const GONE: &str = r#"{"data":{"id":"c","last_modified":11,"deleted":true}}"#;
const CHANGED: &str = r#"{"code":412,"errno":114,"details":{"existing":{"id":"b","last_modified":9,"n":3}}}"#;
const FILED: &str = r#"{"data":{"id":"a","last_modified":10,"n":2,"attachment":{"filename":"a.txt","location":"x/a.txt",
    "hash":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","mimetype":"text/plain","size":5}}}"#;
const ASKED: &str = r#"{"data":{"id":"c","last_modified":12,"status":"to-review"}}"#;

fn wanted() -> [Wanted; 2] {
    [Wanted::new("a", &json!({"n": 2})), Wanted::new("b", &json!({"n": 2}))]
}

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario!(
            "planned, and applied",
            [PlanSync, Apply, sync, apply],
            [json(200, THERE), info("25"), entries(&[(201, A), (200, B), (200, GONE)])],
            |client, told| {
                let plan = client.send(records().sync(wanted())).unwrap();
                told.that(&plan);
                told.that(plan.to_string());
                told.that(plan.changes().map(ToString::to_string).collect::<Vec<_>>());
                told.of(client.send(plan.apply()).map(|report| report.to_string()));
            }
        )
        .shows("1 to create, 1 to update, 1 to delete")
        .shows("soon: POST /v1/batch HTTP/1.1")
        .shows("3 done"),
        scenario!(
            "what was changed meanwhile, and what has no answer",
            [apply],
            [json(200, THERE), info("2"), entries(&[(201, A), (412, CHANGED)]), lost(), lost(), lost()],
            |client, told| {
                let plan = client.send(records().sync(wanted())).unwrap();
                let report = client.send(plan.apply()).unwrap();
                told.that(report.to_string());
                told.that(report.items().map(|item| (item.id(), item.kind(), item.status())).collect::<Vec<_>>());
            }
        )
        .shows("1 done, 1 in conflict, 1 unknown"),
        scenario!(
            "one by one, with permissions",
            [Survey, survey],
            [page(&["b", "c"], None), info("25"), entries(&[(200, B), (404, r#"{"errno":110}"#)])],
            |client, told| {
                let mut planner = client.send(records().survey().permissions().keep_extra()).unwrap();
                told.that(planner.len());
                let read = Permissions::new().read(["you"]);
                told.of(planner.want(Wanted::new("b", &json!({"n": 2})).permissions(read)));
                told.of(planner.want(("b", json!({}))));
                told.that(planner.finish().changes().map(ToString::to_string).collect::<Vec<_>>());
            }
        )
        .shows("it is wanted twice")
        .shows("~ b\\n    read: you"),
        scenario!(
            "a review is asked for when all is done",
            [apply, request],
            [json(200, r#"{"data":[]}"#), has(&["signer"]), json(201, A), json(200, ASKED), json(200, ASKED)],
            |client, told| {
                let plan = client.send(records().sync([("a", json!({"n": 2}))])).unwrap();
                let review = bucket("b").collection("c").review();
                told.of(client.send(plan.apply().then_request_review(&review, "please")).map(|it| it.to_string()));
            }
        )
        .shows("1 done, under review"),
        scenario!(
            "nothing is written where no review can be asked for",
            [apply],
            [json(200, r#"{"data":[]}"#), has(&["history"]), has(&["history"])],
            |client, told| {
                let plan = client.send(records().sync([("a", json!({"n": 2}))])).unwrap();
                let review = bucket("b").collection("c").review();
                let mut apply = plan.apply().then_request_review(&review, "please");
                told.of(client.send(&mut apply));
                told.of(client.send(&mut apply));
                told.that(apply.into_report().to_string());
            }
        )
        .shows("; it has history")
        .shows("1 not sent"),
        scenario!(
            "a file comes after its record",
            [apply],
            [
                json(200, r#"{"data":[]}"#),
                has(&["attachments"]),
                json(201, A),
                json(200, A),
                lost(),
                json(200, FILED),
                json(200, FILED)
            ],
            |client, told| {
                let wanted = Wanted::new("a", &json!({"n": 2})).file("a.txt", "hello");
                let plan = client.send(records().sync([wanted]).attachments()).unwrap();
                told.that(plan.to_string());
                told.of(client.send(plan.apply()).map(|report| report.to_string()));
                told.of(client.send(bucket("b").collection("c").attachment("a").get()));
            }
        )
        .shows("1 to create, 1 file to attach")
        .shows("soon: POST /v1/buckets/b/collections/c/records/a/attachment HTTP/1.1")
        .shows("1 done; files: 1 done"),
        scenario!(
            "a plan that is kept goes on",
            [apply],
            [json(200, THERE), info("25"), lost(), lost(), lost(), entries(&[(201, A), (200, B), (200, GONE)])],
            |client, told| {
                let mut apply = client.send(records().sync(wanted())).unwrap().apply();
                told.of(client.send(&mut apply));
                told.of(client.send(&mut apply));
                told.that(apply.into_report().to_string());
            }
        )
        .shows("3 done"),
    ]
}
