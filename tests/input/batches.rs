//! Batches: what is in one says the same as if it were sent alone, and what cannot be sent harms no other.

use kinto_protocol::{
    Attributes, Batch, Call, ErrorKind, IdRule, Method, Moment, Operation, Request, Response, Step, Ticket, bucket,
    endpoints,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::caller::{INFO, is_clear, request, session};
use crate::calls::{self, Said};
use crate::hostile::id;
use crate::json::object;
use crate::property::{Fate, holds_in_some};
use crate::strict::{Read, on_the_wire};

#[derive(Clone, Debug)]
enum Member {
    Create(String, Map<String, Value>),
    Patch(String, Map<String, Value>),
    Delete(String),
    Get(String),
    Call(Said),
}

impl Member {
    fn call(&self) -> Result<Option<Call>, TestCaseError> {
        let (session, records) = (session(IdRule::Server), bucket("b").collection("c").records());
        let call = match self {
            Self::Create(id, data) => records.create(id.as_str(), data).call(&session),
            Self::Patch(id, data) => records.patch(id, Attributes::new(data)).call(&session),
            Self::Delete(id) => records.delete(id).call(&session),
            Self::Get(id) => records.get(id).call(&session),
            Self::Call(said) => return said.call(),
        };
        Ok(Some(call.unwrap()))
    }
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let member = prop_oneof![
        2 => (id(), object(2)).prop_map(|(id, data)| Member::Create(id, data)),
        1 => (id(), object(2)).prop_map(|(id, data)| Member::Patch(id, data)),
        1 => id().prop_map(Member::Delete),
        1 => id().prop_map(Member::Get),
        // What the batch itself asks for is not to be mistaken for one of its members.
        3 => calls::said().prop_filter("own", |said| said.path != "/" && said.path != "/batch").prop_map(Member::Call),
    ];
    vec(member, 1..40)
}

/// A request of a batch as the server would read it, in the words of one that is alone.
fn entry(entry: &Value) -> Read {
    let text = |name: &str| entry[name].as_str().unwrap().to_owned();
    let known = ["method", "path", "headers", "body"];
    assert!(entry.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{entry}");
    let headers = entry.get("headers").into_iter().flat_map(|headers| headers.as_object().unwrap());
    let headers =
        headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().trim_matches([' ', '\t']).to_owned()));
    let body = entry.get("body").map(|body| serde_json::to_vec(body).unwrap()).unwrap_or_default();
    Read { method: text("method"), target: format!("/v1{}", text("path")), headers: headers.collect(), body }
}

/// What a request is about, apart from who sends it: its body as a value.
fn gist(read: &Read) -> (String, String, Vec<(String, String)>, Option<Value>) {
    let own = |name: &str| name.starts_with("x-") && name != "x-token" || name.starts_with("if-");
    let mut headers: Vec<_> = read.headers.iter().filter(|(name, _)| own(name)).cloned().collect();
    headers.sort_unstable();
    let body = (!read.body.is_empty()).then(|| serde_json::from_slice(&read.body).unwrap());
    (read.method.clone(), read.target.clone(), headers, body)
}

fn answer(status: u16, body: String) -> Response {
    http::Response::builder().status(status).body(body.into()).unwrap()
}

/// Says yes to everything, and notes it.
fn carried_out(request: &Request, seen: &mut Vec<Read>) -> Result<Response, TestCaseError> {
    let read = on_the_wire(request).map_err(TestCaseError::fail)?;
    if (read.method.as_str(), read.target.as_str()) == ("GET", "/v1/") {
        return Ok(answer(200, INFO.to_owned()));
    }
    let object = json!({"data": {"id": "r", "last_modified": 7}});
    if read.target != "/v1/batch" || read.method != "POST" {
        seen.push(read);
        return Ok(answer(200, if *request.method() == Method::HEAD { String::new() } else { object.to_string() }));
    }
    let body = read.json();
    prop_assert_eq!(body.as_object().unwrap().len(), 1);
    let entries = body["requests"].as_array().unwrap();
    prop_assert!(entries.len() <= 25);
    let before = seen.len();
    seen.extend(entries.iter().map(entry));
    let answers: Vec<_> = seen[before..]
        .iter()
        .map(|it| json!({"status": 200, "path": it.target, "headers": {}, "body": object}))
        .collect();
    Ok(answer(200, json!({"responses": answers}).to_string()))
}

#[test]
fn each_as_if_it_were_alone() {
    holds_in_some("batches", 4, &members(), |members| {
        let session = session(IdRule::Server);
        let (mut batch, mut tickets, mut expected) = (Batch::new(), Vec::<(Ticket<_>, bool)>::new(), Vec::new());
        for member in &members {
            let Some(call) = member.call()? else { continue };
            let alone = request(&session, &call)?;
            tickets.push((batch.push(call), alone.is_ok()));
            expected.extend(alone.ok().map(|read| gist(&read)));
        }
        let (mut exchange, mut seen, mut now) = (session.exchange(batch), Vec::new(), Moment::default());
        let mut outcome = loop {
            match exchange.next(now) {
                Step::Send(request, _) => exchange.handle(Ok(carried_out(&request, &mut seen)?), now),
                Step::Wait(wait) => now = now.after(wait),
                Step::Done(outcome) => break outcome.unwrap(),
            }
        };
        let seen: Vec<_> = seen.iter().map(gist).collect();
        prop_assert_eq!(seen, expected);
        for (ticket, sent) in tickets {
            match outcome.take(ticket) {
                Ok(_) => prop_assert!(sent),
                Err(error) => {
                    prop_assert!(!sent, "{}", error);
                    prop_assert_eq!(error.kind(), ErrorKind::Input);
                    is_clear(&error)?;
                }
            }
        }
        Ok(Fate::Sent)
    });
}

/// In a batch, the server itself follows where an empty segment leads: to the list, which would be deleted.
#[test]
fn nothing_with_an_empty_segment_is_in_one() {
    for path in ["/buckets/b/collections/c/records/", "/buckets//collections", "/buckets/b//"] {
        let call = |path: &str| Call::new(Method::DELETE, path.parse().unwrap());
        let mut batch = Batch::new();
        for call in [call("/buckets/x"), call(path), Call::new(Method::GET, endpoints::root())] {
            let _ = batch.push(call);
        }
        let (mut exchange, mut targets) = (session(IdRule::Server).exchange(batch), Vec::new());
        while let Step::Send(request, _) = exchange.next(Moment::default()) {
            targets.push(request.uri().path().to_owned());
            exchange.handle(Ok(carried_out(&request, &mut Vec::new()).unwrap()), Moment::default());
        }
        assert!(targets.contains(&format!("/v1{path}")), "{path}: {targets:?}");
    }
}
