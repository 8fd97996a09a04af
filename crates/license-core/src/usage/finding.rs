//! What is found in chains.

use std::fmt;

use crate::time::Timestamp;

/// Something about a chain that its reader should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// An entry is not what was hashed when the next one, or the header, was written.
    Edited {
        /// The entry that was changed, unless what follows it was.
        seq: u64,
    },
    /// Private parts are not what their entries have committed to, or belong to no entry.
    PrivateEdited {
        /// The first lines of the report that hold such, ten at most.
        lines: Vec<usize>,
        /// How many there are beside them.
        more: usize,
    },
    /// Entries do not stand in their order.
    Reordered {
        /// The entry that stands after a later one, or twice.
        seq: u64,
    },
    /// A report has another number of entries than it says.
    Incomplete {
        /// What it says.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// Entries are missing between others.
    Gap {
        /// The first that is missing.
        first: u64,
        /// The last.
        last: u64,
    },
    /// The chain goes on in two ways, as after a machine was copied or set back to a snapshot.
    Fork {
        /// The first entry that there are two of, or that does not follow the one there is.
        seq: u64,
    },
    /// The clock was found behind the latest time seen by more than a day, or that time was lowered.
    ClockBehind {
        /// The entry that says so.
        seq: u64,
        /// By how many seconds at most.
        seconds: u64,
        /// How often the latest time seen was lowered.
        lowered: u64,
    },
    /// An entry is of a time still to come, or begins before the one before it ended.
    ClockAhead {
        /// The entry.
        seq: u64,
        /// Its end.
        to: Timestamp,
    },
    /// What is counted in an entry may be counted in those before it too, as where the state was set back or copied back.
    Recounted {
        /// The entry.
        seq: u64,
    },
    /// What was counted before this entry was lost, as where the state was removed.
    Lost {
        /// The entry.
        seq: u64,
    },
}

impl Finding {
    /// The code, stable for ever.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Edited { .. } | Self::PrivateEdited { .. } => "EDITED",
            Self::Reordered { .. } => "REORDERED",
            Self::Incomplete { .. } => "INCOMPLETE",
            Self::Gap { .. } => "GAP",
            Self::Fork { .. } => "FORK",
            Self::ClockBehind { .. } | Self::ClockAhead { .. } => "CLOCK_JUMP",
            Self::Lost { .. } => "COUNTS_LOST",
            Self::Recounted { .. } => "COUNTED_AGAIN",
        }
    }

    /// Whether what is here was changed after it was written, so that it can't be believed.
    pub const fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Edited { .. }
                | Self::PrivateEdited { .. }
                | Self::Reordered { .. }
                | Self::Incomplete { .. }
        )
    }

    /// Whether a part is missing or changed, so that it is not all there is. A fork, a clock that jumps and counts that were lost or
    /// counted again happen to the honest, and every entry still says what was counted.
    pub const fn is_fault(&self) -> bool {
        self.is_change() || matches!(self, Self::Gap { .. })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited { seq } => {
                write!(
                    f,
                    "entry {seq} is not as it was written, or what holds its hash was changed"
                )
            }
            Self::PrivateEdited { lines, more } => match (&lines[..], more) {
                ([line], 0) => write!(
                    f,
                    "the private part in line {line} is not as it was written, or its entry is not here; it could have been deleted instead"
                ),
                _ => {
                    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
                    let lines = lines.join(", ");
                    write!(f, "the private parts in lines {lines}")?;
                    match more {
                        0 => {}
                        more => write!(f, " and {more} more")?,
                    }
                    f.write_str(
                        " are not as they were written, or their entries are not here; they could have been deleted instead",
                    )
                }
            },
            Self::Reordered { seq } => {
                write!(
                    f,
                    "entry {seq} does not stand in its place, or stands twice"
                )
            }
            Self::Incomplete { expected, found } => {
                write!(
                    f,
                    "expected {expected} entries as the header says, found {found}"
                )
            }
            Self::Gap { first, last } if first == last => write!(f, "entry {first} is missing"),
            Self::Gap { first, last } => write!(f, "entries {first} to {last} are missing"),
            Self::Fork { seq } => write!(
                f,
                "two histories from entry {seq} on: the machine was copied, or set back to a snapshot"
            ),
            Self::ClockBehind {
                seq,
                seconds,
                lowered,
            } => {
                let span = crate::time::Span(*seconds);
                write!(f, "entry {seq}: the clock was up to {span} behind")?;
                match lowered {
                    0 => Ok(()),
                    times => write!(f, ", and the latest time seen was lowered {times} times"),
                }
            }
            Self::ClockAhead { seq, to } => {
                write!(
                    f,
                    "entry {seq} ends at {to}, which does not fit what is around it or is still to come"
                )
            }
            Self::Recounted { seq } => {
                write!(
                    f,
                    "entry {seq} may count again what entries before it count: the state was set back or copied back"
                )
            }
            Self::Lost { seq } => {
                write!(
                    f,
                    "what was counted before entry {seq} was lost: the state was removed or damaged"
                )
            }
        }
    }
}
