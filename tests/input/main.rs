//! Whatever a caller passes in: what goes out is exactly one well-formed request to the right place, or nothing at all
//! and an error that says why and shows no secret.
//!
//! The inputs are made up by `proptest`, hostile ones first of all. They are the same in each run: nothing here depends
//! on chance, and nothing is written into the tree.
//!
//! - `KINTO_INPUT_CASES=100000`: so many inputs for each property, instead of 256. Those that go over a socket or to a
//!   real server take a share of them. How many were tried is told on stderr then.
//! - `KINTO_INPUT_SEED=7`: other inputs.
//!
//! ```sh
//! KINTO_INPUT_CASES=100000 KINTO_INPUT_SEED=7 cargo test -p kinto-tests --test input -- --nocapture
//! ```

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod base_urls;
mod batches;
mod bodies;
mod caller;
mod calls;
mod credentials;
mod files;
mod front_ends;
mod headers;
mod hostile;
mod ids;
mod json;
mod patches;
mod paths;
mod permissions;
mod property;
mod queries;
mod round_trip;
mod strict;
