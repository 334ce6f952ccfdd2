//! What differs between what Python did and what we did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, Method};
use kinto_protocol::{Error, ErrorKind, Request, ServerInfo, Tombstone};
use serde_json::{Value, json};

use crate::batches;
use crate::case::{Case, Recorded, Step, text};
use crate::files;
use crate::filters;
use crate::logins;
use crate::output::{Ended, Output, Stop};
use crate::replay::{Played, Run};

/// The longest wait of ours where Python does not wait at all.
const JITTER: Duration = Duration::from_secs(20);

/// One thing that differs.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) what: What,
    text: String,
}

/// What can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Requests,
    Target,
    Query,
    Headers,
    Body,
    Outcome,
    Waits,
    Alerts,
    Opened,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.what, self.text)
    }
}

/// All that differs.
pub(crate) fn differences(case: &Case, run: &Run) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    for (number, (step, played)) in case.steps.iter().zip(&run.steps).enumerate() {
        let recorded: Vec<&Recorded> = case.recorded(number).collect();
        if recorded.len() != played.sent.len() || played.unforeseen > 0 {
            found.note(What::Requests, format!("{} of theirs, {} of ours", recorded.len(), played.sent.len()));
        }
        if recorded.iter().any(|theirs| batches::is_batch(&theirs.request)) {
            found.in_batches(&recorded, &played.sent);
        } else {
            for (theirs, ours) in recorded.iter().zip(&played.sent) {
                found.request(&theirs.request, ours);
            }
        }
        found.outcome(step, played);
        found.waits(&step.waits(), &played.waits);
    }
    found.alerts(case, run);
    let theirs: Vec<String> = case.opened.iter().filter_map(logins::ours).collect();
    found.differ(What::Opened, &theirs, &run.opened);
    found.0
}

struct Found(Vec<Difference>);

impl Found {
    fn note(&mut self, what: What, text: String) {
        self.0.push(Difference { what, text });
    }

    fn differ<T: PartialEq + fmt::Debug>(&mut self, what: What, theirs: &T, ours: &T) {
        if theirs != ours {
            self.note(what, format!("theirs {theirs:?}, ours {ours:?}"));
        }
    }

    fn request(&mut self, theirs: &Value, ours: &Request) {
        let host = if theirs["host"] == "main" { "server.test" } else { "other.test" };
        let path = ours.uri().path();
        let target = format!("{} {host}{}", text(&theirs["method"]), generated(theirs, path));
        self.differ(What::Target, &target, &format!("{} {}{path}", ours.method(), ours.uri().host().unwrap_or("?")));

        let pairs = theirs["query"].as_array().into_iter().flatten();
        let pairs = pairs.map(|pair| (text(&pair[0]), text(&pair[1])));
        self.differ(What::Query, &filters::typed(pairs), &filters::read(ours.uri().query().unwrap_or_default()));

        let about = About::of(ours);
        let mut headers = our_headers(ours.headers(), &about);
        if let Some((own, content_type)) = files::boundary(ours).zip(headers.get_mut(CONTENT_TYPE.as_str())) {
            *content_type = content_type.replace(own, "<boundary>");
        }
        self.differ(What::Headers, &their_headers(theirs, &about), &headers);
        if !ours.headers().contains_key(USER_AGENT) {
            self.note(What::Headers, "no User-Agent of ours".into());
        }

        if theirs["body_kind"] == "multipart" {
            return self.differ(What::Body, &Some(files::their_form(&theirs["body"])), &files::our_form(ours));
        }
        let body = serde_json::from_slice(ours.body()).unwrap_or(Value::Null);
        self.differ(What::Body, &said(theirs["body"].clone(), &about), &said(body, &about));
    }

