//! Pages for visitors: the first administrator, invitations and links by mail.

use super::*;

#[tokio::test]
async fn the_one_time_link_creates_an_account_that_signs_in() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let visitor = PageBrowser::default();
    let secret = dashboard.api.tenants.own().setup.start().await;
    let path = format!("/setup/{}", secret.unwrap().unwrap());
    let page = dashboard.open(&visitor, &path).await.expect(200);
    page.shows("Create an API token instead");
    dashboard
        .open(&visitor, &format!("{path}/token"))
        .await
        .expect(200);
    for wrong in ["/setup/lsv_wrong", "/setup/lsv_wrong/token"] {
        let refused = dashboard.open(&visitor, wrong).await;
        refused.expect(403).shows("SETUP_USED");
    }
    let fields = |password: &'static str| {
        [
            ("name", "Ann <b>"),
            ("email", "ann@example.com"),
            ("password", password),
        ]
    };
    let refused = dashboard.submit(&visitor, &path, &fields("short")).await;
    refused.expect(400).shows("value=\"ann@example.com\"");
    let created = dashboard.submit(&visitor, &path, &fields(PASSWORD)).await;
    assert_eq!(created.expect_redirect(), "/sign-in");
    let used = dashboard.submit(&visitor, &path, &fields(PASSWORD)).await;
    used.expect(403).shows("SETUP_USED");
    let ann = dashboard.sign_in_as("ann@example.com").await;
    dashboard
        .open(&ann, "/people")
        .await
        .expect(200)
        .shows("Owner");
}

#[tokio::test]
async fn an_invitation_is_accepted_with_a_new_account_or_an_own_one() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let visitor = PageBrowser::default();
    let invite = async |email: &str| {
        let fields = [("email", email), ("role", "auditor")];
        let page = dashboard.submit(&owner, "/people/invite", &fields).await;
        let page = page.expect(201).html;
        let link = page.split("https://").nth(1).unwrap();
        format!("https://{}", link.split('<').next().unwrap())
    };
    let link = invite("bob@example.com").await;
    assert!(link.contains("/invitation#lsv_"), "{link}");
    let page = dashboard.open(&visitor, "/invitation").await.expect(200);
    page.shows("data-fragment");
    page.shows("name=\"password\"");
    // A person without scripts pastes the whole link.
    let fields = [
        ("token", link.as_str()),
        ("name", "Bob"),
        ("password", PASSWORD),
    ];
    let accepted = dashboard.submit(&visitor, "/invitation", &fields).await;
    assert_eq!(accepted.expect_redirect(), "/sign-in");
    let again = dashboard.submit(&visitor, "/invitation", &fields).await;
    again.expect(403).shows("LINK_ENDED");
    let bob = dashboard.sign_in_as("bob@example.com").await;
    dashboard.open(&bob, "/audit").await.expect(200);

    let tenant = TenantId::new(uuid::Uuid::from_u128(2));
    let create = super::super::super::people::create_account;
    create(&dashboard.api, &tenant, "eve@example.com", Role::Owner).await;
    let eve = dashboard.sign_in_as("eve@example.com").await;
    let link = invite("eve@example.com").await;
    let page = dashboard.open(&eve, "/invitation").await.expect(200);
    assert!(!page.html.contains("name=\"password\""), "{}", page.html);
    let token = [("token", link.as_str())];
    let bobs = dashboard.submit(&bob, "/invitation", &token).await;
    bobs.expect(403).shows("FORBIDDEN");
    let accepted = dashboard.submit(&eve, "/invitation", &token).await;
    assert_eq!(accepted.expect_redirect(), "/account");
    let page = dashboard.open(&eve, "/account").await.expect(200);
    page.shows("Switch");
}

#[tokio::test]
async fn a_new_password_is_set_with_a_link() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    dashboard.sign_in(Role::Owner).await;
    let visitor = PageBrowser::default();
    let accounts = dashboard.api.tenants.accounts();
    let email = crate::domain::EmailAddress::parse("owner@example.com").unwrap();
    let link = accounts.reset_at_console(&email).await.unwrap();
    let secret = link.split_once('#').unwrap().1;
    for path in ["/password-reset", "/registration", "/email-change"] {
        let page = dashboard.open(&visitor, path).await.expect(200);
        page.shows("data-fragment");
    }
    let weak = [("token", secret), ("password", "short")];
    let refused = dashboard.submit(&visitor, "/password-reset", &weak).await;
    let refused = refused.expect(400);
    refused.shows("WEAK_PASSWORD");
    // The address of the page has lost the secret, so the form keeps it.
    refused.shows(&format!("value=\"{secret}\""));
    let fields = [("token", secret), ("password", "another correct horse")];
    let set = dashboard.submit(&visitor, "/password-reset", &fields).await;
    assert_eq!(set.expect_redirect(), "/sign-in");
    assert!(set.cookies().contains("__Host-license_device="));
    let again = dashboard.submit(&visitor, "/password-reset", &fields).await;
    again.expect(403).shows("LINK_ENDED");
    let token = [("token", "wrong")];
    let refused = dashboard.submit(&visitor, "/email-change", &token).await;
    refused.expect(403).shows("LINK_ENDED");
    let fields = [
        ("token", "wrong"),
        ("organization", "ACME <b>"),
        ("name", "Ann"),
        ("password", PASSWORD),
    ];
    let refused = dashboard.submit(&visitor, "/registration", &fields).await;
    refused.expect(403).shows("value=\"ACME &#60;b&#62;\"");
    // This server sends no mail, so a person asks an administrator.
    let address = [("email", "owner@example.com")];
    let refused = dashboard
        .submit(&visitor, "/password-reset/request", &address)
        .await;
    refused.expect(409).shows("MAIL_OFF");
    let page = dashboard.open(&visitor, "/sign-in").await.expect(200);
    page.shows("href=\"/password-reset/request\"");
    let page = dashboard.open(&visitor, "/password-reset/request").await;
    let page = page.expect(200);
    page.shows("Ask an administrator for a link");
    assert!(!page.html.contains("name=\"email\""), "{}", page.html);
}

#[tokio::test]
async fn a_member_needs_no_invitation() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let invite = [("email", "bob@example.com"), ("role", "auditor")];
    let page = dashboard.submit(&owner, "/people/invite", &invite).await;
    let page = page.expect(201);
    for shown in ["bob@example.com", "Auditor", "2027-01-22 09:00 UTC"] {
        page.shows(shown);
    }
    let token = page.html.split("/invitation#").nth(1).unwrap();
    let token = token.split('<').next().unwrap().to_owned();
    // The person got an account in another way meanwhile.
    let tenant = TenantId::site();
    let create = super::super::super::people::create_account;
    create(&dashboard.api, &tenant, "bob@example.com", Role::Member).await;
    let bob = dashboard.sign_in_as("bob@example.com").await;
    let accept = [("token", token.as_str())];
    let accepted = dashboard.submit(&bob, "/invitation", &accept).await;
    assert_eq!(accepted.expect_redirect(), "/");
    let refused = dashboard.submit(&owner, "/people/invite", &invite).await;
    refused.expect(409).shows("id=\"email-error\"");
    let again = "/people/invite?email=carl%40example.com&role=billing";
    let page = dashboard.open(&owner, again).await.expect(200);
    page.shows("value=\"carl@example.com\"");
    page.shows("<option value=\"billing\" selected>");
}
