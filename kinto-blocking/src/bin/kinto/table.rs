//! Tables for people.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value};
use unicode_width::UnicodeWidthChar as _;

/// The narrowest that a column is made.
const NARROW: usize = 8;
/// Between two columns.
const GAP: &str = "  ";
/// Where there is more.
const MORE: &str = "…";

/// A table, as wide as the terminal at most.
pub(crate) struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
    width: usize,
}

/// The table of some objects: those fields, or else all that they have, as far as there is room.
pub(crate) fn of_list(objects: &[Map<String, Value>], fields: &[String]) -> Table {
    let names = if fields.is_empty() { in_order(names(objects)) } else { fields.to_vec() };
    let row = |object: &Map<String, Value>| names.iter().map(|name| shown(name, object.get(name))).collect();
    let rows = objects.iter().map(row).collect();
    Table { rows, names, width: width() }
}

/// What an object is called is next to its id: where there is little room, that is there.
fn in_order(mut names: Vec<String>) -> Vec<String> {
    names.sort_by_key(|name| match name.as_str() {
        "id" => 0,
        "title" | "name" => 1,
        "last_modified" => 3,
        _ => 2,
    });
    names
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
pub(crate) fn shown(name: &str, value: Option<&Value>) -> String {
    if let ("last_modified", Some(millis)) = (name, value.and_then(Value::as_u64)) {
        let time = UNIX_EPOCH + Duration::from_secs(millis.min(253_402_300_799_000) / 1000);
        return humantime::format_rfc3339_seconds(time).to_string().replace('T', " ").trim_end_matches('Z').to_owned();
    }
    harmless(&plain(value))
}

/// Without what moves the cursor, or turns the direction of all that comes behind it.
pub(crate) fn harmless(text: &str) -> String {
    let turns =
        |character| matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let harm = |character: char| character.is_control() || turns(character);
    text.chars().map(|character| if harm(character) { ' ' } else { character }).collect()
}

/// The width of the terminal.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size().map_or(120, |(width, _)| usize::from(width.0).max(20))
}

/// How many columns a text takes at most. What is drawn as one sign by some terminals is drawn as several by others.
pub(crate) fn wide(text: &str) -> usize {
    text.chars().map(one_wide).sum()
}

fn one_wide(character: char) -> usize {
    match character {
        // The sign before it may be made wide by it.
        '\u{fe0f}' => 1,
        other => other.width().unwrap_or(0),
    }
}

impl Table {
    /// Which columns there is room for, and how wide each is made.
    fn columns(&self, header: &[String]) -> Vec<(usize, usize)> {
        let lines = || self.rows.iter().map(Vec::as_slice).chain([header]);
        let cells = |column: usize| lines().filter_map(|line| line.get(column)).map(|cell| wide(cell)).max();
        let wishes: Vec<usize> = (0..header.len()).map(|column| cells(column).unwrap_or(0).min(self.width)).collect();
        let is = |column: usize, name: &str| self.names[column] == name;
        // Half an id or half a date is of no use.
        let least = |column: usize| {
            if is(column, "id") || is(column, "last_modified") { wishes[column] } else { wishes[column].min(NARROW) }
        };
        let mut kept: Vec<usize> = (0..header.len()).collect();
        let room = |count: usize| {
            let more = if count < header.len() { GAP.len() + wide(MORE) } else { 0 };
            self.width.saturating_sub(count.saturating_sub(1) * GAP.len() + more)
        };
        while kept.len() > 1 && kept.iter().map(|column| least(*column)).sum::<usize>() > room(kept.len()) {
            // The fewest have what is last; but for when it was changed.
            let last = kept.len() - 1;
            kept.remove(if last > 1 && is(kept[last], "last_modified") { last - 1 } else { last });
        }
        let mut widths: Vec<(usize, usize)> = kept.iter().map(|column| (*column, wishes[*column])).collect();
        // The widest gives way.
        while widths.iter().map(|(_, width)| width).sum::<usize>() > room(widths.len()) {
            let can = widths.iter_mut().filter(|(column, width)| *width > least(*column));
            let Some((_, widest)) = can.max_by_key(|(_, width)| *width) else { break };
            *widest -= 1;
        }
        widths
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.names.iter().map(|name| harmless(&name.to_uppercase())).collect::<Vec<_>>();
        if header.is_empty() {
            return Ok(());
        }
        let columns = self.columns(&header);
        for (number, row) in [&header].into_iter().chain(&self.rows).enumerate() {
            let mut line = String::new();
            for (column, width) in &columns {
                let cell = cut(&row[*column], *width);
                line.push_str(&cell);
                line.extend(std::iter::repeat_n(' ', width.saturating_sub(wide(&cell)) + GAP.len()));
            }
            if number == 0 && columns.len() < header.len() {
                line.push_str(MORE);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// As much of a text as there is room for.
fn cut(text: &str, width: usize) -> String {
    if wide(text) <= width {
        return text.to_owned();
    }
    let fits = fitting(text, width.saturating_sub(wide(MORE)));
    text[..fits].trim_end().to_owned() + MORE
}

/// How many bytes of a text there is room for.
pub(crate) fn fitting(text: &str, width: usize) -> usize {
    let mut taken = 0;
    let over = text.char_indices().find(|(_, character)| {
        taken += one_wide(*character);
        taken > width
    });
    over.map_or(text.len(), |(at, _)| at)
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
        assert!(table.to_string().lines().all(|line| wide(line) <= 200) && !table.to_string().contains('…'));
        table.width = 45;
        assert_eq!(
            table.to_string(),
            "ID     TITLE         LAST_MODIFIED        …\n\
             hello  Hello, 世界   2023-11-14 22:13:20\n\
             b      B             1970-01-01 00:00:00\n",
            "the fields that there is no room for are left out, and that is to be seen"
        );
        table.width = 20;
        assert!(table.to_string().lines().all(|line| wide(line) <= 20), "{table}");
        let table = of_list(&list, &["title".to_owned(), "id".to_owned()]);
        assert!(table.to_string().starts_with("TITLE         ID\n"), "{table}");
    }
}
