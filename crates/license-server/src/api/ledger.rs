//! Exports, copies, imports and the verification of the vendor's ledger.

use axum::Json;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use license_issuer::services::issue::Mode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::problem::Problem;
use crate::domain::Refusal;
use crate::services::{LedgerCopyFile, LedgerImport, LedgerReport, VendorService};

/// The result of the verification of the ledger.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerReport)]
pub(super) struct ReportBody {
    /// Whether no entry was changed, removed or added.
    is_intact: bool,
    /// The number of entries that were verified.
    entries: i64,
    /// The hash of the last entry. `keygen ledger verify --head` compares it later.
    head: String,
    /// The first fault of the hash chain, or null if the ledger is intact.
    fault: Option<String>,
    /// The number of artifacts whose delivery has not ended.
    pending: usize,
}

impl From<LedgerReport> for ReportBody {
    fn from(report: LedgerReport) -> Self {
        Self {
            is_intact: report.fault.is_none(),
            entries: report.entries,
            head: report.head,
            fault: report.fault,
            pending: report.pending,
        }
    }
}

/// A file to import. Exactly one of `file` and `ledger` has it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ImportBody {
    /// An export that `keygen ledger export` wrote, or license files.
    file: Option<String>,
    /// A ledger file that `keygen ledger backup` wrote, in Base64.
    ledger: Option<String>,
    /// Whether the import is only checked.
    dry_run: bool,
}

impl ImportBody {
    fn content(self) -> Result<Vec<u8>, Problem> {
        match (self.file, self.ledger) {
            (Some(file), None) => Ok(file.into_bytes()),
            (None, Some(ledger)) => STANDARD.decode(ledger).map_err(|_| {
                Problem::malformed("`ledger` is not Base64").hint("encode the whole file")
            }),
            _ => Err(Problem::malformed("the request has no file, or two")
                .hint("send either `file` or `ledger`")),
        }
    }
}

/// The result of an import.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerImport)]
pub(super) struct ImportedBody {
    /// The number of new entries.
    new: usize,
    /// The number of entries that the ledger had already.
    known: usize,
    /// Licenses that were reinstated, and that an imported list revokes again.
    revoked_again: Vec<String>,
    /// Licenses that stay revoked, because the file does not contain the revocation of the ledger.
    still_revoked: Vec<String>,
    /// Whether nothing was recorded.
    dry_run: bool,
}

impl ImportedBody {
    fn new(imported: LedgerImport, dry_run: bool) -> Self {
        Self {
            new: imported.new,
            known: imported.known,
            revoked_again: imported.revoked_again,
            still_revoked: imported.still_revoked,
            dry_run,
        }
    }
}

/// Verifies the hash chain of the ledger. Only a vendor's server has one.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/verification",
    tag = "administration",
    security(("bearer" = ["ledger:read"])),
    responses((status = 200, description = "The result", body = ReportBody)),
)]
pub(super) async fn verify(caller: Caller) -> JsonReply<ReportBody> {
    let report = caller.services().vendor.verify_ledger().await?;
    Ok(Json(report.into()))
}

/// Returns all entries of the ledger, as `keygen ledger export` writes them.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/export",
    tag = "administration",
    security(("bearer" = ["ledger:read"])),
    responses((
        status = 200,
        description = "The entries as JSON, one a line",
        content_type = "application/x-ndjson",
        body = String,
    )),
)]
pub(super) async fn export(caller: Caller) -> Result<Response, Problem> {
    export_of(caller.services().vendor.clone()).await
}

/// Returns the response with all entries of the ledger.
pub(super) async fn export_of(vendor: VendorService) -> Result<Response, Problem> {
    // The first part is read before the response begins, so that a refusal has its own status.
    let first = vendor.ledger_lines(0).await?;
    let lines = stream::try_unfold((vendor, first), async |(vendor, part)| {
        let Some(part) = part else {
            return Ok::<_, Refusal>(None);
        };
        let next = vendor.ledger_lines(part.last).await?;
        Ok(Some((part.text, (vendor, next))))
    });
    Ok(download(
        "application/x-ndjson",
        "ledger-export.jsonl",
        Body::from_stream(lines),
    ))
}

/// Returns a copy of the ledger file, as `keygen ledger backup` writes it.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/file",
    tag = "administration",
    security(("bearer" = ["ledger:read"])),
    responses((
        status = 200,
        description = "The ledger file, which `keygen` and SQLite read",
        content_type = "application/vnd.sqlite3",
        body = Vec<u8>,
    )),
)]
pub(super) async fn file(caller: Caller) -> Result<Response, Problem> {
    let vendor = &caller.services().vendor;
    Ok(file_of(vendor.copy_ledger_file().await?))
}

/// Returns the response with a copy of the ledger file.
pub(super) fn file_of(copy: LedgerCopyFile) -> Response {
    let blocks = stream::try_unfold(copy, LedgerCopyFile::next);
    let body = Body::from_stream(blocks);
    download("application/vnd.sqlite3", "ledger-copy.db", body)
}

/// Returns a response that browsers save as a file.
pub(super) fn download(content_type: &'static str, name: &str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, body).into_response()
}

/// Imports a ledger file, an export or license files into the ledger. What the ledger has already is
/// ignored, and nothing is imported if a part does not verify or contradicts the ledger.
#[utoipa::path(
    post,
    path = "/api/v1/ledger/import",
    tag = "administration",
    request_body = ImportBody,
    security(("bearer" = ["ledger:manage"])),
    responses((status = 200, description = "What was imported", body = ImportedBody)),
)]
pub(super) async fn import(
    caller: Caller,
    StrictJson(body): StrictJson<ImportBody>,
) -> JsonReply<ImportedBody> {
    let dry_run = body.dry_run;
    let (content, mode) = (body.content()?, Mode::new(dry_run));
    let vendor = &caller.services().vendor;
    let imported = vendor.import_ledger(caller.actor(), content, mode).await?;
    Ok(Json(ImportedBody::new(imported, dry_run)))
}
