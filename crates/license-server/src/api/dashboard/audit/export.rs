//! Exports of the audit trail: the whole trail for its verification, and a table for spreadsheets.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use license_core::encoding::hex;

use super::TrailQuery;
use crate::api::dashboard::context::PageContext;
use crate::api::pages::StrictQuery;
use crate::api::problem::Problem;
use crate::domain::{AuditEntry, AuditFilter, AuditLine, Page, PageRequest};
use crate::services::{AuditService, csv_line};

/// The columns of the table.
const HEADER: [&str; 9] = [
    "seq", "at", "actor", "action", "subject", "address", "before", "details", "hash",
];

/// The content of an export.
enum ExportContent {
    /// The lines that `license-server audit export` writes, with the hash of the entry before.
    Lines([u8; 32]),
    /// The entries of a filter as CSV.
    Table(AuditFilter),
}

/// The next page of an export.
struct TrailExport {
    trail: AuditService,
    page: Option<PageRequest>,
    content: ExportContent,
}

impl TrailExport {
    fn new(context: &PageContext, content: ExportContent) -> Result<Self, Problem> {
        Ok(Self {
            trail: context.services()?.audit.clone(),
            page: Some(PageRequest::new(None, Some(PageRequest::MAX_LIMIT))),
            content,
        })
    }

    /// Returns the text of a page, and what follows.
    async fn part(mut self) -> Result<Option<(Bytes, Self)>, Problem> {
        let Some(page) = self.page.take() else {
            return Ok(None);
        };
        let mut text = String::new();
        let found: Page<AuditEntry> = match &self.content {
            ExportContent::Lines(_) => self.trail.list(&page).await?,
            ExportContent::Table(filter) => {
                if page.after.is_none() {
                    text.push_str(&csv_line(HEADER));
                }
                self.trail.search(filter, &page).await?
            }
        };
        for entry in found.items {
            match &mut self.content {
                ExportContent::Lines(previous) => {
                    let hash = entry.hash;
                    let line = AuditLine::new(entry, previous);
                    text.push_str(&serde_json::to_string(&line).unwrap_or_default());
                    text.push('\n');
                    *previous = hash;
                }
                ExportContent::Table(_) => text.push_str(&row(entry)),
            }
        }
        let next = found.next;
        self.page = next.map(|next| PageRequest::new(Some(next), Some(PageRequest::MAX_LIMIT)));
        Ok(Some((text.into(), self)))
    }

    /// Returns the response with a file.
    fn into_response(self, media_type: &'static str, disposition: &'static str) -> Response {
        // A failure in the middle cuts the response, which the browser reports.
        let parts = stream::try_unfold(self, |export| async {
            let part = export.part().await;
            part.map_err(|problem| Arc::<str>::from(problem.refusal().detail.as_str()))
        });
        let headers = [
            (header::CONTENT_TYPE, media_type),
            (header::CONTENT_DISPOSITION, disposition),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (headers, Body::from_stream(stream_of_io(parts))).into_response()
    }
}

/// Returns an entry as a line of CSV.
fn row(entry: AuditEntry) -> String {
    csv_line([
        entry.seq.to_string(),
        entry.at,
        entry.actor,
        entry.action,
        entry.subject,
        entry.address.unwrap_or_default(),
        entry.before.unwrap_or_default(),
        entry.details,
        hex::encode(&entry.hash),
    ])
}

/// Returns the trail as `license-server audit export` writes it.
pub(super) async fn lines(context: PageContext) -> Result<Response, Problem> {
    let content = ExportContent::Lines(AuditEntry::FIRST_PREVIOUS);
    let disposition = "attachment; filename=\"audit.jsonl\"";
    Ok(TrailExport::new(&context, content)?.into_response("application/jsonl", disposition))
}

/// Returns the entries of a filter as CSV, the newest first.
pub(super) async fn table(
    context: PageContext,
    StrictQuery(query): StrictQuery<TrailQuery>,
) -> Result<Response, Problem> {
    let content = ExportContent::Table(query.filter(context.services()?).await?);
    let media_type = "text/csv; charset=utf-8; header=present";
    let disposition = "attachment; filename=\"audit.csv\"";
    Ok(TrailExport::new(&context, content)?.into_response(media_type, disposition))
}

/// Returns a stream whose errors a body accepts.
fn stream_of_io(
    parts: impl stream::Stream<Item = Result<Bytes, Arc<str>>>,
) -> impl stream::Stream<Item = Result<Bytes, std::io::Error>> {
    use futures_util::TryStreamExt as _;
    parts.map_err(|detail| std::io::Error::other(detail.to_string()))
}
