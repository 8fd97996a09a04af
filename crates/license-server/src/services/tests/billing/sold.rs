//! Licenses that a person renews, upgrades or changes while billing watches their subscription.

use license_core::LicenseId;
use serde_json::json;

use super::{END_1, PERIOD_1, PERIOD_2, Shop, at, second_period, unix};
use crate::domain::{Actor, BillingSubscription, test_invoice};
use crate::services::{
    ContentChanges, InvoiceOrder, NewInvoice, NewPayment, RenewOrder, UpgradeOrder,
};

/// How a person renews a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sale {
    ByHand,
    ByInvoice,
}

impl Shop {
    /// Renews a license until the end of a day.
    async fn renew(&self, license: &LicenseId, day: &str, sale: Sale) -> LicenseId {
        let order = RenewOrder {
            until: Some(day.to_owned()),
            ..RenewOrder::default()
        };
        let console = Actor::Console;
        if sale == Sale::ByHand {
            let vendor = &self.services.vendor;
            let renewed = vendor.renew(&console, license, order, None).await;
            return renewed.unwrap().id;
        }
        let invoices = &self.services.invoices;
        let new = NewInvoice {
            entity: "DE".to_owned(),
            content: test_invoice(1).content,
            order: Some(InvoiceOrder::Renew {
                license: license.to_string(),
                order,
            }),
        };
        let draft = invoices.create(&console, new).await.unwrap();
        invoices.issue(&console, &draft.id).await.unwrap();
        let payment = NewPayment {
            reference: "statement 7".to_owned(),
            ..NewPayment::default()
        };
        let paid = invoices.pay(&console, &draft.id, payment).await.unwrap();
        paid.license.unwrap()
    }

    /// Returns the code of the answer to a client with a license.
    async fn code_of(&self, license: &LicenseId) -> &'static str {
        let key = self.store_license(license).await.record.key.unwrap();
        self.code(&key).await
    }

    /// Cancels the subscription, and returns it.
    async fn cancel(&self) -> BillingSubscription {
        self.stripe
            .subscription("sub_1", |object| object["status"] = json!("canceled"));
        self.notify("sub_1").await
    }
}

fn fault(license: &LicenseId) -> Option<String> {
    Some(format!(
        "a person has renewed or upgraded the license: {license}"
    ))
}

#[tokio::test]
async fn a_renewal_that_a_person_sold_survives_the_end_and_the_refund_of_the_subscription() {
    for (sale, is_refunded) in [
        (Sale::ByHand, false),
        (Sale::ByHand, true),
        (Sale::ByInvoice, false),
        (Sale::ByInvoice, true),
    ] {
        let what = format!("{sale:?}, refunded: {is_refunded}");
        let shop = Shop::start("2027-01-15T09:00:00Z").await;
        shop.stripe.sell(&shop.services).await;
        let own = shop.cancel().await.license.unwrap();
        let renewal = shop.renew(&own, "2028-02-16", sale).await;
        if is_refunded {
            let refund = json!({ "amount_refunded": 5000 });
            shop.stripe.invoice("sub_1", 1, "paid", &refund);
        }
        let row = shop.notify("sub_1").await;
        assert_eq!(row.fault, fault(&renewal), "{what}");
        assert_eq!((row.license, row.is_held), (Some(own.clone()), is_refunded));
        let expected = if is_refunded { "REVOKED" } else { "VALID" };
        assert_eq!(shop.code_of(&own).await, expected, "{what}");
        // The time in which a license that lasts too long would be revoked.
        for day in ["2027-02-16T00:00:00Z", "2027-06-01T00:00:00Z"] {
            shop.clock.advance_to(at(day));
            let row = shop.notify("sub_1").await;
            assert_eq!(row.fault, fault(&renewal), "{what}, {day}");
        }
        assert_eq!(shop.code_of(&renewal).await, "VALID", "{what}");
        let audited = shop.audited().await;
        let revoked = audited.iter().filter(|entry| entry.0 == "license.revoke");
        assert_eq!(revoked.count(), usize::from(is_refunded), "{what}");
    }
}

