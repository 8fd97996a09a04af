//! Logout by the provider, and at the provider.

use serde_json::{Value, json};

use super::provider::{merged, query};
use super::{Page, Site, TestBrowser};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Sends a logout token to the server.
async fn log_out(site: &Site, token: &str) -> Page {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("logout_token={token}");
    let path = site.path("logout");
    TestBrowser::default()
        .send(&site.api, "POST", &path, &headers, &body)
        .await
}

/// Returns the claims of a logout token, with changes. `null` removes a claim.
fn claims(site: &Site, id: &str, changes: &Value) -> Value {
    let now = site.provider.state().now;
    let claims = json!({
        "iss": site.provider.issuer, "aud": "licenses", "iat": now, "exp": now + 120, "jti": id,
        "events": {EVENT: {}},
    });
    let mut claims = merged(claims, changes);
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    claims
}

async fn is_signed_in(site: &Site, browser: &mut TestBrowser) -> bool {
    browser.open(&site.api, "/api/v1/audit").await.status == 200
}

#[tokio::test]
async fn a_logout_token_ends_a_session_or_all_of_a_person() {
    let site = Site::start().await;
    let (_, mut first) = site.sign_in_as(&json!({"sid": "s1"})).await;
    let (_, mut second) = site.sign_in_as(&json!({"sid": "s2"})).await;
    let (_, mut other) = site.sign_in_as(&json!({"sub": "bob", "sid": "s3"})).await;
    for browser in [&mut first, &mut second, &mut other] {
        assert!(is_signed_in(&site, browser).await);
    }
    let one = site
        .provider
        .sign("logout+jwt", &claims(&site, "1", &json!({"sid": "s1"})));
    let ended = log_out(&site, &one).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert_eq!(ended.headers["cache-control"], "no-store");
    assert!(!is_signed_in(&site, &mut first).await && is_signed_in(&site, &mut second).await);
    // Each token counts once.
    assert_eq!(log_out(&site, &one).await.code(), (400, "LOGIN_INVALID"));
    // The session of another person stays, whatever the token says.
    let mixed = claims(&site, "2", &json!({"sub": "ann", "sid": "s3"}));
    assert_eq!(
        log_out(&site, &site.provider.sign("logout+jwt", &mixed))
            .await
            .status,
        200
    );
    assert!(is_signed_in(&site, &mut other).await);
    let all = claims(&site, "3", &json!({"sub": "ann"}));
    assert_eq!(
        log_out(&site, &site.provider.sign("JWT", &all))
            .await
            .status,
        200
    );
    assert!(!is_signed_in(&site, &mut second).await && is_signed_in(&site, &mut other).await);
    assert_eq!(site.audited("session.logout_by_provider").await.len(), 2);
    // A person who is unknown here.
    let unknown = claims(&site, "4", &json!({"sub": "eve"}));
    assert_eq!(
        log_out(&site, &site.provider.sign("JWT", &unknown))
            .await
            .status,
        200
    );
    assert!(is_signed_in(&site, &mut other).await);
}

#[tokio::test]
async fn other_tokens_end_nothing() {
    let site = Site::start().await;
    let (_, mut browser) = site.sign_in_as(&json!({})).await;
    let now = site.provider.state().now;
    for changes in [
        json!({"aud": "another client"}),
        json!({"iss": "https://evil.example"}),
        json!({"exp": now - 61}),
        json!({"iat": now + 61}),
        json!({"exp": null}),
        json!({"jti": null}),
        json!({"nonce": "n"}),
        json!({"events": null}),
        json!({"events": {"http://schemas.openid.net/event/other": {}}}),
        json!({"events": [EVENT]}),
        json!({"sub": null}),
        json!({"sub": 7}),
        json!({"sub": "a".repeat(256)}),
    ] {
        let changes = merged(json!({"sub": "ann"}), &changes);
        let token = site
            .provider
            .sign("logout+jwt", &claims(&site, "1", &changes));
        let page = log_out(&site, &token).await;
        assert_eq!(page.status, 400, "{changes}: {page:?}");
    }
    // An ID token, and a token without a signature.
    let id_token = site.provider.state().id_claims("n");
    let none = json!({"alg": "none", "typ": "logout+jwt"});
    let unsigned = crate::login::tests::message(&none, &claims(&site, "1", &json!({"sub": "ann"})));
    for token in [
        site.provider.sign("JWT", &id_token),
        format!("{unsigned}."),
        "x".to_owned(),
    ] {
        assert_eq!(log_out(&site, &token).await.code(), (400, "LOGIN_INVALID"));
    }
    let page = TestBrowser::default()
        .send(
            &site.api,
            "POST",
            &site.path("logout"),
            &[],
            "logout_token=x",
        )
        .await;
    assert_eq!(page.status, 400, "no form: {page:?}");
    assert!(is_signed_in(&site, &mut browser).await);
}

