//! The matrix as it stands in the document, and the table of what was shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::row::{Player, Row};

const DOCUMENT: &str = include_str!("../../docs/RELIABILITY.md");

/// The ids of the rows, and what goes wrong in each, in the order of the document.
pub(crate) fn rows() -> Vec<(&'static str, &'static str)> {
    let cells = DOCUMENT.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?, cells.next()?))
    });
    cells.filter(|(id, _)| is_id(id)).collect()
}

fn is_id(text: &str) -> bool {
    matches!(text.as_bytes(), [b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9'])
}

/// What the rows of the document and those of the tests do not have in common, and rows that are shown by less than both
/// front-ends.
pub(crate) fn complaints(rows: &[Row]) -> Vec<String> {
    let written: Vec<&str> = self::rows().into_iter().map(|(id, _)| id).collect();
    let mut complaints = Vec::new();
    if written.len() < 100 {
        complaints.push(format!("the document is no longer understood: {written:?}"));
    }
    let (mut seen, known) = (BTreeSet::new(), written.iter().copied().collect::<BTreeSet<_>>());
    complaints.extend(rows.iter().filter(|row| !seen.insert(row.id)).map(|row| format!("{}: twice", row.id)));
    complaints.extend(known.difference(&seen).map(|id| format!("{id}: no scenario")));
    complaints.extend(seen.difference(&known).map(|id| format!("{id}: not in the document")));
    for row in rows {
        let players: BTreeSet<Player> = row.plays.iter().map(|play| play.player).collect();
        let concerned =
            [Player::Blocking, Player::Async].into_iter().filter(|player| row.only.is_none_or(|it| it == *player));
        if !concerned.into_iter().all(|player| players.contains(&player)) {
            complaints.push(format!("{}: not in both front-ends", row.id));
        }
    }
    complaints
}

/// How each scenario of a row ended, by who played it.
pub(crate) type Outcomes = BTreeMap<(&'static str, &'static str, Player), bool>;

/// A line for each row of the document.
pub(crate) fn table(rows: &[Row], outcomes: &Outcomes) -> String {
    let mut table = String::new();
    let mut passed = 0;
    for (id, what) in self::rows() {
        let played: Vec<_> =
            outcomes.range((id, "", Player::Blocking)..).take_while(|((row, ..), _)| *row == id).collect();
        let failed: BTreeSet<&str> =
            played.iter().filter(|(_, passed)| !**passed).map(|((_, name, _), _)| *name).collect();
        let names: BTreeSet<&str> = played.iter().map(|((_, name, _), _)| *name).collect();
        let players: BTreeSet<Player> = played.iter().map(|((.., player), _)| *player).collect();
        let by: Vec<&str> = players.into_iter().map(Player::name).collect();
        let only = rows.iter().any(|row| row.id == id && row.only.is_some());
        let shown = match (played.is_empty(), failed.is_empty()) {
            (true, _) => "not played".to_owned(),
            (_, false) => format!("FAILED: {failed:?}"),
            _ => {
                passed += 1;
                format!("passed: {} by {}{}", names.len(), by.join(", "), if only { " alone" } else { "" })
            }
        };
        let _ = writeln!(table, "{id}  {shown:<40}  {}", short(what));
    }
    let _ = writeln!(table, "{passed} rows passed of {}", self::rows().len());
    table
}

fn short(what: &str) -> String {
    const WIDTH: usize = 70;
    if what.chars().count() <= WIDTH { what.to_owned() } else { what.chars().take(WIDTH - 1).chain(['…']).collect() }
}
