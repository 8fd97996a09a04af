//! State of a machine: clock high-water mark with evidence, and quota counters.

mod clock_evidence;
mod clock_high_water;
mod clock_reading;
mod quota_counters;

pub use clock_evidence::ClockEvidence;
pub use clock_high_water::ClockHighWater;
pub use clock_reading::{Boot, ClockReading};
pub use quota_counters::{QuotaCounters, QuotaUse};
