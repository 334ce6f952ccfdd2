//! `diff`, `sync`, `apply`, `cp` and `mv`.

use std::fs;

use kinto_blocking::{bucket, buckets};
use kinto_tests::{Backend, KintoServer};
use serde_json::json;

use crate::running::{Corner, Ran, run};

fn ended(ran: &Ran) -> (i32, &str, &str) {
    (ran.status, &ran.out, &ran.err)
}

const WANTED: &str = "{\"id\": \"a\", \"n\": 2}\n\n{\"id\": \"b\", \"n\": 1}\n{\"id\": \"new\", \"n\": 3}\n";

fn corner() -> Corner {
    Corner::filled(&[("a", json!({"n": 1})), ("b", json!({"n": 1})), ("old", json!({"n": 0}))])
}

#[test]
fn shown_and_done() {
    let corner = corner();
    let shown = "~ a\n    n: 1 → 2\n+ new\n    n: 3\n";
    let told = "/B/c: 1 to create, 1 to update, 1 unchanged, 1 left alone\n";
    assert_eq!(ended(&corner.run_with(&["diff", "-", "/B/c"], WANTED)), (2, shown, told));
    assert_eq!(ended(&corner.run_with(&["sync", "-", "/B/c", "--dry-run"], WANTED)), (2, shown, told));
    assert_eq!(corner.record("a"), json!({"n": 1}), "nothing is written by either");
    assert_eq!(ended(&corner.run_with(&["sync", "-", "/B/c"], WANTED)), (0, "", "/B/c: 2 done\n"));
    assert_eq!((corner.record("a"), corner.record("new")), (json!({"n": 2}), json!({"n": 3})));
    let nothing = "/B/c: nothing to do, 3 unchanged, 1 left alone\n";
    assert_eq!(ended(&corner.run_with(&["diff", "-", "/B/c"], WANTED)), (0, "", nothing));

    // As an array, and with what is extra.
    let all = r#"[{"id": "a", "n": 2}]"#;
    let ran = corner.run_with(&["sync", "-", "/B/c", "--delete"], all);
    let asked = "kinto: /B/c: 3 to delete, 1 unchanged. Go on? There is no terminal to ask at: say --yes\n";
    assert_eq!(ended(&ran), (3, "", asked));
    let ran = corner.run_with(&["sync", "-", "/B/c", "--delete", "--yes"], all);
    assert_eq!(ended(&ran), (0, "", "/B/c: 3 done\n"));
    assert_eq!(corner.out(&["ls", "/B/c", "-o", "id"]), "a\n");
}

#[test]
fn what_is_no_record_has_its_line() {
    let corner = corner();
    for (text, why) in [
        ("{\"id\": \"a\"}\n{\"id\"", "standard input, line 2: EOF while parsing"),
        (
            "{\"id\": \"a\"}\n\n{\"id\": \"a\"}",
            "standard input, line 3: the record \"a\" cannot be wanted: it is wanted twice",
        ),
        ("[1]", "standard input: invalid type: integer"),
        ("{\"id\": \"no good\"}", "standard input, line 1: the record \"no good\" cannot be wanted"),
    ] {
        let ran = corner.run_with(&["sync", "-", "/B/c"], text);
        assert!(ran.status == 3 && ran.err.contains(why), "{text}: {}", ran.err);
    }
    assert_eq!(corner.record("a"), json!({"n": 1}));
    let ran = corner.run(&["sync", "/does/not/exist/x", "/B/c"]);
    assert_eq!(ran.status, 3, "it is a path on the server: {}", ran.err);
    let ran = corner.run(&["sync", "./does-not-exist", "/B/c"]);
    assert!(ran.status == 1 && ran.err.starts_with("kinto: ./does-not-exist: "), "{}", ran.err);
}

