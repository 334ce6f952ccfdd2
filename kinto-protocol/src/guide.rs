//! How to use the core without either client. The guides for all other tasks are those of `kinto-blocking`.

// Tested among the examples, where an HTTP client and a server are at hand.
#[cfg_attr(not(doctest), doc = include_str!("guide/embedding.md"))]
#[cfg_attr(doctest, doc = "")]
pub mod embedding {}
