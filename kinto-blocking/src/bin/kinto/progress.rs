//! How far something long has come.

use std::fmt::Write;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// A bar on standard error, where that is a terminal.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Since when it is kept back: what is over at once needs no bar.
    kept_back: Option<Instant>,
}

/// What takes no longer than this is over at once.
const AT_ONCE: Duration = Duration::from_millis(500);

impl Progress {
    pub(crate) fn new(wanted: bool) -> Self {
        let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style("{spinner} {pos} {rate}"));
        if !bar.is_hidden() {
            // What waits for an answer is seen to be alive.
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, kept_back: None }
    }

    /// One that is not seen before something has taken some time.
    pub(crate) fn late(wanted: bool) -> Self {
        let kept_back = wanted.then(Instant::now);
        Self { kept_back, ..Self::new(false) }
    }

    /// So many are done, of so many if that is known.
    pub(crate) fn set(&self, done: u64, all: Option<u64>) {
        if self.kept_back.is_some_and(|since| since.elapsed() > AT_ONCE) && self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if self.bar.length() != all
            && let Some(all) = all
        {
            self.bar.set_length(all);
            self.bar.set_style(style("{bar:30} {pos}/{len} {rate}{left}"));
        }
        self.bar.set_position(done);
    }

    /// Takes it away, before anything else is said.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    // As it is counted: fractions of a record say nothing.
    let rate = |state: &ProgressState, to: &mut dyn Write| _ = write!(to, "{:.0}/s", state.per_sec());
    // Of the first ones nothing is known yet.
    let left = |state: &ProgressState, to: &mut dyn Write| {
        if state.pos() > 0 {
            let _ = write!(to, ", {:#} left", HumanDuration(state.eta()));
        }
    };
    style.with_key("rate", rate).with_key("left", left)
}
