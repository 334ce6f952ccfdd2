//! Exports and imports: what they ask for, where they go on, and where they stop.

use kinto_protocol::{Export, Import, YamlTree, bucket};

use crate::answers::{entries, existing, info, json, page};
use crate::driver::Driver;
use crate::scenario::{Scenario, Told, scenario};

const BUCKET: &str = r#"{"data":{"id":"b","last_modified":3,"title":"t"},"permissions":{"write":["me"]}}"#;
const GROUP: &str = r#"{"data":{"id":"g","last_modified":4,"members":[]},"permissions":{}}"#;
const COLLECTION: &str = r#"{"data":{"id":"c","last_modified":5},"permissions":{"write":["me"]}}"#;
const RECORD: &str = r#"{"data":{"id":"r1","last_modified":1},"permissions":{}}"#;
const MISSING: &str = r#"{"code":404,"errno":110,"error":"Not Found"}"#;
const FORBIDDEN: &str = r#"{"code":403,"errno":121,"error":"Forbidden"}"#;
const NEXT: &str = "http://elsewhere:1/v1/x?_limit=2&_token=abc";

const LINES: &str = r#"{"format":"kinto-export","version":1,"server":"http://x/v1","path":"/buckets/b/collections/c"}
{"path":"/buckets/b/collections/c","data":{"id":"c","last_modified":5}}
{"path":"/buckets/b/collections/c/records/a","data":{"id":"a","last_modified":6,"n":1}}
{"path":"/buckets/b/collections/c/records/new","data":{"id":"new","last_modified":8,"n":2}}
{"end":{"objects":3}}
"#;

pub(crate) fn scenarios() -> Vec<Scenario> {
    let mut all = exports();
    all.extend(imports());
    all.extend(trees());
    all
}

/// Sends it until nothing more comes.
fn read<D: Driver>(client: &D, mut export: Export, told: &mut Told) {
    for _ in 0..10 {
        let lines = client.send(&mut export);
        let over = matches!(lines, Ok(None));
        told.of(lines);
        if over {
            break;
        }
    }
    told.that((export.objects(), export.is_over()));
}

/// Sends it as often as it is full, and at the end.
fn write<D: Driver>(client: &D, mut import: Import, told: &mut Told) {
    let mut left = LINES.as_bytes();
    while !left.is_empty() {
        let taken = import.take(left).unwrap();
        left = &left[taken..];
        if import.is_full() {
            let sent = client.send(&mut import);
            let failed = sent.is_err();
            told.of(sent);
            if failed {
                return;
            }
        }
    }
    told.of(import.end());
    told.of(client.send(&mut import));
    told.that(import.into_imported());
}

