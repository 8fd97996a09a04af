//! API tokens.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use license_core::chrono::{DateTime, Utc};
use license_dashboard::{
    Action, Cell, CodeBlock, Column, EmptyState, Field, Form, Kind, Page, Table, Tone,
};
use serde::Deserialize;

use super::context::PageContext;
use super::form::{NoFields, PageForm};
use super::form_values::required_number;
use super::list::{given, role_field, role_label, with_query, words};
use super::names::Names;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::paths::{StrictPath, not_found};
use crate::api::problem::Problem;
use crate::api::tokens::{end_after, scopes, token_name};
use crate::domain::{ApiToken, Permission as P, Permissions, Role};
use crate::services::NewToken;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .page("/tokens", P::ReadTokens, get(list))
        .page("/tokens/new", P::ManageTokens, get(show_new).post(create))
        .page(
            "/tokens/{id}/revoke",
            P::ManageTokens,
            get(show_revoke).post(revoke),
        )
}

const TOKENS: (&str, &str) = ("API tokens", "/tokens");

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenForm {
    name: String,
    role: String,
    /// The chosen permissions, in lines.
    #[serde(rename = "permissions[]")]
    permissions: Option<String>,
    days: String,
    never: Option<String>,
}

/// The number of days after which a new token ends, unless the person changes it.
const PRESET_DAYS: &str = "90";

async fn list(context: PageContext) -> PageReply {
    let services = context.services()?;
    let now = services.now();
    let columns = [
        "Name",
        "State",
        "Permissions",
        "Created",
        "Last used",
        "Ends",
        "Actions",
    ];
    let mut table = Table::new("API tokens", columns.map(Column::text).to_vec());
    table.empty = EmptyState::new("There are no API tokens");
    let mut tokens = services.tokens.list().await?;
    tokens.reverse();
    let creators = tokens.iter().map(|token| token.created_by.as_str());
    let names = Names::of(&context, creators).await?;
    for token in tokens {
        table.row(row(&context, token, now, &names));
    }
    let mut page = context
        .page("API tokens")
        .with("Programs use the HTTP interface of this server with a token.");
    if context.may(P::ManageTokens) {
        page = page.action(Action::link("Create a token", "/tokens/new").primary());
    }
    Ok(html(&page.with(table)))
}

fn row(context: &PageContext, token: ApiToken, now: DateTime<Utc>, names: &Names) -> Vec<Cell> {
    let is_valid = token.is_valid_at(now);
    let state = match token.revoked_at {
        Some(_) => Cell::badge(Tone::Danger, "Revoked"),
        None if is_valid => Cell::badge(Tone::Good, "Valid"),
        None => Cell::badge(Tone::Neutral, "Ended"),
    };
    let mut actions = Vec::new();
    if context.may(P::ReadAudit) {
        actions.push(Action::link("Changes", trail(&token.id)));
    }
    if is_valid && context.may(P::ManageTokens) {
        let target = format!("/tokens/{}/revoke", token.id);
        actions.push(Action::dialog("Revoke", target).danger());
    }
    vec![
        Cell::text(token.name),
        state,
        Cell::Lines(token.scopes.names().into_iter().map(scope).collect()),
        Cell::Lines(vec![
            Cell::Time(token.created_at),
            names.short(&token.created_by),
        ]),
        token.last_used_on.map_or(Cell::Empty, Cell::Date),
        Cell::time(token.expires_at),
        Cell::Actions(actions),
    ]
}

/// Returns a role or a permission of a token.
fn scope(name: impl AsRef<str>) -> Cell {
    let name = name.as_ref();
    Role::parse(name).map_or_else(|| Cell::code(name), |role| Cell::text(role_label(role)))
}

/// Returns the path of everything that a token has changed.
fn trail(id: &str) -> String {
    let actor = format!("token:{id}");
    with_query("/audit", &[("actor", Some(&actor))])
}

async fn show_new(context: PageContext) -> PageReply {
    let preset = TokenForm {
        days: PRESET_DAYS.to_owned(),
        ..TokenForm::default()
    };
    let form = form(&context, &preset);
    Ok(html(&new_page(&context).with(form)))
}

fn new_page(context: &PageContext) -> Page {
    context.page_below(TOKENS, "Create an API token")
}

