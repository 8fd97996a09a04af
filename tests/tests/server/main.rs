//! Tests of `license-server`: real processes, connections and files.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod config;
mod hostile;
mod openapi;
mod setup;
mod shutdown;
mod slow;
mod start;
mod tls;
