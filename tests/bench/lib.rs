//! What the clients are measured with: records of a usual size, answers as Kinto gives them, and what is done with both, by
//! the core and by hand. `docs/PERFORMANCE.md` says how to run it, and what came of it.

mod answers;
mod article;
mod by_hand;
mod core;

pub use answers::{Answer, PAGE, batch, hello, object, page};
pub use article::{Article, Author, Flat, Flats, Written, id, number};
pub use by_hand::{batch_body, decode_batch, put_body};
pub use core::{Named, WORKLOADS, Workload};
