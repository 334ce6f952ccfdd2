//! What came of an operation of ours, in the form in which the Python client returns it.

use kinto_protocol::{
    Action, Change, ChangedCollections, Changeset, Conditional, Deletion, Entry, Error, GetOrCreated, Grant, JsonMap,
    Listing, Object, Outcome, Permissions, Reply, Result, ReviewData, ReviewStatus, ServerInfo, Status, Timestamp,
    Tombstone,
};
use serde_json::{Value, json};

/// What an operation gave.
#[derive(Debug)]
pub(crate) enum Output {
    /// An object with its permissions, and whether it was written by a repeated request.
    Object(Value, bool),
    /// Anything else that has the same form in both.
    Plain(Value),
    /// The server's description: it is read into a type of its own.
    Info(Box<ServerInfo>),
    /// What was deleted, if anything was.
    Deleted(Option<Tombstone>),
    /// All that was deleted.
    AllDeleted(Vec<Tombstone>),
    /// It did not change since.
    NotModified,
    /// A file, and the name it is to have.
    File { name: String, content: String },
    /// What came of each operation of a batch.
    Batch(Ended),
}

/// A batch that was sent.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What its operations gave.
    pub(crate) results: Vec<Result<Output>>,
    /// What else is known of it.
    pub(crate) came: Outcome,
}

impl Ended {
    /// How its operations ended.
    pub(crate) fn statuses(&self) -> Vec<Status> {
        self.came.items().map(|item| item.status()).collect()
    }

    /// Why it did not come to its end.
    pub(crate) fn stopped(&self) -> Option<&Error> {
        self.came.stopped()
    }

    /// The errors of the operations.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &Error> {
        self.results.iter().filter_map(|result| result.as_ref().err())
    }
}

