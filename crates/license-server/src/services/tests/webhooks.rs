//! Webhooks, without HTTP.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{TestServer, at, config};
use crate::domain::{
    Actor, DisabledReason, NewAuditEntry, PageRequest, Permission, Permissions, Principal,
    SealedSecret, WebhookSecret,
};
use crate::network::DestinationPolicy;
use crate::services::{Sealer, Services, WebhookOrder, WebhookUpdate};
use crate::store::sqlite::SqliteStore;
use crate::store::{DeliveryClaim, WebhookStore};

fn order(url: &str) -> WebhookOrder {
    WebhookOrder {
        url: url.to_owned(),
        events: vec!["license.*".to_owned()],
        description: " chat ".to_owned(),
    }
}

fn console(server: &TestServer) -> Principal {
    Principal::console(server.services.tenant().clone())
}

#[tokio::test]
async fn a_url_has_https_and_no_private_address() {
    let server = TestServer::start().await;
    let (webhooks, caller) = (&server.services.webhooks, console(&server));
    let created = |url: &'static str| {
        let (order, caller) = (order(url), caller.clone());
        async move {
            let created = webhooks.create(&caller, &order).await;
            created.map(drop).map_err(|refusal| refusal.code)
        }
    };
    assert_eq!(created("https://hooks.example.com/a?b=c").await, Ok(()));
    assert_eq!(created("https://1.1.1.1:8443/").await, Ok(()));
    for url in [
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00:ec2::254]/",
    ] {
        assert_eq!(created(url).await, Err("WEBHOOK_ADDRESS"), "{url}");
    }
    for url in [
        "http://hooks.example.com/",
        "http://10.0.0.1/",
        "ftp://hooks.example.com/",
        "https://ann:secret@hooks.example.com/",
        "https://hooks.example.com/\r\nX: y",
        "hooks.example.com",
        "",
    ] {
        assert_eq!(created(url).await, Err("BAD_REQUEST"), "{url}");
    }
    // A change is checked like a new endpoint.
    let id = webhooks.list().await.unwrap().remove(0).id;
    let update = |url: &str| WebhookUpdate {
        url: Some(url.to_owned()),
        ..WebhookUpdate::default()
    };
    let refused = webhooks
        .update(&caller, &id, update("https://10.0.0.1/"))
        .await;
    assert_eq!(refused.unwrap_err().code, "WEBHOOK_ADDRESS");
}

#[tokio::test]
async fn the_settings_permit_networks_and_http_to_them() {
    let server = TestServer::start().await;
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::clone(&server.clock);
    let store = SqliteStore::open(directory.path(), clock).unwrap();
    let mut config = config(Arc::new(store), &server.clock);
    config.webhooks = Arc::new(DestinationPolicy {
        networks: vec!["10.0.0.0/8".parse().unwrap()],
        allows_http: true,
    });
    let services = Services::open(config).await.unwrap();
    let caller = Principal::console(services.tenant().clone());
    for (url, expected) in [
        ("https://10.1.2.3/", None),
        ("http://10.1.2.3:8080/", None),
        ("http://1.1.1.1/", Some("WEBHOOK_ADDRESS")),
        ("http://192.168.1.1/", Some("WEBHOOK_ADDRESS")),
        ("https://192.168.1.1/", Some("WEBHOOK_ADDRESS")),
    ] {
        let created = services.webhooks.create(&caller, &order(url)).await;
        assert_eq!(created.err().map(|refusal| refusal.code), expected, "{url}");
    }
}

#[tokio::test]
async fn an_endpoint_needs_a_caller_who_may_read_its_events() {
    let server = TestServer::start().await;
    let webhooks = &server.services.webhooks;
    let limited = Principal {
        permissions: Permissions::from_iter([Permission::ReadWebhooks, Permission::ManageWebhooks]),
        ..console(&server)
    };
    let url = "https://hooks.example.com/";
    let refused = webhooks.create(&limited, &order(url)).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.expected.as_deref()),
        ("FORBIDDEN", Some("audit:read"))
    );
    let new = webhooks
        .create(&console(&server), &order(url))
        .await
        .unwrap();
    let update = WebhookUpdate {
        url: Some("https://evil.example/".to_owned()),
        ..WebhookUpdate::default()
    };
    let refused = webhooks.update(&limited, &new.webhook.id, update).await;
    assert_eq!(refused.unwrap_err().code, "FORBIDDEN");
    // With the secret, the caller could send events to the receiver.
    let refused = webhooks.rotate(&limited, &new.webhook.id).await;
    assert_eq!(refused.unwrap_err().code, "FORBIDDEN");
}

