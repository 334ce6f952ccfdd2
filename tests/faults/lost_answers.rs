//! Writes that are carried out, and whose answers are lost or say otherwise: what the caller is told is what is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kinto_protocol::testing::MemoryServer;
use kinto_protocol::{
    Batch, Class, ErrorKind, JsonMap, JsonPatch, Merge, Method, Object, Request, Response, Result, Status, bucket,
    buckets,
};
use kinto_tests::{Answer, Stub, whole};
use serde_json::json;

use crate::answers::{RECORD, has};
use crate::classes::post;
use crate::driver::Driver;
use crate::place::{Place, facts, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        C07 {
            one_answer_is_lost, all_answers_are_lost, anothers_work_is_told_apart, a_batch_whose_answer_is_lost,
            a_file_is_sent_once; wire
        }
        H08 { one_error_although_it_was_done, errors_although_it_was_done; wire }
    }
}

/// The model with a record `a` in it, and how often it was changed.
#[derive(Clone)]
struct Model {
    server: MemoryServer,
    writes: Arc<AtomicUsize>,
}

impl Model {
    fn new() -> Self {
        let server = MemoryServer::new();
        server.send(buckets().create("b", &json!({}))).unwrap();
        server.send(bucket("b").collections().create("c", &json!({}))).unwrap();
        server.send(records().create("a", &json!({"n": 1, "l": []}))).unwrap();
        Self { server, writes: Arc::default() }
    }

    /// Carries a request out. The model knows no JSON Patch, of which one is enough here: another item in a list.
    fn answer(&self, request: &Request) -> Response {
        let patches = request.headers().get("content-type").is_some_and(|it| it == "application/json-patch+json");
        let response = if patches {
            let mut there: Object = self.server.send(records().get("a")).unwrap();
            there.data["l"].as_array_mut().unwrap().push(json!(1));
            let mut request = request.clone();
            *request.method_mut() = Method::PUT;
            *request.body_mut() = json!({"data": there.data}).to_string().into();
            request.headers_mut().insert("content-type", "application/json".parse().unwrap());
            self.server.answer(&request)
        } else {
            self.server.answer(request)
        };
        let writes = !matches!(*request.method(), Method::GET | Method::HEAD) && response.status().is_success();
        self.writes.fetch_add(usize::from(writes), Ordering::SeqCst);
        response
    }

    /// All that is there, by id.
    fn there(&self) -> Vec<(String, JsonMap)> {
        let mut there: Vec<_> =
            self.server.send(records().list()).unwrap().into_iter().map(|it| (it.id, it.data)).collect();
        there.sort_by(|left, right| left.0.cmp(&right.0));
        there
    }
}

/// A write, and what it leaves: how many records, and what of `a`.
struct Write<D> {
    what: &'static str,
    class: Class,
    /// Whether it gave what it should, and whether it knows that it was repeated.
    send: fn(&D, &Object) -> Result<bool>,
    left: fn(&[(String, JsonMap)]) -> bool,
}

fn writes<D: Driver>() -> Vec<Write<D>> {
    use Class::{Conditional, Once, Repeatable};
    fn a(there: &[(String, JsonMap)]) -> Option<&JsonMap> {
        there.iter().find(|(id, _)| id == "a").map(|(_, data)| data)
    }
    let n2 = |there: &[(String, JsonMap)]| there.len() == 1 && a(there).is_some_and(|it| it["n"] == 2);
    let one_item = |there: &[(String, JsonMap)]| there.len() == 1 && a(there).unwrap()["l"] == json!([1]);
    let one_more =
        |there: &[(String, JsonMap)]| there.len() == 2 && there.iter().any(|(_, it)| it.get("n") == Some(&json!(2)));
    let none = |there: &[(String, JsonMap)]| there.is_empty();
    macro_rules! writes {
        ($($class:ident: $what:literal, $left:expr => |$a:pat_param| $operation:expr, $repeated:expr;)*) => {
            vec![$(Write::<D> {
                what: $what,
                class: $class,
                send: |client, $a| client.send($operation).map($repeated),
                left: $left,
            }),*]
        };
    }
    writes! {
        Repeatable: "overwrite", n2 => |_| records().replace("a", &json!({"n": 2})).overwrite(), |it| it.repeated;
        Repeatable: "merge", n2 => |_| records().patch("a", Merge::new(&json!({"n": 2}))), |it| it.repeated;
        Repeatable: "delete", none => |_| records().delete("a"), |it| it.repeated;
        Conditional: "create", one_more => |_| records().create("new", &json!({"n": 2})), |it| it.repeated;
        Conditional: "add", one_more => |_| records().add(&json!({"n": 2})), |it| it.repeated;
        Conditional: "update", n2 => |a| records().update(&a.clone().map(|mut data| {
            data.insert("n".into(), 2.into());
            data
        })), |it| it.repeated;
        Conditional: "patch if unchanged", n2 =>
            |a| records().patch(a, Merge::new(&json!({"n": 2}))), |it| it.repeated;
        Conditional: "delete if unchanged", none => |a| records().delete("a").if_match(a.last_modified), |it| it.repeated;
        Once: "JSON Patch", one_item => |_| records().patch("a", JsonPatch::new().add("/data/l/-", 1)), |it| it.repeated;
        Once: "POST without an id", one_more => |_| post(), |_| false;
        Once: "delete all", none => |_| records().delete_all(), |_| false;
    }
}

