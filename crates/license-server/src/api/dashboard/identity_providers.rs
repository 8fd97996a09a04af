//! Identity providers, through which people sign in.

mod form;

use axum::extract::State;
use axum::routing::get;
use license_dashboard::{
    Action, Cell, CodeBlock, Column, EmptyState, Facts, Form, Page, Table, Tone,
};

use self::form::{ProviderForm, provider_form};
use super::context::PageContext;
use super::form::{NoFields, PageForm};
use super::list::{role_label, switch};
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::App;
use crate::api::paths::StrictPath;
use crate::api::problem::Problem;
use crate::domain::{IdentityProvider, Permission as P, Permissions, ProviderSettings};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page("/identity-providers", P::ReadSettings, get(list))
        .page(
            "/identity-providers/new",
            P::ManageSettings,
            get(show_new).post(create),
        )
        .page("/identity-providers/{provider}", P::ReadSettings, get(show))
        .page(
            "/identity-providers/{provider}/edit",
            P::ManageSettings,
            get(show_edit).post(edit),
        )
        .page(
            "/identity-providers/{provider}/delete",
            P::ManageSettings,
            get(show_delete).post(delete),
        )
}

const PROVIDERS: (&str, &str) = ("Identity providers", "/identity-providers");

fn path(provider: &IdentityProvider) -> String {
    format!("/identity-providers/{}", provider.id)
}

/// Returns whether the person may change a provider: not one through which people with more
/// permissions sign in.
fn may_change(context: &PageContext, settings: &ProviderSettings) -> bool {
    let own = context.principal().map(|principal| principal.permissions);
    let own = own.unwrap_or(Permissions::NONE);
    context.may(P::ManageSettings) && settings.permissions().without(own).is_empty()
}

async fn list(context: PageContext) -> PageReply {
    let providers = context.services()?.identity_providers.list().await?;
    let columns = ["Name", "Issuer", "State", "Roles", "Changed"].map(Column::text);
    let mut table = Table::new("Identity providers", columns.to_vec());
    table.empty = EmptyState::new("There are no identity providers");
    for provider in providers {
        let settings = &provider.settings;
        table.row(vec![
            Cell::link(path(&provider), settings.name.clone()),
            Cell::text(settings.issuer.clone()),
            switch(settings.is_enabled, "Enabled", "Disabled"),
            Cell::text(roles(settings)),
            Cell::Time(provider.changed_at),
        ]);
    }
    let mut page = context
        .page("Identity providers")
        .with("With an identity provider, people sign in with the account of their company.");
    if context.may(P::ManageSettings) {
        page = page.action(Action::link("Add a provider", "/identity-providers/new").primary());
    }
    Ok(html(&page.with(table)))
}

/// Returns the roles that people can get.
fn roles(settings: &ProviderSettings) -> String {
    let mut roles: Vec<_> = settings.roles.iter().map(|rule| rule.role).collect();
    roles.extend(settings.default_role);
    roles.sort_unstable();
    roles.dedup();
    let labels: Vec<_> = roles.into_iter().map(role_label).collect();
    labels.join(", ")
}

async fn show(
    State(app): State<App>,
    context: PageContext,
    StrictPath(id): StrictPath<String>,
) -> PageReply {
    let provider = context.services()?.identity_providers.get(&id).await?;
    let settings = &provider.settings;
    let mut page = context.page_below(PROVIDERS, settings.name.clone());
    if may_change(&context, settings) {
        let target = path(&provider);
        page = page
            .action(Action::link("Change", format!("{target}/edit")))
            .action(Action::dialog("Delete", format!("{target}/delete")).danger());
    }
    let url = |route| app.oidc().url(&provider.id, route);
    let page = page
        .with(facts(&provider))
        .with(rules(settings))
        .with("Register these addresses at the provider:")
        .with(CodeBlock::new("Redirect URI", url("callback")))
        .with(CodeBlock::new("URI for back-channel logout", url("logout")))
        .with("People begin a sign-in here:")
        .with(CodeBlock::new("Address for the sign-in", url("start")));
    Ok(html(&page))
}

