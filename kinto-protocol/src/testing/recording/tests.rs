//! What is written down, and what comes of it.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::SET_COOKIE;
use serde_json::{Value, json};

use super::*;
use crate::testing::{MemoryServer, Recorder};
use crate::{Auth, Batch, Call, Flow, Merge, Moment, Request, Step, accounts, bucket, buckets};

/// What either client does.
fn drive<F: Flow>(
    session: &Session,
    recorder: &Recorder,
    flow: F,
    answer: impl Fn(&Request) -> Result<Response, TransportError>,
) -> Result<F::Output> {
    let (mut exchange, mut now) = (session.exchange(flow), Moment::default());
    loop {
        match exchange.next(now) {
            Step::Send(request, _) => {
                let asked = recorder.asked(&request);
                let outcome = answer(&request);
                recorder.answered(asked, &outcome);
                exchange.handle(outcome, now);
            }
            Step::Wait(wait) => now = now.after(wait),
            Step::Done(result) => return result,
        }
    }
}

fn with_record(data: &'static str) -> impl Fn(&Request) -> Result<Response, TransportError> {
    move |_| Ok(Response::new(format!(r#"{{"data":{{"id":"a","last_modified":7,{data}}}}}"#).into()))
}

#[test]
fn what_was_recorded_is_replayed_new_ids_and_retries_and_all() {
    let server = MemoryServer::new();
    server.send(buckets().create("b", &json!({}))).unwrap();
    server.send(bucket("b").collections().create("c", &json!({}))).unwrap();
    let records = bucket("b").collection("c").records();
    let recorder = Recorder::new();
    let session = recorder.begin(&server.session());
    let first = std::cell::Cell::new(true);
    let answer = |request: &Request| {
        // The answer to the first request is lost.
        let response = server.answer(request);
        let lost = TransportError::new(FailureKind::Interrupted, "reset by peer");
        if first.take() { Err(lost) } else { Ok(response) }
    };
    let made = drive(&session, &recorder, records.add(&json!({"n": 1})), answer).unwrap();
    let mut batch = Batch::new();
    let other = batch.push(records.add(&json!({"n": 2})));
    let other = drive(&session, &recorder, batch, answer).unwrap().take(other).unwrap();
    let patched = drive(&session, &recorder, records.patch(&made, Merge::new(&json!({"m": 1}))), answer).unwrap();

    let recording = recorder.recording();
    let text = recording.to_string();
    assert_eq!(text.parse::<Recording>().unwrap(), recording);
    assert_eq!(recorder.recording().to_string(), text, "always the same");
    assert!(text.contains("\"kind\": \"interrupted\"") && text.contains("\"etag\": "), "{text}");
    let replay = text.parse::<Recording>().unwrap().replay();
    assert_eq!(replay.send(records.add(&json!({"n": 1}))).unwrap(), made);
    let mut batch = Batch::new();
    let ticket = batch.push(records.add(&json!({"n": 2})));
    assert_eq!(replay.send(batch).unwrap().take(ticket).unwrap(), other);
    assert_eq!(replay.send(records.patch(&made, Merge::new(&json!({"m": 1})))).unwrap(), patched);
    replay.finish();
}

#[test]
fn two_recordings_of_one_client_make_different_ids() {
    let server = MemoryServer::new();
    let session = server.session();
    let ids = [(), ()].map(|()| {
        let recorder = Recorder::new();
        let session = recorder.begin(&session);
        let made = drive(&session, &recorder, buckets().add(&json!({})), |request| Ok(server.answer(request)));
        made.unwrap().id
    });
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn no_secret_is_written_down() {
    let password = "c4n4ry p4ss/word";
    let session = Session::builder("https://x/v1").auth(Auth::basic("me", password)).header("X-Key", "c4n4ry-key");
    let recorder = Recorder::new();
    let session = recorder.begin(&session.seed(1).build().unwrap());
    recorder.hide("c4n4ry-of-ones-own");
    let echo = |request: &Request| {
        if request.uri().path() == "/v1/" {
            return Ok(Response::new(r#"{"capabilities":{"accounts":{}}}"#.into()));
        }
        let authorization = request.headers()["authorization"].to_str().unwrap();
        let mut response = Response::new(
            json!({"data": {"id": "a", "last_modified": 7, "echo": [authorization, "c4n4ry p4ss/word", "c4n4ry%20p4ss%2Fword"],
                "c4n4ry-key": "c4n4ry-of-ones-own", "token": "c4n4ry-token", "url": "http://me:c4n4ry-user@x/?access_token=c4n4ry",
                "new": "c4n4ry-new", "cookie": "c4n4ry-cookie"}}).to_string().into(),
        );
        response.headers_mut().insert(SET_COOKIE, "session=c4n4ry-cookie; Path=/".parse().unwrap());
        response.headers_mut().insert("location", "https://x/v1/?n=1&token=c4n4ry".parse().unwrap());
        Ok(response)
    };
    let records = bucket("b").collection("c").records();
    drive(&session, &recorder, records.get("a"), echo).unwrap();
    drive(&session, &recorder, accounts().create("me", "c4n4ry-new"), echo).unwrap();
    let call = Call::new(Method::GET, "/x".parse().unwrap()).query("id_token=c4n4ry-id&n=1");
    drive(&session, &recorder, call.header("X-Own", "c4n4ry-header").unwrap(), echo).unwrap();
    let failure = |_: &Request| Err(TransportError::new(FailureKind::Tls, "c4n4ry-header c4n4ry-key"));
    drive(&session, &recorder, records.get("a"), failure).unwrap_err();
    let text = recorder.recording().to_string();
    assert!(!text.contains("c4n4ry") && !text.to_lowercase().contains("authorization"), "{text}");
    assert!(text.contains("[hidden]") && text.contains("id_token=[hidden]&n=1"), "{text}");
    assert!(!format!("{recorder:?} {:?}", recorder.recording()).contains("c4n4ry"));

    // Whoever replays it may be somebody else.
    let replay = text.parse::<Recording>().unwrap().replay();
    assert_eq!(replay.send(records.get("a")).unwrap().data["token"], "[hidden]");
    replay.send(accounts().create("me", "another")).unwrap();
    replay.send(Call::new(Method::GET, "/x".parse().unwrap()).query("n=1&id_token=another")).unwrap();
    replay.send(records.get("a")).unwrap_err();
    replay.finish();
}

#[test]
#[should_panic(expected = "the body at /data/n: expected 1, came 2")]
fn what_was_not_recorded_is_told_like_what_is_not_in_a_script() {
    let recorder = Recorder::new();
    let session = recorder.begin(&MemoryServer::new().session());
    let records = bucket("b").collection("c").records();
    drive(&session, &recorder, records.replace("a", &json!({"n": 1})), with_record("\"n\":1")).unwrap();
    let replay = recorder.recording().replay();
    _ = replay.send(records.replace("a", &json!({"n": 2})));
}

#[test]
fn any_body_comes_back_as_it_was() {
    for body in [&b""[..], b"null", b"[1.50]", b"\xff\x00", b"text", b"{\"n\":123456789012345678901234}", b"{}"] {
        let recorder = Recorder::new();
        let session = recorder.begin(&MemoryServer::new().session());
        let call = || Call::new(Method::GET, "/x".parse().unwrap());
        let answer = |_: &Request| {
            let response = http::Response::builder().header("date", "x").header("x-a", "1").header("x-a", "2");
            Ok(response.status(203).body(Bytes::from_static(body)).unwrap())
        };
        drive(&session, &recorder, call(), answer).unwrap();
        let text = recorder.recording().to_string();
        let reply = text.parse::<Recording>().unwrap().replay().send(call()).unwrap();
        assert_eq!(reply.status(), 203);
        assert_eq!(reply.headers().get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"], "{text}");
        assert!(reply.headers().get("date").is_none());
        let same = reply.body() == body || serde_json::from_slice::<Value>(reply.body()).unwrap() == json!([1.5]);
        assert!(same, "{text}");
    }
}

#[cfg(feature = "gzip")]
#[test]
fn what_was_compressed_is_readable() {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(br#"{"data":{"id":"a","last_modified":7,"n":1}}"#).unwrap();
    let body = Bytes::from(encoder.finish().unwrap());
    let recorder = Recorder::new();
    let session = recorder.begin(&MemoryServer::new().session());
    let answer =
        |_: &Request| Ok(http::Response::builder().header("content-encoding", "gzip").body(body.clone()).unwrap());
    let records = bucket("b").collection("c").records();
    drive(&session, &recorder, records.get("a"), answer).unwrap();
    let text = recorder.recording().to_string();
    assert!(text.contains("\"n\": 1") && !text.contains("gzip"), "{text}");
    assert_eq!(text.parse::<Recording>().unwrap().replay().send(records.get("a")).unwrap().data["n"], 1);
}

#[test]
fn what_is_no_recording_is_refused_and_says_why() {
    let with = |exchange: &str| format!(r#"{{"kinto_recording":1,"server":"http://x/v1","exchanges":[{exchange}]}}"#);
    let request = r#""request":{"method":"GET","path":"/"}"#;
    for (text, why) in [
        ("{}".to_owned(), "missing field"),
        (with("").replace(":1,", ":2,"), "it is of version 2, and this is 1"),
        (with("").replace("http://x", "ftp://x"), "does not begin with https:// or http://"),
        (with("").replace("\"server\"", "\"seed\":\"x\",\"server\""), "its seed is no number"),
        (with(&format!("{{{request}}}")), "GET / has neither answer nor failure, or both"),
        (with(&format!(r#"{{{request},"answer":{{"status":7}}}}"#)), "7 is no status"),
        (with(&format!(r#"{{{request},"answer":{{"status":200,"headers":{{"a b":"c"}}}}}}"#)), "\"a b\" is no header"),
        (
            with(&format!(r#"{{{request},"answer":{{"status":200,"json":1,"text":""}}}}"#)),
            "a body is json, text or base64",
        ),
        (with(&format!(r#"{{{request},"answer":{{"status":200,"base64":"?"}}}}"#)), "a body is no base64"),
        (
            with(&format!(r#"{{{request},"failure":{{"kind":"x","sent":true,"why":""}}}}"#)),
            "\"x\" is no kind of failure",
        ),
        (with(&format!("{{{}}}", request.replace("GET", "G T"))), "\"G T\" is no method"),
    ] {
        let error = text.parse::<Recording>().unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert!(with("").parse::<Recording>().unwrap().replay().session().quiet_until() <= Moment::at(Duration::ZERO));
}
