//! The size and SHA-256 of something that is read piece by piece.

use sha2::{Digest as _, Sha256};

use crate::attachment::hex;

/// Finds out the size and SHA-256 of what the front-ends have at hand.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Digest {
    size: u64,
    hash: Sha256,
}

impl Digest {
    /// This comes next.
    pub fn update(&mut self, piece: &[u8]) {
        self.size += piece.len() as u64;
        self.hash.update(piece);
    }

    /// The size, and the SHA-256 in hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> (u64, String) {
        (self.size, hex(&self.hash.finalize()))
    }
}
