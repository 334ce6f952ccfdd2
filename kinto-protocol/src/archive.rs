//! Buckets and collections as lines of JSON, and back.
//!
//! ```text
//!  Export ─ reads page by page ─▶ lines ─▶ a file ─▶ lines ─▶ Import ─ chunk by chunk ─▶ Survey ─▶ Plan ─▶ Apply
//!                                   ▲                                  └─ after the end ─▶ what is not in the file
//!                                   └─ ExportSoFar: where to go on
//! ```

mod export;
mod export_so_far;
mod extra;
mod import;
mod imported;
mod line;
mod lines;
mod place;
#[cfg(test)]
mod tests;
#[cfg(feature = "yaml")]
mod tree;

pub use export::Export;
pub use export_so_far::ExportSoFar;
pub use import::Import;
pub use imported::{ImportFailure, Imported};
pub use line::{ExportEnd, ExportHeader, ExportLine, ExportedObject, ExportedPermissions};
#[cfg(feature = "yaml")]
pub use tree::{ExportTree, ImportTree, YamlText, YamlTree};
