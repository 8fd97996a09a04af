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

mod naive;
mod random;
mod store;
