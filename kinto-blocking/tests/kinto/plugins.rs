//! `attach`, `fetch`, `review` and `login`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{LazyLock, OnceLock};

use kinto_blocking::{GroupData, Permissions, accounts, bucket, buckets};
use kinto_tests::{Answer, Backend, KintoServer, Stub};
use serde_json::json;

use crate::running::{Corner, PASSWORD, Ran, bare, lines, run};

fn ended(ran: &Ran) -> (i32, &str, &str) {
    (ran.status, &ran.out, &ran.err)
}

/// A server whose files are where one can fetch them.
fn site() -> &'static KintoServer {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    static SITE: LazyLock<(KintoServer, Stub)> = LazyLock::new(|| {
        let host = Stub::start(|_, request| {
            let (method, path) = request.split_once(' ').unwrap();
            let path = path.split(' ').next().unwrap().strip_prefix("/v1/").unwrap();
            let Ok(file) = fs::read(FOLDER.get().unwrap().join(path)) else { return Answer::json(404, "{}") };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len());
            Answer::Keep([head.as_bytes(), if method == "HEAD" { b"" } else { &file }].concat())
        });
        let url = format!("{}/", host.url());
        let server = KintoServer::builder(Backend::Memory).setting("kinto.attachment.base_url", url).start().unwrap();
        FOLDER.set(server.log().unwrap().with_file_name("attachments")).unwrap();
        (server, host)
    });
    &SITE.0
}

#[test]
fn files_there_and_back() {
    let corner = Corner::of(site()).fill(&[("a", json!({"n": 1})), ("b", json!({"n": 2}))]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("one.txt"), "one").unwrap();
    let attach = ["attach", "/B/c/a", &path("one.txt")];
    assert_eq!(ended(&corner.run(&[&attach[..], &["-n"]].concat())), (2, "+ /B/c/a: one.txt\n", ""));
    assert_eq!(ended(&corner.run(&attach)), (0, "", "/B/c/a: one.txt (3 bytes) attached\n"));
    assert_eq!(ended(&corner.run(&attach)), (0, "", "/B/c/a: one.txt (3 bytes) there already\n"));
    assert_eq!(corner.record("a")["attachment"]["mimetype"], "text/plain");

    let ran = corner.run(&["fetch", "/B/c/a", "--into", &path("in")]);
    assert_eq!((ran.status, &lines(&ran.out)[0]["outcome"]), (0, &json!("fetched")));
    assert_eq!(fs::read_to_string(path("in/one.txt")).unwrap(), "one");
    let ran = corner.run(&["fetch", "/B/c/a", "--into", &path("in")]);
    assert_eq!((ran.status, &lines(&ran.out)[0]["outcome"]), (0, &json!("here already")));
    fs::write(path("in/one.txt"), "other").unwrap();
    assert_eq!(corner.run(&["fetch", "/B/c/a", "--into", &path("in")]).status, 1);
    assert_eq!(corner.run(&["fetch", "/B/c/a", "--into", &path("in"), "--overwrite"]).status, 0);
    assert_eq!(fs::read_to_string(path("in/one.txt")).unwrap(), "one");

    let ran = corner.run(&["fetch", "/B/c", "--into", &path("all")]);
    assert_eq!((ran.status, lines(&ran.out).len()), (0, 1));
    assert_eq!(fs::read_to_string(path("all/a/one.txt")).unwrap(), "one");
    let ran = corner.run(&["fetch", "/B/c/b"]);
    assert_eq!(ended(&ran), (1, "", "kinto: /B/c/b has no file\n"));
    assert_eq!(corner.run(&["attach", "/B/c/a", "--remove"]).status, 3);
    assert_eq!(ended(&corner.run(&["attach", "/B/c/a", "--remove", "-n"])), (2, "- /B/c/a: one.txt\n", ""));
    assert_eq!(ended(&corner.run(&["attach", "/B/c/a", "--remove", "-y"])), (0, "", "/B/c/a: removed\n"));
    assert_eq!(corner.run(&["attach", "/B/c", &path("one.txt")]).status, 3);
    assert_eq!(corner.run(&["attach", "/B/c/a", &path("none.txt")]).status, 1);
    assert_eq!(corner.run(&["attach", "/B/c/a", &path("none.txt"), "-n"]).status, 1);
    let ran = corner.run(&["attach", "/B/c/a", &path("one.txt"), "--curl"]);
    assert!(ran.status == 3 && ran.err.contains("no single request"), "{}", ran.err);
    assert!(corner.record("a")["attachment"].is_null());
}

