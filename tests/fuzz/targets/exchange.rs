//! Answers in any order, to any flow.
//!
//! The first line has the name of a flow, and words for settings: `once` sends nothing again, `impatient` does not wait for
//! silence to end, `beside` takes what can be done side by side. The answers follow, see `answers.rs`.

use super::answers;
use super::bench::Bench;
use super::flows;

pub(super) fn run(bytes: &[u8]) {
    let (first, text) = answers::line(bytes);
    let words = String::from_utf8_lossy(first);
    let name = words.split_ascii_whitespace().next().unwrap_or_default();
    flows::run(name, &mut Bench::new(&words, text));
}
