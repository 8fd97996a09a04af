//! Events that wait, are missed, or have an unknown form.

use chrono::TimeDelta;
use serde_json::json;

use super::{END_1, Shop, receive, team};
use crate::billing::stripe::tests::double::header;
use crate::domain::{BillingEventState, BillingSubscription, PageRequest, RefusalKind};
use crate::store::BillingStore;

#[tokio::test]
async fn an_event_that_cannot_be_processed_waits_and_is_not_lost() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    let (stripe, billing) = (&shop.stripe, &shop.services.billing);
    billing.work().await.unwrap();
    stripe.subscription("sub_1", |_| {});
    stripe.invoice("sub_1", 1, "paid", &json!({}));
    let id = stripe.send(&shop.services, "invoice.paid", "sub_1").await;
    stripe.double.set_down(true);
    billing.work().await.unwrap();
    let state = async || {
        let found = shop
            .store
            .billing_event(shop.services.tenant(), "stripe", &id)
            .await;
        found.unwrap().unwrap()
    };
    let waiting = state().await;
    assert_eq!(waiting.state, BillingEventState::Waiting);
    assert_eq!(
        waiting.next_at,
        Some(shop.services.now() + TimeDelta::seconds(2))
    );
    assert!(waiting.note.unwrap().contains("503"));
    assert_eq!(billing.backlog().await.unwrap().0, 1);
    stripe.double.set_down(false);
    // It is not due yet.
    billing.work().await.unwrap();
    assert_eq!(state().await.state, BillingEventState::Waiting);
    shop.clock.advance_ms(2000);
    billing.work().await.unwrap();
    let applied = state().await;
    assert_eq!(
        (applied.state, applied.attempts),
        (BillingEventState::Applied, 2)
    );
    assert_eq!(
        shop.license("sub_1", shop.services.now()).await,
        Some(team(5, END_1))
    );
}

#[tokio::test]
async fn what_events_have_missed_is_found_once_a_day() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    let (stripe, billing) = (&shop.stripe, &shop.services.billing);
    let now = || shop.services.now();
    // A subscription that was there before the server.
    stripe.subscription("sub_1", |_| {});
    stripe.invoice("sub_1", 1, "paid", &json!({}));
    billing.work().await.unwrap();
    assert_eq!(shop.license("sub_1", now()).await, Some(team(5, END_1)));
    // A change without an event has no effect, up to a day.
    stripe.subscription("sub_1", |object| {
        object["items"]["data"][0]["quantity"] = json!(6)
    });
    stripe.double.put(json!({
        "id": "evt_missed", "object": "event", "type": "customer.subscription.updated",
        "created": now().timestamp(), "livemode": false,
        "data": { "object": { "object": "subscription", "id": "sub_1" } },
    }));
    shop.clock.advance_to(now() + TimeDelta::hours(23));
    billing.work().await.unwrap();
    assert_eq!(shop.license("sub_1", now()).await, Some(team(5, END_1)));
    shop.clock.advance_to(now() + TimeDelta::hours(1));
    billing.work().await.unwrap();
    assert_eq!(shop.license("sub_1", now()).await, Some(team(6, END_1)));
    let missed = shop
        .store
        .billing_event(shop.services.tenant(), "stripe", "evt_missed");
    assert_eq!(
        missed.await.unwrap().unwrap().state,
        BillingEventState::Applied
    );
    // At once, by a request. The event is known now.
    stripe.subscription("sub_1", |object| {
        object["items"]["data"][0]["quantity"] = json!(7)
    });
    shop.clock.advance_to(now() + TimeDelta::minutes(5));
    let report = billing.reconcile().await.unwrap();
    assert_eq!((report.missed_events, report.subscriptions), (0, 1));
    billing.work().await.unwrap();
    assert_eq!(shop.license("sub_1", now()).await, Some(team(7, END_1)));
    // A second request in the same second finds what has changed since.
    stripe.subscription("sub_1", |object| {
        object["items"]["data"][0]["quantity"] = json!(8)
    });
    let report = billing.reconcile().await.unwrap();
    assert_eq!((report.missed_events, report.subscriptions), (0, 1));
    billing.work().await.unwrap();
    assert_eq!(shop.license("sub_1", now()).await, Some(team(8, END_1)));
    stripe.double.set_down(true);
    let refused = billing.reconcile().await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.code),
        (RefusalKind::Unavailable, "BILLING_UNAVAILABLE")
    );
}

#[tokio::test]
async fn a_comparison_that_fails_is_tried_again_with_growing_delays() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    let billing = &shop.services.billing;
    shop.stripe.double.set_down(true);
    let attempts = async || {
        for _ in 0..3 {
            billing.work().await.unwrap();
        }
        shop.stripe.double.requests().len()
    };
    assert_eq!(attempts().await, 1);
    for (seconds, expected) in [(1, 1), (1, 2), (3, 2), (1, 3)] {
        shop.clock.advance_ms(seconds * 1000);
        assert_eq!(attempts().await, expected);
    }
    shop.clock.advance_ms(8000);
    shop.stripe.double.set_down(false);
    billing.work().await.unwrap();
    let found = shop.stripe.double.requests().len();
    assert_eq!(attempts().await, found, "the comparison is complete");
}

