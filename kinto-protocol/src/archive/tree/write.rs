//! A tree as text.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde_json::Value;

use crate::archive::tree::scalar::{write, write_text};
use crate::archive::tree::{BucketTree, CollectionTree, Own, YamlTree};

/// How many characters a name may have that stands before its colon: readers look no further than 1024 for that.
const NAME: usize = 500;

/// What is to be written, in its order.
enum Part<'a> {
    Value(&'a Value),
    Text(&'a str),
    List(Vec<Self>),
    Map(Vec<(&'a str, Self)>),
}

impl<'a> From<&'a Value> for Part<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Array(values) => Self::List(values.iter().map(Self::from).collect()),
            Value::Object(fields) => {
                Self::Map(fields.iter().map(|(name, value)| (name.as_str(), value.into())).collect())
            }
            Value::String(text) => Self::Text(text),
            other => Self::Value(other),
        }
    }
}

fn map<'a, T>(objects: &'a BTreeMap<String, T>, part: impl Fn(&'a T) -> Part<'a>) -> Part<'a> {
    Part::Map(objects.iter().map(|(id, object)| (id.as_str(), part(object))).collect())
}

fn bucket(bucket: &BucketTree) -> Part<'_> {
    let mut parts = own(&bucket.own);
    parts.extend(bucket.groups.as_ref().map(|groups| ("groups", map(groups, |group| Part::Map(own(group))))));
    parts.extend(bucket.collections.as_ref().map(|all| ("collections", map(all, collection))));
    Part::Map(parts)
}

fn collection(collection: &CollectionTree) -> Part<'_> {
    let mut parts = own(&collection.own);
    parts.extend(collection.records.as_ref().map(|records| ("records", map(records, record))));
    Part::Map(parts)
}

fn record(record: &Own) -> Part<'_> {
    let mut parts = own(record);
    if record.permissions.is_none() {
        // The wizard reads no record without them.
        parts.push(("permissions", Part::Map(Vec::new())));
    }
    Part::Map(parts)
}

fn own<'a>(own: &'a Own) -> Vec<(&'a str, Part<'a>)> {
    let mut parts = Vec::new();
    if let Some(data) = &own.data {
        parts.push(("data", Part::Map(data.iter().map(|(name, value)| (name.as_str(), value.into())).collect())));
    }
    if let Some(permissions) = &own.permissions {
        let named = permissions.iter().map(|(name, whom)| (name, Part::List(whom.map(Part::Text).collect())));
        parts.push(("permissions", Part::Map(named.collect())));
    }
    parts
}

/// The text in YAML, which any reader of YAML reads as the same.
impl fmt::Display for YamlTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        members(f, &[("buckets", map(&self.buckets, bucket))], 0, false)
    }
}

/// Any value in YAML, as one document.
#[doc(hidden)]
#[derive(Debug)]
#[allow(clippy::exhaustive_structs, reason = "of the command, not of users")]
pub struct YamlText<'a>(pub &'a Value);

impl fmt::Display for YamlText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Part::from(self.0) {
            Part::Map(parts) if !parts.is_empty() => members(f, &parts, 0, false),
            Part::List(parts) if !parts.is_empty() => items(f, &parts, 0, false),
            Part::Map(_) => f.write_str("{}\n"),
            Part::List(_) => f.write_str("[]\n"),
            Part::Text(text) => write_text(f, text).and_then(|()| f.write_char('\n')),
            Part::Value(value) => write(f, value).and_then(|()| f.write_char('\n')),
        }
    }
}

/// The members of a map, one below the other; the first may go on in a line that has begun.
fn members(f: &mut fmt::Formatter<'_>, members: &[(&str, Part<'_>)], indent: usize, begun: bool) -> fmt::Result {
    for (index, (name, part)) in members.iter().enumerate() {
        if index > 0 || !begun {
            spaces(f, indent)?;
        }
        if name.chars().nth(NAME).is_some() {
            f.write_str("? ")?;
            write_text(f, name)?;
            f.write_char('\n')?;
            spaces(f, indent)?;
        } else {
            write_text(f, name)?;
        }
        f.write_char(':')?;
        value(f, part, indent + 2, false)?;
    }
    Ok(())
}

fn items(f: &mut fmt::Formatter<'_>, items: &[Part<'_>], indent: usize, begun: bool) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 || !begun {
            spaces(f, indent)?;
        }
        f.write_char('-')?;
        value(f, item, indent + 2, true)?;
    }
    Ok(())
}

/// What stands behind a colon or a dash. Lists and maps begin in the line of a dash, and below that of a colon.
fn value(f: &mut fmt::Formatter<'_>, part: &Part<'_>, indent: usize, behind_dash: bool) -> fmt::Result {
    match part {
        Part::List(parts) if !parts.is_empty() => {
            f.write_char(if behind_dash { ' ' } else { '\n' })?;
            items(f, parts, indent, behind_dash)
        }
        Part::Map(parts) if !parts.is_empty() => {
            f.write_char(if behind_dash { ' ' } else { '\n' })?;
            members(f, parts, indent, behind_dash)
        }
        Part::List(_) => f.write_str(" []\n"),
        Part::Map(_) => f.write_str(" {}\n"),
        Part::Text(text) => {
            f.write_char(' ')?;
            write_text(f, text)?;
            f.write_char('\n')
        }
        Part::Value(value) => {
            f.write_char(' ')?;
            write(f, value)?;
            f.write_char('\n')
        }
    }
}

fn spaces(f: &mut fmt::Formatter<'_>, count: usize) -> fmt::Result {
    write!(f, "{:count$}", "")
}
