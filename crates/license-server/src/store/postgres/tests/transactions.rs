//! Transactions, and two nodes of one database.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join, try_join};
use license_seats::PoolEvent;
use license_test_services::TestDatabase;

use super::{config, open};
use crate::domain::{IdempotencyKey, IdempotencyState, PageRequest, StoredResponse, TenantId};
use crate::observer::Observer;
use crate::store::postgres::database::Database;
use crate::store::postgres::tenants;
use crate::store::{AdministrationStore, LicenseStore, ServerStore, ServerStoreError, conformance};

/// Records whether each transaction was committed.
#[derive(Default)]
struct Commits(Mutex<Vec<bool>>);

impl Observer for Commits {
    fn committed(&self, _: Duration, is_success: bool) {
        self.0.lock().unwrap().push(is_success);
    }

    fn seat_changed(&self, _: &PoolEvent) {}

    fn signed(&self, _: Duration) {}
}

fn database(test: &TestDatabase) -> (Database, Arc<Commits>) {
    let commits = Arc::new(Commits::default());
    let observer: Arc<dyn Observer> = Arc::<Commits>::clone(&commits);
    (Database::new(&config(test), observer).unwrap(), commits)
}

#[tokio::test]
async fn only_a_transaction_without_a_failure_is_committed() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    drop(open(&test).await);
    let (database, commits) = database(&test);
    let tenant = TenantId::site();
    let version = async || {
        let db = database.begin_read(&tenant).await.unwrap();
        let version = tenants::content_version(&db).await;
        db.end(version).await.unwrap()
    };
    // A statement that fails aborts the transaction, and `COMMIT` rolls it back without an error.
    let db = database.begin(&tenant).await.unwrap();
    tenants::content_changed(&db).await.unwrap();
    assert!(db.execute("SELECT 1 / 0", &[]).await.is_err());
    let aborted = db.commit().await.unwrap_err();
    assert!(matches!(aborted, ServerStoreError::Aborted), "{aborted:?}");
    // A transaction that is dropped is rolled back, and its locks end.
    let db = database.begin(&tenant).await.unwrap();
    tenants::content_changed(&db).await.unwrap();
    drop(db);
    assert_eq!(version().await, 0);
    let db = database.begin(&tenant).await.unwrap();
    tenants::content_changed(&db).await.unwrap();
    db.commit().await.unwrap();
    assert_eq!(version().await, 1);
    // A constraint that is checked at the end refuses the commit.
    test.sql(
        "CREATE TABLE other (number bigint UNIQUE DEFERRABLE INITIALLY DEFERRED);
         INSERT INTO other VALUES (1)",
    );
    let db = database.begin(&tenant).await.unwrap();
    tenants::content_changed(&db).await.unwrap();
    db.execute("INSERT INTO other VALUES (1)", &[])
        .await
        .unwrap();
    let refused = db.commit().await.unwrap_err();
    assert!(
        matches!(refused, ServerStoreError::Postgres(_)),
        "{refused:?}"
    );
    // The database ends the session, so the outcome of the commit is unknown.
    let db = database.begin(&tenant).await.unwrap();
    let pid = db.query_one("SELECT pg_backend_pid()", &[]).await.unwrap();
    let pid: i32 = pid.get(0);
    tenants::content_changed(&db).await.unwrap();
    test.superuser_sql(&format!("SELECT pg_terminate_backend({pid}, 5000)"));
    let unknown = db.commit().await.unwrap_err();
    assert!(
        matches!(unknown, ServerStoreError::CommitUnknown(_)),
        "{unknown:?}"
    );
    assert_eq!(version().await, 1);
    // Transactions that only read are not counted.
    assert_eq!(*commits.0.lock().unwrap(), [true, false, false]);
}

#[tokio::test]
async fn prepared_statements_run_in_the_order_in_which_they_are_polled() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    drop(open(&test).await);
    let (database, _) = database(&test);
    let db = database.begin(&TenantId::site()).await.unwrap();
    db.batch("CREATE TEMPORARY TABLE numbers (position bigserial, number bigint)")
        .await
        .unwrap();
    let one = "INSERT INTO numbers (number) VALUES (1)";
    let two = "INSERT INTO numbers (number) SELECT max(number) + 1 FROM numbers";
    db.prepare(&[one, two]).await.unwrap();
    try_join(db.execute(one, &[]), db.execute(two, &[]))
        .await
        .unwrap();
    let sum = "SELECT sum(number)::bigint FROM numbers";
    assert_eq!(db.query_one(sum, &[]).await.unwrap().get::<_, i64>(0), 3);
}

