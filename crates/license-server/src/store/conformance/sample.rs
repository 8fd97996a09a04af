//! Values for the suite.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::session::SessionId;
use license_core::{LicenseId, time};
use license_seats::{
    Acquire, Holder, InstanceId, PoolTerms, SeatCommand, SeatGrant, SeatReply, SeatSecret, TicketId,
};
use serde_json::{Value, json};

use crate::domain::{
    Actor, AuditFilter, LicenseRecord, NewAuditEntry, PageRequest, PoolId, TenantId,
};
use crate::store::{PoolReply, PoolRequest, ServerStore};

/// Returns a tenant that no other check uses.
pub(in crate::store) fn tenant() -> TenantId {
    TenantId::new(uuid::Uuid::new_v4())
}

/// Returns an audit entry.
pub(in crate::store) fn audit(action: &'static str) -> NewAuditEntry {
    NewAuditEntry {
        actor: Actor::Console,
        action,
        subject: "subject".to_owned(),
        before: None,
        details: json!({ "key": "value" }),
        at: time::parse_instant("2027-01-15T09:00:00Z").unwrap(),
    }
}

/// Returns the former states in the audit trail of a tenant, for the entries of an action.
pub(super) async fn former_states(
    store: &dyn ServerStore,
    tenant: &TenantId,
    action: &str,
) -> Vec<Value> {
    let page = store
        .audit(tenant, &AuditFilter::default(), &PageRequest::first())
        .await
        .unwrap();
    let entries = page.items.iter().filter(|entry| entry.action == action);
    let former = entries.map(|entry| {
        let text = entry.before.as_deref().unwrap_or("null");
        serde_json::from_str(text).unwrap()
    });
    former.collect()
}

/// Returns a license id.
pub(in crate::store) fn id(number: u8) -> LicenseId {
    let at = time::parse_instant("2027-01-01").unwrap();
    LicenseId::from_random(at, &[number; 10])
}

/// Returns the record of a license that replaces others.
pub(in crate::store) fn license(number: u8, pool: u8, supersedes: &[u8]) -> LicenseRecord {
    LicenseRecord {
        id: id(number),
        pool: PoolId::new(&id(pool)),
        key: Some(format!("KEY-{number}")),
        short_key: Some(format!("SHORT-{number}")),
        product: "CODITECT".to_owned(),
        customer: "ACME Ltd".to_owned(),
        token: format!("token {number}"),
        supersedes: supersedes.iter().map(|number| id(*number)).collect(),
        is_superseded: false,
        installed_at: time::parse_instant("2027-01-15T09:00:00Z").unwrap(),
        number: 0,
    }
}

/// Returns a license token with these claims, whose signature does not verify.
pub(super) fn unsigned(number: u8, customer: &str, claims: Value) -> String {
    let mut payload = json!({
        "ver": 1, "iss": "Vendor", "aud": "CODITECT", "sub": customer, "jti": id(number),
        "iat": 1_767_225_600 + i64::from(number), "features": [], "quotas": {},
    });
    let members = payload.as_object_mut().unwrap();
    members.extend(claims.as_object().unwrap().clone());
    let header = json!({"alg": "RS256", "typ": "license+jwt", "kid": "key"});
    let parts = [
        header.to_string(),
        payload.to_string(),
        "signature".to_owned(),
    ];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

/// Returns the session of a project.
pub(in crate::store) fn session(number: u32) -> SessionId {
    SessionId::new(None, None, "ann", &number.to_be_bytes())
}

/// Returns the process of a session.
pub(in crate::store) fn instance(number: u32) -> InstanceId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    InstanceId::from_bytes(bytes)
}

/// Returns the secret of every process.
pub(in crate::store) fn secret() -> SeatSecret {
    SeatSecret::from_bytes([7; 32])
}

/// Returns the command that acquires a seat for a session, and waits with this ticket.
pub(in crate::store) fn acquire_command(number: u32, wait: Option<TicketId>) -> SeatCommand {
    SeatCommand::Acquire(Acquire {
        holder: Holder::new(session(number), "ann"),
        instance: instance(number),
        commitment: secret().commitment(),
        wait,
    })
}

/// Applies a command to a pool with a number of seats.
pub(super) async fn apply(
    store: &dyn ServerStore,
    tenant: &TenantId,
    pool: &PoolId,
    seats: u32,
    command: SeatCommand,
) -> PoolReply {
    let request = PoolRequest {
        pool: pool.clone(),
        terms: Arc::new(PoolTerms::with_capacity(seats)),
        license_left: None,
        command,
    };
    store.apply(tenant, request, None).await.unwrap()
}

/// Acquires a seat of a session.
pub(in crate::store) async fn acquire(
    store: &dyn ServerStore,
    tenant: &TenantId,
    pool: &PoolId,
    seats: u32,
    number: u32,
) -> PoolReply {
    apply(store, tenant, pool, seats, acquire_command(number, None)).await
}

/// Returns the seat of a reply.
pub(in crate::store) fn grant(reply: &PoolReply) -> SeatGrant {
    match &reply.outcome.reply {
        Ok(SeatReply::Seat(grant)) => grant.clone(),
        other => panic!("expected a seat, found {other:?}"),
    }
}

/// Returns the reason code of a denial.
pub(super) fn denial(reply: &PoolReply) -> &'static str {
    match &reply.outcome.reply {
        Err(denial) => denial.reason.code(),
        other => panic!("expected a denial, found {other:?}"),
    }
}
