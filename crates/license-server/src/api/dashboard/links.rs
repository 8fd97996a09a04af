//! Pages for links that people get by mail: registration, a new password, an invitation and another
//! address.
//!
//! The secret of a link is in its fragment, which browsers do not send. A script puts it into the
//! form. Without it, the person pastes the link.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use license_dashboard::{Action, Field, Form, Frame, Kind, Notice, Page, Tone};
use serde::Deserialize;

use super::form::PageForm;
use super::form_errors::refused;
use super::pages::Pages;
use super::reply::{PageReply, done, html};
use crate::api::App;
use crate::api::cookies;
use crate::api::peer::Peer;
use crate::api::person::{Person, Visitor, person};
use crate::api::problem::Problem;
use crate::api::registrations::email;
use crate::domain::{EmailAddress, Refusal, SignedIn, TenantId};
use crate::services::{AccountService, NewJoiner, Password, Registration};

/// Adds the pages of this module.
pub(super) fn pages(pages: Pages) -> Pages {
    pages
        .open("/registration", get(registration).post(register))
        .open(
            "/registration/request",
            get(registration_request).post(request_registration),
        )
        .open("/password-reset", get(reset).post(set_password))
        .open(
            "/password-reset/request",
            get(reset_request).post(request_reset),
        )
        .open("/invitation", get(invitation).post(accept))
        .open("/email-change", get(email_change).post(confirm_email))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddressForm {
    email: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistrationForm {
    token: String,
    organization: String,
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetForm {
    token: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InvitationForm {
    token: String,
    name: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkTokenForm {
    token: String,
}

async fn registration() -> Response {
    html(&page("Create an organization").with(registration_form("", "", "")))
}

async fn register(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(sent): PageForm<RegistrationForm>,
) -> PageReply {
    app.limit_visitor(&visitor)?;
    let new = Registration {
        token: secret(&sent.token),
        name: sent.name.clone(),
        password: Password::new(sent.password),
        organization: sent.organization.clone(),
    };
    match app
        .accounts()
        .confirm_registration(new, &visitor.client)
        .await
    {
        Ok(()) => Ok(done("/sign-in", "The account is created. Sign in now.")),
        Err(refusal) => {
            let form = registration_form(&sent.token, &sent.organization, &sent.name);
            let page = page("Create an organization");
            Ok(refused(page, form, &refusal.into()))
        }
    }
}

fn registration_form(token: &str, organization: &str, name: &str) -> Form {
    let organization = Field::text("organization", "Name of the organization")
        .value(organization)
        .autocomplete("organization");
    Form::new("/registration", "Create the organization")
        .field(token_field(token))
        .field(organization.required().max_length(100))
        .field(name_field(name).required())
        .field(new_password().required())
}

async fn reset() -> Response {
    html(&page("Set a new password").with(reset_form("")))
}

async fn set_password(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(sent): PageForm<ResetForm>,
) -> PageReply {
    app.limit_visitor(&visitor)?;
    let (token, password) = (secret(&sent.token), Password::new(sent.password));
    let reset = app
        .accounts()
        .confirm_reset(&token, password, &visitor.client);
    match reset.await {
        Ok(device) => {
            let response = done("/sign-in", "The new password is set. Sign in now.");
            Ok(cookies::marked(response, &device))
        }
        Err(refusal) => {
            let page = page("Set a new password");
            Ok(refused(page, reset_form(&sent.token), &refusal.into()))
        }
    }
}

fn reset_form(token: &str) -> Form {
    Form::new("/password-reset", "Set the password")
        .field(token_field(token))
        .field(new_password().required())
}

/// A link that a visitor asks for, with a form of its own.
#[derive(Clone, Copy)]
struct LinkRequest {
    path: &'static str,
    title: &'static str,
    send: fn(&Arc<AccountService>, EmailAddress) -> Result<(), Refusal>,
}

const REGISTRATION: LinkRequest = LinkRequest {
    path: "/registration/request",
    title: "Register",
    send: AccountService::request_registration,
};

const RESET: LinkRequest = LinkRequest {
    path: "/password-reset/request",
    title: "Forgotten password",
    send: AccountService::request_reset,
};

impl LinkRequest {
    fn form(self) -> Form {
        Form::new(self.path, "Send the link")
            .field(address_field())
            .cancel("/sign-in")
    }

    /// Sends the link, and answers. The answer is the same whether the address has an account.
    fn answer(self, app: &App, visitor: &Visitor, sent: &AddressForm) -> Response {
        let send = || {
            let email = email(&sent.email)?;
            app.limit_link(visitor, &email)?;
            Ok::<_, Problem>((self.send)(app.accounts(), email)?)
        };
        match send() {
            Ok(()) => link_is_sent(self.title),
            Err(problem) => refused(page(self.title), self.form(), &problem),
        }
    }
}

async fn registration_request() -> Response {
    html(&page(REGISTRATION.title).with(REGISTRATION.form()))
}

async fn request_registration(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(sent): PageForm<AddressForm>,
) -> Response {
    REGISTRATION.answer(&app, &visitor, &sent)
}

async fn reset_request(State(app): State<App>) -> Response {
    let page = page(RESET.title);
    if app.accounts().sends_mail() {
        return html(&page.with(RESET.form()));
    }
    let notice = Notice::new(Tone::Neutral, "Ask an administrator for a link")
        .text("The server sends no mail. An administrator creates the link on your page in People.")
        .hint(Some(
            "If no administrator can sign in, run `license-server account reset-password` on the server.",
        ));
    let actions = vec![Action::link("Back to the sign-in", "/sign-in")];
    html(&page.with(notice).with(actions))
}

async fn request_reset(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(sent): PageForm<AddressForm>,
) -> Response {
    RESET.answer(&app, &visitor, &sent)
}

/// Returns the answer to a request for a link, with the title of its page.
fn link_is_sent(title: &str) -> Response {
    let notice = Notice::good("Look into your mail")
        .text("If a link can be sent to this address, it is on its way.")
        .hint(Some(
            "The link works once. Also look into the folder for spam.",
        ));
    let actions = vec![Action::link("Back to the sign-in", "/sign-in")];
    html(&page(title).with(notice).with(actions))
}

/// Returns the person who has signed in, if there is one. The form comes from a page of this
/// server, so it needs no token of the session. A session that has ended does not matter.
pub(super) async fn signed_in(app: &App, request: &Parts) -> Option<Person> {
    let peer = request.extensions.get::<Peer>().copied();
    let found = person(app, &Method::GET, &request.headers, peer).await;
    found.ok().flatten()
}

async fn invitation(State(app): State<App>, request: Parts) -> PageReply {
    let person = signed_in(&app, &request).await;
    let name = person.map(|person| person.signed_in().account.name.clone());
    Ok(html(
        &invitation_page(name.as_deref()).with(invitation_form("", name.is_some(), "")),
    ))
}

async fn accept(
    State(app): State<App>,
    request: Parts,
    visitor: Visitor,
    PageForm(sent): PageForm<InvitationForm>,
) -> PageReply {
    app.limit_visitor(&visitor)?;
    let new = sent.name.clone().zip(sent.password);
    let new = new.map(|(name, password)| NewJoiner {
        name,
        password: Password::new(password),
    });
    let person = signed_in(&app, &request).await;
    let signed_in = person.as_ref().map(Person::signed_in);
    let token = secret(&sent.token);
    let accepted = app
        .accounts()
        .accept(&token, signed_in, new, &visitor.client);
    match accepted.await {
        Ok(tenant) if is_here(signed_in, &tenant) => {
            Ok(done("/", "You are a member of this organization."))
        }
        Ok(_) if signed_in.is_some() => Ok(done(
            "/account",
            "You have joined the organization. Continue in it with Switch.",
        )),
        Ok(_) => Ok(done("/sign-in", "The account is created. Sign in now.")),
        Err(refusal) => {
            let name = signed_in.map(|person| person.account.name.as_str());
            let form = invitation_form(
                &sent.token,
                name.is_some(),
                sent.name.as_deref().unwrap_or_default(),
            );
            Ok(refused(invitation_page(name), form, &refusal.into()))
        }
    }
}

/// Returns whether the session of a person is in an organization.
fn is_here(person: Option<&SignedIn>, tenant: &TenantId) -> bool {
    person.is_some_and(|person| person.session.organization.as_ref() == Some(tenant))
}

fn invitation_page(name: Option<&str>) -> Page {
    let page = page("Accept an invitation");
    match name {
        Some(name) => page.with(format!("You join the organization as {name}.")),
        None => page
            .with("Create an account for the address that got the invitation.")
            .with("If you have an account, sign in first, and then open the link again.")
            .with(vec![Action::link(
                "Sign in",
                "/sign-in?return_to=%2Faccount",
            )]),
    }
}

fn invitation_form(token: &str, is_signed_in: bool, name: &str) -> Form {
    let form = Form::new("/invitation", "Accept the invitation").field(token_field(token));
    if is_signed_in {
        return form;
    }
    form.field(name_field(name).required())
        .field(new_password().required())
}

async fn email_change() -> Response {
    html(&page("Confirm your new e-mail address").with(email_change_form("")))
}

async fn confirm_email(
    State(app): State<App>,
    visitor: Visitor,
    PageForm(sent): PageForm<LinkTokenForm>,
) -> PageReply {
    app.limit_visitor(&visitor)?;
    let token = secret(&sent.token);
    let confirmed = app.accounts().confirm_email_change(&token, &visitor.client);
    match confirmed.await {
        Ok(()) => Ok(done("/account", "The account has the new e-mail address.")),
        Err(refusal) => {
            let page = page("Confirm your new e-mail address");
            Ok(refused(
                page,
                email_change_form(&sent.token),
                &refusal.into(),
            ))
        }
    }
}

fn email_change_form(token: &str) -> Form {
    Form::new("/email-change", "Confirm the address").field(token_field(token))
}

fn page(title: &str) -> Page {
    Page::new(Frame::new(title))
}

/// Returns the secret of a link. A person can paste the whole link.
fn secret(text: &str) -> String {
    let secret = text.rsplit('#').next().unwrap_or_default();
    secret.trim().to_owned()
}

/// Returns the field for the link. A form that was refused keeps it, because the address has lost
/// it.
fn token_field(token: &str) -> Field {
    Field::text("token", "Link, or the text after # in it")
        .value(token)
        .help("The mail has the link. Browsers with scripts fill this field.")
        .autocomplete("off")
        .from_fragment()
        .required()
}

fn address_field() -> Field {
    let field = Field::new(Kind::Email, "email", "E-mail address");
    field.required().focus().autocomplete("email")
}

pub(super) fn name_field(name: &str) -> Field {
    let field = Field::text("name", "Your name").value(name);
    field.max_length(100).autocomplete("name")
}

pub(super) fn new_password() -> Field {
    Field::new(Kind::Password, "password", "New password")
        .help("At least 10 characters, such as several words.")
        .autocomplete("new-password")
}
