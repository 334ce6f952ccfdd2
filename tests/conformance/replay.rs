//! The drive: operations are sent into the record, which answers in order, and time is a variable.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kinto_protocol::{
    Auth, Event, FailureKind, Flow, IdRule, Moment, OnBackoff, Policy, Request, Response, Result, Session, Step,
    TransportError, bucket,
};
use serde_json::{Map, Value, json};

use crate::batches::{Record, is_lost_with};
use crate::case::{Args, Case, Client, Recorded, text};
use crate::logins;
use crate::output::{Output, Stop};
use crate::python;

/// The cases whose ids only a server with an id generator of its own takes: the session is told so.
const WIDE: [&str; 2] = ["ids/record-leading-underscore", "ids/record-leading-hyphen"];
/// When a case begins.
const START: Moment = Moment::at(Duration::from_secs(1_000));
/// How long an answer takes.
const TRIP: Duration = Duration::from_millis(10);
/// More requests than any case may need: beyond, something runs in a circle.
const TOO_MANY: usize = 5000;

/// What came of a case.
pub(crate) struct Run {
    pub(crate) steps: Vec<Played>,
    /// What the observer was told of alerts.
    pub(crate) alerts: Vec<String>,
    /// What was opened in the browser.
    pub(crate) opened: Vec<String>,
}

/// What came of one step.
pub(crate) struct Played {
    pub(crate) sent: Vec<Request>,
    /// What would have been sent by a dry run.
    pub(crate) built: Option<Request>,
    pub(crate) waits: Vec<Duration>,
    /// How many requests the record had no answer to, in its order.
    pub(crate) unforeseen: usize,
    pub(crate) outcome: Result<Output, Stop>,
}

/// How a case is driven, when not as the Python client was.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) policy: fn(&mut Policy),
    /// Answers what the record does not.
    pub(crate) answer: fn(&Request) -> Option<Response>,
}

impl Default for Manner {
    fn default() -> Self {
        Self { policy: |_| {}, answer: |_| None }
    }
}

/// Drives a case as the Python client was driven.
pub(crate) fn run(case: &Case) -> Run {
    run_in(case, Manner::default())
}

/// Drives a case.
pub(crate) fn run_in(case: &Case, manner: Manner) -> Run {
    let alerts = Arc::new(Mutex::new(Vec::new()));
    let mut now = START;
    let mut steps = Vec::new();
    let mut opened = Vec::new();
    let mut session = match session(case, &case.client, manner, &alerts) {
        Ok(session) => session,
        Err(error) => return Run { steps: vec![Played::nothing(Err(error.into()))], alerts: Vec::new(), opened },
    };
    for (number, step) in case.steps.iter().enumerate() {
        if step.method == "#advance" {
            let seconds = step.args.get("seconds").and_then(Value::as_f64).unwrap_or_default();
            now = now.after(Duration::from_secs_f64(seconds));
            steps.push(Played::nothing(Ok(Output::Plain(Value::Null))));
            continue;
        }
        let mut stage = Stage::new(case, number, now, manner);
        if logins::signs_in(&case.client) && opened.is_empty() {
            match logins::sign_in(&mut stage, &session, &case.client) {
                Ok((own, url)) => {
                    session = own;
                    opened.push(url);
                }
                Err(stop) => {
                    steps.push(Played { outcome: Err(stop), ..stage.played });
                    continue;
                }
            }
        }
        let outcome = match &step.on_clone {
            None => python::perform(&mut stage, &session, &case.client, &step.method, &step.args),
            Some(changes) => {
                let client = case.client.changed(changes);
                let session = cloned(case, &session, &client, changes, manner, &alerts);
                session
                    .map_err(Stop::from)
                    .and_then(|session| python::perform(&mut stage, &session, &client, &step.method, &step.args))
            }
        };
        now = stage.now;
        steps.push(Played { outcome, ..stage.played });
    }
    let alerts = std::mem::take(&mut *alerts.lock().expect("nobody panics while holding it"));
    Run { steps, alerts, opened }
}

type Alerts = Arc<Mutex<Vec<String>>>;

fn session(case: &Case, client: &Client, manner: Manner, alerts: &Alerts) -> Result<Session> {
    let mut policy = Policy::default();
    policy.attempts = attempts(case, client.retry);
    // What `BackoffException` is to Python.
    policy.on_backoff = OnBackoff::Fail;
    (manner.policy)(&mut policy);
    let told = Arc::clone(alerts);
    let mut builder =
        Session::builder(&client.url).allow_insecure_http().seed(1).policy(policy).observer(move |event| {
            if let Event::Alert { message, .. } = event {
                told.lock().expect("nobody panics while holding it").push((*message).to_owned());
            }
        });
    if WIDE.contains(&case.id.as_str()) {
        builder = builder.id_rule(IdRule::Wide);
    }
    for (name, value) in &client.headers {
        builder = builder.header(name, value);
    }
    let session = match &client.auth {
        Some(auth) if !logins::signs_in(client) => builder.auth(credentials(auth)?).build(),
        _ => builder.build(),
    }?;
    introduce(&session, case);
    Ok(session)
}