    /// The same operations in the same order, however they are spread over batches and plain requests.
    fn in_batches(&mut self, theirs: &[&Recorded], ours: &[Request]) {
        let frame = |method: &str, path: &str, entries: usize| format!("{method} {path} {entries}");
        let frames: Vec<String> = theirs
            .iter()
            .map(|it| &it.request)
            .map(|it| frame(&text(&it["method"]), &text(&it["path"]), batches::entries(&it["body"]).len()))
            .collect();
        let own = |it: &Request| batches::own_entries(it).map_or(0, |entries| entries.len());
        let own: Vec<String> = ours.iter().map(|it| frame(it.method().as_str(), it.uri().path(), own(it))).collect();
        self.differ(What::Requests, &frames, &own);

        let theirs: Vec<Unfolded> = theirs.iter().flat_map(|it| Unfolded::of_theirs(&it.request)).collect();
        let ours: Vec<Unfolded> = ours.iter().flat_map(Unfolded::of_ours).collect();
        if theirs.len() != ours.len() {
            self.note(What::Requests, format!("{} operations of theirs, {} of ours", theirs.len(), ours.len()));
        }
        for (theirs, ours) in theirs.iter().zip(&ours) {
            self.differ(What::Target, &theirs.target, &ours.target);
            self.differ(What::Query, &theirs.query, &ours.query);
            self.differ(What::Headers, &theirs.headers, &ours.headers);
            self.differ(What::Body, &theirs.body, &ours.body);
        }
    }

    fn outcome(&mut self, step: &Step, played: &Played) {
        let fits = match (&step.outcome["raised"], &played.outcome) {
            (Value::Null, Ok(output @ Output::File { name, content })) => {
                returns(&step.outcome["returned"], output) && step.outcome["files"][name] == content.as_str()
            }
            (Value::Null, Ok(output)) => returns(&step.outcome["returned"], output),
            (Value::Null, Err(_)) => false,
            (raised, Err(stop)) => raises(raised, stop),
            (raised, Ok(Output::Batch(ours))) => tells(raised, ours),
            (_, Ok(_)) => false,
        };
        if !fits {
            let theirs =
                if step.outcome["raised"].is_null() { &step.outcome["returned"] } else { &step.outcome["raised"] };
            self.note(What::Outcome, format!("theirs {theirs}, ours {:?}", played.outcome));
        }
    }

    fn waits(&mut self, theirs: &[Duration], ours: &[Duration]) {
        let fits = |(theirs, ours): (&Duration, &Duration)| {
            if theirs.is_zero() { !ours.is_zero() && *ours <= JITTER } else { theirs == ours }
        };
        if theirs.len() != ours.len() || !theirs.iter().zip(ours).all(fits) {
            self.note(What::Waits, format!("theirs {theirs:?}, ours {ours:?}"));
        }
    }

    /// Python passes the header on as it is; we take the message out of it, if it is Kinto's.
    fn alerts(&mut self, case: &Case, run: &Run) {
        let headers = case.exchanges.iter().filter_map(|exchange| exchange.response["headers"].get("Alert"));
        let theirs: Vec<String> = headers
            .map(|alert| {
                let alert = text(alert);
                serde_json::from_str::<Value>(&alert).map_or(alert, |json| text(&json["message"]))
            })
            .collect();
        self.differ(What::Alerts, &theirs, &run.alerts);
    }
}

/// Their path, with the id that we made in place of the one that they made.
fn generated(theirs: &Value, our_path: &str) -> String {
    let path = text(&theirs["path"]);
    let ours = our_path.rsplit('/').next().unwrap_or_default();
    match theirs["generated"][0]["value"].as_str() {
        Some(id) if is_uuid(ours) => path.replace(id, ours),
        _ => path,
    }
}

/// Whether it is a UUID of version 4.
fn is_uuid(id: &str) -> bool {
    let parts: Vec<&str> = id.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.concat().bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
        && parts[2].starts_with('4')
        && parts[3].starts_with(['8', '9', 'a', 'b'])
}

type Headers = BTreeMap<String, String>;

/// What must be known of a request to read its headers and its body.
struct About {
    method: Method,
    /// Whether nothing may be there yet.
    creates: bool,
    has_body: bool,
}

impl About {
    fn of(ours: &Request) -> Self {
        let creates = ours.headers().get("if-none-match").is_some_and(|value| value == "*");
        Self { method: ours.method().clone(), creates, has_body: !ours.body().is_empty() }
    }
}

/// An operation, as the server understands it, in a batch or not.
struct Unfolded {
    target: String,
    query: BTreeMap<String, Value>,
    headers: Headers,
    body: Value,
}