#[tokio::test]
async fn a_disabled_provider_ends_its_sessions() {
    let site = Site::start().await;
    let (_, mut browser) = site.sign_in_as(&json!({})).await;
    assert_eq!(site.change(&json!({"is_enabled": false})).await.status, 200);
    assert!(!is_signed_in(&site, &mut browser).await);
    let page = browser.open(&site.api, &site.path("start")).await;
    assert_eq!(page.code(), (404, "NOT_FOUND"));
}

/// Returns the header with the CSRF token of a session.
async fn csrf(site: &Site, browser: &mut TestBrowser) -> String {
    let session = browser.open(&site.api, "/api/v1/session").await;
    assert_eq!(session.status, 200, "{session:?}");
    session.body["csrf_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_who_signs_out_learns_where_to_sign_out_of_the_provider() {
    let after = "https://licenses.acme.example/bye";
    let site = Site::with(&json!({ "after_logout": after })).await;
    let (_, mut browser) = site.sign_in_as(&json!({})).await;
    let token = csrf(&site, &mut browser).await;
    let path = "/api/v1/sessions/current";
    let refused = browser.send(&site.api, "DELETE", path, &[], "").await;
    assert_eq!(refused.code(), (403, "CSRF_REQUIRED"));
    let headers = [("x-csrf-token", token.as_str())];
    let mut old = browser.clone();
    let ended = browser.send(&site.api, "DELETE", path, &headers, "").await;
    assert_eq!(ended.status, 200, "{ended:?}");
    let url = ended.body["logout_url"].as_str().unwrap();
    assert!(
        url.starts_with(&format!("{}/end?", site.provider.issuer)),
        "{url}"
    );
    let query = query(url);
    assert_eq!(query["client_id"], "licenses");
    assert_eq!(query["post_logout_redirect_uri"], after);
    assert!(browser.cookies.is_empty());
    assert!(!is_signed_in(&site, &mut old).await);
    // A provider without such a page, or one that was deleted, has no URL.
    site.provider.state().discovery = json!({ "end_session_endpoint": null });
    assert_eq!(site.change(&json!({})).await.status, 200);
    let (_, mut browser) = site.sign_in_as(&json!({})).await;
    let token = csrf(&site, &mut browser).await;
    let headers = [("x-csrf-token", token.as_str())];
    let ended = browser.send(&site.api, "DELETE", path, &headers, "").await;
    assert_eq!((ended.status, &ended.body), (204, &Value::Null));
}

#[tokio::test]
async fn a_session_by_a_provider_reaches_neither_the_account_nor_other_organizations() {
    let site = Site::start().await;
    let (_, mut browser) = site.sign_in_as(&json!({"groups": ["owners"]})).await;
    let token = csrf(&site, &mut browser).await;
    let headers = [
        ("x-csrf-token", token.as_str()),
        ("content-type", "application/json"),
    ];
    for (method, path, body) in [
        ("PATCH", "/api/v1/session", json!({"organization": "site"})),
        ("PATCH", "/api/v1/account", json!({"name": "Eve"})),
        (
            "POST",
            "/api/v1/account/password",
            json!({"current": "a long password", "new": "another long password"}),
        ),
        (
            "POST",
            "/api/v1/account/totp",
            json!({"password": "a long password"}),
        ),
        (
            "DELETE",
            "/api/v1/account",
            json!({"password": "a long password"}),
        ),
    ] {
        let page = browser
            .send(&site.api, method, path, &headers, &body.to_string())
            .await;
        assert!(
            [401, 403].contains(&page.status),
            "{method} {path}: {page:?}"
        );
    }
    let export = browser.open(&site.api, "/api/v1/account/export").await;
    assert_eq!(export.status, 200, "{export:?}");
    let organizations = export.body["organizations"].as_array().unwrap();
    let [organization] = &organizations[..] else {
        panic!("{organizations:?}");
    };
    assert_eq!(organization["organization"], "site");
    assert_eq!(organization["identities"].as_array().unwrap().len(), 1);
    let sessions = export.body["sessions"].as_array().unwrap();
    let is_own = |one: &serde_json::Value| one["organization"] == organization["organization"];
    assert!(sessions.iter().all(is_own), "{sessions:?}");
    assert!(is_signed_in(&site, &mut browser).await);
    let account = browser.open(&site.api, "/api/v1/account").await;
    assert_eq!(
        (account.status, &account.body["name"]),
        (200, &json!("Ann"))
    );
}
