//! Copying and moving collections and buckets, within a server or between two.
//!
//! ```text
//!  the ids of ─▶ first pass: each list ─▶ second pass: each list ─▶ a move, and all is equal: ─▶ a CopyReport
//!  `default`     is read and written      is read and compared      the source is deleted
//! ```
//!
//! What is written is a plan, and so are the files of records: see `sync.rs`.
//!
//! A bucket is a list of one object, its groups are a list, its collections are one, and the records of each of them.

mod copy_to;
mod first_pass;
mod leave;
mod lists;
mod reading;
mod report;
mod second_pass;
mod step;
mod work;

pub use copy_to::{CopyTo, MoveTo};
pub use report::{CopiedList, CopyPart, CopyReport, Difference, NotCopied};
