//! Simulated histories of machines: wrong clocks of honest users do not deny a license, and
//! manipulated clocks gain nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and prints its counts"
)]

mod bounds;
mod device;
mod files;
mod honest;
mod lost_state;
mod manipulation;
mod quota;
#[path = "../support/mod.rs"]
mod support;
mod vendor;
