//! Queries: each value arrives as it was given, as the parameter that it was given for, and changes no other.

use kinto_protocol::{
    Call, Error, Field, Filter, Flow, IdRule, List, Method, Object, Timestamp, bucket, endpoints, field,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::caller::{self, request, session};
use crate::hostile::{text, word};
use crate::json::value;
use crate::property::{Fate, holds};
use crate::strict::{Read, on_the_wire};

/// A filter, and the parameter that it is: any of these names, with that value.
#[derive(Clone, Debug)]
struct One {
    filter: Filter,
    names: Vec<String>,
    value: String,
    /// Whether nothing may be said against it.
    plain: bool,
}

fn names() -> impl Strategy<Value = String> {
    let dotted = (word(), word()).prop_map(|(a, b)| format!("{a}.{b}"));
    let like_operators = ("(min|max|not|lt|gt|in|exclude|like|has|eq|contains|contains_any)_", word());
    let servers = prop_oneof![Just("id"), Just("last_modified"), Just("_since"), Just("_limit"), Just("_token")];
    prop_oneof![
        5 => word(),
        2 => dotted,
        2 => like_operators.prop_map(|(operator, name)| operator + &name),
        1 => servers.prop_map(str::to_owned),
        4 => text(),
    ]
}

fn filters() -> impl Strategy<Value = One> {
    let values = prop_oneof![text().prop_map(Value::from), value(2)];
    (names(), vec(values, 1..4), 0..11).prop_map(|(name, values, operator)| {
        let (it, first) = (|| -> Field { field(name.as_str()) }, &values[0]);
        let joined = values.iter().map(Value::to_string).collect::<Vec<_>>().join(",");
        let all = Value::from(values.clone()).to_string();
        let (filter, prefix, value) = match operator {
            0 => (it().eq(first), "", first.to_string()),
            1 => (it().not(first), "not_", first.to_string()),
            2 => (it().lt(first), "lt_", first.to_string()),
            3 => (it().max(first), "max_", first.to_string()),
            4 => (it().gt(first), "gt_", first.to_string()),
            5 => (it().min(first), "min_", first.to_string()),
            6 => (it().is_in(&values), "in_", joined),
            7 => (it().exclude(&values), "exclude_", joined),
            8 => (it().like(&first.to_string()), "like_", Value::from(first.to_string()).to_string()),
            9 => (it().contains(&values), "contains_", all),
            _ => (it().contains_any(&values), "contains_any_", all),
        };
        let names =
            if prefix.is_empty() { vec![name.clone(), format!("eq_{name}")] } else { vec![format!("{prefix}{name}")] };
        let known = |name: &str| name != "id" && name != "last_modified" && !name.is_empty() && !name.contains('_');
        let words = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        let commas = matches!(operator, 6 | 7) && values.iter().any(|value| value.to_string().contains(','));
        let plain = known(&name) && words && !commas && !nul(&Value::from(values));
        One { filter, names, value, plain }
    })
}

/// Whether there is a NUL in it, which no server searches for.
fn nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || nul(value)),
        _ => false,
    }
}

/// The first request of a flow, read from the wire.
fn first<F: Flow>(flow: F) -> Result<Result<Read, Error>, TestCaseError> {
    let sent = caller::first(&session(IdRule::Server), flow)?;
    sent.map(|request| on_the_wire(&request).map_err(TestCaseError::fail))
        .map_or_else(|error| Ok(Err(error)), |read| read.map(Ok))
}

fn list() -> List<Object> {
    bucket("b").collection("c").records().list()
}

#[test]
fn every_parameter_arrives() {
    let names = || vec(prop_oneof![3 => word(), 2 => text()], 0..3);
    let at = prop_oneof![3 => Just(None), 1 => any::<i64>().prop_map(Some)];
    let inputs = (vec(filters(), 0..4), names(), names(), at, prop_oneof![Just(None), any::<u64>().prop_map(Some)]);
    holds("queries", &inputs, |(filters, sort, fields, since, size)| {
        let mut asked = list().fields(fields.clone());
        let plain = filters.iter().all(|one| one.plain) && sort.is_empty() && fields.is_empty() && since.is_none();
        let once = |one: &One| filters.iter().filter(|other| other.names[0] == one.names[0]).count() == 1;
        let plain = plain && filters.iter().all(once);
        let mut expected: Vec<(Vec<String>, String)> = Vec::new();
        for one in &filters {
            asked = asked.filter(one.filter.clone());
            expected.push((one.names.clone(), one.value.clone()));
        }
        for key in &sort {
            asked = asked.sort(key);
        }
        let of = |name: &str, value: String| (vec![name.to_owned()], value);
        expected.extend((!sort.is_empty()).then(|| of("_sort", sort.join(","))));
        expected.extend((!fields.is_empty()).then(|| of("_fields", fields.join(","))));
        if let Some(size) = size {
            asked = asked.page_size(size);
            expected.push(of("_limit", size.to_string()));
        }
        let sent = match since {
            Some(at) => {
                expected.push(of("_since", at.to_string()));
                let deleted = !fields.is_empty() && !fields.contains(&"deleted".to_owned());
                if let Some((_, value)) = expected.iter_mut().find(|(names, _)| deleted && names[0] == "_fields") {
                    value.push_str(",deleted");
                }
                first(asked.since(Timestamp::from_millis(at)))?
            }
            None => first(asked)?,
        };
        let read = match sent {
            Ok(read) => read,
            Err(error) => {
                prop_assert!(!plain, "{}", error);
                return Ok(Fate::Refused);
            }
        };
        prop_assert_eq!(read.path(), "/v1/buckets/b/collections/c/records");
        let found = read.parameters();
        prop_assert_eq!(found.len(), expected.len(), "{:?} {:?}", found, expected);
        for (names, value) in expected {
            let holds = |(name, it): &(String, String)| names.contains(name) && *it == value;
            prop_assert!(found.iter().any(holds), "{:?}={:?} in {:?}", names, value, found);
        }
        Ok(Fate::Sent)
    });
}

