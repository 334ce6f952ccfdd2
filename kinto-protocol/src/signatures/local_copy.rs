//! A collection that is kept up to date on this side.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Result;
use crate::object::{Entry, JsonMap, Object};
use crate::operations::Changeset;
use crate::timestamp::Timestamp;

use super::content_signature::{ContentSignature, Published, id, is_deleted, message, signatures_in, typed};

/// The records of a published collection, as they are signed, to be brought up to date with what changed.
///
/// A signature is one of all records, so that a changeset since some time can be verified only together with those that
/// were there before. [`Collection::update_copy`](crate::Collection::update_copy) does that. This is also what to do it
/// with oneself: [`apply`](Self::apply) the changes to a clone, then [`Verifier::verify`](crate::Verifier::verify) its
/// [`signed_text`](Self::signed_text) with one of its [`signatures`](Self::signatures).
///
/// It can be written and read with serde, as `{"metadata": {…}, "timestamp": …, "changes": [{…}, …]}`. What is read is
/// verified when it is brought up to date the next time, and not before.
///
/// ```
/// use kinto_protocol::LocalCopy;
///
/// let stored = r#"{"metadata": {}, "timestamp": 5, "changes": [{"id": "a", "last_modified": 5, "n": 1}]}"#;
/// let copy: LocalCopy = serde_json::from_str(stored)?;
/// assert_eq!(copy.signed_text(), r#"{"data":[{"id":"a","last_modified":5,"n":1}],"last_modified":"5"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Published", into = "Published")]
pub struct LocalCopy {
    metadata: JsonMap,
    timestamp: Timestamp,
    /// With all their fields, by their ids.
    records: BTreeMap<String, JsonMap>,
}

impl LocalCopy {
    /// The attributes of the collection, its signatures among them. They are not signed themselves.
    #[must_use]
    pub fn metadata(&self) -> &JsonMap {
        &self.metadata
    }

    /// When the records last changed: what to ask for changes since.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// A record with all its fields, `id` and `last_modified` included.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&JsonMap> {
        self.records.get(id)
    }

    /// The records, in the order of their ids.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) for one that is not of the type.
    pub fn records<T: DeserializeOwned>(&self) -> impl Iterator<Item = Result<Object<T>>> + '_ {
        self.records.values().filter_map(|record| match typed(record.clone()) {
            Ok(Entry::Live(object)) => Some(Ok(object)),
            Ok(Entry::Deleted(_)) => None,
            Err(error) => Some(Err(error)),
        })
    }

    /// Takes in what changed since [its time](Self::timestamp): replaces, adds and removes records, and has the attributes
    /// and the timestamp of the changeset then.
    pub fn apply(&mut self, changeset: Changeset<JsonMap>) {
        let Changeset { metadata, timestamp, changes } = changeset;
        (self.metadata, self.timestamp) = (metadata, timestamp);
        for entry in changes {
            match entry {
                Entry::Live(Object { id, last_modified, mut data, .. }) => {
                    data.insert("id".to_owned(), Value::String(id.clone()));
                    data.insert("last_modified".to_owned(), last_modified.as_millis().into());
                    self.put(id, data);
                }
                Entry::Deleted(tombstone) => drop(self.records.remove(&tombstone.id)),
            }
        }
    }

    /// Of nothing yet.
    pub(crate) fn new() -> Self {
        Self { metadata: JsonMap::new(), timestamp: Timestamp::from_millis(0), records: BTreeMap::new() }
    }

    /// The same with a changeset as it came.
    pub(crate) fn merge(&mut self, published: Published) -> Result<()> {
        let Published { metadata, timestamp, changes } = published;
        (self.metadata, self.timestamp) = (metadata, timestamp);
        for record in changes {
            self.put(id(&record)?.to_owned(), record);
        }
        Ok(())
    }

    fn put(&mut self, id: String, record: JsonMap) {
        if is_deleted(&record) {
            self.records.remove(&id);
        } else {
            self.records.insert(id, record);
        }
    }

    /// The signatures that came with it.
    #[must_use]
    pub fn signatures(&self) -> Vec<ContentSignature> {
        signatures_in(&self.metadata)
    }

    /// What is signed: the records in the order of their ids, and the timestamp, as JSON with one spelling of each value.
    #[must_use]
    pub fn signed_text(&self) -> String {
        message(self.records.values(), self.timestamp)
    }
}

