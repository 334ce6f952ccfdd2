//! One page per task: the program, what can go wrong, where to read on.
//!
//! What goes into the `Cargo.toml` for them; features of the library are named where one is needed:
//!
//! ```toml
//! [dependencies]
//! kinto-blocking = "0.1" # or { path = "…/kinto-blocking" }, in a checkout, while it is not published
//! serde = { version = "1", features = ["derive"] } # types of your own
//! serde_json = "1" # and json!
//! ```
//!
//! A server to try them on, until you press Enter, is started by `cargo run --example serve` in a checkout of the library; all
//! that it takes is Python. It says its URL, and who you can be:
//! `Client::builder(url).auth(Auth::basic("alexis", "p4ssw0rd")).build()?`.
//!
//! | | |
//! | --- | --- |
//! | [`connect`] | a client: who you are, how patient, is the server there |
//! | [`read`] | one record, all, some; is anything new |
//! | [`write`](mod@write) | making, changing and deleting so that nobody's work is lost |
//! | [`batch`] | many operations in few requests |
//! | [`sync`] | a collection as it is wanted: plan, show, apply; and a copy of one |
//! | [`attachments`] | files of records |
//! | [`review`] | changes that somebody looks at before they are published |
//! | [`errors`] | what an error says, and what has been tried by then |
//! | [`testing`] | tests of your program without a network |
//! | [`embedding`](kinto_protocol::guide::embedding) | the same with an HTTP client of your own |
//!
//! Each program is tested, on a real server where one is needed. Where a guide has a function that takes a `client`, that is
//! the one of [`connect`]. For `kinto-async` all of it holds with `.await`; what differs is in the guide of that crate.

#[cfg(feature = "attachments")]
#[doc = include_str!("guide/attachments.md")]
pub mod attachments {}
#[doc = include_str!("guide/batch.md")]
pub mod batch {}
#[doc = include_str!("guide/connect.md")]
pub mod connect {}
#[doc = include_str!("guide/errors.md")]
pub mod errors {}
#[doc = include_str!("guide/read.md")]
pub mod read {}
#[doc = include_str!("guide/review.md")]
pub mod review {}
#[doc = include_str!("guide/sync.md")]
pub mod sync {}
#[cfg(feature = "testing")]
#[doc = include_str!("guide/testing.md")]
pub mod testing {}
#[doc = include_str!("guide/write.md")]
pub mod write {}
