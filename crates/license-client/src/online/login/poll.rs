//! When a device asks for its tokens (RFC 8628 section 3.5).

use std::ops::ControlFlow;
use std::time::Duration;

/// The pause between two requests if the provider states none.
const INTERVAL: Duration = Duration::from_secs(5);

/// By how much the provider slows a device down.
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// The longest pause.
const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// The answer to a request for tokens.
pub(super) enum PollAnswer<T> {
    /// The user has logged in.
    Granted(T),
    /// The user has not logged in yet.
    Pending,
    /// The device asks too often.
    SlowDown,
    /// The provider was not reached.
    Unreachable,
}

/// The end of a wait.
pub(super) enum PollEnd<E> {
    /// The caller canceled.
    Canceled,
    /// The time limit of the caller ended.
    TimedOut,
    /// The code has expired.
    CodeExpired,
    /// A request failed.
    Failed(E),
}

/// The times of a wait.
pub(super) struct PollTimes {
    /// The pause that the provider asks for.
    pub(super) interval: Option<Duration>,
    /// How long the code is valid.
    pub(super) expires_in: Duration,
    /// The time limit of the caller.
    pub(super) limit: Duration,
}

/// Asks until the user has logged in, with a pause before each request.
///
/// `pause` waits, and returns `Break` to cancel. `elapsed` returns the time since the start.
pub(super) fn poll<T, E>(
    times: &PollTimes,
    mut pause: impl FnMut(Duration) -> ControlFlow<()>,
    elapsed: impl Fn() -> Duration,
    mut ask: impl FnMut() -> Result<PollAnswer<T>, E>,
) -> Result<T, PollEnd<E>> {
    let mut interval = times.interval.unwrap_or(INTERVAL);
    interval = interval.clamp(Duration::from_secs(1), MAX_INTERVAL);
    let end = times.expires_in.min(times.limit);
    loop {
        let left = end.saturating_sub(elapsed());
        if pause(interval.min(left)).is_break() {
            return Err(PollEnd::Canceled);
        }
        // The last request is sent at the end of the time.
        let is_last = elapsed() >= end;
        match ask().map_err(PollEnd::Failed)? {
            PollAnswer::Granted(granted) => return Ok(granted),
            PollAnswer::Pending => {}
            PollAnswer::SlowDown => interval = (interval + SLOW_DOWN).min(MAX_INTERVAL),
            PollAnswer::Unreachable => interval = (interval * 2).min(MAX_INTERVAL),
        }
        if is_last && times.limit < times.expires_in {
            return Err(PollEnd::TimedOut);
        }
        if is_last {
            return Err(PollEnd::CodeExpired);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    const TIMES: PollTimes = PollTimes {
        interval: Some(Duration::from_secs(3)),
        expires_in: Duration::from_secs(60),
        limit: Duration::from_secs(600),
    };

    /// Polls with a clock that only pauses advance. Returns the result and the pauses in seconds.
    fn run(
        times: &PollTimes,
        answers: impl FnMut() -> Result<PollAnswer<&'static str>, &'static str>,
        cancel_after: usize,
    ) -> (Result<&'static str, PollEnd<&'static str>>, Vec<u64>) {
        let (now, pauses) = (Cell::new(Duration::ZERO), RefCell::new(Vec::new()));
        let pause = |span: Duration| {
            if pauses.borrow().len() == cancel_after {
                return ControlFlow::Break(());
            }
            pauses.borrow_mut().push(span.as_secs());
            now.set(now.get() + span);
            ControlFlow::Continue(())
        };
        let result = poll(times, pause, || now.get(), answers);
        (result, pauses.into_inner())
    }

    #[test]
    fn slow_down_adds_five_seconds_and_an_unreachable_provider_doubles_the_pause() {
        let mut answers = [
            PollAnswer::Pending,
            PollAnswer::SlowDown,
            PollAnswer::Pending,
            PollAnswer::Unreachable,
            PollAnswer::Granted("tokens"),
        ]
        .into_iter();
        let (result, pauses) = run(&TIMES, || Ok(answers.next().unwrap()), 99);
        assert!(matches!(result, Ok("tokens")));
        assert_eq!(pauses, [3, 3, 8, 8, 16]);
    }

    #[test]
    fn the_wait_ends_with_the_code_or_the_time_limit_whichever_is_first() {
        let (result, pauses) = run(&TIMES, || Ok(PollAnswer::Pending), 99);
        assert!(matches!(result, Err(PollEnd::CodeExpired)));
        assert_eq!(pauses.iter().sum::<u64>(), 60);
        let limited = PollTimes {
            limit: Duration::from_secs(10),
            ..TIMES
        };
        let (result, pauses) = run(&limited, || Ok(PollAnswer::Pending), 99);
        assert!(matches!(result, Err(PollEnd::TimedOut)));
        assert_eq!(pauses, [3, 3, 3, 1]);
    }

    #[test]
    fn a_provider_without_an_interval_is_asked_every_five_seconds_and_zero_counts_as_one() {
        for (interval, expected) in [(None, 5), (Some(0), 1), (Some(1000), 60)] {
            let times = PollTimes {
                interval: interval.map(Duration::from_secs),
                ..TIMES
            };
            let (_, pauses) = run(&times, || Ok(PollAnswer::Granted("tokens")), 99);
            assert_eq!(pauses, [expected]);
        }
    }

    #[test]
    fn a_refusal_and_the_caller_end_the_wait() {
        let (result, _) = run(&TIMES, || Err("denied"), 99);
        assert!(matches!(result, Err(PollEnd::Failed("denied"))));
        let (result, pauses) = run(&TIMES, || Ok(PollAnswer::Pending), 2);
        assert!(matches!(result, Err(PollEnd::Canceled)));
        assert_eq!(pauses, [3, 3]);
    }
}
