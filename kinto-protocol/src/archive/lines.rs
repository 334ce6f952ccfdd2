//! Lines out of bytes, however these come.

use crate::error::{Error, Result};

/// How long a line may be: a record of the largest size that servers take fits many times.
const LONGEST: usize = 16 * 1024 * 1024;

/// Puts lines together.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
    /// How many were complete.
    pub(super) number: u64,
}

impl Lines {
    /// Takes bytes up to the end of a line, and gives how many these were, and the line if it is complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Vec<u8>>)> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        if self.begun.len() + taken > LONGEST {
            return Err(Error::input(format!("line {} is longer than {LONGEST} bytes", self.number + 1)));
        }
        self.begun.extend_from_slice(&bytes[..taken]);
        if end.is_none() {
            return Ok((taken, None));
        }
        self.number += 1;
        Ok((taken, Some(std::mem::take(&mut self.begun))))
    }

    /// What of a line has come so far.
    pub(super) fn begun(&self) -> &[u8] {
        &self.begun
    }

    /// What was begun, as a line.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        if !self.begun.is_empty() {
            self.number += 1;
        }
        std::mem::take(&mut self.begun)
    }
}

/// Says of which line an error is.
pub(super) fn at_line(number: u64) -> impl FnOnce(Error) -> Error {
    move |error| error.prefix(&format!("line {number}: "))
}
