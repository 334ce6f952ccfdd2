//! Addresses: where operations begin.

#[cfg(feature = "signatures")]
use std::time::SystemTime;

use crate::copy::{CopyTo, MoveTo};
#[cfg(feature = "signatures")]
use crate::flows::{GetVerifiedChangeset, UpdateCopy};
use crate::group::GroupData;
use crate::history::History;
use crate::operations::{GetChangeset, Snapshot};
use crate::path::Path;
use crate::resource::{Kind, Resource};
use crate::review::Review;
#[cfg(feature = "signatures")]
use crate::signatures::{LocalCopy, Verifier};
use crate::timestamp::Timestamp;

/// The buckets: `/buckets`.
#[must_use]
pub fn buckets() -> Resource {
    Resource::new(Path::fixed("/buckets"), Kind::Bucket)
}

/// The address of a bucket.
///
/// An address names things and knows no server: it can be made once, cloned, and used with any client. Ids are checked
/// when something is sent. `default` is the caller's personal bucket, where the server has one.
///
/// ```
/// use kinto_protocol::bucket;
///
/// let blog = bucket("blog");
/// let posts = blog.collection("posts").records();
/// let staff = blog.groups().get("staff");
/// # let _ = (posts, staff);
/// ```
#[must_use]
pub fn bucket(id: &str) -> Bucket {
    Bucket { path: buckets().path().clone().id(id) }
}

/// The address of a bucket, see [`bucket`]. The bucket itself is read and written through [`buckets`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    path: Path,
}

impl Bucket {
    /// Its path below the root of the API.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its collections, as objects: their attributes, such as a schema, and their permissions.
    #[must_use]
    pub fn collections(&self) -> Resource {
        Resource::new(self.path.join("/collections"), Kind::Collection)
    }

    /// Its groups of users, which permissions name as `/buckets/BUCKET/groups/GROUP`.
    #[must_use]
    pub fn groups(&self) -> Resource<GroupData> {
        Resource::new(self.path.join("/groups"), Kind::Group)
    }

    /// What happened in it: who changed what, when, to what. Needs the plugin `history`.
    #[must_use]
    pub fn history(&self) -> History {
        History::new(self.path.join("/history").needing("history"))
    }

    /// The address of one of its collections. Nothing is asked: whether it is there shows when something is sent.
    #[must_use]
    pub fn collection(&self, id: &str) -> Collection {
        let collection = self.collections().path().clone().id(id);
        let snapshot = self.path.join("/snapshot/collections").id(id).needing("history");
        Collection { path: collection, snapshot }
    }

    /// Copies it with its groups and collections, on the same server or [to another](CopyTo::at). It is created if it is not
    /// there.
    pub fn copy_to(&self, target: &Self) -> CopyTo {
        CopyTo::new(&self.path, &target.path)
    }

    /// Moves it with its groups and collections: copies it, and deletes it if all of it was found equal.
    pub fn move_to(&self, target: &Self) -> MoveTo {
        MoveTo::new(&self.path, &target.path)
    }
}

/// The address of a collection. The collection itself is read and written through [`Bucket::collections`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Collection {
    path: Path,
    snapshot: Path,
}

impl Collection {
    /// Its path below the root of the API.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its records, as JSON maps; [`Resource::typed`] for a type of one's own.
    #[must_use]
    pub fn records(&self) -> Resource {
        Resource::new(self.path.join("/records"), Kind::Record)
    }

    /// The address of the file that is attached to one of its records.
    #[cfg(feature = "attachments")]
    #[must_use]
    pub fn attachment(&self, record: &str) -> crate::RecordFile {
        crate::RecordFile::new(self.records().object_path(record), record)
    }

    /// Copies it with its records, on the same server or [to another](CopyTo::at). It is created if it is not there; the
    /// bucket that it goes to must be.
    ///
    /// ```
    /// # use kinto_protocol::{Flow, Result, Session, bucket};
    /// # fn example(production: impl Client, local: impl Client) -> Result<()> {
    /// let posts = bucket("blog").collection("posts");
    /// let copy = posts.copy_to(&bucket("test").collection("posts")).at(local.session());
    ///
    /// println!("{}", production.send(copy.clone().dry_run())?); // 12 to be created, 87 unchanged
    /// println!("{}", production.send(copy.timestamps())?); // 12 created, 87 unchanged; verified
    /// # Ok(())
    /// # }
    /// # trait Client {
    /// #     fn session(&self) -> &Session;
    /// #     fn send<F: Flow>(&self, flow: F) -> Result<F::Output>;
    /// # }
    /// ```
    pub fn copy_to(&self, target: &Self) -> CopyTo {
        CopyTo::new(&self.path, &target.path)
    }