fn form(context: &PageContext, sent: &TokenForm) -> Form {
    let own = context.principal().map(|principal| principal.permissions);
    let own = own.unwrap_or(Permissions::NONE);
    let chosen = words(sent.permissions.as_deref().unwrap_or_default());
    let choices = own.iter().map(|permission| {
        let name = permission.as_str();
        let is_chosen = chosen.iter().any(|one| one == name);
        let label = format!("{name}: {}", permission.description());
        (name.to_owned(), label, is_chosen)
    });
    let role = role_field(
        context,
        ("role", "Role"),
        Role::parse(&sent.role),
        Some("None"),
    )
    .help("All permissions of the role, also those that later versions add.");
    let permissions = Field::new(
        Kind::Choices(choices.collect()),
        "permissions[]",
        "Permissions",
    )
    .help("Besides the role, or in place of one.");
    let days = Field::new(Kind::Number, "days", "Days until it ends").value(sent.days.clone());
    let is_endless = sent.never.as_deref() == Some("true");
    let never = Field::new(Kind::Check, "never", "Or: never ends").value(if is_endless {
        "true"
    } else {
        ""
    });
    let name = Field::text("name", "Name").value(sent.name.clone());
    Form::new("/tokens/new", "Create")
        .field(
            name.required()
                .focus()
                .max_length(100)
                .help("The program or person that uses it."),
        )
        .field(role)
        .field(permissions)
        .field(days.help("From 1 to 3650."))
        .field(never.help("Only for a program that no one can give another token in time."))
        .cancel("/tokens")
}

async fn create(context: PageContext, PageForm(sent): PageForm<TokenForm>) -> PageReply {
    match create_token(&context, &sent).await {
        Ok(new) => {
            let page = context
                .page_below(TOKENS, "The token is created")
                .with("The token is shown once. Store it in a password manager.")
                .with(CodeBlock::new("API token", new.secret))
                .with("Programs send it in the header Authorization, after the word Bearer.");
            Ok((StatusCode::CREATED, html(&page)).into_response())
        }
        Err(problem) => Ok(context.refused(new_page(&context), form(&context, &sent), &problem)),
    }
}

async fn create_token(context: &PageContext, sent: &TokenForm) -> Result<NewToken, Problem> {
    let caller = context.caller()?;
    let name = token_name(&sent.name)?;
    let role = given(&sent.role).map(str::to_owned);
    let mut names = words(sent.permissions.as_deref().unwrap_or_default());
    names.extend(role);
    if names.is_empty() {
        return Err(Problem::malformed("role: choose a role or a permission"));
    }
    let scopes = scopes(&names)?;
    let is_endless = sent.never.as_deref() == Some("true");
    let days = (!is_endless).then(|| required_number("days", &sent.days, 1));
    let days = days.transpose()?;
    let end = end_after(days, caller.services().now())?;
    let tokens = &caller.services().tokens;
    Ok(tokens
        .create(caller.principal(), &name, scopes, end)
        .await?)
}

/// Returns a token of the organization.
async fn find(context: &PageContext, id: &str) -> Result<ApiToken, Problem> {
    let mut tokens = context.services()?.tokens.list().await?.into_iter();
    let found = tokens.find(|token| token.id == id);
    found.ok_or_else(|| not_found("API token"))
}

async fn show_revoke(context: PageContext, StrictPath(id): StrictPath<String>) -> PageReply {
    let token = find(&context, &id).await?;
    let title = format!("Revoke {}", token.name);
    let page = context.page_below(TOKENS, title).with(
        "The token ends at once, with the tokens and the open invitations that it created. \
         Identity providers, webhooks and groups stay: look through what it changed.",
    );
    let form = Form::new(format!("/tokens/{}/revoke", token.id), "Revoke")
        .danger()
        .cancel("/tokens");
    Ok(html(&page.with(form)))
}

async fn revoke(
    context: PageContext,
    StrictPath(id): StrictPath<String>,
    PageForm(NoFields {}): PageForm<NoFields>,
) -> PageReply {
    let token = find(&context, &id).await?;
    let tokens = &context.services()?.tokens;
    tokens.revoke(context.actor()?, &token.id).await?;
    if context.may(P::ReadAudit) {
        let message = "The token is revoked. This is what it changed.";
        return Ok(done(&trail(&token.id), message));
    }
    Ok(done("/tokens", "The token is revoked."))
}
