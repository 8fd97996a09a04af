//! Revocation and reinstatement on a vendor's server, and removal from a site server.

use axum::routing::{get, post};
use license_core::LicenseId;
use license_dashboard::{Block, Cell, Facts, Field, Form, Kind, Notice, Page, Tone};
use serde::Deserialize;

use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::{NoFields, PageForm};
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::licenses::license;
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::Permission;
use crate::services::{ReinstateOrder, RevokeOrder};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    let needed = Permission::RevokeLicenses;
    pages
        .page(
            "/licenses/{license}/revoke",
            needed,
            get(show_revoke).post(revoke),
        )
        .page(
            "/licenses/{license}/revoke/preview",
            needed,
            post(preview_revoke),
        )
        .page(
            "/licenses/{license}/reinstate",
            needed,
            get(show_reinstate).post(reinstate),
        )
        .page(
            "/licenses/{license}/reinstate/preview",
            needed,
            post(preview_reinstate),
        )
        .page(
            "/licenses/{license}/remove",
            needed,
            get(show_remove).post(remove),
        )
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EndingForm {
    reason: String,
    with_successors: Option<String>,
    accept_rivals: Option<String>,
}

/// Returns the page below that of a license.
async fn page(context: &PageContext, id: &LicenseId, title: &str) -> Result<Page, Problem> {
    let found = context.services()?.licenses.get(id).await?;
    let parent = format!("/licenses/{id}");
    Ok(context.page_below((&found.record.customer, &parent), title))
}

fn reason_field(value: &str, help: &str) -> Field {
    let field = Field::text("reason", "Reason").value(value).required();
    field.help(help.to_owned()).max_length(1000)
}

fn check(name: &'static str, label: &'static str, value: Option<&String>) -> Field {
    let value = if value.is_some() { "true" } else { "" };
    Field::new(Kind::Check, name, label).value(value)
}

fn revoke_form(id: &LicenseId, sent: &EndingForm) -> Form {
    let path = format!("/licenses/{id}/revoke");
    let label = "Also revoke the licenses that replace it";
    Form::new(&path, "Revoke")
        .field(reason_field(
            &sent.reason,
            "The revocation list contains the reason, so the customer can read it.",
        ))
        .field(check(
            "with_successors",
            label,
            sent.with_successors.as_ref(),
        ))
        .other_target("Preview", format!("{path}/preview"))
        .cancel(format!("/licenses/{id}"))
        .danger()
}

fn reinstate_form(id: &LicenseId, sent: &EndingForm) -> Form {
    let path = format!("/licenses/{id}/reinstate");
    let successors = "Also reinstate the licenses that replace it";
    let rivals = "The customer may have several valid successors of one license";
    Form::new(&path, "Reinstate")
        .field(reason_field(&sent.reason, "The ledger keeps the reason."))
        .field(check(
            "with_successors",
            successors,
            sent.with_successors.as_ref(),
        ))
        .field(check("accept_rivals", rivals, sent.accept_rivals.as_ref()))
        .other_target("Preview", format!("{path}/preview"))
        .cancel(format!("/licenses/{id}"))
}

/// Returns a list of license ids, unless it is empty.
fn ids(facts: Facts, name: &str, ids: &[String]) -> Facts {
    if ids.is_empty() {
        return facts;
    }
    let links = ids.iter();
    let links = links.map(|id| Cell::link(format!("/licenses/{id}"), id.as_str()));
    facts.fact(name, Cell::Lines(links.collect()))
}

fn preview_notice() -> Block {
    Notice::new(Tone::Neutral, "Preview: nothing has changed yet").into()
}

async fn show_revoke(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let id = license(&path)?;
    let form = revoke_form(&id, &EndingForm::default());
    let page = page(&context, &id, "Revoke the license").await?;
    Ok(html(&page.with(form)))
}

async fn preview_revoke(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<EndingForm>,
) -> PageReply {
    let id = license(&path)?;
    let page = page(&context, &id, "Revoke the license").await?;
    let form = revoke_form(&id, &sent);
    match send_revoke(&context, &id, &sent, true).await {
        Ok(result) => {
            let facts = Facts::new().title("What would happen");
            let facts = ids(facts, "Revoked", &result.revoked);
            let facts = ids(facts, "Revoked already", &result.already_revoked);
            let facts = ids(facts, "Successors that stay valid", &result.successors);
            let facts = ids(
                facts,
                "Earlier licenses that stay valid",
                &result.predecessors,
            );
            Ok(html(&page.with(preview_notice()).with(facts).with(form)))
        }
        Err(problem) => Ok(context.refused(page, form, &problem)),
    }
}

