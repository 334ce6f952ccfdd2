//! Making a collection what it is wanted to be: plan, show, apply.
//!
//! ```text
//!  wanted ───────────────────────┐
//!                                ▼
//!  Survey ─ reads the server ─▶ Planner ─▶ Plan ──▶ Apply ─ writes in batches, ─▶ Report
//!                                          shown,           then brings files
//!                                          saved
//! ```

mod apply;
mod compare;
mod content;
mod edit;
#[cfg(feature = "attachments")]
mod file_edit;
#[cfg(feature = "attachments")]
mod file_job;
#[cfg(feature = "attachments")]
mod file_source;
#[cfg_attr(not(feature = "attachments"), path = "sync/without_files.rs")]
mod files;
mod plan;
mod plan_sync;
mod planner;
mod report;
mod survey;
mod wanted;
mod write;

pub use apply::Apply;
pub(crate) use compare::{file_of, same_file};
pub(crate) use content::{Fingerprint, callers, given};
pub use edit::{Edit, EditKind, FieldEdit};
#[cfg(feature = "attachments")]
pub use file_edit::FileEdit;
#[cfg(feature = "attachments")]
pub(crate) use file_edit::attachable;
pub use plan::Plan;
pub use plan_sync::PlanSync;
pub use planner::Planner;
pub(crate) use planner::{Standing, There, text};
pub use report::{Report, ReportItem};
pub use survey::Survey;
pub use wanted::Wanted;
