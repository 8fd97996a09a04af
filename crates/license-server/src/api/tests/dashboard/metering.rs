//! Pages for metering and anomalies.

use super::{Dashboard, PageBrowser};
use crate::domain::{Actor, PageRequest, Role};
use crate::services::ServerRole;
use crate::services::tests::metering::{entries, report};
use crate::services::tests::{id, telemetry, token};

/// Starts a server with a customer who has used commands, and an anomaly. The name of the customer
/// is hostile. Returns the id of the anomaly.
async fn used() -> (Dashboard, String) {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let services = dashboard.api.tenants.own();
    let license = token(1, |draft| {
        draft.customer = "<b>ACME</b> & Co".to_owned();
    });
    let installed = services.licenses.install(&Actor::Console, &license);
    installed.await.unwrap();
    for used in [12, 13] {
        let entries = entries(1, &[("2027-01-15", 1, used)]);
        let text = report(&entries, true);
        services.usage.submit(id(1), &text).await.unwrap();
    }
    let page = PageRequest::first();
    let found = services.anomalies.list(None, &page).await.unwrap();
    (dashboard, found.items[0].id.clone())
}

#[tokio::test]
async fn each_role_sees_the_pages_that_it_may_open() {
    let (dashboard, anomaly) = used().await;
    let customer = format!("/metering/{}", id(1));
    for role in Role::ALL {
        let browser = dashboard.sign_in(role).await;
        for (path, permission) in [
            ("/metering".to_owned(), "usage:read"),
            (customer.clone(), "usage:read"),
            (format!("{customer}/adjust"), "usage:manage"),
            ("/billing-amounts".to_owned(), "billing:read"),
            ("/anomalies".to_owned(), "licenses:read"),
            (format!("/anomalies/{anomaly}/dismiss"), "licenses:issue"),
        ] {
            let may = role.permissions().to_string();
            let may = may.split(' ').any(|name| name == permission);
            let page = dashboard.open(&browser, &path).await;
            assert_eq!(page.status, if may { 200 } else { 403 }, "{role} {path}");
            let shows = |href: &str| page.html.contains(&format!("href=\"{href}\""));
            if may && path == customer {
                let manages = role.allows(crate::domain::Permission::ManageUsage);
                assert_eq!(shows(&format!("{customer}/adjust")), manages, "{role}");
            }
        }
    }
}

#[tokio::test]
async fn a_customer_page_shows_the_amounts_and_no_foreign_markup() {
    let (dashboard, _) = used().await;
    let browser = dashboard.sign_in(Role::Billing).await;
    let list = dashboard.open(&browser, "/metering").await.expect(200);
    list.shows("&#60;b&#62;ACME&#60;/b&#62; &#38; Co");
    list.shows("quota:commands_per_day");
    let path = format!("/metering/{}", id(1));
    let page = dashboard.open(&browser, &path).await.expect(200);
    page.shows("2027-01-01 to 2027-01-31");
    assert!(!page.html.contains("<b>ACME"), "{}", page.html);
    // Twelve commands, ten of which are included.
    for number in ["12", "10", "2"] {
        page.shows(&format!(">{number}<"));
    }
    let before = format!("/metering/{}?period=2026-12-31", id(1));
    let earlier = dashboard.open(&browser, &before).await.expect(200);
    earlier.shows("2026-12-01 to 2026-12-31");
    let owner = dashboard.sign_in(Role::Owner).await;
    for path in [
        "/metering/none",
        "/metering/none/adjust",
        "/anomalies/none/dismiss",
    ] {
        assert_eq!(dashboard.open(&owner, path).await.status, 404, "{path}");
    }
    let page = dashboard.open(&browser, "/metering?cursor=%20").await;
    assert_eq!(page.status, 400);
}

