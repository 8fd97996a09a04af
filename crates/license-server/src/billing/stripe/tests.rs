pub(crate) mod double;
mod pages;

use license_core::time::{from_unix_seconds, parse_instant};
use serde_json::{Value, json};

use self::double::{Double, KEY};
use super::*;
use crate::billing::ConvertedTrial;
use crate::domain::{InvoiceStatus, Pause, SubscriptionStatus, TrialId};

fn at(text: &str) -> DateTime<Utc> {
    parse_instant(text).unwrap()
}

fn now() -> DateTime<Utc> {
    at("2027-01-15T09:00:00Z")
}

fn event(kind: &str, object: &Value) -> NewBillingEvent {
    let body = json!({
        "id": "evt_1", "object": "event", "type": kind, "created": 1_800_000_000,
        "livemode": false, "api_version": "2099-01-01.future", "data": { "object": object },
    });
    read::event(body.to_string().as_bytes(), now()).unwrap()
}

#[test]
fn a_subscription_has_its_customer_and_the_payments_of_its_invoices() {
    let double = Double::start();
    let stripe = double.stripe();
    assert_eq!(stripe.subscription("sub_1"), Ok(None));
    double.put(json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "past_due",
        "pause_collection": { "behavior": "keep_as_draft", "resumes_at": null },
        "items": { "object": "list", "data": [
            { "id": "si_1", "price": { "id": "price_team" }, "plan": { "id": "price_team" }, "quantity": 5 },
            { "id": "si_2", "price": { "id": "price_usage" } },
        ] },
        "current_period_start": 1_799_000_000, "current_period_end": 1_801_000_000,
        "trial_end": null, "cancel_at": null, "cancel_at_period_end": true,
        "cancellation_details": { "comment": null, "feedback": null, "reason": "payment_failed" },
        "created": 1_799_000_000, "a_new_member": { "x": 1 },
        "metadata": { "license_trial": "trl_1", "other": 7 },
    }));
    double.put(json!({
        "id": "cus_1", "object": "customer", "name": "ACME\u{7}\u{202e} Ltd", "email": "", "created": 1,
    }));
    let invoice = |id: &str, status: &str, charge: Value| {
        json!({
            "id": id, "object": "invoice", "status": status, "currency": "jpy", "total": 900,
            "amount_paid": if status == "paid" { 900 } else { 0 }, "subscription": "sub_1",
            "due_date": null, "charge": charge,
            "lines": { "object": "list", "data": [
                { "id": "il_1", "type": "subscription", "period": { "start": 1, "end": 1_801_000_000 } },
                { "id": "il_2", "type": "invoiceitem", "period": { "start": 1, "end": 1_900_000_000 } },
            ] },
        })
    };
    double.put(invoice("in_1", "paid", json!("ch_1")));
    double.put(invoice("in_2", "open", Value::Null));
    double.put(invoice("in_3", "paid", json!("ch_3")));
    double.put(
        json!({ "id": "ch_1", "object": "charge", "amount_refunded": 100, "invoice": "in_1" }),
    );
    double.put(json!({
        "id": "ch_3", "object": "charge", "amount_refunded": 0, "disputed": true,
        "invoice": "in_3",
    }));
    // An inquiry that was closed before, and a dispute of another charge.
    let dispute = |id: &str, charge: &str, status: &str| {
        json!({
            "id": id, "object": "dispute", "status": status, "amount": 900, "charge": charge,
            "currency": "jpy", "payment_intent": null, "reason": "general",
            "is_charge_refundable": false, "balance_transactions": [],
        })
    };
    double.put(dispute("dp_0", "ch_3", "warning_closed"));
    double.put(dispute("dp_2", "ch_1", "lost"));
    for (status, disputed, lost) in [
        ("needs_response", 900, 0),
        ("under_review", 900, 0),
        ("lost", 0, 900),
        ("won", 0, 0),
        ("warning_needs_response", 0, 0),
        ("warning_closed", 0, 0),
    ] {
        double.put(dispute("dp_1", "ch_3", status));
        let found = stripe.subscription("sub_1").unwrap().unwrap();
        let third = found.invoices.iter().find(|invoice| invoice.id == "in_3");
        let third = third.unwrap();
        assert_eq!(
            (third.disputed.minor(), third.lost.minor()),
            (disputed, lost),
            "{status}"
        );
    }
    let found = stripe.subscription("sub_1").unwrap().unwrap();
    assert_eq!(found.status, SubscriptionStatus::PastDue);
    assert!(found.has_failed);
    assert_eq!(found.pause, Some(Pause::Free));
    let items: Vec<_> = found
        .items
        .iter()
        .map(|item| (item.price.as_str(), item.quantity))
        .collect();
    assert_eq!(items, [("price_team", Some(5)), ("price_usage", None)]);
    assert_eq!(found.period_end.timestamp(), 1_801_000_000);
    assert_eq!(found.cancel_at, Some(found.period_end));
    assert_eq!(found.customer.name.as_deref(), Some("ACME Ltd"));
    assert_eq!(found.customer.email, None);
    let first = found.invoices.iter().find(|invoice| invoice.id == "in_1");
    let first = first.unwrap();
    assert_eq!(first.status, InvoiceStatus::Paid);
    // Yen have no smaller unit.
    assert_eq!(first.paid.to_string(), "900 JPY");
    assert_eq!(first.kept(), 800);
    // The period of a single item is not one of the subscription.
    assert_eq!(first.period_end.unwrap().timestamp(), 1_801_000_000);
    for request in double.requests() {
        assert_eq!(request.version.as_deref(), Some(API_VERSION));
        assert_eq!(request.authorization, format!("Bearer {KEY}"));
    }
}