/// Nothing can be said against a filter by a word, or by any text without a NUL.
#[test]
fn filters_by_text() {
    holds("filters by text", &(word(), text()), |(name, value)| {
        let sent = first(list().filter(field(name.as_str()).eq(&value)))?;
        let Ok(read) = sent else {
            prop_assert!(value.contains('\0'), "{:?}", value);
            return Ok(Fate::Refused);
        };
        prop_assert_eq!(read.parameters(), [(name, Value::from(value).to_string())]);
        Ok(Fate::Sent)
    });
}

#[test]
fn fields_of_one_object() {
    holds("fields", &vec(prop_oneof![word(), text()], 1..4), |fields| {
        let get = bucket("b").collection("c").records().get("r").fields(fields.clone());
        let Ok(read) = request(&session(IdRule::Server), &get)? else {
            let odd = |name: &String| name.is_empty() || name.contains([',', '\0']);
            prop_assert!(fields.iter().any(odd), "{:?}", fields);
            return Ok(Fate::Refused);
        };
        prop_assert_eq!(read.parameters(), [("_fields".to_owned(), fields.join(","))]);
        Ok(Fate::Sent)
    });
}

/// A query that the caller has written stands in the request to the letter, or there is none.
#[test]
fn written_by_the_caller() {
    let encoded = text().prop_map(|text| crate::strict::encoded(&text));
    let written = prop_oneof![2 => text(), 2 => (word(), encoded).prop_map(|(name, value)| format!("{name}={value}"))];
    holds("queries as text", &written, |written| {
        let call = Call::new(Method::GET, endpoints::buckets()).query(written.as_str());
        let sendable = written.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\"<>".contains(&byte));
        let Ok(read) = request(&session(IdRule::Server), &call)? else {
            prop_assert!(!sendable || written.len() > 60_000, "{:?}", written);
            return Ok(Fate::Refused);
        };
        prop_assert!(sendable);
        prop_assert_eq!(read.query().unwrap_or_default(), written);
        prop_assert_eq!(read.path(), "/v1/buckets");
        Ok(Fate::Sent)
    });
}

/// What a page is followed by comes from the server, and what is kept of a list from a file of anybody's.
#[test]
fn cursors_of_any_origin() {
    let since = (any::<i64>(), any::<i64>(), text()).prop_map(|(at, settled, told)| {
        format!("1 https://kinto.example/v1 /buckets/b/collections/c/records {at} {settled} - {told}")
    });
    holds("cursors", &prop_oneof![text(), since], |saved| {
        let changes = bucket("b").collection("c").records().changes(&saved.as_str().into());
        let Ok(read) = first(changes)? else { return Ok(Fate::Refused) };
        prop_assert!(read.path().starts_with("/v1/buckets/b"), "{}", read.target);
        for (name, value) in read.parameters() {
            let number = value.trim_matches('"').bytes().all(|byte| byte.is_ascii_digit());
            let sorted = name == "_sort" && value == "last_modified";
            prop_assert!(sorted || name.starts_with('_') && number, "{}={}", name, value);
        }
        Ok(Fate::Sent)
    });
}

#[test]
fn collections_that_changed() {
    holds("monitored collections", &(text(), text()), |(bucket, collection)| {
        let asked = kinto_protocol::changed_collections().in_bucket(bucket.as_str()).named(collection.as_str());
        let read = first(asked)?.unwrap();
        let mut found = read.parameters();
        found.retain(|(name, _)| name != "_expected");
        prop_assert_eq!(found, [("bucket".to_owned(), bucket), ("collection".to_owned(), collection)]);
        Ok(Fate::Sent)
    });
}
