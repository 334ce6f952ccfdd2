//! What a server says of itself, in `Alert` and at its root.

use kinto_protocol::{Batch, BatchLimit, ErrorKind, server_info};
use kinto_tests::{Answer, Stub};
use serde_json::json;

use crate::answers::{RECORD, answer, info, json as scripted, raw};
use crate::driver::Driver;
use crate::place::{Place, Told, records};
use crate::row::{Row, rows};

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        K01 { alerts_are_told_when_they_change, alerts_of_errors_and_of_waits; wire }
        K17 {
            fields_may_be_missing, fields_of_other_types, what_is_not_kinto, what_failed_is_asked_again,
            its_url_is_nobody_s_business; wire
        }
    }
}

fn alert(text: &str) -> Answer {
    let length = RECORD.len();
    raw(&format!("HTTP/1.1 200 OK\r\nAlert: {text}\r\nContent-Length: {length}\r\n\r\n{RECORD}")).answer
}

fn alerts(told: &[Told]) -> Vec<String> {
    told.iter().filter_map(|told| if let Told::Alert(text) = told { Some(text.clone()) } else { None }).collect()
}

fn alerts_are_told_when_they_change<D: Driver>() {
    let soft = r#"{"code":"soft-eol","message":"It ends soon","url":"http://docs.test"}"#;
    let texts = [
        soft,
        soft,
        "nonsense",
        "nonsense",
        r#"{"message":"#,
        "[]",
        r#"{"code":5,"message":["x"],"url":null}"#,
        "\u{1f525}",
        soft,
    ];
    let stub =
        Stub::start(move |number, _| texts.get(number).map_or_else(|| Answer::json(200, RECORD), |it| alert(it)));
    let it = Place::<D>::at(stub.url());
    // One without says nothing of the last one.
    for _ in 0..=texts.len() {
        assert_eq!(it.client.clone().send(records().get("a")).unwrap().id, "a");
    }
    let heard = alerts(&it.told());
    assert_eq!(heard, ["It ends soon", "nonsense", r#"{"message":"#, "[]", "", "\u{1f525}", "It ends soon"]);
}

fn alerts_of_errors_and_of_waits<D: Driver>() {
    let stub = Stub::start(|number, _| match number {
        0 => answer(503, &[("Alert", "down for a moment")], "").answer,
        1 => answer(404, &[("Alert", "gone")], r#"{"errno":110}"#).answer,
        _ => answer(410, &[("Alert", r#"{"code":"hard-eol","message":"It has ended"}"#)], r#"{"errno":202}"#).answer,
    });
    let it = Place::<D>::at(stub.url());
    assert!(it.client.send(records().get("a")).unwrap_err().is_not_found());
    assert_eq!(it.client.send(records().get("a")).unwrap_err().errno(), Some(202));
    assert_eq!(alerts(&it.told()), ["down for a moment", "gone", "It has ended"]);
    assert_eq!(stub.requests().len(), 3);
}

fn fields_may_be_missing<D: Driver>() {
    for body in [
        "{}",
        r#"{"settings":{},"capabilities":{}}"#,
        r#"{"project_name":null,"project_version":null,"url":null,"eos":null,"user":null}"#,
        r#"{"settings":null,"capabilities":null}"#,
        r#"{"settings":{"readonly":null,"explicit_permissions":null}}"#,
        r#"{"of the future":{"x":[1]}}"#,
    ] {
        let stub = Stub::start(|_, _| Answer::json(200, body));
        let it = Place::<D>::at(stub.url());
        let info = it.client.send(server_info()).unwrap_or_else(|error| panic!("{body}: {error}"));
        assert_eq!(
            (info.project_name.as_deref(), info.user.is_none(), info.url.is_none()),
            (None, true, true),
            "{body}"
        );
        assert_eq!((info.settings.batch_max_requests, info.settings.readonly), (BatchLimit::Unknown, false), "{body}");
        assert!(info.capabilities.is_empty() && !info.has("history"), "{body}");
    }
    let stub = Stub::start(|_, _| Answer::json(200, r#"{"user":{"id":"me","principals":null,"bucket":null}}"#));
    let user = Place::<D>::at(stub.url()).client.send(server_info()).unwrap().user.unwrap();
    assert_eq!((user.id.as_str(), user.principals.len()), ("me", 0));
}

fn fields_of_other_types<D: Driver>() {
    for body in [
        "[]",
        "[null]",
        "null",
        "\"kinto\"",
        "7",
        r#"{"settings":[]}"#,
        r#"{"settings":"x"}"#,
        r#"{"settings":{"batch_max_requests":"25"}}"#,
        r#"{"settings":{"readonly":"yes"}}"#,
        r#"{"capabilities":[]}"#,
        r#"{"capabilities":{"history":7}}"#,
        r#"{"user":{}}"#,
        r#"{"user":"me"}"#,
        r#"{"user":["me"]}"#,
        r#"{"project_name":{}}"#,
        r#"{"url":5}"#,
    ] {
        let stub = Stub::start(|_, _| Answer::json(200, body));
        let it = Place::<D>::at(stub.url());
        let outcome = it.client.send(server_info());
        assert_eq!(outcome.as_ref().map_err(|error| error.kind()), Err(ErrorKind::Decode), "{body}: {outcome:?}");
        assert_eq!(stub.requests().len(), 1);
    }
}

fn what_is_not_kinto<D: Driver>() {
    let stub =
        Stub::start(|_, _| answer(200, &[("Content-Type", "text/html")], "<html>Welcome to nginx!</html>").answer);
    let it = Place::<D>::at(stub.url());
    let error = it.client.send(server_info()).unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Decode, 1), "{error}");
    assert!(error.to_string().contains("is the base URL that of a Kinto server"), "{error}");
}

fn what_failed_is_asked_again<D: Driver>() {
    let object = |id: &str| format!(r#"{{"status":201,"body":{{"data":{{"id":"{id}","last_modified":7}}}}}}"#);
    let both = scripted(200, &format!(r#"{{"responses":[{},{}]}}"#, object("a"), object("b"))).answer;
    for trouble in [
        answer(200, &[], "<html>").answer,
        scripted(403, r#"{"errno":121}"#).answer,
        answer(404, &[], "").answer,
        scripted(200, "[]").answer,
    ] {
        let both = both.clone();
        let stub = Stub::start(move |number, request| match request.starts_with("GET /v1/ ") {
            true if number == 0 => trouble.clone(),
            true => info("25").answer,
            false => both.clone(),
        });
        let it = Place::<D>::at(stub.url());
        for _ in 0..3 {
            let batch: Batch = ["a", "b"].map(|id| records().create(id, &json!({}))).into_iter().collect();
            assert!(it.client.send(batch).unwrap().summary().is_success());
        }
        let first =
            stub.requests().iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(first, ["/v1/", "/v1/batch", "/v1/", "/v1/batch", "/v1/batch"], "until it is known");
    }
    // 503 is tried again by itself.
    let stub = Stub::start(|number, _| if number == 0 { answer(503, &[], "").answer } else { info("5").answer });
    let it = Place::<D>::at(stub.url());
    let info = it.client.send(server_info()).unwrap();
    assert_eq!((info.settings.batch_max_requests, it.waits().len()), (BatchLimit::AtMost(5), 1));
}

fn its_url_is_nobody_s_business<D: Driver>() {
    let other = Stub::start(|_, _| Answer::json(200, RECORD));
    let says = format!(r#"{{"url":"{}/","settings":{{"batch_max_requests":25}}}}"#, other.url());
    let stub =
        Stub::start(move |_, request| Answer::json(200, if request.starts_with("GET /v1/ ") { &says } else { RECORD }));
    let it = Place::<D>::at(stub.url());
    let info = it.client.send(server_info()).unwrap();
    assert_eq!(info.url.as_deref(), Some(format!("{}/", other.url()).as_str()));
    assert_eq!(it.client.send(records().get("a")).unwrap().id, "a");
    let batch: Batch = ["a", "b"].map(|id| records().get(id)).into_iter().collect();
    let _ = it.client.send(batch).unwrap();
    assert_eq!((stub.requests().len(), other.connections()), (4, 0));
}
