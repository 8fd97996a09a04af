//! Tests of `license-server`: real processes, connections and files.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod answers;
mod clock;
mod conditions;
mod config;
mod embedded;
mod fuzz;
mod guide;
mod histories;
mod hostile;
mod hsm;
mod kills;
mod mailbox;
mod metering;
mod metrics;
mod migrate;
mod monitoring;
mod nodes;
mod objects;
mod openapi;
mod raw;
mod seats;
mod setup;
mod shutdown;
mod site;
mod slow;
mod standby;
mod start;
mod story;
mod story_client;
mod telemetry;
mod tls;
mod validate;
mod vendor;
mod webhooks;
