//! Tests of the seat state machine as a whole: random commands against a naive model, and a model
//! check of the lease clock.
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod generator;
mod lease_clock;
mod memory;

mod naive;
mod random;
mod servers;
mod shared_renewals;
mod store;

/// Returns the number in an environment variable.
fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.map_or(default, |value| value.parse().expect("a number"))
}
