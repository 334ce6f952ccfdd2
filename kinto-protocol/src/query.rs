//! The query string of lists: filters, order, selection.

use percent_encoding::utf8_percent_encode;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::path::SEGMENT;
use crate::timestamp::Timestamp;

/// Starts a filter on a field, or on a part of one with dots: `field("author.name")`.
///
/// Values are typed: `42` finds the number and `"42"` the string. What the server cannot express (a comma in
/// [`is_in`](Field::is_in), an operator on a field whose name holds a hyphen) is refused when the list is sent.
///
/// | method | server's operator | finds |
/// | --- | --- | --- |
/// | [`eq`](Field::eq) | *none*, `eq_` | the value itself, of the same type |
/// | [`not`](Field::not) | `not_` | anything else, **and objects without the field** |
/// | [`lt`](Field::lt), [`max`](Field::max) | `lt_`, `max_` | below; below or equal |
/// | [`gt`](Field::gt), [`min`](Field::min) | `gt_`, `min_` | above; above or equal, **and objects without the field** |
/// | [`is_in`](Field::is_in), [`exclude`](Field::exclude) | `in_`, `exclude_` | one of; none of, **and objects without the field** |
/// | [`like`](Field::like) | `like_` | text that holds this, whatever the case |
/// | [`has`](Field::has) | `has_` | objects with (or without) the field |
/// | [`contains`](Field::contains), [`contains_any`](Field::contains_any) | `contains_`, `contains_any_` | arrays that hold all; some |
///
/// Types are ordered: null, string, number, boolean, array, object, and above all of them *absent*. To leave out the
/// objects without the field, add `field("n").has(true)`.
///
/// ```
/// use kinto_protocol::{bucket, field};
///
/// let todos = bucket("default").collection("todos").records();
/// let open = todos.list().filter(field("done").eq(false)).filter(field("priority").min(3)).sort("-priority");
/// # let _ = open;
/// ```
#[must_use]
pub fn field(name: impl Into<String>) -> Field {
    Field(name.into())
}

/// A field to filter on, see [`field`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field(String);

/// One condition; several are all to be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Result<Pair, String>);

/// A parameter, not yet encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    key: String,
    value: String,
    /// On the memory backend, `has_` cancels the filters before it.
    first: bool,
    /// A filter on `last_modified` makes the server show deleted objects too.
    shows_deleted: bool,
}

impl Field {
    /// The value itself, of the same type: `field("n").eq(42)` finds no `"42"`.
    #[must_use]
    pub fn eq(self, value: impl Serialize) -> Filter {
        self.one("", value)
    }

    /// Anything but the value, **and objects without the field**.
    #[must_use]
    pub fn not(self, value: impl Serialize) -> Filter {
        self.one("not_", value)
    }

    /// Less than the value, by the order of types that stands at [`field`]: all texts are less than any number.
    #[must_use]
    pub fn lt(self, value: impl Serialize) -> Filter {
        self.one("lt_", value)
    }

    /// The value at most (`max_`): less than it, or equal.
    #[must_use]
    pub fn max(self, value: impl Serialize) -> Filter {
        self.one("max_", value)
    }

    /// More than the value, **and objects without the field**: add `field("n").has(true)` to leave these out.
    #[must_use]
    pub fn gt(self, value: impl Serialize) -> Filter {
        self.one("gt_", value)
    }

    /// The value at least (`min_`), **and objects without the field**: add `field("n").has(true)` to leave these out.
    #[must_use]
    pub fn min(self, value: impl Serialize) -> Filter {
        self.one("min_", value)
    }

    /// One of the values. None of them may hold a comma, and there must be one at least.
    #[must_use]
    pub fn is_in<V: Serialize>(self, values: impl IntoIterator<Item = V>) -> Filter {
        self.many("in_", values)
    }

    /// None of the values, and objects without the field. No value may hold a comma, and there must be one at least.
    #[must_use]
    pub fn exclude<V: Serialize>(self, values: impl IntoIterator<Item = V>) -> Filter {
        self.many("exclude_", values)
    }

