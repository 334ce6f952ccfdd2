//! The first steps, as they stand in the page about the command.

use std::fs;
use std::process::{Command, Stdio};

use kinto_tests::{Backend, KintoServer};

use crate::running::{Corner, PASSWORD, bare, run};

const STEPS: &str = include_str!("../../../docs/COMMAND.md");

/// Copied and pasted into a shell, but for the server's address.
#[test]
#[cfg(unix)]
fn it_works_by_copy_and_paste() {
    let server = KintoServer::builder(Backend::Memory).start().unwrap();
    let (_, walk) = STEPS.split_once("<!-- the walk begins -->\n```sh\n").unwrap();
    let (walk, _) = walk.split_once("```\n<!-- the walk ends -->").unwrap();
    let steps = walk.replace("http://localhost:8888/v1", server.url());
    assert!(steps.contains(server.url()));
    // After each step, how it ended.
    let script: String = steps.lines().map(|line| format!("{line}\necho \"status $?\"\n")).collect();
    let folder = tempfile::tempdir().unwrap();
    let program = std::path::Path::new(bare().get_program()).parent().unwrap().to_owned();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(folder.path()).env("PATH", path).stdin(Stdio::null());
    shell.env("KINTO_PROFILES", folder.path().join("none"));
    let ran = run(shell, "");
    let ends: Vec<&str> = ran.out.lines().filter_map(|line| line.strip_prefix("status ")).collect();
    assert_eq!(ends, ["0", "0", "0", "0", "0", "0", "0", "0", "0", "2", "2", "0", "0", "0", "0", "0"], "{ran:?}");
    let told: Vec<&str> = ran.err.lines().collect();
    let expected = [
        "/blog: 1 done",
        "/blog/posts: 1 done",
        "/blog/posts/hello: 1 done",
        "/blog/posts: 1 to create, 1 to update",
        "/blog/posts: 1 to create, 1 to update",
        "/blog/posts: 2 done",
        "/blog: 4 exported to blog.ndjson",
        "blog.ndjson: 4 created",
        "/blog-copy/posts: nothing to do, 2 unchanged",
    ];
    assert_eq!(told, expected);
    assert!(ran.out.contains("~ hello\n    draft: true → false\n"), "{}", ran.out);
    assert_eq!(fs::read_to_string(folder.path().join("blog.ndjson")).unwrap().lines().count(), 6);
}

#[test]
fn the_profiles_are_understood() {
    let (_, rest) = STEPS.split_once("```toml\n").unwrap();
    let (profiles, _) = rest.split_once("```").unwrap();
    let (folder, corner) = (tempfile::tempdir().unwrap(), Corner::new());
    let (file, secret) = (folder.path().join("profiles.toml"), folder.path().join("secret"));
    fs::write(&secret, format!("alice:{PASSWORD}\n")).unwrap();
    let here = [("https://kinto.example/v1", corner.url.as_str()), ("/run/secrets/kinto", secret.to_str().unwrap())];
    let named = here.iter().fold(profiles.to_owned(), |text, (theirs, ours)| {
        assert!(text.contains(theirs), "{text}");
        text.replace(theirs, ours)
    });
    fs::write(&file, named).unwrap();
    let mut command = bare();
    command.env("KINTO_PROFILES", &file).args(["--profile", "prod", "whoami"]);
    let ran = run(command, "");
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(ran.out.contains("account:alice"), "{ran:?}");
}

#[test]
fn the_exit_statuses_are_those_of_the_help() {
    let mut command = bare();
    command.arg("--help");
    let help = run(command, "").out;
    let (_, help) = help.split_once("Exit status:").unwrap();
    let (help, _) = help.split_once("Examples:").unwrap();
    let rows: Vec<(&str, &str)> = STEPS
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
        .filter(|(status, _)| status.parse::<u8>().is_ok())
        .collect();
    assert_eq!(rows.len(), 10);
    for (status, meaning) in rows {
        assert!(help.contains(&format!("{status} {meaning}")), "{status} {meaning}");
    }
}