/// Why there is no output.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The operation failed.
    Failed(Error),
    /// There was not even an operation: our types do not take the argument.
    Refused(#[allow(dead_code, reason = "shown when a case is not as expected")] &'static str),
    /// The request was built and not sent.
    Dry,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A member of a list in Python: its data, with the server's fields among the caller's.
pub(crate) trait Item {
    fn item(self) -> Value;
}

impl Item for Object {
    fn item(self) -> Value {
        data(self.id, self.last_modified, self.data)
    }
}

impl Item for Object<Change> {
    fn item(self) -> Value {
        let Change { action, uri, resource_name, user_id, date, target, .. } = &self.data;
        let action = match action {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
            other => panic!("no case has the action {other:?}"),
        };
        let target = json!({"data": target.data, "permissions": permissions(&target.permissions)});
        let mut shown = object(json!({"action": action, "uri": uri, "resource_name": resource_name}));
        shown.extend(object(json!({"user_id": user_id, "date": date, "target": target})));
        let Change { bucket_id, collection_id, group_id, record_id, .. } = self.data;
        let ids = [("bucket_id", bucket_id), ("collection_id", collection_id), ("group_id", group_id)];
        shown.extend(given(ids.into_iter().chain([("record_id", record_id)])));
        data(self.id, self.last_modified, shown)
    }
}

impl Item for Grant {
    fn item(self) -> Value {
        let Self {
            uri, resource_name, permissions, id, bucket_id, collection_id, group_id, record_id, account_id, ..
        } = self;
        let mut shown = object(json!({"uri": uri, "resource_name": resource_name, "permissions": permissions}));
        let ids = [("id", id), ("bucket_id", bucket_id), ("collection_id", collection_id), ("group_id", group_id)];
        shown.extend(given(ids.into_iter().chain([("record_id", record_id), ("account_id", account_id)])));
        shown.into()
    }
}

fn object(value: Value) -> JsonMap {
    value.as_object().cloned().expect("an object")
}

/// Those of these that are there.
fn given(ids: impl Iterator<Item = (&'static str, Option<String>)>) -> impl Iterator<Item = (String, Value)> {
    ids.filter_map(|(name, id)| Some((name.to_owned(), id?.into())))
}

impl Item for Entry {
    fn item(self) -> Value {
        match self {
            Self::Live(object) => object.item(),
            Self::Deleted(tombstone) => {
                json!({"id": tombstone.id, "last_modified": tombstone.last_modified, "deleted": true})
            }
        }
    }
}

fn data(id: String, last_modified: Timestamp, mut data: JsonMap) -> Value {
    data.insert("id".into(), id.into());
    data.insert("last_modified".into(), last_modified.as_millis().into());
    Value::Object(data)
}

/// Permissions in Python: absent where the server does not show them.
pub(crate) fn permissions(of: &Permissions) -> Value {
    serde_json::to_value(of).expect("permissions are JSON")
}

impl From<Object> for Output {
    fn from(object: Object) -> Self {
        let Object { id, last_modified, data: fields, permissions: shown, repeated, .. } = object;
        let mut envelope = json!({"data": data(id, last_modified, fields)});
        if let Some(shown) = shown {
            envelope["permissions"] = permissions(&shown);
        }
        Self::Object(envelope, repeated)
    }
}

impl From<Object<ReviewData>> for Output {
    fn from(object: Object<ReviewData>) -> Self {
        let status = object.data.status.as_ref().map(|status| match status {
            ReviewStatus::WorkInProgress => "work-in-progress".to_owned(),
            ReviewStatus::ToReview => "to-review".to_owned(),
            ReviewStatus::Signed => "signed".to_owned(),
            other => panic!("no case has the status {other:?}"),
        });
        let ReviewData { last_editor_comment, last_reviewer_comment, .. } = object.data.clone();
        let comments = [("last_editor_comment", last_editor_comment), ("last_reviewer_comment", last_reviewer_comment)];
        object.map(|_| given([("status", status)].into_iter().chain(comments)).collect::<JsonMap>()).into()
    }
}

impl From<Changeset> for Output {
    fn from(changeset: Changeset) -> Self {
        let Changeset { metadata, timestamp, changes, .. } = changeset;
        let changes: Vec<Value> = changes.into_iter().map(Item::item).collect();
        Self::Plain(json!({"metadata": metadata, "timestamp": timestamp, "changes": changes}))
    }
}

impl From<ChangedCollections> for Output {
    fn from(changed: ChangedCollections) -> Self {
        let places = changed.changes.iter().map(|it| json!({"bucket": it.bucket, "collection": it.collection}));
        Self::Plain(places.collect())
    }
}

impl From<GetOrCreated<JsonMap>> for Output {
    fn from(either: GetOrCreated<JsonMap>) -> Self {
        either.into_object().into()
    }
}

impl<I: Item> From<Listing<I>> for Output {
    fn from(listing: Listing<I>) -> Self {
        Self::Plain(listing.into_iter().map(Item::item).collect())
    }
}

impl<I: Item> From<Conditional<Listing<I>>> for Output {
    fn from(listing: Conditional<Listing<I>>) -> Self {
        listing.modified().map_or(Self::NotModified, Into::into)
    }
}

impl From<Timestamp> for Output {
    fn from(at: Timestamp) -> Self {
        Self::Plain(at.to_string().into())
    }
}

impl From<ServerInfo> for Output {
    fn from(info: ServerInfo) -> Self {
        Self::Info(Box::new(info))
    }
}

impl From<Tombstone> for Output {
    fn from(tombstone: Tombstone) -> Self {
        Self::Deleted(Some(tombstone))
    }
}

impl From<Deletion> for Output {
    fn from(deletion: Deletion) -> Self {
        Self::Deleted(deletion.tombstone())
    }
}

impl From<Vec<Tombstone>> for Output {
    fn from(tombstones: Vec<Tombstone>) -> Self {
        Self::AllDeleted(tombstones)
    }
}

impl From<Reply> for Output {
    fn from(reply: Reply) -> Self {
        Self::Plain(serde_json::from_slice(reply.body()).unwrap_or_default())
    }
}
