//! What lies around a client, and is none of its business: files of passwords, proxies, cookies, logs.
//!
//! The environment is one of a whole process: where it matters, another one is started, which is this program again.

use std::any::type_name;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};

use kinto_protocol::{Auth, Result, field};
use kinto_tests::{Answer, Stub};
use serde_json::json;
use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::span;

use crate::answers::RECORD;
use crate::certificates::KNOWN;
use crate::driver::{Driver, Setup};
use crate::place::{PASSWORD, Place, USER, records};
use crate::row::{Row, rows};
use crate::secure::{Act, Secure};
use crate::tunnel::{Manner, Tunnel};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        S06 {; wire files_of_passwords_are_not_read }
        S07 {; wire proxies_are_used_when_it_is_asked_for, proxies_do_not_read_along }
        S09 { cookies_are_not_kept; wire }
        S10 {; wire the_most_verbose_logs_hold_no_secret }
        S12 { nobody_is_told_where_one_comes_from; wire }
        S14 { credentials_are_those_of_the_client; wire }
    }
}

const TASK: &str = "FAULTS_TASK";
const PROXIES: [&str; 7] =
    ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY"];

/// This program again, for one task.
fn child<D: Driver>(task: &str, url: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.stdin(Stdio::null()).env(TASK, task).env("FAULTS_URL", url);
    command.env("FAULTS_CLIENT", type_name::<D>());
    for name in PROXIES.into_iter().chain(["no_proxy", "REQUEST_METHOD"]) {
        command.env_remove(name);
    }
    command
}

/// What such a process wrote.
fn said(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// What such a process does; in any other there is nothing to do.
pub(crate) fn task() -> Option<ExitCode> {
    let task = env::var(TASK).ok()?;
    let of_blocking = env::var("FAULTS_CLIENT").is_ok_and(|client| client == type_name::<kinto_blocking::Client>());
    let done = if of_blocking { act::<kinto_blocking::Client>(&task) } else { act::<kinto_async::Client>(&task) };
    match done {
        Ok(()) => println!("done"),
        Err(error) => println!("{error:?}"),
    }
    Some(ExitCode::SUCCESS)
}

fn act<D: Driver>(task: &str) -> Result<()> {
    let mut setup = Setup::of(env::var("FAULTS_URL").unwrap());
    setup.roots = env::var("FAULTS_ROOTS").ok();
    if task == "anonymous" {
        return D::build(setup)?.send(records().get("a")).map(drop);
    }
    if task == "through a proxy" {
        return through_a_proxy::<D>(setup);
    }
    setup.auth = Some(Auth::basic(USER, PASSWORD));
    if task == "verbose" {
        log::set_logger(&Everything).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        tracing::subscriber::set_global_default(Everything).unwrap();
        setup.headers.push(("X-Own".to_owned(), "0wn-v4lue".to_owned()));
    }
    let client = D::build(setup)?;
    client.send(records().get("a"))?;
    client.send(records().create("a", &json!({"text": "d4ta-of-mine"})))?;
    let list = client.send(records().list().filter(field("secret").eq("qu3ry-value")));
    println!("list: {}", list.is_ok());
    let said = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{said}");
    Ok(())
}

fn through_a_proxy<D: Driver>(setup: Setup) -> Result<()> {
    // What a driver is made of knows no proxies: they are asked for by name.
    let (url, roots) = (setup.url, setup.roots.unwrap_or_else(|| KNOWN.pem().to_owned()));
    let auth = Auth::basic(USER, PASSWORD);
    if type_name::<D>() == type_name::<kinto_blocking::Client>() {
        let builder = kinto_blocking::Client::builder(url).auth(auth).root_certificates(roots).proxy_from_env();
        Driver::send(&builder.build()?, records().get("a")).map(drop)
    } else {
        let builder = kinto_async::Client::builder(url).auth(auth).root_certificates(roots).proxy_from_env();
        Driver::send(&builder.build()?, records().get("a")).map(drop)
    }
}

/// All that anybody says, at whatever level.
struct Everything;

static WRITTEN: Mutex<String> = Mutex::new(String::new());

impl Everything {
    fn write(line: &str) {
        let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
        written.push_str(line);
        written.push('\n');
    }
}

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        Self::write(&format!("log: {} {} {}", record.level(), record.target(), record.args()));
    }

    fn flush(&self) {}
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl tracing::Subscriber for Everything {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut fields = Fields(String::new());
        attributes.record(&mut fields);
        Self::write(&format!("span: {}{}", attributes.metadata().target(), fields.0));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut fields = Fields(String::new());
        values.record(&mut fields);
        Self::write(&format!("span:{}", fields.0));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        Self::write(&format!("event: {} {}{}", event.metadata().level(), event.metadata().target(), fields.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn files_of_passwords_are_not_read<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let home = TempDir::new().unwrap();
    let entries = "machine 127.0.0.1 login alexis password s3cr3t\ndefault login alexis password s3cr3t\n";
    for name in [".netrc", "_netrc"] {
        fs::write(home.path().join(name), entries).unwrap();
    }
    let mut command = child::<D>("anonymous", stub.url());
    command.env("HOME", home.path()).env("USERPROFILE", home.path()).env("NETRC", home.path().join(".netrc"));
    assert_eq!(said(command).trim(), "done");
    let requests = stub.requests();
    assert!(requests.len() == 1 && !requests[0].to_lowercase().contains("authorization"), "{requests:?}");
}

fn proxies_are_used_when_it_is_asked_for<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, RECORD));
    let port = stub.url().strip_prefix("http://127.0.0.1:").unwrap().strip_suffix("/v1").unwrap().parse().unwrap();
    for (task, asked) in [("anonymous", false), ("through a proxy", true)] {
        let tunnel = Tunnel::start(Manner::To(port));
        let mut command = child::<D>(task, stub.url());
        for name in &PROXIES[..6] {
            command.env(name, tunnel.url());
        }
        assert_eq!(said(command).trim(), "done", "{task}");
        assert_eq!(tunnel.asked().len(), usize::from(asked), "{task}");
    }
}