async fn revoke(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<EndingForm>,
) -> PageReply {
    let id = license(&path)?;
    let page = page(&context, &id, "Revoke the license").await?;
    match send_revoke(&context, &id, &sent, false).await {
        Ok(_) => {
            let text = "The license is revoked, and a new revocation list is signed";
            Ok(done(&format!("/licenses/{id}"), text))
        }
        Err(problem) => Ok(context.refused(page, revoke_form(&id, &sent), &problem)),
    }
}

async fn send_revoke(
    context: &PageContext,
    id: &LicenseId,
    sent: &EndingForm,
    dry_run: bool,
) -> Result<crate::services::RevocationResult, Problem> {
    let order = RevokeOrder {
        reason: sent.reason.clone(),
        with_successors: sent.with_successors.is_some(),
        dry_run,
    };
    let vendor = &context.services()?.vendor;
    Ok(vendor.revoke(context.actor()?, id, order).await?)
}

async fn show_reinstate(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let id = license(&path)?;
    let form = reinstate_form(&id, &EndingForm::default());
    let page = page(&context, &id, "Reinstate the license").await?;
    Ok(html(&page.with(form)))
}

async fn preview_reinstate(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<EndingForm>,
) -> PageReply {
    let id = license(&path)?;
    let page = page(&context, &id, "Reinstate the license").await?;
    let form = reinstate_form(&id, &sent);
    match send_reinstate(&context, &id, &sent, true).await {
        Ok(result) => {
            let facts = Facts::new().title("What would happen");
            let facts = ids(facts, "Valid again", &result.reinstated);
            let facts = ids(facts, "Not revoked", &result.not_revoked);
            let facts = ids(
                facts,
                "Revoked by another order",
                &result.revoked_separately,
            );
            Ok(html(&page.with(preview_notice()).with(facts).with(form)))
        }
        Err(problem) => Ok(context.refused(page, form, &problem)),
    }
}

async fn reinstate(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<EndingForm>,
) -> PageReply {
    let id = license(&path)?;
    let page = page(&context, &id, "Reinstate the license").await?;
    match send_reinstate(&context, &id, &sent, false).await {
        Ok(_) => {
            let text = "The license is valid again, and a new revocation list is signed";
            Ok(done(&format!("/licenses/{id}"), text))
        }
        Err(problem) => Ok(context.refused(page, reinstate_form(&id, &sent), &problem)),
    }
}

async fn send_reinstate(
    context: &PageContext,
    id: &LicenseId,
    sent: &EndingForm,
    dry_run: bool,
) -> Result<crate::services::ReinstatementResult, Problem> {
    let order = ReinstateOrder {
        reason: sent.reason.clone(),
        with_successors: sent.with_successors.is_some(),
        accept_rivals: sent.accept_rivals.is_some(),
        dry_run,
    };
    let vendor = &context.services()?.vendor;
    Ok(vendor.reinstate(context.actor()?, id, order).await?)
}

fn remove_form(id: &LicenseId) -> Form {
    Form::new(format!("/licenses/{id}/remove"), "Remove")
        .cancel(format!("/licenses/{id}"))
        .danger()
}

async fn show_remove(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let id = license(&path)?;
    let text = "Programs can no longer use the license with this server. Sessions keep their seats \
                until their leases end. The file of the vendor installs the license again.";
    let page = page(&context, &id, "Remove the license").await?;
    Ok(html(&page.with(text).with(remove_form(&id))))
}

async fn remove(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let id = license(&path)?;
    let page = page(&context, &id, "Remove the license").await?;
    let licenses = &context.services()?.licenses;
    match licenses.remove(context.actor()?, &id).await {
        Ok(()) => Ok(done("/licenses", "The license is removed")),
        Err(refusal) => Ok(context.refused(page, remove_form(&id), &refusal.into())),
    }
}
