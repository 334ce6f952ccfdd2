//! An asynchronous client for [Kinto](https://docs.kinto-storage.org), the JSON storage service, on hyper and tokio.
//!
//! ```
//! use kinto_async::{Client, bucket};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Todo {
//!     title: String,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), kinto_async::Error> {
//! # let server = kinto_tests::blog();
//! # let (url, auth) = (server.url(), kinto_async::Auth::basic("alexis", "p4ssw0rd"));
//! // Such as "http://localhost:8888/v1" and Auth::basic("alexis", "p4ssw0rd").
//! let client = Client::builder(url).auth(auth).build()?;
//! let todos = bucket("default").collection("todos").records().typed::<Todo>();
//!
//! let mut milk = client.send(todos.create("milk", &Todo { title: "Buy milk".into() })).await?; // only if there is none
//! milk.data.title = "Buy oat milk".into();
//! client.send(todos.update(&milk)).await?; // only if nobody changed it since
//! # Ok(())
//! # }
//! ```
//!
//! Where to begin: the guides for each task are those of
//! [`kinto-blocking`](https://docs.rs/kinto-blocking/latest/kinto_blocking/guide/), with `.await`; what differs, from streams to
//! dropped futures, is on [one page](guide::asynchronous) here.
//!
//! Operations are values: an address such as [`bucket`]`("b").collection("c").records()` makes them, and
//! [`Client::send`] sends any of them. What they are, which rules they obey and which errors they give is the same as in
//! `kinto-blocking`, and is written down in [`kinto_protocol`], all of which is here too.
//!
//! Many of them at once go into a [`Batch`], in few requests and with an outcome each, or are sent side by side with
//! [`Client::send_all`] or [`Client::send_each`]. What can be relied on, when an answer is lost as well, is on one
//! page: [`guarantees`].
//!
//! # When a future is dropped
//!
//! Dropping the future of [`Client::send`] closes the connection of the request that is under way, if one is, and sends
//! nothing more. Whether the server carried that one request out cannot be known, as with any lost answer. What is kept
//! by the caller stays where it stood: send `&mut pages`, `&mut list`, `&mut delete_all` or `&mut batch`, and after a
//! dropped future sending it again goes on.
//!
//! # Without a network
//!
//! Code which uses a client is tested without a server: the feature `testing` has a model of one, scripts and recordings, which
//! [`Client::testing`] takes. And a closure that gives a future is a transport:
//!
//! ```
//! use kinto_async::{Client, Request, Response, Session, TransportError, bucket};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), kinto_async::Error> {
//! let session = Session::builder("https://kinto.example/v1").build()?;
//! let client = Client::with_transport(session, |request: Request| async move {
//!     assert_eq!(request.uri().path(), "/v1/buckets/blog/collections/posts/records/hello");
//!     Ok(Response::new(r#"{"data": {"id": "hello", "last_modified": 1, "title": "Hello"}}"#.into()))
//! });
//! let post = client.send(bucket("blog").collection("posts").records().get("hello")).await?;
//! assert_eq!(post.data["title"], "Hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! - `tls` (default): HTTPS, with rustls and the certificates that the system trusts. Without it, only `http://` works.
//! - `webpki-roots`: trusts Mozilla's list instead of the system's, for machines that have none.
//! - `aws-lc-rs`: HTTPS with that cryptography in place of *ring*; alone, or beside `tls`.
//! - `gzip`: asks for compressed answers.
//! - `attachments`: files attached to records.
//! - `oauth`: signing in through a browser, for servers with OpenID: `Client::login`.
//! - `export`: buckets and collections to and from files of lines, see [`export_format`].
//! - `yaml`: configurations as trees in YAML, the way kinto-wizard has them, see [`yaml_format`]; with `export`.
//! - `http2`: HTTP/2 where the server offers it over TLS.
//! - `signatures`: verifies that the records of a published collection are those that were signed.
//! - `testing`: scripted answers, recordings and a model of a server, for tests of programs: [`testing`].
//! - `tracing`: events for answers, retries, waits and alerts.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "attachments")]
mod attachments;
mod client;
mod connect;
mod connecting;
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
mod payload;
#[cfg(feature = "attachments")]
mod pieces;
mod pour;
mod proxy;
#[cfg(feature = "testing")]
mod recorded;
mod timer;
#[cfg(feature = "_rustls")]
mod tls;
mod transport;
mod transport_hyper;
#[cfg(feature = "attachments")]
mod unfinished;

pub use client::{Client, ClientBuilder};
pub use fan_out::EachStream;
pub use items::{ItemStream, PageStream};
#[doc(inline)]
pub use kinto_protocol::*;
#[cfg(feature = "attachments")]
pub use pieces::{Pieces, Receiver};
pub use transport::{Sending, Transport};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
