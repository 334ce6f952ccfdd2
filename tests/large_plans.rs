//! A plan for a million records, in the memory of what it has to know of them.
//!
//! `cargo test --release -p kinto-tests --test large_plans -- --ignored --nocapture` prints the figures.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use kinto_blocking::{Client, EditKind, Request, Response, Session, TransportError, bucket};
use serde_json::{Value, json};

/// How many records a page has.
const PAGE: usize = 10_000;

/// One in a hundred is another than it is wanted.
fn title(n: usize, wanted: bool) -> String {
    let other = if wanted && n.is_multiple_of(100) { "!" } else { "" };
    format!("A title of a usual length, for the record with the number {n}{other}")
}

fn id(n: usize) -> String {
    format!("{:08x}-0000-4000-8000-{n:012x}", n.wrapping_mul(2_654_435_761) & 0xffff_ffff)
}

/// A page of a list of so many records, made as it is asked for.
fn page(request: &Request, count: usize) -> Response {
    let from: usize =
        request.uri().query().and_then(|it| it.split("_token=").nth(1)).map_or(0, |it| it.parse().unwrap());
    let mut text = String::from("{\"data\":[");
    for n in from..(from + PAGE).min(count) {
        let (comma, id, title) = (if n > from { "," } else { "" }, id(n), title(n, false));
        let fields =
            format!("\"title\":\"{title}\",\"n\":{n},\"tags\":[\"a\",\"b\",\"c\"],\"nested\":{{\"x\":{n},\"y\":null}}");
        write!(text, "{comma}{{\"id\":\"{id}\",\"last_modified\":{},{fields}}}", count - n).unwrap();
    }
    text.push_str("]}");
    let mut response = Response::new(text.into());
    response.headers_mut().insert("etag", format!("\"{count}\"").parse().unwrap());
    if from + PAGE < count {
        let next = format!("http://localhost:1/v1/buckets/b/collections/c/records?_token={}", from + PAGE);
        response.headers_mut().insert("next-page", next.parse().unwrap());
    }
    response
}

fn plan(count: usize) {
    let session = Session::builder("http://localhost:1/v1").build().unwrap();
    let answer = move |request: Request| -> Result<Response, TransportError> { Ok(page(&request, count)) };
    let client = Client::with_transport(session, answer);
    let wanted = (0..count).map(|n| -> (String, Value) {
        let tags = ["a", "b", "c"];
        (id(n), json!({"nested": {"y": null, "x": n}, "tags": tags, "n": n, "title": title(n, true)}))
    });
    let plan = client.send(bucket("b").collection("c").records().sync(wanted)).unwrap();
    assert_eq!((plan.unchanged(), plan.count(EditKind::Update)), ((count - count / 100) as u64, count / 100));
    assert_eq!(plan.changes().count(), count / 100);
    println!("plan: {plan}");
}

/// The most memory that this process has had, in MiB.
fn peak() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? / 1024)
}

/// What the process does whose memory is measured. In any other there is nothing to do.
#[test]
fn task() {
    let Ok(count) = env::var("LARGE_PLAN") else { return };
    plan(count.parse().unwrap());
    println!("peak: {}", peak().map_or("unknown".to_owned(), |peak| peak.to_string()));
}

fn measure(count: usize, most: usize) {
    let mut command = Command::new(env::current_exe().unwrap());
    let output =
        command.args(["--exact", "task", "--nocapture"]).env("LARGE_PLAN", count.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let after = |name: &str| said.split_once(name).and_then(|(_, rest)| rest.lines().next()).unwrap().to_owned();
    let (plan, peak) = (after("plan: "), after("peak: "));
    println!("{count} records: {plan}; at most {peak} MiB");
    // Where the system does not tell, nothing is known.
    assert!(peak.parse::<usize>().is_ok_and(|peak| peak < most) || peak == "unknown", "{peak} MiB");
}

#[test]
fn twenty_thousand_records() {
    measure(20_000, 100);
}

#[test]
#[ignore = "takes long where it is not optimised"]
fn a_million_records() {
    measure(1_000_000, 512);
}
