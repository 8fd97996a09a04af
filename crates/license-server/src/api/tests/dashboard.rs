//! Pages: sign in with a form, forms and their tokens, errors, and who may open what.

mod billing;
mod forms;
mod isolation;
mod licenses;
mod metering;
mod people;
mod sales;
mod seats;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use tempfile::TempDir;
use tower::ServiceExt;

use super::people::PASSWORD;
use super::{TestApi, clock, sqlite};
use crate::clock::ManualClock;
use crate::domain::{Role, TenantId};
use crate::services::tests::people;
use crate::services::{BillingSetup, ServerRole};

/// A server with pages.
pub(super) struct Dashboard {
    pub(super) api: TestApi,
    pub(super) clock: Arc<ManualClock>,
    _directory: TempDir,
}

/// A browser with the session of a person.
#[derive(Clone, Debug, Default)]
pub(super) struct PageBrowser {
    /// The header `Cookie`.
    pub(super) cookies: String,
    /// The token of forms.
    pub(super) csrf_token: String,
}

/// A response with a page.
#[derive(Debug)]
pub(super) struct PageAnswer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) html: String,
}

impl PageAnswer {
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Expects that the browser is sent to another page, and returns its path.
    #[track_caller]
    pub(super) fn expect_redirect(&self) -> &str {
        assert_eq!(self.status, 303, "{self:?}");
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// Expects a text in the page.
    #[track_caller]
    pub(super) fn shows(&self, text: &str) {
        assert!(self.html.contains(text), "no {text:?} in {}", self.html);
    }

    /// Returns the value of a hidden field.
    #[track_caller]
    pub(super) fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self.html.split_once(&start).unwrap();
        rest.split('"').next().unwrap().to_owned()
    }

    /// Returns the cookies that the response sets, as the browser sends them.
    fn cookies(&self) -> String {
        let lines = self.headers.get_all(header::SET_COOKIE).iter();
        let pairs = lines.map(|line| line.to_str().unwrap().split(';').next().unwrap());
        pairs.collect::<Vec<_>>().join("; ")
    }
}

impl Dashboard {
    pub(super) async fn start(role: ServerRole) -> Self {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        let store = sqlite(&directory, &clock);
        let api = TestApi::start_with(store, &clock, role, people(None)).await;
        Self {
            api,
            clock,
            _directory: directory,
        }
    }

    /// Starts a vendor's server with a payment provider.
    pub(super) async fn start_selling(role: ServerRole, billing: BillingSetup) -> Self {
        let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
        let store = sqlite(&directory, &clock);
        let api = TestApi::start_selling(store, &clock, role, billing).await;
        Self {
            api,
            clock,
            _directory: directory,
        }
    }

    /// Creates an account with a role in the organization of the server, and signs it in.
    pub(super) async fn sign_in(&self, role: Role) -> PageBrowser {
        let email = format!("{}@example.com", role.as_str().replace('_', "-"));
        let tenant = TenantId::site();
        super::people::create_account(&self.api, &tenant, &email, role).await;
        self.sign_in_as(&email).await
    }

    /// Signs a person in with the form.
    pub(super) async fn sign_in_as(&self, email: &str) -> PageBrowser {
        let visitor = PageBrowser::default();
        let fields = [("email", email), ("password", PASSWORD), ("return_to", "/")];
        let answer = self.submit(&visitor, "/sign-in", &fields).await;
        let browser = PageBrowser {
            cookies: answer.cookies(),
            csrf_token: String::new(),
        };
        let kept = self.open(&browser, answer.expect_redirect()).await;
        assert_eq!(kept.expect_redirect(), "/");
        let overview = self.open(&browser, "/").await.expect(200);
        PageBrowser {
            csrf_token: overview.hidden("csrf_token"),
            ..browser
        }
    }

    pub(super) async fn open(&self, browser: &PageBrowser, path: &str) -> PageAnswer {
        let request = self.request("GET", browser, path);
        self.answer(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form with the token of the browser.
    pub(super) async fn submit(
        &self,
        browser: &PageBrowser,
        path: &str,
        fields: &[(&str, &str)],
    ) -> PageAnswer {
        let mut fields = fields.to_vec();
        if !browser.csrf_token.is_empty() {
            fields.push(("csrf_token", &browser.csrf_token));
        }
        self.submit_exactly(browser, path, &fields, Some("same-origin"))
            .await
    }

    /// Sends a form with exactly these fields.
    async fn submit_exactly(
        &self,
        browser: &PageBrowser,
        path: &str,
        fields: &[(&str, &str)],
        site: Option<&str>,
    ) -> PageAnswer {
        let body = serde_urlencoded::to_string(fields).unwrap();
        let mut request = self.request("POST", browser, path);
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        let request = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::CONTENT_LENGTH, body.len());
        self.answer(request.body(body.into()).unwrap()).await
    }

    fn request(
        &self,
        method: &str,
        browser: &PageBrowser,
        path: &str,
    ) -> axum::http::request::Builder {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "licenses.example.com")
            .header(header::ACCEPT, "text/html,*/*;q=0.8");
        match browser.cookies.as_str() {
            "" => request,
            cookies => request.header(header::COOKIE, cookies),
        }
    }

