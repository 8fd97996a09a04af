//! Deliveries to webhooks.

use serde_json::Value;

use super::sample::{audit, tenant};
use super::webhooks::{at, change, create, deliveries, webhook};
use crate::domain::{
    Actor, AttemptOutcome, AttemptResult, AuditFilter, DisabledReason, DueDelivery, NewAuditEntry,
    NewDelivery, PageRequest, ReplayResult, SealedSecret, TenantId, WebhookChange,
    WebhookDeliveryState,
};
use crate::store::{DeliveryClaim, ServerStore};

pub(super) async fn check(store: &dyn ServerStore) {
    one_server_makes_an_attempt(store).await;
    results_decide_about_the_delivery_and_the_endpoint(store).await;
    deliveries_are_repeated_on_request(store).await;
    a_rotated_secret_signs_beside_the_new_one(store).await;
}

async fn claim(
    store: &dyn ServerStore,
    tenant: &TenantId,
    now: i64,
    busy: &[&str],
) -> Vec<DueDelivery<SealedSecret>> {
    let claim = DeliveryClaim {
        now: at(now),
        until: at(now + 60),
        limit: 10,
        each: 2,
        busy: busy.iter().map(|id| (*id).to_owned()).collect(),
    };
    store.claim_deliveries(tenant, claim).await.unwrap()
}

async fn finish(
    store: &dyn ServerStore,
    tenant: &TenantId,
    delivery: &DueDelivery<SealedSecret>,
    now: i64,
    outcome: AttemptOutcome,
    status: Option<u16>,
) -> Option<DisabledReason> {
    let is_success = outcome == AttemptOutcome::Delivered;
    let result = AttemptResult {
        id: delivery.id.clone(),
        webhook: delivery.webhook.clone(),
        attempt: delivery.attempt,
        at: at(now),
        outcome,
        status,
        error: (!is_success).then(|| "failed".to_owned()),
        response: Some("answer".to_owned()),
    };
    let entry = NewAuditEntry {
        actor: Actor::Server,
        subject: delivery.webhook.clone(),
        at: at(now),
        ..audit("webhook.disable")
    };
    store.finish_delivery(tenant, result, entry).await.unwrap()
}

async fn one_server_makes_an_attempt(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    create(store, &own, "whk_1", "license.*").await;
    create(store, &own, "whk_2", "license.*").await;
    for number in 1..=3 {
        change(store, &own, number).await;
    }
    assert_eq!(store.queue_deliveries(&own, at(0)).await.unwrap(), 6);
    let backlog = store.webhook_backlog(&own).await.unwrap();
    assert_eq!(
        (backlog.waiting, backlog.next_at, backlog.failing),
        (6, Some(at(0)), 0)
    );
    assert!(
        claim(store, &own, -1, &[]).await.is_empty(),
        "nothing is due"
    );
    assert!(claim(store, &other, 0, &[]).await.is_empty());
    // At most two for each endpoint, and none for a busy one.
    let first = claim(store, &own, 0, &["whk_2"]).await;
    assert_eq!(first.len(), 2);
    for delivery in &first {
        assert_eq!((delivery.webhook.as_str(), delivery.attempt), ("whk_1", 1));
        assert_eq!(delivery.url, webhook("whk_1", "*").url);
        assert_eq!(delivery.queued_at, at(0));
        let body: Value = serde_json::from_str(&delivery.body).unwrap();
        assert_eq!(body["tenant"], own.as_str());
        assert_eq!(body["type"], "license.install");
    }
    let second = claim(store, &own, 0, &[]).await;
    let of = |id: &str| second.iter().filter(|one| one.webhook == id).count();
    assert_eq!((of("whk_1"), of("whk_2")), (1, 2));
    // The claim ends if no result is stored, such as after a crash.
    let taken = |claimed: &[DueDelivery<SealedSecret>]| {
        let mut ids: Vec<_> = claimed
            .iter()
            .map(|one| (one.webhook.clone(), one.id.clone()))
            .collect();
        ids.sort_unstable();
        ids
    };
    let third = claim(store, &own, 59, &[]).await;
    assert_eq!(third.len(), 1);
    let again = claim(store, &own, 60, &["whk_2"]).await;
    assert_eq!(taken(&again), taken(&first));
    assert!(again.iter().all(|one| one.attempt == 2));
    // A result of the server that was late changes nothing.
    let late = &first[0];
    finish(store, &own, late, 61, AttemptOutcome::Failed, None).await;
    let found = deliveries(store, &own, "whk_1").await;
    let found = found.iter().find(|one| one.id == late.id).unwrap();
    assert_eq!(
        (found.state, found.attempts),
        (WebhookDeliveryState::Waiting, 2)
    );
}

