//! Billing.

mod searches;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::sample::{audit, id, tenant};
use super::webhooks::at;
use crate::domain::{
    AuditFilter, BillingCustomer, BillingEventState, BillingPlan, BillingReason, BillingState,
    BillingSubscription, Cursor, EventOutcome, NewBillingEvent, PageRequest, SubscriptionFilter,
    SubscriptionStatus, TenantId,
};
use crate::store::{ServerStore, ServerStoreError};

const STRIPE: &str = "stripe";

pub(super) async fn check(store: &dyn ServerStore) {
    a_plan_is_stored_changed_and_deleted(store).await;
    a_tenant_has_a_bounded_number_of_plans(store).await;
    an_event_is_stored_once_and_processed_once(store).await;
    processed_events_are_forgotten(store).await;
    a_subscription_changes_only_from_the_version_that_was_read(store).await;
    subscriptions_and_customers_are_listed(store).await;
    searches::check(store).await;
    the_mark_of_a_reconciliation_lasts(store).await;
}

fn plan(price: &str) -> BillingPlan {
    BillingPlan {
        price: price.to_owned(),
        tier: Some("TEAM".to_owned()),
        seats: 1,
        features: vec!["cloud_sync".to_owned(), "sso".to_owned()],
    }
}

fn event(id: &str) -> NewBillingEvent {
    NewBillingEvent {
        provider: STRIPE.to_owned(),
        id: id.to_owned(),
        kind: "invoice.paid".to_owned(),
        api_version: "2025-02-24.acacia".to_owned(),
        is_live: true,
        created_at: at(0),
        received_at: at(1),
        body: b"{\"id\": \"evt\"}\xff".to_vec(),
    }
}

fn customer(id: &str) -> BillingCustomer {
    BillingCustomer {
        id: id.to_owned(),
        name: Some("Ann".to_owned()),
        email: None,
        is_deleted: false,
        created_at: at(0),
    }
}

fn subscription(number: u8, customer: &str) -> BillingSubscription {
    BillingSubscription {
        provider: STRIPE.to_owned(),
        id: format!("sub_{number}"),
        customer: customer.to_owned(),
        status: SubscriptionStatus::Active,
        state: BillingState::Active,
        reason: BillingReason::Paid,
        until: Some(at(86_400)),
        tier: Some("TEAM".to_owned()),
        seats: Some(5),
        license: Some(id(number)),
        is_held: false,
        period_start: at(0),
        period_end: at(80_000),
        cancel_at: None,
        created_at: at(0),
        changed_at: at(2),
        checked_at: at(2),
        fault: None,
        version: 0,
    }
}

async fn a_plan_is_stored_changed_and_deleted(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let put = |plan| store.put_billing_plan(&own, STRIPE, plan, audit("billing.plan"));
    assert!(put(plan("price_1")).await.unwrap());
    let changed = BillingPlan {
        tier: None,
        features: Vec::new(),
        ..plan("price_1")
    };
    assert!(put(changed.clone()).await.unwrap());
    assert_eq!(store.billing_plans(&own, STRIPE).await.unwrap(), [changed]);
    assert_eq!(store.billing_plans(&other, STRIPE).await.unwrap(), []);
    assert_eq!(store.billing_plans(&own, "other").await.unwrap(), []);
    let delete = |tenant: &TenantId| {
        let tenant = tenant.clone();
        async move {
            let audit = audit("billing.plan_delete");
            store
                .delete_billing_plan(&tenant, STRIPE, "price_1", audit)
                .await
        }
    };
    assert!(!delete(&other).await.unwrap());
    assert!(delete(&own).await.unwrap());
    assert!(!delete(&own).await.unwrap());
    let everything = AuditFilter::default();
    let page = PageRequest::first();
    let entries = store.audit(&own, &everything, &page);
    let entries = entries.await.unwrap();
    let former = entries.items.iter().map(|entry| {
        let before = entry.before.as_deref();
        before.map(|text| serde_json::from_str::<Value>(text).unwrap()["tier"].clone())
    });
    let expected = [None, Some(json!("TEAM")), Some(Value::Null)];
    assert_eq!(former.collect::<Vec<_>>(), expected);
}

