//! What is signed of a collection, and the signatures that come with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decode;
use crate::error::{Error, ErrorKind, Result};
use crate::object::{Entry, JsonMap};
use crate::operations::Changeset;
use crate::timestamp::Timestamp;

use super::canonical_json;

/// As many signatures of a collection are tried: each may cost a request.
const MOST: usize = 8;

/// A signature of a collection, as it stands in its `signatures`. There may be several, while keys are being replaced.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ContentSignature {
    /// The two numbers of an ECDSA signature, 96 bytes in URL-safe base64.
    pub signature: String,
    /// Where the certificates of the signer are; empty when the server signs with a key of its own.
    #[serde(default)]
    pub x5u: String,
    /// How it is signed: `p384ecdsa`, the only way there is.
    #[serde(default = "only_mode")]
    pub mode: String,
}

fn only_mode() -> String {
    "p384ecdsa".to_owned()
}

impl ContentSignature {
    /// The bytes of the signature, if it is one that can be verified.
    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        if self.mode != only_mode() {
            return Err(refused(format!("the signature is of the mode \"{}\", not p384ecdsa", self.mode)));
        }
        let bytes = URL_SAFE.decode(&self.signature).map_err(|_| refused("the signature is not base64"))?;
        if bytes.len() != 96 {
            return Err(refused(format!("the signature has {} bytes, not 96", bytes.len())));
        }
        Ok(bytes)
    }
}

/// The signatures in the attributes of a collection.
pub(crate) fn signatures_in(metadata: &JsonMap) -> Vec<ContentSignature> {
    let several = metadata.get("signatures").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut found: Vec<ContentSignature> = Vec::new();
    // Older servers have but one, newer ones repeat the first of several there.
    for signature in several.iter().chain(metadata.get("signature")).take(MOST) {
        if let Ok(signature) = ContentSignature::deserialize(signature)
            && !found.contains(&signature)
        {
            found.push(signature);
        }
    }
    found
}

/// A changeset as the server gave it: its records with all their fields.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Published {
    pub(crate) metadata: JsonMap,
    pub(crate) timestamp: Timestamp,
    pub(crate) changes: Vec<JsonMap>,
}

impl Published {
    /// Without what no signature covers.
    pub(crate) fn live(mut self) -> Self {
        self.changes.retain(|record| !is_deleted(record));
        self
    }

    /// What is signed of it, if these are all its records.
    pub(crate) fn message(&self) -> Result<String> {
        let mut records = self.changes.iter().map(|record| Ok((id(record)?, record))).collect::<Result<Vec<_>>>()?;
        records.sort_by_key(|(id, _)| *id);
        Ok(message(records.into_iter().map(|(_, record)| record), self.timestamp))
    }

    /// In the caller's types, made of what was verified and not read from the answer once more.
    pub(crate) fn typed<T: DeserializeOwned>(self) -> Result<Changeset<T>> {
        let Self { metadata, timestamp, changes } = self;
        let changes = changes.into_iter().map(typed).collect::<Result<_>>()?;
        Ok(Changeset { metadata, timestamp, changes })
    }
}