#[test]
fn periods_are_found_where_newer_versions_have_them() {
    let double = Double::start();
    double.put(json!({ "id": "cus_1", "object": "customer", "created": 1 }));
    double.put(json!({
        "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": "active",
        "items": { "data": [{
            "plan": "plan_1", "quantity": 1,
            "current_period_start": 1_799_000_000, "current_period_end": 1_801_000_000,
        }] },
        "created": 1,
    }));
    let found = double.stripe().subscription("sub_1").unwrap().unwrap();
    assert_eq!(found.period_start.timestamp(), 1_799_000_000);
    assert_eq!(found.period_end.timestamp(), 1_801_000_000);
    assert_eq!(found.items[0].price, "plan_1");
}

#[test]
fn an_event_of_any_version_leads_to_its_subscription() {
    let double = Double::start();
    let stripe = double.stripe();
    double.put(json!({
        "id": "in_1", "object": "invoice", "status": "paid", "currency": "eur", "total": 1,
        "subscription": "sub_1", "lines": { "data": [] },
    }));
    double.put(json!({ "id": "ch_1", "object": "charge", "invoice": "in_1" }));
    double.put(json!({ "id": "ch_2", "object": "charge", "invoice": null }));
    let subject = |kind: &str, object: Value| stripe.subject(&event(kind, &object)).unwrap();
    let sub = |id: &str| EventSubject::Subscription(id.to_owned());
    for (kind, object) in [
        (
            "customer.subscription.updated",
            json!({ "object": "subscription", "id": "sub_1" }),
        ),
        (
            "invoice.paid",
            json!({ "object": "invoice", "id": "in_9", "subscription": "sub_1" }),
        ),
        (
            "invoice.paid",
            json!({ "object": "invoice", "id": "in_9", "subscription": { "id": "sub_1" } }),
        ),
        (
            "invoice.paid",
            json!({ "object": "invoice", "id": "in_9", "parent": {
                "subscription_details": { "subscription": "sub_1" } } }),
        ),
        // The event does not state the subscription, so the invoice is read.
        ("invoice.paid", json!({ "object": "invoice", "id": "in_1" })),
        (
            "checkout.session.completed",
            json!({ "object": "checkout.session", "id": "cs_1", "subscription": "sub_1" }),
        ),
        (
            "charge.refunded",
            json!({ "object": "charge", "id": "ch_1" }),
        ),
        (
            "charge.dispute.created",
            json!({ "object": "dispute", "id": "dp_1", "charge": "ch_1" }),
        ),
        (
            "refund.updated",
            json!({ "object": "refund", "id": "re_1", "charge": { "id": "ch_1" } }),
        ),
    ] {
        assert_eq!(subject(kind, object), sub("sub_1"), "{kind}");
    }
    let customer = json!({ "object": "customer", "id": "cus_1" });
    let found = subject("customer.deleted", customer);
    assert_eq!(found, EventSubject::Customer("cus_1".to_owned()));
    for (kind, object) in [
        // A payment without an invoice, such as the second one of a customer who paid twice.
        (
            "charge.refunded",
            json!({ "object": "charge", "id": "ch_2" }),
        ),
        (
            "charge.refunded",
            json!({ "object": "charge", "id": "ch_unknown" }),
        ),
        (
            "charge.refunded",
            json!({ "object": "charge", "id": "../customers" }),
        ),
        (
            "invoice.paid",
            json!({ "object": "invoice", "id": "in_unknown" }),
        ),
        (
            "customer.subscription.updated",
            json!({ "object": "subscription", "id": "a/b" }),
        ),
        ("payout.paid", json!({ "object": "payout", "id": "po_1" })),
        ("v2.core.thing", json!({ "id": "x" })),
        (
            "invoice.paid",
            json!({ "object": "invoice", "subscription": 5 }),
        ),
    ] {
        let found = subject(kind, object);
        assert!(
            matches!(found, EventSubject::Nothing(_)),
            "{kind} {found:?}"
        );
    }
}

