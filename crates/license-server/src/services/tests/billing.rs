//! Licenses of subscriptions, with a double of Stripe, a real ledger and the vendor's key.

mod doubled;
mod events;
mod orders;
mod plans;
mod recorded;
mod sold;
mod trials;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use license_issuer::ledger::Ledger;
use license_issuer::ledger::sqlite::LedgerFile;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{at, config, people, vendor};
use crate::billing::stripe::tests::double::{Double, header};
use crate::clock::ManualClock;
use crate::domain::{Actor, BillingSubscription, PageRequest, Refusal};
use crate::mail::Mailer;
use crate::mail::tests::Sink;
use crate::services::{BillingSetup, PlanOrder, RevokeOrder, ServerRole, Services, VendorConfig};
use crate::store::sqlite::SqliteStore;

const PERIOD_0: &str = "2027-01-15T08:00:00Z";
const PERIOD_1: &str = "2027-02-15T08:00:00Z";
const PERIOD_2: &str = "2027-03-15T08:00:00Z";

fn unix(text: &str) -> i64 {
    at(text).timestamp()
}

/// A double of Stripe with the subscriptions of a test.
pub(crate) struct TestStripe {
    pub(crate) double: Double,
}

impl TestStripe {
    pub(crate) fn start() -> Self {
        let double = Double::start();
        double.put(json!({
            "id": "cus_1", "object": "customer", "name": "Globex", "email": "ann@example.com",
            "created": unix(PERIOD_0),
        }));
        Self { double }
    }

    pub(crate) fn setup(&self) -> BillingSetup {
        BillingSetup {
            provider: Arc::new(self.double.stripe()),
            grace: TimeDelta::days(30),
        }
    }

    /// Gives a server a plan and a paid subscription.
    pub(crate) async fn sell(&self, services: &Services) {
        put_plans(services).await;
        self.subscription("sub_1", |_| {});
        self.invoice("sub_1", 1, "paid", &json!({}));
        self.send(services, "invoice.paid", "sub_1").await;
        services.billing.work().await.unwrap();
    }

    /// Stores the state of a subscription: active, in its first period, with five units.
    pub(crate) fn subscription(&self, id: &str, change: impl FnOnce(&mut Value)) {
        let mut object = json!({
            "id": id, "object": "subscription", "customer": "cus_1", "status": "active",
            "items": { "object": "list", "has_more": false, "data": [{
                "id": "si_1", "object": "subscription_item", "subscription": id, "quantity": 5,
                "price": { "id": "price_team", "object": "price" },
            }] },
            "current_period_start": unix(PERIOD_0), "current_period_end": unix(PERIOD_1),
            "billing_cycle_anchor": unix(PERIOD_0), "start_date": unix(PERIOD_0),
            "created": unix(PERIOD_0), "currency": "eur", "collection_method": "charge_automatically",
            "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null, "ended_at": null,
            "pause_collection": null, "trial_start": null, "trial_end": null, "livemode": false,
        });
        change(&mut object);
        self.double.put(object);
    }

    /// Stores the state of the invoice of a period, and of its charge. The member `dispute` of the
    /// charge is the status of its dispute, which is an object of its own.
    pub(crate) fn invoice(&self, subscription: &str, period: u8, status: &str, charge: &Value) {
        let id = subscription.trim_start_matches("sub_");
        let (start, end) = match period {
            1 => (PERIOD_0, PERIOD_1),
            _ => (PERIOD_1, PERIOD_2),
        };
        let paid = if status == "paid" { 5000 } else { 0 };
        let mut object = json!({
            "id": format!("ch_{id}_{period}"), "object": "charge", "status": "succeeded",
            "amount": 5000, "amount_captured": 5000, "amount_refunded": 0, "refunded": false,
            "currency": "eur", "customer": "cus_1", "disputed": false, "paid": true,
            "invoice": format!("in_{id}_{period}"), "created": unix(PERIOD_0), "livemode": false,
        });
        for (member, value) in charge.as_object().unwrap() {
            object[member] = value.clone();
        }
        if let Some(status) = object.as_object_mut().unwrap().remove("dispute") {
            object["disputed"] = json!(true);
            self.double.put(json!({
                "id": format!("dp_{id}_{period}"), "object": "dispute", "status": status,
                "amount": 5000, "charge": object["id"], "currency": "eur", "reason": "fraudulent",
                "is_charge_refundable": false, "payment_intent": null, "balance_transactions": [],
                "created": unix(PERIOD_0), "livemode": false,
            }));
        }
        self.double.put(object);
        self.double.put(json!({
            "id": format!("in_{id}_{period}"), "object": "invoice", "status": status,
            "currency": "eur", "total": 5000, "amount_paid": paid, "subscription": subscription,
            "charge": if paid > 0 { json!(format!("ch_{id}_{period}")) } else { Value::Null },
            "amount_due": 5000, "amount_remaining": 5000 - paid, "customer": "cus_1",
            "collection_method": "charge_automatically", "due_date": null, "livemode": false,
            "billing_reason": if period == 1 { "subscription_create" } else { "subscription_cycle" },
            "lines": { "object": "list", "has_more": false, "data": [{
                "id": format!("il_{id}_{period}"), "object": "line_item", "type": "subscription",
                "subscription": subscription, "proration": false, "amount": 5000, "currency": "eur",
                "period": { "start": unix(start), "end": unix(end) },
            }] },
        }));
    }

