//! Creating, replacing and changing.

use kinto_protocol::{Attributes, EVERYONE, GroupData, JsonPatch, Merge, Permissions, Timestamp, bucket, buckets};
use serde_json::json as data;

use crate::answers::{RECORD, existing, json, lost};
use crate::scenario::{Scenario, records, scenario};

const FORBIDDEN: &str = r#"{"code":403,"errno":121,"error":"Forbidden","message":"first"}"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = creating();
    all.extend(creating_or_reading());
    all.extend(replacing());
    all.extend(changing());
    all
}

fn creating() -> Vec<Scenario> {
    vec![
        scenario!("create", [create, Put], [json(201, RECORD)], |client, told| {
            told.of(client.send(records().create("a", &data!({"n": 1, "é": "😀\n"}))));
        })
        .shows("PUT /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("content-length: 30 | content-type: application/json | host: 127.0.0.1 | if-none-match: *")
        .shows("{\"data\":{\"n\":1,\"é\":\"😀\\n\"}}")
        .shows("Ok Object"),
        scenario!("create what is there", [create, Put], [existing(3)], |client, told| {
            told.of(client.send(records().create("a", &data!({"n": 1}))));
        })
        .shows("Err Server status=Some(412) errno=Some(114) attempts=1 maybe_applied=false")
        .shows("\"n\": Number(3)"),
        scenario!("create with permissions", [create, Put], [json(201, RECORD)], |client, told| {
            let permissions = Permissions::new().read([EVERYONE]).write(["me"]);
            told.of(client.send(buckets().create("a", &data!({})).permissions(permissions)));
        })
        .shows("{\"data\":{},\"permissions\":{\"read\":[\"system.Everyone\"],\"write\":[\"me\"]}}"),
        scenario!("create a group", [create], [json(201, RECORD)], |client, told| {
            told.of(client.send(bucket("b").groups().create("g", &GroupData::of(["x", "y"]))));
        })
        .shows("PUT /v1/buckets/b/groups/g HTTP/1.1")
        .shows("{\"data\":{\"members\":[\"x\",\"y\"]}}"),
        scenario!(
            "add, whose id stays the same when it is repeated",
            [add, Put],
            [lost(), json(201, RECORD), json(201, RECORD)],
            |client, told| {
                told.of(client.send(records().add(&data!({"n": 1}))));
                told.of(client.send(records().add(&data!({"n": 2}))));
            }
        )
        .shows("at first: PUT /v1/buckets/b/collections/c/records/<id 1> HTTP/1.1")
        .shows("soon: PUT /v1/buckets/b/collections/c/records/<id 1> HTTP/1.1")
        .shows("soon: PUT /v1/buckets/b/collections/c/records/<id 2> HTTP/1.1"),
        scenario!("data that cannot be sent", [create], [], |client, told| {
            told.of(client.send(records().create("a", &data!({"id": "b"}))));
            told.of(client.send(records().create("a", &data!([1]))));
            told.of(client.send(records().create("a", &std::collections::BTreeMap::from([("x", f64::NAN)]))));
        })
        .shows("Err Input"),
    ]
}

fn creating_or_reading() -> Vec<Scenario> {
    vec![
        scenario!(
            "get or create what is not there",
            [get_or_create, GetOrCreate],
            [json(201, RECORD)],
            |client, told| {
                told.of(client.send(records().get_or_create("a", &data!({"n": 1}))));
            }
        )
        .shows("Ok Created("),
        scenario!("get or create what is there", [GetOrCreate], [existing(3), json(200, RECORD)], |client, told| told
            .of(client.send(records().get_or_create("a", &data!({"n": 1})))))
        .shows("GET /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("Ok Found("),
        scenario!(
            "get or create what one may only read",
            [GetOrCreate],
            [json(403, FORBIDDEN), json(200, RECORD)],
            |client, told| told.of(client.send(records().get_or_create("a", &data!({"n": 1}))))
        )
        .shows("Ok Found("),
        scenario!(
            "get or create what one may not even read",
            [GetOrCreate],
            [json(403, FORBIDDEN), json(404, r#"{"errno":110}"#)],
            |client, told| told.of(client.send(records().get_or_create("a", &data!({"n": 1}))))
        )
        .shows("Err Server status=Some(403)")
        .shows("first"),
    ]
}

fn replacing() -> Vec<Scenario> {
    vec![
        scenario!("replace", [replace], [json(200, RECORD)], |client, told| {
            told.of(client.send(records().replace("a", &data!({"n": 1}))));
        })
        .shows("if-match: *"),
        scenario!("replace what is not there", [replace], [json(412, r#"{"errno":114}"#)], |client, told| {
            told.of(client.send(records().replace("a", &data!({"n": 1}))));
        })
        .shows("it does not exist: create it, or overwrite()"),
        scenario!(
            "update what was read",
            [update],
            [json(200, RECORD), json(200, RECORD), existing(4)],
            |client, told| {
                let mut object = client.send(records().get("a")).unwrap();
                object.data.insert("m".into(), data!([1, {"x": null}]));
                told.of(client.send(records().update(&object)));
                told.of(client.send(records().update(&object)));
            }
        )
        .shows("if-match: \"7\"")
        .shows("{\"data\":{\"m\":[1,{\"x\":null}],\"n\":1}}")
        .shows("Err Server status=Some(412)"),
        scenario!("update what was read in part", [update], [json(200, RECORD)], |client, told| {
            let object = client.send(records().get("a").fields(["n"])).unwrap();
            told.of(client.send(records().update(&object)));
        })
        .shows("Err Input"),
        scenario!("replace the permissions", [replace_permissions], [json(200, RECORD)], |client, told| {
            told.of(client.send(buckets().replace_permissions("a", Permissions::new().read([EVERYONE]))));
        })
        .shows("if-match: *")
        .shows("| {\"permissions\":{\"read\":[\"system.Everyone\"]}}"),
        scenario!("overwrite", [create], [json(200, RECORD)], |client, told| {
            told.of(client.send(records().create("a", &data!({})).overwrite()));
        })
        .shows("host: 127.0.0.1 | user-agent: <front-end>"),
        scenario!("replace what was not changed since", [replace], [json(200, RECORD)], |client, told| {
            told.of(client.send(records().replace("a", &data!({})).if_match(Timestamp::from_millis(5))));
        })
        .shows("if-match: \"5\""),
    ]
}

fn changing() -> Vec<Scenario> {
    vec![
        scenario!("patch attributes", [patch, PatchObject], [json(200, RECORD)], |client, told| {
            let patch = Attributes::new(&data!({"n": 2})).permissions(Permissions::new().write(["me"]));
            told.of(client.send(records().patch("a", patch)));
        })
        .shows("PATCH /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("content-type: application/json |")
        .shows("{\"data\":{\"n\":2},\"permissions\":{\"write\":[\"me\"]}}"),
        scenario!("patch permissions only", [patch, PatchObject], [json(200, RECORD)], |client, told| {
            told.of(client.send(
                buckets().patch("a", Attributes::only_permissions(Permissions::new().grant("write", ["me", "you"]))),
            ));
        })
        .shows("| {\"permissions\":{\"write\":[\"me\",\"you\"]}}"),
        scenario!("patch by merging", [patch, PatchObject], [json(200, RECORD)], |client, told| {
            told.of(client.send(records().patch("a", Merge::new(&data!({"n": null, "o": {"p": 1}})))));
        })
        .shows("content-type: application/merge-patch+json |")
        .shows("{\"data\":{\"n\":null,\"o\":{\"p\":1}}}"),
        scenario!("patch step by step", [patch, PatchObject], [json(200, RECORD)], |client, told| {
            let patch = JsonPatch::new().test("/data/n", 1).replace("/data/n", 2).move_to("/data/a", "/data/b");
            told.of(client.send(records().patch("a", patch.remove("/data/x")).if_match(Timestamp::from_millis(7))));
        })
        .shows("content-type: application/json-patch+json |")
        .shows("if-match: \"7\"")
        .shows("[{\"op\":\"test\""),
    ]
}
