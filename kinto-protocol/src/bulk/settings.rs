//! How much at a time, and when to stop.

use crate::bulk::{Bulk, BulkFailure};

#[derive(Clone, Copy)]
pub(super) struct Settings {
    /// Chunks at the same time.
    pub(super) concurrency: usize,
    /// Records in a chunk at most.
    pub(super) most: usize,
    /// Bytes in a chunk at most, but for one record.
    pub(super) bytes: usize,
    /// Failures to stop after.
    pub(super) failures: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { concurrency: 1, most: 200, bytes: 1_000_000, failures: u64::MAX }
    }
}

impl Bulk {
    /// So many chunks at the same time; one if nothing is said. A small number is best: writes to one list keep each other
    /// waiting.
    #[must_use]
    pub fn concurrency(mut self, chunks: usize) -> Self {
        self.settings.concurrency = chunks.max(1);
        self
    }

    /// So many records in a chunk at most, where the server would take more: 200, and never more than 1,000.
    #[must_use]
    pub fn requests(mut self, most: usize) -> Self {
        self.settings.most = most.clamp(1, 1_000);
        self
    }

    /// So many bytes in a chunk, and a record: 1,000,000, which is less than most proxies take.
    #[must_use]
    pub fn bytes(mut self, most: usize) -> Self {
        self.settings.bytes = most;
        self
    }

    /// So many failures are kept for the report: the first 100 that come to be known. Others are only counted.
    #[must_use]
    pub fn keep_failures(mut self, most: usize) -> Self {
        self.tally.keep = most;
        self
    }

    /// Stops after so many failures, with the last of them for its error. Without, it goes on however many there are.
    #[must_use]
    pub fn stop_after(mut self, failures: u64) -> Self {
        self.settings.failures = failures;
        self
    }

    /// Is told of every failure when it is known, kept or not.
    #[must_use]
    pub fn on_failure(mut self, told: impl Fn(&BulkFailure) + Send + Sync + 'static) -> Self {
        self.tally.told = Some(Box::new(told));
        self
    }
}
