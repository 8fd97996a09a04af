//! Events, which other systems poll in their order.

use axum::http::HeaderMap;
use axum::response::Response;
use license_core::chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::credentials::Caller;
use super::etag::json_with_etag;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::problem::Problem;
use crate::domain::EventRecord;

/// An event.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(super) struct EventBody {
    seq: u64,
    at: DateTime<Utc>,
    /// The kind, such as `lease.granted`.
    kind: String,
    subject: String,
    #[schema(value_type = Object)]
    details: Value,
}

impl From<EventRecord> for EventBody {
    fn from(record: EventRecord) -> Self {
        Self {
            seq: record.seq,
            at: record.at,
            kind: record.kind,
            subject: record.subject,
            details: record.details,
        }
    }
}

/// Lists the events, oldest first. `next` is always the position from which to ask again.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "administration",
    params(PageQuery),
    security(("bearer" = ["audit:read"])),
    responses(
        (status = 200, description = "A page of events", body = PageBody<EventBody>),
        (status = 304, description = "There is no new event since the ETag"),
    ),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = caller.services().events.list(&query.request()?).await?;
    Ok(json_with_etag(
        &headers,
        &PageBody::new(found, EventBody::from),
    ))
}
