//! How far a long run is, on a terminal only.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(250);

/// A line on standard error that says how many are done, how fast, and how long it will take.
pub(super) struct Progress {
    /// What is done.
    what: &'static str,
    /// None while nobody knows how many there are.
    total: Option<u64>,
    started: Instant,
    shown: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    pub(super) fn new(what: &'static str, total: Option<u64>) -> Self {
        Self {
            what,
            total,
            started: Instant::now(),
            shown: None,
            is_shown: std::io::stderr().is_terminal(),
        }
    }

    pub(super) fn tell(&mut self, done: u64) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= EVERY);
        if !self.is_shown || !is_due || self.started.elapsed() < EVERY {
            return;
        }
        self.shown = Some(Instant::now());
        let elapsed = self.started.elapsed().as_millis().max(1);
        let rate = u128::from(done) * 1000 / elapsed;
        let what = self.what;
        let line = match self.total {
            None => format!("{done} {what}, {rate} a second"),
            Some(total) => {
                let left = u128::from(total.saturating_sub(done)) / rate.max(1);
                format!("{done} of {total} {what}, {rate} a second, {left} s left")
            }
        };
        // Without a terminal there is nobody to tell.
        let _ = write!(std::io::stderr(), "\r{line}   ");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}
