//! The asynchronous client in the hands of those who drop, spawn, clone and share: at every point where it can be
//! dropped, on every kind of runtime.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod batches;
mod bounds;
mod clocks;
mod deleting;
mod each;
mod fake;
mod lists;
mod logins;
mod places;
mod pouring;
mod wire;
mod writes;
