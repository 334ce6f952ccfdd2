//! Fields of objects, and the order of their values.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value};

use crate::object::JsonMap;

/// An object of a list, or what is left of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) id: &'a str,
    pub(super) at: i64,
    /// `None` of a tombstone.
    pub(super) data: Option<&'a JsonMap>,
}

impl<'a> Row<'a> {
    /// The value of a field, which may be one of an object within: `address.city`.
    pub(super) fn field(&self, name: &str) -> Option<Cow<'a, Value>> {
        match (name, self.data) {
            ("id", _) => Some(Cow::Owned(self.id.into())),
            ("last_modified", _) => Some(Cow::Owned(self.at.into())),
            ("deleted", None) => Some(Cow::Owned(true.into())),
            (_, None) => None,
            (_, Some(data)) => {
                let mut names = name.split('.');
                let first = data.get(names.next()?)?;
                names.try_fold(first, |value, name| value.as_object()?.get(name)).map(Cow::Borrowed)
            }
        }
    }

    /// Whether it counts as one that is there. So do servers: what looks deleted does not.
    pub(super) fn is_counted(&self) -> bool {
        self.data.is_some_and(|data| data.get("deleted") != Some(&Value::Bool(true)))
    }

    /// All of it, or only these fields and those that are always there.
    pub(super) fn shown(&self, fields: Option<&[String]>) -> Value {
        let mut shown = JsonMap::new();
        match (self.data, fields) {
            (None, None) => _ = shown.insert("deleted".into(), true.into()),
            (Some(data), None) => shown.clone_from(data),
            (_, Some(fields)) => {
                for name in fields {
                    if let Some(value) = self.field(name) {
                        put(&mut shown, name, value.into_owned());
                    }
                }
            }
        }
        shown.insert("id".into(), self.id.into());
        shown.insert("last_modified".into(), self.at.into());
        shown.into()
    }
}

/// Puts a field where its name says.
fn put(into: &mut JsonMap, name: &str, value: Value) {
    match name.split_once('.') {
        None => _ = into.insert(name.to_owned(), value),
        Some((first, rest)) => {
            let inner = into.entry(first).or_insert_with(|| JsonMap::new().into());
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// The order of values of all types, and of none: `null`, texts, numbers, booleans, arrays, objects, what is absent.
pub(super) fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let rank = |value: Option<&Value>| match value {
        Some(Value::Null) => 0,
        Some(Value::String(_)) => 1,
        Some(Value::Number(_)) => 2,
        Some(Value::Bool(_)) => 3,
        Some(Value::Array(_)) => 4,
        Some(Value::Object(_)) => 5,
        None => 6,
    };
    match (a, b) {
        (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(b),
        (Some(Value::Number(a)), Some(Value::Number(b))) => numbers(a, b),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            let each = a.iter().zip(b).map(|(a, b)| compare(Some(a), Some(b))).find(|order| order.is_ne());
            each.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Some(a @ Value::Object(_)), Some(b @ Value::Object(_))) if a == b => Ordering::Equal,
        (Some(a @ Value::Object(_)), Some(b @ Value::Object(_))) => a.to_string().cmp(&b.to_string()),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn numbers(a: &Number, b: &Number) -> Ordering {
    let integer = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
    }
}