/// What is answered in the place of what the model said.
fn lost(number: usize) -> Answer {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 9".to_vec();
    match number % 4 {
        0 => Answer::Reset(Vec::new()),
        1 => Answer::Close(Vec::new()),
        2 => Answer::Close(half),
        _ => Answer::Close([&half[..], b"99\r\n\r\n{\"data\":{}}"].concat()),
    }
}

/// Each write on its own model, where the answers to the first writes are exchanged.
fn each<D: Driver>(
    exchanged: usize,
    by: impl Fn(usize) -> Answer + Clone + Send + Sync + 'static,
    check: impl Fn(&Write<D>, Result<bool>, &Model, &Place<D>),
) {
    for write in writes::<D>() {
        for way in 0..4 {
            let model = Model::new();
            let (behind, by, met) = (model.clone(), by.clone(), AtomicUsize::new(0));
            let stub = Stub::behind(model.server.clone(), move |_, request, _| {
                let response = behind.answer(request);
                let is_write = !matches!(*request.method(), Method::GET | Method::HEAD);
                let number = if is_write { met.fetch_add(1, Ordering::SeqCst) } else { usize::MAX };
                if number < exchanged { by(way + number) } else { whole(request, response) }
            });
            let a = model.server.send(records().get("a")).unwrap();
            let it = Place::<D>::at(stub.url());
            check(&write, (write.send)(&it.client, &a), &model, &it);
            let there = model.there();
            assert!((write.left)(&there), "{} {way}: {there:?}", write.what);
            // The client is as good as before.
            assert_eq!(it.client.send(records().count()).unwrap(), there.len() as u64);
        }
    }
}

/// It is done once, whatever comes of it; those that are not sent again say that nobody knows.
fn is_done_once<D: Driver>(kind: ErrorKind) -> impl Fn(&Write<D>, Result<bool>, &Model, &Place<D>) {
    move |write, outcome, model, it| {
        let what = write.what;
        if write.class == Class::Once {
            let error = outcome.unwrap_err();
            assert_eq!(facts(&error), (kind, 1, true), "{what}: {error}");
            assert!(it.waits().is_empty(), "{what}");
            assert_eq!(model.writes.load(Ordering::SeqCst), 1, "{what}");
            return;
        }
        let repeated = outcome.unwrap_or_else(|error| panic!("{what}: {error}"));
        // What met its own work read it back. What may be done twice was done twice, to the same effect.
        let twice = matches!(what, "overwrite" | "merge");
        assert_eq!(repeated, !twice, "{what}");
        assert_eq!(model.writes.load(Ordering::SeqCst), 1 + usize::from(twice), "{what}");
        assert_eq!(it.waits().len(), 1, "{what}");
    }
}

fn one_answer_is_lost<D: Driver>() {
    each::<D>(1, lost, is_done_once(ErrorKind::Interrupted));
}

const ERRORS: [u16; 4] = [500, 502, 503, 504];