    /// Text that holds this one, whatever the case. `*` stands for anything, and if there is one, the whole text is
    /// compared: `hello*` for what begins with it.
    #[must_use]
    pub fn like(self, text: &str) -> Filter {
        self.one("like_", text)
    }

    /// Objects that have the field (a null counts), or with `false` those that do not.
    #[must_use]
    pub fn has(self, present: bool) -> Filter {
        self.one("has_", present)
    }

    /// Arrays that hold all the values.
    #[must_use]
    pub fn contains<V: Serialize>(self, values: impl IntoIterator<Item = V>) -> Filter {
        self.one("contains_", values.into_iter().collect::<Vec<_>>())
    }

    /// Arrays that hold at least one of the values.
    #[must_use]
    pub fn contains_any<V: Serialize>(self, values: impl IntoIterator<Item = V>) -> Filter {
        self.one("contains_any_", values.into_iter().collect::<Vec<_>>())
    }

    fn one(self, operator: &'static str, value: impl Serialize) -> Filter {
        Filter(self.value(operator, &value).and_then(|value| self.pair(operator, value)))
    }

    fn many<V: Serialize>(self, operator: &'static str, values: impl IntoIterator<Item = V>) -> Filter {
        let joined = values.into_iter().try_fold(String::new(), |mut joined, value| {
            let value = self.value(operator, &value)?;
            if value.contains(',') {
                return Err(format!(
                    "a value with a comma cannot be used with {operator}{}: the server would split it",
                    self.0
                ));
            }
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(&value);
            Ok(joined)
        });
        Filter(joined.and_then(|joined| match (joined.is_empty(), self.0.as_str()) {
            (true, _) => Err(format!("{operator}{} needs one value at least", self.0)),
            (_, "last_modified") => Err(format!("the server knows no {operator} for last_modified")),
            _ => self.pair(operator, joined),
        }))
    }

    /// The value as JSON text, and checked for what the server would refuse or read as something else.
    fn value<V: Serialize>(&self, operator: &str, value: &V) -> Result<String, String> {
        let text = crate::json::to_bytes(value).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let shown = format!("{operator}{}", self.0);
        if operator.starts_with("contains_") && (self.0 == "id" || self.0 == "last_modified") {
            return Err(format!("{} is not an array, it cannot be searched with {operator}", self.0));
        }
        // A backslash of the text itself comes as two.
        if text.replace("\\\\", "").contains("\\u0000") {
            return Err(format!("the value of the filter {shown} holds a NUL, which the server refuses"));
        }
        match self.0.as_str() {
            "id" if operator == "has_" => {}
            "id" if !text.starts_with('"') => return Err(format!("the filter {shown} takes text: ids are strings")),
            "last_modified"
                if !text.trim_matches('"').bytes().all(|byte| byte.is_ascii_digit()) && operator != "has_" =>
            {
                return Err(format!("the filter {shown} takes a timestamp, in milliseconds"));
            }
            _ => {}
        }
        Ok(text)
    }

    fn pair(self, operator: &str, value: String) -> Result<Pair, String> {
        const OPERATORS: [&str; 11] =
            ["eq_", "not_", "lt_", "max_", "gt_", "min_", "in_", "exclude_", "like_", "has_", "contains_"];
        let name = self.0;
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        if name.is_empty() || name.contains('\0') {
            return Err("a filter needs the name of a field".to_owned());
        }
        let plain = !name.starts_with('_') && !OPERATORS.iter().any(|operator| name.starts_with(operator));
        let operator = if operator.is_empty() && !plain { "eq_" } else { operator };
        if !operator.is_empty() && !name.chars().all(word) {
            return Err(format!(
                "the server cannot filter on the field \"{}\" in this way: its name holds more than letters, digits, _ and .",
                name.escape_debug()
            ));
        }
        let (first, shows_deleted) = (operator == "has_", name == "last_modified");
        Ok(Pair { key: format!("{operator}{name}"), value, first, shows_deleted })
    }
}

