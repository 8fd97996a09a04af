//! Providers that are slow, large, down, or that lead elsewhere.

use std::time::Instant;

use serde_json::json;

use super::provider::{FakeProvider, Reply};
use super::{Site, TestBrowser, settings};
use crate::domain::Role;

/// Signs in, and returns the status and code.
async fn code(site: &Site) -> (u16, String) {
    let page = site.sign_in(&mut TestBrowser::default()).await;
    (
        page.status,
        page.body["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn a_provider_that_misbehaves_delays_only_its_own_people() {
    let site = Site::start().await;
    let (page, _) = site.sign_in_as(&json!({})).await;
    assert_eq!(page.status, 303);
    let unavailable = (503, "LOGIN_UNAVAILABLE".to_owned());
    let other = FakeProvider::start(site.now()).await;
    for (reply, expected) in [
        (Reply::Other(500, "down".to_owned()), unavailable.clone()),
        (
            Reply::Other(401, r#"{"error": "invalid_client"}"#.to_owned()),
            unavailable.clone(),
        ),
        (
            Reply::Other(200, "x".repeat(300 * 1024)),
            unavailable.clone(),
        ),
        (
            Reply::Redirect(format!("{}/token", other.issuer)),
            unavailable.clone(),
        ),
        (Reply::Silence, unavailable.clone()),
        (
            Reply::Other(200, "[]".to_owned()),
            (401, "LOGIN_INVALID".to_owned()),
        ),
        (
            Reply::Other(200, r#"{"id_token": "a", "id_token": "b"}"#.to_owned()),
            (401, "LOGIN_INVALID".to_owned()),
        ),
        (
            Reply::Other(200, "{}".to_owned()),
            (401, "LOGIN_INVALID".to_owned()),
        ),
    ] {
        site.provider.state().reply = reply.clone();
        let begun = Instant::now();
        assert_eq!(code(&site).await, expected, "{reply:?}");
        assert!(begun.elapsed().as_secs() < 5, "{reply:?}");
    }
    assert!(
        other.state().requests.is_empty(),
        "no redirect was followed"
    );
    site.provider.state().reply = Reply::Tokens;
    assert_eq!(code(&site).await.0, 303);
}

#[tokio::test]
async fn people_who_wait_for_a_silent_provider_are_limited() {
    let site = Site::start().await;
    assert_eq!(site.sign_in(&mut TestBrowser::default()).await.status, 303);
    site.provider.state().reply = Reply::Silence;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        let mut browser = TestBrowser::default();
        let answer = site.begin(&mut browser).await;
        waiting.push((browser, site.answer(&answer)));
    }
    let opened = waiting
        .iter_mut()
        .map(|(browser, path)| browser.open(&site.api, path));
    let pages = futures_util::future::join_all(opened).await;
    let at_once = pages.iter().filter(|page| {
        let detail = page.body["detail"].as_str().unwrap_or_default();
        detail.contains("too many")
    });
    assert_eq!(at_once.count(), 2, "{pages:?}");
}

#[tokio::test]
async fn documents_of_a_provider_lead_to_its_own_host_only() {
    let site = Site::start().await;
    let evil = FakeProvider::start(site.now()).await;
    for (name, is_start) in [
        ("issuer", true),
        ("jwks_uri", true),
        ("authorization_endpoint", true),
        ("token_endpoint", false),
    ] {
        site.provider.state().discovery = json!({ name: format!("{}/keys", evil.issuer) });
        // Each change of the settings loads the document again.
        assert_eq!(site.change(&json!({ "name": name })).await.status, 200);
        let mut browser = TestBrowser::default();
        let started = browser.open(&site.api, &site.path("start")).await;
        let page = if is_start {
            started
        } else {
            let answer = site.provider.authorize(&started.location());
            browser.open(&site.api, &site.answer(&answer)).await
        };
        assert_eq!(page.code(), (503, "LOGIN_UNAVAILABLE"), "{name}");
    }
    assert!(
        evil.state().requests.is_empty(),
        "{:?}",
        evil.state().requests
    );
    // A provider that cannot be reached.
    let down = settings("http://127.0.0.1:1", &json!({}));
    let id = site.create(&down).await;
    let path = format!("/api/v1/oidc/{id}/start");
    let page = TestBrowser::default().open(&site.api, &path).await;
    assert_eq!(page.code(), (503, "LOGIN_UNAVAILABLE"));
}

#[tokio::test]
async fn a_new_key_is_loaded_at_most_once_a_minute() {
    let site = Site::start().await;
    assert_eq!(code(&site).await.0, 303);
    let loads = |site: &Site| {
        let state = site.provider.state();
        state.requests.iter().filter(|path| *path == "keys").count()
    };
    assert_eq!(loads(&site), 1);
    for (name, expected) in [("second", (303, "")), ("third", (503, "LOGIN_UNAVAILABLE"))] {
        site.provider.state().key_id = name.to_owned();
        let found = code(&site).await;
        assert_eq!((found.0, found.1.as_str()), expected, "{name}");
    }
    assert_eq!(loads(&site), 2, "the third key is not loaded yet");
    site.clock.advance_ms(60_000);
    site.provider.state().now += 60;
    assert_eq!(code(&site).await.0, 303);
    assert_eq!(loads(&site), 3);
}

#[tokio::test]
async fn the_user_info_completes_a_thin_token_about_the_same_person() {
    let site = Site::start().await;
    let thin = json!({"email": null, "groups": null, "name": null});
    site.provider.state().user_info = json!({
        "sub": "ann", "email": "ann@acme.example", "email_verified": true, "groups": ["admins"],
    });
    let (page, _) = site.sign_in_as(&thin).await;
    assert_eq!(page.status, 303, "{page:?}");
    assert_eq!(site.members().await[0].role, Role::Administrator);
    site.provider.state().user_info = json!({"sub": "bob", "groups": ["owners"]});
    let (page, _) = site.sign_in_as(&thin).await;
    assert_eq!(page.code(), (401, "LOGIN_INVALID"), "another person");
    assert_eq!(site.members().await.len(), 1);
}

#[tokio::test]
async fn a_private_authority_must_be_named() {
    let mut site = Site::start().await;
    let (provider, authority) = FakeProvider::start_with_tls(site.now()).await;
    let (_, other) = FakeProvider::start_with_tls(site.now()).await;
    let issuer = provider.issuer.clone();
    site.provider = provider;
    for (pem, expected) in [(None, 503), (Some(other), 503), (Some(authority), 303)] {
        site.id = site
            .create(&settings(&issuer, &json!({ "ca_certificates": pem })))
            .await;
        let started = TestBrowser::default()
            .open(&site.api, &site.path("start"))
            .await;
        assert_eq!(started.status, expected, "{started:?}");
    }
    assert_eq!(code(&site).await.0, 303);
}
