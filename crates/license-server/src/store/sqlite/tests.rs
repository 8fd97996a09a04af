mod crash;
mod deletion;
mod opening;
mod plans;
mod pools;
mod search;

use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::queries::query;
use super::{SqliteStore, schema};
use crate::clock::{ManualClock, SystemServerClock};
use crate::store::{ServerStore, conformance};

/// Returns a directory on a local disk.
fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, Arc::new(SystemServerClock)).unwrap()
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

#[tokio::test]
async fn a_command_beside_the_server_never_takes_a_place_twice() {
    let directory = directory();
    let server = open(directory.path());
    let beside = SqliteStore::open_beside(directory.path(), Arc::new(SystemServerClock)).unwrap();
    conformance::concurrent_assignments(&[&server, &beside]).await;
}

#[test]
fn look_ups_of_licenses_do_not_read_all_licenses() {
    let mut db = rusqlite::Connection::open_in_memory().unwrap();
    schema::migrate(&mut db).unwrap();
    for query in [
        query!("license_by_key"),
        query!("license_elsewhere"),
        query!("license_get"),
        query!("license_of_pool"),
        query!("license_successors"),
        query!("license_tenant"),
    ] {
        let explained = format!("EXPLAIN QUERY PLAN {query}");
        let mut statement = db.prepare(&explained).unwrap();
        let count = statement.parameter_count();
        let values = rusqlite::params_from_iter(["site", "x"].into_iter().take(count));
        let steps = statement.query_map(values, |row| row.get::<_, String>(3));
        let steps: Vec<String> = steps.unwrap().map(Result::unwrap).collect();
        let reads_all = |step: &String| step.starts_with("SCAN") || step.ends_with("(tenant=?)");
        assert!(
            !steps.is_empty() && !steps.iter().any(reads_all),
            "{query}\n{steps:#?}"
        );
    }
}

/// Returns the resident memory of this process in KiB. Returns `None` where the system does not
/// state it in `/proc`.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_acquires_never_exceed_the_capacity() {
    static MEMORY: Mutex<Vec<Option<u64>>> = Mutex::new(Vec::new());
    let progress = |begun| {
        let memory = resident_kib();
        println!("{begun:8} acquires, {} KiB", memory.unwrap_or_default());
        MEMORY.lock().unwrap().push(memory);
    };
    let directory = directory();
    let stores: [Arc<dyn ServerStore>; 1] = [Arc::new(open(directory.path()))];
    // The full proof uses a million acquires of 20,000 tasks on 10,000 seats.
    let setting = std::env::var("LICENSE_SERVER_ACQUIRES").ok();
    let acquires = setting.map_or(20_000, |text| text.parse().unwrap());
    let seats = (acquires / 100).max(1);
    let counts = conformance::concurrent_acquires(&stores, 2 * seats, seats, acquires, progress);
    let counts = counts.await;
    println!("{counts:?} of {acquires} acquires, {seats} seats");
    assert_eq!(counts.granted + counts.denied, acquires);
    assert!(counts.denied > 0, "the pool was never full");
    assert!(counts.most_held > seats / 2, "{counts:?}");
    // The first tenth fills all tables of bounded size.
    progress(acquires);
    let memory: Vec<u64> = MEMORY.lock().unwrap().iter().copied().flatten().collect();
    if let (Some(early), Some(last)) = (memory.get(1), memory.last()) {
        assert!(
            *last < early + 32 * 1024,
            "the memory grows: {memory:?} KiB"
        );
    }
}
