//! Kinto on the command line.

#![allow(clippy::print_stdout, reason = "it is what this program is for")]

mod about;
mod assign;
mod card;
mod carry_out;
mod context;
mod copy;
mod dry;
mod edit;
mod failure;
mod files;
mod hints;
mod local;
mod output;
mod past;
mod perms;
mod place;
mod progress;
mod raw;
mod read;
mod review;
mod server;
mod sync;
mod table;
mod transfer;
mod write;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kinto_blocking::cli::KintoArgs;

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::OutputArgs;

/// Reads and writes what is on a Kinto server.
///
/// Places are paths: / is the server, /blog a bucket, /blog/posts a collection, /blog/posts/hello a record; /blog/@ the groups
/// of a bucket, and /blog/@editors one of them. With --bucket (and --collection), a path that does not begin with / is in
/// there.
#[derive(Parser)]
#[command(name = "kinto", version, max_term_width = 100, after_help = AFTER)]
struct Args {
    #[command(flatten)]
    kinto: KintoArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(subcommand)]
    verb: Verb,
}

const AFTER: &str = "\
Exit status:
  0 done, or nothing to do         5 not there
  1 any other error                6 changed meanwhile, or there already
  2 a dry run found changes        7 what was sent is not valid
  3 wrong arguments                8 an error of the server
  4 not signed in, or not allowed  9 no connection, or no answer

Examples:
  kinto -s http://localhost:8888/v1 -a alexis info
  kinto ls /blog/posts --filter 'draft=false' --sort -date -o json
  kinto get /blog/posts/hello";

#[derive(Subcommand)]
enum Verb {
    Info(server::Info),
    Whoami(server::Whoami),
    Login(server::SignIn),
    Ls(read::Ls),
    Get(read::Get),
    Put(write::Put),
    Patch(write::Patch),
    Edit(edit::Edit),
    Rm(write::Rm),
    Diff(sync::Diff),
    Sync(sync::Sync),
    Apply(sync::Apply),
    Cp(copy::Cp),
    Mv(copy::Mv),
    Export(transfer::Export),
    Import(transfer::ImportFile),
    Attach(files::Attach),
    Fetch(files::Fetch),
    Perms(perms::Perms),
    Review(review::Review),
    History(past::History),
    At(past::At),
    Watch(past::Watch),
    Batch(raw::ManyRaw),
    Raw(raw::Raw),
    Completions(about::Completions),
    Man(about::Man),
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return failure::of_arguments(&error),
    };
    match run(args) {
        Ok(outcome) => outcome.into(),
        Err(failure) => failure.tell(),
    }
}

fn run(args: Args) -> Result<Outcome, Failure> {
    let mut context = Context::new(args.kinto, args.output);
    match args.verb {
        Verb::Info(verb) => verb.run(&mut context),
        Verb::Whoami(verb) => verb.run(&mut context),
        Verb::Login(verb) => verb.run(&mut context),
        Verb::Ls(verb) => verb.run(&mut context),
        Verb::Get(verb) => verb.run(&mut context),
        Verb::Put(verb) => verb.run(&mut context),
        Verb::Patch(verb) => verb.run(&mut context),
        Verb::Edit(verb) => verb.run(&mut context),
        Verb::Rm(verb) => verb.run(&mut context),
        Verb::Diff(verb) => verb.run(&mut context),
        Verb::Sync(verb) => verb.run(&mut context),
        Verb::Apply(verb) => verb.run(&mut context),
        Verb::Cp(verb) => verb.run(&mut context),
        Verb::Mv(verb) => verb.run(&mut context),
        Verb::Export(verb) => verb.run(&mut context),
        Verb::Import(verb) => verb.run(&mut context),
        Verb::Attach(verb) => verb.run(&mut context),
        Verb::Fetch(verb) => verb.run(&mut context),
        Verb::Perms(verb) => verb.run(&mut context),
        Verb::Review(verb) => verb.run(&mut context),
        Verb::History(verb) => verb.run(&mut context),
        Verb::At(verb) => verb.run(&mut context),
        Verb::Watch(verb) => verb.run(&mut context),
        Verb::Batch(verb) => verb.run(&mut context),
        Verb::Raw(verb) => verb.run(&mut context),
        Verb::Completions(verb) => verb.run(),
        Verb::Man(verb) => verb.run(),
    }
}
