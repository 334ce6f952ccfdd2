//! `put`, `patch` and `rm`.

use std::sync::atomic::{AtomicU32, Ordering};

use kinto_blocking::testing::MemoryServer;
use kinto_blocking::{bucket, buckets};
use kinto_tests::Stub;
use serde_json::json;

use crate::running::{Corner, Ran, bare, run};

fn ended(ran: &Ran) -> (i32, &str, &str) {
    (ran.status, &ran.out, &ran.err)
}

#[test]
fn put_makes_it_what_is_said() {
    let corner = Corner::new();
    assert_eq!(ended(&corner.run(&["put", "/B"])), (0, "", "/B: 1 done\n"));
    assert_eq!(ended(&corner.run(&["put", "/B/c", "title=A list"])), (0, "", "/B/c: 1 done\n"));
    let put = ["put", "/B/c/a", "title=Hello", "n:=1", "tags:=[\"x\"]"];
    let dry = "+ a\n    n: 1\n    tags: [\"x\"]\n    title: \"Hello\"\n";
    let to_do = "/B/c/a: 1 to create\n";
    assert_eq!(ended(&corner.run(&[&put[..], &["--dry-run"]].concat())), (2, dry, to_do));
    assert_eq!(ended(&corner.run(&put)), (0, "", "/B/c/a: 1 done\n"));
    assert_eq!(corner.record("a"), json!({"title": "Hello", "n": 1, "tags": ["x"]}));
    assert_eq!(ended(&corner.run(&put)), (0, "", "/B/c/a: nothing to do, 1 unchanged\n"));
    let ran = corner.run_with(&["put", "/B/c/a", "@-"], "{\"title\": \"Other\"}");
    assert_eq!(ended(&ran), (0, "", "/B/c/a: 1 done\n"));
    assert_eq!(corner.record("a"), json!({"title": "Other"}));

    let ran = corner.run(&["put", "/B/c", "--new", "title=Another"]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert_eq!(corner.record(ran.out.trim()), json!({"title": "Another"}));

    let ran = corner.run(&["put", "/B/c/a", "title"]);
    assert_eq!((ran.status, ran.out.as_str()), (3, ""));
    assert!(ran.err.starts_with("kinto: \"title\" is no field: expected NAME=TEXT"), "{}", ran.err);
    assert_eq!(corner.run(&["put", "/nobodys-bucket/c/a", "n:=1"]).status, 4);
}

#[test]
fn patch_in_three_ways() {
    let corner = Corner::filled(&[("a", json!({"o": {"x": 1, "y": 2}, "t": "x", "l": [1]}))]);
    let ran = corner.run(&["patch", "/B/c/a", "t=y", "--dry-run"]);
    assert_eq!(ended(&ran), (2, "~ a\n    t: \"x\" → \"y\"\n", "/B/c/a: 1 to update\n"));
    assert_eq!(ended(&corner.run(&["patch", "/B/c/a", "t=y"])), (0, "", "/B/c/a: 1 done\n"));
    assert_eq!(ended(&corner.run(&["patch", "/B/c/a", "t=y"])), (0, "", "/B/c/a: nothing to do, 1 unchanged\n"));
    assert_eq!(corner.run(&["patch", "/B/c/a", "--merge", "o:={\"x\":null,\"z\":3}", "t:=null"]).status, 0);
    assert_eq!(corner.record("a"), json!({"o": {"y": 2, "z": 3}, "l": [1]}));
    let patch = r#"[{"op": "add", "path": "/data/l/-", "value": 2}, {"op": "remove", "path": "/data/o"}]"#;
    assert_eq!(corner.run(&["patch", "/B/c/a", "--json-patch", patch]).status, 0);
    assert_eq!(corner.record("a"), json!({"l": [1, 2]}));
    let patch = r#"[{"op": "add", "path": "/permissions/read", "value": ["system.Everyone"]}]"#;
    assert_eq!(corner.run(&["patch", "/B/c/a", "--json-patch", patch]).status, 0);
    assert!(corner.out(&["get", "/B/c/a"]).contains(r#""read":["system.Everyone"]"#));

    let ran = corner.run(&["patch", "/B/c/a", "--json-patch", r#"[{"op":"remove","path":"/data/none"}]"#]);
    assert!(ran.status == 3 && ran.err.starts_with("kinto: the patch cannot be applied: "), "{}", ran.err);
    assert_eq!(corner.run(&["patch", "/B/c/z", "n:=1"]).status, 5);
    assert_eq!(corner.run(&["patch", "/B/c/a"]).status, 3);
}

#[test]
fn rm_asks_and_says_what_it_takes_along() {
    let corner =
        Corner::filled(&[("a", json!({"n": 1})), ("b", json!({"n": 2})), ("c", json!({"n": 3})), ("d", json!({}))]);
    let ran = corner.run(&["rm", "/B/c/a"]);
    assert_eq!(ended(&ran), (3, "", "kinto: Delete /B/c/a? There is no terminal to ask at: say --yes\n"));
    assert_eq!(ended(&corner.run(&["rm", "/B/c/a", "-n"])), (2, "- /B/c/a\n", ""));
    assert_eq!(ended(&corner.run(&["rm", "/B/c/a", "-y"])), (0, "", "/B/c/a: deleted\n"));
    assert_eq!(corner.run(&["rm", "/B/c/a", "-y"]).status, 5);
    assert_eq!(ended(&corner.run(&["rm", "/B/c/a", "-y", "--if-exists"])), (0, "", "/B/c/a: nothing to do\n"));
    let some = ["rm", "/B/c", "--filter", "n>1", "--filter", "n?"];
    assert_eq!(ended(&corner.run(&[&some[..], &["-n"]].concat())), (2, "- b\n- c\n", "/B/c: 2 to delete\n"));
    assert_eq!(ended(&corner.run(&[&some[..], &["-y"]].concat())), (0, "", "/B/c: 2 done\n"));
    assert_eq!(corner.out(&["ls", "/B/c", "-o", "id"]), "d\n");
    assert_eq!(ended(&corner.run(&["rm", "/B/c", "-n"])), (2, "- /B/c with 1 record\n", ""));
    assert_eq!(ended(&corner.run(&["rm", "/B/c", "/B", "-y"])).0, 0);
    assert_eq!(ended(&corner.run(&["rm", "/B", "-y", "--if-exists"])), (0, "", "/B: nothing to do\n"));
}

/// Somebody writes in the moment after the object was read.
#[test]
fn what_others_change_meanwhile_stays() {
    let server = MemoryServer::new();
    server.send(buckets().create("b", &json!({}))).unwrap();
    server.send(bucket("b").collections().create("c", &json!({}))).unwrap();
    let records = bucket("b").collection("c").records();
    server.send(records.create("a", &json!({"n": 1}))).unwrap();
    let (others, reads) = (server.clone(), AtomicU32::new(0));
    let busy = Stub::serving_with(server.clone(), move |request, _| {
        let is_read = request.method() == "GET" && request.uri().path().ends_with("/records/a");
        if is_read && reads.fetch_add(1, Ordering::SeqCst) % 2 == 0 {
            others.send(records.replace("a", &json!({"n": 1, "theirs": true})).overwrite()).unwrap();
        }
    });
    let json_patch = r#"[{"op": "add", "path": "/data/n", "value": 2}]"#;
    for arguments in [&["patch", "/b/c/a", "n:=2"][..], &["patch", "/b/c/a", "--json-patch", json_patch]] {
        let mut command = bare();
        command.args(["-s", busy.url(), "-a", "alice:x"]).args(arguments);
        let ran = run(command, "");
        assert_eq!((ran.status, ran.err.as_str()), (6, "kinto: /b/c/a was changed meanwhile: nothing was written\n"));
        let there = server.send(bucket("b").collection("c").records().get("a")).unwrap().data;
        assert_eq!(there["theirs"], true);
    }
}

#[test]
fn a_dry_run_does_not_promise_what_cannot_be() {
    let corner = Corner::filled(&[]);
    for dry in [&["--dry-run"][..], &[]] {
        let ran = corner.run(&[&["put", "/B/nothing/a", "n:=1"], dry].concat());
        assert_eq!((ran.status, ran.out.as_str()), (5, ""), "{ran:?}");
        assert!(
            ran.err.contains("404 Not Found (errno 111)") && ran.err.contains("(create the collection first"),
            "{ran:?}"
        );
    }
}