#[test]
fn a_body_that_is_no_event_is_refused() {
    let stripe = Double::start().stripe();
    for body in [
        &b""[..],
        b"{}",
        b"[]",
        b"\xff",
        br#"{"id":"evt_1","object":"charge","type":"a","created":1,"data":{"object":{}}}"#,
        br#"{"id":"evt/1","object":"event","type":"a","created":1,"data":{"object":{}}}"#,
        br#"{"id":"evt_1","object":"event","type":"","created":1,"data":{"object":{}}}"#,
        br#"{"id":"evt_1","object":"event","type":"a b","created":1,"data":{"object":{}}}"#,
        br#"{"id":"evt_1","object":"event","type":"a","created":-1,"data":{"object":{}}}"#,
    ] {
        let header = double::header(body, now());
        let found = stripe.receive(Some(&header), body, now());
        assert_eq!(found, Err(EventFault::NotAnEvent), "{body:?}");
    }
    let body = br#"{"id":"evt_1","object":"event","type":"a.b","created":1,"data":{"object":{}}}"#;
    let found = stripe.receive(Some(&double::header(body, now())), body, now());
    let found = found.unwrap();
    assert_eq!((found.id.as_str(), found.kind.as_str()), ("evt_1", "a.b"));
    assert_eq!(found.body, body);
}

