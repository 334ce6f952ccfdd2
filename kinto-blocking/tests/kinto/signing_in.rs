//! Who one is, by arguments, the environment, files and profiles; and where nothing is to be seen of it.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::running::{Corner, PASSWORD, bare, lines, run};

fn whoami(command: &mut Command) -> (i32, String) {
    command.arg("whoami");
    let ran = run(std::mem::replace(command, Command::new("")), "");
    let id = lines(&ran.out).first().map(|who| who["id"].as_str().unwrap().to_owned());
    (ran.status, id.unwrap_or(ran.err))
}

#[test]
fn by_all_ways() {
    let corner = Corner::new();
    let alice = (0, "account:alice".to_owned());
    let auth = format!("alice:{PASSWORD}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, format!("{auth}\nanother line\n")).unwrap();
    assert_eq!(whoami(bare().args(["-s", &corner.url, "-a", &auth])), alice);
    assert_eq!(whoami(bare().env("KINTO_SERVER", &corner.url).env("KINTO_AUTH", &auth)), alice);
    assert_eq!(whoami(bare().args(["-s", &corner.url, "--auth-file"]).arg(&file)), alice);

    let profiles = folder.path().join("profiles.toml");
    let url = &corner.url;
    let text = format!(
        "[default]\nserver = \"{url}\"\nauth = {}\n[file]\nserver = \"{url}\"\nauth_file = {}\nbucket = \"{}\"\n\
         [wrong]\nserver = \"{url}\"\nauth = \"alice:no\"",
        json!(auth),
        json!(file),
        corner.bucket
    );
    fs::write(&profiles, text).unwrap();
    assert_eq!(whoami(bare().env("KINTO_PROFILES", &profiles)), alice);
    assert_eq!(whoami(bare().env("KINTO_PROFILES", &profiles).args(["-p", "file"])), alice);
    assert_eq!(whoami(bare().env("KINTO_PROFILES", &profiles).args(["-p", "wrong", "-a", &auth])), alice);
    let nobody = "kinto: the server knows nobody by these credentials, or none were given\n";
    assert_eq!(whoami(bare().env("KINTO_PROFILES", &profiles).env("KINTO_PROFILE", "wrong")), (4, nobody.to_owned()));
    assert_eq!(whoami(bare().args(["-s", &corner.url])), (4, nobody.to_owned()));
    let mut list = bare();
    list.env("KINTO_PROFILES", &profiles).args(["-p", "file", "get", ""]);
    assert_eq!(run(list, "").status, 4, "the bucket is not there");
    // Whoever names a profile means its server, whatever the environment says; and credentials go where they belong.
    let stage = folder.path().join("stage.toml");
    fs::write(
        &stage,
        format!(
            "[default]\nserver = \"http://127.0.0.1:1/v1\"\nauth = \"alice:s3cr3t\"\n[stage]\nserver = \"{url}\"\n"
        ),
    )
    .unwrap();
    let (status, why) = whoami(bare().env("KINTO_PROFILES", &stage).args(["-s", url]));
    let not_sent =
        format!("the credentials for http://127.0.0.1:1/v1 are not sent to {url}: say --auth if they are to be\n");
    assert_eq!((status, why), (4, format!("{not_sent}{nobody}")));
    let mut other = bare();
    other.env("KINTO_PROFILES", &stage).env("KINTO_SERVER", "http://127.0.0.1:1/v1").env("KINTO_AUTH", &auth);
    let (status, why) = whoami(other.args(["-p", "stage", "-q"]));
    assert_eq!((status, why), (4, nobody.to_owned()), "it is asked there, by nobody");
    let mut file_first = bare();
    file_first.env("KINTO_SERVER", url).env("KINTO_AUTH", "alice:wrong").arg("--auth-file").arg(&file);
    assert_eq!(whoami(&mut file_first), alice);

    let (status, why) = whoami(bare().env("KINTO_PROFILES", &profiles).args(["-p", "none"]));
    assert!(status == 3 && why.contains("no profile none in ") && why.ends_with("default, file, wrong\n"), "{why}");
}

#[test]
fn what_cannot_be_used() {
    let corner = Corner::new();
    let (status, why) = whoami(&mut bare());
    assert!(status == 3 && why.starts_with("kinto: no server: say which with --server"), "{why}");
    let (status, why) = whoami(bare().args(["-s", &corner.url, "--auth-file", "/does/not/exist"]));
    assert!(status == 3 && why.starts_with("kinto: the credentials in /does/not/exist: "), "{why}");
    let (status, why) = whoami(bare().args(["-s", "http://127.0.0.1:1/v1", "--retry", "0"]));
    assert!(status == 9 && why.starts_with("kinto: GET /: "), "{why}");
    let folder = tempfile::tempdir().unwrap();
    let profiles = folder.path().join("profiles.toml");
    fs::write(&profiles, "[default]\nauth = \"alice:s3cr3t\"\nauht = \"s3cr3t\"\n").unwrap();
    let (status, why) = whoami(bare().env("KINTO_PROFILES", &profiles));
    assert!(status == 3 && why.contains("unknown field `auht`") && !why.contains("s3cr3t"), "{why}");
    fs::write(&profiles, "auth = \"alice:s3cr3t\"\n").unwrap();
    let (status, why) = whoami(bare().env("KINTO_PROFILES", &profiles));
    assert!(status == 3 && why.contains("of another type") && !why.contains("s3cr3t"), "{why}");
    let ran = run(std::mem::replace(bare().arg("--nonsense"), Command::new("")), "");
    assert_eq!(ran.status, 3);
}

#[test]
fn nothing_is_seen_of_it() {
    let corner = Corner::filled(&[("a", json!({"n": 1}))]);
    let verbose = corner.run(&["get", "/B/c/a", "-v"]);
    assert_eq!(verbose.err, "GET /buckets/B/collections/c/records/a: 200 OK\n");
    let debug = corner.run(&["get", "/B/c/a", "-D"]);
    assert!(debug.err.contains("> authorization: …\n") && debug.err.contains("< 200 OK\n"), "{}", debug.err);
    assert!(debug.err.contains("\"n\":1"), "{}", debug.err);
    let token = "YWxpY2U6cDRzcyB3w7ZyZDox";
    assert!(!debug.err.contains(PASSWORD) && !debug.err.contains(token), "{}", debug.err);
    let quiet = corner.run(&["put", "/B/c/a", "n:=2", "-q"]);
    assert_eq!((quiet.status, quiet.out.as_str(), quiet.err.as_str()), (0, "", ""));
    let shown = corner.run(&["--help"]);
    assert!(shown.status == 0 && !shown.out.contains(PASSWORD), "{}", shown.out);
}
