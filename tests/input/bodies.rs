//! Batches and files through both front-ends: what leaves the machine is what the core has made, to the last byte.

use kinto_protocol::{Auth, Batch, Error, Flow, IdRule, Moment, Request, Response, Session, Step, Upload, bucket};
use kinto_tests::{Answer, Stub};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::caller::{INFO, SECRET, is_clear};
use crate::front_ends::{Driver, same};
use crate::hostile::{id, text, word};
use crate::json::object;
use crate::property::{Fate, holds_in_some};
use crate::strict::{Read, on_the_wire, only};

/// What is sent in one request.
#[derive(Clone, Debug)]
enum Sent {
    Batch(Vec<(String, Option<Map<String, Value>>)>),
    File {
        record: String,
        name: String,
        media_type: Option<String>,
        content: Vec<u8>,
        data: Option<Map<String, Value>>,
    },
}

fn sent() -> impl Strategy<Value = Sent> {
    let names = prop_oneof![3 => word().prop_map(|name| name + ".txt"), 2 => text()];
    let types = prop_oneof![3 => Just(None), 1 => text().prop_map(Some)];
    // The stub keeps requests as text.
    let contents = prop_oneof![vec(0..0x80_u8, 0..300), text().prop_map(String::into_bytes)];
    let file = (id(), names, types, contents, proptest::option::of(object(2)));
    let file = file.prop_map(|(record, name, media_type, content, data)| Sent::File {
        record,
        name,
        media_type,
        content,
        data,
    });
    prop_oneof![vec((id(), proptest::option::of(object(2))), 2..25).prop_map(Sent::Batch), file]
}

impl Sent {
    /// One that creates and deletes.
    fn batch(members: &[(String, Option<Map<String, Value>>)]) -> Batch {
        let (records, mut batch) = (bucket("b").collection("c").records(), Batch::new());
        for (id, data) in members {
            match data {
                Some(data) => _ = batch.push(records.create(id.as_str(), data)),
                None => _ = batch.push(records.delete(id)),
            }
        }
        batch
    }

    fn upload(record: &str, name: &str, media_type: Option<&str>, data: Option<&Map<String, Value>>) -> Upload {
        let upload = bucket("b").collection("c").attachment(record).upload(name).any_extension().always();
        let upload = data.into_iter().fold(upload, Upload::data);
        media_type.into_iter().fold(upload, Upload::media_type)
    }

    /// What the core makes of it.
    fn made(&self, session: &Session) -> (Vec<Request>, Option<Error>) {
        match self {
            Self::Batch(members) => made(session, Self::batch(members)),
            Self::File { record, name, media_type, content, data } => {
                let upload = Self::upload(record, name, media_type.as_deref(), data.as_ref());
                made(session, upload.content(content.clone()))
            }
        }
    }

    fn send<D: Driver>(&self, client: &D) {
        match self {
            Self::Batch(members) => drop(client.send(Self::batch(members))),
            Self::File { record, name, media_type, content, data } => {
                let upload = Self::upload(record, name, media_type.as_deref(), data.as_ref());
                drop(client.send(upload.content(content.clone())));
            }
        }
    }
}

/// The requests, apart from the question what the server is, which is not asked again; and how it ends. What no batch may hold
/// is sent by itself.
fn made<F: Flow>(session: &Session, flow: F) -> (Vec<Request>, Option<Error>) {
    let (mut exchange, mut requests) = (session.exchange(flow), Vec::new());
    loop {
        match exchange.next(Moment::default()) {
            Step::Send(request, _) if request.uri().path() == "/v1/" => {
                exchange.handle(Ok(Response::new(INFO.into())), Moment::default());
            }
            Step::Send(request, _) => {
                requests.push(request);
                let refusal = http::Response::builder().status(403).body("{}".into()).unwrap();
                exchange.handle(Ok(refusal), Moment::default());
            }
            Step::Done(outcome) => return (requests, outcome.err()),
            Step::Wait(_) => unreachable!("nothing is tried twice"),
        }
    }
}

/// A server that says of itself what the core was told, and answers nothing else in a way that asks for more.
fn stub() -> Stub {
    Stub::start(|_, request| {
        if request.starts_with("GET /v1/ ") {
            Answer::json(200, INFO)
        } else {
            Answer::json(403, &json!({}).to_string())
        }
    })
}

/// With the boundary of a form, which is made by dice, in other words.
fn without_boundary(mut read: Read) -> Read {
    let boundary = read.header("content-type").and_then(|it| it.split_once("boundary=")).map(|(_, it)| it.to_owned());
    if let Some(boundary) = boundary {
        let marked = read.body.windows(boundary.len()).filter(|it| *it == boundary.as_bytes()).count();
        assert!(marked >= 2, "it stands before each part, and at the end");
        let plain = |text: &str| text.replace(&boundary, &"-".repeat(boundary.len()));
        read.body = plain(&String::from_utf8(read.body).unwrap()).into_bytes();
        read.headers.iter_mut().for_each(|(_, value)| *value = plain(value));
    }
    read
}

fn to_the_last_byte<D: Driver>(name: &str) {
    let stub = stub();
    let client = D::build(stub.url(), Auth::basic("tester", SECRET), IdRule::Server);
    holds_in_some(name, 4, &sent(), |sent| {
        let (requests, error) = sent.made(client.session());
        let before = stub.requests().len();
        sent.send(&client);
        let seen = stub.requests_after(before);
        prop_assert_eq!(seen.len(), requests.len(), "{:?}", seen);
        for (there, here) in seen.iter().zip(&requests) {
            let there = only(there.as_bytes()).map_err(|why| TestCaseError::fail(format!("{why}: {there:?}")))?;
            let here = on_the_wire(here).map_err(TestCaseError::fail)?;
            same(&without_boundary(there), &without_boundary(here))?;
        }
        if requests.is_empty() {
            error.as_ref().map_or(Ok(()), is_clear)?;
            return Ok(Fate::Refused);
        }
        Ok(Fate::Sent)
    });
}

#[test]
fn of_threads() {
    to_the_last_byte::<kinto_blocking::Client>("bodies of the blocking client");
}

#[test]
fn of_tasks() {
    to_the_last_byte::<kinto_async::Client>("bodies of the asynchronous client");
}
