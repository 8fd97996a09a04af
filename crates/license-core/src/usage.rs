//! Usage reports: what a machine counted, as text that its owner can read, shorten and send, and that its reader can check.
//!
//! A report is a header line, then a line of JSON for each *entry*, followed by a line with the *private part* of that entry. An entry
//! holds counts of a period and the hash of the entry before it. The private part (machine, users, sessions) is not in that hash: the
//! entry holds a commitment to it instead, so that whoever deletes it breaks nothing. `docs/format.md` has it to the byte.
//!
//! ```text
//! Counts -> Period (open, on the machine) -> close -> Closed (two lines) -> write -> text
//! text -> UsageReport -> examine(&[UsageReport], now) -> ChainSummary with its Findings
//! ```
//!
//! Nothing here is signed: who wants to can invent a whole chain. What can be found is what was taken away, changed or told in two ways
//! after it was written, and what does not fit what was sent before.
//!
//! ```
//! use license_core::usage_report::{Closed, Counts, Period, Place, UsageReport, examine, write};
//! use license_core::{ProductCode, Timestamp};
//!
//! let product = ProductCode::parse("CODITECT").unwrap();
//! let noon = Timestamp::parse("2027-03-01T12:00:00Z")?;
//! let mut period = Period::begin(None, [7; 16], 0);
//! period.add(None, &Counts::used("commands_per_day", 3), noon);
//! let closed = period.close(product, Some("mach_00"), 0, || Some([9; 16])).unwrap();
//!
//! let text = write(product, &closed, true);
//! let report = UsageReport::parse(&text).unwrap();
//! let chains = examine(&[report], noon);
//! assert!(chains[0].is_whole());
//! # Ok::<(), license_core::TimeError>(())
//! ```

mod chain;
mod counts;
mod entry;
mod finding;
mod line;
mod period;
mod personal;
mod report;

use crate::encoding::hex::hex_text;
use sha2::{Digest, Sha256};

pub use chain::{ChainSummary, examine, examine_entries};
pub use counts::{Counts, QuotaCount};
pub use entry::{ClockSeen, Place, UsageEntry};
pub use finding::Finding;
pub use line::LineError;
pub use period::Period;
pub use personal::Closed;
pub use report::{UsageReport, UsageReportError, write};

/// A report may have so many bytes: twice what a machine keeps of closed entries.
pub const MAX_REPORT_BYTES: usize = 8 << 20;

/// Counts stop here, the largest that every JSON implementation can carry (RFC 8259 section 6).
pub const MAX_COUNT: u64 = (1 << 53) - 1;

/// What the hash of an entry's line begins with.
const ENTRY_TAG: &[u8] = b"license-usage-entry-v1\n";
/// What the commitment to a private line begins with.
const PRIVATE_TAG: &[u8] = b"license-usage-private-v1\n";

/// A SHA-256; written in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// The id of a chain: 128 random bits; written in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub [u8; 16]);

impl Hash {
    /// What the first entry of a chain has before it.
    pub const NONE: Self = Self([0; 32]);

    /// Of an entry: over its line as it was written, without the line break.
    pub fn of_entry(line: &str) -> Self {
        Self::tagged(ENTRY_TAG, line)
    }

    /// Of the private part of an entry, likewise.
    pub fn of_private(line: &str) -> Self {
        Self::tagged(PRIVATE_TAG, line)
    }

    fn tagged(tag: &[u8], line: &str) -> Self {
        let hash = Sha256::new().chain_update(tag).chain_update(line);
        Self(hash.finalize().into())
    }
}

hex_text!(ChainId, "32 lower-case hexadecimal digits");
hex_text!(Hash, "64 lower-case hexadecimal digits");
