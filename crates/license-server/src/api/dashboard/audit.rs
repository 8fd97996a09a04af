//! The audit trail: search, verification and export.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream;
use license_core::chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use license_core::encoding::hex;
use license_dashboard::{
    Action, Cell, CodeBlock, Column, EmptyState, Facts, Field, Form, Kind, Notice, Table,
};
use serde::Deserialize;
use serde_json::Value;

use super::context::PageContext;
use super::list::{given, next, with_query};
use super::names::Names;
use super::pages::Pages;
use super::reply::{PageReply, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::{StrictPath, not_found};
use crate::api::problem::Problem;
use crate::domain::{AuditEntry, AuditFilter, AuditLine, Cursor, PageRequest, Permission as P};
use crate::services::AuditService;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page("/audit", P::ReadAudit, get(list))
        .page("/audit/verification", P::ReadAudit, get(verify))
        .page("/audit/export", P::ReadAudit, get(export))
        .page("/audit/{seq}", P::ReadAudit, get(show))
}

const AUDIT: (&str, &str) = ("Audit trail", "/audit");

/// The filter of the trail, as the URL has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrailQuery {
    actor: Option<String>,
    action: Option<String>,
    subject: Option<String>,
    since: Option<String>,
    until: Option<String>,
    cursor: Option<String>,
}

impl TrailQuery {
    /// Returns the filter. A day without a time begins at midnight, and `until` includes its day.
    fn filter(&self) -> Result<AuditFilter, Problem> {
        let text = |value: &Option<String>| value.as_deref().and_then(given).map(str::to_owned);
        let since = day("since", self.since.as_deref())?;
        let until = day("until", self.until.as_deref())?;
        let until = until.map(|day| day.succ_opt().unwrap_or(day));
        Ok(AuditFilter {
            actor: text(&self.actor),
            action: text(&self.action),
            subject: text(&self.subject),
            since: since.map(midnight),
            until: until.map(midnight),
            is_newest_first: true,
        })
    }