    /// Sends an event about a subscription, as Stripe does.
    pub(crate) async fn send(&self, services: &Services, kind: &str, subscription: &str) -> String {
        let number = self.double.requests().len();
        let id = format!("evt_{number}_{kind}_{subscription}").replace('.', "_");
        let event = json!({
            "id": id, "object": "event", "type": kind, "created": unix(PERIOD_0),
            "livemode": false, "api_version": "2025-02-24.acacia",
            "data": { "object": { "object": "subscription", "id": subscription } },
        });
        receive(services, &event).await.unwrap();
        id
    }
}

async fn receive(services: &Services, event: &Value) -> Result<bool, Refusal> {
    let body = event.to_string().into_bytes();
    let header = header(&body, services.now());
    let receipt = services.billing.receive(Some(&header), &body).await?;
    Ok(receipt.is_new)
}

async fn put_plans(services: &Services) {
    for (price, tier, seats, features) in [
        ("price_team", Some("team"), 1, vec![]),
        ("price_ent", Some("ent"), 1, vec![]),
        ("price_extra", None, 10, vec!["extra_feature".to_owned()]),
    ] {
        let order = PlanOrder {
            tier: tier.map(str::to_owned),
            seats,
            features,
        };
        let stored = services
            .billing
            .put_plan(&Actor::Console, price, order)
            .await;
        stored.unwrap();
    }
}

/// A vendor's server without HTTP.
struct Shop {
    stripe: TestStripe,
    services: Arc<Services>,
    store: Arc<SqliteStore>,
    clock: Arc<ManualClock>,
    _directory: TempDir,
}

impl Shop {
    /// Starts a server on a day with plans and without subscriptions.
    async fn start(now: &str) -> Self {
        Self::start_with(now, None).await
    }

    /// Starts a server that sends mail.
    async fn start_with(now: &str, mail: Option<&Sink>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(at(now)));
        let store = SqliteStore::open(directory.path(), Arc::<ManualClock>::clone(&clock)).unwrap();
        let store = Arc::new(store);
        let ledger = directory.path().join("ledger.db");
        LedgerFile::new(&ledger).prepare().unwrap();
        let stripe = TestStripe::start();
        let mut config = config(Arc::<SqliteStore>::clone(&store), &clock);
        config.role = ServerRole::Vendor(Box::new(VendorConfig {
            ledger,
            key: vendor(),
        }));
        config.billing = Some(stripe.setup());
        if let Some(sink) = mail {
            let mailer = Mailer::start(&sink.config(), Arc::new(())).unwrap();
            config.people = people(Some(Arc::new(mailer)));
        }
        let services = Services::open(config).await.unwrap();
        put_plans(&services).await;
        Self {
            stripe,
            services,
            store,
            clock,
            _directory: directory,
        }
    }

    /// Sends an event, and processes what is due.
    async fn notify(&self, subscription: &str) -> BillingSubscription {
        let (stripe, services) = (&self.stripe, &self.services);
        stripe
            .send(services, "customer.subscription.updated", subscription)
            .await;
        services.billing.work().await.unwrap();
        services.billing.subscription(subscription).await.unwrap()
    }

    /// Returns what a customer with the newest license of a subscription has at an instant.
    async fn license(&self, subscription: &str, when: DateTime<Utc>) -> Option<Observed> {
        let row = self.services.billing.subscription(subscription).await;
        let id = row.unwrap().license?;
        let record = self.store_license(&id).await;
        let claims = record.license.claims().clone();
        let code = self.code(record.record.key.as_deref().unwrap()).await;
        let is_valid = code != "REVOKED" && claims.expires_at.is_none_or(|end| end > when);
        is_valid.then(|| Observed {
            tier: claims.tier.to_string(),
            seats: claims.seats,
            end: claims.expires_at,
            has_extra: record.license.entitlements().allows("extra_feature"),
        })
    }

    async fn store_license(
        &self,
        id: &license_core::LicenseId,
    ) -> crate::services::InstalledLicense {
        self.services.licenses.get(id).await.unwrap()
    }

    /// Returns the code of the answer to a client with a license key.
    async fn code(&self, key: &str) -> &'static str {
        let request = super::validation::request(key);
        let reply = self.services.validate.validate(request).await.unwrap();
        reply.code
    }

    async fn audited(&self) -> Vec<(String, String, Value)> {
        let page = PageRequest::new(None, Some(500));
        let entries = self.services.audit.list(&page).await.unwrap();
        let entries = entries.items.into_iter().map(|entry| {
            let details = serde_json::from_str(&entry.details).unwrap();
            (entry.action, entry.actor, details)
        });
        entries.collect()
    }
}

