//! Webhooks and their deliveries.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time;
use serde_json::{Value, json};

use super::sample::{audit, license, tenant};
use crate::domain::{
    AuditFilter, DisabledReason, EventFilter, PageRequest, SealedSecret, TenantId, Webhook,
    WebhookChange, WebhookDelivery, WebhookDeliveryState, WebhookUrl,
};
use crate::store::ServerStore;

pub(super) async fn check(store: &dyn ServerStore) {
    an_endpoint_is_stored_changed_and_deleted(store).await;
    a_tenant_has_a_bounded_number_of_endpoints(store).await;
    an_endpoint_gets_each_event_of_its_filter_once(store).await;
}

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    time::parse_instant("2027-01-15T09:00:00Z").unwrap() + TimeDelta::seconds(seconds)
}

pub(super) fn webhook(id: &str, events: &str) -> Webhook {
    Webhook {
        id: id.to_owned(),
        url: WebhookUrl::parse("https://hooks.example.com/secret?key=hunter2").unwrap(),
        events: EventFilter::parse(events).unwrap(),
        description: "chat".to_owned(),
        disabled: None,
        created_at: at(0),
        created_by: "console".to_owned(),
        failing_since: None,
        previous_until: None,
    }
}

pub(super) async fn create(store: &dyn ServerStore, tenant: &TenantId, id: &str, events: &str) {
    let secret = SealedSecret(vec![1; 32]);
    let created =
        store.create_webhook(tenant, webhook(id, events), secret, audit("webhook.create"));
    assert!(created.await.unwrap());
}

/// Makes a change with an audit entry, which is an event.
pub(super) async fn change(store: &dyn ServerStore, tenant: &TenantId, number: u8) {
    let license = vec![license(number, number, &[])];
    let installed = store.install_licenses(tenant, license, audit("license.install"));
    assert_eq!(installed.await.unwrap(), 1);
}

pub(super) async fn deliveries(
    store: &dyn ServerStore,
    tenant: &TenantId,
    id: &str,
) -> Vec<WebhookDelivery> {
    let page = PageRequest::first();
    let found = store.deliveries(tenant, id, None, &page);
    found.await.unwrap().items
}

async fn an_endpoint_is_stored_changed_and_deleted(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    create(store, &own, "whk_1", "license.*").await;
    let created = webhook("whk_1", "license.*");
    let all = store.webhooks(&own).await.unwrap();
    assert_eq!(all, std::slice::from_ref(&created));
    assert_eq!(store.webhook(&own, "whk_1").await.unwrap(), Some(created));
    assert!(store.webhook_tenants().await.unwrap().contains(&own));
    // Another tenant neither sees nor changes it.
    assert_eq!(store.webhooks(&other).await.unwrap(), []);
    assert_eq!(store.webhook(&other, "whk_1").await.unwrap(), None);
    let disable = WebhookChange {
        is_enabled: Some(false),
        ..WebhookChange::default()
    };
    let changed = store.change_webhook(&other, "whk_1", disable.clone(), audit("webhook.change"));
    assert_eq!(changed.await.unwrap(), None);
    let deleted = store.delete_webhook(&other, "whk_1", audit("webhook.delete"));
    assert!(!deleted.await.unwrap());
    assert_eq!(store.verify_audit(&other).await.unwrap().entries, 0);

    let changed = store.change_webhook(&own, "whk_1", disable, audit("webhook.change"));
    let changed = changed.await.unwrap().unwrap();
    assert_eq!(changed.disabled, Some(DisabledReason::Administrator));
    assert_eq!(store.webhooks(&own).await.unwrap(), [changed]);
    let deleted = store.delete_webhook(&own, "whk_1", audit("webhook.delete"));
    assert!(deleted.await.unwrap());
    assert_eq!(store.webhooks(&own).await.unwrap(), []);
    assert!(!store.webhook_tenants().await.unwrap().contains(&own));
    let entries = store
        .audit(&own, &AuditFilter::default(), &PageRequest::first())
        .await
        .unwrap();
    let entries = entries.items;
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let states = entries[1..].iter().map(|entry| {
        let before = json(entry.before.as_deref().unwrap());
        (entry.action.as_str(), before["is_enabled"].clone())
    });
    let expected = [
        ("webhook.change", json!(true)),
        ("webhook.delete", json!(false)),
    ];
    assert_eq!(states.collect::<Vec<_>>(), expected);
    assert_eq!(json(&entries[1].details)["is_enabled"], json!(false));
    for entry in &entries {
        let text = format!("{entry:?}");
        assert!(
            !text.contains("hunter2") && !text.contains("/secret"),
            "{text}"
        );
    }
}

