//! How far something long has come.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar on standard error, where that is a terminal.
#[derive(Clone)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(wanted: bool) -> Self {
        let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style("{spinner} {pos} {per_sec}"));
        Self(bar)
    }

    /// So many are done, of so many if that is known.
    pub(crate) fn set(&self, done: u64, all: Option<u64>) {
        if self.0.length() != all
            && let Some(all) = all
        {
            self.0.set_length(all);
            self.0.set_style(style("{bar:30} {pos}/{len} {per_sec}, {eta} left"));
        }
        self.0.set_position(done);
        self.0.enable_steady_tick(Duration::from_millis(200));
    }
}

impl Progress {
    /// Takes it away, before anything else is said.
    pub(crate) fn end(&self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
