//! Trust statements of the vendor, which introduce and retire its keys.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use license_core::chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::activations::FileBody;
use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::etag::json_with_etag;
use super::pages::PageBody;
use super::problem::Problem;
use crate::domain::StatementRecord;

/// A trust statement of the vendor.
#[derive(Serialize, ToSchema)]
#[schema(as = TrustStatement)]
pub(super) struct StatementBody {
    number: u64,
    imported_at: DateTime<Utc>,
    /// The signed statement as the file that `license install` takes.
    file: String,
}

impl From<StatementRecord> for StatementBody {
    fn from(record: StatementRecord) -> Self {
        Self {
            number: record.number,
            imported_at: record.imported_at,
            file: record.armor,
        }
    }
}

/// The result of an import.
#[derive(Serialize, ToSchema)]
#[schema(as = ImportedStatements)]
pub(super) struct ImportedBody {
    /// The number of new statements.
    new: u64,
}

/// Lists the trust statements.
#[utoipa::path(
    get,
    path = "/api/v1/trust-statements",
    tag = "clients",
    responses(
        (status = 200, description = "All statements", body = PageBody<StatementBody>),
        (status = 304, description = "The statements have not changed since the ETag"),
    ),
)]
pub(super) async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let records = app.services().trust.list().await?;
    let body = PageBody::complete(records, StatementBody::from);
    Ok(json_with_etag(&headers, &body))
}

/// Imports trust statements of the vendor.
#[utoipa::path(
    post,
    path = "/api/v1/trust-statements",
    tag = "administration",
    request_body = FileBody,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The statements are stored", body = ImportedBody)),
)]
pub(super) async fn import(
    caller: Caller,
    StrictJson(body): StrictJson<FileBody>,
) -> JsonReply<ImportedBody> {
    let new = caller
        .services()
        .trust
        .import(caller.actor(), &body.file)
        .await?;
    let new = u64::try_from(new).unwrap_or(u64::MAX);
    Ok(Json(ImportedBody { new }))
}
