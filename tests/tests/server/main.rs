//! Tests of `license-server`: real processes, connections and files.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod config;
mod guide;
mod hostile;
mod hsm;
mod metrics;
mod openapi;
mod seats;
mod setup;
mod shutdown;
mod site;
mod slow;
mod start;
mod story;
mod tls;
mod validate;
