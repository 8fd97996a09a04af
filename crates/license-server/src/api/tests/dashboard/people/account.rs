//! The pages of the own account.

use super::*;
use crate::services::totp_code;

const OTHER_PASSWORD: &str = "another correct horse";

#[tokio::test]
async fn a_person_changes_the_own_account() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let ann = dashboard.sign_in(Role::Auditor).await;
    let other = dashboard.sign_in_as("auditor@example.com").await;
    let name = [("name", "Ann <script>")];
    assert_eq!(
        dashboard.sends(&ann, "/account/name", &name).await,
        "/account"
    );
    let page = dashboard.open(&ann, "/account").await.expect(200);
    page.shows("Ann &#60;script&#62;");
    page.shows("Turn one-time codes on");
    let unsafe_name = [("name", "Ann\u{202e}")];
    let refused = dashboard.submit(&ann, "/account/name", &unsafe_name).await;
    refused.expect(400);
    // The other session ends with the password.
    let wrong = [("current", "wrong password"), ("new", OTHER_PASSWORD)];
    let refused = dashboard.submit(&ann, "/account/password", &wrong).await;
    refused.expect(401).shows("UNAUTHORIZED");
    let weak = [("current", PASSWORD), ("new", "short")];
    let refused = dashboard.submit(&ann, "/account/password", &weak).await;
    refused.expect(400).shows("WEAK_PASSWORD");
    let change = [("current", PASSWORD), ("new", OTHER_PASSWORD)];
    let changed = dashboard.submit(&ann, "/account/password", &change).await;
    assert_eq!(changed.expect_redirect(), "/account");
    assert!(changed.cookies().contains("__Host-license_device="));
    let ended = dashboard.open(&other, "/account").await;
    assert!(ended.expect_redirect().starts_with("/sign-in"));
    let sessions = dashboard.open(&ann, "/account/sessions").await.expect(200);
    sessions.shows("This session");
    let others = "/account/sessions/others/end";
    dashboard.sends(&ann, others, &[]).await;
    let used = dashboard.open(&ann, "/account/use").await.expect(200);
    used.shows("You hold no seat");
    // Without mail, the address cannot be changed.
    let email = [("email", "ann@example.org"), ("password", OTHER_PASSWORD)];
    let refused = dashboard.submit(&ann, "/account/email", &email).await;
    refused.expect(409).shows("MAIL_OFF");

    let refused = dashboard
        .submit(&ann, "/account/delete", &[("password", PASSWORD)])
        .await;
    refused.expect(401);
    let proof = [("password", OTHER_PASSWORD)];
    let deleted = dashboard.sends(&ann, "/account/delete", &proof).await;
    assert_eq!(deleted, "/sign-in");
    let gone = dashboard.open(&ann, "/account").await;
    assert!(gone.expect_redirect().starts_with("/sign-in"));
}

#[tokio::test]
async fn a_person_creates_an_organization_names_it_and_leaves_the_other() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let owner = dashboard.sign_in(Role::Owner).await;
    let ann = dashboard.sign_in(Role::Auditor).await;
    // The form is for people with a verified address.
    let page = dashboard.open(&ann, "/account").await.expect(200);
    assert!(!page.html.contains("/account/new-organization"));
    let name = [("name", "Second Ltd")];
    let refused = dashboard
        .submit(&ann, "/account/new-organization", &name)
        .await;
    refused.expect(403).shows("not verified");
    let leave = "/account/organizations/site/leave";
    let asked = dashboard.open(&owner, leave).await.expect(200);
    asked.shows("You leave This server.");
    let refused = dashboard.submit(&owner, leave, &[]).await;
    refused.expect(409).shows("LAST_OWNER");
    let refused = dashboard.submit(&ann, "/settings/name", &name).await;
    refused.expect(403);
    let named = dashboard.sends(&owner, "/settings/name", &name).await;
    assert_eq!(named, "/settings");
    let page = dashboard.open(&owner, "/settings").await.expect(200);
    page.shows("Second Ltd");
    assert_eq!(dashboard.sends(&ann, leave, &[]).await, "/sign-in");
    let ann = dashboard.sign_in_as("auditor@example.com").await;
    let page = dashboard.open(&ann, "/").await.expect(200);
    page.shows("You are not a member of an organization");
    page.shows("No organization");
    assert!(!page.html.contains("no role"));
}

