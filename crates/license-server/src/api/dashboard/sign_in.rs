//! Sign in with a password, and sign out.

use axum::extract::State;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};
use license_dashboard::{Action, Field, Form, Frame, Kind, Notice, Page, Tone};
use serde::Deserialize;

use super::context::PageContext;
use super::form::PageForm;
use super::form_errors::refused;
use super::links::signed_in;
use super::list::with_query;
use super::pages::Pages;
use super::reply::{PageReply, clear_toast, html, see_other, toast};
use crate::api::App;
use crate::api::cookies;
use crate::api::pages::StrictQuery;
use crate::api::person::Visitor;
use crate::api::problem::Problem;
use crate::api::sessions::{enter, prove_password, proved_before};
use crate::domain::PageRequest;
use crate::oidc::is_own_path;
use crate::services::{NewSession, Services};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .open("/sign-in", get(show).post(submit))
        .open("/sign-in/code", get(begin_again).post(submit_code))
        .own("/sign-out", post(sign_out))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInQuery {
    /// The page that the person wanted to open.
    return_to: Option<String>,
    /// Whether the person has just signed in.
    signed_in: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInForm {
    email: String,
    password: String,
    return_to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeForm {
    /// The proof that the password was right.
    step: String,
    totp: String,
    return_to: String,
}

async fn show(
    State(app): State<App>,
    request: Parts,
    StrictQuery(query): StrictQuery<SignInQuery>,
) -> PageReply {
    let return_to = query.return_to.unwrap_or_default();
    let has_signed_in = query.signed_in == Some(true);
    if has_signed_in && signed_in(&app, &request).await.is_some() {
        return Ok(see_other(target(&return_to)));
    }
    let toast = toast(&request.headers);
    let has_toast = toast.is_some();
    let frame = Frame {
        toast,
        ..Frame::new("Sign in")
    };
    // Some browsers drop a secure cookie of a server without TLS.
    let notice = has_signed_in.then(|| {
        Notice::warning("Your browser did not keep the cookie")
            .text(
                "The password is correct, and you are still not signed in. The session needs a cookie \
                 that Safari drops if the address of the server begins with http, also on this machine.",
            )
            .hint(Some(
                "Start the server with `--tls on` and open its https address, or use another browser. \
                 In other browsers, permit cookies of this server.",
            ))
    });
    let page = Page::new(frame).with_some(notice);
    let page = page.with_some(without_administrator(app.services()).await?);
    let page = page.with(form("", &return_to));
    let providers = providers(&app, &return_to).await?;
    let page = page.with_some((!providers.is_empty()).then_some(providers));
    let page = page.with(links(&app));
    let mut response = html(&page);
    if has_toast {
        clear_toast(&mut response);
    }
    Ok(response)
}

/// Returns a message for the person who starts a new server.
async fn without_administrator(services: &Services) -> Result<Option<Notice>, Problem> {
    let page = PageRequest::new(None, Some(1));
    if !services.members.list(&page).await?.items.is_empty()
        || !services.tokens.list().await?.is_empty()
    {
        return Ok(None);
    }
    let notice = Notice::new(Tone::Neutral, "The server has no administrator yet");
    Ok(Some(notice.text(
        "Open the one-time link that the server printed at its start. A restart prints another one.",
    )))
}

/// Returns links to the identity providers of the organization of the server. Those of other
/// organizations have links of their own, because a page must not list the organizations.
async fn providers(app: &App, return_to: &str) -> Result<Vec<Action>, Problem> {
    let target = Some(target(return_to));
    let providers = app.services().identity_providers.list().await?.into_iter();
    let enabled = providers.filter(|provider| provider.settings.is_enabled);
    let links = enabled.map(|provider| {
        let path = format!("/api/v1/oidc/{}/start", provider.id);
        let label = format!("Continue with {}", provider.settings.name);
        Action::link(label, with_query(&path, &[("return_to", target)]))
    });
    Ok(links.collect())
}

/// Returns the page to which a sign-in leads. A path of another server would lead the person to a
/// page that imitates this one.
fn target(return_to: &str) -> &str {
    if is_own_path(return_to) {
        return_to
    } else {
        "/"
    }
}

/// Returns links for people who cannot sign in.
fn links(app: &App) -> Vec<Action> {
    let mut links = vec![Action::link(
        "Forgotten password",
        "/password-reset/request",
    )];
    if app.accounts().accepts_registrations() {
        links.push(Action::link("Register", "/registration/request"));
    }
    links
}

async fn submit(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(sent): PageForm<SignInForm>,
) -> PageReply {
    let first = async {
        let proved = prove_password(&app, &visitor, &sent.email, sent.password).await?;
        if proved.account.needs_code() {
            return Ok(Err(app.accounts().first_step(&proved.account)?));
        }
        enter(&app, &visitor, &proved, None).await.map(Ok)
    };
    match first.await {
        Ok(Ok(new)) => Ok(entered(&new, &sent.return_to)),
        Ok(Err(step)) => Ok(html(&code_page().with(code_form(&step, &sent.return_to)))),
        Err(problem) => {
            let form = form(&sent.email, &sent.return_to);
            Ok(refused(Page::new(Frame::new("Sign in")), form, &problem))
        }
    }
}

/// Answers a reload of the page that asks for a code, which has lost the first step.
async fn begin_again() -> Response {
    see_other("/sign-in")
}

async fn submit_code(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(sent): PageForm<CodeForm>,
) -> PageReply {
    let proved = match proved_before(&app, &visitor, &sent.step).await {
        Ok(proved) => proved,
        Err(problem) => {
            let form = form("", &sent.return_to);
            return Ok(refused(Page::new(Frame::new("Sign in")), form, &problem));
        }
    };
    match enter(&app, &visitor, &proved, Some(&sent.totp)).await {
        Ok(new) => Ok(entered(&new, &sent.return_to)),
        Err(problem) => {
            let form = code_form(&sent.step, &sent.return_to);
            Ok(refused(code_page(), form, &problem))
        }
    }
}

/// Returns the answer with the cookies of a new session. The next page finds out whether the
/// browser has kept them.
fn entered(new: &NewSession, return_to: &str) -> Response {
    let values = [
        ("return_to", Some(target(return_to))),
        ("signed_in", Some("true")),
    ];
    let mut response = see_other(&with_query("/sign-in", &values));
    cookies::set_new(&mut response, new);
    response
}

fn form(email: &str, return_to: &str) -> Form {
    let address = Field::new(Kind::Email, "email", "E-mail address");
    let password = Field::new(Kind::Password, "password", "Password");
    Form::new("/sign-in", "Sign in")
        .hidden("return_to", return_to)
        .field(address.value(email).required().autocomplete("username"))
        .field(password.required().autocomplete("current-password"))
}

fn code_page() -> Page {
    Page::new(Frame::new("One-time code"))
        .with("The password is right. The account also needs a one-time code, within five minutes.")
}

fn code_form(step: &str, return_to: &str) -> Form {
    let code = Field::text("totp", "Code of the authenticator app, or a recovery code");
    Form::new("/sign-in/code", "Sign in")
        .hidden("step", step)
        .hidden("return_to", return_to)
        .field(code.required().focus().autocomplete("one-time-code"))
        .cancel("/sign-in")
}

async fn sign_out(State(app): State<App>, context: PageContext) -> PageReply {
    let signed_in = context.person().signed_in();
    let ended = app.accounts().end_session(signed_in, &signed_in.session.id);
    ended.await?;
    let logout_url = match &signed_in.session.provider {
        None => None,
        Some(provider) => app.oidc().logout_url(provider).await,
    };
    let mut response = match logout_url {
        None => see_other("/sign-in"),
        // Browsers follow no redirect of a form to another server, as the policy of pages says.
        Some(url) => html(&signed_out(&url)),
    };
    cookies::clear_session(&mut response);
    Ok(response)
}

/// Returns the page for a person who is still signed in at an identity provider.
fn signed_out(url: &str) -> Page {
    Page::new(Frame::new("You have signed out"))
        .with("You are still signed in at the identity provider.")
        .with(vec![
            Action::link("Sign out there too", url),
            Action::link("Sign in again", "/sign-in"),
        ])
}
