//! Events in every order, with repetitions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{END_1, Observed, Shop, at, second_period};

/// The state of a subscription after an event: of the subscription, and of the invoices of its two
/// periods with their charges.
type State = (
    fn(&mut Value),
    (&'static str, Value),
    Option<(&'static str, Value)>,
);

fn eight(object: &mut Value) {
    object["items"]["data"][0]["quantity"] = json!(8);
}

fn enterprise(object: &mut Value) {
    object["items"]["data"][0]["price"]["id"] = json!("price_ent");
}

fn paid() -> (&'static str, Value) {
    ("paid", json!({}))
}

/// Paid, more seats, a late payment, paid again, disputed, and won.
fn restored() -> [State; 6] {
    let second = |object: &mut Value| {
        eight(object);
        second_period(object);
    };
    let late = |object: &mut Value| {
        eight(object);
        second_period(object);
        object["status"] = json!("past_due");
    };
    let disputed = json!({ "dispute": "needs_response" });
    [
        (|_| {}, paid(), None),
        (eight, paid(), None),
        (late, paid(), Some(("open", json!({})))),
        (second, paid(), Some(paid())),
        (second, paid(), Some(("paid", disputed))),
        (second, paid(), Some(("paid", json!({ "dispute": "won" })))),
    ]
}

/// Paid, upgraded, renewed, downgraded, canceled, and refunded.
fn ended() -> [State; 6] {
    let renewed = |object: &mut Value| {
        enterprise(object);
        second_period(object);
    };
    let canceled = |object: &mut Value| {
        second_period(object);
        object["status"] = json!("canceled");
    };
    [
        (|_| {}, paid(), None),
        (enterprise, paid(), None),
        (renewed, paid(), Some(paid())),
        (second_period, paid(), Some(paid())),
        (canceled, paid(), Some(paid())),
        (
            canceled,
            paid(),
            Some(("paid", json!({ "amount_refunded": 5000 }))),
        ),
    ]
}

/// Returns all orders of one to `count` of `count` events, the shortest first.
pub(super) fn orders(count: usize) -> Vec<Vec<usize>> {
    let (mut all, mut longest) = (Vec::new(), vec![Vec::new()]);
    for _ in 0..count {
        longest = longest
            .iter()
            .flat_map(|order: &Vec<usize>| {
                let rest = (0..count).filter(|event| !order.contains(event));
                rest.map(|event| [order.as_slice(), &[event]].concat())
            })
            .collect();
        all.extend(longest.iter().cloned());
    }
    all
}

/// Returns all orders of six events.
fn permutations() -> Vec<Vec<usize>> {
    let mut all = orders(6);
    all.retain(|order| order.len() == 6);
    all
}

/// Returns the states of Stripe that the server meets if events arrive in an order. When an event
/// arrives, Stripe is at least in the state after it, so the states only advance.
pub(super) fn met(order: &[usize]) -> Vec<usize> {
    let mut states: Vec<usize> = Vec::new();
    for event in order {
        if states.last().is_none_or(|last| event > last) {
            states.push(*event);
        }
    }
    states
}

/// Lets the server meet states of a subscription. Each event arrives twice, and an event of the
/// first state arrives late after each state.
async fn meet(shop: &Shop, id: &str, states: &[State; 6], met: &[usize]) -> Option<Observed> {
    for state in met {
        let (change, first, second) = &states[*state];
        shop.stripe.subscription(id, change);
        shop.stripe.invoice(id, 1, first.0, &first.1);
        if let Some((status, charge)) = second {
            shop.stripe.invoice(id, 2, status, charge);
        }
        for kind in [
            "customer.subscription.updated",
            "invoice.paid",
            "charge.updated",
        ] {
            shop.stripe.send(&shop.services, kind, id).await;
            shop.stripe.send(&shop.services, kind, id).await;
            shop.services.billing.work().await.unwrap();
        }
    }
    shop.license(id, at(END_1)).await
}

async fn every_order_has_the_same_end(states: [State; 6], expected: Option<(&str, u64)>) {
    // The first period ends today.
    let shop = Shop::start("2027-02-16T09:00:00Z").await;
    let orders = permutations();
    assert_eq!(orders.len(), 720);
    let different: BTreeSet<Vec<usize>> = orders.iter().map(|order| met(order)).collect();
    assert_eq!(different.len(), 32);
    for (number, met) in different.iter().enumerate() {
        let id = format!("sub_{number}");
        let found = meet(&shop, &id, &states, met).await;
        let summary = found.map(|found| (found.tier, found.seats.unwrap()));
        let expected = expected.map(|(tier, seats)| (tier.to_owned(), seats));
        assert_eq!(summary, expected, "{met:?}");
    }
}

#[tokio::test]
async fn a_restored_license_is_the_same_after_every_order_of_events() {
    every_order_has_the_same_end(restored(), Some(("TEAM", 8))).await;
}

#[tokio::test]
async fn a_refunded_license_is_revoked_after_every_order_of_events() {
    every_order_has_the_same_end(ended(), None).await;
}