impl Unfolded {
    /// Without the question how many requests a batch may hold.
    fn of_theirs(theirs: &Value) -> Vec<Self> {
        let headers = flat(theirs);
        if batches::is_batch(theirs) {
            return batches::entries(&theirs["body"]).iter().map(|entry| Self::of_entry(entry, &headers)).collect();
        }
        if batches::is_question(theirs) { Vec::new() } else { vec![Self::of_entry(theirs, &headers)] }
    }

    fn of_ours(ours: &Request) -> Vec<Self> {
        let body: Value = serde_json::from_slice(ours.body()).unwrap_or_default();
        let headers = ours.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        let path = ours.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let headers: Value = headers.collect::<serde_json::Map<_, _>>().into();
        let whole = json!({"method": ours.method().as_str(), "path": path, "headers": headers, "body": body});
        Self::of_theirs(&whole)
    }

    /// From an entry, and the headers of the whole: the server takes the credentials from there.
    fn of_entry(entry: &Value, outer: &Headers) -> Self {
        let path = text(&entry["path"]);
        let path = path.strip_prefix("/v1").unwrap_or(&path);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let method = text(&entry["method"]);
        let mut headers = flat(entry);
        headers.extend(outer.iter().filter(|(name, _)| *name == "authorization").map(|(a, b)| (a.clone(), b.clone())));
        // Where nothing else is said, a body is JSON.
        headers.retain(|name, value| !(name == "content-type" && value == "application/json"));
        let about = About {
            method: Method::from_bytes(method.as_bytes()).expect("a method"),
            creates: headers.get("if-none-match").is_some_and(|value| value == "*"),
            has_body: !entry["body"].is_null(),
        };
        headers.retain(|name, _| counts(name, &about));
        let body = said(entry["body"].clone(), &about);
        Self { target: format!("{method} {path}"), query: filters::read(query), headers, body }
    }
}

/// The headers of a request or of an entry, by their names in small letters.
fn flat(of: &Value) -> Headers {
    let headers = of["headers"].as_object().into_iter().flatten();
    headers.map(|(name, value)| (name.to_ascii_lowercase(), text(value))).collect()
}

fn their_headers(theirs: &Value, about: &About) -> Headers {
    flat(theirs).into_iter().filter(|(name, _)| counts(name, about)).collect()
}

fn our_headers(headers: &HeaderMap, about: &About) -> Headers {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    headers.filter(|(name, _)| counts(name, about)).collect()
}

/// Whether a header is part of what was asked. A content type without a body says nothing.
fn counts(name: &str, about: &About) -> bool {
    let always = ![ACCEPT, ACCEPT_ENCODING, HOST, USER_AGENT, CONTENT_TYPE].iter().any(|it| it == name);
    always || (name == CONTENT_TYPE && about.has_body)
}

/// What a body says to the server, beyond its letters.
fn said(mut body: Value, about: &About) -> Value {
    if [Method::DELETE, Method::GET, Method::HEAD].contains(&about.method) && body == json!({}) {
        return Value::Null;
    }
    // Where nothing is there yet, no data is the same as empty data.
    if about.method == Method::PUT
        && about.creates
        && let Some(body) = body.as_object_mut()
    {
        body.entry("data").or_insert_with(|| json!({}));
    }
    // The server takes the value of a permission out of the path.
    for operation in body.as_array_mut().into_iter().flatten() {
        let path = text(&operation["path"]);
        if let Some((_, principal)) = path.strip_prefix("/permissions/").and_then(|rest| rest.split_once('/')) {
            operation["value"] = principal.into();
        }
    }
    body
}

/// Whether an output is what Python returned.
fn returns(theirs: &Value, ours: &Output) -> bool {
    let tombstone = |theirs: &Value, ours: &Tombstone| {
        theirs["id"] == ours.id.as_str() && theirs["last_modified"] == ours.last_modified.as_millis()
    };
    match ours {
        Output::Object(object, repeated) => !repeated && shown(theirs.clone()) == shown(object.clone()),
        Output::Plain(value) => shown(theirs.clone()) == shown(value.clone()),
        Output::Info(info) => serde_json::from_value::<ServerInfo>(theirs.clone()).is_ok_and(|theirs| theirs == **info),
        Output::Deleted(None) => theirs.is_null(),
        Output::Deleted(Some(ours)) => tombstone(theirs, ours),
        Output::AllDeleted(ours) => theirs.as_array().is_some_and(|theirs| {
            theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(theirs, ours)| tombstone(theirs, ours))
        }),
        // Python has no word for it.
        Output::NotModified => false,
        // It says where the file is: in its own folder, or in one that it names so.
        Output::File { name, .. } => text(theirs).trim_start_matches("<dir>/") == *name,
        Output::Batch(ours) => {
            let theirs = theirs.as_array().map(Vec::as_slice).unwrap_or_default();
            ours.stopped().is_none()
                && theirs.len() == ours.results.len()
                && theirs.iter().zip(&ours.results).all(|(theirs, ours)| returns_in_batch(theirs, ours))
        }
    }
}

