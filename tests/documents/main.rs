//! Documents that promise something, held to it.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod checklist;
mod markdown;
mod python;
mod python_program;
mod python_rows;