#[test]
fn events_and_subscriptions_are_read_page_by_page() {
    let double = Double::start();
    double.put(json!({ "id": "cus_1", "object": "customer", "created": 1 }));
    for number in 0..150 {
        double.put(json!({
            "id": format!("evt_{number:03}"), "object": "event", "type": "invoice.paid",
            "created": 1_700_000_000 + number, "data": { "object": { "id": "in_1" } },
        }));
        double.put(json!({ "id": format!("sub_{number:03}"), "object": "subscription" }));
    }
    let stripe = double.stripe();
    let since = DateTime::from_timestamp(1_700_000_010, 0).unwrap();
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = stripe.events_since(since, after.as_deref(), now()).unwrap();
        events.extend(page.items.into_iter().map(|event| event.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    events.sort();
    assert_eq!(events.len(), 140);
    assert_eq!(events.first().map(String::as_str), Some("evt_010"));
    let first = stripe.subscriptions(None).unwrap();
    assert_eq!(first.items.len(), 100);
    let rest = stripe.subscriptions(first.next.as_deref()).unwrap();
    assert_eq!((rest.items.len(), rest.next), (50, None));
}

fn form(body: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.unwrap().into_owned()
    };
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

#[test]
fn links_lead_to_checkout_and_to_the_portal() {
    let double = Double::start();
    let stripe = double.stripe();
    double.answer(
        "/v1/checkout/sessions",
        json!({ "id": "cs_1", "url": "https://checkout.stripe.com/c/pay/cs_1", "expires_at": 1_800_000_000 }),
    );
    double.answer(
        "/v1/billing_portal/sessions",
        json!({ "id": "bps_1", "url": "https://billing.stripe.com/p/session/1" }),
    );
    let order = CheckoutOrder {
        price: "price_team".to_owned(),
        quantity: 5,
        customer: None,
        email: Some("ann+x@example.com".to_owned()),
        trial_days: Some(14),
        trial: None,
        success_url: "https://vendor.example/ok?a=1&b=2".to_owned(),
        cancel_url: "https://vendor.example/".to_owned(),
    };
    let link = stripe.checkout(&order, "key-1").unwrap();
    assert_eq!(link.url, "https://checkout.stripe.com/c/pay/cs_1");
    assert_eq!(link.expires_at.unwrap().timestamp(), 1_800_000_000);
    assert!(!format!("{link:?}").contains("pay"));
    let portal = PortalOrder {
        customer: "cus_1".to_owned(),
        return_url: "https://vendor.example/".to_owned(),
    };
    assert_eq!(stripe.portal(&portal, "key-2").unwrap().id, "bps_1");
    let requests = double.requests();
    assert_eq!(requests[0].idempotency_key.as_deref(), Some("key-1"));
    let sent = form(&requests[0].body);
    for (name, value) in [
        ("mode", "subscription"),
        ("line_items[0][price]", "price_team"),
        ("line_items[0][quantity]", "5"),
        ("customer_email", "ann+x@example.com"),
        ("success_url", "https://vendor.example/ok?a=1&b=2"),
        ("subscription_data[trial_period_days]", "14"),
    ] {
        let expected = (name.to_owned(), value.to_owned());
        assert!(sent.contains(&expected), "{name}: {sent:?}");
    }
    let id = TrialId::new(now(), [1; 10]);
    let known = CheckoutOrder {
        customer: Some("cus_1".to_owned()),
        trial_days: None,
        trial: Some(ConvertedTrial {
            id: id.clone(),
            paid_from: from_unix_seconds(1_800_000_000),
        }),
        ..order
    };
    stripe.checkout(&known, "key-3").unwrap();
    let body = &double.requests()[2].body;
    assert!(body.contains("customer=cus_1") && !body.contains("customer_email"));
    let sent = form(body);
    for (name, value) in [
        ("subscription_data[metadata][license_trial]", id.as_str()),
        ("subscription_data[trial_end]", "1800000000"),
    ] {
        let expected = (name.to_owned(), value.to_owned());
        assert!(sent.contains(&expected), "{name}: {sent:?}");
    }
    assert!(!body.contains("trial_period_days"), "{body}");
}

#[test]
fn usage_is_counted_once_and_each_attempt_has_an_answer_of_its_own() {
    let double = Double::start();
    let stripe = double.stripe();
    let usage = MeteredUsage {
        meter: "commands".to_owned(),
        customer: "cus_1".to_owned(),
        amount: 12,
        at: now(),
        identifier: "u-1".to_owned(),
    };
    let path = "/v1/billing/meter_events";
    double.fail(path, 500, json!({ "error": { "type": "api_error" } }));
    let failed = stripe.report_usage(&usage).unwrap_err();
    assert!(matches!(failed, ProviderError::Unreachable(_)), "{failed}");
    let error = json!({ "type": "invalid_request_error", "message": "No meter with this name" });
    double.fail(path, 400, json!({ "error": error }));
    let refused = stripe.report_usage(&usage).unwrap_err();
    assert!(matches!(refused, ProviderError::Refused(_)), "{refused}");
    double.answer(path, json!({ "identifier": "u-1" }));
    stripe.report_usage(&usage).unwrap();
    // Stripe refuses an identifier that it has.
    stripe.report_usage(&usage).unwrap();
    let requests = double.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        let usage = form(&request.body);
        assert!(usage.contains(&("payload[value]".to_owned(), "12".to_owned())));
        assert!(usage.contains(&("identifier".to_owned(), "u-1".to_owned())));
        assert_eq!(request.idempotency_key, None);
    }
}

#[test]
fn an_error_names_its_reason_and_no_secret() {
    let double = Double::start();
    let stripe = double.stripe();
    let portal = PortalOrder {
        customer: "cus_1".to_owned(),
        return_url: "https://vendor.example/".to_owned(),
    };
    let refused = json!({ "error": {
        "type": "invalid_request_error", "code": "resource_missing", "param": "customer",
        "message": format!("No such customer: 'cus_1'; the key is {KEY}"),
    } });
    for (status, is_temporary) in [
        (400, false),
        (401, true),
        (402, false),
        (429, true),
        (500, true),
        (503, true),
    ] {
        double.fail("/v1/billing_portal/sessions", status, refused.clone());
        let error = stripe.portal(&portal, &format!("k{status}")).unwrap_err();
        assert_eq!(error.is_temporary(), is_temporary, "{status}");
        let text = format!("{error} {error:?} {stripe:?}");
        assert!(text.contains("resource_missing"), "{text}");
        assert!(text.contains("no such customer"), "{text}");
        assert!(!text.contains(KEY) && !text.contains("No such"), "{text}");
    }
    double.answer(
        "/v1/billing_portal/sessions",
        json!({ "id": "bps_1", "url": "javascript:x" }),
    );
    let error = stripe.portal(&portal, "link").unwrap_err();
    assert!(matches!(error, ProviderError::Malformed(_)), "{error}");
    let unreachable = Stripe::new(StripeSettings {
        key: Zeroizing::new(KEY.to_owned()),
        webhook_keys: Vec::new(),
        api_url: "http://127.0.0.1:1".to_owned(),
    });
    let error = unreachable.subscription("sub_1").unwrap_err();
    assert!(matches!(error, ProviderError::Unreachable(_)), "{error}");
    assert!(!unreachable.is_live());
}
