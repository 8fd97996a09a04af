//! Tests of the feature `online` of `license-client`, and of the commands of `license` that use it:
//! against `license-server`, and against servers in the test that send hostile answers.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod answers;
mod certificates;
mod commands;
mod fake;
mod floating;
mod leases;
mod login;
mod login_tokens;
mod order;
mod provider;
mod run;
mod seats;
mod sign_in;
mod site;
mod telemetry;
mod validation;
mod workplace;
