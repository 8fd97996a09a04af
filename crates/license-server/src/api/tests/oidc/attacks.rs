//! Attacks on a sign-in. Each has its own answer, and none opens a session.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::provider::{FakeProvider, Reply, merged, query};
use super::{Page, Site, TestBrowser, settings};
use crate::domain::TenantId;
use crate::login::tests::{TestProvider, encode, message};

/// Checks that a page opened no session.
#[track_caller]
fn assert_refused(page: &Page, browser: &TestBrowser, expected: (u16, &str)) {
    assert_eq!(page.code(), expected, "{page:?}");
    assert!(
        !browser.cookies.contains_key("__Host-license_session"),
        "{page:?}"
    );
}

#[tokio::test]
async fn a_state_counts_once_and_in_its_own_browser() {
    let site = Site::start().await;
    let refused = (403, "LOGIN_STATE");
    let mut victim = TestBrowser::default();
    let answer = site.begin(&mut victim).await;
    let path = site.answer(&answer);
    // Login CSRF: an attacker sends the answer of their own sign-in to a victim.
    let mut other = TestBrowser::default();
    assert_refused(&other.open(&site.api, &path).await, &other, refused);
    let _ = site.begin(&mut other).await;
    assert_refused(&other.open(&site.api, &path).await, &other, refused);
    // A changed state, no state, and a changed cookie.
    for state in ["", "x", &answer["state"][1..]] {
        let mut changed = answer.clone();
        changed.insert("state".to_owned(), state.to_owned());
        let page = victim.clone().open(&site.api, &site.answer(&changed)).await;
        assert_eq!(page.code(), refused);
    }
    let mut forged = victim.clone();
    for cookie in forged.cookies.values_mut() {
        let mut bytes = URL_SAFE_NO_PAD.decode(cookie.as_bytes()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        *cookie = URL_SAFE_NO_PAD.encode(bytes);
    }
    assert_refused(&forged.open(&site.api, &path).await, &forged, refused);
    assert!(
        site.provider
            .state()
            .requests
            .iter()
            .all(|path| path != "token")
    );
    // The right browser succeeds, and the same answer does not count again.
    let mut copy = victim.clone();
    assert_eq!(victim.open(&site.api, &path).await.status, 303);
    assert_refused(&copy.open(&site.api, &path).await, &copy, refused);
    // After ten minutes, the sign-in has ended.
    let mut late = TestBrowser::default();
    let answer = site.begin(&mut late).await;
    site.clock.advance_ms(600_000);
    let page = late.open(&site.api, &site.answer(&answer)).await;
    assert_refused(&page, &late, refused);
}

#[tokio::test]
async fn a_code_counts_with_its_verifier_only() {
    let site = Site::start().await;
    let (mut thief, mut victim) = (TestBrowser::default(), TestBrowser::default());
    let stolen = site.begin(&mut victim).await;
    // The thief has the code of the victim, and a state of their own.
    let mut answer = site.begin(&mut thief).await;
    answer.insert("code".to_owned(), stolen["code"].clone());
    let page = thief.open(&site.api, &site.answer(&answer)).await;
    assert_refused(&page, &thief, (401, "LOGIN_INVALID"));
    assert!(!page.body.to_string().contains("script"), "{page:?}");
    // A code that was used.
    let mut answer = site.begin(&mut victim).await;
    answer.insert("code".to_owned(), stolen["code"].clone());
    let page = victim.open(&site.api, &site.answer(&answer)).await;
    assert_refused(&page, &victim, (401, "LOGIN_INVALID"));
    answer.remove("code");
    let mut third = TestBrowser::default();
    let started = site.begin(&mut third).await;
    answer.insert("state".to_owned(), started["state"].clone());
    let page = third.open(&site.api, &site.answer(&answer)).await;
    assert_refused(&page, &third, (401, "LOGIN_INVALID"));
}

#[tokio::test]
async fn an_answer_of_another_provider_is_no_answer() {
    let site = Site::start().await;
    let other = FakeProvider::start(site.now()).await;
    let other_id = site
        .create(&settings(&other.issuer, &json!({"name": "Other"})))
        .await;
    let refused = (401, "LOGIN_INVALID");
    // Mix-up: the answer names another issuer, or none.
    for issuer in [Some(other.issuer.as_str()), None] {
        let mut browser = TestBrowser::default();
        let mut answer = site.begin(&mut browser).await;
        match issuer {
            Some(issuer) => answer.insert("iss".to_owned(), issuer.to_owned()),
            None => answer.remove("iss"),
        };
        let page = browser.open(&site.api, &site.answer(&answer)).await;
        assert_refused(&page, &browser, refused);
    }
    assert!(
        site.provider
            .state()
            .requests
            .iter()
            .all(|path| path != "token")
    );
    // The state of one provider at the callback of another one.
    let mut browser = TestBrowser::default();
    let answer = site.begin(&mut browser).await;
    let path = site.answer(&answer).replace(&site.id, &other_id);
    let page = browser.open(&site.api, &path).await;
    assert_refused(&page, &browser, (403, "LOGIN_STATE"));
    assert!(other.state().requests.iter().all(|path| path != "token"));
    // An answer without `iss` of a provider that never states it.
    site.provider.state().discovery =
        json!({ "authorization_response_iss_parameter_supported": null });
    assert_eq!(site.change(&json!({"name": "changed"})).await.status, 200);
    let mut answer = site.begin(&mut browser).await;
    answer.remove("iss");
    assert_eq!(
        browser.open(&site.api, &site.answer(&answer)).await.status,
        303
    );
}

/// Signs in with a token that the provider sends to everybody.
async fn with_token(site: &Site, token: impl FnOnce(&str) -> String) -> (Page, TestBrowser) {
    let mut browser = TestBrowser::default();
    let started = browser.open(&site.api, &site.path("start")).await;
    let location = started.location();
    let token = token(&query(&location)["nonce"]);
    let answer = site.provider.authorize(&location);
    site.provider.state().reply = Reply::IdToken(token);
    let page = browser.open(&site.api, &site.answer(&answer)).await;
    (page, browser)
}

#[tokio::test]
async fn each_wrong_id_token_is_refused() {
    let site = Site::start().await;
    let now = site.provider.state().now;
    for (change, code) in [
        (json!({"iss": "https://evil.example"}), "LOGIN_INVALID"),
        (
            json!({"iss": format!("{}/", site.provider.issuer)}),
            "LOGIN_INVALID",
        ),
        (json!({"aud": "another client"}), "LOGIN_INVALID"),
        (
            json!({"aud": ["licenses", "another client"]}),
            "LOGIN_INVALID",
        ),
        (json!({"azp": "another client"}), "LOGIN_INVALID"),
        (json!({"nonce": "another"}), "LOGIN_INVALID"),
        (json!({"nonce": null}), "LOGIN_INVALID"),
        (json!({"sub": ""}), "LOGIN_INVALID"),
        (json!({"sub": "a\r\nb"}), "LOGIN_INVALID"),
        (json!({"sub": "a".repeat(256)}), "LOGIN_INVALID"),
        (json!({"iat": now + 120}), "LOGIN_INVALID"),
        (json!({"exp": now - 61}), "LOGIN_EXPIRED"),
        (json!({"groups": [1]}), "LOGIN_INVALID"),
        (
            json!({"groups": null, "_claim_names": {"groups": "src1"}}),
            "LOGIN_INVALID",
        ),
    ] {
        let claims = |nonce: &str| merged(site.provider.state().id_claims(nonce), &change);
        let sign = |nonce: &str| {
            let claims = claims(nonce);
            site.provider.sign("JWT", &claims)
        };
        let (page, browser) = with_token(&site, sign).await;
        assert_refused(&page, &browser, (401, code));
    }
    // The leeway of 60 seconds.
    let within = json!({"exp": now - 59, "iat": now - 300});
    let sign = |nonce: &str| {
        let claims = merged(site.provider.state().id_claims(nonce), &within);
        site.provider.sign("JWT", &claims)
    };
    assert_eq!(with_token(&site, sign).await.0.status, 303);
}

#[tokio::test]
async fn the_trusted_key_decides_about_the_signature() {
    let site = Site::start().await;
    let claims = |nonce: &str| site.provider.state().id_claims(nonce);
    let stranger = TestProvider::new();
    let public = site.provider.state().keys.ec_jwk("first")["x"]
        .as_str()
        .unwrap()
        .to_owned();
    type Forgery<'a> = Box<dyn Fn(&str) -> String + 'a>;
    let unsigned = |header: Value, nonce: &str| format!("{}.", message(&header, &claims(nonce)));
    let forgeries: [Forgery<'_>; 6] = [
        Box::new(|nonce| unsigned(json!({"alg": "none"}), nonce)),
        Box::new(|nonce| unsigned(json!({"alg": "None", "kid": "first"}), nonce)),
        Box::new(|nonce| {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_bytes());
            let message = message(&json!({"alg": "HS256", "kid": "first"}), &claims(nonce));
            let signature = aws_lc_rs::hmac::sign(&key, message.as_bytes());
            format!("{message}.{}", encode(signature.as_ref()))
        }),
        // The key of another issuer, under the name of the right one.
        Box::new(|nonce| {
            stranger.sign_ec(&json!({"alg": "ES256", "kid": "first"}), &claims(nonce))
        }),
        // A key that the token brings.
        Box::new(|nonce| {
            let header = json!({"alg": "ES256", "kid": "first", "jwk": stranger.ec_jwk("first")});
            stranger.sign_ec(&header, &claims(nonce))
        }),
        // A token of another type, such as an access token.
        Box::new(|nonce| {
            let claims = claims(nonce);
            site.provider.sign("at+jwt", &claims)
        }),
    ];
    for forgery in forgeries {
        let (page, browser) = with_token(&site, forgery).await;
        assert_refused(&page, &browser, (401, "LOGIN_INVALID"));
    }
}