fn facts(provider: &IdentityProvider) -> Facts {
    let settings = &provider.settings;
    let texts = |texts: &[String]| Cell::optional((!texts.is_empty()).then(|| texts.join(", ")));
    let role = |role: Option<_>| Cell::optional(role.map(role_label));
    Facts::new()
        .fact("State", switch(settings.is_enabled, "Enabled", "Disabled"))
        .fact("Issuer", Cell::code(settings.issuer.clone()))
        .fact("Client id", Cell::code(settings.client_id.clone()))
        .fact(
            "Client secret",
            switch(provider.secret.is_some(), "Stored", "None"),
        )
        .fact("Scopes", texts(&settings.scopes))
        .fact("Further hosts", texts(&settings.hosts))
        .fact(
            "Claim with groups",
            Cell::code(settings.groups_claim.clone()),
        )
        .fact("Role without a group", role(settings.default_role))
        .fact("Highest role", role(settings.highest_role))
        .fact(
            "New people",
            switch(settings.creates_people, "Get an account", "Are refused"),
        )
        .fact(
            "Members with the same address",
            switch(settings.links_members, "Are linked", "Are not linked"),
        )
        .fact("Domains of addresses", texts(&settings.email_domains))
        .fact("Created", Cell::Time(provider.created_at))
        .fact("Changed", Cell::Time(provider.changed_at))
}

/// Returns the roles and departments of groups.
fn rules(settings: &ProviderSettings) -> Table {
    let columns = ["Group at the provider", "Gives"].map(Column::text);
    let mut table = Table::new("Groups", columns.to_vec());
    table.empty = EmptyState::new("Groups of the provider have no effect");
    for rule in &settings.roles {
        let role = Cell::badge(Tone::Neutral, role_label(rule.role));
        table.row(vec![Cell::text(rule.group.clone()), role]);
    }
    for rule in &settings.departments {
        let department = Cell::text(format!("Group {}", rule.department));
        table.row(vec![Cell::text(rule.group.clone()), department]);
    }
    table
}

async fn show_new(context: PageContext) -> PageReply {
    let form = new_form(&context, &ProviderForm::new());
    Ok(html(&new_page(&context).with(form)))
}

fn new_page(context: &PageContext) -> Page {
    context.page_below(PROVIDERS, "Add an identity provider")
}

fn new_form(context: &PageContext, sent: &ProviderForm) -> Form {
    let form = Form::new("/identity-providers/new", "Add").cancel("/identity-providers");
    provider_form(form, context, sent, false)
}

async fn create(context: PageContext, PageForm(sent): PageForm<ProviderForm>) -> PageReply {
    let created = async {
        let (settings, secret) = sent.parts()?;
        let caller = context.caller()?;
        let providers = &caller.services().identity_providers;
        let created = providers.create(caller.principal(), settings, secret);
        Ok::<_, Problem>(created.await?)
    };
    match created.await {
        Ok(provider) => Ok(done(&path(&provider), "The identity provider is added.")),
        Err(problem) => {
            let form = new_form(&context, &sent);
            Ok(context.refused(new_page(&context), form, &problem))
        }
    }
}

fn below(context: &PageContext, provider: &IdentityProvider, title: &str) -> Page {
    context.page_below((&provider.settings.name, &path(provider)), title)
}

async fn show_edit(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let provider = context.services()?.identity_providers.get(&id).await?;
    let form = edit_form(&context, &provider, &ProviderForm::of(&provider.settings));
    Ok(html(
        &below(&context, &provider, "Change the provider").with(form),
    ))
}

fn edit_form(context: &PageContext, provider: &IdentityProvider, sent: &ProviderForm) -> Form {
    let target = path(provider);
    let form = Form::new(format!("{target}/edit"), "Save").cancel(target);
    provider_form(form, context, sent, provider.secret.is_some())
}

async fn edit(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(sent): PageForm<ProviderForm>,
) -> PageReply {
    let provider = context.services()?.identity_providers.get(&id).await?;
    let changed = async {
        let (settings, secret) = sent.parts()?;
        let caller = context.caller()?;
        let providers = &caller.services().identity_providers;
        let changed = providers.change(caller.principal(), &id, settings, secret);
        Ok::<_, Problem>(changed.await?)
    };
    match changed.await {
        Ok(provider) => Ok(done(&path(&provider), "The identity provider is changed.")),
        Err(problem) => {
            let form = edit_form(&context, &provider, &sent);
            let page = below(&context, &provider, "Change the provider");
            Ok(context.refused(page, form, &problem))
        }
    }
}

async fn show_delete(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let provider = context.services()?.identity_providers.get(&id).await?;
    let target = path(&provider);
    let form = Form::new(format!("{target}/delete"), "Delete")
        .danger()
        .cancel(target);
    let page = below(&context, &provider, "Delete the provider").with(
        "The sessions of people who signed in through it end. They stay members, and a provider \
         with the same issuer knows them again.",
    );
    Ok(html(&page.with(form)))
}

async fn delete(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let caller = context.caller()?;
    let providers = &caller.services().identity_providers;
    providers.delete(caller.principal(), &id).await?;
    Ok(done(
        "/identity-providers",
        "The identity provider is deleted.",
    ))
}
