//! Findings of the examination of a chain: changed, missing or repeated entries, and clock faults.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};

use crate::time;

/// An irregularity in a chain, which is reported to the vendor.
///
/// ```
/// use license_core::usage::ChainFinding;
///
/// let finding = ChainFinding::Edited { seq: 7 };
/// assert!(finding.is_fault() && finding.is_change());
/// println!("{}: {finding}", finding.code());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChainFinding {
    /// The hash of an entry differs from the hash in the next entry or in the header.
    Edited {
        /// The entry that was changed, unless the next entry or the header was changed.
        seq: u64,
    },
    /// Private parts do not match the commitment of any entry.
    PrivateEdited {
        /// The first lines with such private parts, ten at most.
        lines: Vec<usize>,
        /// The number of further lines.
        more: usize,
    },
    /// Entries are not in order.
    Reordered {
        /// The entry that follows a later entry, or is a duplicate.
        seq: u64,
    },
    /// The number of entries in a report differs from the number in its header.
    Incomplete {
        /// The number in the header.
        expected: u64,
        /// The number of entries.
        found: u64,
    },
    /// Entries are missing between two other entries.
    Gap {
        /// The first missing entry.
        first: u64,
        /// The last missing entry.
        last: u64,
    },
    /// The chain has two histories, for example after a machine was copied or restored from a
    /// snapshot.
    Fork {
        /// The first entry that exists twice, or that does not contain the hash of the entry before
        /// it.
        seq: u64,
    },
    /// The clock was more than a day behind the latest time seen, or that time was lowered, by a
    /// signature in this case or by a clock repair.
    ClockBehind {
        /// The entry with the observation.
        seq: u64,
        /// The largest difference.
        by: TimeDelta,
        /// The number of times that the latest time seen was lowered.
        lowered: u64,
    },
    /// An entry ends in the future, or is earlier than the previous entry.
    ClockAhead {
        /// The entry.
        seq: u64,
        /// The end of the entry.
        to: DateTime<Utc>,
    },
    /// Earlier entries may contain the counts of an entry, for example after the state was restored
    /// from a backup.
    Recounted {
        /// The entry.
        seq: u64,
    },
    /// Counts before an entry were lost, for example because the state was removed.
    Lost {
        /// The entry.
        seq: u64,
    },
}

impl ChainFinding {
    /// Returns the code, which never changes.
    ///
    /// ```
    /// use license_core::usage::ChainFinding;
    ///
    /// assert_eq!(ChainFinding::Edited { seq: 7 }.code(), "EDITED");
    /// ```
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

    /// Returns whether entries were changed after they were written, so that they are not reliable.
    ///
    /// ```
    /// use license_core::usage::ChainFinding;
    ///
    /// assert!(ChainFinding::Edited { seq: 7 }.is_change());
    /// ```
    pub const fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Edited { .. }
                | Self::PrivateEdited { .. }
                | Self::Reordered { .. }
                | Self::Incomplete { .. }
        )
    }

    /// Returns whether entries are missing or changed.
    ///
    /// Forks, wrong clocks, and lost or repeated counts are not faults. They also occur without
    /// manipulation, and the entries themselves remain correct.
    ///
    /// ```
    /// use license_core::usage::ChainFinding;
    ///
    /// assert!(ChainFinding::Edited { seq: 7 }.is_fault());
    /// ```
    pub const fn is_fault(&self) -> bool {
        self.is_change() || matches!(self, Self::Gap { .. })
    }
}

impl fmt::Display for ChainFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited { seq } => {
                write!(f, "entry {seq} or its recorded hash was changed")
            }
            Self::PrivateEdited { lines, more } => match (&lines[..], more) {
                ([line], 0) => write!(
                    f,
                    "the private part in line {line} was changed, or its entry is missing; \
                     delete the whole line to remove a private part"
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
                        " were changed, or their entries are missing; delete whole lines to \
                         remove private parts",
                    )
                }
            },
            Self::Reordered { seq } => {
                write!(f, "entry {seq} is not in order, or is a duplicate")
            }
            Self::Incomplete { expected, found } => {
                write!(
                    f,
                    "expected {expected} entries according to the header, found {found}"
                )
            }
            Self::Gap { first, last } if first == last => write!(f, "entry {first} is missing"),
            Self::Gap { first, last } => write!(f, "entries {first} to {last} are missing"),
            Self::Fork { seq } => write!(
                f,
                "the chain has two histories from entry {seq} on: the machine was copied, or \
                 restored from a snapshot"
            ),
            Self::ClockBehind { seq, by, lowered } => {
                let by = time::humanize(*by);
                write!(f, "entry {seq}: the clock was up to {by} behind")?;
                match lowered {
                    0 => Ok(()),
                    1 => write!(f, ", and the latest time seen was lowered once"),
                    times => write!(f, ", and the latest time seen was lowered {times} times"),
                }
            }
            Self::ClockAhead { seq, to } => {
                let to = time::rfc3339(*to);
                write!(
                    f,
                    "entry {seq} ends at {to}, which is in the future or contradicts the previous \
                     entry"
                )
            }
            Self::Recounted { seq } => {
                write!(
                    f,
                    "entry {seq} may repeat counts of earlier entries: the state was restored from \
                     an older copy"
                )
            }
            Self::Lost { seq } => {
                write!(
                    f,
                    "counts before entry {seq} were lost: the state was removed or damaged"
                )
            }
        }
    }
}

#[derive(Serialize)]
struct FindingMembers<'a> {
    code: &'a str,
    message: String,
    fault: bool,
}

/// Writes `{code, message, fault}`.
impl Serialize for ChainFinding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = FindingMembers {
            code: self.code(),
            message: self.to_string(),
            fault: self.is_fault(),
        };
        members.serialize(serializer)
    }
}
