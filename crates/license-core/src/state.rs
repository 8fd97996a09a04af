//! State of a machine: clock high-water mark with evidence, quota counters, and the holders of
//! locks.

mod clock_evidence;
mod clock_high_water;
mod clock_reading;
mod lock_holder;
mod quota_counters;

pub use clock_evidence::ClockEvidence;
pub use clock_high_water::ClockHighWater;
pub use clock_reading::{Boot, ClockReading};
pub use lock_holder::LockHolder;
pub use quota_counters::{QuotaCounters, QuotaUse};
