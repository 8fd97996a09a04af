//! The events of a subscription at localstripe in every order, as `tests/interop/record_stripe.py`
//! records them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::orders::{met, orders};
use super::{Shop, receive, team, unix};

/// The steps: paid, more seats, paused, disputed, won, and refunded.
const RECORDED: &str = include_str!("recorded.json");

/// The number of steps.
const STEPS: usize = 6;

/// The state, the reason and the seats of the license after each step.
const EXPECTED: [(&str, &str, Option<u64>); STEPS] = [
    ("active", "paid", Some(5)),
    ("active", "paid", Some(8)),
    ("suspended", "paused", Some(8)),
    ("suspended", "disputed", None),
    ("suspended", "paused", Some(8)),
    ("revoked", "refunded", None),
];

/// An event of localstripe, with the objects that the step has changed.
struct Step {
    event: Value,
    objects: Vec<Value>,
}

/// The subscription of the recording, with other ids and another customer for each number.
struct Recording {
    subscription: String,
    steps: Vec<Step>,
}

impl Recording {
    fn new(number: usize) -> Self {
        let steps: Vec<Value> = serde_json::from_str(RECORDED).unwrap();
        let all = steps.iter().flat_map(|step| {
            let objects = step["objects"].as_array().unwrap().iter();
            objects.chain([&step["event"]])
        });
        let ids: BTreeSet<&str> = all.map(|object| object["id"].as_str().unwrap()).collect();
        let mut text = RECORDED.replace("ann@example.com", &format!("ann{number}@example.com"));
        for id in &ids {
            text = text.replace(&format!("\"{id}\""), &format!("\"{id}{number}\""));
        }
        let mut steps: Vec<Value> = serde_json::from_str(&text).unwrap();
        let subscription = &steps[0]["event"]["data"]["object"];
        let id = subscription["id"].as_str().unwrap().to_owned();
        let begin = subscription["created"].as_i64().unwrap();
        let later = unix(super::PERIOD_0) - begin;
        let steps = steps.iter_mut().map(|step| {
            shift(step, begin, later);
            Step {
                event: step["event"].take(),
                objects: serde_json::from_value(step["objects"].take()).unwrap(),
            }
        });
        Self {
            subscription: id,
            steps: steps.collect(),
        }
    }
}

/// Moves the times of a value, so that the recording begins with the first period of the tests.
fn shift(value: &mut Value, begin: i64, later: i64) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| shift(item, begin, later)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|item| shift(item, begin, later)),
        value => {
            if let Some(seconds) = value.as_i64().filter(|seconds| *seconds >= begin) {
                *value = (seconds + later).into();
            }
        }
    }
}

/// Returns the longest of the orders in which the server meets the same states: each earlier event
/// that is not one of them arrives late.
fn longest(met: &[usize]) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    for state in met {
        order.push(*state);
        let late = (0..*state).filter(|event| !met.contains(event));
        let late: Vec<usize> = late.filter(|event| !order.contains(event)).collect();
        order.extend(late);
    }
    order
}

#[tokio::test]
async fn every_order_of_recorded_events_leads_to_the_state_of_the_last_one() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    let orders = orders(STEPS);
    assert_eq!(orders.len(), 1956);
    let different: BTreeSet<Vec<usize>> = orders.iter().map(|order| met(order)).collect();
    assert_eq!(different.len(), 63);
    for (number, states) in different.iter().enumerate() {
        let recording = Recording::new(number);
        let mut reached = 0;
        for event in longest(states) {
            // Stripe has made all steps up to the event.
            for step in recording.steps.iter().take(event + 1).skip(reached) {
                for object in &step.objects {
                    shop.stripe.double.put(object.clone());
                }
            }
            reached = reached.max(event + 1);
            let body = &recording.steps[event].event;
            assert!(receive(&shop.services, body).await.unwrap());
            assert!(!receive(&shop.services, body).await.unwrap());
            shop.services.billing.work().await.unwrap();
        }
        let id = &recording.subscription;
        let row = shop.services.billing.subscription(id).await.unwrap();
        let (state, reason, seats) = EXPECTED[*states.last().unwrap()];
        assert_eq!(
            (row.state.as_str(), row.reason.as_str()),
            (state, reason),
            "{states:?}"
        );
        assert_eq!(row.fault, None, "{states:?}");
        let found = shop.license(id, shop.services.now()).await;
        let expected = seats.map(|seats| team(seats, "2027-02-16T00:00:00Z"));
        assert_eq!(found, expected, "{states:?}");
    }
}
