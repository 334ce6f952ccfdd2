//! What is done, and by whom.

use std::error::Error;

/// Whatever went wrong.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// So many are under way at the same time.
pub(crate) const FLIGHT: usize = 32;

/// What is done so many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// One record is read, and again.
    Get,
    /// One record is created.
    Put,
    /// Records are created in batches of so many, each sent by itself.
    Batch(usize),
    /// All are created at once, by whatever sends batches of 25, so many at the same time.
    Writes(usize),
    /// A list is read, and kept in memory.
    List,
    /// A list is read record by record.
    Stream,
    /// Records are read, 32 at the same time.
    Flight,
    /// A list is written down line by line.
    Export,
    /// What is to be done so that a list is as it is wanted: one record in a hundred is not.
    Plan,
}

impl Work {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "get" => Self::Get,
            "put" => Self::Put,
            "batch25" => Self::Batch(25),
            "batch100" => Self::Batch(100),
            "writes" => Self::Writes(1),
            "writes4" => Self::Writes(4),
            "list" => Self::List,
            "stream" => Self::Stream,
            "flight" => Self::Flight,
            "export" => Self::Export,
            "plan" => Self::Plan,
            _ => return None,
        })
    }

    /// What comes before anything is measured: connections, and what is asked once.
    pub(crate) fn first(self) -> usize {
        match self {
            Self::Batch(size) => size,
            Self::Flight => FLIGHT,
            Self::Writes(_) => 2,
            _ => 1,
        }
    }
}

/// The list that all of it is about. The server of the benchmarks reads in its name how many records it has.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The URL of the API.
    pub(crate) url: String,
    pub(crate) collection: String,
}

impl Place {
    /// Its path below the root of the API.
    pub(crate) fn list(&self) -> String {
        format!("/buckets/bench/collections/{}/records", self.collection)
    }
}

/// Somebody who does it.
pub(crate) trait Client {
    /// Does it, and gives how many round trips there were, as far as that is known.
    fn work(&mut self, work: Work, times: usize, place: &Place) -> Result<Option<usize>, Failure>;
}

/// Everything has come as it should.
pub(crate) fn all(count: usize, wanted: usize) -> Result<(), Failure> {
    if count == wanted { Ok(()) } else { Err(format!("{count} instead of {wanted}").into()) }
}
