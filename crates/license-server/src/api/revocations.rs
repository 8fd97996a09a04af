//! Revocation lists of the vendor.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::activations::FileBody;
use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::etag::json_with_etag;
use super::pages::StrictQuery;
use super::problem::Problem;
use crate::domain::RevocationRecord;

/// A revocation list of the vendor.
#[derive(Serialize, ToSchema)]
#[schema(as = RevocationList)]
pub(super) struct RevocationBody {
    product: String,
    issuer: String,
    /// The number of the list, which only grows.
    seq: u64,
    imported_at: DateTime<Utc>,
    /// The signed list as the file that `license install` takes.
    file: String,
}

impl From<RevocationRecord> for RevocationBody {
    fn from(record: RevocationRecord) -> Self {
        Self {
            product: record.product,
            issuer: record.issuer,
            seq: record.seq,
            imported_at: record.imported_at,
            file: record.armor,
        }
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductQuery {
    /// The product code. The default is the product of the server.
    #[param(max_length = 16)]
    product: Option<String>,
}

/// Returns the newest revocation list.
#[utoipa::path(
    get,
    path = "/api/v1/revocations",
    tag = "clients",
    params(ProductQuery),
    responses(
        (status = 200, description = "The newest list", body = RevocationBody),
        (status = 304, description = "The list has not changed since the ETag"),
    ),
)]
pub(super) async fn newest(
    State(app): State<App>,
    StrictQuery(query): StrictQuery<ProductQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let record = app
        .services()
        .revocations
        .newest(query.product.as_deref())
        .await?;
    Ok(json_with_etag(&headers, &RevocationBody::from(record)))
}

/// Imports a newer revocation list of the vendor.
#[utoipa::path(
    post,
    path = "/api/v1/revocations",
    tag = "administration",
    request_body = FileBody,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The imported list", body = RevocationBody)),
)]
pub(super) async fn import(
    caller: Caller,
    StrictJson(body): StrictJson<FileBody>,
) -> JsonReply<RevocationBody> {
    let record = caller
        .services()
        .revocations
        .import(caller.actor(), &body.file)
        .await?;
    Ok(Json(record.into()))
}