    fn values(&self) -> [(&'static str, Option<&str>); 5] {
        [
            ("actor", self.actor.as_deref()),
            ("action", self.action.as_deref()),
            ("subject", self.subject.as_deref()),
            ("since", self.since.as_deref()),
            ("until", self.until.as_deref()),
        ]
    }
}

fn day(name: &str, text: Option<&str>) -> Result<Option<NaiveDate>, Problem> {
    let parsed = text.and_then(given).map(str::parse::<NaiveDate>);
    let refused = |_| Problem::malformed(format!("{name}: a date such as 2027-01-15 is expected"));
    parsed.transpose().map_err(refused)
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

async fn list(context: PageContext, StrictQuery(query): StrictQuery<TrailQuery>) -> PageReply {
    let page_of = PageQuery::new(query.cursor.clone(), None).request()?;
    let found = context
        .services()?
        .audit
        .search(&query.filter()?, &page_of)
        .await?;
    let columns = ["Time", "Who", "Action", "Object", "Address", "Entry"].map(Column::text);
    let mut table = Table::new("Entries, the newest first", columns.to_vec());
    table.empty = EmptyState::new("No entry matches");
    table.filter = Some(filter(&query));
    table.first = query
        .cursor
        .is_some()
        .then(|| with_query("/audit", &query.values()));
    table.next = next("/audit", &query.values(), found.next);
    let texts = found.items.iter();
    let texts = texts.flat_map(|entry| [entry.actor.as_str(), entry.subject.as_str()]);
    let names = Names::of(&context, texts).await?;
    for entry in &found.items {
        table.row(row(&query, entry, &names));
    }
    let page = context
        .page("Audit trail")
        .action(Action::link("Verify", "/audit/verification"))
        .action(Action::download("Export", "/audit/export"));
    Ok(html(&page.with(table)))
}

fn filter(query: &TrailQuery) -> Form {
    let value = |text: &Option<String>| text.clone().unwrap_or_default();
    let date = |name: &str, label: &str, text: &Option<String>| {
        Field::new(Kind::Date, name, label).value(value(text))
    };
    Form::new("/audit", "Filter")
        .field(Field::text("actor", "Who").value(value(&query.actor)))
        .field(Field::text("action", "Action").value(value(&query.action)))
        .field(Field::text("subject", "Object").value(value(&query.subject)))
        .field(date("since", "From", &query.since))
        .field(date("until", "To", &query.until))
}

fn row(query: &TrailQuery, entry: &AuditEntry, names: &Names) -> Vec<Cell> {
    // A link narrows the current filter.
    let narrowed = |name: &str, value: &str| {
        if value.is_empty() {
            return Cell::Empty;
        }
        let mut values = query.values();
        for one in &mut values {
            if one.0 == name {
                one.1 = Some(value);
            }
        }
        let target = with_query("/audit", &values);
        match names.get(value) {
            Some(label) => Cell::Lines(vec![Cell::link(target, label), Cell::code(value)]),
            None => Cell::link(target, value),
        }
    };
    vec![
        time(entry),
        narrowed("actor", &entry.actor),
        narrowed("action", &entry.action),
        narrowed("subject", &entry.subject),
        Cell::optional(entry.address.clone()),
        Cell::link(format!("/audit/{}", entry.seq), entry.seq.to_string()),
    ]
}

fn time(entry: &AuditEntry) -> Cell {
    let time = license_core::time::parse_instant(&entry.at);
    time.map_or_else(|_| Cell::text(entry.at.clone()), Cell::Time)
}

async fn show(context: PageContext, StrictPath(seq): StrictPath<u64>) -> PageReply {
    let before = Cursor::after(seq.saturating_sub(1).to_string());
    let page_of = PageRequest::new(Some(before), Some(1));
    let mut found = context.services()?.audit.list(&page_of).await?.items;
    let entry = found.pop().filter(|entry| entry.seq == seq);
    let entry = entry.ok_or_else(|| not_found("entry"))?;
    let names = Names::of(&context, [entry.actor.as_str(), entry.subject.as_str()]).await?;
    let facts = Facts::new()
        .fact("Time", time(&entry))
        .fact("Who", names.cell(&entry.actor))
        .fact("Address", Cell::optional(entry.address.clone()))
        .fact("Action", Cell::code(entry.action.clone()))
        .fact("Object", names.cell(&entry.subject))
        .fact("Hash", Cell::code(hex::encode(&entry.hash)));
    let before = entry.before.as_deref().map(readable);
    let before = before.map(|text| CodeBlock::new("Before the change", text));
    let details = CodeBlock::new("After the change", readable(&entry.details));
    let page = context.page_below(AUDIT, format!("Entry {seq}"));
    Ok(html(&page.with(facts).with_some(before).with(details)))
}

/// Returns JSON in several lines.
fn readable(json: &str) -> String {
    let value = serde_json::from_str::<Value>(json);
    let text = value.and_then(|value| serde_json::to_string_pretty(&value));
    text.unwrap_or_else(|_| json.to_owned())
}

async fn verify(context: PageContext) -> PageReply {
    let report = context.services()?.audit.verify().await?;
    let notice = match &report.fault {
        None => Notice::good("The audit trail is intact")
            .text("Each entry has the hash of the entry before it."),
        Some(fault) => Notice::danger("The audit trail is damaged").text(fault.to_string()),
    };
    let entries = i64::try_from(report.entries).unwrap_or(i64::MAX);
    let facts = Facts::new().fact("Entries", Cell::Number(entries)).fact(
        "Hash of the last entry",
        Cell::code(hex::encode(&report.head)),
    );
    let page = context.page_below(AUDIT, "Verification").with(notice);
    let page = page.with(facts).with(
        "A person who can write to the database can replace the whole trail. Export it regularly, and \
         verify the exports against each other.",
    );
    Ok(html(&page))
}

/// The next page of an export.
struct Export {
    trail: AuditService,
    page: Option<PageRequest>,
    previous: [u8; 32],
}

impl Export {
    /// Returns the lines of a page, and what follows.
    async fn lines(mut self) -> Result<Option<(Bytes, Self)>, Problem> {
        let Some(page) = self.page.take() else {
            return Ok(None);
        };
        let found = self.trail.list(&page).await?;
        let mut text = String::new();
        for entry in found.items {
            let hash = entry.hash;
            let line = AuditLine::new(entry, &self.previous);
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
            self.previous = hash;
        }
        let next = found.next;
        self.page = next.map(|next| PageRequest::new(Some(next), Some(PageRequest::MAX_LIMIT)));
        Ok(Some((text.into(), self)))
    }
}

/// Returns the trail as `license-server audit export` writes it.
async fn export(context: PageContext) -> Result<Response, Problem> {
    let export = Export {
        trail: context.services()?.audit.clone(),
        page: Some(PageRequest::new(None, Some(PageRequest::MAX_LIMIT))),
        previous: AuditEntry::FIRST_PREVIOUS,
    };
    // A failure in the middle cuts the response, which the browser reports.
    let lines = stream::try_unfold(export, |export| async {
        let lines = export.lines().await;
        lines.map_err(|problem| Arc::<str>::from(problem.refusal().detail.as_str()))
    });
    let lines = stream_of_io(lines);
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"audit.jsonl\"",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// Returns a stream whose errors a body accepts.
fn stream_of_io(
    lines: impl stream::Stream<Item = Result<Bytes, Arc<str>>>,
) -> impl stream::Stream<Item = Result<Bytes, std::io::Error>> {
    use futures_util::TryStreamExt as _;
    lines.map_err(|detail| std::io::Error::other(detail.to_string()))
}