#[tokio::test]
async fn changes_of_several_nodes_have_one_chain_and_one_order() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let (one, other) = join(open(&test), open(&test)).await;
    let tenant = conformance::tenant();
    let change = async |store: &dyn ServerStore| {
        for _ in 0..10 {
            let audit = conformance::audit("trust.import");
            store.trust_changed(&tenant, audit).await.unwrap();
        }
    };
    // Each node has several changes at a time, on several connections.
    join(
        join(change(&one), change(&other)),
        join(change(&one), change(&other)),
    )
    .await;
    let report = one.verify_audit(&tenant).await.unwrap();
    assert_eq!((report.entries, report.fault), (40, None));
    assert_eq!(other.content_version(&tenant).await.unwrap(), 40);
    let page = PageRequest::new(None, Some(100));
    let events = other.events(&tenant, &page).await.unwrap().items;
    let numbers: Vec<_> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
}

#[tokio::test]
async fn nodes_that_install_together_give_each_license_a_number_of_its_own() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let (one, other) = join(open(&test), open(&test)).await;
    let tenant = conformance::tenant();
    let install = async |store: &dyn ServerStore, numbers: std::ops::Range<u8>| {
        let mut count = 0;
        for number in numbers {
            let records = vec![conformance::license(number, 1, &[])];
            let audit = conformance::audit("license.install");
            let installed = store.install_licenses(&tenant, records, audit).await;
            count += installed.unwrap();
            let statement = vec![format!("statement {number}")];
            let audit = conformance::audit("trust.import");
            let imported = store.import_statements(&tenant, statement, audit).await;
            count += imported.unwrap();
        }
        count
    };
    // Two of the licenses and statements come from both nodes.
    let counts = join(install(&one, 0..6), install(&other, 4..10)).await;
    assert_eq!(counts.0 + counts.1, 20);
    let page = PageRequest::new(None, Some(100));
    let licenses = one.licenses(&tenant, &page).await.unwrap().items;
    let numbers: Vec<_> = licenses.iter().map(|license| license.number).collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    let statements = other.statements(&tenant).await.unwrap();
    let numbers: Vec<_> = statements.iter().map(|found| found.number).collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_request_belongs_to_a_node_until_the_node_is_gone() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let (one, other) = join(open(&test), open(&test)).await;
    let tenant = TenantId::site();
    let now = conformance::audit("x").at;
    let key = || IdempotencyKey {
        caller: "ann".to_owned(),
        route: "POST /api/v1/tokens".to_owned(),
        key: "key".to_owned(),
    };
    let add_node = format!(
        "INSERT INTO nodes (node, name, version, started_at, seen_lease)
         VALUES ('{}', 'one', '1', 0, 0) ON CONFLICT DO NOTHING",
        one.node()
    );
    test.sql(&add_node);
    let first = one.begin_request(&tenant, key(), [1; 32], now).await;
    assert_eq!(first.unwrap(), IdempotencyState::New);
    let again = one.begin_request(&tenant, key(), [1; 32], now).await;
    assert_eq!(again.unwrap(), IdempotencyState::Running);
    let elsewhere = other.begin_request(&tenant, key(), [1; 32], now).await;
    assert_eq!(elsewhere.unwrap(), IdempotencyState::RunningElsewhere);
    // Only the node of the request can forget it.
    other.abandon_request(&tenant, key()).await.unwrap();
    let elsewhere = other.begin_request(&tenant, key(), [1; 32], now).await;
    assert_eq!(elsewhere.unwrap(), IdempotencyState::RunningElsewhere);
    test.sql(&format!("DELETE FROM nodes WHERE node = '{}'", one.node()));
    let taken = other.begin_request(&tenant, key(), [2; 32], now).await;
    assert_eq!(taken.unwrap(), IdempotencyState::New);
    // The first node was only paused. Its response does not replace that of the other node.
    let response = |status| StoredResponse {
        status,
        content_type: "application/json".to_owned(),
        body: b"{}".to_vec(),
    };
    one.finish_request(&tenant, key(), response(500))
        .await
        .unwrap();
    other
        .finish_request(&tenant, key(), response(201))
        .await
        .unwrap();
    let answered = one.begin_request(&tenant, key(), [2; 32], now).await;
    assert_eq!(answered.unwrap(), IdempotencyState::Answered(response(201)));
}