#[tokio::test]
async fn a_token_for_another_organization_opens_nothing() {
    let site = Site::start().await;
    // Two clients of one issuer: that of the site, and that of a second organization.
    let issuer = &site.provider.issuer;
    let token = |client: &str, nonce: &str| {
        let claims = merged(
            site.provider.state().id_claims(nonce),
            &json!({"aud": client}),
        );
        site.provider.sign("JWT", &claims)
    };
    let (page, browser) = with_token(&site, |nonce| token("licenses of the other", nonce)).await;
    assert_refused(&page, &browser, (401, "LOGIN_INVALID"));
    // The second organization cannot name a provider on this machine or over http.
    let second = TenantId::new(uuid::Uuid::from_u128(2));
    let stranger = site.api.token(&second, "owner").await;
    let path = "/api/v1/identity-providers";
    let refused = site
        .api
        .send("POST", path, &stranger, Some(&settings(issuer, &json!({}))))
        .await;
    assert_eq!(
        (refused.status, &refused.body["code"]),
        (400, &json!("BAD_REQUEST"))
    );
    // Over https, the addresses of this machine are not reached.
    let secure = issuer.replace("http://", "https://");
    let created = site
        .api
        .send(
            "POST",
            path,
            &stranger,
            Some(&settings(&secure, &json!({}))),
        )
        .await;
    let id = created.body["id"].as_str().unwrap();
    let start = TestBrowser::default()
        .open(&site.api, &format!("/api/v1/oidc/{id}/start"))
        .await;
    assert_eq!(start.code(), (503, "LOGIN_UNAVAILABLE"), "{start:?}");
    // It neither sees nor changes the provider of the site.
    let path = format!("{path}/{}", site.id);
    for method in ["GET", "DELETE"] {
        let hidden = site.api.send(method, &path, &stranger, None).await;
        assert_eq!(hidden.status, 404, "{hidden:?}");
    }
}