#[tokio::test]
async fn an_unknown_kind_of_events_is_refused_with_the_known_ones() {
    let server = TestServer::start().await;
    let (webhooks, caller) = (&server.services.webhooks, console(&server));
    for kind in ["license.revoked", "licence.*", "seat", "License.revoke"] {
        let order = WebhookOrder {
            events: vec!["license.revoke".to_owned(), kind.to_owned()],
            ..order("https://1.1.1.1/")
        };
        let refused = webhooks.create(&caller, &order).await.unwrap_err();
        assert_eq!(refused.code, "BAD_REQUEST", "{kind}");
        let kinds = &refused.facts.unwrap()["kinds"];
        assert!(kinds.as_array().unwrap().contains(&"license.revoke".into()));
    }
    let new = webhooks.create(&caller, &order("https://1.1.1.1/")).await;
    let update = WebhookUpdate {
        events: Some(vec!["seat.gone".to_owned()]),
        ..WebhookUpdate::default()
    };
    let id = new.unwrap().webhook.id;
    let refused = webhooks.update(&caller, &id, update).await.unwrap_err();
    assert_eq!(refused.code, "BAD_REQUEST");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_no_audit_entry_has_it() {
    let server = TestServer::start().await;
    let (webhooks, caller) = (&server.services.webhooks, console(&server));
    let order = order("https://hooks.example.com/T0/hunter2?key=hunter3");
    let new = webhooks.create(&caller, &order).await.unwrap();
    let id = new.webhook.id.clone();
    assert_eq!(new.webhook.description, "chat");
    assert!(new.secret.starts_with("whsec_") && new.secret.len() == 50);
    let rotated = webhooks.rotate(&console(&server), &id).await.unwrap();
    assert_ne!(rotated.secret, new.secret);
    assert_eq!(
        rotated.webhook.previous_until,
        Some(at("2027-01-16T09:00:00Z"))
    );
    let update = WebhookUpdate {
        events: Some(vec!["*".to_owned()]),
        is_enabled: Some(false),
        ..WebhookUpdate::default()
    };
    let changed = webhooks.update(&caller, &id, update).await.unwrap();
    assert_eq!(changed.disabled, Some(DisabledReason::Administrator));
    webhooks.delete(&Actor::Console, &id).await.unwrap();
    let page = PageRequest::first();
    let entries = server.services.audit.list(&page).await.unwrap().items;
    let events = server.services.events.list(&page).await.unwrap().items;
    let secrets = [
        "hunter",
        new.secret.trim_start_matches("whsec_"),
        rotated.secret.trim_start_matches("whsec_"),
    ];
    let texts = [
        format!("{entries:?}"),
        format!("{events:?}"),
        format!("{new:?} {rotated:?} {changed:?}"),
    ];
    for text in &texts {
        for secret in secrets {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    let expected = [
        "webhook.create",
        "webhook.rotate_secret",
        "webhook.change",
        "webhook.delete",
    ];
    assert_eq!(actions, expected);
    let before: Value = serde_json::from_str(entries[2].before.as_deref().unwrap()).unwrap();
    let after: Value = serde_json::from_str(&entries[2].details).unwrap();
    assert_eq!(
        (&before["events"][0], &after["events"][0]),
        (&"license.*".into(), &"*".into())
    );
    assert_eq!(before["origin"], "https://hooks.example.com");
}

#[tokio::test]
async fn a_secret_is_sealed_for_its_webhook_in_the_database() {
    let server = TestServer::start().await;
    let (webhooks, caller) = (&server.services.webhooks, console(&server));
    let new = webhooks.create(&caller, &order("https://1.1.1.1/")).await;
    let new = new.unwrap();
    let id = new.webhook.id.clone();
    let rotated = webhooks.rotate(&console(&server), &id).await.unwrap();
    webhooks.test(&Actor::Console, &id).await.unwrap();
    let claim = |minute: i64| DeliveryClaim {
        now: at("2027-01-15T09:00:00Z") + TimeDelta::minutes(minute),
        until: at("2027-01-15T09:01:00Z") + TimeDelta::minutes(minute),
        limit: 1,
        each: 1,
        busy: Vec::new(),
    };
    // Both secrets are those that were shown, the newest first.
    let opened = webhooks.claim(claim(0)).await.unwrap().remove(0);
    let shown: Vec<_> = opened.secrets.iter().map(WebhookSecret::to_text).collect();
    assert_eq!(shown, [rotated.secret, new.secret]);
    // The database does not have them, and no other server or webhook can open what it has.
    let tenant = server.services.tenant();
    let stored = server.store.claim_deliveries(tenant, claim(1)).await;
    let stored = stored.unwrap().remove(0);
    let other_key = Sealer::new([&b"key of another server"[..]]).unwrap();
    let same_key = Sealer::new([&b"key of the tests"[..]]).unwrap();
    for (secret, sealed) in opened.secrets.iter().zip(&stored.secrets) {
        let plain = secret.expose();
        assert!(!sealed.0.windows(plain.len()).any(|part| part == plain));
        let purpose = format!("secret of {id}");
        assert_eq!(
            same_key.open(&purpose, &sealed.0).unwrap().as_slice(),
            plain
        );
        assert!(other_key.open(&purpose, &sealed.0).is_err());
        assert!(same_key.open("secret of whk_1", &sealed.0).is_err());
    }
    // An attempt has only the secrets that open.
    let lost = SealedSecret(b"sealed with a lost key".to_vec());
    let until = at("2027-01-16T09:00:00Z");
    let audit = NewAuditEntry::new(Actor::Console, "test", "", json!({}), until);
    let rotated = server
        .store
        .rotate_webhook_secret(tenant, &id, lost, until, audit);
    assert!(rotated.await.unwrap());
    let left = webhooks.claim(claim(2)).await.unwrap().remove(0);
    assert_eq!(left.secrets.len(), 1);
    assert_eq!(left.secrets[0].to_text(), shown[0]);
}
