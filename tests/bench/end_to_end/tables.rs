//! What is measured with what, and how it is shown. Only ratios within one run mean anything.

use std::collections::BTreeMap;

use crate::measure::{CLIENTS, Taken};
use crate::processes::{Server, instructions, measured, measured_of};
use crate::python::{PYTHON, Python};
use crate::work::Failure;

/// Names, and how often each is done: for time, for instructions, and by kinto-http.py, where that can do it.
const WORKS: [(&str, usize, usize, usize); 9] = [
    ("get", 4_000, 200, 400),
    ("put", 4_000, 200, 400),
    ("batch25", 10_000, 500, 1_000),
    ("batch100", 20_000, 1_000, 2_000),
    // As many, as it is the memory of them that is compared.
    ("list", 100_000, 4_000, 100_000),
    ("stream", 100_000, 4_000, 100_000),
    ("flight", 8_000, 640, 800),
    ("export", 100_000, 4_000, 0),
    ("plan", 100_000, 4_000, 0),
];

/// What each is compared with.
const YARDSTICK: &str = "ureq";

/// How many times the processor time of ours kinto-http.py is to need at least.
const WANTED: [(&str, f64); 5] = [("get", 30.0), ("put", 20.0), ("batch25", 20.0), ("batch100", 20.0), ("list", 4.5)];

/// What was measured in all rounds, by what was done and by whom, and how often it was done in each.
type Measured = BTreeMap<(usize, &'static str), Vec<(Taken, usize)>>;

/// In rounds, so that what else happens on the machine meets all alike.
pub(crate) fn compare(rounds: usize, only: &[String]) -> Result<(), Failure> {
    let (server, python) = (Server::start(0)?, Python::find());
    let mut all = Measured::new();
    for round in 0..=rounds {
        for (row, (work, times, _, of_python)) in rows(only) {
            let mut keep = |client, taken, times| {
                // The first time the server makes its answers.
                if round > 0 {
                    all.entry((row, client)).or_default().push((taken, times));
                }
            };
            for client in CLIENTS {
                keep(client, measured(client, work, *times, &server.place(*times))?, *times);
            }
            if let Some(python) = python.as_ref().filter(|_| *of_python > 0) {
                keep(PYTHON, measured_of(python, work, *of_python, &server.place(*times))?, *of_python);
            }
        }
        eprintln!("round {round} of {rounds}");
    }
    println!(
        "medians of {rounds} rounds: CPU per operation or record, and CPU, time and memory as shares of {YARDSTICK}'s"
    );
    println!("{:<10}{:<10}{:>10}{:>8}{:>14}{:>8}{:>8}{:>10}", "", "", "µs", "CPU", "(spread)", "time", "memory", "MiB");
    for (row, (work, ..)) in rows(only) {
        for client in CLIENTS.into_iter().chain([PYTHON]) {
            let Some(own) = all.get(&(row, client)) else { continue };
            let [cpu, wall, memory] = [cpu, wall, memory].map(|of| ratios(&all, row, (client, YARDSTICK), of));
            let mut per: Vec<f64> = own.iter().map(|it| self::cpu(it) * 1e6).collect();
            per.sort_by(f64::total_cmp);
            let mib = own.iter().map(|(taken, _)| taken.peak).max().unwrap_or_default() as f64 / 1024.0;
            let spread = format!("{:.2}–{:.2}", cpu[0], cpu[cpu.len() - 1]);
            println!(
                "{work:<10}{client:<10}{:>10.2}{:>8.2}{spread:>14}{:>8.2}{:>8.2}{mib:>10.1}",
                middle(&per),
                middle(&cpu),
                middle(&wall),
                middle(&memory)
            );
        }
    }
    if python.is_some() {
        beside_python(&all, only);
    }
    Ok(())
}

/// How much more kinto-http.py needs than ours.
fn beside_python(all: &Measured, only: &[String]) {
    println!("\nkinto-http.py ÷ ours, CPU and time per operation or record");
    println!("{:<10}{:<10}{:>8}{:>14}{:>8}{:>10}", "", "", "CPU", "(spread)", "time", "wanted");
    for (row, (work, ..)) in rows(only).filter(|(row, _)| all.contains_key(&(*row, PYTHON))) {
        for client in ["blocking", "async"] {
            let [cpu, wall] = [cpu, wall].map(|of| ratios(all, row, (PYTHON, client), of));
            let wanted = WANTED.iter().find(|(of, _)| of == work).map_or_else(String::new, |(_, wanted)| {
                format!("{} {wanted}", if middle(&cpu) >= *wanted { "≥" } else { "not" })
            });
            let spread = format!("{:.1}–{:.1}", cpu[0], cpu[cpu.len() - 1]);
            println!("{work:<10}{client:<10}{:>8.1}{spread:>14}{:>8.1}{wanted:>10}", middle(&cpu), middle(&wall));
        }
    }
}

/// Of the one and of the other in the same round, the smallest first.
fn ratios(all: &Measured, row: usize, of: (&'static str, &'static str), what: fn(&(Taken, usize)) -> f64) -> Vec<f64> {
    let each = |client| all.get(&(row, client)).into_iter().flatten().map(what);
    let mut ratios: Vec<f64> = each(of.0).zip(each(of.1)).map(|(one, other)| one / other).collect();
    ratios.sort_by(f64::total_cmp);
    ratios
}

/// Seconds of processors for each time.
fn cpu((taken, times): &(Taken, usize)) -> f64 {
    taken.cpu.as_secs_f64() / *times as f64
}

fn wall((taken, times): &(Taken, usize)) -> f64 {
    taken.wall.as_secs_f64() / *times as f64
}

fn memory((taken, _): &(Taken, usize)) -> f64 {
    taken.peak as f64
}

fn rows(only: &[String]) -> impl Iterator<Item = (usize, &'static (&'static str, usize, usize, usize))> {
    WORKS.iter().enumerate().filter(|(_, (work, ..))| only.is_empty() || only.iter().any(|asked| asked == work))
}

