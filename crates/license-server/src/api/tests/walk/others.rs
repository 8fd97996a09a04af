//! The routes that take no permission: with the session of a person of the second tenant, with a
//! license, or without credentials. Each one has the status that a stranger gets.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::super::people::{PASSWORD, create_account};
use super::super::{Answer, TestApi};
use super::{Resources, fill, second};
use crate::api::cookies;
use crate::domain::{Actor, Role};
use crate::services::tests::token;

/// The credentials of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    /// The session of a person of the second tenant.
    Person,
    /// A license that the server does not have.
    License,
    /// Nothing, or a secret that is wrong.
    Visitor,
}

use Credential::{License, Person, Visitor};

/// The routes that take no permission, the credentials that a stranger has, and the status of the
/// answer: of a site, and of a vendor. A path with a parameter names something of the first tenant.
const ROUTES: [(&str, &str, Credential, [u16; 2]); 51] = [
    ("GET", "/api/v1/account", Person, [200; 2]),
    ("PATCH", "/api/v1/account", Person, [400; 2]),
    ("POST", "/api/v1/account/email", Person, [400; 2]),
    ("POST", "/api/v1/account/email/confirm", Visitor, [400; 2]),
    ("GET", "/api/v1/account/export", Person, [200; 2]),
    ("GET", "/api/v1/account/machines", Person, [200; 2]),
    (
        "DELETE",
        "/api/v1/account/organizations/{organization}",
        Person,
        [404; 2],
    ),
    ("POST", "/api/v1/account/password", Person, [400; 2]),
    ("POST", "/api/v1/account/recovery-codes", Person, [400; 2]),
    ("GET", "/api/v1/account/seats", Person, [200; 2]),
    ("POST", "/api/v1/account/totp", Person, [400; 2]),
    ("POST", "/api/v1/account/totp/confirm", Person, [400; 2]),
    ("DELETE", "/api/v1/account/totp", Person, [400; 2]),
    ("POST", "/api/v1/account/trials", Person, [400; 2]),
    ("POST", "/api/v1/activations", Visitor, [400; 2]),
    ("POST", "/api/v1/billing/stripe/events", Visitor, [400; 2]),
    ("POST", "/api/v1/check-ins", Visitor, [400; 2]),
    ("POST", "/api/v1/deactivations", Visitor, [400; 2]),
    ("POST", "/api/v1/invitations/accept", Visitor, [400; 2]),
    ("POST", "/api/v1/licenses/validate", Visitor, [400; 2]),
    ("GET", "/api/v1/oidc/{provider}/callback", Visitor, [403; 2]),
    ("POST", "/api/v1/oidc/{provider}/logout", Visitor, [400; 2]),
    ("GET", "/api/v1/oidc/{provider}/start", Visitor, [503; 2]),
    ("POST", "/api/v1/organizations", Person, [400; 2]),
    ("POST", "/api/v1/password-resets", Visitor, [400; 2]),
    ("POST", "/api/v1/password-resets/confirm", Visitor, [400; 2]),
    ("GET", "/api/v1/queue/{ticket}", License, [401; 2]),
    ("DELETE", "/api/v1/queue/{ticket}", License, [401; 2]),
    ("POST", "/api/v1/registrations", Visitor, [400; 2]),
    ("POST", "/api/v1/registrations/confirm", Visitor, [400; 2]),
    ("GET", "/api/v1/revocations", Visitor, [200, 404]),
    ("POST", "/api/v1/seats", License, [401; 2]),
    ("POST", "/api/v1/seats/{session}/borrow", License, [401; 2]),
    (
        "POST",
        "/api/v1/seats/{session}/heartbeat",
        License,
        [401; 2],
    ),
    ("POST", "/api/v1/seats/{session}/release", License, [401; 2]),
    ("POST", "/api/v1/seats/{session}/return", License, [401; 2]),
    ("GET", "/api/v1/session", Person, [200; 2]),
    ("PATCH", "/api/v1/session", Person, [400; 2]),
    ("GET", "/api/v1/sessions", Person, [200; 2]),
    ("POST", "/api/v1/sessions", Visitor, [400; 2]),
    ("DELETE", "/api/v1/sessions/{session}", Person, [404; 2]),
    ("POST", "/api/v1/setup", Visitor, [400; 2]),
    ("POST", "/api/v1/telemetry", Visitor, [400; 2]),
    // The vendor's server has no telemetry, and nothing to delete.
    (
        "DELETE",
        "/api/v1/telemetry/{installation}",
        Visitor,
        [401, 204],
    ),
    ("POST", "/api/v1/trial-reminders/stop", Visitor, [400; 2]),
    ("POST", "/api/v1/trial-requests", Visitor, [400; 2]),
    ("POST", "/api/v1/trial-requests/confirm", Visitor, [400; 2]),
    ("GET", "/api/v1/trust-statements", Visitor, [200; 2]),
    ("GET", "/api/v1/usage/own", License, [401; 2]),
    ("POST", "/api/v1/usage-reports", License, [401; 2]),
    // The session of the person ends with the account.
    ("DELETE", "/api/v1/account", Person, [400; 2]),
];

