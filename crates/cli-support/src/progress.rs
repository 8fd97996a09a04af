//! Progress of a long operation.

use std::fmt;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// An operation that ends within this time shows no progress.
const DELAY: Duration = Duration::from_secs(1);

/// The progress of an operation, as a line on standard error.
///
/// The line is shown only on a terminal, and only after the operation has run for a second. It is
/// removed when the value is dropped.
///
/// ```
/// use license_cli_support::Progress;
///
/// let mut progress = Progress::new("licenses", Some(10_000));
/// progress.set(1);
/// ```
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    delay: Duration,
    /// The terminal. `None` once the line is shown.
    target: Option<ProgressDrawTarget>,
}

impl Progress {
    /// Starts the progress of an operation on `total` items, or on an unknown number of items.
    #[must_use]
    pub fn new(items: &'static str, total: Option<u64>) -> Self {
        // The target draws nothing if standard error is not a terminal.
        Self::with_target(items, total, ProgressDrawTarget::stderr(), DELAY)
    }

    fn with_target(
        items: &'static str,
        total: Option<u64>,
        target: ProgressDrawTarget,
        delay: Duration,
    ) -> Self {
        let template = match total {
            Some(_) => "{pos} of {len} {msg}, {rate}, {eta} left",
            None => "{pos} {msg}, {rate}",
        };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        // If a template does not parse, the default style stays. A test parses both templates.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", write_rate));
        }
        bar.set_message(items);
        Self {
            bar,
            started: Instant::now(),
            delay,
            target: Some(target),
        }
    }

    /// Sets the number of completed items.
    pub fn set(&mut self, done: u64) {
        self.bar.set_position(done);
        if self.started.elapsed() >= self.delay
            && let Some(target) = self.target.take()
        {
            self.bar.set_draw_target(target);
        }
    }
}

/// Writes the items per second without decimals.
fn write_rate(state: &ProgressState, text: &mut dyn fmt::Write) {
    // If the text cannot be written, the line lacks the rate.
    let _ = write!(text, "{:.0}/s", state.per_sec());
}

impl fmt::Debug for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Progress");
        shown.field("done", &self.bar.position());
        shown.field("total", &self.bar.length());
        shown.finish_non_exhaustive()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::io;
    use std::sync::{Arc, Mutex};

    /// A terminal that records the written text.
    #[derive(Debug, Clone, Default)]
    struct Recorder(Arc<Mutex<String>>);

    impl Recorder {
        fn push(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }

        fn text(&self) -> String {
            self.0.lock().unwrap().clone()
        }
    }

    impl TermLike for Recorder {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.push(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.push(text)
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(total: Option<u64>, delay: Duration) -> String {
        let terminal = Recorder::default();
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let mut progress = Progress::with_target("licenses", total, target, delay);
        for done in 1..=20 {
            progress.set(done);
            std::thread::sleep(Duration::from_millis(10));
        }
        terminal.text()
    }

    #[test]
    fn a_long_operation_shows_progress_speed_and_remaining_time() {
        let text = shown(Some(1000), Duration::ZERO);
        assert!(text.contains(" of 1000 licenses, "), "{text}");
        assert!(text.contains("/s, ") && text.contains(" left"), "{text}");
        assert!(!text.contains('.'), "the rate has no decimals: {text}");
    }

    #[test]
    fn no_estimate_is_shown_if_the_total_is_unknown() {
        let text = shown(None, Duration::ZERO);
        assert!(
            text.contains(" licenses, ") && text.contains("/s"),
            "{text}"
        );
        assert!(!text.contains("left"), "{text}");
    }

    #[test]
    fn a_short_operation_shows_nothing() {
        assert_eq!(shown(Some(1000), Duration::from_secs(60)), "");
    }
}