/// By callgrind: the same each time, on the busiest machine.
pub(crate) fn count(only: &[String]) -> Result<(), Failure> {
    let server = Server::start(0)?;
    println!(
        "instructions per operation or record, and as a share of those of {YARDSTICK}, or of hyper for async and reqwest"
    );
    for (_, (work, _, times, _)) in rows(only) {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for client in CLIENTS {
            let count = instructions(client, work, *times, |times| server.place(times))?;
            counts.insert(client, count);
            let yardstick = if matches!(client, "async" | "reqwest") { "hyper" } else { YARDSTICK };
            let share = count as f64 / counts.get(yardstick).copied().unwrap_or(count) as f64;
            println!("{work:<10}{client:<10}{count:>10}{share:>8.2}");
        }
    }
    Ok(())
}

/// With every answer late: how much longer it takes than the waiting alone.
pub(crate) fn late(delay: u64, rounds: usize) -> Result<(), Failure> {
    let (server, python) = (Server::start(delay)?, Python::find());
    // How many answers come one after the other.
    let works =
        [("list", 20_000, 20), ("get", 64, 64), ("flight", 640, 20), ("writes", 1_000, 40), ("writes4", 1_000, 10)];
    println!("every answer {delay} ms late: time divided by that of waiting alone, the middle of {rounds} rounds");
    for (work, times, waits) in works {
        let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for round in 0..=rounds {
            let mut keep = |client, taken: Taken| {
                if round > 0 {
                    let share = taken.wall.as_secs_f64() * 1e3 / (waits * delay) as f64;
                    all.entry(client).or_default().push(share);
                }
            };
            for client in CLIENTS {
                keep(client, measured(client, work, times, &server.place(times))?);
            }
            // It writes nothing side by side.
            if let Some(python) = python.as_ref().filter(|_| work != "writes4") {
                keep(PYTHON, measured_of(python, work, times, &server.place(times))?);
            }
        }
        for client in CLIENTS.into_iter().chain([PYTHON]) {
            let Some(mut shares) = all.remove(client) else { continue };
            shares.sort_by(f64::total_cmp);
            println!("{work:<10}{client:<10}{:>8.2}", middle(&shares));
        }
    }
    Ok(())
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
