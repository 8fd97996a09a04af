//! Licenses of the vendor's ledger: issue, renew, upgrade, revoke and reinstate.

use axum::Json;
use axum::extract::Extension;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::body::{JsonReply, StrictJson};
use super::check_ins::ArtifactBody;
use super::credentials::Caller;
use super::licenses::license;
use super::paths::StrictPath;
use crate::services::{
    IssueOrder, IssuedLicense, ReassignOrder, ReinstateOrder, ReinstatementResult, RenewOrder,
    RequestId, RevocationResult, RevokeOrder, UpgradeOrder,
};

/// A license that was issued, or would be issued without `dry_run`.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedLicense)]
pub(super) struct IssuedBody {
    /// The id of the license. With `dry_run`, it is a new one each time.
    id: String,
    /// The license key, or null with `dry_run`.
    key: Option<String>,
    /// The license file for the customer, or null with `dry_run`.
    file: Option<String>,
    /// The claims of the license.
    #[schema(value_type = Object)]
    claims: Value,
    /// The changes of a license that replaces another one, apart from the losses.
    changes: Vec<String>,
    /// The content that the customer loses.
    losses: Vec<String>,
    warnings: Vec<WarningBody>,
    /// Whether an earlier request with the same `Idempotency-Key` issued the license.
    repeated: bool,
    /// Whether nothing was issued.
    dry_run: bool,
}

/// A warning about an order that is probably a mistake.
#[derive(Serialize, ToSchema)]
#[schema(as = Warning)]
struct WarningBody {
    /// The reason code.
    code: &'static str,
    message: String,
}

impl From<IssuedLicense> for IssuedBody {
    fn from(issued: IssuedLicense) -> Self {
        let warnings = issued.warnings.into_iter().map(|warning| WarningBody {
            code: warning.code,
            message: warning.message,
        });
        Self {
            id: issued.id.to_string(),
            dry_run: issued.file.is_none(),
            key: issued.key,
            file: issued.file,
            claims: issued.claims,
            changes: issued.changes,
            losses: issued.losses,
            warnings: warnings.collect(),
            repeated: issued.repeated,
        }
    }
}

/// The result of a revocation.
#[derive(Serialize, ToSchema)]
#[schema(as = Revocation)]
pub(super) struct RevokedBody {
    /// The licenses that are revoked now.
    revoked: Vec<String>,
    /// The licenses that were revoked before.
    already_revoked: Vec<String>,
    /// Other valid licenses that replace one of these licenses.
    successors: Vec<String>,
    /// Other valid licenses that one of these licenses replaced.
    predecessors: Vec<String>,
    /// The number of the newest revocation list, or null if there is none.
    list: Option<u64>,
    /// Whether nothing was recorded.
    dry_run: bool,
}

impl RevokedBody {
    fn new(result: RevocationResult, dry_run: bool) -> Self {
        Self {
            revoked: result.revoked,
            already_revoked: result.already_revoked,
            successors: result.successors,
            predecessors: result.predecessors,
            list: result.list,
            dry_run,
        }
    }
}

/// The result of a reinstatement.
#[derive(Serialize, ToSchema)]
#[schema(as = Reinstatement)]
pub(super) struct ReinstatedBody {
    /// The licenses that are valid again.
    reinstated: Vec<String>,
    /// The licenses that were not revoked.
    not_revoked: Vec<String>,
    /// The licenses that another order revoked, and that stay revoked.
    revoked_separately: Vec<String>,
    /// The number of the newest revocation list, or null if there is none.
    list: Option<u64>,
    /// Whether nothing was recorded.
    dry_run: bool,
}

impl ReinstatedBody {
    fn new(result: ReinstatementResult, dry_run: bool) -> Self {
        Self {
            reinstated: result.reinstated,
            not_revoked: result.not_revoked,
            revoked_separately: result.revoked_separately,
            list: result.list,
            dry_run,
        }
    }
}

