//! What is measured with what, and how it is shown. Only ratios within one run mean anything.

use std::collections::BTreeMap;

use crate::measure::{CLIENTS, Taken};
use crate::processes::{Server, instructions, measured};
use crate::work::Failure;

/// Names, and how often each is done: for time, and for instructions.
const WORKS: [(&str, usize, usize); 9] = [
    ("get", 4_000, 200),
    ("put", 4_000, 200),
    ("batch25", 10_000, 500),
    ("batch100", 20_000, 1_000),
    ("list", 100_000, 4_000),
    ("stream", 100_000, 4_000),
    ("flight", 8_000, 640),
    ("export", 100_000, 4_000),
    ("plan", 100_000, 4_000),
];

/// What each is compared with.
const YARDSTICK: &str = "ureq";

/// In rounds, so that what else happens on the machine meets all alike.
pub(crate) fn compare(rounds: usize, only: &[String]) -> Result<(), Failure> {
    let server = Server::start(0)?;
    let mut all: BTreeMap<(usize, usize), Vec<Taken>> = BTreeMap::new();
    for round in 0..=rounds {
        for (row, (work, times, _)) in WORKS.iter().enumerate().filter(|(_, (work, ..))| is_asked(work, only)) {
            for (column, client) in CLIENTS.iter().enumerate() {
                let taken = measured(client, work, *times, &server.place(*times))?;
                // The first time the server makes its answers.
                if round > 0 {
                    all.entry((row, column)).or_default().push(taken);
                }
            }
        }
        eprintln!("round {round} of {rounds}");
    }
    println!(
        "medians of {rounds} rounds: CPU per operation or record, and CPU, time and memory as shares of {YARDSTICK}'s"
    );
    println!("{:<10}{:<10}{:>10}{:>8}{:>14}{:>8}{:>8}{:>10}", "", "", "µs", "CPU", "(spread)", "time", "memory", "MiB");
    for (row, (work, times, _)) in WORKS.iter().enumerate() {
        for (column, client) in CLIENTS.iter().enumerate() {
            let (Some(own), Some(base)) = (all.get(&(row, column)), all.get(&(row, 0))) else { continue };
            let shares = |of: fn(&Taken) -> f64| {
                let mut shares: Vec<f64> = own.iter().zip(base).map(|(own, base)| of(own) / of(base)).collect();
                shares.sort_by(f64::total_cmp);
                shares
            };
            let cpu = shares(|taken| taken.cpu.as_secs_f64());
            let wall = shares(|taken| taken.wall.as_secs_f64());
            let memory = shares(|taken| taken.peak as f64);
            let mut per: Vec<f64> = own.iter().map(|it| it.cpu.as_secs_f64() * 1e6 / *times as f64).collect();
            per.sort_by(f64::total_cmp);
            let mib = own.iter().map(|it| it.peak).max().unwrap_or_default() as f64 / 1024.0;
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
    Ok(())
}

/// By callgrind: the same each time, on the busiest machine.
pub(crate) fn count(only: &[String]) -> Result<(), Failure> {
    let server = Server::start(0)?;
    println!(
        "instructions per operation or record, and as a share of those of {YARDSTICK}, or of hyper for async and reqwest"
    );
    for (work, _, times) in WORKS.iter().filter(|(work, ..)| is_asked(work, only)) {
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
    let server = Server::start(delay)?;
    // How many answers come one after the other.
    let works =
        [("list", 20_000, 20), ("get", 64, 64), ("flight", 640, 20), ("writes", 1_000, 40), ("writes4", 1_000, 10)];
    println!("every answer {delay} ms late: time divided by that of waiting alone, the middle of {rounds} rounds");
    for (work, times, waits) in works {
        let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for round in 0..=rounds {
            for client in CLIENTS {
                let taken = measured(client, work, times, &server.place(times))?;
                if round > 0 {
                    let share = taken.wall.as_secs_f64() * 1e3 / (waits * delay) as f64;
                    all.entry(client).or_default().push(share);
                }
            }
        }
        for client in CLIENTS {
            let mut shares = all.remove(client).unwrap_or_default();
            shares.sort_by(f64::total_cmp);
            println!("{work:<10}{client:<10}{:>8.2}", middle(&shares));
        }
    }
    Ok(())
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn is_asked(work: &str, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|asked| asked == work)
}
