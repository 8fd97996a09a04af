mod opening;
mod policies;
mod transactions;

use std::sync::Arc;

use license_test_services::TestDatabase;

use super::{PostgresConfig, PostgresStore};
use crate::clock::SystemServerClock;
use crate::store::conformance;

fn config(database: &TestDatabase) -> PostgresConfig {
    PostgresConfig::parse(database.url(), None).unwrap()
}

async fn open(database: &TestDatabase) -> PostgresStore {
    let clock = Arc::new(SystemServerClock);
    let config = config(database);
    let opened = PostgresStore::open(&config, clock, Arc::new(()));
    opened.await.unwrap()
}

#[tokio::test]
async fn the_store_conforms() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    conformance::check_without_seats(&open(&database).await).await;
}
