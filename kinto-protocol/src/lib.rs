//! The Kinto protocol without IO.
//!
//! [Kinto](https://docs.kinto-storage.org) is an HTTP service that stores JSON records in collections in buckets. This
//! crate turns operations on it into [`http::Request`] values and answers into typed results. It opens no connection,
//! reads no clock and starts no thread: `kinto-blocking` and `kinto-async` do that, and so can any HTTP client.
//!
//! ```text
//! operation ──▶ Call ──▶ http::Request ──▶ a transport ──▶ http::Response ──▶ Reply ──▶ typed output
//!    value      one request, relative       moves bytes,                one answer,
//!               to the API root             nothing else                alone or of a batch
//! ```
//!
//! - An **address** says where: [`bucket`]`("blog").collection("posts").records()`.
//! - A verb makes an **operation** of it, a plain value: `.get("hello")`, `.list().filter(…)`. It is an [`Operation`]
//!   (one request) or a [`Flow`] (a conversation, such as a list of many pages).
//! - A [`Batch`] takes any number of operations, and each has an outcome of its own.
//! - A [`Session`] knows the server, the credentials and how patient to be.
//! - An [`Exchange`] is a flow under way: it says what to send and when, and reads the answers. All rules are there:
//!   credentials, retries, waits, redirects, limits.
//!
//! # Without a network
//!
//! ```
//! use kinto_protocol::{Moment, Session, Step, bucket};
//! use std::time::Duration;
//!
//! let session = Session::builder("https://kinto.example/v1").build()?;
//! let posts = bucket("blog").collection("posts").records();
//! let mut exchange = session.exchange(posts.get("hello"));
//!
//! let Step::Send(request, _limits) = exchange.next(Moment::at(Duration::ZERO)) else { panic!() };
//! assert_eq!(request.uri().path(), "/v1/buckets/blog/collections/posts/records/hello");
//!
//! let answer = r#"{"data": {"id": "hello", "last_modified": 1700000000000, "title": "Hello"}}"#;
//! exchange.handle(Ok(http::Response::new(answer.into())), Moment::at(Duration::from_millis(20)));
//!
//! let Step::Done(post) = exchange.next(Moment::at(Duration::from_millis(20))) else { panic!() };
//! assert_eq!(post?.data["title"], "Hello");
//! # Ok::<(), kinto_protocol::Error>(())
//! ```
//!
//! [`Exchange`] shows the loop that drives it with an HTTP client.
//!
//! # What can be relied on
//!
//! - **Safe by default.** Creating demands that nothing is there, and writing back an object that was read demands that
//!   nobody changed it since. Overwriting must be said: [`Put::overwrite`].
//! - **Three outcomes.** A write has succeeded, has not happened, or [may have](Error::maybe_applied).
//! - **Once.** A write whose answer was lost is repeated where that can do no harm, and read back where the repeat leaves it
//!   open whose work is there.
//! - **Complete.** A list is read to its end or is an error.
//! - **Bounded.** Attempts, waits, sizes, pages and redirects are finite and adjustable, see [`Policy`].
//! - **Discreet.** Credentials go to the origin of the API alone, and show in no error and no `Debug`.
//!
//! The small print, also by backend of the server, is in [`guarantees`]. With an HTTP client of your own:
//! [`guide::embedding`].
//!
//! # Features
//!
//! None is on by default.
//!
//! - `attachments`: files attached to records, and what a driver needs to move them piece by piece.
//! - `export`: buckets and collections as files of lines, see [`export_format`].
//! - `yaml`: configurations as trees in YAML, the way kinto-wizard has them, see [`yaml_format`]; with `export`.
//! - `gzip`: asks for compressed answers, and decompresses them.
//! - `signatures`: verifies that the records of a published collection are those that were signed.
//! - `oauth`: signing in through a browser, for servers with OpenID, as far as no browser is needed: [`openid`].
//! - `testing`: a model of a server, for tests of programs: [`testing::MemoryServer`].
//! - `tracing`: events for answers, retries, waits and alerts.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod address;
#[cfg(feature = "export")]
mod archive;
#[cfg(feature = "attachments")]
mod attachment;
mod auth;
mod batch;
mod bulk;
mod call;
mod copy;
mod cursor;
mod decode;
#[cfg(feature = "attachments")]
mod digest;
pub mod endpoints;
mod error;
mod event;
mod exchange;
#[cfg(feature = "export")]
#[doc = include_str!("archive/format.md")]
pub mod export_format {}
#[cfg(feature = "attachments")]
mod file_name;
mod flow;
mod flows;
mod front_end;
mod grant;
mod group;
#[doc = include_str!("guarantees.md")]
pub mod guarantees {}
pub mod guide;
#[cfg(feature = "gzip")]
mod gzip;
mod history;
mod id;
#[cfg(feature = "attachments")]
mod incoming;
mod json;
mod mapped;
mod memory;
mod moment;
#[cfg(feature = "attachments")]
mod multipart;
mod object;
mod object_ref;
#[cfg(feature = "oauth")]
pub mod openid;
mod operation;
mod operations;
#[cfg(feature = "attachments")]
mod outgoing;
mod patch;
mod path;
mod permissions;
mod policy;
mod proxy;
mod query;
mod reply;
mod resource;
mod retry;
mod review;
mod root;
mod secrets;
mod server;
mod server_error;
mod session;
#[cfg(feature = "signatures")]
mod signatures;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod timestamp;
mod transfer;
mod transport_error;
#[cfg(feature = "yaml")]
#[doc = include_str!("archive/yaml_format.md")]
pub mod yaml_format {}

