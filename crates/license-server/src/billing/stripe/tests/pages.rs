//! Lists that are longer than a page.

use chrono::TimeDelta;
use serde_json::json;

use super::at;
use super::double::Double;
use crate::billing::provider::BillingProvider;
use crate::domain::Entitlement;

#[test]
fn the_payment_of_a_year_is_found_behind_many_invoices_for_changes() {
    let double = Double::start();
    double.put(json!({ "id": "cus_1", "object": "customer", "created": 1 }));
    double.put(json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "past_due",
        "items": { "data": [] }, "current_period_start": 1_800_000_000,
        "current_period_end": 1_831_536_000, "created": 1_800_000_000,
    }));
    let invoice = |number: u32, status: &str| {
        json!({
            "id": format!("in_{number:03}"), "object": "invoice", "status": status,
            "currency": "eur", "total": 900, "amount_paid": 900, "subscription": "sub_1",
            "lines": { "data": [{ "type": "subscription", "period": { "end": 1_831_536_000 } }] },
        })
    };
    double.put(invoice(0, "paid"));
    (1..230).for_each(|number| double.put(invoice(number, "open")));
    let found = double.stripe().subscription("sub_1").unwrap().unwrap();
    assert_eq!(found.invoices.len(), 230);
    let entitlement = Entitlement::new(&found, TimeDelta::days(30), at("2027-12-01T00:00:00Z"));
    assert!(entitlement.is_valid(), "{entitlement:?}");
}

#[test]
fn lines_and_items_beyond_the_first_ten_count() {
    let double = Double::start();
    double.put(json!({ "id": "cus_1", "object": "customer", "created": 1 }));
    let item = |number: u32, price: &str| json!({ "id": format!("si_{number}"), "price": price });
    let items: Vec<_> = (0..10).map(|number| item(number, "price_extra")).collect();
    double.put(json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active",
        "items": { "data": items, "has_more": true },
        "current_period_start": 1_802_678_400, "current_period_end": 1_805_097_600, "created": 1,
    }));
    double.answer(
        "/v1/subscription_items?subscription=sub_1&limit=100&starting_after=si_9",
        json!({ "data": [item(10, "price_team")], "has_more": false }),
    );
    // Five changes of the number of seats in the last month come before the line of this month.
    let line = |number: u32, end: u32| json!({ "id": format!("il_{number}"), "subscription": "sub_1", "period": { "end": end } });
    let lines: Vec<_> = (0..10).map(|number| line(number, 1_802_678_400)).collect();
    double.put(json!({
        "id": "in_1", "object": "invoice", "status": "paid", "currency": "eur", "total": 900,
        "amount_paid": 900, "subscription": "sub_1", "lines": { "data": lines, "has_more": true },
    }));
    double.answer(
        "/v1/invoices/in_1/lines?limit=100&starting_after=il_9",
        json!({ "data": [line(10, 1_805_097_600)], "has_more": false }),
    );
    let stripe = double.stripe();
    let found = stripe.subscription("sub_1").unwrap().unwrap();
    let [invoice] = &found.invoices[..] else {
        panic!("expected one invoice: {:?}", found.invoices);
    };
    assert_eq!(invoice.period_end, Some(found.period_end));
    assert_eq!(found.items.len(), 11);
    assert_eq!(found.items[10].price, "price_team");
}