fn error(number: usize) -> Answer {
    Answer::json(ERRORS[number % 4], r#"{"errno":999,"error":"Internal Server Error"}"#)
}

fn one_error_although_it_was_done<D: Driver>() {
    each::<D>(1, error, is_done_once(ErrorKind::Server));
}

/// Whatever was done, none of it is told as if it had not been.
fn is_in_doubt<D: Driver>(kind: ErrorKind) -> impl Fn(&Write<D>, Result<bool>, &Model, &Place<D>) {
    move |write, outcome, _, _| {
        let error = outcome.unwrap_err();
        let attempts = if write.class == Class::Once { 1 } else { 3 };
        assert_eq!(facts(&error), (kind, attempts, true), "{}: {error}", write.what);
        assert!(error.to_string().contains("may have been applied"), "{error}");
    }
}

fn all_answers_are_lost<D: Driver>() {
    each::<D>(usize::MAX, lost, is_in_doubt(ErrorKind::Interrupted));
}

fn errors_although_it_was_done<D: Driver>() {
    each::<D>(usize::MAX, error, is_in_doubt(ErrorKind::Server));
}

/// Somebody else takes it away or changes it between the two attempts: that is neither one's own success nor a plain
/// conflict.
fn anothers_work_is_told_apart<D: Driver>() {
    let model = Model::new();
    let behind = model.clone();
    let stub = Stub::behind(model.server.clone(), move |number, request, answered| {
        let response = answered();
        if number > 0 {
            return whole(request, response);
        }
        behind.server.send(records().replace("new", &json!({"n": 666})).overwrite()).unwrap();
        Answer::Reset(Vec::new())
    });
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().create("new", &json!({"n": 2}))).unwrap_err();
    assert!(error.is_precondition_failed(), "{error}");
    assert_eq!(facts(&error), (ErrorKind::Server, 2, true), "{error}");
    assert_eq!(error.server().unwrap().existing().unwrap()["n"], 666);
    assert!(error.to_string().contains("may have been applied"), "{error}");
    let methods: Vec<_> = stub.requests().iter().map(|it| it.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(methods, ["PUT", "PUT", "GET"]);
}

/// The answer to the first batch is lost after all of it was carried out.
fn behind_a_lost_batch(model: &Model) -> Stub {
    let met = AtomicUsize::new(0);
    Stub::behind(model.server.clone(), move |_, request, answered| {
        let response = answered();
        let is_first = request.uri().path().ends_with("/batch") && met.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first { Answer::Reset(Vec::new()) } else { whole(request, response) }
    })
}

/// The worst of a batch decides for all.
fn a_batch_whose_answer_is_lost<D: Driver>() {
    let model = Model::new();
    let stub = behind_a_lost_batch(&model);
    let mut batch = Batch::new();
    let created = batch.push(records().create("new", &json!({"n": 2})));
    let replaced = batch.push(records().replace("a", &json!({"n": 2})).overwrite());
    let mut outcome = Place::<D>::at(stub.url()).client.send(batch).unwrap();
    assert_eq!(outcome.summary().count(Status::Done), 2, "{:?}", outcome.stopped());
    assert!(outcome.take(created).unwrap().repeated);
    assert_eq!(outcome.take(replaced).unwrap().data["n"], 2);
    assert_eq!(model.there().len(), 2);

    let model = Model::new();
    let stub = behind_a_lost_batch(&model);
    let mut batch = Batch::new();
    let posted = [batch.push(post()), batch.push(post())];
    let mut outcome = Place::<D>::at(stub.url()).client.send(batch).unwrap();
    assert_eq!(outcome.summary().count(Status::Unknown), 2, "{:?}", outcome.stopped());
    for ticket in posted {
        let error = outcome.take(ticket).unwrap_err();
        assert!(error.maybe_applied() && error.attempts() <= 1, "{error:?}");
    }
    let batches = stub.requests().iter().filter(|request| request.starts_with("POST /v1/batch")).count();
    assert_eq!((batches, model.there().len()), (1, 3));
}

/// A file replaces the one before it, and gets another place: it is never sent twice.
fn a_file_is_sent_once<D: Driver>() {
    let stub = Stub::start(|_, request| match request.split(' ').next().unwrap() {
        "POST" => Answer::Reset(Vec::new()),
        _ if request.starts_with("GET /v1/ ") => has(&["attachments"]).answer,
        _ => Answer::json(200, RECORD),
    });
    let it = Place::<D>::at(stub.url());
    let upload = bucket("b").collection("c").attachment("a").upload("a.txt").content("hello");
    let error = it.client.send(upload).unwrap_err();
    assert_eq!(facts(&error), (ErrorKind::Interrupted, 1, true), "{error}");
    let posts = stub.requests().iter().filter(|request| request.starts_with("POST")).count();
    assert_eq!(posts, 1);
}