#[tokio::test]
async fn one_time_codes_are_turned_on_and_off() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let ann = dashboard.sign_in(Role::Owner).await;
    let proof = [("password", PASSWORD)];
    let new = dashboard.submit(&ann, "/account/codes", &proof).await;
    let new = new.expect(201);
    new.shows("<svg");
    let secret = new.html.split("<code>").nth(1).unwrap();
    let secret = secret.split('<').next().unwrap().to_owned();
    let code = |clock: &ManualClock| {
        use crate::clock::ServerClock as _;
        totp_code(&secret, clock.wall())
    };
    let wrong = [("totp", "000000")];
    let refused = dashboard
        .submit(&ann, "/account/codes/confirm", &wrong)
        .await;
    refused.expect(401).shows("Begin again");
    let right = code(&dashboard.clock);
    let confirmed = dashboard
        .submit(&ann, "/account/codes/confirm", &[("totp", &right)])
        .await;
    confirmed.expect(201).shows("Recovery codes");
    let page = dashboard.open(&ann, "/account").await.expect(200);
    page.shows("New recovery codes");

    // The sign-in asks for a code after the password.
    let visitor = PageBrowser::default();
    let fields = [
        ("email", "owner@example.com"),
        ("password", PASSWORD),
        ("return_to", "/"),
    ];
    let asked = dashboard.submit(&visitor, "/sign-in", &fields).await;
    let asked = asked.expect(200);
    asked.shows("name=\"totp\"");
    assert!(!asked.html.contains("type=\"password\""));
    let step = asked.html.split("name=\"step\" value=\"").nth(1).unwrap();
    let step = step.split('"').next().unwrap();
    dashboard.clock.advance_ms(60_000);
    let next = code(&dashboard.clock);
    let enter = async |step: &str, code: &str| {
        let fields = [("step", step), ("totp", code), ("return_to", "/")];
        dashboard.submit(&visitor, "/sign-in/code", &fields).await
    };
    let wrong = enter(step, "000000").await.expect(401);
    wrong.shows("name=\"totp\"");
    // The text proves nothing about another account, and nothing when it was changed.
    let reversed: String = step.chars().rev().collect();
    for step in ["", "x", &step[..step.len() - 2], &reversed] {
        let refused = enter(step, &next).await.expect(401);
        refused.shows("type=\"password\"");
    }
    let entered = enter(step, &next).await;
    assert!(entered.expect_redirect().contains("signed_in=true"));
    let replayed = enter(step, &next).await.expect(401);
    replayed.shows("UNAUTHORIZED");
    dashboard.clock.advance_ms(300_000);
    let late = enter(step, &code(&dashboard.clock)).await.expect(401);
    late.shows("type=\"password\"");

    // An administrator helps a person who has lost the app, but cannot end the own codes so.
    let path = async |browser: &PageBrowser, email: &str| {
        let page = dashboard
            .open(browser, &format!("/people?text={email}"))
            .await;
        let path = page.html.split("href=\"/people/acc_").nth(1).unwrap();
        format!("/people/acc_{}", path.split('"').next().unwrap())
    };
    let own = path(&ann, "owner").await;
    let refused = dashboard.submit(&ann, &format!("{own}/codes"), &[]).await;
    refused
        .expect(403)
        .shows("The one-time codes of the own account");
    let administrator = dashboard.sign_in(Role::Administrator).await;
    let refused = dashboard
        .submit(&administrator, &format!("{own}/codes"), &[])
        .await;
    refused.expect(403).shows("FORBIDDEN");
    let other = path(&ann, "administrator").await;
    // A member without codes stays without them.
    assert_eq!(
        dashboard.sends(&ann, &format!("{other}/codes"), &[]).await,
        other
    );
    let tenant = TenantId::site();
    let create = super::super::super::people::create_account;
    create(&dashboard.api, &tenant, "zoe@example.com", Role::Owner).await;
    let zoe = dashboard.sign_in_as("zoe@example.com").await;
    let page = dashboard.open(&zoe, &own).await.expect(200);
    page.shows("Turn one-time codes off");
    assert_eq!(
        dashboard.sends(&zoe, &format!("{own}/codes"), &[]).await,
        own
    );
    let entered = dashboard.submit(&visitor, "/sign-in", &fields).await;
    assert!(entered.expect_redirect().contains("signed_in=true"));
    let trail = dashboard.open(&zoe, "/audit?action=account.totp_off").await;
    trail.expect(200).shows("account.totp_off");
    let new = dashboard.submit(&ann, "/account/codes", &proof).await;
    let new = new.expect(201);
    let secret = new.html.split("<code>").nth(1).unwrap();
    let secret = secret.split('<').next().unwrap().to_owned();
    let code = |clock: &ManualClock| {
        use crate::clock::ServerClock as _;
        totp_code(&secret, clock.wall())
    };
    let right = code(&dashboard.clock);
    let fields_of_code = [("totp", right.as_str())];
    let confirmed = dashboard.submit(&ann, "/account/codes/confirm", &fields_of_code);
    confirmed.await.expect(201);

    let missing = dashboard.submit(&ann, "/account/codes/end", &proof).await;
    missing.expect(401).shows("TOTP_REQUIRED");
    dashboard.clock.advance_ms(60_000);
    let last = code(&dashboard.clock);
    let end = [("password", PASSWORD), ("totp", last.as_str())];
    assert_eq!(
        dashboard.sends(&ann, "/account/codes/end", &end).await,
        "/account"
    );
}

#[tokio::test]
async fn an_organization_is_chosen_and_deleted() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let tenant = TenantId::new(uuid::Uuid::from_u128(2));
    let create = super::super::super::people::create_account;
    create(&dashboard.api, &tenant, "ann@example.org", Role::Owner).await;
    let ann = dashboard.sign_in_as("ann@example.org").await;
    let path = format!("/account/organizations/{tenant}");
    assert_eq!(dashboard.sends(&ann, &path, &[]).await, "/");
    let foreign = dashboard
        .submit(&ann, "/account/organizations/site", &[])
        .await;
    foreign.expect(404);
    for (organization, password, status) in [
        ("another", PASSWORD, 400),
        (tenant.as_str(), "wrong password", 401),
    ] {
        let fields = [("organization", organization), ("password", password)];
        let refused = dashboard.submit(&ann, "/settings/delete", &fields).await;
        refused.expect(status);
    }
    let fields = [("organization", tenant.as_str()), ("password", PASSWORD)];
    assert_eq!(
        dashboard.sends(&ann, "/settings/delete", &fields).await,
        "/sign-in"
    );
    assert!(dashboard.api.store.is_deleted(&tenant).await.unwrap());
    // The organization of the server cannot be deleted.
    let owner = dashboard.sign_in(Role::Owner).await;
    let fields = [("organization", "site"), ("password", PASSWORD)];
    let refused = dashboard.submit(&owner, "/settings/delete", &fields).await;
    refused.expect(409).shows("OWN_ORGANIZATION");
}