/// Issues a license. Only a vendor's server does.
#[utoipa::path(
    post,
    path = "/api/v1/licenses/issue",
    tag = "administration",
    request_body = IssueOrder,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The license", body = IssuedBody)),
)]
pub(super) async fn issue(
    caller: Caller,
    request: Option<Extension<RequestId>>,
    StrictJson(order): StrictJson<IssueOrder>,
) -> JsonReply<IssuedBody> {
    let request = request.map(|Extension(id)| id);
    let vendor = &caller.services().vendor;
    let issued = vendor.issue(caller.actor(), order, request).await?;
    Ok(Json(issued.into()))
}

/// Issues the renewal of a license. It starts when the license ends.
#[utoipa::path(
    post,
    path = "/api/v1/licenses/{license}/renew",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license")),
    request_body = RenewOrder,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The renewal", body = IssuedBody)),
)]
pub(super) async fn renew(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    request: Option<Extension<RequestId>>,
    StrictJson(order): StrictJson<RenewOrder>,
) -> JsonReply<IssuedBody> {
    let request = request.map(|Extension(id)| id);
    let vendor = &caller.services().vendor;
    let issued = vendor
        .renew(caller.actor(), &license(&path)?, order, request)
        .await?;
    Ok(Json(issued.into()))
}

/// Issues a license that replaces another one at once.
#[utoipa::path(
    post,
    path = "/api/v1/licenses/{license}/upgrade",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license")),
    request_body = UpgradeOrder,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The new license", body = IssuedBody)),
)]
pub(super) async fn upgrade(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    request: Option<Extension<RequestId>>,
    StrictJson(order): StrictJson<UpgradeOrder>,
) -> JsonReply<IssuedBody> {
    let request = request.map(|Extension(id)| id);
    let vendor = &caller.services().vendor;
    let issued = vendor
        .upgrade(caller.actor(), &license(&path)?, order, request)
        .await?;
    Ok(Json(issued.into()))
}

/// Issues a license in which another user takes the place of a named one.
#[utoipa::path(
    post,
    path = "/api/v1/licenses/{license}/reassign",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license")),
    request_body = ReassignOrder,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The new license", body = IssuedBody)),
)]
pub(super) async fn reassign(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    request: Option<Extension<RequestId>>,
    StrictJson(order): StrictJson<ReassignOrder>,
) -> JsonReply<IssuedBody> {
    let request = request.map(|Extension(id)| id);
    let vendor = &caller.services().vendor;
    let issued = vendor
        .reassign(caller.actor(), &license(&path)?, order, request)
        .await?;
    Ok(Json(issued.into()))
}

/// Revokes a license, and signs a new revocation list.
#[utoipa::path(
    post,
    path = "/api/v1/licenses/{license}/revoke",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license")),
    request_body = RevokeOrder,
    security(("bearer" = ["licenses:revoke"])),
    responses((status = 200, description = "The revoked licenses", body = RevokedBody)),
)]
pub(super) async fn revoke(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictJson(order): StrictJson<RevokeOrder>,
) -> JsonReply<RevokedBody> {
    let dry_run = order.dry_run;
    let vendor = &caller.services().vendor;
    let result = vendor
        .revoke(caller.actor(), &license(&path)?, order)
        .await?;
    Ok(Json(RevokedBody::new(result, dry_run)))
}

/// Reinstates a revoked license, and signs a new revocation list.
#[utoipa::path(
    post,
    path = "/api/v1/licenses/{license}/reinstate",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license")),
    request_body = ReinstateOrder,
    security(("bearer" = ["licenses:revoke"])),
    responses((status = 200, description = "The reinstated licenses", body = ReinstatedBody)),
)]
pub(super) async fn reinstate(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictJson(order): StrictJson<ReinstateOrder>,
) -> JsonReply<ReinstatedBody> {
    let dry_run = order.dry_run;
    let vendor = &caller.services().vendor;
    let result = vendor
        .reinstate(caller.actor(), &license(&path)?, order)
        .await?;
    Ok(Json(ReinstatedBody::new(result, dry_run)))
}

/// Returns the file of a license of the ledger, to send it again.
#[utoipa::path(
    get,
    path = "/api/v1/licenses/{license}/file",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license")),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "The license file", body = ArtifactBody)),
)]
pub(super) async fn file(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> JsonReply<ArtifactBody> {
    let file = caller.services().vendor.file(&license(&path)?).await?;
    Ok(Json(ArtifactBody { file }))
}