    async fn answer(&self, request: Request<Body>) -> PageAnswer {
        let response = self.api.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        PageAnswer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            html: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

#[tokio::test]
async fn a_page_leads_to_the_sign_in_and_back() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let visitor = PageBrowser::default();
    let answer = dashboard.open(&visitor, "/?a=1&b=2").await;
    assert_eq!(
        answer.expect_redirect(),
        "/sign-in?return_to=%2F%3Fa%3D1%26b%3D2"
    );
    let page = dashboard
        .open(&visitor, answer.expect_redirect())
        .await
        .expect(200);
    assert_eq!(page.hidden("return_to"), "/?a=1&#38;b=2");
    let policy = page.headers[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");

    let browser = dashboard.sign_in(Role::Owner).await;
    dashboard
        .open(&browser, "/")
        .await
        .expect(200)
        .shows("Sign out");
    let out = dashboard.submit(&browser, "/sign-out", &[]).await;
    assert_eq!(out.expect_redirect(), "/sign-in");
    let again = dashboard.open(&browser, "/").await;
    assert!(again.expect_redirect().starts_with("/sign-in"));
}

#[tokio::test]
async fn a_sign_in_leads_to_a_path_of_this_server_only() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    dashboard.sign_in(Role::Owner).await;
    for (target, expected) in [
        ("/licenses?state=active", "/licenses?state=active"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ] {
        let email = "owner@example.com";
        let fields = [
            ("email", email),
            ("password", PASSWORD),
            ("return_to", target),
        ];
        let answer = dashboard
            .submit(&PageBrowser::default(), "/sign-in", &fields)
            .await;
        let browser = PageBrowser {
            cookies: answer.cookies(),
            csrf_token: String::new(),
        };
        let path = answer.expect_redirect();
        let kept = dashboard.open(&browser, path).await;
        assert_eq!(kept.expect_redirect(), expected);
        // A browser that drops the cookie gets an explanation.
        let dropped = dashboard.open(&PageBrowser::default(), path).await;
        dropped.expect(200).shows("did not keep the cookie");
    }
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again_without_the_password() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let fields = [
        ("email", "a\"><b>@example.com"),
        ("password", "wrong<password"),
        ("return_to", "/"),
    ];
    let answer = dashboard
        .submit(&PageBrowser::default(), "/sign-in", &fields)
        .await
        .expect(401);
    answer.shows("UNAUTHORIZED");
    answer.shows("value=\"a&#34;&#62;&#60;b&#62;@example.com\"");
    assert!(!answer.html.contains("wrong&#60;password"));
}

#[tokio::test]
async fn a_form_needs_the_token_of_its_session_and_an_own_page() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let browser = dashboard.sign_in(Role::Owner).await;
    let own = Some("same-origin");
    let token = browser.csrf_token.as_str();
    for (fields, site) in [
        (&[][..], own),
        (&[("csrf_token", "")][..], own),
        (&[("csrf_token", "wrong")][..], own),
        (&[("csrf_token", token), ("csrf_token", token)][..], own),
        (&[("csrf_token", token)][..], Some("cross-site")),
        (&[("csrf_token", token)][..], Some("same-site")),
    ] {
        let answer = dashboard
            .submit_exactly(&browser, "/sign-out", fields, site)
            .await;
        answer.expect(403).shows("CSRF_REQUIRED");
    }
    // A visitor has no token, so the form must come from a page of this server.
    let fields = [
        ("email", "owner@example.com"),
        ("password", PASSWORD),
        ("return_to", "/"),
    ];
    for site in [None, Some("cross-site"), Some("same-site"), Some("none")] {
        let visitor = PageBrowser::default();
        let answer = dashboard
            .submit_exactly(&visitor, "/sign-in", &fields, site)
            .await;
        answer.expect(403).shows("CSRF_REQUIRED");
    }
    dashboard.open(&browser, "/").await.expect(200);
}

#[tokio::test]
async fn an_error_is_a_page_for_a_browser_and_json_for_a_program() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let page = dashboard
        .open(&PageBrowser::default(), "/no-such-page")
        .await
        .expect(404);
    page.shows("Page not found");
    page.shows("NOT_FOUND");
    let refused = dashboard
        .submit(&PageBrowser::default(), "/no-such-page", &[])
        .await;
    refused.expect(404).shows("Page not found");
    let answer = dashboard.api.send("GET", "/no-such-page", "", None).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (404, &"NOT_FOUND".into())
    );
    let answer = dashboard.api.send("DELETE", "/sign-in", "", None).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (405, &"METHOD_NOT_ALLOWED".into())
    );
}

#[tokio::test]
async fn an_asset_is_kept_for_ever() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    for asset in license_dashboard::Asset::all() {
        let answer = dashboard
            .open(&PageBrowser::default(), &asset.path)
            .await
            .expect(200);
        assert_eq!(answer.headers[header::CONTENT_TYPE], asset.media_type);
        assert!(
            answer.headers[header::CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        assert_eq!(answer.html, asset.content);
    }
}
