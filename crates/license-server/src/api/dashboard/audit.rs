//! The audit trail: search, verification and export.

mod export;

use axum::routing::get;
use license_core::chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use license_core::encoding::hex;
use license_dashboard::{
    Action, Cell, CodeBlock, Column, EmptyState, Facts, Field, Form, Kind, Notice, Table,
};
use serde::Deserialize;
use serde_json::Value;

use super::context::PageContext;
use super::events::kind_field;
use super::list::{given, next, with_query};
use super::names::Names;
use super::pages::Pages;
use super::reply::{PageReply, html};
use crate::api::pages::{PageQuery, StrictQuery};
use crate::api::paths::{StrictPath, not_found};
use crate::api::problem::Problem;
use crate::domain::{AuditEntry, AuditFilter, Cursor, EmailAddress, PageRequest, Permission as P};
use crate::services::Services;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page("/audit", P::ReadAudit, get(list))
        .page("/audit/verification", P::ReadAudit, get(verify))
        .page("/audit/export", P::ReadAudit, get(export::lines))
        .page("/audit/table", P::ReadAudit, get(export::table))
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
    async fn filter(&self, services: &Services) -> Result<AuditFilter, Problem> {
        let text = |value: &Option<String>| value.as_deref().and_then(given).map(str::to_owned);
        let since = day("since", self.since.as_deref())?;
        let until = day("until", self.until.as_deref())?;
        let until = until.map(|day| day.succ_opt().unwrap_or(day));
        Ok(AuditFilter {
            actor: match self.actor.as_deref().and_then(given) {
                Some(actor) => Some(originator(services, actor).await?),
                None => None,
            },
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

/// Returns the originator that a person means: a member with this name or address, or the text
/// itself, such as `token:tok_…` and `console`.
async fn originator(services: &Services, text: &str) -> Result<String, Problem> {
    let wanted = text.to_lowercase();
    let members = services.members.all().await?.into_iter();
    let mut named = members.filter(|member| {
        let email = member.email.as_ref().map(EmailAddress::as_str);
        member.name.to_lowercase() == wanted || email == Some(wanted.as_str())
    });
    let id = named.next().map(|member| member.account.to_string());
    let id = id.unwrap_or_else(|| text.to_owned());
    Ok(if id.starts_with("acc_") {
        format!("account:{id}")
    } else if id.starts_with("tok_") {
        format!("token:{id}")
    } else {
        id
    })
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
    let filter = query.filter(context.services()?).await?;
    let found = context.services()?.audit.search(&filter, &page_of).await?;
    let columns = ["Entry", "Time", "Who", "Action", "Object", "Address"].map(Column::text);
    let mut table = Table::new("Entries, the newest first", columns.to_vec());
    table.empty = EmptyState::new("No entry matches");
    table.filter = Some(filter_form(&query));
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
    let about = "Every change by a person or a program. The number of an entry leads to its details. \
                 Select a name to see only its entries.";
    let page = context
        .page("Audit trail")
        .with(about)
        .action(Action::link("Verify", "/audit/verification"))
        .action(Action::download("Export for verification", "/audit/export"));
    table.actions = vec![Action::download(
        "Export as CSV",
        with_query("/audit/table", &query.values()),
    )];
    Ok(html(&page.with(table)))
}

fn filter_form(query: &TrailQuery) -> Form {
    let value = |text: &Option<String>| text.clone().unwrap_or_default();
    let date = |name: &str, label: &str, text: &Option<String>| {
        Field::new(Kind::Date, name, label).value(value(text))
    };
    Form::new("/audit", "Filter")
        .field(Field::text("actor", "Who (name, address or id)").value(value(&query.actor)))
        .field(kind_field("action", "Action", &value(&query.action)))
        .field(Field::text("subject", "Object (id)").value(value(&query.subject)))
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
        // The page of the entry has the id too.
        match names.get(value) {
            Some(label) if value.starts_with("token:") => {
                Cell::link(target, format!("{label} (token)"))
            }
            _ => names.link(target, value),
        }
    };
    vec![
        Cell::link(format!("/audit/{}", entry.seq), entry.seq.to_string()),
        time(entry),
        narrowed("actor", &entry.actor),
        narrowed("action", &entry.action),
        narrowed("subject", &entry.subject),
        Cell::optional(entry.address.clone()),
    ]
}

fn time(entry: &AuditEntry) -> Cell {
    let time = license_core::time::parse_instant(&entry.at);
    time.map_or_else(|_| Cell::text(entry.at.clone()), Cell::Moment)
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
