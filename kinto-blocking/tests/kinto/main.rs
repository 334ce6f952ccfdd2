//! The command, against a real server: what it writes, what it says, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod hints;
mod large;
mod managing;
mod plugins;
mod reading;
mod running;
mod secrets;
mod signing_in;
mod syncing;
#[cfg(unix)]
mod terminal;
mod transferring;
mod walk;
mod writing;
