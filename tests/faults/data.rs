//! Data and questions of the caller's that JSON, a URL or the server cannot take as they are.

use std::collections::BTreeMap;

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{
    Attributes, Batch, BulkMode, ErrorKind, Merge, Result, Status, Step, Wanted, bucket, buckets, field,
};
use kinto_tests::{Answer, Stub};
use percent_encoding::percent_decode_str;
use serde::ser::{Serialize, SerializeSeq as _, Serializer};
use serde_json::json;

use crate::answers::RECORD;
use crate::driver::Driver;
use crate::place::{Place, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        I07 { numbers_that_are_none_are_not_null; wire }
        I08 { nesting_ends_before_the_stack_does; wire }
        I10 { filters_are_one_parameter_each, filters_find_the_type_that_they_say; wire }
        I18 { a_record_that_is_too_large_is_sent_once; wire }
    }
}

/// All ways in which data go to a server.
fn writes<D: Driver, T: Serialize>(client: &D, data: &T) -> Vec<(&'static str, Result<()>)> {
    let upload = bucket("b").collection("c").attachment("a").upload("a.txt");
    let mut batch = Batch::new();
    let ticket = batch.push(records().create("a", data));
    vec![
        ("create", client.send(records().create("a", data)).map(drop)),
        ("add", client.send(records().add(data)).map(drop)),
        ("replace", client.send(records().replace("a", data)).map(drop)),
        ("attributes", client.send(records().patch("a", Attributes::new(data))).map(drop)),
        ("merge", client.send(records().patch("a", Merge::new(data))).map(drop)),
        ("get or create", client.send(records().get_or_create("a", data)).map(drop)),
        ("upload", client.send(upload.data(data).always().content("x")).map(drop)),
        ("batch", client.send(batch).and_then(|mut outcome| outcome.take(ticket)).map(drop)),
        ("sync", client.send(records().sync([Wanted::new("a", data)])).map(drop)),
    ]
}

/// A server with the collection that the records are for.
fn furnished() -> MemoryServer {
    let server = MemoryServer::new();
    server.send(buckets().create("b", &json!({}))).unwrap();
    server.send(bucket("b").collections().create("c", &json!({}))).unwrap();
    server
}

/// All of them are refused, and nothing is written.
fn refused<D: Driver, T: Serialize>(data: &T, why: &str) {
    let stub = Stub::serving(furnished());
    let it = Place::<D>::at(stub.url());
    for (way, outcome) in writes(&it.client, data) {
        let error = outcome.expect_err(way);
        // A plan reads first.
        let attempts = u32::from(way == "sync");
        let known = (error.kind(), error.attempts(), error.maybe_applied());
        assert_eq!(known, (ErrorKind::Input, attempts, false), "{way}: {error}");
        assert!(error.to_string().contains(why), "{way}: {error}");
    }
    let mut pour = records().bulk(BulkMode::Overwrite);
    let poured = it.client.pour(&mut pour, [Wanted::new("a", data)]).map(|summary| summary.count(Status::Invalid));
    assert_eq!(poured.unwrap(), 1);
    let writes = ["PUT", "POST", "PATCH", "DELETE"];
    let sent = stub.requests();
    assert!(!sent.iter().any(|request| writes.iter().any(|method| request.starts_with(method))), "{sent:?}");
}

fn numbers_that_are_none_are_not_null<D: Driver>() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refused::<D, _>(&BTreeMap::from([("n", number)]), "NaN and infinity are not JSON");
        refused::<D, _>(&BTreeMap::from([("n", vec![Some(number)])]), "NaN and infinity are not JSON");
    }
    refused::<D, _>(&BTreeMap::from([("n", f32::NAN)]), "NaN and infinity are not JSON");
    let stub = Stub::start(|_, _| Answer::json(200, r#"{"data":[]}"#));
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().list().filter(field("n").eq(f64::NAN))).unwrap_err();
    assert_eq!((error.kind(), stub.requests().len()), (ErrorKind::Input, 0), "{error}");
}

/// So many arrays in one another, as no value in memory could be.
struct Nested(u32);

impl Serialize for Nested {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut array = to.serialize_seq(None)?;
        if self.0 > 1 {
            array.serialize_element(&Self(self.0 - 1))?;
        }
        array.end()
    }
}

fn nesting_ends_before_the_stack_does<D: Driver>() {
    for depth in [121, 1000, 100_000] {
        refused::<D, _>(&BTreeMap::from([("deep", Nested(depth))]), "nested deeper than 120 levels");
    }
    // As deep as is allowed.
    let stub = Stub::start(|_, _| Answer::json(201, RECORD));
    let it = Place::<D>::at(stub.url());
    it.client.send(records().create("a", &BTreeMap::from([("deep", Nested(100))]))).unwrap();
    assert!(stub.requests()[0].contains(&"[".repeat(100)));
}