#[test]
fn files_along_with_a_sync() {
    let corner = Corner::of(site()).fill(&[("a", json!({"n": 1}))]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("one.txt"), "one").unwrap();
    assert_eq!(corner.run(&["attach", "/B/c/a", &path("one.txt")]).status, 0);
    assert_eq!(corner.run(&["put", "/B/d"]).status, 0);
    let sync = ["sync", "/B/c", "/B/d", "--attachments"];
    let dry = corner.run(&[&sync[..], &["-n"]].concat());
    assert!(dry.status == 2 && dry.out.contains("attachment: one.txt, 3 bytes"), "{} {}", dry.out, dry.err);
    assert_eq!(ended(&corner.run(&sync)), (0, "", "/B/d: 1 done; files: 1 done\n"));
    let ran = corner.run(&["fetch", "/B/d/a", "--into", &path("in")]);
    assert_eq!((ran.status, fs::read_to_string(path("in/one.txt")).unwrap()), (0, "one".to_owned()));
    assert_eq!(corner.run(&sync).err, "/B/d: nothing to do, 1 unchanged\n");
    // Saved, and its files are where they were.
    fs::write(path("one.txt"), "other").unwrap();
    assert_eq!(corner.run(&["attach", "/B/c/a", &path("one.txt")]).status, 0);
    let plan = path("plan.json");
    assert_eq!(corner.run(&[&sync[..], &["--save", &plan]].concat()).status, 2);
    assert_eq!(corner.run(&["apply", &plan]).status, 3);
    let ran = corner.run(&["apply", &plan, "--files-from", "/B/c"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(corner.run_with(&["sync", "-", "/B/d", "--attachments"], "").status, 3);
}

#[test]
fn from_the_change_to_the_signature() {
    let server = KintoServer::shared(Backend::Signer).unwrap();
    let corner = Corner::of(server);
    let anonymous = corner.client.with_auth(None).unwrap();
    // There since an earlier run, or made by another test.
    let _ = anonymous.send(accounts().create("rita", PASSWORD));
    let rita = format!("rita:{PASSWORD}");
    // What is reviewed is in buckets that the server was told of.
    let main = bucket("main-workspace");
    let writers = Permissions::new().write(["account:rita", "account:alice"]);
    let _ = corner.client.send(buckets().get_or_create("main-workspace", &json!({}))).unwrap();
    corner.client.send(buckets().share("main-workspace", writers)).unwrap();
    for (id, who) in [("editors", "account:alice"), ("reviewers", "account:rita")] {
        let _ = corner.client.send(main.groups().get_or_create(id, &GroupData::of([who]))).unwrap();
        corner.client.send(main.groups().add_members(id, [who])).unwrap();
    }
    let collection = corner.bucket.clone();
    let path = format!("/main-workspace/{collection}");
    assert_eq!(corner.run(&["put", &path]).status, 0);
    assert_eq!(corner.run(&["put", &format!("{path}/a"), "n:=1"]).status, 0);
    let status = |ran: Ran| {
        assert_eq!((ran.status, ran.err.as_str()), (0, ""));
        lines(&ran.out)[0]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(corner.run(&["review", "status", &path])), "work-in-progress");
    let dry = corner.run(&["review", "request", &path, "please", "-n"]);
    assert_eq!(
        (dry.status, dry.out),
        (2, format!("~ {path}\n    status: work-in-progress → to-review\n").replace(&collection, "B"))
    );
    assert_eq!(status(corner.run(&["review", "request", &path, "please"])), "to-review");
    let mut approve = bare();
    approve.args(["-s", server.url(), "-a", &rita, "review", "approve", &path, "--wait"]);
    assert_eq!(status(run(approve, "")), "signed");
    // A sync that asks for a review itself.
    let ran = corner.run_with(&["sync", "-", &path, "--review", "more"], "{\"id\": \"b\", \"n\": 2}");
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.err.ends_with(": 1 done, under review\n"), "{}", ran.err);
    let mut decline = bare();
    decline.args(["-s", server.url(), "-a", &rita, "review", "decline", &path, "no"]);
    assert_eq!(status(run(decline, "")), "work-in-progress");
    assert_eq!(status(corner.run(&["review", "rollback", &path, "never mind"])), "signed");
    assert_eq!(status(corner.run(&["review", "resign", &path])), "signed");

    let ran = Corner::filled(&[]).run(&["review", "status", "/B/c"]);
    assert!(ran.status == 8 && ran.err.contains("no plugin \"signer\""), "{}", ran.err);
}

/// The browser is played: it goes where the provider would send it.
#[test]
fn signing_in_through_a_browser() {
    let info =
        json!({"capabilities": {"openid": {"providers": [{"name": "only", "auth_path": "/openid/only/login"}]}}});
    let api = Stub::start(move |_, _| Answer::json(200, &info.to_string()));
    let mut login = bare();
    login.args(["-s", api.url(), "login"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = login.spawn().unwrap();
    let told = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    let (page, parameters) = told.strip_prefix("To sign in, open ").unwrap().split_once('?').unwrap();
    assert_eq!(page, format!("{}/openid/only/login", api.url()));
    let callback = parameters.split('&').find_map(|pair| pair.strip_prefix("callback=")).unwrap();
    let callback = percent_encoding::percent_decode_str(callback).decode_utf8().unwrap();
    let (host, path) = callback.strip_prefix("http://").unwrap().split_once('/').unwrap();
    // {"access_token": "t0k3n", "token_type": "Bearer+OIDC"}
    let token = "eyJhY2Nlc3NfdG9rZW4iOiAidDBrM24iLCAidG9rZW5fdHlwZSI6ICJCZWFyZXIrT0lEQyJ9";
    let mut browser = TcpStream::connect(host).unwrap();
    write!(browser, "GET /{path}{token} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"Bearer+OIDC t0k3n\n"[..]));

    let mut none = bare();
    none.args(["-s", KintoServer::shared(Backend::Memory).unwrap().url(), "login"]);
    let ran = run(none, "");
    assert!(ran.status == 8 && ran.err.contains("no plugin \"openid\""), "{}", ran.err);
}
