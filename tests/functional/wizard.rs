//! Files that kinto-wizard writes, and files that it reads.

use std::process::Command;

use kinto_protocol::{Auth, Import, JsonMap, accounts, bucket};
use serde_json::{Value, json};

use crate::context::Kinto;
use crate::exports::{Files, filled};
use crate::trees::{elsewhere, imported, tree};

/// Not the password of the others: the wizard's HTTP library sends what is not Latin-1 in its own way.
const SIMPLE: &str = "secret";

/// All that there is. Its option `--full` asks for files too, which needs Python 3.12.
const ALL: [&str; 6] = ["--data", "--permissions", "--buckets", "--collections", "--groups", "--records"];

/// The wizard, of which nothing but success is expected. What it says is given back.
fn wizard<D: Files>(kinto: &Kinto<D>, user: &str, arguments: &[&str]) -> String {
    // Its scripts begin with a line that may be longer than systems read.
    const MAIN: &str = "from kinto_wizard.__main__ import main; main()";
    let auth = format!("{user}:{SIMPLE}");
    let output = Command::new(kinto.backend.python().unwrap())
        .args(["-I", "-c", MAIN, arguments[0], "--server", &kinto.url, "--auth", &auth])
        .args(&arguments[1..])
        .env("PYTHONIOENCODING", "utf-8")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same for somebody whose password is simple, and the name of that account.
fn simple<D: Files>(kinto: &Kinto<D>) -> (Kinto<D>, String) {
    let name = kinto.other("wizard");
    kinto.anonymous.send(accounts().create(&name, SIMPLE)).unwrap();
    let mut own = Kinto::at(kinto.backend, &kinto.url, &[]);
    own.alice = kinto.anonymous.with_auth(Some(Auth::basic(&name, SIMPLE))).unwrap();
    (own, name)
}

fn dumped<D: Files>(kinto: &Kinto<D>, user: &str, id: &str) -> String {
    wizard(kinto, user, &[&["dump", "--bucket", id], &ALL[..]].concat())
}

pub(crate) fn what_it_dumps<D: Files>(kinto: &Kinto<D>) {
    let (kinto, user) = &simple(kinto);
    let bucket = filled(kinto);
    let dump = dumped(kinto, user, &kinto.id);
    assert_eq!(tree(&dump), kinto.alice.send(bucket.export().into_tree()).unwrap(), "{dump}");

    // To another bucket, and the wizard sees there what it saw here.
    let copy = kinto.other("copy");
    let import = || Import::new().into_bucket(&copy).permissions().keep_timestamps();
    assert_eq!(imported(&kinto.alice, import(), &tree(&dump)), "13 created");
    let copied = dumped(kinto, user, &copy);
    assert_eq!(elsewhere(&copied, &copy), elsewhere(&dump, &kinto.id));

    // What is as the file says is not written.
    let lines = |id: &str| kinto.alice.exported(self::bucket(id).export().record_permissions());
    let before = [lines(&kinto.id), lines(&copy)];
    assert_eq!(imported(&kinto.alice, import().delete_extra(), &tree(&dump)), "13 unchanged");
    assert_eq!(imported(&kinto.alice, Import::new().permissions(), &tree(&copied)), "13 unchanged");
    assert_eq!(imported(&kinto.alice, Import::new().permissions().keep_timestamps(), &tree(&dump)), "13 unchanged");
    let some = wizard(kinto, user, &["dump", "--bucket", &kinto.id, "--collections", "--groups", "--permissions"]);
    assert_eq!(imported(&kinto.alice, Import::new().permissions(), &tree(&some)), "6 unchanged");
    assert_eq!([lines(&kinto.id), lines(&copy)], before);
}

/// Texts that readers of YAML take for something else, or may not take at all.
#[rustfmt::skip]
const NASTY: [&str; 70] = [
    "", " ", "~", "null", "NULL", "true", "False", "yes", "no", "On", "off", "y", "N", "0", "-0", "+1", "1.", ".5", "1e3",
    "1_000", "0o17", "017", "0x1F", "0b11", "12:30:45", "2020-01-01", "2020-01-01T00:00:00Z", ".inf", ".NaN", "=", "<<",
    "-", "- a", "---", "...", "? a", ": a", "a: b", "a:", "a #b", "#a", "&a", "*a", "!a", "| a", "> a", "%YAML", "@a",
    "`a", "'a'", "\"a\"", "\\n", "[a]", "{a}", "a, b", " a", "a ", "\ta", "a\nb\n", "a\r\n", "\u{1}", "\u{7f}", "\u{80}",
    "\u{a0}", "\u{feff}a", "\u{fffe}", "\u{ffff}", "\u{10ffff}", "😀 e\u{301}", "account:a b",
];

pub(crate) fn what_it_loads<D: Files>(kinto: &Kinto<D>) {
    let (kinto, user) = &simple(kinto);
    let bucket = filled(kinto);
    let long = "é ".repeat(700);
    let named: Value = NASTY.iter().map(|text| ((*text).to_owned(), json!(["x", [text]]))).collect::<JsonMap>().into();
    // Its requests for what is in this are taken by the server for batches within a batch.
    kinto.alice.send(bucket.collections().delete("batch-s")).unwrap();
    let data = json!({"texts": &NASTY[..], "named": named, &long: [{&long: &long}]});
    let posts = |id: &str| self::bucket(id).collection("posts").records();
    kinto.record(&posts(&kinto.id), "nasty", data);
    kinto.record(&posts(&kinto.id), "breaks", json!({"\u{85}": "\u{85}a\u{2028}\u{2029}"}));
    let export = |id: &str| self::bucket(id).export().record_permissions().into_tree();
    let text = kinto.alice.send(export(&kinto.id)).unwrap().to_string();

    let copy = kinto.other("copy");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tree.yaml");
    std::fs::write(&path, text.replace(&kinto.id, &copy)).unwrap();
    wizard(kinto, user, &["load", "--bucket", &copy, path.to_str().unwrap()]);
    let loaded = kinto.alice.send(export(&copy)).unwrap().to_string();
    assert_eq!(elsewhere(&loaded, &copy), elsewhere(&text, &kinto.id));
    let file = tree(&std::fs::read_to_string(&path).unwrap());
    assert_eq!(imported(&kinto.alice, Import::new().permissions().delete_extra(), &file), "13 unchanged");
    // What the wizard says of what it has loaded. Of these breaks it writes more than it has, and cannot read that itself.
    for id in [&kinto.id, &copy] {
        kinto.alice.send(posts(id).delete("breaks")).unwrap();
    }
    let dump = dumped(kinto, user, &copy);
    assert_eq!(tree(&dump), kinto.alice.send(self::bucket(&copy).export().into_tree()).unwrap());
    assert_eq!(
        imported(&kinto.alice, Import::new().into_bucket(&kinto.id).permissions(), &tree(&dump)),
        "12 unchanged"
    );
}