/// The license of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Observed {
    tier: String,
    seats: Option<u64>,
    end: Option<DateTime<Utc>>,
    has_extra: bool,
}

fn team(seats: u64, end: &str) -> Observed {
    Observed {
        tier: "TEAM".to_owned(),
        seats: Some(seats),
        end: Some(at(end)),
        has_extra: false,
    }
}

const END_1: &str = "2027-02-17T00:00:00Z";
const END_2: &str = "2027-03-17T00:00:00Z";

/// Puts a subscription into its second period.
fn second_period(object: &mut Value) {
    object["current_period_start"] = json!(unix(PERIOD_1));
    object["current_period_end"] = json!(unix(PERIOD_2));
}

#[tokio::test]
async fn a_license_follows_its_subscription_from_the_first_payment_to_the_end() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    let stripe = &shop.stripe;
    let now = || shop.services.now();
    // Created, and not paid.
    stripe.subscription("sub_1", |object| object["status"] = json!("incomplete"));
    stripe.invoice("sub_1", 1, "open", &json!({}));
    let row = shop.notify("sub_1").await;
    assert_eq!((row.state.as_str(), row.license), ("pending", None));
    // Paid.
    stripe.subscription("sub_1", |_| {});
    stripe.invoice("sub_1", 1, "paid", &json!({}));
    let row = shop.notify("sub_1").await;
    assert_eq!(
        (row.state.as_str(), row.reason.as_str()),
        ("active", "paid")
    );
    assert_eq!(shop.license("sub_1", now()).await, Some(team(5, END_1)));
    let first = row.license.unwrap();
    // Three more seats, and an addition.
    let more = |object: &mut Value| {
        object["items"] = json!({ "data": [
            { "id": "si_1", "price": { "id": "price_team" }, "quantity": 8 },
            { "id": "si_2", "price": { "id": "price_extra" }, "quantity": 1 },
        ] });
    };
    stripe.subscription("sub_1", more);
    shop.notify("sub_1").await;
    let found = shop.license("sub_1", now()).await.unwrap();
    assert_eq!((found.seats, found.has_extra), (Some(18), true));
    // The next payment fails, is tried again, and succeeds.
    shop.clock.advance_to(at("2027-02-15T12:00:00Z"));
    let late = |object: &mut Value| {
        more(object);
        second_period(object);
        object["status"] = json!("past_due");
    };
    stripe.subscription("sub_1", late);
    stripe.invoice("sub_1", 2, "open", &json!({}));
    let row = shop.notify("sub_1").await;
    assert_eq!(
        (row.state.as_str(), row.reason.as_str()),
        ("in_grace", "past_due")
    );
    let found = shop.license("sub_1", at("2027-03-10T00:00:00Z")).await;
    assert_eq!(found.unwrap().end, Some(at(END_2)));
    // Stripe stops its attempts, and the time of grace continues.
    let unpaid = |object: &mut Value| {
        late(object);
        object["status"] = json!("unpaid");
    };
    stripe.subscription("sub_1", unpaid);
    let row = shop.notify("sub_1").await;
    assert_eq!(
        (row.state.as_str(), row.reason.as_str()),
        ("in_grace", "past_due")
    );
    assert!(shop.license("sub_1", now()).await.is_some());
    // Paid, disputed, and won.
    stripe.subscription("sub_1", |object| {
        late(object);
        object["status"] = json!("active");
    });
    stripe.invoice("sub_1", 2, "paid", &json!({ "dispute": "needs_response" }));
    let row = shop.notify("sub_1").await;
    assert_eq!((row.state.as_str(), row.is_held), ("suspended", true));
    assert_eq!(shop.license("sub_1", now()).await, None);
    stripe.invoice("sub_1", 2, "paid", &json!({ "dispute": "won" }));
    let row = shop.notify("sub_1").await;
    assert_eq!((row.state.as_str(), row.is_held), ("active", false));
    assert!(shop.license("sub_1", now()).await.is_some());
    // Canceled: the paid time stays.
    stripe.subscription("sub_1", |object| {
        late(object);
        object["status"] = json!("canceled");
    });
    let row = shop.notify("sub_1").await;
    assert_eq!(
        (row.state.as_str(), row.reason.as_str()),
        ("ended", "canceled")
    );
    assert!(shop.license("sub_1", now()).await.is_some());
    assert!(shop.license("sub_1", at(END_2)).await.is_none());
    // Refunded.
    stripe.invoice("sub_1", 2, "paid", &json!({ "amount_refunded": 5000 }));
    let row = shop.notify("sub_1").await;
    assert_eq!(
        (row.state.as_str(), row.reason.as_str()),
        ("revoked", "refunded")
    );
    assert_eq!(shop.license("sub_1", now()).await, None);
    // The key of the first license leads to the newest one, and each change has its reason.
    let record = shop.store_license(&first).await;
    assert_eq!(record.record.customer, "Globex");
    let audited = shop.audited().await;
    let of_provider = audited
        .iter()
        .filter(|(_, actor, _)| actor == "provider:stripe");
    let reasons = of_provider.filter_map(|(action, _, details)| {
        let reason = details["reason"].as_str()?;
        Some((action.as_str(), reason))
    });
    let reasons: Vec<_> = reasons.collect();
    for expected in [
        ("license.issue", "stripe sub_1: paid"),
        ("license.renew", "stripe sub_1: past_due"),
        ("license.revoke", "subscription disputed"),
        ("license.reinstate", "subscription paid"),
        ("license.revoke", "subscription refunded"),
        ("subscription.change", "canceled"),
    ] {
        assert!(reasons.contains(&expected), "{expected:?} in {reasons:?}");
    }
    let report = shop.services.audit.verify().await.unwrap();
    assert_eq!(report.fault, None);
}

