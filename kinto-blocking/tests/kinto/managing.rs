//! `perms`, `history`, `at`, `watch`, `raw`, `batch`, and what the program tells of itself.

use std::fs;
use std::process::Command;

use kinto_blocking::{GroupData, bucket};
use serde_json::{Value, json};

use crate::running::{Corner, Ran, bare, lines, run};

fn ended(ran: &Ran) -> (i32, &str, &str) {
    (ran.status, &ran.out, &ran.err)
}

#[test]
fn who_may_do_what() {
    let corner = Corner::filled(&[("a", json!({"n": 1}))]);
    let group = GroupData::of(["account:bob", "account:eve"]);
    corner.client.send(bucket(&corner.bucket).groups().create("editors", &group)).unwrap();
    let editors = format!("/buckets/{}/groups/editors", corner.bucket);
    let add = ["perms", "add", "/B/c/a", "read", &editors, "system.Everyone"];
    let dry = corner.run(&[&add[..], &["-n"]].concat());
    assert_eq!(ended(&dry), (2, "+ read /buckets/B/groups/editors\n+ read system.Everyone\n", ""));
    assert_eq!(ended(&corner.run(&add)), (0, "", "/B/c/a: done\n"));
    assert_eq!(ended(&corner.run(&[&add[..], &["-n"]].concat())), (0, "", ""));
    let csv = corner.out(&["perms", "ls", "/B/c/a", "-o", "csv", "--fields", "permission,principal,by"]);
    let expected = "permission,principal,by\n\
        read,/buckets/B/groups/editors,\n\
        read,account:bob,/buckets/B/groups/editors\n\
        read,account:eve,/buckets/B/groups/editors\n\
        read,system.Everyone,\n\
        write,account:alice,\n";
    assert_eq!(csv, expected);
    assert_eq!(corner.run(&["perms", "rm", "/B/c/a", "read", &editors]).status, 0);
    assert_eq!(lines(&corner.out(&["perms", "ls", "/B/c/a"])).len(), 2);
    let ran = corner.run(&["perms", "add", "/B/c/a", "fly", "system.Everyone"]);
    assert_eq!((ran.status, ran.out.as_str()), (7, ""), "{}", ran.err);
}

#[test]
fn what_was() {
    let corner = Corner::filled(&[("a", json!({"n": 1})), ("b", json!({"n": 1}))]);
    let at = lines(&corner.out(&["ls", "/B/c"]))[0]["last_modified"].to_string();
    for arguments in [&["put", "/B/c/a", "n:=2"][..], &["put", "/B/c/new", "n:=3"], &["rm", "/B/c/b", "-y"]] {
        assert_eq!(corner.run(arguments).status, 0);
    }
    let before = lines(&corner.out(&["at", &at, "/B/c"]));
    let mut before: Vec<_> = before.iter().map(|record| (record["id"].as_str().unwrap(), &record["n"])).collect();
    before.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(before, [("a", &json!(1)), ("b", &json!(1))]);

    let of = |arguments: &[&str]| -> Vec<(Value, Value)> {
        let entries = lines(&corner.out(&[&["history"], arguments].concat()));
        entries.into_iter().map(|mut entry| (entry["action"].take(), entry["uri"].take())).collect()
    };
    let uri = |id: &str| json!(format!("/buckets/B/collections/c/records/{id}"));
    let newest = [(json!("delete"), uri("b")), (json!("create"), uri("new")), (json!("update"), uri("a"))];
    assert_eq!(of(&["/B", "--limit", "3"]), newest);
    assert_eq!(of(&["/B/c/a", "--action", "update"]), newest[2..]);
    let table = corner.out(&["history", "/B", "--limit", "1", "-o", "table"]);
    let header: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["DATE", "USER_ID", "ACTION", "URI"]);
    assert_eq!(of(&["/B/c", "--user", "account:bob"]), []);
    assert_eq!(of(&["/B", "--since", "2999-01-01"]).len(), 0);
    assert_eq!(of(&["/B/c", "--since", &at]).len(), 4, "with that one");
    assert_eq!(of(&["/B", "--since", "2020-01-01T12:00:00Z", "--limit", "3"]), newest);
    assert_eq!(corner.run(&["history", "/B", "--since", "yesterday"]).status, 3);
    assert_eq!(corner.run(&["history", "/"]).status, 3);
}

#[test]
fn what_changes() {
    let corner = Corner::filled(&[("a", json!({"n": 1})), ("b", json!({"n": 1}))]);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").to_str().unwrap().to_owned();
    let look = || lines(&corner.out(&["watch", "/B/c", "--once", "--state", &state]));
    assert_eq!(look().len(), 2);
    assert_eq!(look().len(), 0);
    assert_eq!(corner.run(&["put", "/B/c/a", "n:=2"]).status, 0);
    assert_eq!(corner.run(&["rm", "/B/c/b", "-y"]).status, 0);
    let changes = look();
    let short: Vec<_> = changes.iter().map(|it| (it["id"].as_str().unwrap(), &it["n"], &it["deleted"])).collect();
    assert_eq!(short, [("a", &json!(2), &Value::Null), ("b", &Value::Null, &json!(true))]);
    assert_eq!(corner.run(&["watch", "/B/c", "--interval", "-1"]).status, 3);
}

