//! What tests of programs need instead of a server: feature `testing`.
//!
//! ```text
//!  a flow ─▶ Exchange ─▶ http::Request ─▶ MemoryServer ─▶ http::Response ─▶ Exchange ─▶ its output
//!                                          │
//!               place ─▶ write, or list ─▶ store        a batch: each of its requests in turn
//! ```

mod answer;
mod conditions;
mod fields;
mod filter;
mod list;
mod memory_server;
mod place;
mod store;
mod write;

pub use memory_server::{MemoryServer, Seen};