async fn a_tenant_has_a_bounded_number_of_plans(store: &dyn ServerStore) {
    let tenant = tenant();
    let put = |plan| store.put_billing_plan(&tenant, STRIPE, plan, audit("billing.plan"));
    for number in 0..BillingPlan::MAX_COUNT {
        assert!(put(plan(&format!("price_{number}"))).await.unwrap());
    }
    assert!(!put(plan("price_more")).await.unwrap());
    // A plan that exists can still change.
    assert!(put(plan("price_0")).await.unwrap());
}

async fn an_event_is_stored_once_and_processed_once(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let record = |tenant: TenantId, event| async move {
        store.record_billing_event(&tenant, event).await.unwrap()
    };
    assert!(record(own.clone(), event("evt_1")).await);
    let second = NewBillingEvent {
        body: b"another body".to_vec(),
        ..event("evt_1")
    };
    assert!(!record(own.clone(), second).await);
    assert!(record(other.clone(), event("evt_1")).await);
    assert_eq!(store.due_billing_events(&own, at(0), 10).await.unwrap(), []);
    let due = store.due_billing_events(&own, at(1), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((&due[0].event, due[0].attempts), (&event("evt_1"), 0));
    let (waiting, oldest) = store.waiting_billing_events(&own).await.unwrap();
    assert_eq!((waiting, oldest), (1, Some(at(1))));
    let outcome = |state, next_at| EventOutcome {
        state,
        subscription: Some("sub_1".to_owned()),
        next_at,
        note: Some("note".to_owned()),
    };
    let finish = |outcome| store.finish_billing_event(&own, STRIPE, "evt_1", outcome);
    finish(outcome(BillingEventState::Waiting, Some(at(60))))
        .await
        .unwrap();
    assert_eq!(
        store.due_billing_events(&own, at(59), 10).await.unwrap(),
        []
    );
    finish(outcome(BillingEventState::Applied, None))
        .await
        .unwrap();
    // A late result has no effect.
    finish(outcome(BillingEventState::Ignored, None))
        .await
        .unwrap();
    let found = store.billing_event(&own, STRIPE, "evt_1").await.unwrap();
    let found = found.unwrap();
    assert_eq!(
        (found.state, found.attempts),
        (BillingEventState::Applied, 2)
    );
    assert_eq!(found.subscription.as_deref(), Some("sub_1"));
    assert_eq!(store.waiting_billing_events(&own).await.unwrap(), (0, None));
    assert_eq!(
        store.billing_event(&own, STRIPE, "evt_2").await.unwrap(),
        None
    );
    // The event of the other tenant still waits.
    let due = store.due_billing_events(&other, at(1), 10).await.unwrap();
    assert_eq!(due.len(), 1);
}

async fn processed_events_are_forgotten(store: &dyn ServerStore) {
    let tenant = tenant();
    // The ids of a provider have no order.
    for (id, kind, milliseconds) in [
        ("evt_8", "invoice.paid", 0),
        ("evt_2", NewBillingEvent::COMPARISON, 0),
        ("evt_3", "invoice.paid", 1),
    ] {
        let event = NewBillingEvent {
            kind: kind.to_owned(),
            received_at: at(1) + TimeDelta::milliseconds(milliseconds),
            ..event(id)
        };
        assert!(store.record_billing_event(&tenant, event).await.unwrap());
    }
    for id in ["evt_8", "evt_2"] {
        let outcome = EventOutcome {
            state: BillingEventState::Ignored,
            subscription: None,
            next_at: None,
            note: None,
        };
        let finished = store.finish_billing_event(&tenant, STRIPE, id, outcome);
        finished.await.unwrap();
    }
    let page = PageRequest::new(None, Some(2));
    let ids = |state, page: PageRequest| {
        let tenant = tenant.clone();
        async move {
            let found = store.billing_events(&tenant, STRIPE, state, &page).await;
            let found = found.unwrap();
            let ids = found.items.into_iter().map(|found| found.event.id);
            (ids.collect::<Vec<_>>(), found.next)
        }
    };
    let (first, next) = ids(None, page).await;
    assert_eq!(first, ["evt_3", "evt_8"]);
    assert_eq!(ids(None, PageRequest::new(next, None)).await.0, ["evt_2"]);
    let wrong = PageRequest::new(Cursor::parse("evt_8"), None);
    let refused = store.billing_events(&tenant, STRIPE, None, &wrong).await;
    assert!(matches!(refused, Err(ServerStoreError::Cursor { .. })));
    let ignored = Some(BillingEventState::Ignored);
    let (found, _) = ids(ignored, PageRequest::first()).await;
    assert_eq!(found, ["evt_8", "evt_2"]);
    let forget = |before, comparisons| store.forget_billing_events(&tenant, before, comparisons);
    assert_eq!(forget(at(1), at(1)).await.unwrap(), 0);
    // Comparisons are kept for a shorter time.
    assert_eq!(forget(at(1), at(2)).await.unwrap(), 1);
    assert_eq!(forget(at(2), at(2)).await.unwrap(), 1);
    assert_eq!(ids(None, PageRequest::first()).await.0, ["evt_3"]);
}

async fn a_subscription_changes_only_from_the_version_that_was_read(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let put = |subscription: BillingSubscription, audit| {
        let (own, customer) = (own.clone(), customer(&subscription.customer));
        async move {
            let put = store.put_billing_subscription(&own, customer, subscription, audit);
            put.await.unwrap()
        }
    };
    let get = || store.billing_subscription(&own, STRIPE, "sub_1");
    let created = subscription(1, "cus_1");
    let entry = || Some(audit("subscription.change"));
    assert!(put(created.clone(), entry()).await);
    assert!(!put(created.clone(), entry()).await);
    let read = get().await.unwrap().unwrap();
    assert_eq!(
        read,
        BillingSubscription {
            version: 1,
            ..created
        }
    );
    let changed = BillingSubscription {
        state: BillingState::Suspended,
        reason: BillingReason::Disputed,
        until: None,
        seats: None,
        license: None,
        is_held: true,
        cancel_at: Some(at(9)),
        fault: Some("price price_1 has no plan".to_owned()),
        ..read.clone()
    };
    assert!(put(changed.clone(), entry()).await);
    // The other change was made from the version before.
    assert!(!put(read, entry()).await);
    let read = get().await.unwrap().unwrap();
    assert_eq!(
        read,
        BillingSubscription {
            version: 2,
            ..changed
        }
    );
    // Without an audit entry, the trail stays as it is.
    let checked = BillingSubscription {
        checked_at: at(99),
        ..read
    };
    assert!(put(checked, None).await);
    let everything = AuditFilter::default();
    let page = PageRequest::first();
    let entries = store.audit(&own, &everything, &page);
    let entries = entries.await.unwrap();
    let before = entries.items.iter().map(|entry| entry.before.is_some());
    assert_eq!(before.collect::<Vec<_>>(), [false, true]);
    let foreign = store.billing_subscription(&other, STRIPE, "sub_1").await;
    assert_eq!(foreign.unwrap(), None);
}

async fn subscriptions_and_customers_are_listed(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    for (number, customer_id, status, state, checked) in [
        (
            1,
            "cus_1",
            SubscriptionStatus::Active,
            BillingState::Active,
            5,
        ),
        (
            2,
            "cus_1",
            SubscriptionStatus::Canceled,
            BillingState::Ended,
            5,
        ),
        (
            3,
            "cus_2",
            SubscriptionStatus::PastDue,
            BillingState::InGrace,
            7,
        ),
        (
            4,
            "cus_2",
            SubscriptionStatus::Unpaid,
            BillingState::Suspended,
            3,
        ),
    ] {
        let subscription = BillingSubscription {
            status,
            state,
            checked_at: at(checked),
            changed_at: at(10 - i64::from(number / 2)),
            until: (state != BillingState::Ended).then(|| at(86_400)),
            ..subscription(number, customer_id)
        };
        let put = store.put_billing_subscription(&own, customer(customer_id), subscription, None);
        assert!(put.await.unwrap());
    }
    let list = |state, customer: &str, search: &str, page: PageRequest| {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let filter = SubscriptionFilter {
            state,
            customer: given(customer),
            search: given(search),
        };
        let own = own.clone();
        async move {
            let found = store.billing_subscriptions(&own, STRIPE, &filter, &page);
            let found = found.await.unwrap();
            let ids = found.items.into_iter().map(|found| found.id);
            (ids.collect::<Vec<_>>(), found.next)
        }
    };
    let (first, next) = list(None, "", "", PageRequest::new(None, Some(2))).await;
    assert_eq!(first, ["sub_1", "sub_3"]);
    let rest = list(None, "", "", PageRequest::new(next, Some(2))).await;
    assert_eq!(rest, (vec!["sub_2".to_owned(), "sub_4".to_owned()], None));
    let all = PageRequest::first;
    let grace = list(Some(BillingState::InGrace), "", "", all()).await;
    assert_eq!(grace.0, ["sub_3"]);
    let of_first = list(None, "cus_1", "", all()).await;
    assert_eq!(of_first.0, ["sub_1", "sub_2"]);
    for (search, found) in [
        ("aNN", &["sub_1", "sub_3", "sub_2", "sub_4"][..]),
        ("cus_2", &["sub_3", "sub_4"]),
        ("sub_4", &["sub_4"]),
        ("bob%", &[]),
    ] {
        assert_eq!(list(None, "", search, all()).await.0, found, "{search}");
    }
    let unchecked = |before, limit| {
        let own = own.clone();
        async move {
            let found = store.unchecked_billing_subscriptions(&own, STRIPE, before, limit);
            found.await.unwrap()
        }
    };
    assert_eq!(unchecked(at(6), 10).await, ["sub_4", "sub_1"]);
    assert_eq!(unchecked(at(8), 1).await, ["sub_4"]);
    let page = PageRequest::first();
    let customers = store.billing_customers(&own, STRIPE, &page).await.unwrap();
    assert_eq!(customers.items, [customer("cus_1"), customer("cus_2")]);
    let found = store.billing_customer(&own, STRIPE, "cus_2").await.unwrap();
    assert_eq!(found, Some(customer("cus_2")));
    let foreign = store
        .billing_customers(&other, STRIPE, &page)
        .await
        .unwrap();
    assert_eq!(foreign.items, []);
    // A name that changes at the provider changes here.
    let renamed = BillingCustomer {
        name: None,
        email: Some("ann@example.com".to_owned()),
        is_deleted: true,
        ..customer("cus_2")
    };
    let put = store.put_billing_subscription(&own, renamed.clone(), subscription(5, "cus_2"), None);
    assert!(put.await.unwrap());
    let found = store.billing_customer(&own, STRIPE, "cus_2").await.unwrap();
    assert_eq!(found, Some(renamed));
    let by_address = list(None, "", "@EXAMPLE.com", all()).await;
    assert_eq!(by_address.0, ["sub_3", "sub_4", "sub_5"]);
}

async fn the_mark_of_a_reconciliation_lasts(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    assert_eq!(store.billing_mark(&own, STRIPE).await.unwrap(), None);
    for seconds in [1, 2] {
        let set = store.set_billing_mark(&own, STRIPE, at(seconds));
        set.await.unwrap();
    }
    let found = store.billing_mark(&own, STRIPE).await.unwrap();
    assert_eq!(found, Some(at(1) + TimeDelta::seconds(1)));
    assert_eq!(store.billing_mark(&other, STRIPE).await.unwrap(), None);
}
