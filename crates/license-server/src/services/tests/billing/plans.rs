//! Plans, and pages for customers.

use serde_json::json;

use super::{END_1, END_2, PERIOD_1, PERIOD_2, Shop, team, unix};
use crate::domain::{Actor, RefusalKind};
use crate::mail::tests::Sink;
use crate::services::{CheckoutRequest, PlanOrder, PortalRequest};

#[tokio::test]
async fn a_price_without_a_plan_buys_nothing_until_it_has_one() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    shop.stripe.invoice("sub_1", 1, "paid", &json!({}));
    shop.stripe.subscription("sub_1", |object| {
        object["items"]["data"][0]["price"]["id"] = json!("price_new");
    });
    let row = shop.notify("sub_1").await;
    assert_eq!(row.fault.as_deref(), Some("price price_new has no plan"));
    assert_eq!(row.license, None);
    let order = PlanOrder {
        tier: Some("pro".to_owned()),
        ..PlanOrder::default()
    };
    let stored = shop
        .services
        .billing
        .put_plan(&Actor::Console, "price_new", order);
    assert_eq!(stored.await.unwrap().tier.as_deref(), Some("PRO"));
    let row = shop.notify("sub_1").await;
    assert_eq!(row.fault, None);
    assert!(row.license.is_some());
    for (price, order) in [
        ("price_1", PlanOrder::default()),
        (
            "a/b",
            PlanOrder {
                seats: 1,
                ..PlanOrder::default()
            },
        ),
        (
            "price_1",
            PlanOrder {
                tier: Some("gold".to_owned()),
                ..PlanOrder::default()
            },
        ),
        (
            "price_1",
            PlanOrder {
                features: vec!["Not a name".to_owned()],
                ..PlanOrder::default()
            },
        ),
    ] {
        let refused = shop
            .services
            .billing
            .put_plan(&Actor::Console, price, order)
            .await;
        assert_eq!(refused.unwrap_err().code, "BAD_REQUEST", "{price}");
    }
}

#[tokio::test]
async fn a_page_for_a_customer_is_created_and_recorded_without_its_url() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    let (double, billing) = (&shop.stripe.double, &shop.services.billing);
    let url = "https://checkout.stripe.com/c/pay/cs_1#secret";
    double.answer("/v1/checkout/sessions", json!({ "id": "cs_1", "url": url }));
    let request = CheckoutRequest {
        price: "price_team".to_owned(),
        quantity: 3,
        success_url: "https://vendor.example/ok".to_owned(),
        cancel_url: "https://vendor.example/".to_owned(),
        ..CheckoutRequest::default()
    };
    let link = billing
        .checkout(&Actor::Console, request.clone(), None)
        .await;
    assert_eq!(link.unwrap().url, url);
    let audited = shop.audited().await;
    let text = format!("{audited:?}");
    assert!(
        text.contains("billing.checkout") && !text.contains("secret"),
        "{text}"
    );
    for (name, bad) in [
        (
            "price",
            CheckoutRequest {
                price: "price_unknown".to_owned(),
                ..request.clone()
            },
        ),
        (
            "price",
            CheckoutRequest {
                price: "a b".to_owned(),
                ..request.clone()
            },
        ),
        (
            "quantity",
            CheckoutRequest {
                quantity: 0,
                ..request.clone()
            },
        ),
        (
            "trial_days",
            CheckoutRequest {
                trial_days: Some(731),
                ..request.clone()
            },
        ),
        (
            "customer",
            CheckoutRequest {
                customer: Some("../x".to_owned()),
                ..request.clone()
            },
        ),
        (
            "email",
            CheckoutRequest {
                email: Some("ann".to_owned()),
                ..request.clone()
            },
        ),
        (
            "success_url",
            CheckoutRequest {
                success_url: "javascript:x".to_owned(),
                ..request.clone()
            },
        ),
        (
            "cancel_url",
            CheckoutRequest {
                cancel_url: "https://".to_owned(),
                ..request.clone()
            },
        ),
    ] {
        let refused = billing
            .checkout(&Actor::Console, bad, None)
            .await
            .unwrap_err();
        assert_eq!(refused.code, "BAD_REQUEST", "{name}");
        assert!(refused.detail.contains(name), "{name}: {refused}");
    }
    double.fail(
        "/v1/billing_portal/sessions",
        400,
        json!({ "error": { "code": "resource_missing" } }),
    );
    let portal = PortalRequest {
        customer: "cus_unknown".to_owned(),
        return_url: "https://vendor.example/".to_owned(),
    };
    let refused = billing
        .portal(&Actor::Console, portal, None)
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind, refused.code),
        (RefusalKind::Conflict, "BILLING_REFUSED")
    );
}

#[tokio::test]
async fn a_customer_who_pays_for_a_price_that_lost_its_plan_keeps_the_license() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    shop.stripe.sell(&shop.services).await;
    let now = || shop.services.now();
    assert_eq!(shop.license("sub_1", now()).await, Some(team(5, END_1)));
    let billing = &shop.services.billing;
    let deleted = billing.delete_plan(&Actor::Console, "price_team");
    deleted.await.unwrap();
    shop.clock.advance_to(super::at("2027-02-15T09:00:00Z"));
    shop.stripe.subscription("sub_1", |object| {
        object["current_period_start"] = json!(unix(PERIOD_1));
        object["current_period_end"] = json!(unix(PERIOD_2));
    });
    shop.stripe.invoice("sub_1", 2, "paid", &json!({}));
    let row = shop.notify("sub_1").await;
    assert_eq!(row.fault.as_deref(), Some("price price_team has no plan"));
    assert_eq!(shop.license("sub_1", now()).await, Some(team(5, END_2)));
    // A plan that comes later changes nothing more than the content.
    let again = shop.notify("sub_1").await;
    assert_eq!(again.license, row.license);
}

#[tokio::test]
async fn the_first_license_of_a_subscription_is_sent_to_the_customer() {
    let mut sink = Sink::start(&[]).await;
    let shop = Shop::start_with("2027-01-15T09:00:00Z", Some(&sink)).await;
    shop.stripe.sell(&shop.services).await;
    let mail = sink.next().await;
    assert!(mail.to[0].contains("<ann@example.com>"), "{:?}", mail.to);
    assert!(mail.text.contains("BEGIN LICENSE"), "{}", mail.text);
    // The customer gets later licenses with the next validation.
    shop.stripe.subscription("sub_1", |object| {
        object["items"]["data"][0]["quantity"] = json!(8);
    });
    let row = shop.notify("sub_1").await;
    assert_eq!(row.seats, Some(8));
    let names = shop.services.billing.customer_names(&[row]).await.unwrap();
    assert_eq!(names["cus_1"], "Globex");
    shop.notify("sub_1").await;
    assert!(!sink.has_mail());
}
