mod deletion;
mod identity;
mod measure;
mod named_users;
mod opening;
mod people;
mod policies;
mod pools;
#[cfg(unix)]
mod redis;
mod roles;
mod takeover;
#[cfg(unix)]
mod tls;
mod transactions;
mod webhooks;

use std::sync::Arc;

use license_test_services::TestDatabase;

use super::{PostgresConfig, PostgresStore};
use crate::clock::{ManualClock, SystemServerClock};
use crate::store::conformance;

fn config(database: &TestDatabase) -> PostgresConfig {
    PostgresConfig::parse(database.url(), None).unwrap()
}

async fn open(database: &TestDatabase) -> PostgresStore {
    let clock = Arc::new(SystemServerClock);
    let config = config(database);
    let opened = PostgresStore::open(&config, None, clock, Arc::new(()));
    opened.await.unwrap()
}

fn manual_clock() -> Arc<ManualClock> {
    let start = license_core::time::parse_instant("2027-01-15T09:00:00Z").unwrap();
    Arc::new(ManualClock::new(start))
}

/// Opens a node whose clock the test sets.
async fn open_manual(database: &TestDatabase, clock: &Arc<ManualClock>) -> PostgresStore {
    let clock: Arc<ManualClock> = Arc::clone(clock);
    let config = config(database);
    let opened = PostgresStore::open(&config, None, clock, Arc::new(()));
    opened.await.unwrap()
}

/// Adds to the lease clock. Its owner continues from there.
async fn add_lease_time(store: &PostgresStore, millis: i64) {
    let db = store.database.begin_for_all().await.unwrap();
    let add = "UPDATE lease_clock SET now_lease = now_lease + $1";
    db.execute(add, &[&millis]).await.unwrap();
    db.commit().await.unwrap();
}

#[tokio::test]
async fn the_store_conforms() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    conformance::check(&open(&database).await).await;
}
