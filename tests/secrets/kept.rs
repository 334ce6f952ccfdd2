//! What is written down and kept: plans, reports, cursors, exports. And the things that are printed in passing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kinto_protocol::openid::{Callback, Login};
use kinto_protocol::testing::{MemoryServer, Recorder, Recording};
use kinto_protocol::{Auth, Batch, Call, Method, Moment, Session, Step, accounts, bucket, buckets, endpoints};
use kinto_tests::Stub;
use serde_json::json;

use crate::canary::{HEADER, NEW_PASSWORD, TOKEN};
use crate::echo::{answer, echo_in_url, errors};
use crate::seen::Seen;

pub(crate) fn looked_through(auth: &Auth, seen: &Seen) {
    let server = MemoryServer::new();
    let session = Session::builder("http://localhost/v1").auth(auth.clone()).header("X-Api-Key", HEADER).seed(7);
    let session = session.build().unwrap();
    let answering = server.clone();
    let client = kinto_blocking::Client::with_transport(session.clone(), move |request| Ok(answering.answer(&request)));
    client.send(buckets().create("b", &json!({}))).unwrap();
    client.send(bucket("b").collections().create("c", &json!({}))).unwrap();
    let records = bucket("b").collection("c").records();
    client.send(records.create("a", &json!({"n": 1}))).unwrap();

    let planning = records.sync([("a".to_owned(), json!({"n": 2})), ("b".to_owned(), json!({"n": 3}))]);
    let survey = format!("{planning:?}");
    let plan = client.send(planning).unwrap();
    let written = serde_json::to_string(&plan).unwrap();
    seen.text("plan", format!("{survey} {plan} {plan:?} {plan:#?} {written} {}", plan.server()));
    let report = client.send(plan.apply()).unwrap();
    seen.text("report", format!("{report:?} {report:#?}"));

    let changes = client.send(records.changes(&kinto_protocol::Cursor::default())).unwrap();
    seen.text("cursor", format!("{:?} {}", changes.cursor, serde_json::to_string(&changes.cursor).unwrap()));

    let mut written = Vec::new();
    client.export_to(bucket("b").export(), &mut written).unwrap();
    seen.text("export", String::from_utf8(written).unwrap());

    let mut exchange = session.exchange(records.get("a"));
    seen.text("exchange", format!("{exchange:?} {session:?} {client:?} {:?}", records.get("a")));
    let step = exchange.next(Moment::default());
    seen.text("step", format!("{step:?} {step:#?} {server:?}"));
}

/// What was recorded with a server that repeats everything, and what a replay says of a request that was not.
pub(crate) fn recorded(auth: &Auth, seen: &Seen) {
    let stub = Stub::start(|number, request| {
        let errors = errors(request);
        let capabilities = r#"{"capabilities":{"accounts":{}}}"#;
        match request.contains(" /v1/ ") {
            true => answer(200, request, &[], capabilities),
            false => answer(403, request, &[("Location", &echo_in_url(request))], &errors[number % errors.len()]),
        }
    });
    let session = kinto_blocking::Client::builder(stub.url()).auth(auth.clone()).header("X-Api-Key", HEADER);
    let recorder = Recorder::new();
    let client = session.build().unwrap().recorded_by(&recorder);
    let call = || Call::new(Method::GET, endpoints::heartbeat());
    for _ in 0..10 {
        client.send(bucket("b").collection("c").records().get("a")).unwrap_err();
        client.send(accounts().create("me", NEW_PASSWORD)).unwrap_err();
        _ = client.send(call().header("X-Of-This-Call", TOKEN).unwrap());
        let mut batch = Batch::new();
        let of_this_call = call().header("X-Of-This-Call", TOKEN).unwrap();
        _ = (batch.push(of_this_call), batch.push(accounts().create("me", NEW_PASSWORD)));
        _ = client.send(batch);
    }
    let text = recorder.recording().to_string();
    assert!(text.matches("[hidden]").count() > 100, "{text}");
    let replay = text.parse::<Recording>().unwrap().replay();
    let client = kinto_blocking::Client::testing(&replay);
    let told = catch_unwind(AssertUnwindSafe(|| _ = client.send(accounts().create("you", NEW_PASSWORD)))).unwrap_err();
    drop(catch_unwind(AssertUnwindSafe(|| replay.finish())));
    seen.text("replay", *told.downcast::<String>().unwrap());
    seen.text("recording", text);
}

/// A login that has begun.
pub(crate) fn callback() -> Callback {
    let session = Session::builder("http://localhost/v1").build().unwrap();
    let mut exchange = session.exchange(Login::new().begin(4, 0x5ec7e7));
    let info = r#"{"capabilities":{"openid":{"providers":[{"name":"a","auth_path":"/openid/a/login"}]}}}"#;
    let Step::Send(..) = exchange.next(Moment::default()) else { panic!("it asks who signs in") };
    exchange.handle(Ok(http::Response::new(info.into())), Moment::default());
    let Step::Done(done) = exchange.next(Moment::default()) else { panic!("it is begun") };
    done.unwrap()
}
