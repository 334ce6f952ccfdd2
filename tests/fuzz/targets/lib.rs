//! What the fuzzer's bytes are used for: one function for each target, which panics when something is wrong.
//!
//! They go through the public API of the core, as somebody would who embeds it. Both the long runs of the fuzzer and the
//! short one of the tests call them, so that what one finds the other keeps.

mod answers;
mod archives;
mod batches;
mod bench;
mod changesets;
mod compressed;
mod errors;
mod exchange;
mod flows;
mod headers;
mod logins;
mod objects;
mod saved;
mod server;
mod trees;
mod uploads;

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by the names of the fuzzer's programs and of the folders of the corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("archives", archives::run),
    ("batches", batches::run),
    ("changesets", changesets::run),
    ("compressed", compressed::run),
    ("errors", errors::run),
    ("exchange", exchange::run),
    ("headers", headers::run),
    ("logins", logins::run),
    ("objects", objects::run),
    ("saved", saved::run),
    ("trees", trees::run),
    ("uploads", uploads::run),
];

/// Gives the bytes to the target of this name.
///
/// # Panics
///
/// When the target finds something wrong, and when there is none of this name.
pub fn run(name: &str, bytes: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = found.unwrap_or_else(|| panic!("there is no target {name}"));
    target(bytes);
}

/// The names that the first line of an input of `exchange` can have.
pub fn flows() -> impl Iterator<Item = &'static str> {
    flows::names()
}