#[tokio::test]
async fn a_redirect_leaves_neither_the_server_nor_its_header() {
    let site = Site::start().await;
    for target in [
        "https%3A%2F%2Fevil.example",
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "%5C%5Cevil.example",
        "%2F%09%2Fevil.example",
        "%2Fa%0D%0ASet-Cookie%3A%20a%3Db",
        "javascript%3Aalert(1)",
        "licenses",
        "",
    ] {
        let path = format!("{}?return_to={target}", site.path("start"));
        let mut browser = TestBrowser::default();
        let page = browser.open(&site.api, &path).await;
        assert_eq!(page.status, 400, "{target}: {page:?}");
        assert!(browser.cookies.is_empty());
    }
    // A parameter of the answer cannot change the target.
    let mut browser = TestBrowser::default();
    let mut answer = site.begin(&mut browser).await;
    answer.insert("return_to".to_owned(), "https://evil.example".to_owned());
    assert_eq!(
        browser
            .open(&site.api, &site.answer(&answer))
            .await
            .location(),
        "/"
    );
    // An error of the provider is not repeated.
    let mut answer = site.begin(&mut browser).await;
    answer.remove("code");
    answer.insert("error".to_owned(), "<script>\r\nX: y".to_owned());
    answer.insert("error_description".to_owned(), "<script>".to_owned());
    let page = browser.open(&site.api, &site.answer(&answer)).await;
    assert_eq!(page.code(), (403, "LOGIN_DENIED"));
    assert!(!page.body.to_string().contains("script"), "{page:?}");
}
