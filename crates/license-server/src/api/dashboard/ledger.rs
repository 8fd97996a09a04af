//! The ledger of a vendor's server: its state, exports, copies and imports.

use axum::response::Response;
use axum::routing::{get, post};
use license_dashboard::{Action, Cell, Facts, Field, Form, Kind, Notice, Page, Tone};
use license_issuer::services::issue::Mode;
use serde::Deserialize;

use super::context::PageContext;
use super::form::PageForm;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::ledger::{export_of, file_of};
use crate::domain::Permission;
use crate::services::LedgerImport;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let (read, manage) = (Permission::ReadLedger, Permission::ManageLedger);
    pages
        .page("/ledger", read, get(show))
        .page("/ledger/verification", read, get(verify))
        .page("/ledger/export", read, get(export))
        .page("/ledger/file", read, get(file))
        .page("/ledger/import", manage, get(show_import).post(import))
        .page("/ledger/import/preview", manage, post(preview))
}

const LEDGER: (&str, &str) = ("Ledger", "/ledger");

async fn show(context: PageContext) -> PageReply {
    let state = context.services()?.vendor.ledger_state().await?;
    let facts = facts(state.entries, state.head, state.pending);
    let files = "`keygen ledger verify` checks the copy of the file. The export has the entries as JSON \
                 Lines, for `keygen ledger import` into another ledger and for other programs.";
    let keep = "Store the hash outside the server: `keygen ledger verify --head HASH` then detects a \
                ledger that was rewritten.";
    let mut page = context
        .page("Ledger")
        .with("Everything that the vendor has signed, in a chain in which every later change is noticed.")
        .action(Action::link("Verify", "/ledger/verification"))
        .action(Action::download("Export entries", "/ledger/export"))
        .action(Action::download("Copy the file", "/ledger/file"));
    if context.may(Permission::ManageLedger) {
        page = page.action(Action::link("Import", "/ledger/import").primary());
    }
    Ok(html(&page.with(facts).with(files).with(keep)))
}

fn facts(entries: i64, head: String, pending: usize) -> Facts {
    let pending = i64::try_from(pending).unwrap_or(i64::MAX);
    Facts::new()
        .fact("Entries", Cell::Number(entries))
        .fact("Hash of the last entry", Cell::code(head))
        .fact("Deliveries that have not ended", Cell::Number(pending))
}

async fn verify(context: PageContext) -> PageReply {
    let report = context.services()?.vendor.verify_ledger().await?;
    let notice = match &report.fault {
        None => {
            Notice::good("The ledger is intact").text("No entry was changed, removed or added.")
        }
        Some(fault) => Notice::danger("The ledger is damaged")
            .code("BROKEN_CHAIN")
            .text(fault.as_str())
            .hint(Some("Compare the ledger with a backup.")),
    };
    let facts = facts(report.entries, report.head, report.pending);
    let page = context.page_below(LEDGER, "Verification");
    Ok(html(&page.with(notice).with(facts)))
}

async fn export(context: PageContext) -> PageReply {
    export_of(context.services()?.vendor.clone()).await
}

async fn file(context: PageContext) -> Result<Response, crate::api::problem::Problem> {
    let vendor = &context.services()?.vendor;
    Ok(file_of(vendor.copy_ledger_file().await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportForm {
    file: String,
}

fn page(context: &PageContext) -> Page {
    context.page_below(LEDGER, "Import into the ledger")
}

fn form(text: &str, is_previewed: bool) -> Form {
    let help = "An export of another ledger, or license files of this vendor. What the ledger has \
                already is ignored. Nothing is imported if a part does not verify, or contradicts the \
                ledger. A file above 8 MiB is imported with `keygen ledger import` on the server.";
    let file = Field::new(Kind::File, "file", "File")
        .value(text)
        .help(help);
    let form = if is_previewed {
        Form::new("/ledger/import", "Import")
            .other_target("Preview again", "/ledger/import/preview")
    } else {
        Form::new("/ledger/import/preview", "Preview")
    };
    form.field(file.required()).cancel("/ledger")
}

async fn show_import(context: PageContext) -> PageReply {
    Ok(html(&page(&context).with(form("", false))))
}

async fn send(
    context: &PageContext,
    text: &str,
    mode: Mode,
) -> Result<LedgerImport, crate::api::problem::Problem> {
    let vendor = &context.services()?.vendor;
    let content = text.as_bytes().to_vec();
    Ok(vendor
        .import_ledger(context.actor()?, content, mode)
        .await?)
}

async fn preview(context: PageContext, PageForm(sent): PageForm<ImportForm>) -> PageReply {
    match send(&context, &sent.file, Mode::DryRun).await {
        Ok(found) => {
            let count = |count: usize| Cell::Number(i64::try_from(count).unwrap_or(i64::MAX));
            let facts = Facts::new()
                .title("What would happen")
                .fact("New entries", count(found.new))
                .fact("Entries that the ledger has already", count(found.known));
            let facts = listed(
                facts,
                "Licenses that a list revokes again",
                &found.revoked_again,
            );
            let facts = listed(facts, "Licenses that stay revoked", &found.still_revoked);
            let notice = Notice::new(Tone::Neutral, "Preview: nothing has been imported yet");
            let page = page(&context).with(notice).with(facts);
            Ok(html(&page.with(form(&sent.file, true))))
        }
        Err(problem) => Ok(context.refused(page(&context), form(&sent.file, false), &problem)),
    }
}

fn listed(facts: Facts, name: &str, ids: &[String]) -> Facts {
    if ids.is_empty() {
        return facts;
    }
    let ids = ids.iter().map(|id| Cell::code(id.as_str()));
    facts.fact(name, Cell::Lines(ids.collect()))
}

async fn import(context: PageContext, PageForm(sent): PageForm<ImportForm>) -> PageReply {
    match send(&context, &sent.file, Mode::Commit).await {
        Ok(imported) => {
            let text = match imported.new {
                1 => "1 entry is imported".to_owned(),
                new => format!("{new} entries are imported"),
            };
            Ok(done("/ledger", &text))
        }
        Err(problem) => Ok(context.refused(page(&context), form(&sent.file, true), &problem)),
    }
}
