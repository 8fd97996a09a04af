use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::clock::ManualClock;
use crate::domain::Actor;
use crate::services::ServerRole;
use crate::services::tests::{at, config, id, token};
use crate::store::sqlite::SqliteStore;

/// Returns another organization.
fn other() -> TenantId {
    TenantId::new(uuid::Uuid::from_u128(2))
}

/// Starts a server over a directory.
async fn start(directory: &Path, role: ServerRole) -> Arc<TenantServices> {
    let clock = Arc::new(ManualClock::new(at("2027-01-15T09:00:00Z")));
    let store = SqliteStore::open(directory, Arc::<ManualClock>::clone(&clock)).unwrap();
    let mut config = config(Arc::new(store), &clock);
    config.role = role;
    TenantServices::open(config).await.unwrap()
}

/// Installs a license in another organization.
async fn install(server: &TenantServices) -> String {
    let license = token(1, |_| {});
    let services = server.of(&other()).await.unwrap();
    let installed = services.licenses.install(&Actor::Console, &license).await;
    assert_eq!(installed.unwrap().new_licenses, 1);
    license
}

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn the_organizations_with_licenses_are_opened_after_a_start() {
    let directory = directory();
    let server = start(directory.path(), ServerRole::Site).await;
    install(&server).await;
    server.store.close().await.unwrap();
    drop(server);
    let server = start(directory.path(), ServerRole::Site).await;
    assert!(server.opened_services(&other()).is_none());
    server.tick_others().await.unwrap();
    assert!(server.opened_services(&other()).is_some());
}

#[tokio::test]
async fn a_known_client_needs_no_look_up() {
    let directory = directory();
    let server = start(directory.path(), ServerRole::Site).await;
    let license = install(&server).await;
    let credential = format!(" {license}\n");
    let first = server.of_license(&credential).await.unwrap();
    assert_eq!(first.tenant(), &other());
    // The answer comes from memory, because the database cannot be read any more.
    server.store.close().await.unwrap();
    assert!(server.cached_client(&license).await.is_some());
    // Another license of the organization was not looked up yet.
    assert!(server.cached_client(&token(2, |_| {})).await.is_none());
}

#[tokio::test]
async fn a_license_that_does_not_verify_is_not_remembered() {
    let directory = directory();
    let server = start(directory.path(), ServerRole::Site).await;
    let license = install(&server).await;
    let mut parts: Vec<_> = license.split('.').map(str::to_owned).collect();
    parts[2] = token(2, |_| {}).split('.').nth(2).unwrap().to_owned();
    let forged = parts.join(".");
    let services = server.of_license(&forged).await.unwrap();
    assert_eq!(services.tenant(), &other());
    let refused = services.licenses.resolve(&forged).await.unwrap_err();
    assert_eq!(refused.code, "BAD_SIGNATURE");
    assert!(server.cached_client(&forged).await.is_none());
}

#[tokio::test]
async fn the_server_answers_for_texts_that_name_no_installed_license() {
    let directory = directory();
    let server = start(directory.path(), ServerRole::Site).await;
    install(&server).await;
    for text in [
        "",
        "x",
        "..",
        "CODITECT-PRO-A7F3E9D2C4B1-8F2B",
        &token(9, |_| {}),
    ] {
        let services = server.of_license(text).await.unwrap();
        assert_eq!(services.tenant(), &TenantId::site(), "{text}");
        let services = server.of_machine_request(text).await.unwrap();
        assert_eq!(services.tenant(), &TenantId::site(), "{text}");
    }
}

#[tokio::test]
async fn an_organization_on_the_server_of_a_vendor_installs_no_license() {
    let directory = directory();
    let server = start(directory.path(), ServerRole::VendorConsole).await;
    let services = server.of(&other()).await.unwrap();
    let license = token(1, |_| {});
    let refused = services.licenses.install(&Actor::Console, &license).await;
    assert_eq!(refused.unwrap_err().code, "WRONG_ROLE");
    let found = services.licenses.get(&id(1)).await;
    assert_eq!(found.unwrap_err().code, "NOT_FOUND");
    let serving = server.of_license(&license).await.unwrap();
    assert_eq!(serving.tenant(), &TenantId::site());
}
