//! Usage reports: machines submit them, and the administrator exports them for the vendor.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use license_core::chrono::{DateTime, Utc};
use license_core::encoding::hex;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::activations::FileBody;
use super::body::{JsonReply, StrictJson};
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::problem::Problem;
use crate::domain::UsageRecord;

/// The result of a submission.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageReceipt)]
pub(super) struct ReceiptBody {
    /// The number of new lines.
    stored: u64,
    /// The number of lines that the server had already.
    known: u64,
}

/// A stored usage report.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageReport)]
pub(super) struct UsageBody {
    number: u64,
    product: String,
    entries: u64,
    received_at: DateTime<Utc>,
    /// The SHA-256 of the report.
    digest: String,
}

impl From<UsageRecord> for UsageBody {
    fn from(record: UsageRecord) -> Self {
        Self {
            number: record.number,
            product: record.product,
            entries: record.entries,
            received_at: record.received_at,
            digest: hex::encode(&record.digest),
        }
    }
}

/// Submits a usage report of a machine, as `license usage-report` writes it.
#[utoipa::path(
    post,
    path = "/api/v1/usage-reports",
    tag = "clients",
    request_body = FileBody,
    responses((status = 200, description = "The report is stored", body = ReceiptBody)),
)]
pub(super) async fn submit(
    State(app): State<App>,
    StrictJson(body): StrictJson<FileBody>,
) -> JsonReply<ReceiptBody> {
    let receipt = app.services().usage.submit(&body.file).await?;
    let count = |count| u64::try_from(count).unwrap_or(u64::MAX);
    Ok(Json(ReceiptBody {
        stored: count(receipt.stored),
        known: count(receipt.known),
    }))
}

/// Lists the usage reports.
#[utoipa::path(
    get,
    path = "/api/v1/usage-reports",
    tag = "administration",
    params(PageQuery),
    security(("bearer" = [])),
    responses((status = 200, description = "A page of reports", body = PageBody<UsageBody>)),
)]
pub(super) async fn list(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<UsageBody>> {
    let found = app.services().usage.list(&query.request()?).await?;
    Ok(Json(PageBody::new(found, UsageBody::from)))
}

/// Returns all usage reports as one file, which the vendor imports.
#[utoipa::path(
    get,
    path = "/api/v1/usage-reports/export",
    tag = "administration",
    security(("bearer" = [])),
    responses((status = 200, description = "The reports", body = String, content_type = "text/plain")),
)]
pub(super) async fn export(State(app): State<App>) -> Result<Response, Problem> {
    let reports = app.services().usage.export().await?;
    let content_type = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((content_type, reports).into_response())
}
