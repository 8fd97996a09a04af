//! The first administrator: a one-time link with a form, and `POST /setup`.

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Form, Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::{StrictJson, receive};
use super::paths::StrictPath;
use super::peer::Peer;
use super::problem::Problem;
use super::registrations::email;
use super::tokens::{created, token_name};
use crate::domain::Refusal;
use crate::services::Password;

/// The style of the page, which has its own path, because the policy allows no style in a page.
const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;\
    padding:0 1rem}label,input,button{font:inherit}input{padding:.4rem;width:20rem;max-width:100%}\
    button{padding:.4rem 1rem}code{word-break:break-all;background:#eee;color:#000;padding:.2rem}";

/// The policy of the page: no scripts, and a form that only this server receives.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

/// The secret of the one-time link, and the name of the administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetupRequest)]
pub(super) struct SetupBody {
    /// The secret of the link that the first start printed.
    #[schema(min_length = 1, max_length = 256)]
    secret: String,
    /// The name of the administrator.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The e-mail address of an account. Without it, the administrator gets an API token.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 254)]
    email: Option<String>,
    /// The password of the account.
    #[serde(default)]
    #[schema(min_length = 10, max_length = 256)]
    password: Option<String>,
}

/// The account of the first administrator.
#[derive(Serialize, ToSchema)]
#[schema(as = FirstAccount)]
pub(super) struct FirstAccountBody {
    /// The id of the account, which signs in with `POST /api/v1/sessions`.
    account: String,
}

/// The answer: a token, or an account.
#[derive(ToSchema)]
#[schema(as = FirstAdministrator)]
#[expect(dead_code, reason = "only the schema is used")]
pub(super) enum FirstAdministrator {
    #[schema(title = "token")]
    Token(super::tokens::NewTokenBody),
    #[schema(title = "account")]
    Account(FirstAccountBody),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetupForm {
    name: String,
}

/// Creates the first administrator: with an e-mail address and a password an account, and an API
/// token otherwise. The secret is valid once, for 24 hours.
#[utoipa::path(
    post,
    path = "/api/v1/setup",
    tag = "administration",
    request_body = SetupBody,
    responses((status = 201, description = "The token or the account", body = FirstAdministrator)),
)]
pub(super) async fn complete(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    StrictJson(body): StrictJson<SetupBody>,
) -> Result<Response, Problem> {
    let name = token_name(&body.name)?;
    let (setup, peer) = (&app.services().setup, Some(peer.address()));
    match (body.email, body.password) {
        (None, None) => Ok(created(setup.complete(&body.secret, &name, peer).await?)),
        (Some(address), Some(password)) => {
            let (address, password) = (email(&address)?, Password::new(password));
            let account = setup.complete_with_account(&body.secret, &name, address, password, peer);
            let account = account.await?.to_string();
            Ok((StatusCode::CREATED, Json(FirstAccountBody { account })).into_response())
        }
        _ => Err(
            Problem::malformed("an account needs an e-mail address and a password")
                .hint("send both members, or none of them for an API token"),
        ),
    }
}

/// Returns the routes of the page.
pub(super) fn page_router(app: &App) -> Router<App> {
    Router::new()
        .route("/setup.css", get(style))
        .route("/setup/{secret}", get(page).post(submit))
        .layer(from_fn_with_state(app.clone(), receive))
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

async fn page(State(app): State<App>, StrictPath(secret): StrictPath<String>) -> Response {
    match app.services().setup.check(&secret).await {
        Ok(()) => html(
            StatusCode::OK,
            "Create the first administrator",
            "<form method=\"post\"><p><label>Your name<br><input name=\"name\" required \
             maxlength=\"100\" autofocus></label></p><p><button>Create the token</button></p></form>\
             <p>The link works once.</p>",
        ),
        Err(refusal) => refused(&refusal),
    }
}

async fn submit(
    State(app): State<App>,
    Extension(peer): Extension<Peer>,
    StrictPath(secret): StrictPath<String>,
    form: Result<Form<SetupForm>, FormRejection>,
) -> Response {
    let name = form.ok().and_then(|Form(form)| token_name(&form.name).ok());
    let Some(name) = name else {
        let text = "<p>Expected a name of 1 to 100 characters. Go back, and correct it.</p>";
        return html(StatusCode::BAD_REQUEST, "The name is not acceptable", text);
    };
    let (setup, address) = (&app.services().setup, Some(peer.address()));
    match setup.complete(&secret, &name, address).await {
        Ok(new) => {
            let text = format!(
                "<p>This token is shown once. Store it in a password manager:</p>\
                 <p><code>{}</code></p>\
                 <p>Programs send it in the header <code>Authorization: Bearer</code>. \
                 <code>license-server token create</code> creates another one.</p>",
                escape_html(&new.secret)
            );
            html(StatusCode::CREATED, "The administrator is created", &text)
        }
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let hint = refusal
        .hint
        .as_deref()
        .unwrap_or("Run `license-server token create` on the server to create a token.");
    let text = format!(
        "<p>{}</p><p>{}</p>",
        escape_html(&refusal.detail),
        escape_html(hint)
    );
    let status = Problem::from(refusal.clone()).status();
    html(status, "The link cannot be used", &text)
}

/// Returns a page. `content` is HTML.
fn html(status: StatusCode, title: &str, content: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><link rel=\"stylesheet\" href=\"/setup.css\">\
         <main><h1>{title}</h1>{content}</main></html>"
    );
    let mut response = (status, Html(page)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            escape_html("<b title=\"a\">&"),
            "&lt;b title=&quot;a&quot;&gt;&amp;"
        );
    }
}
