//! One object for people.

use std::fmt;

use serde_json::{Map, Value};

use crate::table::{fitting, harmless, names, plain, shown, wide, width};

/// Between names and values.
const GAP: usize = 2;

/// One object: its fields below each other, with all that is in them, in as many lines as that takes.
pub(crate) struct Card {
    fields: Vec<(String, String)>,
    width: usize,
}

/// The object, and what is beside its data.
pub(crate) fn of_object<'a>(
    object: &'a Map<String, Value>,
    beside: impl Iterator<Item = (&'static str, &'a Value)>,
) -> Card {
    let fields = names(std::slice::from_ref(object)).into_iter().map(|name| {
        let value = match object.get(&name) {
            // Its lines are lines.
            Some(Value::String(text)) => text.lines().map(harmless).collect::<Vec<_>>().join("\n"),
            other => shown(&name, other),
        };
        (harmless(&name), value)
    });
    let beside = beside.map(|(name, value)| (name.to_owned(), harmless(&plain(Some(value)))));
    Card { fields: fields.chain(beside).collect(), width: width() }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.fields.iter().map(|(name, _)| wide(name)).max().unwrap_or(0).min(self.width / 3);
        let room = self.width.saturating_sub(names + GAP);
        for (name, value) in &self.fields {
            let mut values = value.split('\n').flat_map(|line| Wrapped { rest: Some(line), width: room });
            let mut names_left = Wrapped { rest: Some(name), width: names };
            loop {
                let (name, value) = (names_left.next(), values.next());
                if name.is_none() && value.is_none() {
                    break;
                }
                let (name, value) = (name.unwrap_or_default(), value.unwrap_or_default());
                let padding = names.saturating_sub(wide(name)) + GAP;
                writeln!(f, "{}", format!("{name}{}{value}", " ".repeat(padding)).trim_end())?;
            }
        }
        Ok(())
    }
}

/// The lines of a text: broken behind a word, or within one that is longer than a line.
struct Wrapped<'a> {
    rest: Option<&'a str>,
    width: usize,
}

impl<'a> Iterator for Wrapped<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        let fits = fitting(text, self.width);
        if fits == text.len() {
            return Some(text);
        }
        let behind_word = if text[fits..].starts_with(' ') { Some(fits) } else { text[..fits].rfind(' ') };
        let at = behind_word.filter(|at| !text[..*at].trim().is_empty()).unwrap_or(fits);
        // At least one, even where it has no room.
        let at = if at == 0 { text.chars().next().map_or(1, char::len_utf8) } else { at };
        let (line, rest) = text.split_at(at);
        self.rest = Some(rest.trim_start_matches(' ')).filter(|rest| !rest.is_empty());
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_below_the_other() {
        let object =
            json!({"id": "a", "n": 1, "text": "some words that are long\nand \u{1b}[2J more", "世": "界".repeat(20)});
        let permissions = json!({"write": ["account:alexis"]});
        let mut card = of_object(object.as_object().unwrap(), [("permissions", &permissions)].into_iter());
        card.width = 33;
        assert_eq!(
            card.to_string(),
            "id           a\n\
             n            1\n\
             text         some words that are\n             long\n             and  [2J more\n\
             世           界界界界界界界界界界\n             界界界界界界界界界界\n\
             permissions  {\"write\":[\"account:a\n             lexis\"]}\n"
        );
        card.width = 20;
        assert!(card.to_string().lines().all(|line| wide(line) <= 20), "{card}");
    }
}
