//! What tests of programs need instead of a server: feature `testing`.

mod answer;
mod asked;
mod difference;
mod discreet;
mod double;
mod expected;
mod memory_server;
mod recorder;
mod recording;
mod script;

pub use answer::Answer;
pub use asked::{Asked, Content};
pub use double::{Answering, TestDouble};
pub use expected::{Expect, Expected};
pub use memory_server::{MemoryServer, Seen};
pub use recorder::{Recorded, Recorder};
pub use recording::Recording;
pub use script::Script;
