//! What the parameters of a list ask for.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::testing::memory_server::answer::Answer;
use crate::testing::memory_server::fields::{Row, compare};

/// The parameters of a list.
#[derive(Debug, Default)]
pub(super) struct Query {
    filters: Vec<Filter>,
    since: Option<i64>,
    before: Option<i64>,
    /// Whether what was deleted is looked at too: where timestamps are asked for.
    pub(super) tombstones: bool,
    /// Fields to sort by, and whether from the largest.
    pub(super) sort: Vec<(String, bool)>,
    pub(super) fields: Option<Vec<String>>,
    pub(super) limit: Option<usize>,
    pub(super) token: Option<String>,
    /// The timestamp that a deletion is to have, where one object is deleted.
    pub(super) last_modified: Option<i64>,
    /// What goes on to the next page.
    pub(super) kept: Vec<String>,
}

#[derive(Debug)]
struct Filter {
    operator: &'static str,
    field: String,
    values: Vec<Value>,
}

const OPERATORS: [&str; 12] =
    ["contains_any_", "contains_", "exclude_", "like_", "max_", "min_", "not_", "has_", "eq_", "lt_", "gt_", "in_"];

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, Answer> {
        let (mut query, mut once) = (Self::default(), BTreeSet::new());
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if name.starts_with('_') && !once.insert(name.clone()) {
                return Err(Answer::invalid("querystring", Some(&name), "is given more than once"));
            }
            query.parameter(&name, &value)?;
            if !matches!(&*name, "_token" | "_limit") {
                query.kept.push(pair.to_owned());
            }
        }
        Ok(query)
    }

    fn parameter(&mut self, name: &str, value: &str) -> Result<(), Answer> {
        let names = || value.split(',').filter(|name| !name.is_empty());
        let wrong = |why: &str| Answer::invalid("querystring", Some(name), why);
        let time = || {
            let digits = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
            digits.parse::<i64>().ok().filter(|time| *time >= 0).ok_or_else(|| wrong("Invalid value"))
        };
        match name {
            "_since" => (self.since, self.tombstones) = (Some(time()?), true),
            "_before" | "_to" => (self.before, self.tombstones) = (Some(time()?), true),
            "_sort" => {
                let key = |name: &str| match name.strip_prefix('-') {
                    Some(name) => (name.to_owned(), true),
                    None => (name.strip_prefix('+').unwrap_or(name).to_owned(), false),
                };
                self.sort = names().map(key).collect();
            }
            "_fields" => self.fields = Some(names().map(str::to_owned).collect()),
            "_limit" if value.is_empty() => {}
            "_limit" => {
                let limit = value.parse::<usize>().map_err(|_| wrong("should be an integer"))?;
                self.limit = Some(limit).filter(|limit| *limit > 0);
            }
            "_token" => self.token = Some(value.to_owned()),
            _ if name.starts_with('_') => {}
            _ => self.filter(name, value)?,
        }
        Ok(())
    }

    fn filter(&mut self, name: &str, value: &str) -> Result<(), Answer> {
        let operator = OPERATORS.into_iter().find(|operator| name.len() > operator.len() && name.starts_with(operator));
        let (operator, field) = operator.map_or(("eq_", name), |operator| (operator, &name[operator.len()..]));
        let wrong = |why: &str| Answer::invalid("querystring", Some(name), why);
        let values: Vec<Value> = match operator {
            "in_" | "exclude_" => value.split(',').map(typed).collect(),
            "contains_" | "contains_any_" => match typed(value) {
                Value::Array(values) => values,
                value => vec![value],
            },
            _ => vec![typed(value)],
        };
        if operator.starts_with("contains_") && matches!(field, "id" | "last_modified") {
            return Err(wrong("is no array"));
        }
        if field == "id" && operator != "has_" && values.iter().any(|value| !value.is_string()) {
            return Err(wrong("should be a string"));
        }
        if operator == "like_" && !values.iter().all(Value::is_string) {
            return Err(wrong("should be a string"));
        }
        if field == "last_modified" {
            self.tombstones = true;
            let time = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
            let Some(times) = values.iter().map(time).collect::<Option<Vec<i64>>>() else {
                return Err(wrong("Invalid value"));
            };
            self.last_modified = times.first().copied();
            let values = times.into_iter().map(Value::from).collect();
            self.filters.push(Filter { operator, field: field.to_owned(), values });
            return Ok(());
        }
        self.filters.push(Filter { operator, field: field.to_owned(), values });
        Ok(())
    }

    /// The ids of those that alone can be asked for, where these are named.
    pub(super) fn ids(&self) -> Option<BTreeSet<&str>> {
        let names = |filter: &&Filter| filter.field == "id" && ["eq_", "in_"].contains(&filter.operator);
        Some(self.filters.iter().find(names)?.values.iter().filter_map(Value::as_str).collect())
    }

    /// Whether it is asked for.
    pub(super) fn matches(&self, row: &Row<'_>) -> bool {
        self.since.is_none_or(|since| row.at > since)
            && self.before.is_none_or(|before| row.at < before)
            && self.filters.iter().all(|filter| filter.matches(row))
    }

    /// Which comes first.
    pub(super) fn order(&self, a: &Row<'_>, b: &Row<'_>) -> Ordering {
        for (name, largest_first) in &self.sort {
            let order = match name.as_str() {
                "last_modified" => a.at.cmp(&b.at),
                "id" => a.id.cmp(b.id),
                name => compare(a.field(name).as_deref(), b.field(name).as_deref()),
            };
            if order.is_ne() {
                return if *largest_first { order.reverse() } else { order };
            }
        }
        b.at.cmp(&a.at)
    }
}

impl Filter {
    fn matches(&self, row: &Row<'_>) -> bool {
        let found = row.field(&self.field);
        let found = found.as_deref();
        let value = self.values.first();
        let is = |value: &Value| found.is_some() && compare(found, Some(value)).is_eq();
        match self.operator {
            "not_" => !value.is_some_and(is),
            "lt_" => compare(found, value).is_lt(),
            "max_" => compare(found, value).is_le(),
            "gt_" => compare(found, value).is_gt(),
            "min_" => compare(found, value).is_ge(),
            "in_" => self.values.iter().any(is),
            "exclude_" => !self.values.iter().any(is),
            "has_" => found.is_some() == value.is_some_and(is_true),
            "like_" => {
                let pattern = value.and_then(Value::as_str).unwrap_or_default();
                found.is_some_and(|found| is_like(found, pattern))
            }
            "contains_" => within(found).is_some_and(|all| self.values.iter().all(|value| has(all, value))),
            "contains_any_" => within(found).is_some_and(|all| self.values.iter().any(|value| has(all, value))),
            _ => value.is_some_and(is),
        }
    }
}

fn within(found: Option<&Value>) -> Option<&Vec<Value>> {
    found.and_then(Value::as_array)
}

fn has(all: &[Value], value: &Value) -> bool {
    all.iter().any(|one| compare(Some(one), Some(value)).is_eq())
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// Whether a text has another in it, in any case; or is as it, where `*` stands for anything.
fn is_like(found: &Value, pattern: &str) -> bool {
    let text = found.as_str().map_or_else(|| Cow::Owned(found.to_string()), Cow::Borrowed).to_lowercase();
    let pattern = pattern.to_lowercase();
    if !pattern.contains('*') {
        return text.contains(&pattern);
    }
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = &parts[..] else { return false };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// A value is JSON if it can be, and else a text.
fn typed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn decode(text: &str) -> Result<String, Answer> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map(String::from);
    decoded.map_err(|_| Answer::invalid("querystring", None, "A value is not UTF-8"))
}
