//! Conversations of several requests.

mod anew;
mod change_pages;
mod changed_collections;
mod changes;
mod delete_all;
#[cfg(feature = "attachments")]
mod download;
mod get_or_create;
mod list;
mod modify;
mod pages;
#[cfg(feature = "attachments")]
mod remove_attachment;
mod share;
mod transition;
#[cfg(feature = "attachments")]
mod upload;
#[cfg(feature = "signatures")]
mod verified;

pub use change_pages::{ChangePages, ChangesPage, FullRead};
pub use changed_collections::{ChangedCollection, ChangedCollections, GetChangedCollections, changed_collections};
pub use changes::{Changes, GetChanges};
pub use delete_all::DeleteAll;
#[cfg(feature = "attachments")]
pub use download::{Download, DownloadFile, Downloaded, Fetched};
pub use get_or_create::{GetOrCreate, GetOrCreated};
pub use list::{List, ListIfChanged};
pub use modify::Modify;
pub use pages::Pages;
#[cfg(feature = "attachments")]
pub use remove_attachment::RemoveAttachment;
pub use share::Share;
pub use transition::{Transition, WaitUntilSigned};
#[cfg(feature = "attachments")]
pub use upload::{Upload, UploadFile, Uploaded};
#[cfg(feature = "signatures")]
pub use verified::{GetVerifiedChangeset, UpdateCopy};