pub use account::{AccountData, Accounts, ChangePassword, CreateAccount, accounts};
pub use address::{Bucket, Collection, bucket, buckets};
#[cfg(feature = "yaml")]
#[doc(hidden)]
pub use archive::YamlText as __YamlText;
#[cfg(feature = "export")]
pub use archive::{
    Export, ExportEnd, ExportHeader, ExportLine, ExportSoFar, ExportedObject, ExportedPermissions, Import,
    ImportFailure, Imported,
};
#[cfg(feature = "yaml")]
pub use archive::{ExportTree, ImportTree, YamlTree};
#[cfg(feature = "attachments")]
pub use attachment::{Attachment, RecordFile};
pub use auth::Auth;
pub use batch::{Batch, Item, Outcome, Outputs, Part, Status, Summary, Ticket};
pub use bulk::{Bulk, BulkFailure, BulkMode, BulkPart, BulkReport, BulkStep};
pub use call::{Call, Class, Precondition};
pub use copy::{CopiedList, CopyPart, CopyReport, CopyTo, Difference, MoveTo, NotCopied};
pub use cursor::Cursor;
pub use decode::ListItem;
#[cfg(feature = "attachments")]
#[doc(hidden)]
pub use digest::Digest as __Digest;
pub use error::{Error, ErrorKind, RequestLine, Result};
pub use event::Event;
pub use exchange::{Exchange, Step};
pub use flow::{Ask, Flow, Fork, Turn};
pub use flows::{
    ChangePages, ChangedCollection, ChangedCollections, Changes, ChangesPage, DeleteAll, FullRead,
    GetChangedCollections, GetChanges, GetOrCreate, GetOrCreated, List, ListIfChanged, Modify, Pages, Share,
    Transition, WaitUntilSigned, changed_collections,
};
#[cfg(feature = "attachments")]
pub use flows::{Download, DownloadFile, Downloaded, Fetched, RemoveAttachment, Upload, UploadFile, Uploaded};
#[cfg(feature = "signatures")]
pub use flows::{GetVerifiedChangeset, UpdateCopy};
#[doc(hidden)]
pub use front_end::Wire as __Wire;
pub use grant::{Grant, my_permissions};
pub use group::GroupData;
pub use history::{Action, Change, History, Target};
#[doc(no_inline)]
pub use http::{HeaderMap, Method, StatusCode};
pub use id::IdRule;
#[cfg(feature = "attachments")]
pub use incoming::Incoming;
pub use moment::Moment;
pub use object::{Conditional, Entry, JsonMap, Listing, Object, Tombstone};
pub use object_ref::ObjectRef;
#[cfg(feature = "oauth")]
pub use openid::{Login, OpenIdProvider, Token};
pub use operation::{Operation, Settled};
#[cfg(feature = "attachments")]
pub use operations::GetAttachment;
pub use operations::{
    Broadcasts, Changeset, Count, Counters, Delete, DeleteIfPresent, DeleteUserData, Deletion, EraseServer, Exists,
    Get, GetChangeset, GetDocument, GetHeartbeat, GetIfChanged, GetServerInfo, Head, Heartbeat, ListTimestamp,
    PatchObject, Put, Snapshot, broadcasts, contribute, counters, delete_user_data, erase_the_whole_server, heartbeat,
    lb_heartbeat, openapi, server_info, version,
};
#[cfg(feature = "attachments")]
pub use outgoing::Outgoing;
pub use patch::{Attributes, JsonPatch, Merge, Patch};
pub use path::Path;
pub use permissions::{AUTHENTICATED, EVERYONE, Permissions};
pub use policy::{Limits, OnBackoff, Policy};
#[doc(hidden)]
pub use proxy::Proxy as __Proxy;
pub use query::{Field, Filter, field};
pub use reply::Reply;
pub use resource::Resource;
pub use review::{Review, ReviewData, ReviewPlaces, ReviewStatus};
pub use server::{BatchLimit, ServerInfo, Settings, User};
pub use server_error::{Details, Invalid, ServerError};
pub use session::{Request, Response, Session, SessionBuilder};
#[cfg(feature = "signatures")]
pub use signatures::{ContentSignature, LocalCopy, Verification, Verifier};
#[cfg(feature = "attachments")]
pub use sync::FileEdit;
pub use sync::{Apply, Edit, EditKind, FieldEdit, Plan, PlanSync, Planner, Report, ReportItem, Survey, Wanted};
pub use timestamp::{ParseTimestampError, Timestamp};
pub use transfer::Transfer;
pub use transport_error::{FailureKind, TransportError};
