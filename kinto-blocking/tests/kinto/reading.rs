//! `info`, `ls` and `get`.

use serde_json::{Value, json};

use crate::running::{Corner, lines};

fn three() -> Corner {
    Corner::filled(&[
        ("a", json!({"n": 1, "title": "Hello, world"})),
        ("b", json!({"n": 2, "title": "Grüße"})),
        ("c", json!({"n": 10})),
    ])
}

#[test]
fn what_the_server_is() {
    let corner = Corner::new();
    let info = &lines(&corner.out(&["info"]))[0];
    assert_eq!((&info["project_name"], &info["user"]), (&json!("kinto"), &json!("account:alice")));
    let table = corner.out(&["info", "-o", "table"]);
    assert!(table.lines().any(|line| line.starts_with("user ") && line.ends_with(" account:alice")), "{table}");
}

#[test]
fn lists_in_all_forms() {
    let corner = three();
    let list = lines(&corner.out(&["ls", "/B/c", "--sort", "n"]));
    assert_eq!(list.iter().map(|record| record["id"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(list[0]["last_modified"].is_u64() && list[0]["title"] == "Hello, world");
    let json: Vec<Value> = serde_json::from_str(&corner.out(&["ls", "/B/c", "--sort", "n", "-o", "json"])).unwrap();
    assert_eq!(json, list);
    assert_eq!(corner.out(&["ls", "/B/c", "--sort", "-n", "-o", "id", "--limit", "2"]), "c\nb\n");
    let csv = corner.out(&["ls", "/B/c", "--sort", "n", "-o", "csv", "--fields", "id,title,n"]);
    assert_eq!(csv, "id,title,n\na,\"Hello, world\",1\nb,Grüße,2\nc,,10\n");
    let table = corner.out(&["ls", "/B/c", "--sort", "n", "-o", "table", "--fields", "id,title"]);
    assert_eq!(table, "ID  TITLE\na   Hello, world\nb   Grüße\nc\n");
    let fields = corner.out(&["ls", "/B/c", "--sort", "n", "--fields", "n"]);
    assert_eq!(fields, "{\"n\":1}\n{\"n\":2}\n{\"n\":10}\n");
    assert_eq!(corner.out(&["ls", "/B/c", "--count"]), "3\n");
    assert_eq!(corner.out(&["ls", "/B", "-o", "id"]), "c\n");
    assert!(corner.out(&["ls", "/", "-o", "id"]).lines().any(|id| id == "B"));
    assert_eq!(corner.out(&["ls", "/B/@", "-o", "json"]), "[]\n");
}

#[test]
fn conditions() {
    let corner = three();
    for (condition, ids) in [
        ("n=1", "a\n"),
        ("n!=1", "b\nc\n"),
        ("n>=2", "b\nc\n"),
        ("n<2", "a\n"),
        ("title=Grüße", "b\n"),
        // The server fails as a whole where one of them lacks the field.
        ("title?&title~hello", "a\n"),
        ("title?", "a\nb\n"),
        ("!title", "c\n"),
    ] {
        let filters = condition.split('&').flat_map(|filter| ["--filter", filter]);
        let arguments: Vec<_> = ["ls", "/B/c", "--sort", "n", "-o", "id"].into_iter().chain(filters).collect();
        assert_eq!(corner.out(&arguments), ids, "{condition}");
    }
    let two = corner.out(&["ls", "/B/c", "-o", "id", "--filter", "n>1", "--filter", "n<10"]);
    assert_eq!(two, "b\n");
    let ran = corner.run(&["ls", "/B/c", "--filter", "n"]);
    assert_eq!((ran.status, ran.out.as_str()), (3, ""));
    assert!(ran.err.starts_with("kinto: \"n\" is no condition: expected NAME=VALUE"), "{}", ran.err);
}

#[test]
fn one_object() {
    let corner = three();
    let record = &lines(&corner.out(&["get", "/B/c/a"]))[0];
    assert_eq!((&record["n"], &record["@permissions"]), (&json!(1), &json!({"write": ["account:alice"]})));
    assert_eq!(corner.out(&["get", "/B/c/a", "--fields", "title,n"]), "{\"n\":1,\"title\":\"Hello, world\"}\n");
    assert_eq!(corner.out(&["get", "/B/c", "-o", "id"]), "c\n");
    // Within what was named already.
    let bucket = corner.bucket.clone();
    assert_eq!(corner.out(&["get", "-b", &bucket, "c/b", "--fields", "n"]), "{\"n\":2}\n");
    assert_eq!(corner.out(&["get", "-b", &bucket, "-c", "c", "c", "--fields", "n"]), "{\"n\":10}\n");

    let ran = corner.run(&["get", "/B/c/z"]);
    assert_eq!((ran.status, ran.out.as_str()), (5, ""));
    assert!(ran.err.starts_with("kinto: GET /buckets/B/collections/c/records/z: 404 Not Found"), "{}", ran.err);
    for (path, why) in [("/B/c/a/x", "is no path"), ("blog", "it begins with /"), ("/", "is a list, and no object")] {
        let ran = corner.run(&["get", path]);
        assert!(ran.status == 3 && ran.err.contains(why), "{path}: {}", ran.err);
    }
}

#[test]
fn as_a_command_for_curl() {
    let corner = three();
    let shown = corner.out(&["get", "/B/c/a", "--curl"]);
    let url = format!("'{}/buckets/B/collections/c/records/a'\n", corner.url);
    assert!(shown.starts_with("curl -X GET -H 'accept: application/json' --user \"$KINTO_AUTH\" '"), "{shown}");
    assert!(shown.ends_with(&url), "{shown}");
    // What comes before it is asked in earnest, and nothing is written.
    let shown = corner.out(&["put", "/B/c/a", "n:=7", "--curl"]);
    assert!(shown.starts_with("curl -X P") && shown.contains("\"n\":7"), "{shown}");
    let shown = corner.out(&["perms", "add", "/B/c/a", "read", "system.Everyone", "--curl"]);
    assert!(shown.starts_with("curl -X PATCH") && shown.contains("system.Everyone"), "{shown}");
    let shown = corner.out(&["history", "/B", "--curl"]);
    assert!(shown.contains("/buckets/B/history") && !shown.contains("-X P"), "{shown}");
    let shown = corner.out(&["ls", "/B/c", "--count", "--curl"]);
    assert!(shown.starts_with("curl -I "), "{shown}");
    let record = &lines(&corner.out(&["get", "/B/c/a"]))[0];
    assert_eq!((&record["n"], &record["@permissions"]), (&json!(1), &json!({"write": ["account:alice"]})));
}
