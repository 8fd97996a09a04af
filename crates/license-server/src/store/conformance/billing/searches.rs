//! Subscriptions that are found by their license and by their customer.

use super::{STRIPE, customer, subscription};
use crate::domain::{BillingCustomer, BillingSubscription, TenantId};
use crate::store::ServerStore;
use crate::store::conformance::sample::{audit, license, tenant};
use crate::store::conformance::webhooks::at;

pub(super) async fn check(store: &dyn ServerStore) {
    a_subscription_is_found_by_the_pool_of_its_license(store).await;
    subscriptions_are_found_by_the_address_of_their_customer(store).await;
}

async fn a_subscription_is_found_by_the_pool_of_its_license(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let licenses = vec![license(1, 1, &[]), license(2, 1, &[1]), license(3, 3, &[])];
    let pools = [licenses[0].pool.clone(), licenses[2].pool.clone()];
    let installed = store.install_licenses(&own, licenses, audit("license.install"));
    installed.await.unwrap();
    let put = |number: u8, created: i64| {
        let subscription = BillingSubscription {
            created_at: at(created),
            ..subscription(number, "cus_1")
        };
        store.put_billing_subscription(&own, customer("cus_1"), subscription, None)
    };
    let find = |tenant: &TenantId, provider: &'static str, pool: usize| {
        let (tenant, pool) = (tenant.clone(), pools[pool].clone());
        async move {
            let found = store.billing_subscription_of_pool(&tenant, provider, &pool);
            found.await.unwrap().map(|found| found.id)
        }
    };
    assert!(put(2, 5).await.unwrap());
    assert_eq!(find(&own, STRIPE, 0).await.as_deref(), Some("sub_2"));
    assert_eq!(find(&own, STRIPE, 1).await, None);
    assert_eq!(find(&own, "other", 0).await, None);
    assert_eq!(find(&other, STRIPE, 0).await, None);
    // The newest subscription of a pool counts.
    assert!(put(1, 4).await.unwrap());
    assert_eq!(find(&own, STRIPE, 0).await.as_deref(), Some("sub_2"));
}

async fn subscriptions_are_found_by_the_address_of_their_customer(store: &dyn ServerStore) {
    let (own, other) = (&tenant(), &tenant());
    for (number, id, email) in [
        (1, "cus_1", None),
        (2, "cus_1", None),
        (9, "cus_3", Some("Ann@Example.com".to_owned())),
    ] {
        let customer = BillingCustomer {
            email,
            ..customer(id)
        };
        let new = BillingSubscription {
            created_at: at(if number == 9 { 9 } else { 0 }),
            ..subscription(number, id)
        };
        let put = store.put_billing_subscription(own, customer, new, None);
        assert!(put.await.unwrap());
    }
    for (tenant, customer, email, expected) in [
        (own, Some("cus_3"), None, vec!["sub_9"]),
        (own, None, Some("ann@example.COM"), vec!["sub_9"]),
        (
            own,
            Some("cus_1"),
            Some("ann@example.com"),
            vec!["sub_9", "sub_1", "sub_2"],
        ),
        (own, Some("cus_9"), Some("bob@example.com"), vec![]),
        (own, None, None, vec![]),
        (other, Some("cus_1"), Some("ann@example.com"), vec![]),
    ] {
        let found = store.billing_subscriptions_of(tenant, STRIPE, customer, email);
        let found = found.await.unwrap();
        let ids = found.iter().map(|found| found.id.as_str());
        assert_eq!(ids.collect::<Vec<_>>(), expected, "{customer:?} {email:?}");
    }
}
