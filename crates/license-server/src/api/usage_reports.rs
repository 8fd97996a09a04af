//! Usage reports: machines submit them, and the administrator exports them for the vendor.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use license_core::LicenseId;
use license_core::chrono::{DateTime, Utc};
use license_core::encoding::hex;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::activations::FileBody;
use super::body::{JsonReply, StrictJson};
use super::credentials::{Caller, LicenseCredential};
use super::numbers::exact;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::problem::Problem;
use crate::domain::{Refusal, UsageRecord};
use crate::services::Services;

/// The header with the number of the last exported report.
const LAST_REPORT: HeaderName = HeaderName::from_static("x-last-report");

/// The result of a submission.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageReceipt)]
pub(super) struct UsageReceiptBody {
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
    /// The license with which the machine sent the report.
    license: String,
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
            license: record.license.to_string(),
            product: record.product,
            entries: record.entries,
            received_at: record.received_at,
            digest: hex::encode(&record.digest),
        }
    }
}

/// Lets machines with an installed license pass, before the server receives their large body.
pub(super) async fn require_license(
    State(app): State<App>,
    LicenseCredential(credential): LicenseCredential,
    mut request: Request,
    next: Next,
) -> Response {
    match reporting_license(&app, &credential).await {
        Ok(license) => {
            request.extensions_mut().insert(license);
            next.run(request).await
        }
        Err(refusal) => Problem::from(refusal).into_response(),
    }
}

/// The installed license with which a machine sends its reports, and the services that have it.
#[derive(Clone)]
pub(super) struct ReportingLicense(Arc<Services>, LicenseId);

async fn reporting_license(app: &App, credential: &str) -> Result<ReportingLicense, Refusal> {
    let services = app.tenants().of_license(credential).await?;
    let license = services.usage.license(credential).await?;
    Ok(ReportingLicense(services, license))
}

/// Submits a usage report of a machine, as `license usage-report` writes it.
///
/// The body has at most 1 MiB. For each license, the server keeps at most 10,000 reports and 64
/// MiB.
#[utoipa::path(
    post,
    path = "/api/v1/usage-reports",
    tag = "clients",
    request_body = FileBody,
    security(("license" = [])),
    responses((status = 200, description = "The report is stored", body = UsageReceiptBody)),
)]
pub(super) async fn submit(
    Extension(ReportingLicense(services, license)): Extension<ReportingLicense>,
    StrictJson(body): StrictJson<FileBody>,
) -> JsonReply<UsageReceiptBody> {
    let receipt = services.usage.submit(license, &body.file).await?;
    let count = |count| u64::try_from(count).unwrap_or(u64::MAX);
    Ok(Json(UsageReceiptBody {
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
    security(("bearer" = ["usage:read"])),
    responses((status = 200, description = "A page of reports", body = PageBody<UsageBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<UsageBody>> {
    let found = caller.services().usage.list(&query.request()?).await?;
    Ok(Json(PageBody::new(found, UsageBody::from)))
}

/// Returns all usage reports as one file, which the vendor imports.
#[utoipa::path(
    get,
    path = "/api/v1/usage-reports/export",
    tag = "administration",
    security(("bearer" = ["usage:read"])),
    responses((
        status = 200,
        description = "The reports. The header `X-Last-Report` has the number of the last one",
        body = String,
        content_type = "text/plain",
    )),
)]
pub(super) async fn export(caller: Caller) -> Result<Response, Problem> {
    let (reports, last) = caller.services().usage.export().await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (LAST_REPORT, last.to_string()),
    ];
    Ok((headers, reports).into_response())
}

/// The reports to delete.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// The number of the last report to delete.
    #[serde(deserialize_with = "exact")]
    #[param(minimum = 0, maximum = 9007199254740991_i64)]
    through: u64,
}

/// The result of a deletion.
#[derive(Serialize, ToSchema)]
#[schema(as = DeletedReports)]
pub(super) struct DeletedBody {
    /// The number of deleted reports.
    deleted: u64,
}

/// Deletes the usage reports that the vendor has, so that machines can send new ones.
#[utoipa::path(
    delete,
    path = "/api/v1/usage-reports",
    tag = "administration",
    params(DeleteQuery),
    security(("bearer" = ["usage:manage"])),
    responses((status = 200, description = "The reports are deleted", body = DeletedBody)),
)]
pub(super) async fn delete(
    caller: Caller,
    StrictQuery(query): StrictQuery<DeleteQuery>,
) -> JsonReply<DeletedBody> {
    let deleted = caller
        .services()
        .usage
        .delete(caller.actor(), query.through)
        .await?;
    let deleted = u64::try_from(deleted).unwrap_or(u64::MAX);
    Ok(Json(DeletedBody { deleted }))
}