fn proxies_do_not_read_along<D: Driver>() {
    let server = Secure::start(Act::json(RECORD));
    let tunnel = Tunnel::start(Manner::To(server.port()));
    let mut command = child::<D>("through a proxy", &server.url());
    command.env("FAULTS_ROOTS", KNOWN.pem()).env("HTTPS_PROXY", tunnel.url());
    assert_eq!(said(command).trim(), "done");
    assert_eq!(tunnel.asked(), [format!("CONNECT 127.0.0.1:{} HTTP/1.1", server.port())]);
    let known = format!("{}{}", tunnel.heads().join(""), tunnel.through()).to_lowercase();
    assert!(!known.contains("authorization") && !known.contains("/buckets"), "{known}");
    assert!(server.seen()[0].text.to_lowercase().contains("authorization: basic "));
}

fn cookies_are_not_kept<D: Driver>() {
    let stub = Stub::start(|_, _| {
        let head = "HTTP/1.1 200 OK\r\nSet-Cookie: session=s3cr3t; Path=/\r\nSet-Cookie: other=1\r\nContent-Length: ";
        Answer::Keep(format!("{head}{}\r\n\r\n{RECORD}", RECORD.len()).into_bytes())
    });
    let it = Place::<D>::at(stub.url());
    for _ in 0..3 {
        it.client.send(records().get("a")).unwrap();
        it.client.clone().send(records().create("a", &json!({}))).unwrap();
    }
    assert!(stub.requests().iter().all(|request| !request.to_lowercase().contains("cookie")));
    assert_eq!(stub.requests().len(), 6);
}

