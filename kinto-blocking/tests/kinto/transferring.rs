//! `export` and `import`.

use std::fs;

use serde_json::json;

use crate::running::{Corner, lines};

#[test]
fn out_and_in_again() {
    let corner = Corner::filled(&[("a", json!({"n": 1})), ("b", json!({"n": 2}))]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.ndjson").to_str().unwrap().to_owned();
    let ran = corner.run(&["export", "/B", &file]);
    assert_eq!((ran.status, ran.out, ran.err), (0, String::new(), format!("/B: 4 exported to {file}\n")));
    let again = corner.run(&["export", "/B", &file]);
    assert!(again.status == 3 && again.err.ends_with("go on behind it with --resume\n"), "{}", again.err);
    // Broken off in the middle of a line.
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let ran = corner.run(&["export", "/B", &file, "--resume"]);
    assert_eq!((ran.status, ran.err), (0, format!("/B: 4 exported to {file}\n")));
    assert_eq!(lines(&fs::read_to_string(&file).unwrap()).len(), 6);
    let ran = corner.run(&["export", "/B/c"]);
    assert_eq!((ran.status, lines(&ran.out).len(), ran.err.as_str()), (0, 5, "/B/c: 3 exported\n"));

    let into = format!("{}-copy", corner.bucket);
    let import = ["import", &file, "--into", &into];
    let dry = corner.run(&[&import[..], &["--dry-run"]].concat());
    assert_eq!((dry.status, dry.err), (2, format!("{file}: 4 created\n")));
    assert!(dry.out.contains("+ a\n    n: 1\n"), "{}", dry.out);
    let ran = corner.run(&import);
    assert_eq!((ran.status, ran.err), (0, format!("{file}: 4 created\n")));
    let ran = corner.run_with(&["import", "-", "--into", &into], &whole);
    assert_eq!((ran.status, ran.err.as_str()), (0, "-: 4 unchanged\n"));
    let copy = format!("/{into}/c");
    assert_eq!(corner.out(&["ls", &copy, "--sort", "n", "-o", "id"]), "a\nb\n");

    let edited = whole.lines().filter(|line| !line.contains("\"id\":\"b\"")).map(|line| format!("{line}\n"));
    let edited: String = edited.collect();
    let delete = ["import", "-", "--into", &into, "--delete"];
    assert_eq!(corner.run_with(&delete, &edited).status, 3);
    let ran = corner.run_with(&[&delete[..], &["--yes"]].concat(), &edited);
    assert_eq!((ran.status, ran.err.as_str()), (0, "-: 1 deleted, 3 unchanged\n"));

    let ran = corner.run_with(&["import", "-"], "no export\n");
    assert!(ran.status == 3 && ran.err.starts_with("kinto: "), "{}", ran.err);
    let ran = corner.run(&["import", "/does/not/exist"]);
    assert!(ran.status == 1 && ran.err.starts_with("kinto: /does/not/exist: "), "{}", ran.err);
}

#[test]
fn renamed() {
    let corner = Corner::filled(&[("a", json!({"n": 1}))]);
    let dump = corner.run(&["export", "/B/c"]).out.replace("/B/", &format!("/{}/", corner.bucket));
    let dump = dump.replace("/buckets/B", &format!("/buckets/{}", corner.bucket));
    let ran = corner.run_with(&["import", "-", "--rename", "c=d"], &dump);
    assert_eq!((ran.status, ran.err.as_str()), (0, "-: 2 created\n"));
    assert_eq!(corner.out(&["ls", "/B/d", "-o", "id"]), "a\n");
    assert_eq!(corner.run_with(&["import", "-", "--rename", "c"], &dump).status, 3);
}

#[test]
fn as_a_tree_in_yaml() {
    let corner = Corner::filled(&[("a", json!({"n": 1, "text": "yes"}))]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("blog.yaml").to_str().unwrap().to_owned();
    let ran = corner.run(&["export", "/B", &file]);
    assert_eq!((ran.status, ran.err), (0, format!("/B: exported to {file}\n")));
    assert_eq!(corner.run(&["export", "/B", &file]).status, 3, "nothing is written over");
    let tree = fs::read_to_string(&file).unwrap();
    assert!(tree.starts_with("buckets:\n") && tree.contains("text: \"yes\"\n"), "{tree}");
    assert_eq!(corner.run(&["export", "/B", "--yaml"]).err, "/B: exported\n");
    assert_eq!(corner.run(&["export", "/B", "--yaml"]).out, tree.replace(&corner.bucket, "B"));
    let ran = corner.run(&["import", &file]);
    assert_eq!((ran.status, ran.err), (0, format!("{file}: 3 unchanged\n")));
    let edited = format!("buckets: {{{}: {{collections: {{c: {{data: {{title: New}}}}}}}}}}", corner.bucket);
    let dry = corner.run_with(&["import", "-", "--yaml", "-n"], &edited);
    assert_eq!((dry.status, dry.out.as_str()), (2, "~ c\n    title: \"New\"\n"), "{}", dry.err);
    assert_eq!(corner.run_with(&["import", "-", "--yaml"], &edited).status, 0);
    assert_eq!(corner.out(&["get", "/B/c", "--fields", "title"]), "{\"title\":\"New\"}\n");
    let ran = corner.run_with(&["import", "-", "--yaml"], "bukkets: {}");
    assert!(ran.status == 3 && ran.err.contains("bukkets"), "{}", ran.err);
    assert_eq!(corner.out(&["ls", "/B/c", "-o", "yaml", "--fields", "n,text"]), "- \"n\": 1\n  text: \"yes\"\n");
    assert_eq!(corner.out(&["get", "/B/c/a", "-o", "yaml", "--fields", "text"]), "text: \"yes\"\n");
    assert_eq!(corner.out(&["ls", "/B/@", "-o", "yaml"]), "[]\n");
}
