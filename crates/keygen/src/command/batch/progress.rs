//! The progress of a long batch, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};

const COUNT: &str = "{pos} {msg}, {per_sec}";
const TOTAL: &str = "{pos} of {len} {msg}, {per_sec}, {eta} left";

/// A line on standard error with the number of finished rows, their rate and the remaining time.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Starts at zero. `what` names the rows in the plural.
    pub(super) fn new(what: &'static str, total: Option<u64>) -> Self {
        let (bar, template) = match total {
            None => (ProgressBar::no_length(), COUNT),
            Some(total) => (ProgressBar::new(total), TOTAL),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self { bar }
    }

    /// Shows the number of finished rows.
    pub(super) fn set(&self, done: u64) {
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
