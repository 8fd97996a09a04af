mod crash;
mod opening;
mod pools;

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::SqliteStore;
use crate::clock::{ManualClock, SystemClock};
use crate::store::conformance;

/// Returns a directory on a local disk.
fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, Arc::new(SystemClock)).unwrap()
}

fn manual_clock() -> Arc<ManualClock> {
    let start = license_core::time::parse_instant("2027-01-15T09:00:00Z").unwrap();
    Arc::new(ManualClock::new(start))
}

#[tokio::test]
async fn the_store_conforms() {
    let directory = directory();
    conformance::check(&open(directory.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_acquires_never_exceed_the_capacity() {
    let directory = directory();
    let store = Arc::new(open(directory.path()));
    // The full proof uses a million acquires of 20,000 tasks on 10,000 seats.
    let setting = std::env::var("LICENSE_SERVER_ACQUIRES").ok();
    let acquires = setting.map_or(20_000, |text| text.parse().unwrap());
    let seats = (acquires / 100).max(1);
    conformance::concurrent_acquires(store, 2 * seats, seats, acquires).await;
}
