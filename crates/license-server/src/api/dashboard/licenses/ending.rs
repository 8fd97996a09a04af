//! Revocation and reinstatement on a vendor's server, and removal from a site server.

use axum::routing::{get, post};
use license_core::LicenseId;
use license_dashboard::{Cell, Facts, Field, Form, Kind, Notice, Page, Tone};
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
            get(show::<Revocation>).post(change::<Revocation>),
        )
        .page(
            "/licenses/{license}/revoke/preview",
            needed,
            post(preview::<Revocation>),
        )
        .page(
            "/licenses/{license}/reinstate",
            needed,
            get(show::<Reinstatement>).post(change::<Reinstatement>),
        )
        .page(
            "/licenses/{license}/reinstate/preview",
            needed,
            post(preview::<Reinstatement>),
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

/// Returns what a preview shows: the lists of license ids that are not empty.
fn facts(lists: &[(&str, &Vec<String>)]) -> Facts {
    let lists = lists.iter().filter(|(_, ids)| !ids.is_empty());
    lists.fold(
        Facts::new().title("What would happen"),
        |facts, (name, ids)| {
            let links = ids.iter();
            let links = links.map(|id| Cell::link(format!("/licenses/{id}"), id.as_str()));
            facts.fact(*name, Cell::Lines(links.collect()))
        },
    )
}

/// A change that ends a license or its revocation.
trait Ending {
    /// The last part of the path.
    const NAME: &'static str;

    /// The title of the page.
    const TITLE: &'static str;

    /// The label of the button that makes the change.
    const SUBMIT: &'static str;

    /// The message after the change.
    const DONE: &'static str;

    /// Adds the fields with their values to a form.
    fn fields(form: Form, sent: &EndingForm) -> Form;

    /// Makes the change, or only checks it. Returns the licenses that it concerns.
    async fn send(
        context: &PageContext,
        id: &LicenseId,
        sent: &EndingForm,
        dry_run: bool,
    ) -> Result<Facts, Problem>;
}

/// Revokes a license.
struct Revocation;

impl Ending for Revocation {
    const NAME: &'static str = "revoke";
    const TITLE: &'static str = "Revoke the license";
    const SUBMIT: &'static str = "Revoke";
    const DONE: &'static str = "The license is revoked, and a new revocation list is signed";

    fn fields(form: Form, sent: &EndingForm) -> Form {
        form.field(reason_field(
            &sent.reason,
            "The revocation list contains the reason, so the customer can read it.",
        ))
        .field(check(
            "with_successors",
            "Also revoke the licenses that replace it",
            sent.with_successors.as_ref(),
        ))
        .danger()
    }

    async fn send(
        context: &PageContext,
        id: &LicenseId,
        sent: &EndingForm,
        dry_run: bool,
    ) -> Result<Facts, Problem> {
        let order = RevokeOrder {
            reason: sent.reason.clone(),
            with_successors: sent.with_successors.is_some(),
            dry_run,
        };
        let vendor = &context.services()?.vendor;
        let result = vendor.revoke(context.actor()?, id, order).await?;
        let lists = [
            ("Revoked", &result.revoked),
            ("Revoked already", &result.already_revoked),
            ("Successors that stay valid", &result.successors),
            ("Earlier licenses that stay valid", &result.predecessors),
        ];
        Ok(facts(&lists))
    }
}

/// Makes a revoked license valid again.
struct Reinstatement;

impl Ending for Reinstatement {
    const NAME: &'static str = "reinstate";
    const TITLE: &'static str = "Reinstate the license";
    const SUBMIT: &'static str = "Reinstate";
    const DONE: &'static str = "The license is valid again, and a new revocation list is signed";

    fn fields(form: Form, sent: &EndingForm) -> Form {
        form.field(reason_field(&sent.reason, "The ledger keeps the reason."))
            .field(check(
                "with_successors",
                "Also reinstate the licenses that replace it",
                sent.with_successors.as_ref(),
            ))
            .field(check(
                "accept_rivals",
                "The customer may have several valid successors of one license",
                sent.accept_rivals.as_ref(),
            ))
    }

    async fn send(
        context: &PageContext,
        id: &LicenseId,
        sent: &EndingForm,
        dry_run: bool,
    ) -> Result<Facts, Problem> {
        let order = ReinstateOrder {
            reason: sent.reason.clone(),
            with_successors: sent.with_successors.is_some(),
            accept_rivals: sent.accept_rivals.is_some(),
            dry_run,
        };
        let vendor = &context.services()?.vendor;
        let result = vendor.reinstate(context.actor()?, id, order).await?;
        let lists = [
            ("Valid again", &result.reinstated),
            ("Not revoked", &result.not_revoked),
            ("Revoked by another order", &result.revoked_separately),
        ];
        Ok(facts(&lists))
    }
}

fn form<E: Ending>(id: &LicenseId, sent: &EndingForm) -> Form {
    let path = format!("/licenses/{id}/{}", E::NAME);
    E::fields(Form::new(&path, E::SUBMIT), sent)
        .other_target("Preview", format!("{path}/preview"))
        .cancel(format!("/licenses/{id}"))
}

async fn show<E: Ending>(context: PageContext, StrictPath(path): StrictPath<String>) -> PageReply {
    let id = license(&path)?;
    let page = page(&context, &id, E::TITLE).await?;
    Ok(html(&page.with(form::<E>(&id, &EndingForm::default()))))
}

async fn preview<E: Ending>(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<EndingForm>,
) -> PageReply {
    let id = license(&path)?;
    let page = page(&context, &id, E::TITLE).await?;
    let form = form::<E>(&id, &sent);
    match E::send(&context, &id, &sent, true).await {
        Ok(facts) => {
            let notice = Notice::new(Tone::Neutral, "Preview: nothing has changed yet");
            Ok(html(&page.with(notice).with(facts).with(form)))
        }
        Err(problem) => Ok(context.refused(page, form, &problem)),
    }
}

async fn change<E: Ending>(
    context: PageContext,
    StrictPath(path): StrictPath<String>,
    PageForm(sent): PageForm<EndingForm>,
) -> PageReply {
    let id = license(&path)?;
    let page = page(&context, &id, E::TITLE).await?;
    match E::send(&context, &id, &sent, false).await {
        Ok(_) => Ok(done(&format!("/licenses/{id}"), E::DONE)),
        Err(problem) => Ok(context.refused(page, form::<E>(&id, &sent), &problem)),
    }
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