#[tokio::test]
async fn an_upgrade_keeps_and_a_downgrade_removes_the_content_of_a_tier() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    let now = shop.services.now();
    shop.stripe.invoice("sub_1", 1, "paid", &json!({}));
    for (price, quantity, tier) in [
        ("price_team", 5, "TEAM"),
        ("price_ent", 7, "ENT"),
        ("price_team", 2, "TEAM"),
    ] {
        shop.stripe.subscription("sub_1", |object| {
            object["items"]["data"][0]["price"]["id"] = json!(price);
            object["items"]["data"][0]["quantity"] = json!(quantity);
        });
        let row = shop.notify("sub_1").await;
        assert_eq!(row.fault, None);
        let found = shop.license("sub_1", now).await.unwrap();
        assert_eq!((found.tier.as_str(), found.seats), (tier, Some(quantity)));
        assert_eq!(found.end, Some(at(END_1)));
    }
}

#[tokio::test]
async fn a_license_that_a_person_revoked_stays_revoked() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    shop.stripe.sell(&shop.services).await;
    let license = shop.notify("sub_1").await.license.unwrap();
    let order = RevokeOrder {
        reason: "fraud".to_owned(),
        ..RevokeOrder::default()
    };
    let revoked = shop
        .services
        .vendor
        .revoke(&Actor::Console, &license, order);
    revoked.await.unwrap();
    let row = shop.notify("sub_1").await;
    assert!(!row.is_held);
    assert_eq!(
        row.fault.as_deref(),
        Some("a person has revoked the license")
    );
    assert_eq!(shop.license("sub_1", shop.services.now()).await, None);
}
