//! Real services for tests: PostgreSQL and Redis.
//!
//! Each service has a temporary directory and a free port of the loopback interface. It ends, and
//! its directory is removed, when its value is dropped or when the process of the tests ends in any
//! way. If the programs are missing, the functions print a line that names the skipped test, and
//! return `None`. If `LICENSE_TESTS_REQUIRE_TOOLS` is set, the test fails instead.
//!
//! Most tests need a database of their own in the cluster that the tests of a process share:
//!
//! ```no_run
//! use license_test_services::{RedisServer, TestDatabase};
//!
//! fn a_test() {
//!     let Some(database) = TestDatabase::create() else { return };
//!     let Some(redis) = RedisServer::start(&[]) else { return };
//!     println!("{} {}", database.url(), redis.url());
//! }
//! ```
//!
//! A test that stops, kills or pauses PostgreSQL starts a [`PostgresServer`] of its own.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "test support fails a test by panicking"
)]

#[cfg(unix)]
mod postgres;
#[cfg(unix)]
mod redis;
#[cfg(unix)]
mod service;
mod skipped;

#[cfg(unix)]
pub use postgres::{PostgresServer, StopMode, TestDatabase};
#[cfg(unix)]
pub use redis::{RedisData, RedisServer};
pub use skipped::{skip, skip_without};
