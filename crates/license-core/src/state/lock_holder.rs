//! The process that holds a lock.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::time::{self, rfc3339};

/// The longest program name that is recorded, in characters.
const LONGEST_NAME: usize = 64;

/// The process that holds a lock, as it describes itself in the lock file.
///
/// Another process that waits for the lock can name the holder. The text is a hint for a person: a
/// lock does not depend on it.
///
/// ```
/// use license_core::state::LockHolder;
/// use license_core::time;
///
/// let since = time::parse_instant("2027-01-15T09:00:00Z")?;
/// let holder = LockHolder::new(4711, "license", since);
/// assert_eq!(holder.to_string(), "process 4711 (license) since 2027-01-15T09:00:00Z");
/// assert_eq!(LockHolder::parse(&holder.to_string()), Some(holder));
/// # Ok::<(), time::TimeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockHolder {
    process: u32,
    program: Box<str>,
    since: DateTime<Utc>,
}

impl LockHolder {
    /// Creates a holder from a process id, the name of its program, and the time at which it took
    /// the lock. Characters that a name of a program does not need are replaced.
    pub fn new(process: u32, program: &str, since: DateTime<Utc>) -> Self {
        let allowed = |character: char| match character {
            '.' | '-' | '_' => character,
            character if character.is_ascii_alphanumeric() => character,
            _ => '_',
        };
        let program: String = program.chars().take(LONGEST_NAME).map(allowed).collect();
        Self {
            process,
            program: program.into(),
            since: time::clamp(since),
        }
    }

    /// Parses the text form. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end();
        let (process, rest) = text.strip_prefix("process ")?.split_once(" (")?;
        let (program, since) = rest.split_once(") since ")?;
        let since = time::parse_instant(since).ok()?;
        let holder = Self::new(process.parse().ok()?, program, since);
        (holder.to_string() == text).then_some(holder)
    }

    /// Returns the process id.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// Returns the time at which the process took the lock.
    pub fn since(&self) -> DateTime<Utc> {
        self.since
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            process,
            program,
            since,
        } = self;
        write!(f, "process {process} ({program}) since {}", rfc3339(*since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_form_is_parsed_and_no_control_character_gets_through() {
        let holder = LockHolder::new(1, "a\u{1b}[2J b", time::MIN);
        let text = "process 1 (a__2J_b) since 1970-01-01T00:00:00Z";
        assert_eq!(holder.to_string(), text);
        assert_eq!(LockHolder::parse(&format!("{text}\n")), Some(holder));
        for other in [
            "",
            "process x (a) since 1970-01-01T00:00:00Z",
            "process 1 (a) since now",
            "process 1 (\u{1b}) since 1970-01-01T00:00:00Z",
            "process +1 (a) since 1970-01-01T00:00:00Z",
        ] {
            assert_eq!(LockHolder::parse(other), None, "{other:?}");
        }
    }
}
