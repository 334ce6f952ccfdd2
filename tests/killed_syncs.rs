//! A process that makes a collection what it is wanted to be, killed at random points and started again each time.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use http::Method;
use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{Auth, Call, Flow, Object, Policy, Resource, Result, bucket, buckets, endpoints, field};
use kinto_tests::{Backend, KintoServer, Stub};
use serde_json::{Value, json};

const PASSWORD: &str = "p4ssw0rd";

/// What is wanted: some of it other than what is there, some not there, and what is there besides is not.
fn wanted(count: usize) -> impl Iterator<Item = (String, Value)> + Send {
    (0..count).map(|n| (format!("r{n}"), json!({"n": n, "title": format!("é {n}"), "list": [n % 7, null]})))
}

fn records() -> Resource {
    bucket("killed").collection("c").records()
}

/// Both front-ends, as far as this is about them.
fn send<F: Flow>(name: &str, url: &str, flow: F) -> Result<F::Output> {
    let auth = Auth::basic("alice", PASSWORD);
    let mut policy = Policy::default();
    policy.attempts = 10;
    if name == "blocking" {
        return kinto_blocking::Client::builder(url).auth(auth).policy(policy).build()?.send(flow);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(kinto_async::Client::builder(url).auth(auth).policy(policy).build()?.send(flow))
}

/// What the process does that is killed. In any other there is nothing to do.
#[test]
fn task() {
    let Ok(url) = env::var("KILLED_SYNC_URL") else { return };
    let (name, count) = (env::var("KILLED_SYNC_CLIENT").unwrap(), env::var("KILLED_SYNC_COUNT").unwrap());
    let plan = send(&name, &url, records().sync(wanted(count.parse().unwrap()))).unwrap();
    println!("plan: {plan}");
    let report = send(&name, &url, plan.apply().progress(|over, _| println!("over: {over}"))).unwrap();
    println!("report: {report}");
}

/// Starts the process, and kills it after so many chunks, unless it was faster. What it planned, and what it reported.
fn run(name: &str, url: &str, count: usize, chunks: usize) -> (String, Option<String>) {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "task", "--nocapture"]).stdin(Stdio::null()).stdout(Stdio::piped());
    command.env("KILLED_SYNC_URL", url).env("KILLED_SYNC_CLIENT", name).env("KILLED_SYNC_COUNT", count.to_string());
    let mut child = command.spawn().unwrap();
    let (mut planned, mut reported, mut over) = (String::new(), None, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(std::result::Result::ok) {
        // What the test harness writes itself may stand before it on the line.
        if let Some((_, plan)) = line.split_once("plan: ") {
            plan.clone_into(&mut planned);
        } else if let Some((_, report)) = line.split_once("report: ") {
            reported = Some(report.to_owned());
        } else if line.contains("over: ") {
            over += 1;
            if over == chunks {
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();
    (planned, reported)
}

/// How many records a plan says are as they are wanted.
fn unchanged(plan: &str) -> usize {
    let part = plan.split(", ").find_map(|part| part.strip_suffix(" unchanged"));
    part.map_or(0, |count| count.parse().unwrap())
}

fn until_it_is_done_by(name: &'static str, backend: Backend, count: usize, kills: usize) {
    if backend.is_postgresql() && KintoServer::shared(backend).is_none() {
        return;
    }
    let server = KintoServer::builder(backend)
        .setting("kinto.paginate_by", "1000")
        .setting("kinto.batch_max_requests", (count / 50).to_string())
        .start()
        .unwrap();
    let url = server.url();
    let anonymous = kinto_blocking::Client::builder(url).build().unwrap();
    let sign_up = Call::new(Method::PUT, endpoints::account("alice")).json(&json!({"data": {"password": PASSWORD}}));
    anonymous.send(sign_up.unwrap()).unwrap();
    let entries = |action: &str| {
        let entries = bucket("killed").history().list();
        let entries = entries.filter(field("resource_name").eq("record")).filter(field("action").eq(action));
        send("blocking", url, entries.fields(["record_id"])).unwrap().items.len()
    };
    until_it_is_done(name, url, count, kills, &|| {
        let [created, updated, deleted] = ["create", "update", "delete"].map(entries);
        Written { created, updated, deleted, twice_at_once: backend.is_postgresql() }
    });
}

/// How many writes a server has carried out.
struct Written {
    created: usize,
    updated: usize,
    deleted: usize,
    /// Whether two writers may both pass the same precondition.
    twice_at_once: bool,
}

fn until_it_is_done(name: &'static str, url: &str, count: usize, kills: usize, written: &dyn Fn() -> Written) {
    send(name, url, buckets().create("killed", &json!({}))).unwrap();
    send(name, url, bucket("killed").collections().create("c", &json!({}))).unwrap();
    // A tenth is there and other, and a tenth is not wanted.
    let other = (0..count / 10).map(|n| (format!("r{}", n * 10), json!({"n": -1})));
    let extra = (0..count / 10).map(|n| (format!("x{n}"), json!({})));
    let plan = send(name, url, records().sync(other.chain(extra))).unwrap();
    send(name, url, plan.apply()).unwrap().into_result().unwrap();

    let mut dice = 7_u64;
    let mut roll = |below: usize| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) as usize % below
    };
    let (mut killed, mut known) = (0, 0);
    let report = loop {
        // The last one is left alone.
        let chunks = if killed < kills { 1 + roll(8) } else { usize::MAX };
        let (plan, report) = run(name, url, count, chunks);
        // What was done before is known for it, however it ended.
        let skipped = unchanged(&plan);
        assert!(skipped >= known, "{plan}");
        known = skipped;
        match report {
            Some(report) => break report,
            None => killed += 1,
        }
    };
    assert_eq!(killed, kills, "it was done before it was killed so often");
    assert!(known > 0, "nothing was known for what it is");
    assert!(report.ends_with(" done") || report.contains("already so"), "{report}");

    // It is what it was to be, without anything twice: also in the eyes of the server.
    let list = send("blocking", url, records().list()).unwrap();
    let there: BTreeMap<String, Value> =
        list.into_iter().map(|record: Object| (record.id, Value::Object(record.data))).collect();
    assert_eq!(there.len(), count);
    for (id, data) in wanted(count) {
        assert_eq!(there[&id], data, "{id}");
    }
    assert!(send("blocking", url, records().sync(wanted(count))).unwrap().is_empty());
    let written = written();
    assert_eq!(written.created, count + count / 10, "each is created once");
    assert_eq!(written.deleted, count / 10, "each is deleted once");
    // What was under way when its process was killed is still carried out, and may be made once more what it is already.
    let updated = written.updated;
    assert!(updated == count / 10 || (updated > count / 10 && written.twice_at_once), "{updated}");
}

#[test]
fn a_blocking_one_on_postgresql() {
    until_it_is_done_by("blocking", Backend::Postgresql, 2000, 10);
}

#[test]
fn an_async_one_on_memory() {
    until_it_is_done_by("async", Backend::Memory, 2000, 10);
}

/// On the model of a server: `cargo test -p kinto-tests --test killed_syncs -- --ignored`.
#[test]
#[ignore = "takes two minutes"]
fn a_hundred_thousand_records() {
    let count = 100_000;
    let model = MemoryServer::new().page_size(1000).batch_max_requests(count / 50);
    let served = Stub::serving(model.clone());
    until_it_is_done("blocking", served.url(), count, 10, &|| {
        let seen = model.seen();
        let of = |method, status| {
            let records = seen.iter().filter(|it| it.path.contains("/records/"));
            records.filter(|it| it.method == method && it.status == status).count()
        };
        let [created, updated] = [201, 200].map(|status| of(Method::PUT, status));
        Written { created, updated, deleted: of(Method::DELETE, 200), twice_at_once: false }
    });
}
