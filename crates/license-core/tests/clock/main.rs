//! The lives of machines, simulated: what honest clocks do never locks out, and what cheats do gains nothing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "what can't be so has failed the test, and the counts are worth seeing"
)]

mod bounds;
mod cheats;
mod device;
mod honest;
mod quota;
#[path = "../support/mod.rs"]
mod support;
mod vendor;
