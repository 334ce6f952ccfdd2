//! What tests of programs need instead of a server: feature `testing`.
//!
//! Three things stand in for a server, and either client takes any of them: `Client::testing(&it)`. Which one?
//!
//! | | for | it fails if |
//! | --- | --- | --- |
//! | [`MemoryServer`] | programs that write and read back: what counts is what is there in the end | it never does: look at what it has |
//! | [`Script`] | programs that have to ask for certain things, and what they make of an answer: errors, lost connections, 503 | something else is asked for, or not everything |
//! | [`Recording`] | programs that use what only a real server has: plugins, reviews, permissions | something else is asked for than when it was recorded |
//!
//! A model stores what it is sent:
//!
//! ```
//! use kinto_protocol::testing::MemoryServer;
//! use kinto_protocol::{bucket, buckets};
//! use serde_json::json;
//!
//! let server = MemoryServer::new(); // Client::testing(&server)
//! server.send(buckets().create("blog", &json!({})))?;
//! server.send(bucket("blog").collections().create("posts", &json!({})))?;
//! let posts = bucket("blog").collection("posts").records();
//! server.send(posts.create("hello", &json!({"title": "Hello"})))?;
//! assert_eq!(server.send(posts.count())?, 1);
//! # Ok::<(), kinto_protocol::Error>(())
//! ```
//!
//! A script is told what to expect, in operations, and what to answer:
//!
//! ```
//! use kinto_protocol::testing::{Answer, Script};
//! use kinto_protocol::bucket;
//! use serde_json::json;
//!
//! let posts = bucket("blog").collection("posts").records();
//! let script = Script::new(); // Client::testing(&script)
//! script.expect(posts.create("hello", &json!({"title": "Hello"})), Answer::error(403, 121));
//! assert!(script.send(posts.create("hello", &json!({"title": "Hello"}))).unwrap_err().is_forbidden());
//! script.finish();
//! ```
//!
//! A recording is made once, with a real server, by `client.recorded_by(&recorder)`. It is saved as JSON without secrets, and
//! replayed without the server:
//!
//! ```
//! use kinto_protocol::bucket;
//! use kinto_protocol::testing::Recording;
//!
//! # let saved = r#"{"kinto_recording": 1, "server": "http://localhost:8888/v1", "exchanges": [{
//! #   "request": {"method": "HEAD", "path": "/buckets/blog/collections/posts/records"},
//! #   "answer": {"status": 200, "headers": {"total-objects": "3"}}
//! # }]}"#;
//! let recording: Recording = saved.parse()?; // include_str!("recorded.json")
//! let replay = recording.replay(); // Client::testing(&replay)
//! assert_eq!(replay.send(bucket("blog").collection("posts").records().count())?, 3);
//! replay.finish();
//! # Ok::<(), kinto_protocol::Error>(())
//! ```
//!
//! # What is new each time
//!
//! Ids are made by the client, by lot, and so is how long it waits before a retry. The sessions of all three roll the same
//! dice each time, so that a test gets the same ids; a script takes any id where a new one is expected; and a recording
//! keeps where the dice began.
//!
//! ```text
//!  a flow ─▶ Exchange ─▶ http::Request ─▶ MemoryServer, Script ─▶ http::Response ─▶ Exchange ─▶ its output
//!                                          │               ▲
//!                               Recorder ──┴─▶ Recording ──┘
//! ```

mod answer;
mod asked;
mod batch;
mod difference;
mod discreet;
mod double;
mod expected;
mod memory_server;
mod recorder;
mod recording;
mod script;
#[doc = include_str!("testing/memory_server.md")]
pub mod what_is_modelled {}

pub use answer::Answer;
pub use asked::{Asked, Content};
pub use double::{Answering, TestDouble};
pub use expected::{Expect, Expected};
pub use memory_server::{MemoryServer, Seen};
pub use recorder::{Recorded, Recorder};
pub use recording::Recording;
pub use script::Script;
