//! A blocking client for [Kinto](https://docs.kinto-storage.org), the JSON storage service.
//!
//! ```
//! use kinto_blocking::{Client, bucket};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Todo {
//!     title: String,
//! }
//!
//! # let server = kinto_tests::blog();
//! # let (url, auth) = (server.url(), kinto_blocking::Auth::basic("alexis", "p4ssw0rd"));
//! // Such as "http://localhost:8888/v1" and Auth::basic("alexis", "p4ssw0rd").
//! let client = Client::builder(url).auth(auth).build()?;
//! let todos = bucket("default").collection("todos").records().typed::<Todo>();
//!
//! let mut milk = client.send(todos.create("milk", &Todo { title: "Buy milk".into() }))?; // only if there is none
//! milk.data.title = "Buy oat milk".into();
//! client.send(todos.update(&milk))?; // only if nobody changed it since
//! for todo in client.items(todos.list().sort("title")) {
//!     println!("{}", todo?.data.title);
//! }
//! # Ok::<(), kinto_blocking::Error>(())
//! ```
//!
//! Where to begin: the [`guide`] has a page for each task.
//!
//! Operations are values: an address such as [`bucket`]`("b").collection("c").records()` makes them, and
//! [`Client::send`] sends any of them. What they are, which rules they obey and which errors they give is the same as in
//! `kinto-async`, and is written down in [`kinto_protocol`], all of which is here too.
//!
//! Many of them at once go into a [`Batch`], in few requests and with an outcome each, or are sent side by side with
//! [`Client::send_all`] or [`Client::send_each`]. What can be relied on, when an answer is lost as well, is on one
//! page: [`guarantees`].
//!
//! # Without a network
//!
//! Code which uses a client is tested without a server: the feature `testing` has a model of one, scripts and recordings, see
//! [the guide](guide::testing). And a closure is a transport:
//!
//! ```
//! use kinto_blocking::{Client, Request, Response, Session, TransportError, bucket};
//!
//! let session = Session::builder("https://kinto.example/v1").build()?;
//! let client = Client::with_transport(session, |request: Request| -> Result<Response, TransportError> {
//!     assert_eq!(request.uri().path(), "/v1/buckets/blog/collections/posts/records/hello");
//!     Ok(Response::new(r#"{"data": {"id": "hello", "last_modified": 1, "title": "Hello"}}"#.into()))
//! });
//! let post = client.send(bucket("blog").collection("posts").records().get("hello"))?;
//! assert_eq!(post.data["title"], "Hello");
//! # Ok::<(), kinto_blocking::Error>(())
//! ```
//!
//! # Features
//!
//! - `tls` (default): HTTPS, with rustls and the certificates that the system trusts. Without it, only `http://` works.
//! - `webpki-roots`: trusts Mozilla's list instead of the system's, for machines that have none.
//! - `aws-lc-rs`: HTTPS with that cryptography in place of *ring*; alone, or beside `tls`.
//! - `gzip`: asks for compressed answers.
//! - `attachments`: files attached to records.
//! - `export`: buckets and collections to and from files of lines, see [`export_format`].
//! - `cli`: arguments for command-line programs of one's own ([`cli`]), and the command `kinto`.
//! - `yaml`: configurations as trees in YAML, the way kinto-wizard has them, see [`yaml_format`]; with `export`.
//! - `signatures`: verifies that the records of a published collection are those that were signed.
//! - `oauth`: signing in through a browser, for servers with OpenID: `Client::login`.
//! - `testing`: scripted answers, recordings and a model of a server, for tests of programs: [`testing`].
//! - `tracing`: events for retries, waits and alerts.
//!
//! # Logs
//!
//! Nothing of this library's own holds a secret, data or the values of a query. ureq says more of itself, to programs that
//! use the crate `log`: whole URLs at the level `debug` under the name `ureq`, and at `trace` under the name `ureq_proto`
//! every byte that goes over the wire, **credentials included**. Whoever logs at these levels leaves those names out.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "attachments")]
mod attachments;
#[cfg(feature = "cli")]
pub mod cli;
mod client;
mod connect;
#[cfg(feature = "export")]
mod export;
mod fan_out;
pub mod guide;
mod items;
#[cfg(any(feature = "attachments", feature = "export"))]
mod local;
#[cfg(feature = "oauth")]
mod login;
#[cfg(feature = "attachments")]
mod pieces;
mod pour;
#[cfg(feature = "testing")]
mod recorded;
#[cfg(feature = "_rustls")]
mod tls;
mod transport;
mod transport_ureq;
#[cfg(feature = "attachments")]
mod unfinished;

pub use client::{Client, ClientBuilder};
pub use fan_out::EachIter;
pub use items::{ItemIter, PageIter};
#[doc(inline)]
pub use kinto_protocol::*;
#[cfg(feature = "attachments")]
pub use pieces::{Pieces, Receiver};
pub use transport::Transport;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
