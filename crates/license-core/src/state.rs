//! State that a machine keeps: the clock's high-water mark and quota counters.

mod high_water;
mod tally;

pub use high_water::{Boot, HighWater, Reading};
pub use tally::{QuotaUse, Tally};