/// The text of what is signed of a collection that has these live records, in the order of their ids.
pub(super) fn message<'a>(records: impl Iterator<Item = &'a JsonMap>, timestamp: Timestamp) -> String {
    let mut text = String::from(r#"{"data":["#);
    for (index, record) in records.enumerate() {
        if index > 0 {
            text.push(',');
        }
        canonical_json::write_object(record, &mut text);
    }
    text.push_str(&format!(r#"],"last_modified":"{timestamp}"}}"#));
    text
}

/// The id of a record with all its fields.
pub(super) fn id(record: &JsonMap) -> Result<&str> {
    record
        .get("id")
        .and_then(Value::as_str)
        .ok_or_else(|| Error::new(ErrorKind::Decode, "the answer cannot be used, it holds a record without an id"))
}

/// Whether a signer leaves a record out. It does by this field alone, whatever else the record has: a record that is not
/// deleted, but says so, is in no signature.
pub(super) fn is_deleted(record: &JsonMap) -> bool {
    match record.get("deleted") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(deleted)) => *deleted,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
    }
}

/// A record with all its fields, as an entry of a list.
pub(super) fn typed<T: DeserializeOwned>(record: JsonMap) -> Result<Entry<T>> {
    decode::entry(Value::Object(record)).map_err(|error| {
        Error::new(ErrorKind::Decode, "the answer cannot be used, it is not of the expected shape")
            .caused_by(error.into())
    })
}

/// Something is wrong with a signature.
pub(super) fn refused(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Signature, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> JsonMap {
        match value {
            Value::Object(members) => members,
            other => panic!("not an object: {other}"),
        }
    }

    #[test]
    fn what_is_signed() {
        let text = r#"{"metadata": {}, "timestamp": 1795415204087, "changes": [
            {"n": 18446744073709551615, "id": "b", "last_modified": 1795415204087},
            {"id": "é", "last_modified": 3}, {"id": "a", "last_modified": 2}, {"deleted": true, "id": "c"}]}"#;
        let all: Published = serde_json::from_str(text).unwrap();
        let expected = concat!(
            r#"{"data":[{"id":"a","last_modified":2},{"id":"b","last_modified":1795415204087,"n":18446744073709551615},"#,
            r#"{"id":"\u00e9","last_modified":3}],"last_modified":"1795415204087"}"#
        );
        assert_eq!(all.live().message().unwrap(), expected);
        let none = Published { metadata: JsonMap::new(), timestamp: Timestamp::from_millis(5), changes: vec![] };
        assert_eq!(none.message().unwrap(), r#"{"data":[],"last_modified":"5"}"#);
        for id in [json!({}), json!({"id": 1}), json!({"id": null})] {
            let anonymous = Published { changes: vec![map(id)], ..none.clone() };
            assert_eq!(anonymous.message().unwrap_err().kind(), ErrorKind::Decode);
        }
    }

    #[test]
    fn a_member_twice_is_no_changeset() {
        // Two readers might not take the same one of them.
        let twice = r#"{"metadata": {}, "timestamp": 1, "changes": [], "changes": []}"#;
        assert!(serde_json::from_str::<Published>(twice).is_err());
    }

    #[test]
    fn what_counts_as_deleted() {
        for deleted in [json!(true), json!(1), json!("false"), json!([0]), json!({"a": 1}), json!(0.5)] {
            assert!(is_deleted(&map(json!({"id": "a", "deleted": deleted, "title": "b"}))), "{deleted}");
        }
        for live in [json!(false), json!(null), json!(0), json!(""), json!([]), json!({}), json!(0.0)] {
            assert!(!is_deleted(&map(json!({"id": "a", "deleted": live}))), "{live}");
        }
        assert!(!is_deleted(&map(json!({"id": "a"}))));
    }

    #[test]
    fn one_signature_or_several() {
        let of = |name: &str| json!({"signature": name, "x5u": "https://example.org/chain", "mode": "p384ecdsa"});
        let names = |metadata: Value| -> Vec<String> {
            signatures_in(&map(metadata)).into_iter().map(|it| it.signature).collect()
        };
        assert_eq!(names(json!({"signature": of("a")})), ["a"]);
        assert_eq!(names(json!({"signature": of("a"), "signatures": [of("a"), of("b")]})), ["a", "b"]);
        assert_eq!(names(json!({"signature": of("c"), "signatures": [of("a"), of("b")]})), ["a", "b", "c"]);
        assert_eq!(names(json!({"signatures": [{"signature": "bare", "ref": "x"}, 1, {}, null, "s"]})), ["bare"]);
        let none: [&str; 0] = [];
        assert_eq!(names(json!({"signatures": {"signature": "a"}, "signature": null})), none);
        let many: Vec<Value> = (0..100).map(|n| of(&n.to_string())).collect();
        assert_eq!(names(json!({"signatures": many})).len(), MOST);
    }

    #[test]
    fn what_is_no_signature() {
        let of = |signature: String, mode: &str| {
            ContentSignature { signature, x5u: String::new(), mode: mode.into() }.bytes()
        };
        assert_eq!(of("-_".repeat(64), "p384ecdsa").unwrap().len(), 96);
        for (signature, mode, why) in [
            ("+/".repeat(64), "p384ecdsa", "not base64"),
            (String::new(), "p384ecdsa", "0 bytes"),
            ("A".repeat(124), "p384ecdsa", "93 bytes"),
            ("A".repeat(132), "p384ecdsa", "99 bytes"),
            ("A".repeat(127), "p384ecdsa", "not base64"),
            ("A".repeat(128), "p256ecdsa", "mode \"p256ecdsa\""),
        ] {
            let error = of(signature, mode).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Signature);
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