/// Queues the deliveries of a change, and takes the first one.
async fn one_due(
    store: &dyn ServerStore,
    tenant: &TenantId,
    number: u8,
    now: i64,
) -> DueDelivery<SealedSecret> {
    change(store, tenant, number).await;
    assert!(store.queue_deliveries(tenant, at(now)).await.unwrap() > 0);
    claim(store, tenant, now, &[]).await.remove(0)
}

async fn results_decide_about_the_delivery_and_the_endpoint(store: &dyn ServerStore) {
    let tenant = tenant();
    create(store, &tenant, "whk_1", "license.install").await;
    let get = || async { store.webhook(&tenant, "whk_1").await.unwrap().unwrap() };
    let due = one_due(store, &tenant, 1, 0).await;
    let retry = AttemptOutcome::Retry(at(100));
    let disabled = finish(store, &tenant, &due, 1, retry, Some(500)).await;
    assert_eq!(disabled, None);
    let waiting = deliveries(store, &tenant, "whk_1").await.remove(0);
    assert_eq!(
        (waiting.state, waiting.next_at),
        (WebhookDeliveryState::Waiting, Some(at(100)))
    );
    assert_eq!(
        (waiting.last_status, waiting.last_at),
        (Some(500), Some(at(1)))
    );
    assert_eq!(waiting.last_error.as_deref(), Some("failed"));
    assert_eq!(waiting.last_response.as_deref(), Some("answer"));
    assert_eq!(get().await.failing_since, Some(at(1)));
    assert_eq!(store.webhook_backlog(&tenant).await.unwrap().failing, 1);

    assert!(claim(store, &tenant, 99, &[]).await.is_empty());
    let due = claim(store, &tenant, 100, &[]).await.remove(0);
    finish(
        store,
        &tenant,
        &due,
        101,
        AttemptOutcome::Delivered,
        Some(204),
    )
    .await;
    let delivered = deliveries(store, &tenant, "whk_1").await.remove(0);
    assert_eq!(
        (delivered.state, delivered.attempts),
        (WebhookDeliveryState::Delivered, 2)
    );
    assert_eq!((delivered.next_at, delivered.last_error), (None, None));
    assert_eq!(get().await.failing_since, None);

    // A failure that nothing has followed for days does not count.
    let day = 24 * 60 * 60;
    let due = one_due(store, &tenant, 2, 200).await;
    finish(store, &tenant, &due, 200, AttemptOutcome::Failed, None).await;
    let start = 200 + 6 * day;
    // Failures of five days disable the endpoint, and not a moment before.
    for (number, passed) in (3..).zip([0, day, 2 * day, 3 * day, 4 * day, 5 * day - 1]) {
        let due = one_due(store, &tenant, number, start + passed).await;
        let result = finish(
            store,
            &tenant,
            &due,
            start + passed,
            AttemptOutcome::Failed,
            None,
        );
        assert_eq!(result.await, None, "{passed}");
        assert_eq!(get().await.failing_since, Some(at(start)));
    }
    change(store, &tenant, 9).await;
    let end = start + 5 * day;
    let due = one_due(store, &tenant, 10, end).await;
    let end = finish(store, &tenant, &due, end, retry, Some(500)).await;
    assert_eq!(end, Some(DisabledReason::Failing));
    assert_eq!(get().await.disabled, Some(DisabledReason::Failing));
    // The other delivery, which was claimed or waits, fails too.
    let found = deliveries(store, &tenant, "whk_1").await;
    let waiting = found
        .iter()
        .filter(|one| one.state == WebhookDeliveryState::Waiting);
    assert_eq!(waiting.count(), 0, "{found:?}");
    let entries = store
        .audit(&tenant, &AuditFilter::default(), &PageRequest::first())
        .await
        .unwrap();
    let last = entries.items.last().unwrap();
    assert_eq!(
        (last.actor.as_str(), last.action.as_str()),
        ("server", "webhook.disable")
    );
    assert!(
        last.details.contains("\"is_enabled\":false"),
        "{}",
        last.details
    );
    // The status 410 disables at once.
    create(store, &tenant, "whk_2", "license.install").await;
    let due = one_due(store, &tenant, 11, 500).await;
    let gone = finish(store, &tenant, &due, 501, AttemptOutcome::Failed, Some(410)).await;
    assert_eq!(gone, Some(DisabledReason::Gone));

    // Old deliveries are deleted.
    let count = deliveries(store, &tenant, "whk_1").await.len();
    assert_eq!(store.forget_deliveries(&tenant, at(101)).await.unwrap(), 0);
    assert_eq!(store.forget_deliveries(&tenant, at(102)).await.unwrap(), 1);
    assert_eq!(deliveries(store, &tenant, "whk_1").await.len(), count - 1);
    assert_eq!(store.verify_audit(&tenant).await.unwrap().fault, None);
}

