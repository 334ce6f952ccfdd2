//! `completions` and `man`: what the program tells of itself.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::Args;
use crate::failure::{Failure, Outcome};

/// Writes what a shell needs to complete arguments
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kinto completions bash > ~/.local/share/bash-completion/completions/kinto")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Writes the manual
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kinto man | man -l -\n  kinto man --into ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// A folder for a page of each verb; without, the first page goes to standard output
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

impl Completions {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Args::command(), "kinto", &mut text);
        io::Write::write_all(&mut io::stdout().lock(), &text)?;
        Ok(Outcome::Done)
    }
}

impl Man {
    pub(crate) fn run(self) -> Result<Outcome, Failure> {
        let Some(folder) = self.into else {
            let mut text = Vec::new();
            clap_mangen::Man::new(Args::command()).render(&mut text)?;
            io::Write::write_all(&mut io::stdout().lock(), &text)?;
            return Ok(Outcome::Done);
        };
        let local = |error: io::Error| Failure::Local(format!("{}: {error}", folder.display()));
        fs::create_dir_all(&folder).and_then(|()| clap_mangen::generate_to(Args::command(), &folder)).map_err(local)?;
        Ok(Outcome::Done)
    }
}