/// Returns the license of a customer of the second tenant.
fn license_of_second() -> String {
    token(90, |draft| draft.customer = "Second Ltd".to_owned())
}

/// Returns the body of a request. `None`: it has none.
fn body(method: &str, path: &str) -> Option<Value> {
    let instance = format!("inst_{}", "07".repeat(16));
    let (nonce, secret) = ("07".repeat(16), "07".repeat(32));
    let body = match path.rsplit('/').next().unwrap() {
        "seats" => json!({
            "session": format!("sess_{}", "07".repeat(16)), "instance": instance,
            "machine_id": "laptop", "user": "eve", "nonce": nonce, "commitment": secret,
        }),
        "heartbeat" => json!({"instance": instance, "seq": 1, "nonce": nonce}),
        "release" => json!({"instance": instance, "seq": 1, "secret": secret}),
        "return" => json!({"seq": 1, "secret": secret}),
        "borrow" => json!({
            "instance": instance, "seq": 1, "secret": secret, "nonce": nonce, "seconds": 60,
        }),
        "usage-reports" => json!({"report": "none"}),
        _ => json!({}),
    };
    let has_body =
        ["POST", "PUT", "PATCH"].contains(&method) || path.starts_with("/api/v1/account");
    (has_body && method != "GET").then_some(body)
}

/// Returns the query of a request that names the session which waits.
fn query(method: &str, path: &str) -> String {
    if !path.ends_with("/queue/{ticket}") {
        return String::new();
    }
    let session = format!(
        "?session=sess_{}&instance=inst_{}",
        "07".repeat(16),
        "07".repeat(16)
    );
    match method {
        "GET" => format!("{session}&nonce={}", "07".repeat(16)),
        _ => session,
    }
}

/// The session of a person.
struct SignedIn {
    cookie: String,
    csrf: String,
}

/// A person of each tenant.
pub(super) struct People {
    /// A person of the first tenant.
    nina: SignedIn,
    /// The id of the session of this person.
    session: String,
    /// A person of the second tenant.
    mallory: SignedIn,
}

impl TestApi {
    /// Creates a person of each tenant, and signs them in.
    pub(super) async fn people(&self) -> People {
        let first = self.tenants.own().tenant().clone();
        create_account(self, &first, "nina@example.com", Role::Owner).await;
        let (nina, session) = self.sign_in("nina@example.com").await;
        create_account(self, &second(), "mallory@example.org", Role::Owner).await;
        let (mallory, _) = self.sign_in("mallory@example.org").await;
        People {
            nina,
            session,
            mallory,
        }
    }

