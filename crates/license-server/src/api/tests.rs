//! The HTTP interface without a network.

mod clients;
mod dashboard;
mod documentation;
mod groups;
mod logins;
mod oidc;
mod people;
mod roles;
mod seat_history;
mod tenants;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use license_test_services::TestDatabase;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt;

use super::{App, AppSettings, router};
use crate::clock::ManualClock;
use crate::config::{Limits, Settings};
use crate::domain::{Actor, ApiToken, NewAuditEntry, Scopes, SecretDigest, TenantId};
use crate::login::LoginVerifier;
use crate::metrics::Metrics;
use crate::oidc::OidcService;
use crate::services::tests::metering::meters;
use crate::services::tests::{at, config, people};
use crate::services::{BillingSetup, MeteringSettings, PeopleTools, ServerRole, TenantServices};
use crate::store::ServerStore;
use crate::store::postgres::{PostgresConfig, PostgresStore};
use crate::store::sqlite::SqliteStore;

/// A server whose requests need no network.
struct TestApi {
    router: Router,
    app: App,
    tenants: Arc<TenantServices>,
    store: Arc<dyn ServerStore>,
    /// Keeps the value of the setting, which a stopped server changes.
    stopping: watch::Sender<bool>,
}

/// A response.
#[derive(Debug)]
struct Answer {
    status: u16,
    /// The body as text.
    text: String,
    /// The body as JSON, or null.
    body: Value,
}

/// A route of the OpenAPI document that needs a permission.
#[derive(Clone, Debug)]
struct Operation {
    method: String,
    /// The path, with the names of its parameters in braces.
    path: String,
    permission: String,
    /// The documented statuses.
    statuses: Vec<String>,
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(at("2027-01-15T09:00:00Z")))
}

/// Opens a store in SQLite.
fn sqlite(directory: &TempDir, clock: &Arc<ManualClock>) -> Arc<dyn ServerStore> {
    let clock: Arc<ManualClock> = Arc::clone(clock);
    Arc::new(SqliteStore::open(directory.path(), clock).unwrap())
}

/// Opens a store in PostgreSQL.
async fn postgres(database: &TestDatabase, clock: &Arc<ManualClock>) -> Arc<dyn ServerStore> {
    let config = PostgresConfig::parse(database.url(), None).unwrap();
    let clock: Arc<ManualClock> = Arc::clone(clock);
    let store = PostgresStore::open(&config, None, clock, Arc::new(()));
    Arc::new(store.await.unwrap())
}

impl TestApi {
    /// Starts a server on 2027-01-15.
    async fn start(
        store: Arc<dyn ServerStore>,
        clock: &Arc<ManualClock>,
        role: ServerRole,
    ) -> Self {
        Self::start_as(store, clock, role, (people(None), None, None)).await
    }

    /// Starts a server of a vendor with a payment provider.
    async fn start_selling(
        store: Arc<dyn ServerStore>,
        clock: &Arc<ManualClock>,
        role: ServerRole,
        billing: BillingSetup,
    ) -> Self {
        Self::start_as(store, clock, role, (people(None), None, Some(billing))).await
    }

    /// Starts a server with these settings of people.
    async fn start_with(
        store: Arc<dyn ServerStore>,
        clock: &Arc<ManualClock>,
        role: ServerRole,
        people: Arc<PeopleTools>,
    ) -> Self {
        Self::start_as(store, clock, role, (people, None, None)).await
    }

    /// Starts a server on 2027-01-15 with a provider of logins.
    async fn start_with_login(
        store: Arc<dyn ServerStore>,
        clock: &Arc<ManualClock>,
        role: ServerRole,
        login: LoginVerifier,
    ) -> Self {
        Self::start_as(store, clock, role, (people(None), Some(login), None)).await
    }

