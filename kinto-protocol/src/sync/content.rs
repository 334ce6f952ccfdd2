//! What of a record is the caller's, and whether it is the same as another's.

use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

use crate::object::JsonMap;
use crate::resource::Kind;

/// Half a SHA-256: of two contents that differ nobody will see the same.
pub(crate) type Fingerprint = [u8; 16];

/// What a review may stand at: see [`ReviewStatus`](crate::ReviewStatus).
const REVIEWS: [&str; 6] = ["work-in-progress", "to-review", "to-sign", "signed", "to-resign", "to-rollback"];
/// What the fields begin with that tell of the review of a collection.
const OF_REVIEWS: [&str; 5] = ["last_edit", "last_request_review", "last_review", "last_signature", "signature"];

/// Whether the server gives a field itself, whatever it is sent.
fn is_stamped(name: &str, kind: Kind) -> bool {
    matches!((kind, name), (_, "id" | "last_modified") | (Kind::Record, "schema"))
}

/// Whether a field is the server's: it is neither compared nor written.
fn is_servers(name: &str, value: &Value, kind: Kind) -> bool {
    match (kind, name) {
        _ if is_stamped(name, kind) => true,
        (Kind::Record, "attachment") => true,
        (Kind::Collection, "status") => value.as_str().is_some_and(|status| REVIEWS.contains(&status)),
        (Kind::Collection, _) => OF_REVIEWS.iter().any(|of| name.starts_with(of)),
        _ => false,
    }
}

/// Whether the server takes a field of its own away that is not sent along with the rest: a file, and where a review stands.
fn is_carried(name: &str, value: &Value, kind: Kind) -> bool {
    is_servers(name, value, kind) && !is_stamped(name, kind) && !value.is_null()
}

/// The fields of the server's that are to be sent along, as text, if there are any.
pub(super) fn carried(data: &JsonMap, kind: Kind) -> Option<Box<str>> {
    let fields = data.iter().filter(|(name, value)| is_carried(name, value, kind));
    let fields: JsonMap = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
    (!fields.is_empty()).then(|| Value::Object(fields).to_string().into())
}

/// The fingerprint of those fields.
pub(super) fn fingerprint<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>) -> Fingerprint {
    let mut hash = Sha256::new();
    members(fields, &mut hash);
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    half
}

fn members<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>, hash: &mut Sha256) {
    // Their order means nothing, and how a map keeps them is for others to say.
    let mut fields: Vec<_> = fields.collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    mark(b'{', fields.len(), hash);
    for (name, value) in fields {
        text(name, hash);
        add(value, hash);
    }
}

fn add(value: &Value, hash: &mut Sha256) {
    match value {
        Value::Null => hash.update(b"n"),
        Value::Bool(value) => hash.update(if *value { b"t" } else { b"f" }),
        Value::Number(number) => {
            hash.update(b"#");
            text(&normal(number), hash);
        }
        Value::String(value) => {
            hash.update(b"\"");
            text(value, hash);
        }
        Value::Array(values) => {
            mark(b'[', values.len(), hash);
            values.iter().for_each(|value| add(value, hash));
        }
        Value::Object(fields) => members(fields.iter(), hash),
    }
}

/// One number in one form: a float without a fraction is the integer, as some servers write it out, and of other floats
/// the last digits do not count, as servers do not keep them all.
fn normal(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 => format!("{float:.0}").replace("-0", "0"),
        Some(float) if number.is_f64() => format!("{float:.12e}"),
        _ => number.to_string(),
    }
}

/// Texts are told from each other by their lengths, not by what stands between them.
fn text(text: &str, hash: &mut Sha256) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

fn mark(kind: u8, count: usize, hash: &mut Sha256) {
    hash.update([kind]);
    hash.update((count as u64).to_le_bytes());
}

/// The caller's fields of a record.
pub(crate) fn callers(data: &JsonMap, kind: Kind) -> impl Iterator<Item = (&String, &Value)> {
    data.iter().filter(move |(name, value)| !is_servers(name, value, kind))
}

/// What of a record can be sent, for those who do not look at what is there: what the server would take away, too.
pub(crate) fn given(data: &JsonMap, kind: Kind) -> impl Iterator<Item = (&String, &Value)> {
    data.iter().filter(move |(name, _)| !is_stamped(name, kind))
}

/// Whether a field that is there is as one that is not: of a group that was made without data, its members.
pub(super) fn is_as_none(name: &str, value: &Value, kind: Kind) -> bool {
    kind == Kind::Group && name == "members" && value.as_array().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: Value) -> Fingerprint {
        fingerprint(value.as_object().unwrap().iter())
    }

    #[test]
    fn the_same_in_another_form_is_the_same() {
        for (a, b) in [
            (json!({"a": 1, "b": [1, {"x": null, "y": true}]}), json!({"b": [1, {"y": true, "x": null}], "a": 1})),
            (json!({"n": 1}), json!({"n": 1.0})),
            (json!({"n": 0}), json!({"n": -0.0})),
            (json!({"n": 100_000_000_000_000_000_u64}), json!({"n": 1e17})),
            (json!({"n": 123_456_789.123_456_79}), json!({"n": 123_456_789.123_456_8})),
        ] {
            assert_eq!(of(a.clone()), of(b.clone()), "{a} {b}");
        }
    }

    #[test]
    fn another_is_another() {
        let all = [
            json!({}),
            json!({"a": null}),
            json!({"a": false}),
            json!({"a": 0}),
            json!({"a": ""}),
            json!({"a": "0"}),
            json!({"a": []}),
            json!({"a": {}}),
            json!({"a": [[]]}),
            json!({"a": ["", ""]}),
            json!({"a": [""]}),
            json!({"a": 0.5}),
            json!({"a": -0.5}),
            json!({"a": 10}),
            json!({"a": -10}),
            json!({"a": 9_007_199_254_740_993_i64}),
            json!({"a": 9_007_199_254_740_992_i64}),
            json!({"b": 0}),
            json!({"a": 0, "b": 0}),
            json!({"a": {"b": 0}}),
            json!({"ab": 0}),
        ];
        for (index, a) in all.iter().enumerate() {
            for b in &all[..index] {
                assert_ne!(of(a.clone()), of(b.clone()), "{a} {b}");
            }
        }
    }
}
