//! One-time codes and recovery codes of the own account.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use license_dashboard::{Action, CodeBlock, Field, Form, Notice, Page, qr_code};
use serde::Deserialize;

use super::{ACCOUNT, ProofForm, proof};
use crate::api::App;
use crate::api::cookies;
use crate::api::dashboard::context::PageContext;
use crate::api::dashboard::form::PageForm;
use crate::api::dashboard::pages::Pages;
use crate::api::dashboard::reply::{PageReply, done, html};
use crate::api::problem::Problem;
use crate::services::{NewTotp, RecoveryCodes};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .own("/account/codes", get(show).post(begin))
        .own("/account/codes/confirm", post(confirm))
        .own("/account/codes/end", get(show_end).post(end))
        .own("/account/recovery-codes", get(show_renew).post(renew))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TotpForm {
    totp: String,
}

async fn show(context: PageContext) -> PageReply {
    Ok(html(&begin_page(&context).with(begin_form(&context))))
}

fn begin_page(context: &PageContext) -> Page {
    let page = context.page_below(ACCOUNT, "Turn one-time codes on");
    page.with(
        "An authenticator app on your telephone shows a code of six digits. Each sign-in then needs \
         the password and a code.",
    )
}

fn begin_form(context: &PageContext) -> Form {
    let form = Form::new("/account/codes", "Continue");
    proof(form, context).cancel("/account")
}

async fn begin(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<ProofForm>,
) -> PageReply {
    let person = context.person();
    let begun = async {
        app.limit_proof(person)?;
        let begun = app.accounts().begin_totp(person.signed_in(), sent.into());
        Ok::<_, Problem>(begun.await?)
    };
    match begun.await {
        Ok(new) => {
            let page = secret_page(&context, &new).with(confirm_form());
            Ok((StatusCode::CREATED, html(&page)).into_response())
        }
        Err(problem) => Ok(context.refused(begin_page(&context), begin_form(&context), &problem)),
    }
}

/// Returns the page with the secret, which is shown once.
fn secret_page(context: &PageContext, new: &NewTotp) -> Page {
    context
        .page_below(ACCOUNT, "Turn one-time codes on")
        .with("Scan the picture with the app, or enter the secret. Both are shown once.")
        .with_some(qr_code(&new.uri, "Picture for the authenticator app"))
        .with(CodeBlock::new("Secret", new.secret.to_string()))
}

fn confirm_form() -> Form {
    let code = Field::text("totp", "Code that the app shows")
        .max_length(6)
        .autocomplete("one-time-code");
    Form::new("/account/codes/confirm", "Turn on")
        .field(code.required())
        .cancel("/account")
}

async fn confirm(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<TotpForm>,
) -> PageReply {
    let person = context.person();
    let confirmed = async {
        app.limit_proof(person)?;
        let code = sent.totp.trim();
        let confirmed = app.accounts().confirm_totp(person.signed_in(), code);
        Ok::<_, Problem>(confirmed.await?)
    };
    match confirmed.await {
        Ok(confirmed) => {
            let page = recovery_page(&context, "One-time codes are on", &confirmed.codes);
            let response = (StatusCode::CREATED, html(&page));
            Ok(cookies::marked(response, &confirmed.device))
        }
        Err(problem) => {
            let page = context
                .page_below(ACCOUNT, "Turn one-time codes on")
                .with("If the app does not have the secret, begin again.")
                .with(vec![Action::link("Begin again", "/account/codes")]);
            Ok(context.refused(page, confirm_form(), &problem))
        }
    }
}

/// Returns the page with recovery codes, which are shown once.
fn recovery_page(context: &PageContext, title: &str, codes: &RecoveryCodes) -> Page {
    let notice = Notice::warning("Store the recovery codes now").text(
        "They are shown once. Each code replaces the app once, for example if you lose the \
         telephone.",
    );
    context
        .page_below(ACCOUNT, title)
        .with(notice)
        .with(CodeBlock::new("Recovery codes", codes.0.join("\n")))
}

async fn show_end(context: PageContext) -> PageReply {
    Ok(html(&end_page(&context).with(end_form(&context))))
}

fn end_page(context: &PageContext) -> Page {
    let page = context.page_below(ACCOUNT, "Turn one-time codes off");
    page.with("The password alone is then enough to sign in.")
}

fn end_form(context: &PageContext) -> Form {
    let form = Form::new("/account/codes/end", "Turn off");
    proof(form, context).danger().cancel("/account")
}

async fn end(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<ProofForm>,
) -> PageReply {
    let person = context.person();
    let ended = async {
        app.limit_proof(person)?;
        let ended = app.accounts().end_totp(person.signed_in(), sent.into());
        Ok::<_, Problem>(ended.await?)
    };
    match ended.await {
        Ok(device) => {
            let response = done("/account", "Sign-in needs no code now.");
            Ok(cookies::marked(response, &device))
        }
        Err(problem) => Ok(context.refused(end_page(&context), end_form(&context), &problem)),
    }
}

async fn show_renew(context: PageContext) -> PageReply {
    Ok(html(&renew_page(&context).with(renew_form(&context))))
}

fn renew_page(context: &PageContext) -> Page {
    let page = context.page_below(ACCOUNT, "New recovery codes");
    page.with("The earlier recovery codes end.")
}

fn renew_form(context: &PageContext) -> Form {
    let form = Form::new("/account/recovery-codes", "Create the codes");
    proof(form, context).cancel("/account")
}

async fn renew(
    State(app): State<App>,
    context: PageContext,
    PageForm(sent): PageForm<ProofForm>,
) -> PageReply {
    let person = context.person();
    let renewed = async {
        app.limit_proof(person)?;
        let renewed = app
            .accounts()
            .renew_recovery_codes(person.signed_in(), sent.into());
        Ok::<_, Problem>(renewed.await?)
    };
    match renewed.await {
        Ok(codes) => {
            let page = recovery_page(&context, "New recovery codes", &codes);
            Ok((StatusCode::CREATED, html(&page)).into_response())
        }
        Err(problem) => Ok(context.refused(renew_page(&context), renew_form(&context), &problem)),
    }
}