    /// Copies its records, and leaves the attributes of the target as they are: for a collection that is there.
    pub fn copy_records_to(&self, target: &Self) -> CopyTo {
        self.copy_to(target).only_records()
    }

    /// Moves it with its records: copies it, and deletes it if all of it was found equal.
    pub fn move_to(&self, target: &Self) -> MoveTo {
        MoveTo::new(&self.path, &target.path)
    }

    /// Reads it with its records, or with what changed of them, in one answer that caches may keep. Needs the plugin
    /// `changes`.
    ///
    /// There are no pages: of a collection with more records than the server gives at a time (10,000 unless configured
    /// otherwise) the oldest are missing, without a word.
    #[must_use]
    pub fn changeset<T>(&self) -> GetChangeset<T> {
        GetChangeset::new(self.path.join("/changeset").needing("changes"))
    }

    /// Reads all its records, if they are those that were signed by whom the verifier trusts: nothing else is given, unless
    /// [asked for](GetVerifiedChangeset::verification). `now` is when the certificates of the signer must be valid; they are
    /// asked for where the signature says, without any credentials, and kept in the verifier. Needs the plugin `changes`.
    ///
    /// Signed are the records and the timestamp, and nothing else: not the metadata, and not of which collection they are. So
    /// who can change answers can still give an older state, or another collection of the same signer.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use kinto_protocol::{JsonMap, Verifier, bucket};
    ///
    /// let root = "C8:A8:0E:9A:FA:EF:4E:21:9B:6F:B5:D7:A7:1D:0F:10:12:23:BA:C5:00:1A:C2:8F:9B:0D:43:DC:59:A1:06:DB";
    /// let verifier = Verifier::with_root(root)?.signer_name("remote-settings.content-signature.mozilla.org")?;
    /// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    /// let changeset = bucket("main").collection("regions").verified_changeset::<JsonMap>(&verifier, now);
    /// # let _ = changeset; // client.send(changeset)?.changes
    /// # Ok::<(), kinto_protocol::Error>(())
    /// ```
    #[cfg(feature = "signatures")]
    #[must_use]
    pub fn verified_changeset<T>(&self, verifier: &Verifier, now: SystemTime) -> GetVerifiedChangeset<T> {
        GetVerifiedChangeset::new(self.changeset(), verifier, now)
    }

    /// Brings a copy of it up to date: reads what changed, takes that in, and gives the new copy if all of it together is
    /// what was signed, as [`verified_changeset`](Self::verified_changeset) does. If it is not, all records are read anew
    /// once, past all caches. The copy that it is made of stays as it is.
    ///
    /// The first copy is made of a whole changeset.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use kinto_protocol::{LocalCopy, Verifier, bucket};
    ///
    /// fn now_and_then(copy: &LocalCopy, verifier: &Verifier, now: SystemTime) {
    ///     let update = bucket("main").collection("regions").update_copy(copy, verifier, now);
    /// #   let _ = update; // let copy = client.send(update)?;
    /// }
    /// ```
    #[cfg(feature = "signatures")]
    #[must_use]
    pub fn update_copy(&self, copy: &LocalCopy, verifier: &Verifier, now: SystemTime) -> UpdateCopy {
        UpdateCopy::new(self.changeset(), copy, verifier, now)
    }

    /// The review of its changes, before they are published. Needs the plugin `signer`, and belongs to the collection that is
    /// worked on.
    #[must_use]
    pub fn review(&self) -> Review {
        Review::new(&self.path)
    }

    /// Reads its records as they were at that time, by the server's clock: the newest first. Needs the plugin `history`, of a
    /// Kinto newer than 16.
    ///
    /// ```
    /// use kinto_protocol::{JsonMap, Timestamp, bucket};
    ///
    /// let then = bucket("blog").collection("posts").snapshot::<JsonMap>(Timestamp::from_millis(1_700_000_000_000));
    /// # let _ = then;
    /// ```
    #[must_use]
    pub fn snapshot<T>(&self, at: Timestamp) -> Snapshot<T> {
        Snapshot::new(self.snapshot.join(&format!("@{at}")))
    }
}
