//! Limits for log lines that would repeat with every request, such as those of a full disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two lines of one kind.
const INTERVAL: Duration = Duration::from_secs(60);

static LINES: LogLimit = LogLimit::new();

/// Returns whether a line of this kind may be written now: the number of lines that were suppressed
/// since the last one, or `None` if the line is suppressed too. At most one line each minute
/// passes.
pub(crate) fn pass(kind: &'static str) -> Option<u64> {
    LINES.pass(kind, Instant::now())
}

/// The last line of each kind. The kinds are constants of the program, so their number is bounded.
#[derive(Debug)]
struct LogLimit(Mutex<BTreeMap<&'static str, LastLine>>);

#[derive(Clone, Copy, Debug)]
struct LastLine {
    at: Instant,
    suppressed: u64,
}

impl LogLimit {
    const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    fn pass(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = LastLine {
            at: now,
            suppressed: 0,
        };
        let Some(last) = lines.get_mut(kind) else {
            lines.insert(kind, new);
            return Some(0);
        };
        if now.saturating_duration_since(last.at) < INTERVAL {
            last.suppressed = last.suppressed.saturating_add(1);
            return None;
        }
        let suppressed = last.suppressed;
        *last = new;
        Some(suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_each_kind_passes_each_minute_with_the_number_of_the_others() {
        let (lines, start) = (LogLimit::new(), Instant::now());
        let pass = |kind, seconds| lines.pass(kind, start + Duration::from_secs(seconds));
        assert_eq!(pass("a", 0), Some(0));
        assert_eq!(pass("b", 0), Some(0));
        for seconds in [0, 1, 59] {
            assert_eq!(pass("a", seconds), None);
        }
        assert_eq!(pass("a", 60), Some(3));
        assert_eq!(pass("a", 119), None);
        assert_eq!(pass("a", 500), Some(1));
        assert_eq!(pass("b", 500), Some(0));
    }
}
