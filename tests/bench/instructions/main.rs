//! Does one thing so many times, for `callgrind` to count: `.ci/instructions` runs it.
//!
//! ```text
//! instructions               the names of what can be done
//! instructions get 1000      does that
//! ```

use std::env;
use std::process::ExitCode;

use kinto_bench::WORKLOADS;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (Some(name), Some(times)) = (arguments.next(), arguments.next().and_then(|times| times.parse::<u32>().ok()))
    else {
        WORKLOADS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let Some((_, workload)) = WORKLOADS.iter().find(|(known, _)| *known == name) else {
        eprintln!("nothing is called {name}");
        return ExitCode::from(2);
    };
    let mut workload = workload();
    // What goes wrong costs less, and would look like an improvement.
    if (0..times).all(|_| workload()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