#[test]
fn any_request() {
    let corner = Corner::filled(&[("a", json!({"n": 1}))]);
    let path = format!("/buckets/{}/collections/c/records", corner.bucket);
    let list: Value = serde_json::from_str(&corner.out(&["raw", "get", &format!("{path}?_fields=n")])).unwrap();
    assert_eq!(list["data"][0]["n"], 1);
    let put = format!("{path}/b");
    let put =
        corner.run_with(&["raw", "PUT", &put, "--data", "@-", "--header", "If-None-Match: *"], r#"{"data":{"n":2}}"#);
    // Preconditions are the client's own, and so are credentials.
    assert_eq!((put.status, put.out.as_str()), (3, ""), "{}", put.err);
    assert_eq!(corner.run(&["raw", "PUT", &format!("{path}/b"), "--data", r#"{"data":{"n":2}}"#]).status, 0);
    assert_eq!(corner.record("b"), json!({"n": 2}));
    assert_eq!(corner.run(&["raw", "GET", &format!("{path}/none")]).status, 5);
    assert_eq!(corner.run(&["raw", "GET", "/buckets/../x"]).status, 3);
    let delete = ["raw", "DELETE", &format!("{path}/b")];
    assert_eq!((corner.run(&delete).status, corner.record("b")), (3, json!({"n": 2})), "nobody was asked");
    assert_eq!(corner.run(&[&delete[..], &["-y"]].concat()).status, 0);
    let deletes = format!("{{\"method\": \"DELETE\", \"path\": \"{path}/a\"}}");
    let ran = corner.run_with(&["batch", "-"], &deletes);
    assert!(ran.status == 3 && ran.err.contains("1 of 1 requests delete"), "{}", ran.err);

    let requests = format!(
        "{{\"method\": \"GET\", \"path\": \"{path}/a\"}}\n\n{{\"method\": \"GET\", \"path\": \"{path}/none\"}}\n\
         {{\"method\": \"PUT\", \"path\": \"{path}/c\", \"body\": {{\"data\": {{\"n\": 3}}}}}}\n"
    );
    let put = format!("PUT {path}/c\n").replace(&corner.bucket, "B");
    assert_eq!(ended(&corner.run_with(&["batch", "-", "-n"], &requests)), (2, put.as_str(), ""));
    assert_eq!(ended(&corner.run(&["raw", "PUT", &format!("{path}/c"), "-n"])), (2, put.as_str(), ""));
    assert_eq!(
        corner.run(&["raw", "GET", &format!("{path}/c"), "-n"]).status,
        5,
        "it is not there, and reading is done"
    );
    let ran = corner.run_with(&["batch", "-"], &requests);
    assert_eq!((ran.status, ran.err.as_str()), (5, "2 done, 1 missing\nkinto: 1 of 3 requests failed\n"));
    let told = lines(&ran.out);
    assert_eq!((&told[0]["status"], &told[0]["body"]["data"]["n"]), (&json!(200), &json!(1)));
    assert_eq!((&told[1]["status"], &told[1]["outcome"]), (&json!(404), &json!("Missing")));
    assert_eq!(corner.record("c"), json!({"n": 3}));
    let ran = corner.run_with(&["batch", "-", "--ignore-batch-4xx"], &requests);
    assert_eq!((ran.status, ran.err.as_str()), (0, "2 done, 1 missing\n"));
    let ran = corner.run_with(&["batch", "-"], "{\"method\": \"GET\"}\n");
    assert!(ran.status == 3 && ran.err.starts_with("kinto: -, line 1: missing field `path`"), "{}", ran.err);
}

fn alone(arguments: &[&str]) -> Ran {
    let mut command = bare();
    command.args(arguments);
    run(std::mem::replace(&mut command, Command::new("")), "")
}

#[test]
fn what_it_tells_of_itself() {
    let help = alone(&["--help"]);
    assert!(help.status == 0 && help.out.contains("Exit status:") && help.err.is_empty());
    for verb in help.out.lines().filter_map(|line| line.strip_prefix("  ")?.split_once("  ")).map(|(verb, _)| verb) {
        if verb.chars().all(|character| character.is_ascii_lowercase()) && verb != "help" && !verb.is_empty() {
            let help = alone(&[verb, "--help"]);
            assert!(help.status == 0 && help.out.contains("Usage: kinto"), "{verb}");
        }
    }
    assert!(alone(&["--version"]).out.starts_with("kinto 0."));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(alone(&["completions", shell]).out.contains("whoami"), "{shell}");
    }
    assert!(alone(&["man"]).out.starts_with(".ie "), "{}", &alone(&["man"]).out[..40]);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(alone(&["man", "--into", folder.path().to_str().unwrap()]).status, 0);
    let page = fs::read_to_string(folder.path().join("kinto-sync.1")).unwrap();
    assert!(page.contains("Makes a list what another one is"));
    assert_eq!(alone(&[]).status, 3);
}
