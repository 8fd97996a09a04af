//! The audit trail.

use axum::Json;
use license_core::encoding::hex;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body::JsonReply;
use super::credentials::Caller;
use super::pages::{PageBody, PageQuery, StrictQuery};
use crate::domain::AuditEntry;

/// An entry of the audit trail.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(super) struct EntryBody {
    seq: u64,
    at: String,
    /// The format, which decides what the hash covers: 2, or 1 for an entry of an earlier version.
    format: u64,
    actor: String,
    /// The address from which the request came. A change at the console has none.
    address: Option<String>,
    action: String,
    subject: String,
    /// The state before the change, or null if there was none.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// The state after the change, or other details.
    #[schema(value_type = Object)]
    details: Value,
    /// The SHA-256 of this entry and the hash of the entry before.
    hash: String,
}

impl From<AuditEntry> for EntryBody {
    fn from(entry: AuditEntry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at,
            format: entry.format,
            actor: entry.actor,
            address: entry.address,
            action: entry.action,
            subject: entry.subject,
            before: entry
                .before
                .map(|text| serde_json::from_str(&text).unwrap_or_default()),
            details: serde_json::from_str(&entry.details).unwrap_or_default(),
            hash: hex::encode(&entry.hash),
        }
    }
}

/// The result of a verification.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditReport)]
pub(super) struct ReportBody {
    /// Whether every entry follows the entry before it.
    is_intact: bool,
    entries: u64,
    /// The hash of the last entry.
    head: String,
    /// The first defect.
    fault: Option<String>,
}

/// Lists the entries, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "administration",
    params(PageQuery),
    security(("bearer" = ["audit:read"])),
    responses((status = 200, description = "A page of entries", body = PageBody<EntryBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<EntryBody>> {
    let found = caller.services().audit.list(&query.request()?).await?;
    Ok(Json(PageBody::new(found, EntryBody::from)))
}

/// Verifies the chain of all entries.
#[utoipa::path(
    get,
    path = "/api/v1/audit/verification",
    tag = "administration",
    security(("bearer" = ["audit:read"])),
    responses((status = 200, description = "The result", body = ReportBody)),
)]
pub(super) async fn verify(caller: Caller) -> JsonReply<ReportBody> {
    let report = caller.services().audit.verify().await?;
    Ok(Json(ReportBody {
        is_intact: report.fault.is_none(),
        entries: report.entries,
        head: hex::encode(&report.head),
        fault: report.fault.map(|fault| fault.to_string()),
    }))
}