/// A whole changeset, of no time since.
impl From<Changeset<JsonMap>> for LocalCopy {
    fn from(whole: Changeset<JsonMap>) -> Self {
        let mut copy = Self::new();
        copy.apply(whole);
        copy
    }
}

impl TryFrom<Published> for LocalCopy {
    type Error = crate::Error;

    fn try_from(whole: Published) -> Result<Self> {
        let mut copy = Self::new();
        copy.merge(whole)?;
        Ok(copy)
    }
}

impl From<LocalCopy> for Published {
    fn from(copy: LocalCopy) -> Self {
        let LocalCopy { metadata, timestamp, records } = copy;
        Self { metadata, timestamp, changes: records.into_values().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(text: &str) -> LocalCopy {
        serde_json::from_str(text).unwrap()
    }

    /// A changeset as the operation gives it.
    fn changeset(text: &str) -> Changeset<JsonMap> {
        let (metadata, timestamp, changes) = crate::decode::changeset(text).unwrap();
        Changeset { metadata, timestamp, changes }
    }

    const WHOLE: &str = r#"{"metadata": {"n": 1}, "timestamp": 3, "changes": [
        {"id": "c", "last_modified": 3, "deleted": false}, {"id": "a", "last_modified": 1, "x": 18446744073709551615}]}"#;
    const CHANGES: &str = r#"{"metadata": {"n": 2}, "timestamp": 7, "changes": [
        {"id": "d", "last_modified": 7, "deleted": true, "x": 1}, {"id": "b", "last_modified": 6, "x": [1.5, null]},
        {"id": "c", "last_modified": 5, "deleted": true}, {"id": "a", "last_modified": 4}]}"#;
    const AFTER: &str =
        r#"{"data":[{"id":"a","last_modified":4},{"id":"b","last_modified":6,"x":[1.5E0,null]}],"last_modified":"7"}"#;

    #[test]
    fn changes_are_taken_in() {
        for mut it in [copy(WHOLE), LocalCopy::from(changeset(WHOLE))] {
            let before = r#"{"data":[{"id":"a","last_modified":1,"x":18446744073709551615},{"deleted":false,"id":"c","last_modified":3}],"last_modified":"3"}"#;
            assert_eq!((it.signed_text().as_str(), it.len()), (before, 2));
            let mut other = it.clone();
            it.apply(changeset(CHANGES));
            other.merge(serde_json::from_str(CHANGES).unwrap()).unwrap();
            assert_eq!((it.signed_text().as_str(), it.timestamp().as_millis()), (AFTER, 7));
            assert_eq!((&it.metadata()["n"], &it), (&2.into(), &other));
            let stored = serde_json::to_string(&it).unwrap();
            assert_eq!(copy(&stored), it);
            let ids: Vec<String> = it.records::<JsonMap>().map(|record| record.unwrap().id).collect();
            assert_eq!((ids, it.get("b").unwrap()["x"][0].as_f64()), (vec!["a".into(), "b".into()], Some(1.5)));
        }
    }

    #[test]
    fn what_is_stored_and_is_no_copy() {
        for text in [
            "{}",
            "[]",
            r#"{"metadata": {}, "timestamp": 1, "changes": [{"last_modified": 1}]}"#,
            r#"{"metadata": {}, "timestamp": 1, "changes": [{"id": 5}]}"#,
        ] {
            assert!(serde_json::from_str::<LocalCopy>(text).is_err(), "{text}");
        }
        let not_of_the_type =
            copy(r#"{"metadata": {}, "timestamp": 1, "changes": [{"id": "a", "last_modified": "x"}]}"#);
        assert!(not_of_the_type.records::<JsonMap>().next().unwrap().is_err());
    }
}
