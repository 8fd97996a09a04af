//! People over HTTP: sign in, sessions, links, members and attacks on them.

mod accounts;
mod attacks;
mod devices;
mod invited;
mod organization;
mod providers;
mod tokens;
mod trail;
mod trials;
pub(super) mod usage;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use super::{TestApi, clock, sqlite};
use crate::api::cookies;
use crate::clock::ManualClock;
use crate::domain::{
    Account, AccountId, Actor, EmailAddress, Invitation, JoinOutcome, Membership, NewAuditEntry,
    PasswordHash, Role, SecretDigest, TenantId,
};
use crate::mail::Mailer;
use crate::mail::tests::Sink;
use crate::services::ServerRole;
use crate::services::tests::people;

/// The password of every account. Its hash has the cost of the tests.
pub(super) const PASSWORD: &str = "correct horse battery";

/// A server with people.
struct PeopleApi {
    api: TestApi,
    clock: Arc<ManualClock>,
    sink: Option<Sink>,
    _directory: TempDir,
}

/// A browser of a person: its cookies and the CSRF token of its session.
#[derive(Clone, Debug, Default)]
struct Browser {
    session: Option<String>,
    device: Option<String>,
    csrf: Option<String>,
}

/// A response with its headers.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    #[track_caller]
    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        self.body
    }

    #[track_caller]
    fn expect_problem(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, &self.body["code"]),
            (status, &json!(code)),
            "{self:?}"
        );
        self.body
    }

    /// Returns the lines of the header `Set-Cookie`.
    fn cookies(&self) -> Vec<&str> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        lines.map(|line| line.to_str().unwrap()).collect()
    }

    fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.cookies().into_iter();
        let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let value = values.next()?.split(';').next()?;
        (!value.is_empty()).then(|| value.to_owned())
    }
}

/// Creates an account with a password and a role in a tenant.
pub(super) async fn create_account(
    api: &TestApi,
    tenant: &TenantId,
    email: &str,
    role: Role,
) -> AccountId {
    let services = api.tenants.own();
    let account = Account {
        id: AccountId::from_random(uuid::Uuid::new_v4().into_bytes()),
        email: EmailAddress::parse(email),
        name: "Ann".to_owned(),
        password: Some(hash()),
        totp: None,
        created_at: services.now(),
        verified_at: None,
    };
    let id = account.id.clone();
    let audit = NewAuditEntry {
        actor: Actor::Console,
        action: "account.create",
        subject: id.to_string(),
        before: None,
        details: Value::Null,
        at: services.now(),
    };
    let membership = Membership::new(tenant.clone(), role, services.now());
    let created = api.store.create_account(account, membership, audit);
    assert!(created.await.unwrap());
    id
}

impl PeopleApi {
    /// Starts a server that cannot send mail.
    async fn start() -> Self {
        Self::new(None).await
    }

    /// Starts a server that sends mail to a listener.
    async fn with_mail() -> Self {
        Self::new(Some(Sink::start(&[]).await)).await
    }

    async fn new(sink: Option<Sink>) -> Self {
        Self::new_as(ServerRole::Site, sink).await
    }

    async fn new_as(role: ServerRole, sink: Option<Sink>) -> Self {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        let mail = sink.as_ref().map(|sink| {
            let mailer = Mailer::start(&sink.config(), Arc::new(())).unwrap();
            let mailer: Arc<dyn crate::services::MailQueue> = Arc::new(mailer);
            mailer
        });
        let store = sqlite(&directory, &clock);
        let api = TestApi::start_with(store, &clock, role, people(mail)).await;
        Self {
            api,
            clock,
            sink,
            _directory: directory,
        }
    }

    /// Creates an account with a password and a role in a tenant.
    async fn create(&self, tenant: &TenantId, email: &str, role: Role) -> AccountId {
        create_account(&self.api, tenant, email, role).await
    }

    /// Makes an account an auditor of another organization.
    async fn join(&self, tenant: &TenantId, account: &Account) {
        let now = self.api.tenants.own().now();
        let digest = SecretDigest::new("join");
        let invitation = Invitation {
            id: "inv_join".to_owned(),
            email: account.email.clone().unwrap(),
            role: Role::Auditor,
            digest,
            created_at: now,
            created_by: Actor::Console.to_string(),
            expires_at: now + chrono::TimeDelta::hours(1),
            is_mailed: false,
        };
        let audit = NewAuditEntry {
            actor: Actor::Console,
            action: "member.join",
            subject: account.id.to_string(),
            before: None,
            details: Value::Null,
            at: now,
        };
        let store = &self.api.store;
        let invited = store.create_invitation(tenant, invitation, 1, audit.clone());
        assert!(invited.await.unwrap());
        let joined = store.join(tenant, digest, &account.id, audit).await;
        assert_eq!(joined.unwrap(), JoinOutcome::Joined);
    }

    /// Sends a request with the cookies and the CSRF token of a browser.
    async fn send(&self, browser: &Browser, method: &str, path: &str, body: Value) -> Reply {
        self.send_with(browser, method, path, body, &[]).await
    }

    async fn send_with(
        &self,
        browser: &Browser,
        method: &str,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, "licenses.example.com")
            .header(header::USER_AGENT, "browser of the tests");
        let named = [
            (cookies::SESSION, &browser.session),
            (cookies::DEVICE, &browser.device),
        ];
        let pairs = named
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
        let line = pairs.collect::<Vec<_>>().join("; ");
        if !line.is_empty() {
            request = request.header(header::COOKIE, line);
        }
        if let Some(token) = &browser.csrf {
            request = request.header("X-CSRF-Token", token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Value::Null => request.body(Body::empty()),
            body => request
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::CONTENT_LENGTH, body.to_string().len())
                .body(body.to_string().into()),
        };
        let router = self.api.router.clone();
        let response = router.oneshot(request.unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    /// Sends a request with an API token.
    async fn send_as(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        self.send_with(&Browser::default(), method, path, body, &headers)
            .await
    }

    /// Signs in, and keeps the cookies.
    async fn sign_in(&self, browser: &mut Browser, email: &str, code: Option<&str>) -> Reply {
        let mut body = json!({"email": email, "password": PASSWORD});
        if let Some(code) = code {
            body["totp"] = json!(code);
        }
        let reply = self.send(browser, "POST", "/sessions", body).await;
        if reply.status == 201 {
            browser.session = reply.cookie(cookies::SESSION);
            browser.device = reply.cookie(cookies::DEVICE);
            browser.csrf = reply.body["csrf_token"].as_str().map(str::to_owned);
        }
        reply
    }

    /// Returns the browser of a person who has signed in.
    async fn browser(&self, email: &str) -> Browser {
        let mut browser = Browser::default();
        self.sign_in(&mut browser, email, None).await.expect(201);
        browser
    }

    fn site(&self) -> TenantId {
        self.api.tenants.own().tenant().clone()
    }
}

/// Returns the hash of [`PASSWORD`], which is computed once.
fn hash() -> PasswordHash {
    use argon2::password_hash::PasswordHasher as _;
    let params = argon2::Params::new(8, 1, 1, Some(32)).unwrap();
    let argon2 = argon2::Argon2::from(params);
    let hash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]);
    PasswordHash::new(hash.unwrap().to_string())
}

/// Returns the code of a secret in Base32 at a time.
fn code(secret: &str, clock: &ManualClock) -> String {
    use crate::clock::ServerClock as _;
    crate::services::totp_code(secret, clock.wall())
}
