//! Pages of billing.

use license_issuer::ledger::Ledger;
use license_issuer::ledger::sqlite::LedgerFile;
use serde_json::json;
use tempfile::TempDir;

use super::Dashboard;
use crate::domain::{Actor, EmailAddress, Role};
use crate::services::tests::billing::TestStripe;
use crate::services::tests::vendor;
use crate::services::{NewTrial, ServerRole, VendorConfig};

/// A vendor's server with a plan and a subscription.
struct Shop {
    dashboard: Dashboard,
    stripe: TestStripe,
    _directory: TempDir,
}

impl Shop {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ledger = directory.path().join("ledger.db");
        LedgerFile::new(&ledger).prepare().unwrap();
        let key = vendor();
        let role = ServerRole::Vendor(Box::new(VendorConfig { ledger, key }));
        let stripe = TestStripe::start();
        let dashboard = Dashboard::start_selling(role, stripe.setup()).await;
        stripe.double.put(json!({
            "id": "cus_1", "object": "customer", "name": "<b>Globex</b>", "created": 1,
        }));
        stripe.sell(dashboard.api.tenants.own()).await;
        Self {
            dashboard,
            stripe,
            _directory: directory,
        }
    }
}

#[tokio::test]
async fn each_role_sees_its_part_of_billing() {
    let shop = Shop::start().await;
    let forms = [
        "/billing/checkout",
        "/billing/portal",
        "/billing/plans/delete",
    ];
    let lists = [
        "/billing",
        "/billing?state=active",
        "/billing?state=",
        "/billing/plans",
        "/billing/events",
        "/billing/events?state=applied",
        "/billing/subscriptions/sub_1",
    ];
    for role in Role::ALL {
        let browser = shop.dashboard.sign_in(role).await;
        let reads = role.allows(crate::domain::Permission::ReadBilling);
        let manages = role.allows(crate::domain::Permission::ManageBilling);
        for (paths, may) in [(&lists[..], reads), (&forms[..], manages)] {
            for path in paths {
                let answer = shop.dashboard.open(&browser, path).await;
                let expected = if may { 200 } else { 403 };
                assert_eq!(answer.status, expected, "{role} {path}");
            }
        }
        let overview = shop.dashboard.open(&browser, "/").await;
        assert_eq!(overview.html.contains("href=\"/billing\""), reads, "{role}");
        if reads {
            let list = shop.dashboard.open(&browser, "/billing").await;
            assert_eq!(list.html.contains("/billing/checkout"), manages, "{role}");
            let plans = shop.dashboard.open(&browser, "/billing/plans").await;
            assert_eq!(plans.html.contains("Save the plan"), manages, "{role}");
        }
        if !manages {
            for path in ["/billing/plans", "/billing/compare", "/billing/checkout"] {
                let answer = shop.dashboard.submit(&browser, path, &[]).await;
                assert_eq!(answer.status, 403, "{role} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_subscription_is_shown_with_its_customer_and_unknown_ones_are_not() {
    let shop = Shop::start().await;
    let browser = shop.dashboard.sign_in(Role::Billing).await;
    let list = shop.dashboard.open(&browser, "/billing").await.expect(200);
    list.shows("sub_1");
    let path = "/billing/subscriptions/sub_1";
    let page = shop.dashboard.open(&browser, path).await.expect(200);
    page.shows("TEAM");
    assert!(!page.html.contains("<b>Globex"), "{}", page.html);
    page.shows("Globex");
    for path in [
        "/billing/subscriptions/sub_2",
        "/billing/subscriptions/%2e%2e",
    ] {
        let answer = shop.dashboard.open(&browser, path).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let found = "/billing?search=globex&state=active";
    shop.dashboard
        .open(&browser, found)
        .await
        .expect(200)
        .shows("sub_1");
    let other = shop.dashboard.open(&browser, "/billing?search=acme").await;
    let other = other.expect(200);
    assert!(!other.html.contains("sub_1"), "{}", other.html);
    other.shows("value=\"acme\"");
    for query in ["state=rich", "search=a%00b", "cursor=sub_1"] {
        let path = format!("/billing?{query}");
        let answer = shop.dashboard.open(&browser, &path).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test]
async fn plans_are_stored_and_deleted_with_forms() {
    let shop = Shop::start().await;
    let browser = shop.dashboard.sign_in(Role::Billing).await;
    let plan = |price, tier, seats| {
        [
            ("price", price),
            ("tier", tier),
            ("seats", seats),
            ("features", "beta_access, sso"),
        ]
    };
    let path = "/billing/plans";
    let fields = plan("price_pro", "pro", "3");
    let stored = shop.dashboard.submit(&browser, path, &fields).await;
    assert_eq!(stored.expect_redirect(), path);
    let page = shop.dashboard.open(&browser, path).await.expect(200);
    page.shows("price_pro");
    page.shows("beta_access, sso");
    for (price, tier, seats, field) in [
        ("price_pro", "gold", "1", "tier"),
        ("a/b", "pro", "1", "price"),
        ("price_pro", "pro", "many", "seats"),
        ("price_pro", "pro", "-1", "seats"),
    ] {
        let fields = plan(price, tier, seats);
        let refused = shop.dashboard.submit(&browser, path, &fields).await;
        let refused = refused.expect(400);
        refused.shows(&format!("id=\"{field}-error\""));
        refused.shows(&format!("value=\"{price}\""));
    }
    let delete = "/billing/plans/delete";
    let fields = [("price", "price_pro")];
    let deleted = shop.dashboard.submit(&browser, delete, &fields).await;
    assert_eq!(deleted.expect_redirect(), path);
    let again = shop.dashboard.submit(&browser, delete, &fields).await;
    assert_eq!(again.status, 404);
}

#[tokio::test]
async fn a_link_for_a_customer_is_shown_once() {
    let shop = Shop::start().await;
    let browser = shop.dashboard.sign_in(Role::Billing).await;
    let url = "https://checkout.stripe.com/c/pay/cs_1";
    let session = json!({ "id": "cs_1", "url": url });
    shop.stripe.double.answer("/v1/checkout/sessions", session);
    let fields = |price, quantity| {
        [
            ("request", "1"),
            ("price", price),
            ("quantity", quantity),
            ("email", "ann@example.com"),
            ("trial_days", ""),
            ("success_url", "https://vendor.example/ok"),
            ("cancel_url", "https://vendor.example/"),
        ]
    };
    let path = "/billing/checkout";
    let sent = fields("price_team", "5");
    // A double click asks for one page.
    for _ in 0..2 {
        let created = shop.dashboard.submit(&browser, path, &sent).await;
        created.expect(200).shows(url);
    }
    let requests = shop.stripe.double.requests().into_iter();
    let keys: std::collections::BTreeSet<_> = requests
        .filter_map(|request| request.idempotency_key)
        .collect();
    assert_eq!(keys.len(), 1);
    for (price, quantity) in [
        ("price_unknown", "5"),
        ("price_team", "0"),
        ("price_team", "x"),
    ] {
        let refused = shop
            .dashboard
            .submit(&browser, path, &fields(price, quantity))
            .await
            .expect(400);
        refused.shows("value=\"https://vendor.example/ok\"");
        assert!(!refused.html.contains(url));
    }
    let portal = "https://billing.stripe.com/p/session/1";
    let session = json!({ "id": "bps_1", "url": portal });
    shop.stripe
        .double
        .answer("/v1/billing_portal/sessions", session);
    let page = "/billing/portal?customer=cus_1";
    let page = shop.dashboard.open(&browser, page).await.expect(200);
    page.shows("value=\"cus_1\"");
    let fields = [
        ("customer", "cus_1"),
        ("return_url", "https://vendor.example/"),
    ];
    let created = shop
        .dashboard
        .submit(&browser, "/billing/portal", &fields)
        .await;
    created.expect(200).shows(portal);
    let compared = shop.dashboard.submit(&browser, "/billing/compare", &[]);
    assert_eq!(compared.await.expect_redirect(), "/billing");
}

#[tokio::test]
async fn a_license_shows_the_state_of_its_subscription_with_the_reason() {
    let shop = Shop::start().await;
    let api = &shop.dashboard.api;
    let services = api.tenants.own();
    let billing = &services.billing;
    let license = billing.subscription("sub_1").await.unwrap().license;
    let path = format!("/licenses/{}", license.unwrap());
    let token = api.token(services.tenant(), "auditor").await;
    let sees_billing = shop.dashboard.sign_in(Role::Billing).await;
    let issues = shop.dashboard.sign_in(Role::LicenseManager).await;
    let mut states = Vec::new();
    for (status, charge, expected) in [
        ("active", json!({}), "Its last day is"),
        ("canceled", json!({}), "The subscription is canceled."),
        (
            "canceled",
            json!({ "dispute": "needs_response" }),
            "The customer disputes the payment.",
        ),
        (
            "canceled",
            json!({ "dispute": "won", "amount_refunded": 5000 }),
            "The payment is refunded.",
        ),
    ] {
        shop.stripe
            .subscription("sub_1", |object| object["status"] = json!(status));
        shop.stripe.invoice("sub_1", 1, "paid", &charge);
        shop.stripe.send(services, "charge.updated", "sub_1").await;
        billing.work().await.unwrap();
        let answer = api
            .send("GET", &format!("/api/v1{path}"), &token, None)
            .await;
        let found = &answer.body["subscription"];
        assert_eq!(
            (&found["id"], &found["fault"]),
            (&json!("sub_1"), &json!(null))
        );
        states.push(format!("{} {}", found["state"], found["reason"]));
        for browser in [&sees_billing, &issues] {
            let page = shop.dashboard.open(browser, &path).await.expect(200);
            page.shows(expected);
            let href = "href=\"/billing/subscriptions/sub_1\"";
            let may = std::ptr::eq(browser, &sees_billing);
            assert_eq!(page.html.contains(href), may, "{}", page.html);
        }
    }
    let expected = [
        "\"active\" \"paid\"",
        "\"ended\" \"canceled\"",
        "\"suspended\" \"disputed\"",
        "\"revoked\" \"refunded\"",
    ];
    assert_eq!(states, expected);
}

#[tokio::test]
async fn the_page_of_a_trial_leads_to_a_checkout_link_that_converts_it() {
    let shop = Shop::start().await;
    let services = shop.dashboard.api.tenants.own();
    let new = NewTrial {
        email: EmailAddress::parse("eve@example.com").unwrap(),
        customer: "Initech".to_owned(),
        machine: None,
    };
    let started = services.trials.start(&Actor::Console, new, false).await;
    let trial = started.unwrap().trial.id;
    let session = json!({ "id": "cs_1", "url": "https://checkout.stripe.com/c/pay/cs_1" });
    shop.stripe.double.answer("/v1/checkout/sessions", session);
    let (path, checkout) = (
        format!("/trials/{trial}"),
        format!("/billing/checkout?trial={trial}"),
    );
    let href = format!("href=\"{checkout}\"");
    for (role, sells) in [(Role::Billing, true), (Role::LicenseManager, false)] {
        let browser = shop.dashboard.sign_in(role).await;
        let page = shop.dashboard.open(&browser, &path).await.expect(200);
        assert_eq!(page.html.contains(&href), sells, "{role}: {}", page.html);
    }
    let browser = shop.dashboard.sign_in(Role::Owner).await;
    let form = shop.dashboard.open(&browser, &checkout).await.expect(200);
    form.shows("converts the trial of Initech");
    form.shows("value=\"eve@example.com\"");
    assert!(!form.html.contains("trial_days"), "{}", form.html);
    let fields = [
        ("request", "1"),
        ("price", "price_team"),
        ("quantity", "5"),
        ("email", "eve@example.com"),
        ("trial", trial.as_str()),
        ("success_url", "https://vendor.example/ok"),
        ("cancel_url", "https://vendor.example/"),
    ];
    let created = shop
        .dashboard
        .submit(&browser, "/billing/checkout", &fields)
        .await;
    created
        .expect(200)
        .shows("https://checkout.stripe.com/c/pay/cs_1");
    let sent = shop.stripe.double.requests().pop().unwrap().body;
    assert!(sent.contains(trial.as_str()), "{sent}");
    for wrong in ["trl_1", "x"] {
        let path = format!("/billing/checkout?trial={wrong}");
        let answer = shop.dashboard.open(&browser, &path).await;
        assert_eq!(answer.status, 404, "{wrong}");
    }
}