/// Python sends to a plugin's endpoint whatever the server has. We ask the server first, once: here before the case
/// begins, and of a server that has everything, so that what follows can be compared.
fn introduce(session: &Session, case: &Case) {
    let capabilities = ["accounts", "attachments", "changes", "history", "permissions_endpoint", "signer"];
    // Where files are, Python asks too.
    let asks = case.methods().any(|method| method == "download_attachment");
    let capabilities = capabilities.into_iter().filter(|name| !asks || *name != "attachments");
    let capabilities: Map<String, Value> = capabilities.map(|name| (name.to_owned(), json!({}))).collect();
    let hello = http::Response::new(Bytes::from(json!({"capabilities": capabilities}).to_string()));
    let mut exchange = session.exchange(bucket("b1").history().timestamp());
    let Step::Send(request, _) = exchange.next(START) else { panic!("nothing is asked") };
    assert!(request.uri().path().ends_with('/'), "a server is asked what it has before a plugin is used");
    exchange.handle(Ok(hello), START);
}

/// What `clone()` is in Python: a session that differs in something and, where it is the same server, shares the rest.
fn cloned(
    case: &Case,
    session: &Session,
    client: &Client,
    changes: &Args,
    manner: Manner,
    alerts: &Alerts,
) -> Result<Session> {
    if changes.given("server_url").is_some() {
        return self::session(case, client, manner, alerts);
    }
    let session = session.with_policy(|policy| policy.attempts = attempts(case, client.retry));
    match changes.given("auth") {
        Some(auth) => session.with_auth(Some(credentials(auth)?)),
        None => Ok(session),
    }
}

/// The Python client repeats what has a bad status as often as it is told, and what got no answer once.
fn attempts(case: &Case, retry: u32) -> u32 {
    let once_more = case.exchanges.iter().any(Recorded::is_lost);
    (retry + 1).max(1 + u32::from(once_more))
}

fn credentials(auth: &Value) -> Result<Auth> {
    match (auth.as_array(), auth.as_str()) {
        (Some(pair), _) => Ok(Auth::basic(&text(&pair[0]), &text(&pair[1]))),
        (None, Some(string)) => string.parse(),
        (None, None) => panic!("credentials of an unknown kind: {auth}"),
    }
}

/// Where a step is played.
pub(crate) struct Stage {
    now: Moment,
    is_dry: bool,
    record: Record,
    /// The record of the whole case, for requests that are repeated where Python remembered the answer.
    known: Vec<(Value, Value)>,
    manner: Manner,
    played: Played,
}

impl Played {
    fn nothing(outcome: Result<Output, Stop>) -> Self {
        Self { sent: Vec::new(), built: None, waits: Vec::new(), unforeseen: 0, outcome }
    }
}

impl Stage {
    fn new(case: &Case, step: usize, now: Moment, manner: Manner) -> Self {
        Self {
            now,
            is_dry: case.client.is_dry,
            record: Record::of(case, step),
            known: case.exchanges.iter().map(|known| (known.request.clone(), known.response.clone())).collect(),
            manner,
            played: Played::nothing(Err(Stop::Dry)),
        }
    }

    /// Sends a flow into the record.
    pub(crate) fn send<F: Flow>(&mut self, session: &Session, flow: F) -> Result<F::Output, Stop> {
        let mut exchange = session.exchange(flow);
        loop {
            match exchange.next(self.now) {
                Step::Send(request, _) if self.is_dry => {
                    self.played.built = Some(request);
                    return Err(Stop::Dry);
                }
                Step::Send(request, _) => {
                    assert!(self.played.sent.len() < TOO_MANY, "requests without end: {request:?}");
                    let answer = self.answer(&request);
                    self.played.sent.push(request);
                    self.now = self.now.after(TRIP);
                    exchange.handle(answer, self.now);
                }
                Step::Wait(pause) => {
                    self.played.waits.push(pause);
                    self.now = self.now.after(pause);
                }
                Step::Done(result) => return result.map_err(Stop::Failed),
            }
        }
    }

    fn answer(&mut self, request: &Request) -> Result<Response, TransportError> {
        if let Some(recorded) = self.record.answer(request) {
            return told(&recorded);
        }
        self.played.unforeseen += 1;
        if let Some(answer) = (self.manner.answer)(request) {
            return Ok(answer);
        }
        // The same question gets the same answer.
        let same = |known: &Value, answer: &Value| {
            known["method"] == request.method().as_str()
                && known["path"] == request.uri().path()
                && known["raw_query"].as_str().unwrap_or_default() == request.uri().query().unwrap_or_default()
                || is_lost_with(known, answer, request)
        };
        match self.known.iter().rev().find(|(known, answer)| same(known, answer)) {
            Some((_, recorded)) => told(recorded),
            None => Err(TransportError::new(FailureKind::Other, "the record has no answer").not_sent()),
        }
    }
}

/// An answer of the record, or why there is none.
fn told(recorded: &Value) -> Result<Response, TransportError> {
    if recorded["dropped"] == true {
        return Err(TransportError::new(FailureKind::Interrupted, "the connection was closed").sent());
    }
    if recorded["delayed"] == true {
        return Err(TransportError::new(FailureKind::Timeout, "the answer came too late").sent());
    }
    let body = match &recorded["body_kind"] {
        Value::String(kind) if kind == "json" => recorded["body"].to_string(),
        Value::String(kind) if kind == "text" => text(&recorded["body"]),
        Value::String(kind) if kind == "none" => String::new(),
        other => panic!("an answer of an unknown kind: {other}"),
    };
    let status = recorded["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
    let mut response = http::Response::builder().status(status);
    for (name, value) in recorded["headers"].as_object().into_iter().flatten() {
        response = response.header(name, text(value));
    }
    Ok(response.body(Bytes::from(body)).expect("a recorded answer is one"))
}
