//! Servers that have licenses, and whether they can use them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use license_core::TrustSet;
use license_core::issue::{ServerKey, Signer};

use super::super::{Readiness, ServerRole, Services, ServicesConfig, TrustRoots};
use super::{TestServer, TestSigner, id, key, matrix, trust};
use crate::clock::ManualClock;
use crate::domain::{Actor, PageRequest, Refusal, TenantId};
use crate::store::sqlite::SqliteStore;

/// A trust set that a person can remove and restore.
#[derive(Default)]
struct TrustFile(Mutex<TrustSet>);

#[async_trait]
impl TrustRoots for TrustFile {
    async fn read(&self) -> Result<TrustSet, Refusal> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn add(&self, _: &str, keys: &TrustSet) -> Result<(), Refusal> {
        *self.0.lock().unwrap() = keys.clone();
        Ok(())
    }
}

/// Starts another process for the database of a server.
async fn restart(server: &TestServer, roots: Arc<dyn TrustRoots>, number: usize) -> Arc<Services> {
    let none = TrustSet::default();
    let services = Services::open(ServicesConfig {
        store: Arc::<SqliteStore>::clone(&server.store),
        clock: Arc::<ManualClock>::clone(&server.clock),
        signer: Arc::new(TestSigner(ServerKey::new(key(number), &none).unwrap())),
        tenant: TenantId::site(),
        roots,
        signatures: Arc::default(),
        matrix: Arc::new(matrix().clone()),
        issuer: "licenses.acme.example".to_owned(),
        role: ServerRole::Site,
        telemetry_days: 400,
        people: super::people(None),
        webhooks: std::sync::Arc::default(),
        trials: crate::services::TrialSettings::default(),
        invoices: crate::services::InvoiceSettings::default(),
        metering: std::sync::Arc::default(),
        billing: None,
    });
    services.await.unwrap()
}

#[tokio::test]
async fn a_server_says_why_it_cannot_use_its_licenses() {
    let empty = TestServer::start().await;
    let readiness = empty.services.readiness().await.unwrap();
    assert_eq!(readiness, Readiness::NoLicense);
    let (server, _) = TestServer::with_license().await;
    let other = TrustSet::parse(&key(2).public().to_jwk().to_string()).unwrap();
    for (roots, number, expected) in [
        (trust(), 1, Readiness::Ready),
        (TrustSet::default(), 1, Readiness::NoTrust),
        (other, 1, Readiness::NotTrusted),
        (trust(), 2, Readiness::NotCertified),
    ] {
        let services = restart(&server, Arc::new(roots), number).await;
        assert_eq!(services.readiness().await.unwrap(), expected);
        assert_eq!(expected.is_ready(), expected.problem().is_none());
    }
    // The list of licenses names the same reason.
    let services = restart(&server, Arc::new(trust()), 2).await;
    let installed = services.licenses.get(&id(1)).await.unwrap();
    let state = services.licenses.state(&installed.license);
    assert_eq!((state.is_valid, state.code), (false, "NOT_CERTIFIED"));
}

#[tokio::test]
async fn a_trust_set_that_comes_back_is_used_without_a_restart() {
    let (server, token) = TestServer::with_license().await;
    let file = Arc::new(TrustFile::default());
    let services = restart(&server, Arc::<TrustFile>::clone(&file), 1).await;
    let refusal = services.licenses.resolve(&token).await.unwrap_err();
    assert_eq!(refusal.code, "UNTRUSTED_KEY");
    assert!(refusal.hint.unwrap().contains("administrator"));
    *file.0.lock().unwrap() = trust();
    services.tick().await.unwrap();
    assert!(services.licenses.resolve(&token).await.is_ok());
}

#[tokio::test]
async fn new_keys_of_the_vendor_are_in_the_audit_trail() {
    let server = TestServer::start().await;
    let kids = ["key-1".to_owned()];
    let trust = &server.services.trust;
    trust.record_keys(&Actor::Console, &kids).await.unwrap();
    let audit = server.services.audit.list(&PageRequest::first()).await;
    let audit = audit.unwrap().items;
    let entry = audit.last().unwrap();
    assert_eq!(entry.action, "trust.install");
    assert!(entry.details.contains("key-1"), "{}", entry.details);
}

#[tokio::test]
async fn the_first_public_keys_are_installed_once() {
    let server = TestServer::start().await;
    let file = Arc::new(TrustFile::default());
    let services = restart(&server, Arc::<TrustFile>::clone(&file), 1).await;
    let (licenses, license) = (&services.licenses, super::token(1, |_| {}));
    let refusal = licenses.install(&Actor::Setup, &license).await.unwrap_err();
    assert_eq!(refusal.code, "UNTRUSTED_KEY");
    let keys = key(0).public().to_jwk().to_string();
    let report = licenses.install(&Actor::Setup, &keys).await.unwrap();
    assert_eq!(report.keys.len(), 1);
    let report = licenses.install(&Actor::Setup, &keys).await.unwrap();
    assert!(report.keys.is_empty(), "the server has the keys");
    let report = licenses.install(&Actor::Setup, &license).await.unwrap();
    assert_eq!(report.new_licenses, 1);
    let audit = services.audit.list(&PageRequest::first()).await;
    let actions = audit.unwrap().items.into_iter().map(|entry| entry.action);
    let installed = actions.filter(|action| action == "trust.install").count();
    assert_eq!(installed, 1);
    // A key of the server itself must not sign licenses.
    let own = key(1).public().to_jwk().to_string();
    let refusal = licenses.install(&Actor::Setup, &own).await.unwrap_err();
    assert_eq!(refusal.code, "MALFORMED");
    // The keys of this server come from elsewhere, and never change.
    let other = key(2).public().to_jwk().to_string();
    let fixed = restart(&server, Arc::new(trust()), 1).await;
    let refusal = fixed
        .licenses
        .install(&Actor::Setup, &other)
        .await
        .unwrap_err();
    assert_eq!(refusal.code, "UNTRUSTED_KEY");
}
