//! The settings of the server, and the organization.

use axum::extract::State;
use axum::routing::get;
use license_dashboard::{
    Action, Cell, Column, Disclosure, EmptyState, Facts, Field, Form, Heading, Kind, Notice, Page,
    Table,
};
use serde::Deserialize;

use super::context::PageContext;
use super::form::{NoFields, PageForm};
use super::list::given;
use super::pages::Pages;
use super::reply::{PageReply, done, html, see_other};
use crate::api::App;
use crate::api::cookies;
use crate::api::problem::Problem;
use crate::domain::Permission as P;
use crate::services::{OrganizationDeletion, Password, Reauthentication};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page("/settings", P::ReadSettings, get(show))
        .page(
            "/settings/name",
            P::ManageSettings,
            get(show_name).post(rename),
        )
        .page(
            "/settings/delete",
            P::ManageOrganization,
            get(show_delete).post(delete),
        )
        .page(
            TELEMETRY,
            P::ManageUsage,
            get(show_telemetry_deletion).post(delete_telemetry),
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganizationNameForm {
    name: String,
}

const TELEMETRY: &str = "/settings/telemetry";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteOrganizationForm {
    organization: String,
    password: Option<String>,
    totp: Option<String>,
}

/// Returns whether the organization of the person is that of the server.
fn is_operator(app: &App, context: &PageContext) -> Result<bool, Problem> {
    let tenant = &context.caller()?.principal().tenant;
    Ok(tenant == app.services().tenant())
}

async fn show(State(app): State<App>, context: PageContext) -> PageReply {
    let tenant = context.caller()?.principal().tenant.clone();
    let name = context.services()?.members.organization_name().await?;
    let facts = Facts::new()
        .title("Organization")
        .fact("Name", Cell::text(name))
        .fact("Id", Cell::id(tenant.as_str()));
    let mut page = context.page("Settings");
    if context.may(P::ManageSettings) {
        page = page.action(Action::dialog("Change the name", "/settings/name"));
    }
    let mut page = page.with(facts);
    if context.may(P::ReadUsage) {
        page = with_telemetry(page, &context).await?;
    }
    if !is_operator(&app, &context)? {
        if !context.may(P::ManageOrganization) {
            return Ok(html(&page));
        }
        let actions = vec![Action::dialog("Delete the organization", "/settings/delete").danger()];
        return Ok(html(
            &page
                .with(Heading::new("End of the organization"))
                .with(actions),
        ));
    }
    let (defaults, changed): (Vec<_>, Vec<_>) = app
        .shown_settings()
        .iter()
        .partition(|setting| setting.is_default);
    let columns = ["Setting", "Value", "From"].map(Column::text);
    let mut table = Table::new("Server", columns.to_vec());
    for setting in changed {
        table.row(vec![
            Cell::code(setting.name),
            Cell::text(setting.value.clone()),
            Cell::text(setting.origin.clone()),
        ]);
    }
    table.empty = EmptyState::new("All settings have their default values");
    let facts = defaults.iter().fold(Facts::new(), |facts, setting| {
        facts.fact(setting.name, Cell::text(setting.value.clone()))
    });
    let page = page
        .with(table)
        .with(Disclosure::new("Settings with default values").with(facts))
        .with(
            "The settings come from options, variables and the settings file of the server. A change \
             takes effect at the next start. `license-server check-config` explains each setting. \
             Passwords are not shown.",
        );
    Ok(html(&page))
}

async fn show_name(context: PageContext) -> PageReply {
    let name = context.services()?.members.organization_name().await?;
    Ok(html(&name_page(&context).with(name_form(&name))))
}

fn name_page(context: &PageContext) -> Page {
    context.page_below(("Settings", "/settings"), "Change the name")
}

fn name_form(name: &str) -> Form {
    let name = super::account::organization_name(name);
    Form::new("/settings/name", "Save")
        .field(name.help("All members and the people whom you invite see it."))
        .cancel("/settings")
}

async fn rename(context: PageContext, PageForm(sent): PageForm<OrganizationNameForm>) -> PageReply {
    let members = &context.services()?.members;
    let renamed = members.rename_organization(context.actor()?, &sent.name);
    match renamed.await {
        Ok(_) => Ok(done("/settings", "The name is changed.")),
        Err(refusal) => {
            let form = name_form(&sent.name);
            Ok(context.refused(name_page(&context), form, &refusal.into()))
        }
    }
}

/// Adds what the telemetry takes, and the button that deletes it.
async fn with_telemetry(page: Page, context: &PageContext) -> Result<Page, Problem> {
    let size = context.services()?.telemetry.size().await?;
    let facts = Facts::new()
        .title("Telemetry of programs")
        .fact("Events", Cell::text(size.events.to_string()))
        .fact("Installations", Cell::text(size.installations.to_string()));
    let page = page.with(facts);
    if size.events == 0 || !context.may(P::ManageUsage) {
        return Ok(page);
    }
    Ok(page.with(vec![
        Action::dialog("Delete the telemetry", TELEMETRY).danger(),
    ]))
}

async fn show_telemetry_deletion(context: PageContext) -> PageReply {
    let page = context.page_below(("Settings", "/settings"), "Delete the telemetry");
    let notice = Notice::warning("The telemetry of all installations is deleted for good").text(
        "Programs whose telemetry is on send later days again. The setting telemetry_days = 0 \
         accepts none.",
    );
    let form = Form::new(TELEMETRY, "Delete the telemetry");
    Ok(html(
        &page.with(notice).with(form.danger().cancel("/settings")),
    ))
}

async fn delete_telemetry(
    context: PageContext,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let telemetry = &context.services()?.telemetry;
    telemetry.delete_all(context.actor()?).await?;
    Ok(done("/settings", "The telemetry is deleted"))
}

async fn show_delete(context: PageContext) -> PageReply {
    Ok(html(&delete_page(&context).with(delete_form(&context, ""))))
}

fn delete_page(context: &PageContext) -> Page {
    let page = context.page_below(("Settings", "/settings"), "Delete the organization");
    page.with(
        "Everything that the organization has on this server is deleted for good: licenses, seats, \
         members, API tokens, webhooks and the audit trail. Export the audit trail before. Accounts \
         stay.",
    )
}

fn delete_form(context: &PageContext, organization: &str) -> Form {
    let name = Field::text("organization", "Name of the organization").value(organization);
    let form = Form::new("/settings/delete", "Delete for good").field(
        name.required()
            .autocomplete("off")
            .help("Enter the name or the id to confirm."),
    );
    let account = &context.person().signed_in().account;
    let form = match account.password {
        None => form,
        Some(_) => {
            let field = Field::new(Kind::Password, "password", "Current password");
            form.field(field.required().autocomplete("current-password"))
        }
    };
    let form = if account.needs_code() {
        let code = Field::text("totp", "Code of the authenticator app, or a recovery code");
        form.field(code.required().autocomplete("one-time-code"))
    } else {
        form
    };
    form.danger().cancel("/settings")
}

async fn delete(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<DeleteOrganizationForm>,
) -> PageReply {
    let (person, code) = (context.person(), sent.totp.as_deref().and_then(given));
    let code = code.map(str::to_owned);
    let proof = sent.password.map(|password| Reauthentication {
        password: Password::new(password),
        code,
    });
    let order = OrganizationDeletion {
        organization: sent.organization.clone(),
        proof,
    };
    let deleted = async {
        app.limit_proof(person)?;
        let caller = context.caller()?.principal();
        let tenants = app.tenants();
        let deleted = tenants.delete(caller, Some(person.signed_in()), order);
        Ok::<_, Problem>(deleted.await?)
    };
    match deleted.await {
        Ok(()) => {
            let mut response = see_other("/sign-in");
            cookies::clear_session(&mut response);
            Ok(response)
        }
        Err(problem) => {
            let form = delete_form(&context, &sent.organization);
            Ok(context.refused(delete_page(&context), form, &problem))
        }
    }
}