/// All that a list can be asked for, in the order in which it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) filters: Vec<Filter>,
    pub(crate) sort: Vec<String>,
    pub(crate) fields: Vec<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) before: Option<Timestamp>,
    pub(crate) page_size: Option<u64>,
    pub(crate) deleted: Deleted,
}

/// Whether a query is about deleted objects too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// It is not, and must not become so by the way.
    #[default]
    Hidden,
    /// It is.
    Shown,
    /// The server counts and deletes what lives, whatever is asked.
    Irrelevant,
}

impl Query {
    /// The query string, percent-encoded.
    pub(crate) fn encode(&self) -> Result<String> {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        let filters: Vec<&Pair> =
            self.filters.iter().map(|filter| filter.0.as_ref().map_err(Error::input)).collect::<Result<_>>()?;
        let (has, others): (Vec<_>, Vec<_>) = filters.into_iter().partition(|pair| pair.first);
        for pair in has.into_iter().chain(others) {
            if pair.shows_deleted && self.deleted == Deleted::Hidden {
                return Err(Error::input("a filter on last_modified shows deleted objects too")
                    .hint("ask for them with with_deleted(), or for changes with since()"));
            }
            pairs.push((&pair.key, pair.value.clone()));
        }
        // The server shows deleted objects to those who ask about a time.
        let timeless = self.before.is_none() && !pairs.iter().any(|(name, _)| name.ends_with("last_modified"));
        let since = self.since.or((self.deleted == Deleted::Shown && timeless).then_some(Timestamp::from_millis(0)));
        for (name, at) in [("_since", since), ("_before", self.before)] {
            if let Some(at) = at {
                if at.as_millis() < 0 {
                    return Err(Error::input(format!("{name} cannot be negative")));
                }
                pairs.push((name, at.to_string()));
            }
        }
        if !self.sort.is_empty() {
            pairs.push(("_sort", sort(&self.sort)?));
        }
        if !self.fields.is_empty() {
            pairs.push(("_fields", self.selection()?));
        }
        if let Some(size) = self.page_size {
            pairs.push(("_limit", size.to_string()));
        }
        let mut seen: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
        seen.sort_unstable();
        if let Some(twice) = seen.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::input(format!(
                "the filter {} is given twice: the server would match nothing",
                twice[0]
            )));
        }
        Ok(encode(&pairs))
    }

    /// A projection hides which objects are deleted unless it says `deleted`.
    fn selection(&self) -> Result<String> {
        let mut joined = fields(&self.fields)?;
        if self.deleted == Deleted::Shown && !self.fields.iter().any(|field| field == "deleted") {
            joined.push_str(",deleted");
        }
        Ok(joined)
    }
}

/// The value of `_fields`.
pub(crate) fn fields(names: &[String]) -> Result<String> {
    for name in names {
        if name.is_empty() || name.contains([',', '\0']) {
            return Err(Error::input(format!("\"{}\" cannot be selected as a field", name.escape_debug())));
        }
    }
    Ok(names.join(","))
}

/// The value of `_sort`. The server ignores what it does not understand; we do not.
fn sort(keys: &[String]) -> Result<String> {
    for key in keys {
        let name = key.strip_prefix(['-', '+']).unwrap_or(key);
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.') {
            return Err(Error::input(format!("the server cannot sort by \"{}\"", key.escape_debug())));
        }
    }
    Ok(keys.join(","))
}

