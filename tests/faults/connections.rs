//! Connections that cannot be had, or break, or carry something else.

use kinto_protocol::ErrorKind;
use kinto_protocol::testing::MemoryServer;
use kinto_tests::{Answer, Stub, whole};
use serde_json::json;

use crate::answers::RECORD;
use crate::driver::Driver;
use crate::place::{Place, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        C06 { twice_reset_before_an_answer, reset_whenever_it_is_tried; wire }
        C07 { the_answer_to_a_creation_is_lost; wire }
    }
}

fn twice_reset_before_an_answer<D: Driver>() {
    let stub = Stub::start(|number, _| match number {
        0 => Answer::Reset(Vec::new()),
        1 => Answer::Close(Vec::new()),
        _ => Answer::json(200, RECORD),
    });
    let it = Place::<D>::at(stub.url());
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    assert_eq!((stub.requests().len(), it.waits().len()), (3, 2));
}

fn reset_whenever_it_is_tried<D: Driver>() {
    let stub = Stub::start(|_, _| Answer::Reset(Vec::new()));
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(records().get("a")).unwrap_err();
    assert_eq!((error.kind(), error.attempts(), error.maybe_applied()), (ErrorKind::Interrupted, 3, false), "{error}");
    assert_eq!(stub.requests().len(), 3);
}

fn the_answer_to_a_creation_is_lost<D: Driver>() {
    let stub = Stub::behind(MemoryServer::new(), |_, request, answered| {
        let response = answered();
        let is_first = request.method() == "POST" && response.status() == 201;
        if is_first { Answer::Reset(Vec::new()) } else { whole(request, response) }
    });
    let it = Place::<D>::at(stub.url());
    it.client.send(kinto_protocol::buckets().create("b", &json!({}))).unwrap();
    it.client.send(kinto_protocol::bucket("b").collections().create("c", &json!({}))).unwrap();
    let created = it.client.send(records().add(&json!({"n": 1}))).unwrap();
    let there: Vec<String> = it.client.items(records().list()).map(|record| record.unwrap().id).collect();
    assert_eq!(there, [created.id]);
}