#[tokio::test]
async fn an_adjustment_is_checked_and_changes_the_amount() {
    let (dashboard, _) = used().await;
    let browser = dashboard.sign_in(Role::LicenseManager).await;
    let path = format!("/metering/{}/adjust", id(1));
    let send = async |day: &str, quantity: &str, reason: &str| {
        let fields = [
            ("request", "1"),
            ("meter", "commands"),
            ("day", day),
            ("quantity", quantity),
            ("reason", reason),
        ];
        dashboard.submit(&browser, &path, &fields).await
    };
    for (day, quantity, reason, text) in [
        ("yesterday", "1", "x", "Enter a date"),
        ("2027-01-15", "many", "x", "Enter a whole number"),
        ("2027-01-15", "0", "x", "Enter a whole number from -"),
        ("2028-01-15", "1", "x", "The day cannot be adjusted"),
        ("2027-01-15", "1", "", "id=\"reason-error\""),
    ] {
        let page = send(day, quantity, reason).await.expect(400);
        page.shows(text);
        page.shows(&format!("value=\"{quantity}\""));
    }
    let form = dashboard.open(&browser, &path).await.expect(200);
    assert_eq!(form.hidden("request").len(), 32);
    // A double click adjusts once.
    for _ in 0..2 {
        let done = send("2027-01-15", "-2", "an outage").await;
        let shown = dashboard.open(&browser, done.expect_redirect()).await;
        shown.expect(200).shows(">10<");
    }
}

#[tokio::test]
async fn an_anomaly_is_dismissed_with_a_reason() {
    let (dashboard, anomaly) = used().await;
    let browser = dashboard.sign_in(Role::LicenseManager).await;
    let list = dashboard.open(&browser, "/anomalies").await.expect(200);
    list.shows("Usage reports that contradict each other");
    let path = format!("/anomalies/{anomaly}/dismiss");
    let empty = dashboard.submit(&browser, &path, &[("note", " ")]).await;
    empty.expect(400).shows("id=\"note-error\"");
    let fields = [("note", "<script>a rollout</script>")];
    let done = dashboard.submit(&browser, &path, &fields).await;
    assert_eq!(done.expect_redirect(), "/anomalies");
    let open = dashboard.open(&browser, "/anomalies").await.expect(200);
    open.shows("No anomalies");
    let all = dashboard.open(&browser, "/anomalies?state=all").await;
    let all = all.expect(200);
    all.shows("&#60;script&#62;a rollout");
    assert!(!all.html.contains("<script>a"), "{}", all.html);
    let unknown = dashboard.open(&browser, "/anomalies?state=x").await;
    assert_eq!(unknown.status, 400);
    let visitor = dashboard.open(&PageBrowser::default(), "/anomalies").await;
    assert!(visitor.expect_redirect().starts_with("/sign-in"));
}

#[tokio::test]
async fn the_telemetry_is_counted_and_deleted_in_the_settings() {
    let dashboard = Dashboard::start(ServerRole::Site).await;
    let batch = telemetry::batch(1, vec![telemetry::event(1, "2027-01-15")]);
    let services = dashboard.api.tenants.own();
    services.telemetry.submit(batch).await.unwrap();
    let path = "/settings/telemetry";
    let auditor = dashboard.sign_in(Role::Auditor).await;
    let page = dashboard.open(&auditor, "/settings").await.expect(200);
    page.shows("Telemetry of programs");
    assert!(!page.html.contains(path), "{}", page.html);
    let refused = dashboard.submit(&auditor, path, &[]).await;
    assert_eq!(refused.status, 403);
    let browser = dashboard.sign_in(Role::Administrator).await;
    let page = dashboard.open(&browser, "/settings").await.expect(200);
    assert!(page.html.contains(path), "{}", page.html);
    let deleted = dashboard.submit(&browser, path, &[]).await;
    assert_eq!(deleted.expect_redirect(), "/settings");
    assert_eq!(services.telemetry.size().await.unwrap().events, 0);
    let page = dashboard.open(&browser, "/settings").await.expect(200);
    assert!(!page.html.contains(path), "{}", page.html);
}

#[tokio::test]
async fn the_list_sums_the_licenses_with_a_name() {
    let (dashboard, _) = used().await;
    let browser = dashboard.sign_in(Role::Auditor).await;
    let path = "/metering?customer=%3Cb%3EACME%3C/b%3E+%26+co";
    let page = dashboard.open(&browser, path).await.expect(200);
    page.shows("All licenses");
    assert!(!page.html.contains("<b>ACME"), "{}", page.html);
    let other = dashboard.open(&browser, "/metering?customer=Globex").await;
    other.expect(200).shows("No license has this name");
}
