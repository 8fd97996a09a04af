//! Named users on several nodes.

use license_test_services::TestDatabase;

use super::open;
use crate::store::{ServerStore, conformance};

#[tokio::test]
async fn two_nodes_never_give_the_last_place_to_two_users() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let (one, other) = (open(&database).await, open(&database).await);
    let nodes: [&dyn ServerStore; 2] = [&one, &other];
    conformance::concurrent_assignments(&nodes).await;
}
