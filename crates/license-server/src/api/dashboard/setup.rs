//! The one-time link, which creates the first administrator.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use license_dashboard::{Action, CodeBlock, Field, Form, Frame, Kind, Page};
use serde::Deserialize;

use super::form::PageForm;
use super::form_errors::refused;
use super::links::{name_field, new_password};
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::App;
use crate::api::paths::StrictPath;
use crate::api::peer::Peer;
use crate::api::problem::Problem;
use crate::api::registrations::email;
use crate::api::tokens::token_name;
use crate::services::Password;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .open("/setup/{secret}", get(show).post(create_account))
        .open("/setup/{secret}/token", get(show_token).post(create_token))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountForm {
    name: String,
    email: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstTokenForm {
    name: String,
}

async fn show(State(app): State<App>, StrictPath(secret): StrictPath<String>) -> PageReply {
    app.services().setup.check(&secret).await?;
    let page = account_page().with(account_form(&secret, "", ""));
    Ok(html(&page.with(vec![token_link(&secret)])))
}

fn token_link(secret: &str) -> Action {
    let path = format!("/setup/{secret}/token");
    Action::link("Create an API token instead", path)
}

async fn create_account(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    StrictPath(secret): StrictPath<String>,
    PageForm(sent): PageForm<AccountForm>,
) -> PageReply {
    let created = async {
        let (name, address) = (token_name(&sent.name)?, email(&sent.email)?);
        let (setup, password) = (&app.services().setup, Password::new(sent.password));
        let peer = Some(peer.address());
        setup
            .complete_with_account(&secret, &name, address, password, peer)
            .await?;
        Ok::<_, Problem>(())
    };
    match created.await {
        Ok(()) => Ok(done(
            "/sign-in",
            "The first administrator is created. Sign in now.",
        )),
        Err(problem) => {
            let form = account_form(&secret, &sent.name, &sent.email);
            let page = account_page().with(vec![token_link(&secret)]);
            Ok(refused(page, form, &problem))
        }
    }
}

fn account_page() -> Page {
    Page::new(Frame::new("Create the first administrator"))
        .with("The link works once. The account signs in to these pages.")
}

fn account_form(secret: &str, name: &str, email: &str) -> Form {
    let address = Field::new(Kind::Email, "email", "E-mail address").value(email);
    Form::new(format!("/setup/{secret}"), "Create the account")
        .field(name_field(name).required().focus())
        .field(address.required().autocomplete("username"))
        .field(new_password().required())
}

async fn show_token(State(app): State<App>, StrictPath(secret): StrictPath<String>) -> PageReply {
    app.services().setup.check(&secret).await?;
    Ok(html(&token_page(&secret).with(token_form(&secret, ""))))
}

async fn create_token(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    StrictPath(secret): StrictPath<String>,
    PageForm(sent): PageForm<FirstTokenForm>,
) -> PageReply {
    let created = async {
        let (name, setup) = (token_name(&sent.name)?, &app.services().setup);
        let address = Some(peer.address());
        Ok::<_, Problem>(setup.complete(&secret, &name, address).await?)
    };
    match created.await {
        Ok(new) => {
            let page = Page::new(Frame::new("The administrator is created"))
                .with("The token is shown once. Store it in a password manager.")
                .with(CodeBlock::new("API token", new.secret))
                .with("Programs send it in the header `Authorization: Bearer`.");
            Ok((StatusCode::CREATED, html(&page)).into_response())
        }
        Err(problem) => {
            let form = token_form(&secret, &sent.name);
            Ok(refused(token_page(&secret), form, &problem))
        }
    }
}

fn token_page(secret: &str) -> Page {
    Page::new(Frame {
        parent: Some(("Create an account".to_owned(), format!("/setup/{secret}"))),
        ..Frame::new("Create an API token")
    })
    .with("The token has all permissions. A site without people who use these pages needs it only.")
}

fn token_form(secret: &str, name: &str) -> Form {
    let name = Field::text("name", "Name of the token").value(name);
    Form::new(format!("/setup/{secret}/token"), "Create the token")
        .field(name.required().focus().max_length(100))
}
