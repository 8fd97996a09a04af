//! The former state in the audit trail.

use chrono::{DateTime, Utc};
use license_core::time;
use license_seats::{EndLease, EndMode, PoolTerms, SeatCommand};
use serde_json::{Value, json};

use super::sample::{acquire, audit, id, license, session, tenant};
use crate::domain::{
    ActivationRecord, ActivationState, Actor, ApiToken, AuditFilter, NewAuditEntry, PageRequest,
    PoolId, RevocationRecord, Role, SeatPolicy, SecretDigest, TenantId, UsageLimits, UsageRecord,
};
use crate::store::{PoolRequest, ServerStore};

fn now() -> DateTime<Utc> {
    time::parse_instant("2027-01-15T09:00:00Z").unwrap()
}

/// Returns an entry of a caller with an address.
fn entry(action: &'static str) -> NewAuditEntry {
    let actor = Actor::ApiToken("tok_1".to_owned()).at("192.0.2.1".parse().unwrap());
    NewAuditEntry {
        actor,
        ..audit(action)
    }
}

pub(super) async fn check(store: &dyn ServerStore) {
    let tenant = tenant();
    change_licenses(store, &tenant).await;
    change_machines(store, &tenant).await;
    change_seats(store, &tenant).await;
    let token = ApiToken {
        id: "tok_2".to_owned(),
        name: "helpdesk".to_owned(),
        scopes: Role::Auditor.into(),
        digest: SecretDigest::new(&format!("audited {tenant}")),
        created_at: now(),
        created_by: "console".to_owned(),
        expires_at: None,
        revoked_at: None,
        last_used_on: None,
    };
    let created = store.create_token(&tenant, token, entry("token.create"));
    assert!(created.await.unwrap());
    let of = Actor::ApiToken("tok_2".to_owned());
    let revoked = store.revoke_tokens(&tenant, &of, entry("token.revoke"));
    assert_eq!(revoked.await.unwrap(), ["tok_2"]);

    let entries = store
        .audit(&tenant, &AuditFilter::default(), &PageRequest::first())
        .await
        .unwrap();
    let found = entries.items.iter().map(|entry| {
        assert_eq!((entry.format, entry.actor.as_str()), (2, "token:tok_1"));
        assert_eq!(entry.address.as_deref(), Some("192.0.2.1"));
        let before = entry.before.as_deref();
        let before = before.map(|text| serde_json::from_str::<Value>(text).unwrap());
        (entry.action.as_str(), before)
    });
    let policy = |policy: SeatPolicy| Some(json!(policy));
    let expected = [
        ("license.install", None),
        (
            "license.remove",
            Some(json!({
                "customer": "ACME Ltd", "product": "CODITECT", "pool": id(1).as_str(),
                "installed_at": "2027-01-15T09:00:00Z",
            })),
        ),
        ("revocations.import", None),
        (
            "revocations.import",
            Some(json!({"seq": 1, "imported_at": "2027-01-15T09:00:00Z"})),
        ),
        (
            "activation.import",
            Some(json!({"state": "waiting", "answered_at": null})),
        ),
        (
            "usage.delete",
            Some(json!({"reports": 1, "first": 1, "last": 1})),
        ),
        ("pool.policy", policy(SeatPolicy::default())),
        ("pool.policy", policy(queue_of(3))),
        (
            "lease.end",
            Some(json!({
                "session": session(1).to_string(), "user": "ann", "machine": null, "seq": 1,
                "is_borrowed": false, "is_overage": false, "soft_end": null,
            })),
        ),
        ("token.create", None),
        (
            "token.revoke",
            Some(json!({
                "name": "helpdesk", "scopes": ["auditor"], "expires_at": null, "revoked_at": null,
            })),
        ),
    ];
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(store.verify_audit(&tenant).await.unwrap().fault, None);
}

async fn change_licenses(store: &dyn ServerStore, tenant: &TenantId) {
    let installed =
        store.install_licenses(tenant, vec![license(1, 1, &[])], entry("license.install"));
    assert_eq!(installed.await.unwrap(), 1);
    let one = id(1);
    let removed = store.remove_license(tenant, &one, entry("license.remove"));
    assert!(removed.await.unwrap());
    for seq in [1, 2] {
        let list = RevocationRecord {
            product: "CODITECT".to_owned(),
            issuer: "vendor".to_owned(),
            seq,
            armor: format!("list {seq}"),
            digest: [0; 32],
            imported_at: now(),
        };
        let imported =
            store.import_revocations(tenant, list, Vec::new(), entry("revocations.import"));
        assert!(imported.await.unwrap());
    }
}

async fn change_machines(store: &dyn ServerStore, tenant: &TenantId) {
    let activation = ActivationRecord {
        nonce: "nonce".to_owned(),
        license: id(1),
        machine: "machine".to_owned(),
        request: "request".to_owned(),
        requested_at: now(),
        answer: None,
        answered_at: None,
        receipt: None,
        state: ActivationState::Waiting,
    };
    store
        .store_activation(tenant, activation, 10)
        .await
        .unwrap();
    let answer = "answer".to_owned();
    let answered = store.answer_activation(tenant, "nonce", answer, entry("activation.import"));
    assert!(answered.await.unwrap().is_some());
    let report = UsageRecord {
        number: 0,
        license: id(1),
        digest: [1; 32],
        product: "CODITECT".to_owned(),
        report: "report".to_owned(),
        entries: 1,
        received_at: now(),
    };
    let limits = UsageLimits {
        reports: 10,
        bytes: 1000,
    };
    assert!(store.store_usage(tenant, report, limits).await.unwrap());
    let deleted = store.delete_usage(tenant, 5, entry("usage.delete"));
    assert_eq!(deleted.await.unwrap(), 1);
}

fn queue_of(max_queue: u32) -> SeatPolicy {
    SeatPolicy {
        max_queue,
        ..SeatPolicy::default()
    }
}

async fn change_seats(store: &dyn ServerStore, tenant: &TenantId) {
    let pool = PoolId::new(&id(1));
    for max_queue in [3, 4] {
        let set = store.set_seat_policy(tenant, &pool, queue_of(max_queue), entry("pool.policy"));
        set.await.unwrap();
    }
    acquire(store, tenant, &pool, 5, 1).await;
    let command = SeatCommand::End(EndLease {
        session: session(1),
        seq: None,
        mode: EndMode::Hard,
        reason: "left".into(),
    });
    let request = PoolRequest {
        pool,
        terms: PoolTerms::with_capacity(5).into(),
        license_left: None,
        command,
    };
    let reply = store.apply(tenant, request, Some(entry("lease.end"))).await;
    assert!(reply.unwrap().outcome.reply.is_ok());
}