#[tokio::test]
async fn a_subscription_continues_after_the_license_that_a_person_sold() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    shop.stripe.sell(&shop.services).await;
    let own = shop.notify("sub_1").await.license.unwrap();
    let renewal = shop.renew(&own, "2027-03-01", Sale::ByHand).await;
    shop.clock.advance_to(at("2027-02-15T09:00:00Z"));
    shop.stripe.subscription("sub_1", second_period);
    shop.stripe.invoice("sub_1", 2, "paid", &json!({}));
    let row = shop.notify("sub_1").await;
    assert_eq!(row.fault, None);
    let next = row.license.unwrap();
    assert_ne!(next, renewal);
    let found = shop.store_license(&next).await.license;
    assert_eq!(found.expires_at(), Some(at(super::END_2)));
    assert!(
        found.supersedes().contains(&renewal),
        "{:?}",
        found.supersedes()
    );
    // It is the license of the subscription, which a refund ends.
    let refund = json!({ "amount_refunded": 5000 });
    shop.stripe.invoice("sub_1", 2, "paid", &refund);
    let row = shop.notify("sub_1").await;
    assert_eq!((row.license, row.is_held), (Some(next.clone()), true));
    assert_eq!(shop.code_of(&next).await, "REVOKED");
}

#[tokio::test]
async fn an_upgrade_by_a_person_stays_for_the_paid_period() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    shop.stripe.sell(&shop.services).await;
    let own = shop.notify("sub_1").await.license.unwrap();
    let order = UpgradeOrder {
        tier: Some("ent".to_owned()),
        changes: ContentChanges::default(),
        ..UpgradeOrder::default()
    };
    let vendor = &shop.services.vendor;
    let upgrade = vendor.upgrade(&Actor::Console, &own, order, None).await;
    let upgrade = upgrade.unwrap().id;
    let row = shop.notify("sub_1").await;
    assert_eq!(row.fault, fault(&upgrade));
    let found = shop.store_license(&upgrade).await.license;
    assert_eq!(found.tier().as_str(), "ENT");
    assert_eq!(shop.code_of(&upgrade).await, "VALID");
    // The next period has the content of the plan.
    shop.clock.advance_to(at("2027-02-15T09:00:00Z"));
    shop.stripe.subscription("sub_1", |object| {
        object["current_period_start"] = json!(unix(PERIOD_1));
        object["current_period_end"] = json!(unix(PERIOD_2));
    });
    shop.stripe.invoice("sub_1", 2, "paid", &json!({}));
    let row = shop.notify("sub_1").await;
    assert_eq!((row.fault, row.tier.as_deref()), (None, Some("TEAM")));
    let found = shop.license("sub_1", at(END_1)).await.unwrap();
    assert_eq!((found.tier.as_str(), found.seats), ("TEAM", Some(5)));
}

#[tokio::test]
async fn a_license_that_is_only_issued_again_follows_its_subscription() {
    let shop = Shop::start("2027-01-15T09:00:00Z").await;
    shop.stripe.sell(&shop.services).await;
    let own = shop.notify("sub_1").await.license.unwrap();
    let order = UpgradeOrder {
        reissue: true,
        ..UpgradeOrder::default()
    };
    let vendor = &shop.services.vendor;
    let again = vendor.upgrade(&Actor::Console, &own, order, None).await;
    let again = again.unwrap().id;
    let row = shop.notify("sub_1").await;
    assert_eq!((row.license, row.fault), (Some(again.clone()), None));
    shop.stripe
        .invoice("sub_1", 1, "paid", &json!({ "amount_refunded": 5000 }));
    let row = shop.notify("sub_1").await;
    assert_eq!((row.state.as_str(), row.is_held), ("revoked", true));
    assert_eq!(shop.code_of(&again).await, "REVOKED");
}
