//! The query of a list: what Python writes as keyword arguments, and how the server reads it.

use std::collections::BTreeMap;

use kinto_protocol::{Filter, List, ListItem, field};
use serde_json::Value;

use crate::case::{Args, text};

/// The longer before what they begin with.
const OPERATORS: [&str; 12] =
    ["contains_any_", "contains_", "exclude_", "like_", "not_", "min_", "max_", "has_", "gt_", "lt_", "in_", "eq_"];

/// The arguments that are not filters.
const OPTIONS: [&str; 6] = ["bucket", "collection", "pages", "if_none_match", "exclude_resource_names", "params"];

/// Gives a list the order, the fields and the filters among the arguments.
pub(crate) fn apply<I: ListItem>(mut list: List<I>, args: &Args) -> List<I> {
    for (name, value) in args.iter() {
        list = match name.as_str() {
            "_sort" => list.sort(&text(value)),
            "_fields" => list.fields(text(value).split(',')),
            _ => list,
        };
    }
    conditions(args).fold(list, List::filter)
}

/// The filters among the arguments.
pub(crate) fn conditions(args: &Args) -> impl Iterator<Item = Filter> {
    let filters = args.iter().filter(|(name, _)| !name.starts_with('_') && !OPTIONS.contains(&name.as_str()));
    filters.map(|(name, value)| condition(name, value))
}

fn condition(name: &str, value: &Value) -> Filter {
    let items = || value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let operator = OPERATORS.into_iter().find(|operator| name.starts_with(operator)).unwrap_or_default();
    let field = field(&name[operator.len()..]);
    match operator {
        "contains_any_" => field.contains_any(items()),
        "contains_" => field.contains(items()),
        "exclude_" => field.exclude(items()),
        "in_" => field.is_in(items()),
        "like_" => field.like(&text(value)),
        "has_" => field.has(value == &Value::Bool(true)),
        "not_" => field.not(value),
        "min_" => field.min(value),
        "max_" => field.max(value),
        "gt_" => field.gt(value),
        "lt_" => field.lt(value),
        _ => field.eq(value),
    }
}

/// A query as the server reads it, by parameter.
pub(crate) fn read(query: &str) -> BTreeMap<String, Value> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    typed(pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    }))
}

/// The same of decoded pairs.
pub(crate) fn typed(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, Value> {
    pairs
        .map(|(name, value)| {
            let value = meaning(&name, &value);
            (name, value)
        })
        .collect()
}

/// The server takes a value for JSON, and for text if it is not.
fn meaning(name: &str, value: &str) -> Value {
    let json = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    match name {
        "_since" | "_before" | "_limit" | "_expected" => json(value.trim_matches('"')),
        _ if name.starts_with('_') => value.into(),
        _ if name.starts_with("in_") || name.starts_with("exclude_") => {
            value.split(',').filter(|item| !item.is_empty()).map(json).collect()
        }
        _ if name.starts_with("contains_") => match json(value) {
            Value::Array(items) => items.into(),
            one => vec![one].into(),
        },
        _ => json(value),
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                bytes.push(rest.get(..2).and_then(hex).expect("a percent sign is followed by two digits"));
                rest = &rest[2..];
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).expect("a query is UTF-8")
}

#[test]
fn a_query_means_what_the_server_reads() {
    assert_eq!(read("a=foo"), read("a=%22foo%22"));
    assert_eq!(read("_since=1"), read("_since=%221%22"));
    assert_eq!(read("a=b+c&n=1"), read("n=1&a=b%20c"));
    assert_eq!(read("in_id=r1%2C"), read("in_id=%22r1%22"));
    assert_ne!(read("a=1"), read("a=%221%22"));
    assert_ne!(read("in_n=1,2"), read("in_n=%221%22,2"));
}
