//! Servers that are read-only, that ask for silence, that end: each is started for its scenario alone, with the memory
//! backend, as none of this has to do with storage.

use std::sync::mpsc;
use std::time::Duration;

use http::Method;
use kinto_protocol::{
    Attributes, Auth, ErrorKind, Event, OnBackoff, bucket, buckets, endpoints, heartbeat, server_info,
};
use kinto_tests::KintoServer;
use serde_json::json;

use crate::context::{Kinto, raw, refused, status};
use crate::driver::{Driver, Setup};

/// A client and what it is told.
fn observed<D: Driver>(url: &str) -> (D, mpsc::Receiver<String>) {
    let (told, tells) = mpsc::channel();
    let mut setup = Setup::of(url);
    setup.observer = Some(Box::new(move |event: &Event<'_>| {
        let _ = told.send(match event {
            Event::Answered { request, status } => format!("{request}: {}", status.as_u16()),
            Event::Alert { code, message, url } => format!("alert {code:?} {message:?} {url:?}"),
            other => format!("{other:?}"),
        });
    }));
    (D::build(setup).unwrap(), tells)
}

pub(crate) fn readonly_and_ending_and_silent<D: Driver>(kinto: &Kinto<D>) {
    let server = KintoServer::builder(kinto.backend)
        .setting("kinto.includes", "kinto.plugins.default_bucket")
        // Whoever says who they are is believed: nobody could make an account here.
        .setting("multiauth.policies", "basicauth")
        .setting("multiauth.policy.basicauth.use", "kinto.core.authentication.BasicAuthAuthenticationPolicy")
        .setting("kinto.readonly", "true")
        .setting("kinto.batch_max_requests", "0")
        .setting("kinto.backoff", "3600")
        .setting("kinto.eos", "2199-12-31")
        .setting("kinto.eos_message", "Moving out")
        .setting("kinto.eos_url", "https://kinto.example/eos");
    let server = server.start().unwrap();
    // Each of them new to the server's wish for silence.
    let client = || D::build(Setup::of(server.url())).unwrap();

    let (observed, tells) = observed::<D>(server.url());
    let info = observed.send(server_info()).unwrap();
    assert!(info.settings.readonly);
    assert_eq!(info.settings.batch_max_requests, kinto_protocol::BatchLimit::Unlimited);
    assert!(info.has("default_bucket") && !info.has("history") && !info.has("attachments"));
    assert_eq!(info.eos.as_deref(), Some("2199-12-31"));
    let alert = r#"alert Some("soft-eol") "Moving out" Some("https://kinto.example/eos")"#;
    assert_eq!(tells.try_iter().collect::<Vec<_>>(), ["GET /: 200", alert]);

    // All clones keep the silence, and wait no longer than they have time.
    let hour = Duration::from_secs(3590)..=Duration::from_secs(3600);
    let error = refused(observed.clone().send(heartbeat()));
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Backoff, 0));
    assert!(hour.contains(&error.retry_in().unwrap()), "{error}");
    assert!(error.is_retryable() && !error.maybe_applied());
    let line = error.to_string();
    assert!(line.starts_with("GET /__heartbeat__: the server asked for silence"), "{line}");
    assert!(line.contains(", retry in 3"), "{line}");
    let failing = observed.with_policy(|policy| {
        policy.deadline = Duration::from_secs(24 * 3600);
        policy.on_backoff = OnBackoff::Fail;
    });
    assert_eq!(refused(failing.send(heartbeat())).kind(), ErrorKind::Backoff);
    assert_eq!(tells.try_iter().collect::<Vec<_>>(), [""; 0], "nothing was sent");

    let error = refused(client().send(buckets().create("b", &json!({}))));
    assert_eq!((error.status().map(|status| status.as_u16()), error.errno()), (Some(405), Some(115)));
    assert_eq!(
        error.to_string(),
        "PUT /buckets/b: 405 Method Not Allowed (errno 115): Method not allowed on this endpoint. \
         (the server may be read-only: see settings.readonly in server_info())"
    );
    let records = bucket("b").collection("c").records();
    assert_eq!(status(client().send(records.patch("r", Attributes::new(&json!({}))))), (405, Some(115)));
    assert_eq!(status(client().send(records.delete_all())), (405, Some(115)));
    assert_eq!(status(client().send(records.add(&json!({})))), (405, Some(115)));
    // A 401 may ask for silence too, and be an answer all the same.
    assert_eq!(status(client().send(records.get("r"))), (401, Some(104)));
    // S51: where reading would write.
    let alice = client().with_auth(Some(Auth::basic("alice", "x"))).unwrap();
    assert_eq!(status(alice.send(raw(Method::GET, &endpoints::collection("default", "c"), ""))), (405, Some(115)));
}

pub(crate) fn ended<D: Driver>(kinto: &Kinto<D>) {
    let server = KintoServer::builder(kinto.backend)
        .setting("kinto.includes", "kinto.plugins.accounts")
        .setting("kinto.eos", "2020-01-01")
        .setting("kinto.eos_message", "Gone fishing")
        .setting("kinto.eos_url", "https://kinto.example/eos");
    let server = server.start().unwrap();
    let (client, tells) = observed::<D>(server.url());
    let error = refused(client.send(server_info()));
    assert_eq!((error.kind(), error.status().map(|status| status.as_u16())), (ErrorKind::Server, Some(410)));
    assert_eq!(error.errno(), Some(202));
    assert!(!error.is_retryable() && error.attempts() == 1, "{error:?}");
    assert_eq!(
        error.to_string(),
        "GET /: 410 Gone (errno 202): The service you are trying to connect no longer exists at this location. \
         (this service has ended)"
    );
    assert_eq!(status(client.send(heartbeat())), (410, Some(202)));
    let alert = r#"alert Some("hard-eol") "Gone fishing" Some("https://kinto.example/eos")"#;
    let told = ["GET /: 410", alert, "GET /__heartbeat__: 410"];
    assert_eq!(tells.try_iter().collect::<Vec<_>>(), told, "the alert once");
}
