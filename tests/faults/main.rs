//! Every row of the matrix of what can hurt a client, played by the blocking client, the async client and, where it is
//! about rules, the bare core with waits that take no time.
//!
//! The servers are of raw bytes, and do what they are told: [`kinto_tests::Stub`]. Behind one there may be a model of
//! Kinto, so that it is seen what was done and how often. At the end there is a table of all rows.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

#[path = "../parity/answers.rs"]
#[allow(dead_code, reason = "the tests of parity have this file too")]
mod answers;
mod attached;
#[path = "../parity/bare.rs"]
mod bare;
mod batches;
mod bodies;
#[path = "../wire/certificates.rs"]
#[allow(dead_code, reason = "the tests of the wire have this file too")]
mod certificates;
mod child;
mod classes;
mod connections;
mod contents;
mod data;
#[path = "../functional/driver.rs"]
#[allow(dead_code, reason = "other tests have this file too")]
mod driver;
mod fetched;
mod framing;
mod headers;
mod hello;
mod ids;
mod incomplete;
mod limits;
mod lost_answers;
mod matrix;
mod named;
mod paging;
mod place;
mod reaching;
mod redirects;
mod roots;
mod row;
mod secrets;
#[path = "../wire/secure.rs"]
#[allow(dead_code, reason = "the tests of the wire have this file too")]
mod secure;
mod shelf;
mod statuses;
mod surroundings;
mod time;
mod timestamps;
mod together;
mod trust;
#[path = "../wire/tunnel.rs"]
#[allow(dead_code, reason = "the tests of the wire have this file too")]
mod tunnel;
mod unfinished_batches;
mod waiting;
mod whereabouts;
#[path = "../parity/wire.rs"]
mod wire;

use std::panic;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Trial};

use crate::matrix::Outcomes;
use crate::row::Row;

/// Time that nobody needs to wait for is skipped.
const SKIPS_WAITS: bool = true;

/// How many run at once: they mostly wait.
const AT_ONCE: usize = 16;

fn rows() -> Vec<Row> {
    [
        connections::rows(),
        redirects::rows(),
        paging::rows(),
        hello::rows(),
        contents::rows(),
        limits::rows(),
        batches::rows(),
        unfinished_batches::rows(),
        waiting::rows(),
        bodies::rows(),
        framing::rows(),
        timestamps::rows(),
        statuses::rows(),
        incomplete::rows(),
        trust::rows(),
        lost_answers::rows(),
        reaching::rows(),
        ids::rows(),
        data::rows(),
        roots::rows(),
        headers::rows(),
        fetched::rows(),
        named::rows(),
        whereabouts::rows(),
        attached::rows(),
        secrets::rows(),
        surroundings::rows(),
        time::rows(),
        together::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() -> ExitCode {
    if let Some(code) = child::task().or_else(surroundings::task) {
        return code;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let outcomes = Arc::<Mutex<Outcomes>>::default();
    let mut trials = vec![Trial::test("every_row_of_the_matrix_is_there", || {
        let complaints = matrix::complaints(&rows());
        if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
    })];
    for row in rows() {
        for play in row.plays {
            let name = format!("{}::{}::{}", row.id.to_lowercase(), play.name, play.player.name());
            let (id, outcomes) = (row.id, Arc::clone(&outcomes));
            trials.push(Trial::test(name, move || {
                let result = panic::catch_unwind(play.play);
                let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                outcomes.insert((id, play.name, play.player), result.is_ok());
                drop(outcomes);
                result.map_err(|panic| panic::resume_unwind(panic))
            }));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        print!("{}", matrix::table(&rows(), &outcomes.lock().unwrap_or_else(PoisonError::into_inner)));
    }
    conclusion.exit_code()
}
