//! Sign-in through an identity provider.

mod attacks;
mod hostile;
mod logout;
mod provider;
mod roles;

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use self::provider::{CLIENT, FakeProvider, SECRET, merged};
use super::{Answer, TestApi, clock, sqlite};
use crate::clock::{ManualClock, ServerClock};
use crate::domain::{Member, PageRequest, Role, TenantId};
use crate::services::ServerRole;

/// A server with one provider.
struct Site {
    api: TestApi,
    provider: FakeProvider,
    clock: Arc<ManualClock>,
    /// The id of the provider.
    id: String,
    /// The token of an owner.
    owner: String,
    _directory: TempDir,
}

/// A response with its headers.
#[derive(Debug)]
struct Page {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

/// A browser with its cookies.
#[derive(Clone, Debug, Default)]
struct TestBrowser {
    cookies: HashMap<String, String>,
}

impl Page {
    fn location(&self) -> String {
        assert_eq!(self.status, 303, "{self:?}");
        self.headers[header::LOCATION].to_str().unwrap().to_owned()
    }

    /// Returns the status and the reason code.
    fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}

impl TestBrowser {
    /// Opens a URL of the server, and keeps the cookies of the answer.
    async fn open(&mut self, api: &TestApi, path: &str) -> Page {
        self.send(api, "GET", path, &[], "").await
    }

    async fn send(
        &mut self,
        api: &TestApi,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Page {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::HOST, "licenses.example.com");
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header(header::CONTENT_LENGTH, body.len());
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = api.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "{cookie}");
            for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                assert!(
                    cookie.split("; ").any(|found| found == attribute),
                    "{cookie}"
                );
            }
            if value.is_empty() || cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Page {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }
}

/// Returns the settings of the provider, with changes.
fn settings(issuer: &str, changes: &Value) -> Value {
    let settings = json!({
        "name": "ACME", "issuer": issuer, "client_id": CLIENT, "client_secret": SECRET,
        "creates_people": true,
        "roles": [
            {"group": "auditors", "role": "auditor"},
            {"group": "admins", "role": "administrator"},
            {"group": "owners", "role": "owner"},
        ],
    });
    merged(settings, changes)
}

impl Site {
    async fn start() -> Self {
        Self::with(&json!({})).await
    }

    /// Starts a server with a provider whose settings have these changes.
    async fn with(changes: &Value) -> Self {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        let api = TestApi::start(sqlite(&directory, &clock), &clock, ServerRole::Site).await;
        let owner = api.token(&TenantId::site(), "owner").await;
        let provider = FakeProvider::start(clock.wall().timestamp()).await;
        let mut site = Self {
            api,
            provider,
            clock,
            id: String::new(),
            owner,
            _directory: directory,
        };
        let settings = settings(&site.provider.issuer, changes);
        site.id = site.create(&settings).await;
        site
    }

    /// Creates a provider, and returns its id.
    async fn create(&self, settings: &Value) -> String {
        let path = "/api/v1/identity-providers";
        let created = self
            .api
            .send("POST", path, &self.owner, Some(settings))
            .await;
        assert_eq!(created.status, 201, "{created:?}");
        assert!(!created.text.contains(SECRET), "{created:?}");
        created.body["id"].as_str().unwrap().to_owned()
    }

    /// Replaces the settings.
    async fn change(&self, changes: &Value) -> Answer {
        let path = format!("/api/v1/identity-providers/{}", self.id);
        let settings = settings(&self.provider.issuer, changes);
        self.api
            .send("PUT", &path, &self.owner, Some(&settings))
            .await
    }

    /// Returns the time in Unix seconds.
    fn now(&self) -> i64 {
        self.clock.wall().timestamp()
    }

    fn path(&self, route: &str) -> String {
        format!("/api/v1/oidc/{}/{route}", self.id)
    }

    /// Starts a sign-in, and signs in at the provider. Returns the parameters of the answer.
    async fn begin(&self, browser: &mut TestBrowser) -> HashMap<String, String> {
        let started = browser.open(&self.api, &self.path("start")).await;
        self.provider.authorize(&started.location())
    }

    /// Returns the path of an answer.
    fn answer(&self, parameters: &HashMap<String, String>) -> String {
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let all: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        format!("{}?{}", self.path("callback"), all.join("&"))
    }

    /// Signs in with a browser, and returns the answer of the server.
    async fn sign_in(&self, browser: &mut TestBrowser) -> Page {
        let answer = self.begin(browser).await;
        browser.open(&self.api, &self.answer(&answer)).await
    }

    /// Signs in with changed claims of the ID token.
    async fn sign_in_as(&self, claims: &Value) -> (Page, TestBrowser) {
        self.provider.state().claims = claims.clone();
        let mut browser = TestBrowser::default();
        let page = self.sign_in(&mut browser).await;
        (page, browser)
    }

    /// Returns the members.
    async fn members(&self) -> Vec<Member> {
        let (store, page) = (&self.api.store, PageRequest::first());
        store.members(&TenantId::site(), &page).await.unwrap().items
    }

    /// Returns the entries of the audit trail with an action.
    async fn audited(&self, action: &str) -> Vec<Value> {
        let path = "/api/v1/audit?limit=500";
        let trail = self.api.send("GET", path, &self.owner, None).await;
        let entries = trail.body["items"].as_array().unwrap().iter();
        entries
            .filter(|entry| entry["action"] == action)
            .cloned()
            .collect()
    }
}

