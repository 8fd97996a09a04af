//! Side-by-side measurements.
//!
//! The speed of a machine differs from run to run, so compare only the times of one run, as ratios.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a benchmark prints, and panics if its setup fails"
)]

mod growth;
pub mod load;
mod parsers;
mod plot;
mod revocations;
mod row;
mod side_by_side;
mod vendor;

#[cfg(feature = "peers")]
mod peers;

pub use growth::{Line, Point, slope};
pub use parsers::{InputKind, Parser, parser_vendor, parsers};
#[cfg(feature = "peers")]
pub use peers::{Peer, Provider};
pub use plot::Plot;
pub use revocations::Revocations;
pub use row::Row;
pub use side_by_side::{Measurements, Spread, Subject, compare, format_time, measure};
pub use vendor::{SampleVendor, now, random, signed};