    /// Signs a person in, and returns the session with its id.
    async fn sign_in(&self, email: &str) -> (SignedIn, String) {
        let body = json!({"email": email, "password": PASSWORD}).to_string();
        let request = Request::post("/api/v1/sessions")
            .header(header::HOST, "licenses.example.com")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, body.len())
            .body(Body::from(body));
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        let lines = response.headers().get_all(header::SET_COOKIE).iter();
        let mut lines = lines.map(|line| line.to_str().unwrap());
        let start = format!("{}=", cookies::SESSION);
        let cookie = lines.find(|line| line.starts_with(&start)).unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        let csrf = body["csrf_token"].as_str().unwrap().to_owned();
        let person = SignedIn { cookie, csrf };
        let sessions = self
            .send_other("GET", "/api/v1/sessions", Some(&person), None)
            .await;
        let id = sessions.body["items"][0]["id"].as_str().unwrap().to_owned();
        (person, id)
    }

    /// Sends a request without a permission. Without a person, it has a license and the wrong
    /// secret of an installation.
    async fn send_other(
        &self,
        method: &str,
        path: &str,
        person: Option<&SignedIn>,
        body: Option<&Value>,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "licenses.example.com");
        let request = match person {
            Some(person) => request
                .header(header::COOKIE, &person.cookie)
                .header("X-CSRF-Token", &person.csrf),
            None => request
                .header(
                    header::AUTHORIZATION,
                    format!("License {}", license_of_second()),
                )
                .header("X-Deletion-Secret", "07".repeat(32)),
        };
        let request = match body {
            None => request.body(Body::empty()),
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::CONTENT_LENGTH, body.to_string().len())
                .body(body.to_string().into()),
        };
        let response = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, text, body }
    }

    /// Walks the routes that take no permission. A stranger can neither see nor change the
    /// resources of the first tenant.
    pub(super) async fn walk_others(
        &self,
        resources: &Resources,
        people: &People,
        before: &[(String, String)],
    ) {
        let People {
            nina,
            session,
            mallory,
        } = people;
        let mut expected: BTreeMap<(String, String), (Credential, u16)> = ROUTES
            .into_iter()
            .map(|(method, path, credential, [of_site, of_vendor])| {
                let is_vendor = self.tenants.own().is_vendor();
                let status = if is_vendor { of_vendor } else { of_site };
                ((method.to_owned(), path.to_owned()), (credential, status))
            })
            .collect();
        let provider = resources.ids.iter().find(|(name, _)| *name == "provider");
        let ticket = before.iter().find_map(|(_, text)| {
            let (_, rest) = text.split_once("tick_")?;
            Some(format!("tick_{}", rest.get(..32)?))
        });
        let ticket = ticket.unwrap_or(format!("tick_{}", "07".repeat(16)));
        let mut wrong = Vec::new();
        for (method, path) in self.other_operations().await {
            let stated = expected.remove(&(method.clone(), path.clone()));
            let Some((credential, status)) = stated else {
                panic!("state what a stranger gets from {method} {path}");
            };
            let session = match credential {
                Person => session.clone(),
                _ => crate::services::tests::floating::session(1).to_string(),
            };
            let values = [
                ("session", session),
                ("provider", provider.unwrap().1.clone().unwrap()),
                ("ticket", ticket.clone()),
                ("installation", "01".repeat(16)),
                ("organization", self.tenants.own().tenant().to_string()),
            ];
            let sent = format!("{}{}", fill(&path, &values), query(&method, &path));
            let person = (credential == Person).then_some(mallory);
            let body = body(&method, &path);
            let answer = self.send_other(&method, &sent, person, body.as_ref()).await;
            let is_other_role = answer.body["code"] == "WRONG_ROLE";
            if answer.status != status && !is_other_role {
                wrong.push(format!("{method} {path}: {answer:?}"));
            }
            // The revocations and the trust statements of the server are public.
            let is_public = credential == Visitor && answer.status == 200;
            let shown = resources
                .texts
                .iter()
                .find(|text| answer.text.contains(*text));
            assert!(is_public || shown.is_none(), "{shown:?}: {answer:?}");
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(expected.is_empty(), "no such routes: {expected:?}");
        let kept = self
            .send_other("GET", "/api/v1/session", Some(nina), None)
            .await;
        assert_eq!(kept.status, 200, "{kept:?}");
        if !self.tenants.own().is_vendor() {
            self.use_license_of_second(resources, &ticket).await;
        }
    }

    /// Names a lease and a ticket of the first tenant with a license of the second one, which the
    /// server serves. The walk shows that the first tenant keeps both.
    async fn use_license_of_second(&self, resources: &Resources, ticket: &str) {
        let services = self.tenants.of(&second()).await.unwrap();
        let license = license_of_second();
        let installed = services.licenses.install(&Actor::Console, &license);
        installed.await.unwrap();
        let session = crate::services::tests::floating::session(1).to_string();
        let values = [("session", session), ("ticket", ticket.to_owned())];
        for (method, path, credential, _) in ROUTES {
            if credential != License || !path.contains('{') {
                continue;
            }
            let sent = format!("{}{}", fill(path, &values), query(method, path));
            let body = body(method, path);
            let answer = self.send_other(method, &sent, None, body.as_ref()).await;
            let is_served = answer.status != 401 && answer.status < 500;
            assert!(is_served, "{method} {path}: {answer:?}");
            let mut texts = resources.texts.iter();
            let shown = texts.find(|text| answer.text.contains(*text) && !sent.contains(*text));
            assert_eq!(shown, None, "{method} {path}: {answer:?}");
        }
    }

    /// Returns the methods and paths of the routes that take no permission.
    async fn other_operations(&self) -> Vec<(String, String)> {
        let document = self.send("GET", "/api/v1/openapi.json", "", None).await;
        let paths = document.body["paths"].as_object().unwrap();
        let mut found = Vec::new();
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                let permission = &operation["security"][0]["bearer"][0];
                if permission.is_null() {
                    found.push((method.to_uppercase(), path.clone()));
                }
            }
        }
        found
    }
}
