//! Clients of several organizations on one server, on both databases.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use license_core::ids::Nonce;
use license_core::requests::{ActivationSecret, MachineRequest};
use license_test_services::TestDatabase;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Answer, TestApi, clock, postgres, sqlite};
use crate::domain::{PageRequest, TenantId};
use crate::services::ServerRole;
use crate::services::tests::administration::report;
use crate::services::tests::floating::session;
use crate::services::tests::installation::list;
use crate::services::tests::{activations, id, token};
use crate::store::ServerStore;

/// An organization with a license.
struct Organization {
    tenant: TenantId,
    /// The secret of an API token of an owner.
    owner: String,
    /// The number of its license.
    number: u8,
}

impl Organization {
    /// Returns the site, and two other organizations.
    async fn all(api: &TestApi) -> [Self; 3] {
        let other = |number| TenantId::new(uuid::Uuid::from_u128(number));
        [
            Self::new(api, TenantId::site(), 1).await,
            Self::new(api, other(2), 2).await,
            Self::new(api, other(3), 3).await,
        ]
    }

    async fn new(api: &TestApi, tenant: TenantId, number: u8) -> Self {
        Self {
            owner: api.token(&tenant, "owner").await,
            tenant,
            number,
        }
    }

    fn license(&self) -> String {
        token(self.number, |_| {})
    }

    fn pool(&self) -> String {
        format!("/api/v1/pools/{}", id(self.number))
    }

    async fn install(&self, api: &TestApi, number: u8) -> Answer {
        let body = json!({ "file": token(number, |_| {}) });
        let path = "/api/v1/licenses";
        api.send("POST", path, &self.owner, Some(&body)).await
    }

    async fn get(&self, api: &TestApi, path: &str) -> Answer {
        api.send("GET", path, &self.owner, None).await
    }
}

/// Returns the secret of the release of a seat.
fn secret(number: u8) -> ActivationSecret {
    ActivationSecret::from_random([number; 32])
}

/// Sends a request of a client with a license.
async fn post(api: &TestApi, path: &str, license: &str, key: &str, body: &Value) -> Answer {
    let request = Request::post(path)
        .header(header::HOST, "licenses.example.com")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, body.to_string().len());
    let request = match license {
        "" => request,
        license => request.header(header::AUTHORIZATION, format!("License {license}")),
    };
    let request = match key {
        "" => request,
        key => request.header("idempotency-key", key),
    };
    let request = request.body(Body::from(body.to_string())).unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let body = serde_json::from_str(&text).unwrap_or_default();
    Answer { status, text, body }
}

async fn validate(api: &TestApi, license: &str) -> Answer {
    let body = json!({"license_key": license, "machine_id": "desk-7", "version": "1.4.2"});
    post(api, "/api/v1/licenses/validate", "", "", &body).await
}

async fn acquire(api: &TestApi, license: &str, number: u8, key: &str) -> Answer {
    let body = json!({
        "session": session(number).to_string(),
        "instance": format!("inst_{}", "0".repeat(32)),
        "machine_id": "desk-7",
        "user": "ann",
        "nonce": Nonce::from_random([9; 16]).to_string(),
        "commitment": secret(number).commitment().to_string(),
    });
    post(api, "/api/v1/seats", license, key, &body).await
}

/// Uses a seat of a license from the beginning to the end.
async fn use_seat(api: &TestApi, organizations: &[Organization; 3], own: &Organization) {
    let license = own.license();
    let acquired = acquire(api, &license, own.number, "one").await;
    assert_eq!(acquired.status, 201, "{acquired:?}");
    // The response is kept by the organization, and the lease is found again.
    let repeated = acquire(api, &license, own.number, "one").await;
    assert_eq!(repeated.text, acquired.text);
    let again = acquire(api, &license, own.number, "").await;
    assert_eq!(again.status, 200, "{again:?}");
    for organization in organizations {
        let pool = organization.get(api, &own.pool()).await;
        if organization.tenant == own.tenant {
            assert_eq!(
                (pool.status, &pool.body["held"]),
                (200, &json!(1)),
                "{pool:?}"
            );
        } else {
            assert_eq!(pool.status, 404, "{pool:?}");
        }
    }
    let path = |step| format!("/api/v1/seats/{}/{step}", session(own.number));
    let seq = &acquired.body["seq"];
    let instance = format!("inst_{}", "0".repeat(32));
    let nonce = Nonce::from_random([8; 16]).to_string();
    let body = json!({"instance": instance, "seq": seq, "nonce": nonce});
    let renewed = post(api, &path("heartbeat"), &license, "", &body).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    let secret = secret(own.number).reveal().to_string();
    let body = json!({"instance": instance, "seq": seq, "secret": secret});
    let released = post(api, &path("release"), &license, "", &body).await;
    assert_eq!(released.body, json!({"freed": true}), "{released:?}");
    let pool = own.get(api, &own.pool()).await;
    assert_eq!(pool.body["held"], json!(0), "{pool:?}");
}

/// Sends an activation request and a usage report of a machine.
async fn send_files(api: &TestApi, organizations: &[Organization; 3], own: &Organization) {
    let request = activations::request(own.number, own.number);
    let nonce = request.nonce.to_string();
    let body = json!({"file": MachineRequest::Activation(request).to_armor()});
    let stored = post(api, "/api/v1/activations", "", "two", &body).await;
    assert_eq!(stored.status, 202, "{stored:?}");
    let body = json!({"file": report(own.number)});
    let sent = post(api, "/api/v1/usage-reports", &own.license(), "", &body).await;
    assert_eq!(sent.body["stored"], json!(1), "{sent:?}");
    for organization in organizations {
        let is_own = organization.tenant == own.tenant;
        let path = format!("/api/v1/activation-requests/{nonce}");
        let found = organization.get(api, &path).await;
        assert_eq!(found.status, if is_own { 200 } else { 404 }, "{found:?}");
        let reports = organization.get(api, "/api/v1/usage-reports").await;
        let has_report = reports.text.contains(&id(own.number).to_string());
        assert_eq!(has_report, is_own, "{reports:?}");
    }
}