async fn a_tenant_has_a_bounded_number_of_endpoints(store: &dyn ServerStore) {
    let tenant = tenant();
    for number in 0..Webhook::MAX_COUNT {
        create(store, &tenant, &format!("whk_{number}"), "*").await;
    }
    let secret = SealedSecret(vec![1; 32]);
    let one_more = webhook("whk_more", "*");
    let refused = store.create_webhook(&tenant, one_more, secret, audit("webhook.create"));
    assert!(!refused.await.unwrap());
    let entries = store.verify_audit(&tenant).await.unwrap().entries;
    assert_eq!(entries, u64::from(Webhook::MAX_COUNT));
    for number in 0..Webhook::MAX_COUNT {
        let id = format!("whk_{number}");
        let deleted = store.delete_webhook(&tenant, &id, audit("webhook.delete"));
        assert!(deleted.await.unwrap());
    }
}

async fn an_endpoint_gets_each_event_of_its_filter_once(store: &dyn ServerStore) {
    let tenant = tenant();
    change(store, &tenant, 1).await;
    create(store, &tenant, "whk_1", "license.*").await;
    create(store, &tenant, "whk_2", "token.create").await;
    change(store, &tenant, 2).await;
    change(store, &tenant, 3).await;
    assert_eq!(store.queue_deliveries(&tenant, at(10)).await.unwrap(), 2);
    assert_eq!(store.queue_deliveries(&tenant, at(10)).await.unwrap(), 0);
    let queued = deliveries(store, &tenant, "whk_1").await;
    let found = queued.iter().map(|delivery| {
        assert_eq!(
            (delivery.state, delivery.attempts),
            (WebhookDeliveryState::Waiting, 0)
        );
        assert_eq!(delivery.next_at, Some(at(10)));
        (delivery.event, delivery.kind.as_str())
    });
    let expected = [(Some(5), "license.install"), (Some(4), "license.install")];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(deliveries(store, &tenant, "whk_2").await, []);
    // An endpoint that was disabled gets the events since it was enabled.
    let set = |is_enabled| {
        let change = WebhookChange {
            is_enabled: Some(is_enabled),
            ..WebhookChange::default()
        };
        store.change_webhook(&tenant, "whk_1", change, audit("webhook.change"))
    };
    set(false).await.unwrap();
    let canceled = deliveries(store, &tenant, "whk_1").await;
    assert!(
        canceled
            .iter()
            .all(|one| one.state == WebhookDeliveryState::Failed),
        "{canceled:?}"
    );
    change(store, &tenant, 4).await;
    assert_eq!(store.queue_deliveries(&tenant, at(20)).await.unwrap(), 0);
    set(true).await.unwrap();
    change(store, &tenant, 5).await;
    assert_eq!(store.queue_deliveries(&tenant, at(20)).await.unwrap(), 1);
    let page = PageRequest::new(None, Some(2));
    let first = store
        .deliveries(&tenant, "whk_1", None, &page)
        .await
        .unwrap();
    let page = PageRequest::new(first.next, Some(2));
    let rest = store
        .deliveries(&tenant, "whk_1", None, &page)
        .await
        .unwrap();
    assert_eq!(
        (first.items.len(), rest.items.len(), rest.next),
        (2, 1, None)
    );
    let failed = Some(WebhookDeliveryState::Failed);
    let page = PageRequest::first();
    let failed = store.deliveries(&tenant, "whk_1", failed, &page);
    assert_eq!(failed.await.unwrap().items.len(), 2);
}
