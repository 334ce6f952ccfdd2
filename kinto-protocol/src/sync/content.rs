//! What of a record is the caller's, and whether it is the same as another's.

use std::hash::{BuildHasher as _, DefaultHasher, Hasher as _, RandomState};

use serde_json::{Number, Value};

use crate::object::JsonMap;
use crate::resource::Kind;

/// Of two contents that differ nobody will see the same, as long as nobody knows the keys.
pub(crate) type Fingerprint = [u64; 2];

/// What the fingerprints of one plan are made with, and those of no other: nobody who writes records can make two that look
/// the same. They are those of the standard library's maps, and as little to be seen: whatever they are, plans are equal.
#[derive(Default)]
pub(super) struct Keys([RandomState; 2]);

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

impl Keys {
    /// The fingerprint of those fields.
    pub(super) fn fingerprint<'a>(&self, fields: impl Iterator<Item = (&'a String, &'a Value)>) -> Fingerprint {
        let mut hash = Hash(self.0.each_ref().map(RandomState::build_hasher));
        hash.members(fields.collect());
        hash.0.map(|half| half.finish())
    }
}

/// A fingerprint in the making.
struct Hash([DefaultHasher; 2]);

impl Hash {
    fn members(&mut self, fields: Vec<(&String, &Value)>) {
        // Their order means nothing, and how a map keeps them is for others to say.
        let fields = by_name(fields);
        self.mark(b'{', fields.len());
        for (name, value) in fields {
            self.text(name);
            self.add(value);
        }
    }

    fn add(&mut self, value: &Value) {
        match value {
            Value::Null => self.bytes(b"n"),
            Value::Bool(value) => self.bytes(if *value { b"t" } else { b"f" }),
            Value::Number(number) => {
                self.bytes(b"#");
                self.text(&normal(number));
            }
            Value::String(value) => {
                self.bytes(b"\"");
                self.text(value);
            }
            Value::Array(values) => {
                self.mark(b'[', values.len());
                values.iter().for_each(|value| self.add(value));
            }
            Value::Object(fields) => self.members(fields.iter().collect()),
        }
    }

    /// Texts are told from each other by their lengths, not by what stands between them.
    fn text(&mut self, text: &str) {
        self.bytes(&(text.len() as u64).to_le_bytes());
        self.bytes(text.as_bytes());
    }

    fn mark(&mut self, kind: u8, count: usize) {
        self.bytes(&[kind]);
        self.bytes(&(count as u64).to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.iter_mut().for_each(|half| half.write(bytes));
    }
}

/// Fields by their names; of two with the same name the later.
pub(super) fn by_name<'a>(mut fields: Vec<(&'a String, &'a Value)>) -> Vec<(&'a String, &'a Value)> {
    fields.sort_by_key(|(name, _)| *name);
    fields.dedup_by(|later, kept| {
        let again = later.0 == kept.0;
        if again {
            kept.1 = later.1;
        }
        again
    });
    fields
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

    fn of(value: &Value, keys: &Keys) -> Fingerprint {
        keys.fingerprint(value.as_object().unwrap().iter())
    }

    #[test]
    fn the_same_in_another_form_is_the_same() {
        let keys = Keys::default();
        for (a, b) in [
            (json!({"a": 1, "b": [1, {"x": null, "y": true}]}), json!({"b": [1, {"y": true, "x": null}], "a": 1})),
            (json!({"n": 1}), json!({"n": 1.0})),
            (json!({"n": 0}), json!({"n": -0.0})),
            (json!({"n": 100_000_000_000_000_000_u64}), json!({"n": 1e17})),
            (json!({"n": 123_456_789.123_456_79}), json!({"n": 123_456_789.123_456_8})),
        ] {
            assert_eq!(of(&a, &keys), of(&b, &keys), "{a} {b}");
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
        let keys = Keys::default();
        for (index, a) in all.iter().enumerate() {
            for b in &all[..index] {
                assert_ne!(of(a, &keys), of(b, &keys), "{a} {b}");
            }
        }
    }

    #[test]
    fn each_half_is_of_a_key_of_its_own_and_each_plan_has_its_own_keys() {
        let (one, other) = (Keys::default(), Keys::default());
        let [first, second] = of(&json!({"a": 1}), &one);
        assert_ne!(first, second);
        assert_ne!([first, second], of(&json!({"a": 1}), &other));
    }
}
