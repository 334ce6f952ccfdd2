//! One measurement: a process that does one thing with one client, and says what it took.

use std::fmt;
use std::fs;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::ours::{Asynchronous, Blocking};
use crate::work::{Client, Failure, Place, Work};
use crate::yardsticks::{ByHyper, ByReqwest, ByUreq, InRuntime};

/// Who can be measured.
pub(crate) const CLIENTS: [&str; 5] = ["ureq", "blocking", "hyper", "async", "reqwest"];

/// What it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) wall: Duration,
    /// Of all threads of the process.
    pub(crate) cpu: Duration,
    /// The most memory that there was at once, in KiB, from the beginning of the process on.
    pub(crate) peak: u64,
    pub(crate) trips: Option<usize>,
}

fn client(name: &str) -> Result<Box<dyn Client>, Failure> {
    Ok(match name {
        "ureq" => Box::new(ByUreq::new()),
        "blocking" => Box::new(Blocking::new()),
        "hyper" => Box::new(InRuntime::new(ByHyper::new())?),
        "async" => Box::new(Asynchronous::new()?),
        "reqwest" => Box::new(InRuntime::new(ByReqwest::new())?),
        _ => return Err(format!("nobody is called {name}").into()),
    })
}

/// Does it so many times, after a first time that does not count.
pub(crate) fn measure(name: &str, work: Work, times: usize, place: &Place) -> Result<Taken, Failure> {
    let mut client = client(name)?;
    // Of a list the size cannot be chosen, and one that keeps it is not to be read into used memory.
    let first = if matches!(work, Work::List | Work::Stream | Work::Export | Work::Plan) { Work::Get } else { work };
    client.work(first, first.first(), place)?;
    let (began, cpu) = (Instant::now(), cpu());
    let trips = client.work(work, times, place)?;
    Ok(Taken { wall: began.elapsed(), cpu: self::cpu().saturating_sub(cpu), peak: peak(), trips })
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trips = self.trips.unwrap_or_default();
        write!(f, "{} {} {} {trips}", self.wall.as_nanos(), self.cpu.as_nanos(), self.peak)
    }
}

impl FromStr for Taken {
    type Err = Failure;

    fn from_str(line: &str) -> Result<Self, Failure> {
        let numbers: Vec<u64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [wall, cpu, peak, trips] = numbers[..] else { return Err(format!("{line:?} is no measurement").into()) };
        let (wall, cpu) = (Duration::from_nanos(wall), Duration::from_nanos(cpu));
        Ok(Self { wall, cpu, peak, trips: usize::try_from(trips).ok().filter(|trips| *trips > 0) })
    }
}
