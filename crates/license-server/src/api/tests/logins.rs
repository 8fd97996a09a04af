//! Logins of users of licenses whose users the server assigns.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use license_core::policy::{NAMED_USERS, Quota};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{TestApi, clock, sqlite};
use crate::clock::ManualClock;
use crate::config::LoginConfig;
use crate::domain::{Actor, EmailAddress};
use crate::login::LoginVerifier;
use crate::login::tests::{ISSUER, TestProvider};
use crate::services::ServerRole;
use crate::services::tests::{id, token};

/// A server that requires logins, and its provider.
struct Site {
    api: TestApi,
    provider: TestProvider,
    named: String,
    plain: String,
    _directory: tempfile::TempDir,
}

impl Site {
    async fn start() -> Self {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        let provider = TestProvider::new();
        let keys = directory.path().join("login.jwks");
        let set = json!({ "keys": [provider.ec_jwk("ec")] });
        std::fs::write(&keys, set.to_string()).unwrap();
        let config = LoginConfig {
            issuer: ISSUER.to_owned(),
            client_id: "license".to_owned(),
            claim: "email".to_owned(),
            is_required: true,
            keys: Some(keys),
            ca_file: None,
        };
        let verifier = LoginVerifier::new(config, Arc::<ManualClock>::clone(&clock));
        let Ok(verifier) = verifier else {
            panic!("the keys are acceptable");
        };
        let (store, role) = (sqlite(&directory, &clock), ServerRole::Site);
        let api = TestApi::start_with_login(store, &clock, role, verifier).await;
        let named = token(1, |draft| {
            draft.set_quota(NAMED_USERS, Quota::Limit(5)).unwrap();
        });
        let plain = token(2, |_| {});
        let services = api.tenants.own();
        for text in [&named, &plain] {
            let installed = services.licenses.install(&Actor::Console, text).await;
            installed.unwrap();
        }
        let (license, ann) = (id(1), EmailAddress::parse("ann@acme.example").unwrap());
        let users = &services.named_users;
        let assigned = users.assign(&Actor::Console, &license, ann).await;
        assigned.unwrap();
        Self {
            api,
            provider,
            named,
            plain,
            _directory: directory,
        }
    }

    /// Returns an ID token of a user.
    fn login(&self, email: &str) -> String {
        let now = 1_800_003_600;
        self.provider.token(&json!({
            "iss": ISSUER, "aud": "license", "sub": "u1", "exp": now + 300, "iat": now,
            "email": email, "email_verified": true,
        }))
    }

    /// Validates a license, and returns the status and the code.
    async fn validate(
        &self,
        path: &str,
        license: &str,
        (user, logins): (Option<&str>, &[&str]),
    ) -> (u16, String) {
        let mut body = json!({
            "license_key": license, "machine_id": "mach_00112233445566778899aabbccddeeff",
        });
        if let Some(user) = user {
            body["user"] = user.into();
        }
        let mut request = Request::post(path).header(header::HOST, "licenses.example.com");
        for login in logins {
            request = request.header("x-login-token", *login);
        }
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.api.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        let code = body["code"].as_str().unwrap_or("none");
        (status, code.to_owned())
    }
}

#[tokio::test]
async fn a_validation_takes_the_user_from_the_login_only() {
    let site = Site::start().await;
    let (ann, bob) = (
        site.login("Ann@acme.example"),
        site.login("bob@acme.example"),
    );
    let forged = format!("{}x", &ann[..ann.len() - 2]);
    let stated = Some("ann@acme.example");
    let validate = "/api/v1/licenses/validate";
    // A reply to Ann is in the cache before others try.
    for (user, logins, expected) in [
        (None, &[ann.as_str()][..], (200, "VALID")),
        (Some("Ann@acme.example"), &[ann.as_str()], (200, "VALID")),
        (stated, &[ann.as_str()], (200, "VALID")),
        (stated, &[], (401, "LOGIN_REQUIRED")),
        (None, &[], (401, "LOGIN_REQUIRED")),
        (stated, &[bob.as_str()], (403, "LOGIN_MISMATCH")),
        (None, &[bob.as_str()], (200, "USER_NOT_ASSIGNED")),
        (stated, &[forged.as_str()], (401, "LOGIN_INVALID")),
        (
            stated,
            &[ann.as_str(), ann.as_str()],
            (401, "LOGIN_INVALID"),
        ),
        (stated, &[""], (401, "LOGIN_INVALID")),
    ] {
        let found = site.validate(validate, &site.named, (user, logins)).await;
        let expected = (expected.0, expected.1.to_owned());
        assert_eq!(found, expected, "{user:?} {logins:?}");
    }
    // A check-in is a validation.
    let check_in = "/api/v1/check-ins";
    let found = site.validate(check_in, &site.named, (stated, &[])).await;
    assert_eq!(found, (401, "LOGIN_REQUIRED".to_owned()));
    let logins = [ann.as_str()];
    let found = site.validate(check_in, &site.named, (None, &logins)).await;
    assert_eq!(found.0, 200);
    // A license without assigned users needs no login.
    let found = site.validate(validate, &site.plain, (None, &[])).await;
    assert_eq!(found, (200, "VALID".to_owned()));
}