async fn clients_use_their_organizations(api: &TestApi, store: &dyn ServerStore) {
    let organizations = Organization::all(api).await;
    let [site, second, third] = &organizations;
    let unknown = validate(api, &second.license()).await;
    assert_eq!(unknown.body["code"], "NOT_READY", "{unknown:?}");
    let installed = second.install(api, 2).await;
    assert_eq!(installed.status, 200, "{installed:?}");
    // The server has a license, so a license that it does not have is unknown.
    let unknown = validate(api, &site.license()).await;
    assert_eq!(unknown.status, 401, "{unknown:?}");
    assert_eq!(unknown.body["code"], "UNKNOWN_LICENSE", "{unknown:?}");
    for organization in [site, third] {
        let installed = organization.install(api, organization.number).await;
        assert_eq!(installed.status, 200, "{installed:?}");
    }
    // A license that another organization has is refused, and nothing of its file is installed.
    for (organization, number) in [(second, 1), (second, 3), (third, 2)] {
        let refused = organization.install(api, number).await;
        assert_eq!(refused.status, 409, "{refused:?}");
        assert_eq!(refused.body["code"], "INSTALLED_ELSEWHERE", "{refused:?}");
        let licenses = organization.get(api, "/api/v1/licenses").await;
        assert!(
            !licenses.text.contains(&id(number).to_string()),
            "{licenses:?}"
        );
    }
    for own in &organizations {
        for name in [own.license(), key_of(store, own).await] {
            let valid = validate(api, &name).await;
            assert_eq!(valid.body["valid"], json!(true), "{valid:?}");
            assert_eq!(valid.body["license"], json!(id(own.number)), "{valid:?}");
        }
        use_seat(api, &organizations, own).await;
        send_files(api, &organizations, own).await;
    }
    api.tenants.finish_others().await.unwrap();
    for own in &organizations {
        api.tenants.own().tick().await.unwrap();
        let page = PageRequest::first();
        let machines = store.machines(&own.tenant, None, &page).await.unwrap();
        assert_eq!(machines.items.len(), 1, "{machines:?}");
        assert_eq!(machines.items[0].license, id(own.number));
    }
    the_server_comes_first(api, &organizations).await;
}

/// Checks that files of the operator apply to all organizations.
async fn the_server_comes_first(api: &TestApi, organizations: &[Organization; 3]) {
    let [site, second, third] = organizations;
    // The organization of the server takes the clients of a license over.
    let installed = site.install(api, 3).await;
    assert_eq!(installed.status, 200, "{installed:?}");
    let acquired = acquire(api, &third.license(), 7, "").await;
    assert_eq!(acquired.status, 201, "{acquired:?}");
    let pool = site.get(api, &third.pool()).await;
    assert_eq!(pool.body["held"], json!(1), "{pool:?}");
    let pool = third.get(api, &third.pool()).await;
    assert_eq!(pool.body["held"], json!(0), "{pool:?}");
    // A list that the operator imports ends the licenses of all organizations.
    let body = json!({"file": list(1, &[2])});
    let imported = api
        .send("POST", "/api/v1/revocations", &site.owner, Some(&body))
        .await;
    assert_eq!(imported.status, 200, "{imported:?}");
    api.tenants.tick_others().await.unwrap();
    let revoked = validate(api, &second.license()).await;
    assert_eq!(revoked.body["code"], "REVOKED", "{revoked:?}");
    let denied = acquire(api, &second.license(), 2, "").await;
    assert_eq!(denied.status, 409, "{denied:?}");
    let found = second.get(api, "/api/v1/licenses?status=revoked").await;
    assert!(found.text.contains(&id(2).to_string()), "{found:?}");
    // A license that was removed is unknown, although it was used a moment ago.
    let path = format!("/api/v1/licenses/{}", id(2));
    let removed = api.send("DELETE", &path, &second.owner, None).await;
    assert_eq!(removed.status, 204, "{removed:?}");
    let unknown = validate(api, &second.license()).await;
    assert_eq!(unknown.body["code"], "UNKNOWN_LICENSE", "{unknown:?}");
    assert_eq!(third.install(api, 2).await.status, 200);
}

/// Returns the key of the license of an organization.
async fn key_of(store: &dyn ServerStore, organization: &Organization) -> String {
    let id = id(organization.number);
    let found = store.license(&organization.tenant, &id).await;
    found.unwrap().unwrap().key.unwrap()
}

#[tokio::test]
async fn a_client_is_served_by_the_organization_of_its_license_in_sqlite() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = sqlite(&directory, &clock);
    let api = TestApi::start(Arc::clone(&store), &clock, ServerRole::Site).await;
    clients_use_their_organizations(&api, &*store).await;
}

#[tokio::test]
async fn a_client_is_served_by_the_organization_of_its_license_in_postgresql() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let clock = clock();
    let store = postgres(&database, &clock).await;
    let api = TestApi::start(Arc::clone(&store), &clock, ServerRole::Site).await;
    clients_use_their_organizations(&api, &*store).await;
}
