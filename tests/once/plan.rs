//! What is cut, and what the cutter saw.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use kinto_tests::{Cut, Cutter, Ending, Passage, RequestHead};

use crate::dice::Dice;

/// Every way to be cut: in the line of the request, in its headers and in its body; in the status of the answer, in its
/// headers and in its body.
pub(crate) const CUTS: [Cut; 13] = [
    Cut::BeforeRequest,
    Cut::InRequest(20),
    Cut::InRequest(330),
    Cut::InRequest(usize::MAX),
    Cut::HalfForwarded(20),
    Cut::HalfForwarded(330),
    Cut::HalfForwarded(usize::MAX),
    Cut::AfterRequest,
    Cut::InAnswer(12),
    Cut::InAnswer(150),
    Cut::InAnswer(420),
    Cut::InAnswer(usize::MAX),
    Cut::Unavailable,
];

/// Any of them, with other counts too.
fn any(dice: &mut Dice) -> Cut {
    let count = dice.pick(&[0, 1, 40, 200, 300, 350, 400, 450, 500, 600, 1_000, 3_000, usize::MAX]);
    match dice.below(10) {
        0 => Cut::BeforeRequest,
        1 => Cut::InRequest(count),
        2 => Cut::HalfForwarded(count),
        3..6 => Cut::AfterRequest,
        6..9 => Cut::InAnswer(count),
        _ => Cut::Unavailable,
    }
}

/// What is to be cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plan {
    /// The first request that writes.
    First(Cut),
    /// The first request that writes, and then the first that reads: what clears up what became of it.
    Then(Cut, Cut),
    /// Any request, so many out of a hundred.
    Dice { seed: u64, percent: u64 },
}

impl Plan {
    /// The proxy that does so.
    pub(crate) fn start(self, url: &str, ending: Ending) -> Cutter {
        let (writes, reads) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Cutter::start(url, ending, move |head: &RequestHead| match self {
            Self::First(cut) => {
                if is_write(head) && writes.fetch_add(1, Relaxed) == 0 {
                    cut
                } else {
                    Cut::None
                }
            }
            Self::Then(write, read) => {
                if is_write(head) {
                    if writes.fetch_add(1, Relaxed) == 0 { write } else { Cut::None }
                } else if writes.load(Relaxed) > 0 && reads.fetch_add(1, Relaxed) == 0 {
                    read
                } else {
                    Cut::None
                }
            }
            Self::Dice { seed, percent } => {
                let mut dice = Dice::new(seed, head.number);
                if dice.falls(percent) { any(&mut dice) } else { Cut::None }
            }
        })
    }
}

fn is_write(head: &RequestHead) -> bool {
    !matches!(head.method.as_str(), "GET" | "HEAD")
}

/// What became of the requests of a case, in their order.
#[derive(Clone)]
pub(crate) struct Trace(Vec<Passage>);

impl Trace {
    pub(crate) fn of(cutter: &Cutter) -> Self {
        Self(cutter.log())
    }

    fn cut_writes(&self) -> impl Iterator<Item = &Passage> {
        self.0.iter().filter(|passage| is_write(&passage.head) && passage.cut != Cut::None)
    }

    /// Whether a write was cut, wherever, or may have met a connection that was cut after a whole answer.
    pub(crate) fn is_cut(&self) -> bool {
        let was_whole = self.0.iter().any(|passage| matches!(passage.cut, Cut::InAnswer(_)));
        was_whole || self.cut_writes().next().is_some()
    }

    /// Whether the server's answer to a write was lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.cut_writes().any(|passage| passage.answered.is_some())
    }

    /// How many requests were cut.
    pub(crate) fn cuts(&self) -> usize {
        self.0.iter().filter(|passage| passage.cut != Cut::None).count()
    }

    /// How many requests in a row were cut at most. All of them were attempts at the same thing.
    pub(crate) fn longest_row(&self) -> usize {
        self.0.split(|passage| passage.cut == Cut::None).map(<[_]>::len).max().unwrap_or_default()
    }

    /// How many requests the server was too busy for.
    pub(crate) fn unavailable(&self) -> usize {
        self.0.iter().filter(|passage| passage.cut == Cut::Unavailable).count()
    }

    /// How often the server has carried this out.
    pub(crate) fn done(&self, method: &str, path: &str) -> usize {
        let is_it = |head: &RequestHead| head.method == method && head.path == format!("/v1{path}");
        let done = |passage: &&Passage| is_it(&passage.head) && passage.answered.is_some_and(|status| status < 300);
        self.0.iter().filter(done).count()
    }
}

/// A line for each request.
impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|Passage { head, cut, answered, .. }| {
            let answered = answered.map_or("-".to_owned(), |status| status.to_string());
            writeln!(f, "    {} {}: {answered}, {cut:?}", head.method, head.path)
        })
    }
}
