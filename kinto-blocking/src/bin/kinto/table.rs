//! Tables for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The narrowest that a column is made.
const NARROW: usize = 6;
/// Between two columns.
const GAP: &str = "  ";

/// A table, as wide as the terminal at most.
pub(crate) struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
    width: usize,
}

/// The table of some objects: those fields, or else all that most of them have, as far as there is room.
pub(crate) fn of_list(objects: &[Map<String, Value>], fields: &[String]) -> Table {
    let names = if fields.is_empty() { names(objects) } else { fields.to_vec() };
    let row = |object: &Map<String, Value>| names.iter().map(|name| shown(name, object.get(name))).collect();
    let rows = objects.iter().map(row).collect();
    Table { rows, names, width: width() }
}

/// One object: a line for each field, and for what is beside its data.
pub(crate) fn of_object<'a>(
    object: &'a Map<String, Value>,
    beside: impl Iterator<Item = (&'static str, &'a Value)>,
) -> Table {
    let fields = names(std::slice::from_ref(object)).into_iter().map(|name| {
        let value = shown(&name, object.get(&name));
        vec![name, value]
    });
    let beside = beside.map(|(name, value)| vec![name.to_owned(), plain(Some(value))]);
    Table { names: Vec::new(), rows: fields.chain(beside).collect(), width: width() }
}

/// The names of the fields: the id, those that most have, and when it was changed.
pub(crate) fn names(objects: &[Map<String, Value>]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in objects.iter().flat_map(Map::keys) {
        *counts.entry(name).or_default() += 1;
    }
    let has = |name: &str| counts.contains_key(name);
    let (first, last) = (has("id").then_some("id"), has("last_modified").then_some("last_modified"));
    let mut others: Vec<&str> = counts.keys().copied().filter(|name| !["id", "last_modified"].contains(name)).collect();
    others.sort_by_key(|name| std::cmp::Reverse(counts[name]));
    first.into_iter().chain(others).chain(last).map(str::to_owned).collect()
}

/// A value on one line: texts as they are, and all else as JSON.
pub(crate) fn plain(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The same for people: timestamps as dates, and nothing that moves the cursor.
fn shown(name: &str, value: Option<&Value>) -> String {
    if let ("last_modified", Some(millis)) = (name, value.and_then(Value::as_u64)) {
        let time = UNIX_EPOCH + Duration::from_secs(millis.min(253_402_300_799_000) / 1000);
        return humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").trim_end_matches('Z').to_owned();
    }
    plain(value).chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// The width of the terminal.
fn width() -> usize {
    terminal_size::terminal_size().map_or(120, |(width, _)| usize::from(width.0).max(20))
}

impl Table {
    /// How wide each column is made, and how many of them there is room for.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0).max(self.names.len());
        let lines = || self.rows.iter().chain((!self.names.is_empty()).then_some(&self.names));
        let wish =
            |column: usize| lines().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..columns).map(wish).collect();
        let gaps = |count: usize| count.saturating_sub(1) * GAP.len();
        // The widest gives way, down to what can still be read; then the last but one is left out.
        loop {
            let total = widths.iter().sum::<usize>() + gaps(widths.len());
            let Some(over) = total.checked_sub(self.width).filter(|over| *over > 0) else { return widths };
            let Some(widest) = widths.iter().copied().enumerate().max_by_key(|(_, width)| *width) else {
                return widths;
            };
            let second = widths.iter().copied().filter(|width| *width < widest.1).max().unwrap_or(NARROW).max(NARROW);
            let gives = over.min(widest.1.saturating_sub(second));
            if gives > 0 {
                widths[widest.0] -= gives;
            } else if widest.1 > NARROW {
                widths[widest.0] -= 1;
            } else {
                return widths;
            }
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let header = self.names.iter().map(|name| name.to_uppercase()).collect::<Vec<_>>();
        for row in (!header.is_empty()).then_some(&header).into_iter().chain(&self.rows) {
            let mut line = String::new();
            for (number, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if number > 0 {
                    line.push_str(GAP);
                }
                let cell = cut(cell, *width);
                line.push_str(&cell);
                line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width())));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// As much of a text as there is room for.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = text.chars().take_while(|character| {
        let wide = character.width().unwrap_or(0);
        let fits = wide <= left;
        left -= if fits { wide } else { left };
        fits
    });
    fits.collect::<String>().trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn objects(objects: Value) -> Vec<Map<String, Value>> {
        serde_json::from_value(objects).unwrap()
    }

    #[test]
    fn as_wide_as_the_terminal() {
        let list = objects(json!([
            {"id": "hello", "title": "Hello, 世界\n", "last_modified": 1_700_000_000_123_u64, "text": "long ".repeat(20)},
            {"id": "b", "title": "B", "last_modified": 0, "tags": ["x"]},
        ]));
        let mut table = of_list(&list, &[]);
        table.width = 80;
        assert_eq!(
            table.to_string(),
            "ID     TITLE         TAGS   TEXT                             LAST_MODIFIED\n\
             hello  Hello, 世界          long long long long long long…   2023-11-14 22:13:20\n\
             b      B             [\"x\"]                                   1970-01-01 00:00:00\n"
        );
        table.width = 200;
        assert!(table.to_string().lines().all(|line| line.width() <= 200) && !table.to_string().contains('…'));
        table.width = 30;
        assert!(table.to_string().lines().all(|line| line.width() <= 40), "{table}");
        let table = of_list(&list, &["title".to_owned(), "id".to_owned()]);
        assert!(table.to_string().starts_with("TITLE         ID\n"), "{table}");
    }

    #[test]
    fn an_object_is_a_line_for_each_field() {
        let object = objects(json!([{"id": "a", "n": 1}])).remove(0);
        let permissions = json!({"write": ["account:alexis"]});
        let mut table = of_object(&object, [("permissions", &permissions)].into_iter());
        table.width = 80;
        assert_eq!(
            table.to_string(),
            "id           a\nn            1\npermissions  {\"write\":[\"account:alexis\"]}\n"
        );
    }
}