async fn deliveries_are_repeated_on_request(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    create(store, &own, "whk_1", "license.install").await;
    create(store, &other, "whk_9", "license.install").await;
    let due = one_due(store, &own, 1, 0).await;
    let replay = |tenant, id, delivery| {
        store.replay_delivery(tenant, id, delivery, at(50), audit("webhook.replay"))
    };
    let id = due.id.as_str();
    assert_eq!(
        replay(&own, "whk_1", id).await.unwrap(),
        ReplayResult::Waiting
    );
    for (tenant, webhook, delivery) in [
        (&own, "whk_1", "msg_x"),
        (&own, "whk_9", id),
        (&other, "whk_9", id),
        (&other, "whk_1", id),
    ] {
        let refused = replay(tenant, webhook, delivery).await.unwrap();
        assert_eq!(refused, ReplayResult::NotFound, "{webhook} {delivery}");
    }
    finish(store, &own, &due, 1, AttemptOutcome::Failed, Some(500)).await;
    assert_eq!(
        replay(&own, "whk_1", id).await.unwrap(),
        ReplayResult::Queued(1)
    );
    let again = claim(store, &own, 50, &[]).await.remove(0);
    assert_eq!(
        (again.id.as_str(), again.attempt, again.queued_at),
        (id, 1, at(50))
    );
    finish(store, &own, &again, 51, AttemptOutcome::Failed, Some(500)).await;
    let replay_since = |tenant, since| {
        let entry = audit("webhook.replay");
        store.replay_failed_deliveries(tenant, "whk_1", at(since), at(60), entry)
    };
    assert_eq!(
        replay_since(&other, 0).await.unwrap(),
        ReplayResult::NotFound
    );
    assert_eq!(
        replay_since(&own, 51).await.unwrap(),
        ReplayResult::Queued(0)
    );
    assert_eq!(
        replay_since(&own, 50).await.unwrap(),
        ReplayResult::Queued(1)
    );
    // Tests are sent once, and not repeated with others.
    let ping = |tenant, id, random| {
        let ping = NewDelivery::ping(tenant, id, [random; 6], at(70));
        store.ping_webhook(tenant, ping, audit("webhook.test"))
    };
    assert_eq!(
        ping(&other, "whk_1", 1).await.unwrap(),
        ReplayResult::NotFound
    );
    assert_eq!(
        ping(&own, "whk_1", 1).await.unwrap(),
        ReplayResult::Queued(1)
    );
    let due = claim(store, &own, 70, &[]).await;
    let pings: Vec<_> = due.iter().filter(|one| one.is_ping).collect();
    assert_eq!((due.len(), pings.len()), (2, 1));
    finish(store, &own, pings[0], 71, AttemptOutcome::Failed, None).await;
    assert_eq!(
        replay_since(&own, 0).await.unwrap(),
        ReplayResult::Queued(0)
    );
    let disable = WebhookChange {
        is_enabled: Some(false),
        ..WebhookChange::default()
    };
    let changed = store.change_webhook(&own, "whk_1", disable, audit("webhook.change"));
    changed.await.unwrap();
    assert_eq!(
        replay(&own, "whk_1", id).await.unwrap(),
        ReplayResult::Disabled
    );
    assert_eq!(replay_since(&own, 0).await.unwrap(), ReplayResult::Disabled);
    assert_eq!(
        ping(&own, "whk_1", 2).await.unwrap(),
        ReplayResult::Disabled
    );
}

async fn a_rotated_secret_signs_beside_the_new_one(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    create(store, &own, "whk_1", "license.install").await;
    let rotate = |tenant, until| {
        let secret = SealedSecret(vec![2; 32]);
        store.rotate_webhook_secret(
            tenant,
            "whk_1",
            secret,
            at(until),
            audit("webhook.rotate_secret"),
        )
    };
    assert!(!rotate(&other, 100).await.unwrap());
    assert!(rotate(&own, 100).await.unwrap());
    let found = store.webhook(&own, "whk_1").await.unwrap().unwrap();
    assert_eq!(found.previous_until, Some(at(100)));
    let due = one_due(store, &own, 1, 0).await;
    let secrets = |due: &DueDelivery<SealedSecret>| {
        let secrets = due.secrets.iter().map(|secret| secret.0[0]);
        secrets.collect::<Vec<_>>()
    };
    assert_eq!(secrets(&due), [2, 1]);
    let due = claim(store, &own, 99, &[]).await.remove(0);
    assert_eq!(secrets(&due), [2, 1]);
    let due = claim(store, &own, 159, &[]).await.remove(0);
    assert_eq!(secrets(&due), [2]);
}
