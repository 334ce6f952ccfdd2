//! What the examples share: a server to talk to, given on the command line or started on the spot, and a voice.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use kinto_blocking::testing::MemoryServer;
use kinto_blocking::{
    Auth, Call, Client, Event, GroupData, Permissions, ServerInfo, accounts, bucket, buckets, endpoints,
};
use kinto_tests::{Backend, KintoServer};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A server, and who we are to it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Place {
    /// The URL of its API.
    pub url: String,
    /// Our credentials.
    pub auth: Auth,
    /// The server, if it was started for this program: it ends when this is dropped.
    pub own: Option<KintoServer>,
}

/// Reads `--server URL --auth USER:PASS` (or `"Bearer TOKEN"`) from the command line. Without a URL, starts a Kinto
/// server of its own with an account on it.
///
/// # Errors
///
/// Arguments that are none of these, or a server that cannot be started.
pub fn place() -> Result<Place, Box<dyn Error>> {
    let (mut url, mut auth) = (None, None);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--server" => url = Some(value()?),
            "--auth" => auth = Some(value()?.parse()?),
            _ => return Err("usage: [--server URL --auth USER:PASS]".into()),
        }
    }
    match (url, auth) {
        (Some(url), Some(auth)) => Ok(Place { url, auth, own: None }),
        (Some(_), None) => Err("--server needs --auth USER:PASS as well".into()),
        (None, Some(_)) => Err("--auth needs --server URL as well".into()),
        (None, None) => {
            let server = KintoServer::start(Backend::Memory)?;
            let sign_up = Call::new(Method::PUT, endpoints::account("alexis"));
            Client::builder(server.url()).build()?.send(sign_up.json(&json!({"data": {"password": "p4ssw0rd"}}))?)?;
            let auth = Auth::basic("alexis", "p4ssw0rd");
            Ok(Place { url: server.url().to_owned(), auth, own: Some(server) })
        }
    }
}

/// A server of its own on which collections of `main-workspace` are reviewed and published in `main`, and a client of the
/// editor there. A second one, of the reviewer.
///
/// # Errors
///
/// When it cannot be started.
pub fn review_place() -> Result<(KintoServer, Client, Client), Box<dyn Error>> {
    let server = KintoServer::start(Backend::Signer)?;
    let anonymous = Client::builder(server.url()).build()?;
    let of = |name: &str| -> Result<Client, kinto_blocking::Error> {
        anonymous.send(accounts().create(name, "p4ssw0rd"))?;
        anonymous.with_auth(Some(Auth::basic(name, "p4ssw0rd")))
    };
    let (editor, reviewer) = (of("alexis")?, of("rita")?);
    let writers = Permissions::new().write(["account:rita"]);
    editor.send(buckets().create("main-workspace", &json!({})).permissions(writers))?;
    let groups = bucket("main-workspace").groups();
    editor.send(groups.create("editors", &GroupData::of(["account:alexis"])))?;
    editor.send(groups.create("reviewers", &GroupData::of(["account:rita"])))?;
    Ok((server, editor, reviewer))
}

/// A client of a model of a server, for snippets that are about what is sent and not about where: with a bucket `blog`, in
/// which there is a collection `posts`, and a bucket `archive`.
///
/// # Errors
///
/// When it is not as these snippets need it.
pub fn client_of_a_model() -> Result<Client, kinto_blocking::Error> {
    let server = MemoryServer::new();
    let (session, model) = (server.session(), server.clone());
    server.send(buckets().create("archive", &json!({})))?;
    server.send(buckets().create("blog", &json!({})))?;
    server.send(bucket("blog").collections().create("posts", &json!({})))?;
    server.send(bucket("blog").collection("posts").records().create("hello", &json!({"title": "Hello"})))?;
    Ok(Client::with_transport(session, move |request| Ok(model.answer(&request))))
}

/// What the tours write.
#[derive(Debug, Serialize, Deserialize)]
#[allow(clippy::exhaustive_structs, reason = "the examples make it")]
pub struct Todo {
    /// What to do.
    pub title: String,
    /// Whether it is done.
    pub done: bool,
    /// From 1, which can wait, to 9.
    pub priority: u8,
}

/// Counts answers by method and status.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Mutex<BTreeMap<String, u32>>>);

impl Answers {
    /// Takes note of an event.
    pub fn count(&self, event: &Event<'_>) {
        if let Event::Answered { request, status } = event {
            let what = format!("{:6} {}", request.method().as_str(), status.as_u16());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
        }
    }

    /// Says what was counted.
    pub fn tell(&self) {
        title("What it took");
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (what, count) in counted.iter() {
            say(&format!("{count:3} × {what}"));
        }
        say(&format!("{:3} requests in all", counted.values().sum::<u32>()));
    }
}

/// Says what a server is, and who we are to it.
///
/// # Errors
///
/// When we are nobody to it.
pub fn introduce(place: &Place, info: &ServerInfo) -> Result<(), Box<dyn Error>> {
    title("The server");
    let user = info.user.as_ref().ok_or("these credentials are not known to the server")?;
    let own = if place.own.is_some() { ", started for this tour" } else { "" };
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    say(&format!("{} {} at {}{own}", text(&info.project_name), text(&info.project_version), place.url));
    say(&format!("speaks protocol {}, and to it we are {}", text(&info.http_api_version), user.id));
    say(&format!("it can do {}", info.capabilities.keys().map(String::as_str).collect::<Vec<_>>().join(", ")));
    Ok(())
}

/// Begins a chapter.
pub fn title(text: &str) {
    println!("\n{text}");
    println!("{}", "─".repeat(text.chars().count()));
}

/// Says a line.
pub fn say(text: &str) {
    println!("  {text}");
}

/// The snippets of the README, so that they compile and say what is so.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// The guide to driving the core: here, as it needs an HTTP client and a server, which the core has not even for its tests.
#[cfg(doctest)]
#[doc = include_str!("../kinto-protocol/src/guide/embedding.md")]
mod embedding {}