/// Percent-encodes parameters.
pub(crate) fn encode(pairs: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.extend(utf8_percent_encode(name, SEGMENT));
        text.push('=');
        text.extend(utf8_percent_encode(value, SEGMENT));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(filter: Filter) -> Result<String> {
        Query { filters: vec![filter], deleted: Deleted::Irrelevant, ..Query::default() }.encode()
    }

    #[test]
    fn every_operator() {
        for (filter, expected) in [
            (field("n").eq(42), "n=42"),
            (field("n").eq("42"), "n=%2242%22"),
            (field("n").eq(7.5), "n=7.5"),
            (field("z").eq(()), "z=null"),
            (field("b").eq(true), "b=true"),
            (field("s").eq("a,b&c=d#+é"), "s=%22a%2Cb%26c%3Dd%23%2B%C3%A9%22"),
            (field("o").eq(serde_json::json!({"x": [1]})), "o=%7B%22x%22%3A%5B1%5D%7D"),
            (field("o.x").not("y"), "not_o.x=%22y%22"),
            (field("n").lt(1), "lt_n=1"),
            (field("n").max(1), "max_n=1"),
            (field("n").gt(1), "gt_n=1"),
            (field("n").min(1), "min_n=1"),
            (field("n").is_in([1, 2]), "in_n=1%2C2"),
            (field("id").exclude(["a", "b"]), "exclude_id=%22a%22%2C%22b%22"),
            (field("t").like("42"), "like_t=%2242%22"),
            (field("t").has(false), "has_t=false"),
            (field("l").contains([1]), "contains_l=%5B1%5D"),
            (field("l").contains_any(["x"]), "contains_any_l=%5B%22x%22%5D"),
            (field("min_age").eq(5), "eq_min_age=5"),
            (field("_private").eq(5), "eq__private=5"),
            (field("a-b").eq(2), "a-b=2"),
            (field("s").eq("\\u0000"), "s=%22%5C%5Cu0000%22"),
            (field("last_modified").gt(Timestamp::from_millis(5)), "gt_last_modified=5"),
        ] {
            assert_eq!(one(filter).unwrap(), expected);
        }
    }

    #[test]
    fn what_the_server_cannot_express_is_refused() {
        for filter in [
            field("s").is_in(["a,b"]),
            field("o").exclude([[1, 2]]),
            field("s").is_in(Vec::<i32>::new()),
            field("last_modified").is_in([1]),
            field("last_modified").gt(-1),
            field("last_modified").gt("yesterday"),
            field("id").eq(1),
            field("id").is_in([1]),
            field("id").contains(["a"]),
            field("a-b").gt(1),
            field("min_a-b").eq(1),
            field("").eq(1),
            field("x").eq("a\0b"),
            field("x").eq(f64::NAN),
        ] {
            assert_eq!(one(filter.clone()).unwrap_err().kind(), crate::ErrorKind::Input, "{filter:?}");
        }
    }

    #[test]
    fn all_together() {
        let query = Query {
            filters: vec![field("a").eq(1), field("b").has(true)],
            sort: vec!["-n".into(), "o.x".into()],
            fields: vec!["a".into()],
            since: Some(Timestamp::from_millis(5)),
            before: Some(Timestamp::from_millis(9)),
            page_size: Some(3),
            deleted: Deleted::Shown,
        };
        let expected = "has_b=true&a=1&_since=5&_before=9&_sort=-n%2Co.x&_fields=a%2Cdeleted&_limit=3";
        assert_eq!(query.encode().unwrap(), expected);
        assert_eq!(Query::default().encode().unwrap(), "");
        let shown = |filters| Query { filters, deleted: Deleted::Shown, ..Query::default() }.encode().unwrap();
        assert_eq!(shown(vec![]), "_since=0");
        assert_eq!(shown(vec![field("last_modified").lt(5)]), "lt_last_modified=5");
    }

    #[test]
    fn what_would_be_ignored_or_misread_is_refused() {
        let of = |change: fn(&mut Query)| {
            let mut query = Query::default();
            change(&mut query);
            query.encode().is_err()
        };
        assert!(of(|q| q.filters = vec![field("n").eq(1), field("n").eq(2)]));
        assert!(of(|q| q.filters = vec![field("last_modified").gt(1)]));
        assert!(of(|q| q.sort = vec!["a-b".into()]));
        assert!(of(|q| q.sort = vec![String::new()]));
        assert!(of(|q| q.fields = vec!["a,b".into()]));
        assert!(of(|q| q.since = Some(Timestamp::from_millis(-1))));
        assert!(!of(|q| q.filters = vec![field("n").gt(1), field("n").lt(2)]));
    }
}