#[tokio::test]
async fn a_comparison_that_stops_in_the_middle_compares_each_subscription_once() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    let (billing, double) = (&shop.services.billing, &shop.stripe.double);
    for number in 0..=100 {
        let incomplete = |object: &mut serde_json::Value| object["status"] = json!("incomplete");
        shop.stripe
            .subscription(&format!("sub_{number:03}"), incomplete);
    }
    // The second page is refused: there are too many requests.
    let second = "/v1/subscriptions?status=all&limit=100&starting_after=sub_001";
    double.fail(second, 429, json!({ "error": { "type": "rate_limit" } }));
    let compared = || {
        let requests = double.requests().into_iter();
        let of_one = requests.filter(|request| request.path.starts_with("/v1/subscriptions/"));
        of_one.count()
    };
    for seconds in [0, 2, 4] {
        shop.clock.advance_ms(seconds * 1000);
        billing.work().await.unwrap();
        assert_eq!(compared(), 100);
    }
    double.recover(second);
    shop.clock.advance_ms(8000);
    billing.work().await.unwrap();
    assert_eq!(compared(), 101);
}

#[tokio::test]
async fn a_repetition_after_a_crash_finds_the_license_of_the_first_attempt() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    let tenant = shop.services.tenant().clone();
    shop.stripe.sell(&shop.services).await;
    let row = shop.services.billing.subscription("sub_1").await.unwrap();
    // The server was killed after the ledger had the license, and before the row was stored.
    let forget = async |row: BillingSubscription, license| {
        let customer = shop.services.billing.customer("cus_1").await.unwrap();
        let lost = BillingSubscription { license, ..row };
        let put = shop
            .store
            .put_billing_subscription(&tenant, customer, lost, None);
        assert!(put.await.unwrap());
    };
    forget(row.clone(), None).await;
    let found = shop.notify("sub_1").await;
    assert_eq!(found.license, row.license);
    // The same for a replacement, even if the subscription has changed meanwhile.
    for (quantity, forgotten) in [(6, row.license.clone()), (7, None)] {
        shop.stripe.subscription("sub_1", |object| {
            object["items"]["data"][0]["quantity"] = json!(quantity);
        });
        let replaced = shop.notify("sub_1").await;
        forget(replaced.clone(), forgotten).await;
        let found = shop.notify("sub_1").await;
        assert_eq!(found.license, replaced.license);
    }
    let page = PageRequest::first();
    let all = shop.services.licenses.list(&page);
    assert_eq!(all.await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn unknown_kinds_and_versions_are_stored_as_they_came() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    let tenant = shop.services.tenant().clone();
    for (id, object, is_live) in [
        (
            "evt_kind",
            json!({ "object": "treasury.flow", "id": "x" }),
            false,
        ),
        ("evt_form", json!({ "object": 7, "lines": [[]] }), false),
        (
            "evt_live",
            json!({ "object": "subscription", "id": "sub_1" }),
            true,
        ),
    ] {
        let body = format!(
            "{{ \"id\": \"{id}\", \"object\": \"event\",\n \"type\": \"a.new.kind\", \"created\": 1, \
             \"livemode\": {is_live}, \"api_version\": \"2031-01-01.zinnia\", \"data\": {{ \"object\": {object} }} }}"
        );
        let sent = header(body.as_bytes(), shop.services.now());
        let receive = || shop.services.billing.receive(Some(&sent), body.as_bytes());
        assert!(receive().await.unwrap().is_new);
        assert!(!receive().await.unwrap().is_new);
        shop.services.billing.work().await.unwrap();
        let found = shop.store.billing_event(&tenant, "stripe", id).await;
        let found = found.unwrap().unwrap();
        assert_eq!(found.event.body, body.as_bytes());
        assert_eq!(found.event.api_version, "2031-01-01.zinnia");
        assert_eq!(found.state, BillingEventState::Ignored, "{found:?}");
    }
    let refused = shop
        .services
        .billing
        .receive(Some("t=1,v1=00"), b"{}")
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.kind, refused.code),
        (RefusalKind::BadRequest, "BILLING_SIGNATURE")
    );
}

#[tokio::test]
async fn the_name_of_a_customer_who_was_deleted_is_forgotten() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    shop.stripe.sell(&shop.services).await;
    let customer = shop.services.billing.customer("cus_1").await.unwrap();
    assert_eq!(customer.name.as_deref(), Some("Globex"));
    shop.stripe
        .double
        .put(json!({ "id": "cus_1", "object": "customer", "deleted": true }));
    let event = json!({
        "id": "evt_deleted", "object": "event", "type": "customer.deleted", "created": 1,
        "livemode": false, "data": { "object": { "object": "customer", "id": "cus_1" } },
    });
    receive(&shop.services, &event).await.unwrap();
    shop.clock.advance_ms(60_000);
    shop.services.billing.work().await.unwrap();
    let customer = shop.services.billing.customer("cus_1").await.unwrap();
    assert!(customer.is_deleted);
    assert_eq!((customer.name, customer.email), (None, None));
}
