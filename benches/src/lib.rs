//! Measuring side by side: machines differ from run to run, so that only ratios within one run mean anything.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench prints, and ends where it can't be set up"
)]

mod growth;
mod plot;
mod revocations;
mod row;
mod side_by_side;
mod vendor;

#[cfg(feature = "peers")]
mod peers;

pub use growth::{Line, Point, slope};
#[cfg(feature = "peers")]
pub use peers::{Peer, Provider};
pub use plot::Plot;
pub use revocations::Revocations;
pub use row::Row;
pub use side_by_side::{Measured, Spread, Subject, compare, measure, time};
pub use vendor::{Vendor, now, random, signed};
