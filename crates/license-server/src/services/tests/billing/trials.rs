//! Trials of this server and trials at Stripe.

use license_core::LicenseId;
use license_core::time::{rfc3339, saturating_add};
use serde_json::json;

use super::{Shop, team};
use crate::clock::{ServerClock as _, SystemServerClock};
use crate::domain::{Actor, EmailAddress, PageRequest, RefusalKind, Trial, TrialState};
use crate::services::{CheckoutRequest, NewTrial};

/// Starts a server at the time of the system, which the ledger has too.
async fn shop() -> Shop {
    Shop::start(&rfc3339(SystemServerClock.wall()).to_string()).await
}

impl Shop {
    async fn trial(&self) -> Trial {
        let new = NewTrial {
            email: EmailAddress::parse("ann@example.com").unwrap(),
            customer: "ACME Ltd".to_owned(),
            machine: None,
        };
        let trials = &self.services.trials;
        let started = trials.start(&Actor::Console, new, false).await;
        started.unwrap().trial
    }
}

fn checkout() -> CheckoutRequest {
    CheckoutRequest {
        price: "price_team".to_owned(),
        quantity: 5,
        success_url: "https://vendor.example/ok".to_owned(),
        cancel_url: "https://vendor.example/".to_owned(),
        ..CheckoutRequest::default()
    }
}

#[tokio::test]
async fn a_subscription_converts_the_trial_that_its_checkout_names() {
    let shop = shop().await;
    let (stripe, billing) = (&shop.stripe, &shop.services.billing);
    let trial = shop.trial().await;
    let pool = async |id: &LicenseId| shop.store_license(id).await.record.pool;
    let of_trial = pool(trial.license.as_ref().unwrap()).await;
    let url = "https://checkout.stripe.com/c/pay/cs_1";
    let session = json!({ "id": "cs_1", "url": url });
    stripe.double.answer("/v1/checkout/sessions", session);
    let request = CheckoutRequest {
        trial: Some(trial.id.to_string()),
        ..checkout()
    };
    let console = Actor::Console;
    billing
        .checkout(&console, request.clone(), None)
        .await
        .unwrap();
    let sent = stripe.double.requests().pop().unwrap().body;
    let end = trial.ends_at.unwrap();
    for expected in [
        format!("%5Blicense_trial%5D={}", trial.id),
        format!("trial_end%5D={}", end.timestamp()),
        "customer_email=ann%40example.com".to_owned(),
    ] {
        assert!(sent.contains(&expected), "{expected}: {sent}");
    }
    // The customer subscribes, and pays first at the end of the trial.
    stripe.subscription("sub_1", |object| {
        object["status"] = json!("trialing");
        object["trial_end"] = json!(end.timestamp());
        object["current_period_end"] = json!(end.timestamp());
        object["metadata"] = json!({ "license_trial": trial.id.as_str() });
    });
    let row = shop.notify("sub_1").await;
    assert_eq!((row.reason.as_str(), &row.fault), ("trial", &None));
    let license = row.license.unwrap();
    assert_eq!(pool(&license).await, of_trial);
    let found = shop.store_license(&license).await.license;
    assert_eq!(found.customer(), "ACME Ltd");
    assert!(!found.is_trial());
    // The day after the end of the trial is the last one.
    let expected = saturating_add(end, chrono::TimeDelta::days(2));
    assert_eq!(found.expires_at(), Some(expected));
    shop.services.trials.work().await.unwrap();
    let converted = shop.services.trials.get(&trial.id).await.unwrap();
    assert_eq!(converted.state, TrialState::Converted);
    assert_eq!(converted.paid, Some(license));
    assert_eq!(converted.next_at, None, "no reminder");
    let refused = billing.checkout(&console, request, None).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        (refused.kind, refused.code),
        (RefusalKind::Conflict, "CONVERTED")
    );
}

#[tokio::test]
async fn a_customer_who_pays_gets_a_license_although_the_trial_cannot_be_converted() {
    let shop = shop().await;
    for trial in ["trl_unknown".to_owned(), {
        let trial = shop.trial().await;
        let order = crate::services::RevokeOrder {
            reason: "abuse".to_owned(),
            ..Default::default()
        };
        let vendor = &shop.services.vendor;
        let license = trial.license.as_ref().unwrap();
        vendor
            .revoke(&Actor::Console, license, order)
            .await
            .unwrap();
        trial.id.to_string()
    }] {
        let id = format!("sub_{}", trial.len());
        shop.stripe.subscription(&id, |object| {
            object["metadata"] = json!({ "license_trial": trial });
        });
        shop.stripe.invoice(&id, 1, "paid", &json!({}));
        let row = shop.notify(&id).await;
        assert_eq!((row.state.as_str(), row.fault), ("active", None), "{trial}");
        let found = shop.license(&id, shop.services.now()).await;
        assert_eq!(found, Some(team(5, super::END_1)), "{trial}");
    }
}

#[tokio::test]
async fn a_trial_at_stripe_is_refused_to_those_who_had_a_trial_or_a_subscription() {
    let shop = shop().await;
    let billing = &shop.services.billing;
    let session = json!({ "id": "cs_1", "url": "https://checkout.stripe.com/c/pay/cs_1" });
    shop.stripe.double.answer("/v1/checkout/sessions", session);
    let create = async |request: CheckoutRequest| {
        let link = billing.checkout(&Actor::Console, request, None).await;
        link.map(|link| link.id).map_err(|refusal| refusal.code)
    };
    let with_trial = |email: Option<&str>, customer: Option<&str>| CheckoutRequest {
        email: email.map(str::to_owned),
        customer: customer.map(str::to_owned),
        trial_days: Some(14),
        ..checkout()
    };
    let created = Ok("cs_1".to_owned());
    assert_eq!(
        create(with_trial(Some("bob@example.com"), None)).await,
        created
    );
    let trial = shop.trial().await;
    for email in ["ann@example.com", "ANN+again@example.com"] {
        let refused = create(with_trial(Some(email), None)).await;
        assert_eq!(refused, Err("TRIAL_USED"), "{email}");
    }
    // Without a trial, the customer can buy.
    let paid = CheckoutRequest {
        email: Some("ann@example.com".to_owned()),
        ..checkout()
    };
    assert_eq!(create(paid).await, created);
    // A customer of Stripe with a subscription, by id and by address.
    shop.stripe.double.put(json!({
        "id": "cus_1", "object": "customer", "name": "Globex", "email": "bob@example.com", "created": 1,
    }));
    shop.stripe.sell(&shop.services).await;
    for (email, customer) in [(Some("Bob@example.com"), None), (None, Some("cus_1"))] {
        let refused = create(with_trial(email, customer)).await;
        assert_eq!(refused, Err("TRIAL_USED"), "{email:?} {customer:?}");
    }
    assert_eq!(create(with_trial(None, Some("cus_2"))).await, created);
    // The two kinds of trials exclude each other, and the trial must exist.
    let both = CheckoutRequest {
        trial: Some(trial.id.to_string()),
        ..with_trial(Some("eve@example.com"), None)
    };
    assert_eq!(create(both).await, Err("BAD_REQUEST"));
    let unknown = CheckoutRequest {
        trial: Some("trl_unknown".to_owned()),
        ..checkout()
    };
    assert_eq!(create(unknown).await, Err("NOT_FOUND"));
    let all = shop.services.trials.list(None, &PageRequest::first()).await;
    assert_eq!(
        all.unwrap().items.len(),
        1,
        "a trial at Stripe is not in the list"
    );
}
