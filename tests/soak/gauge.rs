//! The memory of this process, and its open files, while others work.

use std::fmt;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Memory in KiB, and how many files are open, as they were each second.
#[derive(Default)]
pub(crate) struct Gauge(Mutex<Vec<(u64, u64)>>);

impl Gauge {
    pub(crate) fn watch(&self, over: &AtomicBool) {
        while !over.load(SeqCst) {
            if let Some(sample) = sample() {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
            }
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// What was usual in the second quarter of the time, when all was warm, and in the last.
    fn quarters(&self) -> Option<[(u64, u64); 2]> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let quarter = samples.len() / 4;
        (quarter > 0).then(|| [&samples[quarter..2 * quarter], &samples[samples.len() - quarter..]].map(usual))
    }

    /// Neither grows.
    pub(crate) fn check(&self) {
        let Some([(memory, files), (memory_then, files_then)]) = self.quarters() else { return };
        assert!(memory_then <= memory + memory / 5 + 8 * 1024, "{self}");
        assert!(files_then <= files + files / 4 + 16, "{self}");
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some([(memory, files), (memory_then, files_then)]) = self.quarters() else {
            return f.write_str("memory and files     unknown");
        };
        let (memory, memory_then) = (memory / 1024, memory_then / 1024);
        writeln!(f, "memory               {memory} MiB in the second quarter, {memory_then} MiB in the last")?;
        write!(f, "open files           {files} in the second quarter, {files_then} in the last")
    }
}

/// The medians.
fn usual(samples: &[(u64, u64)]) -> (u64, u64) {
    let middle = |mut all: Vec<u64>| {
        all.sort_unstable();
        all[all.len() / 2]
    };
    (middle(samples.iter().map(|it| it.0).collect()), middle(samples.iter().map(|it| it.1).collect()))
}

fn sample() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let memory = memory.trim().trim_end_matches(" kB").parse().ok()?;
    Some((memory, fs::read_dir("/proc/self/fd").ok()?.count() as u64))
}
