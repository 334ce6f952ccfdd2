//! Signatures of collections: whether the records of a published collection are those that its publisher signed.
//!
//! ```text
//!   records, timestamp ──▶ canonical JSON ──┐
//!   metadata.signatures ──▶ r‖s ────────────┼──▶ Verifier ──▶ () or why not
//!   x5u ──▶ certificates ──▶ pinned root ───┘
//! ```

mod algorithms;
mod canonical_json;
mod chain;
mod check;
mod content_signature;
mod local_copy;
mod verifier;

pub use check::Verification;
pub(crate) use check::{Check, Progress};
pub use content_signature::ContentSignature;
pub(crate) use content_signature::{Published, signatures_in};
pub use local_copy::LocalCopy;
pub use verifier::Verifier;

#[cfg(test)]
pub(crate) mod tests;
