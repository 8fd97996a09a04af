//! Customers who have subscribed twice.

use serde_json::{Value, json};

use super::{END_1, Shop, team};

/// Lets a customer subscribe twice, with two ids at Stripe and one address.
async fn subscribed_twice(second: impl FnOnce(&mut Value)) -> Shop {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    shop.stripe.sell(&shop.services).await;
    shop.stripe.double.put(json!({
        "id": "cus_2", "object": "customer", "name": "Globex", "email": "Ann@Example.com",
        "created": 1,
    }));
    shop.stripe.subscription("sub_2", |object| {
        object["customer"] = json!("cus_2");
        second(object);
    });
    shop.stripe.invoice("sub_2", 1, "paid", &json!({}));
    shop.notify("sub_2").await;
    shop
}

#[tokio::test]
async fn a_refund_of_a_doubled_subscription_takes_no_license() {
    let shop = subscribed_twice(|_| {}).await;
    let now = shop.services.now();
    let audited = shop.audited().await;
    let doubled = audited.iter().filter(|(action, _, details)| {
        action == "subscription.change" && details["others"] == json!(["sub_1"])
    });
    assert_eq!(doubled.count(), 1, "{audited:?}");
    // The vendor refunds the second one, whose license the customer has installed.
    shop.stripe
        .invoice("sub_2", 1, "paid", &json!({ "amount_refunded": 5000 }));
    let row = shop.notify("sub_2").await;
    assert_eq!((row.state.as_str(), row.is_held), ("revoked", false));
    assert_eq!(
        row.fault.as_deref(),
        Some("the customer also pays for subscription sub_1, so the license stays")
    );
    assert_eq!(shop.license("sub_2", now).await, Some(team(5, END_1)));
    assert_eq!(shop.license("sub_1", now).await, Some(team(5, END_1)));
    // Without the first one, nothing is paid.
    shop.stripe
        .invoice("sub_1", 1, "paid", &json!({ "amount_refunded": 5000 }));
    let row = shop.notify("sub_1").await;
    assert_eq!((row.fault, row.is_held), (None, true));
    let row = shop.notify("sub_2").await;
    assert_eq!((row.fault, row.is_held), (None, true));
    assert_eq!(shop.license("sub_2", now).await, None);
}

#[tokio::test]
async fn a_refund_counts_if_the_other_subscription_buys_less_or_is_disputed() {
    let small = |object: &mut Value| object["items"]["data"][0]["quantity"] = json!(4);
    let other = |object: &mut Value| object["items"]["data"][0]["price"]["id"] = json!("price_ent");
    for second in [small, other] {
        let shop = subscribed_twice(second).await;
        shop.stripe
            .invoice("sub_1", 1, "paid", &json!({ "amount_refunded": 5000 }));
        let row = shop.notify("sub_1").await;
        assert_eq!((row.fault, row.is_held), (None, true));
        let found = shop.license("sub_2", shop.services.now()).await;
        assert!(found.is_some());
    }
    let shop = subscribed_twice(|_| {}).await;
    shop.stripe
        .invoice("sub_1", 1, "paid", &json!({ "dispute": "needs_response" }));
    let row = shop.notify("sub_1").await;
    assert_eq!((row.state.as_str(), row.is_held), ("suspended", true));
}