/// Whether one operation of a batch gave what Python returned for it: the body of its answer, also of an error.
fn returns_in_batch(theirs: &Value, ours: &kinto_protocol::Result<Output>) -> bool {
    match ours {
        Ok(Output::Object(_, repeated)) if batches::is_made_up(theirs) => !repeated,
        Ok(ours @ Output::Deleted(_)) => returns(&theirs["data"], ours),
        Ok(ours) => returns(theirs, ours),
        Err(error) => error.status().is_some_and(|status| theirs["code"] == status.as_u16()),
    }
}

/// Whether a batch tells of what Python raised: of the refusals all of them, otherwise of what broke it off.
fn tells(theirs: &Value, ours: &Ended) -> bool {
    let status = |error: &Error| error.status().map(|status| u64::from(status.as_u16()));
    if theirs["class"] == "KintoBatchException" {
        let refusals = theirs["exceptions"].as_array().into_iter().flatten().map(|it| it["status"].as_u64());
        return ours.stopped().is_none() && refusals.eq(ours.errors().map(status));
    }
    let breaks = |error: &&Error| status(error).is_some_and(|status| status >= 500);
    match ours.stopped().or_else(|| ours.errors().find(breaks)) {
        Some(error) => says(theirs, error),
        None => false,
    }
}

/// An object without permissions that say nothing; the order of principals does not count.
fn shown(mut object: Value) -> Value {
    let Some(members) = object.as_object_mut() else { return object };
    if members.get("permissions") == Some(&json!({})) {
        members.remove("permissions");
    }
    for principals in members.get_mut("permissions").and_then(Value::as_object_mut).into_iter().flatten() {
        let sorted: BTreeSet<String> = principals.1.as_array().into_iter().flatten().map(text).collect();
        *principals.1 = sorted.into_iter().collect();
    }
    object
}

/// Whether we failed in the way Python did.
fn raises(theirs: &Value, ours: &Stop) -> bool {
    let error = match ours {
        Stop::Failed(error) => error,
        // Both before anything was sent.
        Stop::Refused(_) => return theirs["status"].is_null(),
        Stop::Dry => return false,
    };
    says(theirs, error)
}

/// Whether an error is what Python raised.
fn says(theirs: &Value, error: &Error) -> bool {
    if let Some(status) = theirs["status"].as_u64() {
        return error.status().is_some_and(|ours| u64::from(ours.as_u16()) == status);
    }
    let kind = match theirs["class"].as_str().unwrap_or_default() {
        "BackoffException" => ErrorKind::Backoff,
        "ReadTimeout" => ErrorKind::Timeout,
        "ConnectionError" => ErrorKind::Interrupted,
        "JSONDecodeError" => ErrorKind::Decode,
        "InvalidHeader" | "KintoException" => ErrorKind::Input,
        _ => return false,
    };
    error.kind() == kind
}

/// Who a request says it is from.
pub(crate) fn credentials(request: &Request) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[test]
fn only_what_matters_is_compared() {
    assert!(is_uuid("00000000-0000-4000-8000-000000000000") && !is_uuid("00000000-0000-1000-8000-000000000000"));
    let put = |absent: &str| http::Request::put("/").header(absent, "*").body(Default::default()).expect("a request");
    assert_eq!(said(json!({}), &About::of(&put("if-none-match"))), json!({"data": {}}));
    assert_eq!(said(json!({}), &About::of(&put("if-match"))), json!({}));
    assert_eq!(shown(json!({"data": 1, "permissions": {}})), json!({"data": 1}));
}
