//! The asynchronous client for [Kinto](https://docs.kinto-storage.org), the JSON storage service.
//!
//! Not there yet: this crate holds its name and its place. It will have the same names as `kinto-blocking`, which
//! works, over the same `kinto-protocol`.
