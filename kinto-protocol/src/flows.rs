//! Conversations of several requests.

mod anew;
mod changed_collections;
mod delete_all;
mod get_or_create;
mod list;
mod modify;
mod pages;
mod share;
mod transition;

pub use changed_collections::{ChangedCollection, ChangedCollections, GetChangedCollections, changed_collections};
pub use delete_all::DeleteAll;
pub use get_or_create::{GetOrCreate, GetOrCreated};
pub use list::{List, ListIfChanged};
pub use modify::Modify;
pub use pages::Pages;
pub use share::Share;
pub use transition::{Transition, WaitUntilSigned};
