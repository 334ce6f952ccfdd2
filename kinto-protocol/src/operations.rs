//! One request and its answer each.

/// `Clone`, `Debug` and `PartialEq` of a plain value whose type parameter is only that of its output.
macro_rules! plain_value {
    ($name:ident<$($param:ident),+> { $($field:ident),+ }) => {
        impl<$($param),+> Clone for $name<$($param),+> {
            fn clone(&self) -> Self {
                Self { $($field: self.$field.clone(),)+ of: std::marker::PhantomData }
            }
        }

        impl<$($param),+> PartialEq for $name<$($param),+> {
            fn eq(&self, other: &Self) -> bool {
                true $(&& self.$field == other.$field)+
            }
        }

        impl<$($param),+> std::fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))+.finish()
            }
        }
    };
}

mod changeset;
mod count;
mod delete;
mod document;
mod get;
#[cfg(feature = "attachments")]
mod get_attachment;
mod head;
mod heartbeat;
mod list_timestamp;
mod patch_object;
mod put;
mod server_info;
mod server_wide;
mod snapshot;

pub(crate) use changeset::{Asked, Expected, asked_setters};
pub use changeset::{Changeset, GetChangeset};
pub use count::Count;
pub use delete::{Delete, DeleteIfPresent, Deletion};
pub use document::{
    Broadcasts, Counters, GetDocument, broadcasts, contribute, counters, lb_heartbeat, openapi, version,
};
pub use get::{Get, GetIfChanged};
#[cfg(feature = "attachments")]
pub use get_attachment::GetAttachment;
pub use head::{Exists, Head};
pub use heartbeat::{GetHeartbeat, Heartbeat, heartbeat};
pub use list_timestamp::ListTimestamp;
pub use patch_object::PatchObject;
pub use put::Put;
pub use server_info::{GetServerInfo, server_info};
pub use server_wide::{DeleteUserData, EraseServer, delete_user_data, erase_the_whole_server};
pub use snapshot::Snapshot;
