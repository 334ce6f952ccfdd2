//! What differs from `kinto-blocking`. The guides for each task are [there](https://docs.rs/kinto-blocking/latest/kinto_blocking/guide/),
//! and hold here too, with `.await`.
//!
//! What goes into the `Cargo.toml`:
//!
//! ```toml
//! [dependencies]
//! kinto-async = "0.1"
//! futures-util = "0.3" # or tokio-stream: the `next` of streams
//! serde = { version = "1", features = ["derive"] } # types of your own
//! serde_json = "1" # and json!
//! tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
//! ```
//!
//! | task, in `kinto_blocking::guide` | here |
//! | --- | --- |
//! | `connect`, `read`, `write`, `batch`, `sync`, `review`, `errors` | the same operations and errors: `client.send(…).await?` |
//! | lists record by record (`client.items`, `client.pages`) | streams in place of iterators: [`asynchronous`] |
//! | many at once (`client.send_all`, `client.send_each`, `client.pour`) | in one task instead of threads: [`asynchronous`] |
//! | `attachments`: `upload_from`, `download_to` | `AsyncRead` and `AsyncWrite` in place of `Read` and `Write` |
//! | `testing`: a model, a script, a recording | the same: `Client::testing(&it)` |
//! | `testing`: a closure is a transport | a closure that gives a future |

#[doc = include_str!("guide/asynchronous.md")]
pub mod asynchronous {}
