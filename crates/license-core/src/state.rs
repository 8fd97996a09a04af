//! State of a machine: clock high-water mark and quota counters.

mod clock_high_water;
mod quota_counters;

pub use clock_high_water::{Boot, ClockHighWater, ClockReading};
pub use quota_counters::{QuotaCounters, QuotaUse};
