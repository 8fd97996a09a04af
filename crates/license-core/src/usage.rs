//! Usage reports: counts of a machine as text that the customer can read, anonymize and send, and
//! that the vendor can check.
//!
//! A report consists of a header line and two JSON lines for each entry. The first line is the
//! *entry* with the counts of a period and the hash of the previous entry. The second line is the
//! *private part* with machine, users and sessions. The entry contains a commitment to the private
//! part, so the private part can be deleted. `docs/format.md` specifies the format.
//!
//! ```text
//! UsageCounts -> OpenPeriod (on the machine) -> close -> ClosedEntry (two lines) -> write -> text
//! text -> UsageReport -> examine(&[UsageReport], now) -> ChainSummary with its findings
//! ```
//!
//! Reports are not signed, so a whole chain can be invented. Checks detect entries that were
//! removed, changed or written twice, and reports that contradict earlier reports.
//!
//! ```
//! use license_core::usage::{
//!     ChainPosition, ClosedEntry, OpenPeriod, UsageCounts, UsageReport, examine, write,
//! };
//! use license_core::{ProductCode, time};
//!
//! let product = ProductCode::parse("CODITECT").unwrap();
//! let noon = time::parse_instant("2027-03-01T12:00:00Z")?;
//! let mut period = OpenPeriod::new(None, [7; 16], 0);
//! period.add(None, &UsageCounts::quota_used("commands_per_day", 3), noon);
//! let closed = period.close(product, Some("mach_00"), 0, || Some([9; 16])).unwrap();
//!
//! let text = write(product, &closed, true);
//! let report = UsageReport::parse(&text).unwrap();
//! let chains = examine(&[report], noon);
//! assert!(chains[0].is_complete());
//! # Ok::<(), license_core::time::TimeError>(())
//! ```

mod chain;
mod counts;
mod entry;
mod finding;
mod line;
mod period;
mod private_part;
mod report;

use crate::encoding::hex::hex_text;
use sha2::{Digest, Sha256};

pub use chain::{ChainSummary, examine, examine_entries};
pub use counts::{QuotaCount, UsageCounts};
pub use entry::{ChainPosition, ClockObservations, UsageEntry};
pub use finding::ChainFinding;
pub use line::LineError;
pub use period::OpenPeriod;
pub use private_part::ClosedEntry;
pub use report::{UsageReport, UsageReportError, write};

/// Maximum size of a report in bytes: twice the maximum size of the closed entries on a machine.
pub const MAX_REPORT_BYTES: usize = 8 << 20;

/// Maximum of a count: the largest integer that every JSON implementation supports (RFC 8259
/// section 6).
pub const MAX_COUNT: u64 = (1 << 53) - 1;

/// Prefix of the hash input of an entry.
const ENTRY_TAG: &[u8] = b"license-usage-entry-v1\n";
/// Prefix of the hash input of a private part.
const PRIVATE_TAG: &[u8] = b"license-usage-private-v1\n";

/// A SHA-256 hash, written in lower-case hexadecimal.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// use license_core::usage::UsageHash;
///
/// let hash = UsageHash::from_entry(&example::closed()?.entry);
/// assert_ne!(hash, UsageHash::NONE);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageHash(pub [u8; 32]);

/// Id of a chain: 128 random bits, written in lower-case hexadecimal.
///
/// ```
/// use license_core::usage::ChainId;
///
/// assert_eq!(ChainId([7; 16]).to_string(), "07".repeat(16));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub [u8; 16]);

impl UsageHash {
    /// The previous hash of the first entry in a chain.
    pub const NONE: Self = Self([0; 32]);

    /// Returns the hash of an entry. `line` is the line as it was written, without its line break.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::UsageHash;
    ///
    /// println!("{}", UsageHash::from_entry(&example::closed()?.entry));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_entry(line: &str) -> Self {
        Self::tagged(ENTRY_TAG, line)
    }

    /// Returns the commitment to the private part of an entry. `line` is the line as it was
    /// written, without its line break.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::UsageHash;
    ///
    /// let closed = example::closed()?;
    /// let entry = closed.parse_entry().ok_or("not an entry")?;
    /// assert_eq!(entry.private, UsageHash::from_private_part(&closed.private));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_private_part(line: &str) -> Self {
        Self::tagged(PRIVATE_TAG, line)
    }

    fn tagged(tag: &[u8], line: &str) -> Self {
        let hash = Sha256::new().chain_update(tag).chain_update(line);
        Self(hash.finalize().into())
    }
}

hex_text!(ChainId, "32 lower-case hexadecimal digits");
hex_text!(UsageHash, "64 lower-case hexadecimal digits");
