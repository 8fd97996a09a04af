//! The password and the e-mail address of the own account.

use axum::extract::State;
use axum::routing::get;
use license_dashboard::{Field, Form, Kind, Page};
use serde::Deserialize;

use super::{ACCOUNT, ProofForm, current_password, proof};
use crate::api::App;
use crate::api::cookies;
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::problem::Problem;
use crate::api::registrations::email;
use crate::services::Password;

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .own(
            "/account/password",
            get(show_password).post(change_password),
        )
        .own("/account/email", get(show_email).post(request_email))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordForm {
    current: String,
    new: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmailForm {
    email: String,
    password: String,
    totp: Option<String>,
}

async fn show_password(context: PageContext) -> PageReply {
    Ok(html(&password_page(&context).with(password_form())))
}

fn password_page(context: &PageContext) -> Page {
    let page = context.page_below(ACCOUNT, "Change the password");
    page.with("Your other sessions end.")
}

fn password_form() -> Form {
    let new = Field::new(Kind::Password, "new", "New password")
        .help("At least 10 characters, such as several words.")
        .autocomplete("new-password");
    Form::new("/account/password", "Change the password")
        .field(current_password("current"))
        .field(new.required())
        .cancel("/account")
}

async fn change_password(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<PasswordForm>,
) -> PageReply {
    let person = context.person();
    let changed = async {
        app.limit_proof(person)?;
        let (current, new) = (Password::new(sent.current), Password::new(sent.new));
        let accounts = app.accounts();
        let changed = accounts.change_password(person.signed_in(), current, new);
        Ok::<_, Problem>(changed.await?)
    };
    match changed.await {
        Ok(device) => {
            let response = done("/account", "The password is changed.");
            Ok(cookies::marked(response, &device))
        }
        Err(problem) => Ok(context.refused(password_page(&context), password_form(), &problem)),
    }
}

async fn show_email(context: PageContext) -> PageReply {
    Ok(html(&email_page(&context).with(email_form(&context, ""))))
}

fn email_page(context: &PageContext) -> Page {
    let page = context.page_below(ACCOUNT, "Change the e-mail address");
    page.with("The new address gets a link. The account has the address after you opened the link.")
}

fn email_form(context: &PageContext, address: &str) -> Form {
    let field = Field::new(Kind::Email, "email", "New e-mail address").value(address);
    let form = Form::new("/account/email", "Send the link").field(field.required().focus());
    proof(form, context).cancel("/account")
}

async fn request_email(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<EmailForm>,
) -> PageReply {
    let person = context.person();
    let proof = ProofForm {
        password: sent.password,
        totp: sent.totp,
    };
    let requested = async {
        app.limit_proof(person)?;
        let email = email(&sent.email)?;
        let accounts = app.accounts();
        let requested = accounts.request_email_change(person.signed_in(), proof.into(), email);
        Ok::<_, Problem>(requested.await?)
    };
    match requested.await {
        Ok(()) => Ok(done("/account", "Look into the mail of the new address.")),
        Err(problem) => {
            let form = email_form(&context, &sent.email);
            Ok(context.refused(email_page(&context), form, &problem))
        }
    }
}
