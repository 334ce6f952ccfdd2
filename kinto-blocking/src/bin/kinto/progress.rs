//! How far something long has come.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// A bar on standard error, where that is a terminal.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(wanted: bool) -> Self {
        let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style("{spinner} {pos} {rate}"));
        if !bar.is_hidden() {
            // What waits for an answer is seen to be alive.
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self(bar)
    }

    /// So many are done, of so many if that is known.
    pub(crate) fn set(&self, done: u64, all: Option<u64>) {
        if self.0.length() != all
            && let Some(all) = all
        {
            self.0.set_length(all);
            self.0.set_style(style("{bar:30} {pos}/{len} {rate}{left}"));
        }
        self.0.set_position(done);
    }

    /// Takes it away, before anything else is said.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
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