#[test]
fn saved_and_applied_later() {
    let corner = corner();
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.json").to_str().unwrap().to_owned();
    let ran = corner.run_with(&["sync", "-", "/B/c", "--save", &plan], WANTED);
    let told = format!("/B/c: 1 to create, 1 to update, 1 unchanged, 1 left alone; saved in {plan}\n");
    assert_eq!(ended(&ran), (2, "", told.as_str()));
    corner.client.send(bucket(&corner.bucket).collection("c").records().replace("a", &json!({"n": 7}))).unwrap();
    let ran = corner.run(&["apply", &plan]);
    assert_eq!((ran.status, ran.out.as_str()), (6, ""), "{}", ran.err);
    let mut told = ran.err.lines();
    assert!(
        told.next().unwrap().ends_with(": 1 done, 1 in conflict") && told.next().unwrap().contains("412"),
        "{}",
        ran.err
    );
    assert_eq!((corner.record("a"), corner.record("new")), (json!({"n": 7}), json!({"n": 3})), "it is not overwritten");
    let ran = corner.run_with(&["apply", "-"], "{}");
    assert!(ran.status == 3 && ran.err.contains("this is no plan"), "{}", ran.err);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let corner = corner();
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there.json").to_str().unwrap().to_owned();
    fs::write(&there, "precious").unwrap();
    for (arguments, why) in [
        (&["sync", "-", "/B/c", "--filter", "n=1"][..], "what is in a file is there as a whole"),
        (&["diff", "/B/@", "/B"], "are not alike"),
        (&["sync", "-", "/B", "--delete"], "say rm for those, or cp --delete"),
        (&["sync", "-", "/B/c", "--save", &there], "is there already"),
        (&["get", "stage:/B/c"], "for one place alone say --profile stage"),
        (&["at", "2026", "/B/c"], "is no date"),
    ] {
        let ran = corner.run_with(arguments, "");
        assert!(ran.status == 3 && ran.err.contains(why), "{arguments:?}: {}", ran.err);
    }
    assert_eq!(fs::read_to_string(&there).unwrap(), "precious");
}

#[test]
fn from_another_server() {
    let corner = corner();
    let other = KintoServer::builder(Backend::Memory).start().unwrap();
    let there = Corner::of(&other);
    there.client.send(buckets().create("main", &json!({}))).unwrap();
    there.client.send(bucket("main").collections().create("cfr", &json!({}))).unwrap();
    for id in ["b", "x"] {
        there.client.send(bucket("main").collection("cfr").records().create(id, &json!({"from": "there"}))).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let profiles = folder.path().join("profiles.toml");
    let auth = format!("alice:{}", crate::running::PASSWORD);
    fs::write(&profiles, format!("[there]\nserver = \"{}\"\nauth = {}\n", other.url(), json!(auth))).unwrap();
    let with_profiles = |arguments: &[&str]| {
        let mut command = corner.command(arguments);
        command.env("KINTO_PROFILES", &profiles);
        let ran = run(command, "");
        assert_eq!(ran.status, 0, "{}", ran.err);
        ran.err.replace(&corner.bucket, "B")
    };
    assert_eq!(with_profiles(&["sync", "there:/main/cfr", "/B/c"]), "/B/c: 2 done\n");
    assert_eq!((corner.record("b"), corner.record("old")), (json!({"from": "there"}), json!({"n": 0})));
    assert_eq!(with_profiles(&["cp", "/B/c", "there:/main/copy"]), "there:/main/copy: 5 created; verified\n");
    assert_eq!(there.client.send(bucket("main").collection("copy").records().count()).unwrap(), 4);
}

#[test]
fn copied_and_moved() {
    let corner = corner();
    let (c, d, e) = ("/B/c", "/B/d", "/B/e");
    let ran = corner.run(&["cp", c, d, "--dry-run"]);
    assert_eq!(ran.status, 2, "{}", ran.err);
    assert!(ran.out.starts_with("/buckets/B/collections/d\n+ d\n"), "{}", ran.out);
    let target = corner.named(d).replace(&corner.bucket, "B");
    let ran = corner.run(&["cp", c, d]);
    assert_eq!(ended(&ran), (0, "", format!("{target}: 4 created; verified\n").as_str()));
    let ran = corner.run(&["cp", c, d]);
    assert_eq!(ended(&ran), (0, "", format!("{target}: 4 unchanged; verified\n").as_str()));
    let ran = corner.run(&["mv", d, e]);
    assert_eq!(
        ended(&ran),
        (3, "", "kinto: Move /B/d with 3 records to /B/e? There is no terminal to ask at: say --yes\n")
    );
    let ran = corner.run(&["mv", d, e, "-y"]);
    assert_eq!(ended(&ran), (0, "", "/B/e: 4 created, 4 deleted from the source; verified\n"));
    assert_eq!(corner.out(&["ls", "/B", "-o", "id", "--sort", "id"]), "c\ne\n");
    let ran = corner.run(&["cp", c, "/B"]);
    assert!(ran.status == 3 && ran.err.contains("are not alike"), "{}", ran.err);
}
