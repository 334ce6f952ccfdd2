//! The clients beside bare transports, on a server in a process of its own. `docs/PERFORMANCE.md` says what came of it.
//!
//! ```text
//! end-to-end compare [ROUNDS [WORK…]]     time and memory, in interleaved rounds
//! end-to-end count [WORK…]                instructions, by callgrind
//! end-to-end late [MILLISECONDS]          every answer late
//! end-to-end real                         5,000 writes to a real Kinto
//! end-to-end one WORK CLIENT TIMES URL COLLECTION
//! end-to-end serve MILLISECONDS
//! ```

mod by_hand;
mod measure;
mod ours;
mod processes;
mod python;
mod real;
mod server;
mod tables;
mod work;
mod yardsticks;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use work::{Failure, Place, Work};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", delay] => Ok(server::serve(Duration::from_millis(delay.parse()?))?),
        ["one", work, client, times, url, collection] => {
            let work = Work::parse(work).ok_or("nothing is called that")?;
            let place = Place { url: url.to_owned(), collection: collection.to_owned() };
            println!("{}", measure::measure(client, work, times.parse()?, &place)?);
            Ok(())
        }
        ["compare"] => tables::compare(9, &[]),
        ["compare", rounds, ..] => tables::compare(rounds.parse()?, &arguments[2..]),
        ["count", ..] => tables::count(&arguments[1..]),
        ["late"] => tables::late(20, 5),
        ["late", delay] => tables::late(delay.parse()?, 5),
        ["real"] => real::real(),
        _ => Err("compare [ROUNDS [WORK…]], count [WORK…], late [MILLISECONDS] or real".into()),
    }
}