    async fn start_as(
        store: Arc<dyn ServerStore>,
        clock: &Arc<ManualClock>,
        role: ServerRole,
        (people, login, billing): (
            Arc<PeopleTools>,
            Option<LoginVerifier>,
            Option<BillingSetup>,
        ),
    ) -> Self {
        let mut config = config(Arc::clone(&store), clock);
        config.role = role;
        config.people = people;
        config.metering = Arc::new(MeteringSettings {
            meters: meters(),
            ..MeteringSettings::default()
        });
        config.billing = billing;
        let tenants = TenantServices::open(config).await.unwrap();
        let second = Duration::from_secs(1);
        let settings = AppSettings {
            limits: Limits {
                peer_rate: None,
                license_rate: None,
                max_connections: 1,
                max_connections_per_peer: 1,
                handshake_timeout: second,
                header_timeout: second,
                body_timeout: second,
                idle_timeout: second,
                shutdown_timeout: second,
            },
            trusted_proxies: Vec::new(),
            allowed_networks: Vec::new(),
            enrollment_token: None,
            shown: Settings::default().shown(),
            server_request: Some("the request of this server".to_owned()),
            url: "https://licenses.example.com".to_owned(),
        };
        let (stopping, stops) = watch::channel(false);
        let metrics = Arc::new(Metrics::new().unwrap());
        let clock: Arc<ManualClock> = Arc::clone(clock);
        let url = "https://licenses.example.com";
        let oidc = OidcService::new(Arc::clone(&tenants), clock, url, second);
        let app = App::new(Arc::clone(&tenants), metrics, settings, login, oidc, stops);
        Self {
            router: router(&app),
            app,
            tenants,
            store,
            stopping,
        }
    }

    /// Stores a token of a tenant with these scopes, and returns its secret.
    async fn token(&self, tenant: &TenantId, scopes: &str) -> String {
        let secret = format!("lsv_{scopes} of {tenant}");
        let token = ApiToken {
            id: format!("tok_{scopes}_{tenant}"),
            name: scopes.to_owned(),
            scopes: Scopes::parse(scopes).unwrap(),
            digest: SecretDigest::new(&secret),
            created_at: at("2027-01-15T09:00:00Z"),
            created_by: "console".to_owned(),
            expires_at: None,
            revoked_at: None,
            last_used_on: None,
        };
        let audit = NewAuditEntry {
            actor: Actor::Console,
            action: "token.create",
            subject: token.id.clone(),
            before: None,
            details: Value::Null,
            at: token.created_at,
        };
        let created = self.store.create_token(tenant, token, audit).await;
        assert!(created.unwrap());
        secret
    }

    /// Sends a request. An empty secret sends none.
    async fn send(&self, method: &str, path: &str, secret: &str, body: Option<&Value>) -> Answer {
        self.send_to(&self.router, (method, path), secret, body)
            .await
    }

    /// Sends a request to a router.
    async fn send_to(
        &self,
        router: &Router,
        (method, path): (&str, &str),
        secret: &str,
        body: Option<&Value>,
    ) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::HOST, "licenses.example.com");
        let request = match secret {
            "" => request,
            secret => request.header(header::AUTHORIZATION, format!("Bearer {secret}")),
        };
        let request = match body {
            None => request.body(Body::empty()),
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::CONTENT_LENGTH, body.to_string().len())
                .body(body.to_string().into()),
        };
        let response = router.clone().oneshot(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, text, body }
    }

    /// Returns the routes of the served document that need a permission.
    async fn operations(&self) -> Vec<Operation> {
        let document = self.send("GET", "/api/v1/openapi.json", "", None).await;
        let paths = document.body["paths"].as_object().unwrap();
        let mut operations = Vec::new();
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                let Some(permission) = operation["security"][0]["bearer"][0].as_str() else {
                    continue;
                };
                let statuses = operation["responses"].as_object().unwrap();
                operations.push(Operation {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    permission: permission.to_owned(),
                    statuses: statuses.keys().cloned().collect(),
                });
            }
        }
        assert!(operations.len() > 25, "{operations:#?}");
        operations
    }
}