fn the_most_verbose_logs_hold_no_secret<D: Driver>() {
    let stub = Stub::start(|number, _| match number {
        0 => Answer::json(503, "{}"),
        1 => {
            let head = "HTTP/1.1 200 OK\r\nSet-Cookie: session=c00kie-value\r\nAlert: soon over\r\nContent-Length: ";
            Answer::Keep(format!("{head}{}\r\n\r\n{RECORD}", RECORD.len()).into_bytes())
        }
        2 => Answer::json(200, RECORD),
        _ => Answer::json(200, r#"{"data":[]}"#),
    });
    let said = said(child::<D>("verbose", stub.url()));
    assert!(said.ends_with("done\n") && said.contains("list: true"), "{said}");
    for told in ["answered", "trying again", "soon over", "GET /buckets/b/collections/c/records"] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let basic = "Y2Fzc2FuZHJhOnRyMGphLW4wdC1mb3VuZA==";
    for line in said.lines() {
        // What ureq shows of the wire, byte by byte, is documented, and has a name by which it can be silenced.
        if line.starts_with("log: TRACE ureq_proto::util ") {
            continue;
        }
        for secret in [PASSWORD, basic, "0wn-v4lue", "c00kie-value", "d4ta-of-mine"] {
            assert!(!line.contains(secret), "{secret}: {line}");
        }
        // It shows whole URLs as well.
        assert!(line.starts_with("log: DEBUG ureq::run ") || !line.contains("qu3ry-value"), "{line}");
    }
}

fn nobody_is_told_where_one_comes_from<D: Driver>() {
    let stub = Stub::start(|number, request| match number {
        0 => {
            assert!(request.contains("?n=%22s3cr3t%22"), "{request}");
            let head = "HTTP/1.1 307 X\r\nLocation: /v1/elsewhere\r\nContent-Length: 0\r\n\r\n";
            Answer::Keep(head.as_bytes().to_vec())
        }
        _ => Answer::json(200, r#"{"data":[]}"#),
    });
    let it = Place::<D>::at(stub.url());
    it.client.send(records().list().filter(field("n").eq("s3cr3t"))).unwrap();
    let requests = stub.requests();
    assert!(requests.len() == 2 && requests[1].starts_with("GET /v1/elsewhere HTTP/1.1\r\n"), "{requests:?}");
    assert!(requests.iter().all(|request| !request.to_lowercase().contains("referer")), "{requests:?}");
    assert!(!requests[1].contains("s3cr3t"), "{requests:?}");
}

/// Credentials do not change under way: others make another client, which shares all else.
fn credentials_are_those_of_the_client<D: Driver>() {
    let of = |request: &str| {
        let line = request
            .lines()
            .find_map(|line| line.split_once(": ").filter(|it| it.0.eq_ignore_ascii_case("authorization")));
        line.map(|(_, value)| value.to_owned())
    };
    let stub = Stub::start(move |number, request| match number {
        0 => Answer::json(503, "{}"),
        _ if of(request).is_some_and(|value| value == "Bearer 0ld") => Answer::json(401, r#"{"errno":104}"#),
        _ => Answer::json(200, RECORD),
    });
    let old = Place::<D>::with(stub.url(), |setup| setup.auth = Some(Auth::bearer("0ld")));
    let error = old.client.send(records().get("a")).unwrap_err();
    // A busy server is asked again; one that knows nobody of that name is not.
    assert!(error.is_unauthorized() && error.attempts() == 2 && !error.is_retryable(), "{error}");
    let new = old.client.with_auth(Some(Auth::bearer("n3w"))).unwrap();
    new.send(records().get("a")).unwrap();
    let anonymous = new.with_auth(None).unwrap();
    anonymous.send(records().get("a")).unwrap();
    assert!(old.client.send(records().get("a")).unwrap_err().is_unauthorized());
    let sent: Vec<Option<String>> = stub.requests().iter().map(|request| of(request)).collect();
    let value = |token: &str| Some(format!("Bearer {token}"));
    assert_eq!(sent, [value("0ld"), value("0ld"), value("n3w"), None, value("0ld")]);
    assert_eq!(old.client.session().quiet_until(), new.session().quiet_until());
}