#[tokio::test]
async fn a_person_signs_in_and_gets_the_role_of_a_group() {
    let site = Site::start().await;
    let mut browser = TestBrowser::default();
    let path = format!("{}?return_to=%2Flicenses%3Fa%3Db", site.path("start"));
    let started = browser.open(&site.api, &path).await;
    let location = started.location();
    let query = provider::query(&location);
    let expected = format!("https://licenses.example.com{}", site.path("callback"));
    assert_eq!(query["redirect_uri"], expected);
    assert_eq!(query["scope"], "openid email profile");
    for (name, length) in [("state", 43), ("nonce", 43), ("code_challenge", 43)] {
        assert_eq!(query[name].len(), length, "{location}");
    }
    let cookie = &browser.cookies["__Host-license_sign_in"];
    for name in ["state", "nonce"] {
        assert!(!cookie.contains(&query[name]), "the cookie is encrypted");
    }
    let answer = site.provider.authorize(&location);
    let finished = browser.open(&site.api, &site.answer(&answer)).await;
    assert_eq!(finished.location(), "/licenses?a=b");
    assert_eq!(finished.headers[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(finished.headers[header::CACHE_CONTROL], "no-store");
    let names: Vec<_> = browser.cookies.keys().collect();
    assert_eq!(names, ["__Host-license_session"]);
    // The session has the permissions of an auditor.
    let read = browser.open(&site.api, "/api/v1/audit").await;
    assert_eq!(read.status, 200, "{read:?}");
    let members = site.members().await;
    assert_eq!(members.len(), 1, "{members:?}");
    assert_eq!(
        (members[0].role, members[0].name.as_str()),
        (Role::Auditor, "Ann")
    );
    let email = members[0].email.as_ref().unwrap();
    assert_eq!(email.as_str(), "ann@acme.example");
    let created = &site.audited("member.provision").await[0];
    assert_eq!(created["details"]["provider"], json!(site.id));
    // The second sign-in finds the account, and gets another session.
    let first = browser.cookies.clone();
    let again = site.sign_in(&mut browser).await;
    assert_eq!(again.location(), "/");
    assert_ne!(first, browser.cookies);
    assert_eq!(site.members().await.len(), 1);
    let mut old = TestBrowser { cookies: first };
    let ended = old.open(&site.api, "/api/v1/audit").await;
    assert_eq!(
        ended.status, 401,
        "the session id changes, and the old one ends: {ended:?}"
    );
}

/// Another site could send a browser through a provider that signs an attacker in.
#[tokio::test]
async fn a_sign_in_does_not_replace_the_session_of_another_account() {
    let site = Site::start().await;
    let (_, mut browser) = site.sign_in_as(&json!({})).await;
    let first = browser.cookies.clone();
    site.provider.state().claims = json!({"sub": "eve", "email": "eve@acme.example"});
    let refused = site.sign_in(&mut browser).await;
    assert_eq!(refused.code(), (409, "LOGIN_OTHER"));
    assert_eq!(
        browser.cookies["__Host-license_session"],
        first["__Host-license_session"]
    );
    let read = browser.open(&site.api, "/api/v1/audit").await;
    assert_eq!(read.status, 200, "{read:?}");
}

#[tokio::test]
async fn the_settings_never_show_the_secret() {
    let site = Site::start().await;
    let path = format!("/api/v1/identity-providers/{}", site.id);
    let shown = site.api.send("GET", &path, &site.owner, None).await;
    assert_eq!(shown.body["has_client_secret"], true);
    let url = format!("https://licenses.example.com{}", site.path("start"));
    assert_eq!(shown.body["start_url"], url);
    let list = site
        .api
        .send("GET", "/api/v1/identity-providers", &site.owner, None)
        .await;
    let trail = site
        .api
        .send("GET", "/api/v1/audit", &site.owner, None)
        .await;
    for answer in [&shown, &list, &trail] {
        assert!(!answer.text.contains(SECRET), "{answer:?}");
    }
    // A change keeps the secret, and null removes it.
    let without = merged(
        settings(&site.provider.issuer, &json!({})),
        &json!({"name": "Other"}),
    );
    let mut kept = without.clone();
    kept.as_object_mut().unwrap().remove("client_secret");
    let changed = site.api.send("PUT", &path, &site.owner, Some(&kept)).await;
    assert_eq!(
        (changed.status, &changed.body["has_client_secret"]),
        (200, &json!(true))
    );
    assert_eq!(site.sign_in(&mut TestBrowser::default()).await.status, 303);
    let removed = merged(without, &json!({ "client_secret": null }));
    let changed = site
        .api
        .send("PUT", &path, &site.owner, Some(&removed))
        .await;
    assert_eq!(changed.body["has_client_secret"], false, "{changed:?}");
    let changes = site.audited("identity_provider.change").await;
    assert_eq!(changes[0]["before"]["name"], "ACME");
    assert_eq!(changes[0]["details"]["name"], "Other");
    assert_eq!(changes[1]["before"]["has_secret"], true);
    assert_eq!(changes[1]["details"]["has_secret"], false);
    let deleted = site.api.send("DELETE", &path, &site.owner, None).await;
    assert_eq!(deleted.status, 204);
    let gone = TestBrowser::default()
        .open(&site.api, &site.path("start"))
        .await;
    assert_eq!(gone.code(), (404, "NOT_FOUND"));
}
