//! Tables and blocks of code in a document.

/// The rows of the tables below `title` (all of them, if there is none), as cells; heads and rules are no rows.
pub(crate) fn rows(document: &str) -> impl Iterator<Item = Vec<String>> {
    let lines = document.lines().collect::<Vec<_>>();
    let is_rule = |line: &str| line.starts_with("| ---");
    let rows: Vec<_> = (0..lines.len())
        .filter(|&at| lines[at].starts_with("| ") && !is_rule(lines[at]))
        // A head stands above a rule.
        .filter(|&at| !lines.get(at + 1).is_some_and(|next| is_rule(next)))
        .map(|at| cells(lines[at]))
        .collect();
    rows.into_iter()
}

/// The cells of a row, where `\|` is a stroke that divides nothing.
fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches('|').trim_end_matches('|').replace("\\|", "\0");
    line.split('|').map(|cell| cell.trim().replace('\0', "|")).collect()
}

/// What stands between backticks.
pub(crate) fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The first block of code in this language.
pub(crate) fn block<'a>(document: &'a str, language: &str) -> &'a str {
    let (_, rest) = document.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}