/// The parameters of a request, decoded once.
fn parameters(request: &str) -> Vec<(String, String)> {
    let target = request.split(' ').nth(1).unwrap();
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let (path, query) = target.split_once('?').unwrap();
    assert_eq!(path, "/v1/buckets/b/collections/c/records");
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn filters_are_one_parameter_each<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::json(200, r#"{"data":[]}"#));
    let it = Place::<D>::at(stub.url());
    for odd in ["x&_sort=y", "x#y", "x=y", "a b+c", "100%25", "é\r\nX: y", "?", ";", "\"", "\u{202e}"] {
        it.client.send(records().list().filter(field("n").eq(odd))).unwrap();
        let request = stub.requests().pop().unwrap();
        assert_eq!(parameters(&request), [("n".to_owned(), json!(odd).to_string())], "{request}");
        assert!(!request.to_lowercase().contains("\r\nx: y"), "{request}");

        // A name that would end early is sent whole as well, or not at all.
        let before = stub.requests().len();
        let named = it.client.send(records().list().filter(field(format!("f{odd}")).eq(1)));
        let sorted = it.client.send(records().list().sort(&format!("-f{odd}")));
        let selected = it.client.send(records().list().fields([format!("f{odd}")]));
        let mut sent = stub.requests().split_off(before).into_iter();
        for (outcome, name, value) in [
            (named.map(drop), format!("f{odd}"), "1".to_owned()),
            (sorted.map(drop), "_sort".to_owned(), format!("-f{odd}")),
            (selected.map(drop), "_fields".to_owned(), format!("f{odd}")),
        ] {
            match outcome {
                Ok(()) => {
                    let parameters = parameters(&sent.next().unwrap());
                    let own: Vec<_> = parameters.iter().filter(|(it, _)| *it == name).collect();
                    assert!(own.len() == 1 && own[0].1.starts_with(&value), "{parameters:?}");
                    assert!(!parameters.iter().any(|(it, value)| it == "_sort" && value == "y"), "{parameters:?}");
                }
                Err(error) => assert_eq!((error.kind(), error.attempts()), (ErrorKind::Input, 0), "{error}"),
            }
        }
        assert_eq!(sent.next(), None);
    }
}

fn filters_find_the_type_that_they_say<D: Driver>() {
    let stub = Stub::serving(furnished());
    let it = Place::<D>::at(stub.url());
    for (id, value) in [("number", json!(5)), ("text", json!("5")), ("truth", json!(true)), ("word", json!("true"))] {
        it.client.send(records().create(id, &json!({"n": value}))).unwrap();
    }
    for (filter, found) in [
        (field("n").eq(5), "number"),
        (field("n").eq("5"), "text"),
        (field("n").eq(true), "truth"),
        (field("n").eq("true"), "word"),
    ] {
        let list = it.client.send(records().list().filter(filter)).unwrap();
        assert_eq!(list.items.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), [found]);
    }
}

fn a_record_that_is_too_large_is_sent_once<D: Driver>() {
    const REFUSED: &str = r#"{"code":413,"errno":113,"error":"Request Entity Too Large"}"#;
    let stub =
        Stub::start(|number, _| if number == 0 { Answer::json(413, REFUSED) } else { Answer::json(201, RECORD) });
    let it = Place::<D>::at(stub.url());
    let large = json!({"text": "x".repeat(1_000_000)});
    let error = it.client.send(records().create("a", &large)).unwrap_err();
    let known =
        (error.kind(), error.status().unwrap().as_u16(), error.errno(), error.attempts(), error.maybe_applied());
    assert_eq!(known, (ErrorKind::Server, 413, Some(113), 1, false), "{error}");
    assert!(!error.is_retryable() && error.to_string().len() < 200, "{error}");
    assert_eq!((stub.requests().len(), it.waits()), (1, vec![]));
    it.client.send(records().create("a", &json!({}))).unwrap();

    // What is sent again is the same text and no copy of it.
    let session = it.client.session();
    let mut exchange = session.exchange(records().replace("a", &large));
    let mut now = kinto_protocol::Moment::default();
    let mut at = Vec::new();
    while at.len() < 3 {
        match exchange.next(now) {
            Step::Send(request, _) => {
                at.push(request.body().as_ptr());
                exchange.handle(Ok(http::Response::builder().status(503).body("".into()).unwrap()), now);
            }
            Step::Wait(wait) => now = now.after(wait),
            Step::Done(result) => panic!("{result:?}"),
        }
    }
    assert!(at.iter().all(|it| *it == at[0]));
}
