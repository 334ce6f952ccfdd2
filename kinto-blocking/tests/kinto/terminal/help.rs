//! The help, as it stands at a terminal.

use clap::{CommandFactory as _, Parser};
use kinto_blocking::cli::KintoArgs;

use super::Terminal;
use crate::running::bare;

fn help(columns: u16, arguments: &[&str]) -> Vec<String> {
    let mut command = bare();
    command.args(arguments);
    let mut terminal = Terminal::start(command.into(), columns);
    while terminal.take() {}
    let raw = String::from_utf8(std::mem::take(&mut terminal.raw)).unwrap();
    assert_eq!(terminal.left().status, Some(0));
    let plain = raw.split("\u{1b}[").enumerate().map(|(number, piece)| match number {
        0 => piece,
        _ => piece.split_once('m').unwrap().1,
    });
    plain.collect::<String>().lines().map(str::to_owned).collect()
}

#[test]
fn fits_and_is_in_order() {
    let main = help(80, &["--help"]);
    let verbs = main.iter().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs = verbs.filter(|line| !line.starts_with("   ")).map(|line| line.split_whitespace().next().unwrap());
    let verbs: Vec<&str> = verbs.filter(|verb| *verb != "help").collect();
    assert!(verbs.len() > 20, "{verbs:?}");
    for verb in [&[][..]].into_iter().chain(verbs.chunks(1)) {
        let lines = help(80, &[verb, &["--help"]].concat());
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{verb:?}: {lines:#?}");
        for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| !line.is_empty() && !line.starts_with(' '))) {
            let next = pair[1].split(' ').next().unwrap().len();
            assert!(pair[0].ends_with(':') || pair[0].len() + 1 + next > 80, "{verb:?} is broken too early: {pair:#?}");
        }
        // What belongs to the verb comes first, and all of it.
        let at = |heading: &str| lines.iter().position(|line| line == heading).unwrap();
        assert!(at("Options:") < at("Server:") && at("Server:") < at("Output:"), "{verb:?}: {lines:#?}");
        let own = &lines[at("Options:")..at("Server:")];
        assert!(!own.iter().any(|line| line.contains("--retry") || line.contains("--output")), "{verb:?}: {own:#?}");
        assert!(verb != ["sync"] || own.iter().any(|line| line.contains("--only-fields")), "{own:#?}");
    }
    // The columns are below each other.
    let status = main.iter().skip_while(|line| *line != "Exit status:").skip(1).take_while(|line| !line.is_empty());
    let at: Vec<_> = (5..10).zip(status).map(|(number, line)| line.find(&format!(" {number} "))).collect();
    assert!(at.iter().all(|place| *place == at[0] && place.is_some()), "{at:?}");
    assert!(help(80, &["ls", "-h"]).len() < help(80, &["ls", "--help"]).len());
}

/// A script with the arguments that any of them can have.
#[derive(Parser)]
struct Script {
    #[command(flatten)]
    _kinto: KintoArgs,
    /// What it is about
    #[arg(long)]
    _own: bool,
}

#[test]
fn what_belongs_to_a_script_comes_first_too() {
    let help = Script::command().render_help().to_string();
    let (own, common) = help.split_once("\nServer:\n").unwrap();
    assert!(own.contains("What it is about") && !common.contains("What it is about"), "{help}");
}
