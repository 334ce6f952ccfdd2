//! What the examples share: a server to talk to, given on the command line or started on the spot.

use std::env;
use std::error::Error;

use http::Method;
use kinto_blocking::{Auth, Call, Client, endpoints};
use kinto_tests::{Backend, KintoServer};
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

/// The snippets of the README, so that they compile and say what is so.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
