//! Webhooks of several servers.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures_util::future::join_all;
use license_core::time;
use license_test_services::TestDatabase;

use super::open;
use crate::domain::{DueDelivery, EventFilter, SealedSecret, Webhook, WebhookUrl};
use crate::store::conformance::{audit, license, tenant};
use crate::store::{DeliveryClaim, LicenseStore, WebhookStore};

#[tokio::test]
async fn servers_share_the_work_without_a_delivery_in_two_of_them() {
    let Some(database) = TestDatabase::create() else {
        return;
    };
    let servers = [open(&database).await, open(&database).await];
    let (tenant, now) = (tenant(), audit("x").at);
    let webhooks: Vec<String> = (0..5).map(|number| format!("whk_{number}")).collect();
    for id in &webhooks {
        let webhook = Webhook {
            id: id.clone(),
            url: WebhookUrl::parse("https://hooks.example.com/").unwrap(),
            events: EventFilter::parse("license.*").unwrap(),
            description: String::new(),
            disabled: None,
            created_at: now,
            created_by: "console".to_owned(),
            failing_since: None,
            previous_until: None,
        };
        let secret = SealedSecret(vec![1; 32]);
        let created = servers[0].create_webhook(&tenant, webhook, secret, audit("webhook.create"));
        assert!(created.await.unwrap());
    }
    for number in 1..=8 {
        let license = vec![license(number, number, &[])];
        let installed = servers[0].install_licenses(&tenant, license, audit("license.install"));
        installed.await.unwrap();
    }
    // Both servers queue at the same time, and each delivery is queued once.
    let each_twice = || servers.iter().chain(&servers);
    let queued = each_twice().map(|server| server.queue_deliveries(&tenant, now));
    let queued = join_all(queued).await.into_iter().map(Result::unwrap);
    assert_eq!(queued.sum::<usize>(), 40);
    // Both take deliveries at the same time, until there are no more.
    let mut taken: Vec<DueDelivery<SealedSecret>> = Vec::new();
    loop {
        let claims = each_twice().map(|server| {
            let claim = DeliveryClaim {
                now,
                until: time::saturating_add(now, TimeDelta::seconds(60)),
                limit: 7,
                each: 3,
                busy: Vec::new(),
            };
            server.claim_deliveries(&tenant, claim)
        });
        let claimed: Vec<_> = join_all(claims)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        if claimed.iter().all(Vec::is_empty) {
            break;
        }
        taken.extend(claimed.into_iter().flatten());
    }
    let ids: BTreeSet<_> = taken.iter().map(|one| (&one.webhook, &one.id)).collect();
    assert_eq!((taken.len(), ids.len()), (40, 40));
    assert!(taken.iter().all(|delivery| delivery.attempt == 1));
}