fn exports() -> Vec<Scenario> {
    vec![
        scenario!(
            "an export of a collection",
            [export, Export],
            [json(200, COLLECTION), page(&["r1", "r2"], Some(NEXT)), page(&["r3"], None)],
            |client, told| read(client, bucket("b").collection("c").export().page_size(2), told)
        )
        .shows("at first: GET /v1/buckets/b/collections/c HTTP/1.1")
        .shows("soon: GET /v1/buckets/b/collections/c/records?_sort=last_modified%2Cid&_limit=2 HTTP/1.1")
        .shows("soon: GET /v1/buckets/b/collections/c/records?_sort=last_modified%2Cid&_limit=2&_token=abc HTTP/1.1")
        .shows(r#"{\"path\":\"/buckets/b/collections/c/records/r3\",\"data\":{\"id\":\"r3\",\"last_modified\":1}}"#)
        .shows(r#"{\"end\":{\"objects\":4}}"#)
        .shows("Ok None")
        .shows("(4, true)"),
        scenario!(
            "an export of a bucket, with permissions",
            [export],
            [
                json(200, BUCKET),
                page(&["g", "gone"], None),
                info("25"),
                entries(&[(200, GROUP), (404, MISSING)]),
                page(&["c"], None),
                json(200, COLLECTION),
                page(&["r1"], None),
                json(200, RECORD)
            ],
            |client, told| read(client, bucket("b").export().record_permissions(), told)
        )
        .shows(r#"\"record_permissions\":true}"#)
        .shows(r#"\"members\":[]},\"permissions\":null}"#)
        .shows(r#"records/r1\",\"data\":{\"id\":\"r1\",\"last_modified\":1},\"permissions\":null}"#)
        .shows("(4, true)"),
        scenario!(
            "an export goes on where it failed",
            [Export],
            [
                json(403, FORBIDDEN),
                json(200, COLLECTION),
                page(&["r1"], Some(NEXT)),
                json(403, FORBIDDEN),
                page(&["r2"], None)
            ],
            |client, told| read(client, bucket("b").collection("c").export(), told)
        )
        .shows("Err Server status=Some(403)")
        .shows("(3, true)"),
        scenario!(
            "an export that is to be consistent",
            [Export],
            [
                json(200, COLLECTION),
                page(&["r1"], Some(NEXT)),
                json(412, r#"{"code":412,"errno":114}"#),
                page(&["r2"], None)
            ],
            |client, told| read(client, bucket("b").collection("c").export().consistent(), told)
        )
        .shows("if-match: \"9\"")
        .shows("Err Pagination"),
    ]
}

fn imports() -> Vec<Scenario> {
    let a = r#"{"data":[{"id":"a","last_modified":6,"n":1}]}"#;
    let made = r#"{"data":{"id":"new","last_modified":9,"n":2}}"#;
    vec![
        scenario!(
            "an import writes what is not there",
            [Import],
            [json(200, COLLECTION), json(200, a), json(201, made)],
            |client, told| write(client, Import::new(), told)
        )
        .shows("at first: GET /v1/buckets/b/collections/c HTTP/1.1")
        .shows("soon: GET /v1/buckets/b/collections/c/records?in_id=%22a%22%2C%22new%22 HTTP/1.1")
        .shows("soon: PUT /v1/buckets/b/collections/c/records/new HTTP/1.1")
        .shows("if-none-match: *")
        .shows("Imported { created: 1, updated: 0, deleted: 0, unchanged: 2, failed: 0, failures: [] }"),
        scenario!(
            "an import, and another was faster",
            [Import],
            [json(200, COLLECTION), json(200, a), existing(3)],
            |client, told| write(client, Import::new(), told)
        )
        .shows("created: 0, updated: 0, deleted: 0, unchanged: 2, failed: 1")
        .shows("path: \"/buckets/b/collections/c/records/new\", kind: Create, status: Conflict"),
        scenario!(
            "an import that deletes what is extra",
            [Import],
            [
                json(200, COLLECTION),
                json(200, a),
                json(201, made),
                page(&["a", "extra", "new"], None),
                json(200, "{\"data\":{\"id\":\"extra\",\"last_modified\":9,\"deleted\":true}}")
            ],
            |client, told| write(client, Import::new().delete_extra().keep_timestamps(), told)
        )
        .shows("\"last_modified\":8")
        .shows("soon: GET /v1/buckets/b/collections/c/records?_fields=id")
        .shows("soon: DELETE /v1/buckets/b/collections/c/records/extra HTTP/1.1")
        .shows("if-match: \"1\"")
        .shows("created: 1, updated: 0, deleted: 1, unchanged: 2"),
        scenario!("a dry run into what is not there", [Import], [json(404, MISSING)], |client, told| write(
            client,
            Import::new().rename_collection("c", "d").dry_run(),
            told
        ))
        .shows("GET /v1/buckets/b/collections/d HTTP/1.1")
        .shows("Imported { created: 3, updated: 0"),
        scenario!(
            "an import of what cannot be",
            [Import],
            [json(404, MISSING), json(403, FORBIDDEN)],
            |client, told| write(client, Import::new().permissions(), told)
        )
        .shows("Err Server status=Some(403)"),
    ]
}

/// What a tree says, and nothing of what it is in.
const TREE: &str = "buckets: {b: {data: {title: new}, collections: {c: {records: {a: {data: {n: 2}}}}}}}";

fn trees() -> Vec<Scenario> {
    let written = |data: &str| format!(r#"{{"data":{data}}}"#);
    let a = r#"{"data":[{"id":"a","last_modified":6,"n":1},{"id":"extra","last_modified":7}]}"#;
    vec![
        scenario!(
            "an export into a tree",
            [into_tree, ExportTree],
            [json(200, COLLECTION), page(&["r1", "r2"], Some(NEXT)), page(&["r3"], None)],
            |client, told| {
                let tree = client.send(bucket("b").collection("c").export().page_size(2).into_tree());
                told.of(tree.map(|tree| tree.to_string()))
            }
        )
        .shows("buckets:\\n  b:\\n    collections:\\n      c:\\n        data:\\n          id: c\\n")
        .shows("          r3:\\n            data:\\n              id: r3\\n"),
        scenario!(
            "an export into a tree that fails",
            [ExportTree],
            [json(200, COLLECTION), json(403, FORBIDDEN)],
            |client, told| told.of(client.send(bucket("b").collection("c").export().into_tree()))
        )
        .shows("Err Server status=Some(403)"),
        scenario!(
            "an import of a tree",
            [tree, ImportTree],
            [
                json(200, BUCKET),
                json(200, &written(r#"{"id":"b","last_modified":10,"title":"new"}"#)),
                json(200, COLLECTION),
                json(200, r#"{"data":[{"id":"a","last_modified":6,"n":1}]}"#),
                json(200, &written(r#"{"id":"a","last_modified":11,"n":2}"#)),
                json(200, a),
                json(200, &written(r#"{"id":"extra","last_modified":12,"deleted":true}"#)),
            ],
            |client, told| {
                let tree = YamlTree::parse(TREE).unwrap();
                told.of(client.send(Import::new().delete_extra().tree(tree)))
            }
        )
        .shows("soon: PATCH /v1/buckets/b HTTP/1.1")
        .shows("if-match: \"3\"")
        .shows("soon: GET /v1/buckets/b/collections/c/records?in_id=%22a%22 HTTP/1.1")
        .shows("soon: PUT /v1/buckets/b/collections/c/records/a HTTP/1.1")
        .shows("soon: DELETE /v1/buckets/b/collections/c/records/extra HTTP/1.1")
        .shows("Imported { created: 0, updated: 2, deleted: 1, unchanged: 1, failed: 0, failures: [] }"),
        scenario!(
            "an import of a tree that fails",
            [ImportTree],
            [json(403, FORBIDDEN), json(403, FORBIDDEN)],
            |client, told| {
                let tree = YamlTree::parse(TREE).unwrap();
                told.of(client.send(Import::new().tree(tree)))
            }
        )
        .shows("Err Server status=Some(403)"),
    ]
}
