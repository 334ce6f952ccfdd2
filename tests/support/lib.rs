//! A real Kinto server for tests and examples.
//!
//! ```no_run
//! # // Each start takes two seconds, and the tests do nothing else all day.
//! use kinto_tests::{Backend, KintoServer};
//!
//! # fn main() -> Result<(), kinto_tests::StartError> {
//! // One for the whole test process, fast and without transactions:
//! let server = KintoServer::shared(Backend::Memory).expect("the memory backend is always there");
//! println!("{}", server.url()); // http://127.0.0.1:40123/v1
//!
//! // One of its own, with other settings, gone when dropped:
//! let small_pages = KintoServer::builder(Backend::Memory).setting("kinto.paginate_by", "5").start()?;
//! # drop(small_pages);
//! # Ok(())
//! # }
//! ```
//!
//! # What it needs
//!
//! Python 3.10 or newer with its `venv` module. The first start installs Kinto with pip into a
//! virtual environment below the target folder, from a list of exact versions and hashes; that
//! takes a minute, and says so. Later starts take about two seconds. [`Backend::Signer`] is another
//! version of Kinto, from another list, in another virtual environment. [`Backend::Postgresql`] needs
//! PostgreSQL's programs as well; without them its tests are left out, which is said too.
//!
//! # What remains
//!
//! Nothing: however the process ends that started a server (a panic, an abort, SIGKILL), the server
//! ends within moments and its folder is removed. `cargo clean` removes the virtual environment.
//!
//! # Environment variables
//!
//! - `KINTO_PYTHON`: the Python to use, instead of `python3` or `python` from the path.
//! - `KINTO_SERVER_URL`: a server that runs already (`http://127.0.0.1:8888/v1`), to be used by
//!   [`KintoServer::shared`] in place of one of its own with [`Backend::Memory`]. Tests make accounts and buckets there.
//! - `CARGO_TARGET_DIR`: where the target folder is, if not in the workspace.

mod backend;
mod cutter;
mod environment;
mod error;
mod ini;
mod many;
mod message;
mod newcomer;
mod probe;
mod python;
mod served;
mod server;
mod shared;
mod stub;
mod supervisor;

pub use backend::Backend;
pub use cutter::{Cut, Cutter, Ending, Passage, RequestHead};
pub use error::StartError;
pub use ini::OPENID_CLIENT;
pub use many::Many;
pub use newcomer::{blog, newcomer};
pub use served::whole;
pub use server::{Builder, KintoServer};
pub use stub::{Answer, Stub};

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The workspace's target folder, which everything here is put into.
fn target_folder() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = manifest.parent().unwrap_or(manifest);
    let target = std::env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    // Cargo takes a relative one from where it was called, mostly the workspace; tests run in their
    // package's folder.
    workspace.join(target.unwrap_or_else(|| "target".into()))
}

/// Tells the person at the terminal something, past the capture of test output.
fn say(line: &str) {
    // Nobody to tell is no reason to fail.
    let _ = writeln!(std::io::stderr().lock(), "kinto-tests: {line}");
}
