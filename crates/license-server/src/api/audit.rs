//! The audit trail.

use axum::Json;
use license_core::chrono::{DateTime, Utc};
use license_core::encoding::hex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body::JsonReply;
use super::credentials::Caller;
use super::pages::{PageBody, PageQuery, StrictQuery};
use crate::domain::{AuditEntry, AuditFilter};

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

/// The query of the audit trail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The originator, as entries name it, such as `token:tok_…` or `account:acc_…`.
    actor: Option<String>,
    /// The action, such as `license.revoke`, or its beginning, such as `license.*`.
    action: Option<String>,
    /// The changed object, as entries name it, such as the id of a license.
    subject: Option<String>,
    /// The earliest time.
    since: Option<DateTime<Utc>>,
    /// The end of the time, which is not included.
    until: Option<DateTime<Utc>>,
    /// The order: `oldest` first, which is the default, or `newest` first.
    #[param(inline)]
    order: Option<AuditOrder>,
}

/// The order of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AuditOrder {
    Oldest,
    Newest,
}

impl From<AuditQuery> for AuditFilter {
    fn from(query: AuditQuery) -> Self {
        Self {
            actor: query.actor,
            action: query.action,
            subject: query.subject,
            since: query.since,
            until: query.until,
            is_newest_first: query.order == Some(AuditOrder::Newest),
        }
    }
}

/// Lists the entries, oldest first unless the query says otherwise. The query can name an
/// originator, such as a stolen API token, an action, an object and a time.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "administration",
    params(AuditQuery),
    security(("bearer" = ["audit:read"])),
    responses((status = 200, description = "A page of entries", body = PageBody<EntryBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<AuditQuery>,
) -> JsonReply<PageBody<EntryBody>> {
    let page = PageQuery::new(query.cursor.clone(), query.limit).request()?;
    let found = caller.services().audit.search(&query.into(), &page).await?;
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
