//! Sessions of people: sign in, sign out, and choose an organization.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::{JsonReply, StrictJson};
use super::cookies;
use super::pages::PageBody;
use super::paths::StrictPath;
use super::person::{Person, Visitor};
use super::problem::Problem;
use crate::domain::{
    Account, EmailAddress, Refusal, RefusalKind, SignInSession, SignedIn, TenantId,
};
use crate::services::{NewSession, Password, csrf_token};

/// The credentials of a person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignInRequest)]
pub(super) struct SignInBody {
    #[schema(min_length = 1, max_length = 254)]
    email: String,
    #[schema(min_length = 1, max_length = 256)]
    password: String,
    /// The code of the authenticator app, or a recovery code, if the account needs one.
    #[serde(default)]
    #[schema(min_length = 6, max_length = 64)]
    totp: Option<String>,
}

/// The session of a person, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = CurrentSession)]
pub(super) struct CurrentBody {
    session: SessionBody,
    /// The id of the account.
    account: String,
    name: String,
    /// The role in the organization of the session.
    role: Option<&'static str>,
    /// The permissions in the organization of the session.
    permissions: Vec<&'static str>,
    /// The token that each change with the cookie sends in the header `X-CSRF-Token`.
    csrf_token: String,
}

impl CurrentBody {
    fn new(signed_in: &SignedIn, csrf_token: String) -> Self {
        let principal = signed_in.principal();
        let permissions = principal.map(|principal| principal.permissions);
        let permissions = permissions.unwrap_or_default();
        Self {
            session: SessionBody::new(signed_in.session.clone(), Some(&signed_in.session.id)),
            account: signed_in.account.id.to_string(),
            name: signed_in.account.name.clone(),
            role: signed_in.role.map(|role| role.as_str()),
            permissions: permissions.iter().map(|one| one.as_str()).collect(),
            csrf_token,
        }
    }
}

/// A session of a person.
#[derive(Serialize, ToSchema)]
#[schema(as = PersonSession)]
pub(super) struct SessionBody {
    id: String,
    /// The organization in which the person works.
    organization: Option<String>,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// The network address of the last use.
    address: String,
    /// The program that signed in, as it names itself.
    user_agent: String,
    /// Whether the request has this session.
    is_current: bool,
}

impl SessionBody {
    pub(super) fn new(session: SignInSession, current: Option<&str>) -> Self {
        Self {
            is_current: current == Some(session.id.as_str()),
            id: session.id,
            organization: session.organization.map(|id| id.to_string()),
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            address: session.address,
            user_agent: session.user_agent,
        }
    }
}

/// Signs a person in. The cookie of the answer is the credential of the session, and the cookie of
/// a former session of the same program ends.
#[utoipa::path(
    post,
    path = "/api/v1/sessions",
    tag = "people",
    request_body = SignInBody,
    responses((status = 201, description = "The session", body = CurrentBody)),
)]
pub(super) async fn sign_in(
    State(app): State<App>,
    visitor: Visitor,
    StrictJson(body): StrictJson<SignInBody>,
) -> Result<Response, Problem> {
    let new = sign_in_person(&app, &visitor, body).await?;
    Ok(created(&new))
}

/// Signs a person in with a password, and counts the attempt.
pub(super) async fn sign_in_person(
    app: &App,
    visitor: &Visitor,
    body: SignInBody,
) -> Result<NewSession, Problem> {
    let proved = prove_password(app, visitor, &body.email, body.password).await?;
    enter(app, visitor, &proved, body.totp.as_deref()).await
}

/// A person whose password was right.
pub(super) struct ProvedPerson {
    pub(super) account: Account,
    /// The mark of a known device.
    device: Option<String>,
}

/// Verifies a password, and counts the attempt.
pub(super) async fn prove_password(
    app: &App,
    visitor: &Visitor,
    address: &str,
    password: String,
) -> Result<ProvedPerson, Problem> {
    let email = EmailAddress::parse(address);
    let device = app.limit_sign_in(visitor, email.as_ref(), address).await?;
    let password = Password::new(password);
    let account = app.accounts().verified_account(email.as_ref(), password);
    let account = account.await;
    Ok(ProvedPerson {
        account: account.map_err(|refusal| failed(app, visitor, refusal))?,
        device,
    })
}

/// Returns the person who has proved the password before, on the page that asks for a code. Counts
/// the attempt, so that codes cannot be guessed without the limits of a sign-in.
pub(super) async fn proved_before(
    app: &App,
    visitor: &Visitor,
    text: &str,
) -> Result<ProvedPerson, Problem> {
    let found = app.accounts().account_after_first_step(text).await;
    let account = found.map_err(|refusal| failed(app, visitor, refusal))?;
    let email = account.email.as_ref();
    let address = email.map_or("", EmailAddress::as_str);
    let device = app.limit_sign_in(visitor, email, address).await?;
    Ok(ProvedPerson { account, device })
}

/// Creates the session of a person who has proved the password.
pub(super) async fn enter(
    app: &App,
    visitor: &Visitor,
    proved: &ProvedPerson,
    code: Option<&str>,
) -> Result<NewSession, Problem> {
    let ProvedPerson { account, device } = proved;
    if account.needs_code() && code.is_some() && device.is_none() {
        app.limit_code(account)?;
    }
    let former = visitor.former.as_deref();
    let signed_in = app
        .accounts()
        .sign_in(account, code, &visitor.client, former);
    let new = signed_in
        .await
        .map_err(|refusal| failed(app, visitor, refusal))?;
    app.metrics()
        .sign_ins
        .with_label_values(&["signed_in"])
        .inc();
    Ok(NewSession {
        // A known device keeps its mark: with each further mark, it would have further attempts.
        device: device.clone().or(new.device),
        ..new
    })
}

/// Counts a refused sign-in.
fn failed(app: &App, visitor: &Visitor, refusal: Refusal) -> Problem {
    app.metrics()
        .sign_ins
        .with_label_values(&[refusal.code])
        .inc();
    match refusal.kind {
        RefusalKind::Unauthorized => app.count_failure(visitor.peer, refusal),
        _ => refusal.into(),
    }
}

/// Returns the response with the cookies of a new session.
pub(super) fn created(new: &NewSession) -> Response {
    let body = CurrentBody::new(&new.signed_in, csrf_token(&new.secret));
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    cookies::set_new(&mut response, new);
    response
}

/// Returns the session of the request.
#[utoipa::path(
    get,
    path = "/api/v1/session",
    tag = "people",
    security(("session" = [])),
    responses((status = 200, description = "The session", body = CurrentBody)),
)]
pub(super) async fn current(person: Person) -> Json<CurrentBody> {
    let token = person.csrf_token().to_owned();
    Json(CurrentBody::new(person.signed_in(), token))
}

/// The organization in which the person continues.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SessionChange)]
pub(super) struct SessionChangeBody {
    #[schema(min_length = 1, max_length = 64)]
    organization: String,
}

/// Continues the session in another organization of the person.
#[utoipa::path(
    patch,
    path = "/api/v1/session",
    tag = "people",
    request_body = SessionChangeBody,
    security(("session" = [])),
    responses((status = 204, description = "The session is in the organization")),
)]
pub(super) async fn choose(
    State(app): State<App>,
    person: Person,
    StrictJson(body): StrictJson<SessionChangeBody>,
) -> Result<StatusCode, Problem> {
    let organization = organization(&body.organization)?;
    app.accounts()
        .choose_organization(person.signed_in(), &organization)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Parses the id of an organization.
pub(super) fn organization(text: &str) -> Result<TenantId, Problem> {
    match uuid::Uuid::parse_str(text) {
        Ok(id) => Ok(TenantId::new(id)),
        Err(_) if text == TenantId::site().as_str() => Ok(TenantId::site()),
        Err(_) => Err(super::paths::not_found("organization")),
    }
}

/// Lists the sessions of the person, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    tag = "people",
    security(("session" = [])),
    responses((status = 200, description = "All sessions", body = PageBody<SessionBody>)),
)]
pub(super) async fn list(
    State(app): State<App>,
    person: Person,
) -> JsonReply<PageBody<SessionBody>> {
    let sessions = app.accounts().sessions(person.signed_in()).await?;
    let current = person.signed_in().session.id.as_str();
    let body = |session| SessionBody::new(session, Some(current));
    Ok(Json(PageBody::complete(sessions, body)))
}

/// The page at which a person also signs out of the identity provider.
#[derive(Serialize, ToSchema)]
#[schema(as = SignedOut)]
pub(super) struct SignedOutBody {
    /// The URL, which the browser opens.
    logout_url: String,
}

/// Ends a session of the person. The id `current` names the session of the request, and `others`
/// all but this one.
#[utoipa::path(
    delete,
    path = "/api/v1/sessions/{session}",
    tag = "people",
    params(("session" = String, Path, description = "The id, `current` or `others`")),
    security(("session" = [])),
    responses(
        (
            status = 200,
            description = "The session has ended, and the identity provider has a page to sign out",
            body = SignedOutBody,
        ),
        (status = 204, description = "The session has ended"),
    ),
)]
pub(super) async fn end(
    State(app): State<App>,
    person: Person,
    StrictPath(id): StrictPath<String>,
) -> Result<Response, Problem> {
    let (accounts, signed_in) = (app.accounts(), person.signed_in());
    let own = signed_in.session.id.as_str();
    let id = if id == "current" { own } else { id.as_str() };
    if id == "others" {
        accounts.end_other_sessions(signed_in).await?;
    } else {
        accounts.end_session(signed_in, id).await?;
    }
    if id != own {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let logout_url = match &signed_in.session.provider {
        None => None,
        Some(provider) => app.oidc().logout_url(provider).await,
    };
    let body = logout_url.map(|logout_url| Json(SignedOutBody { logout_url }));
    let mut response = match body {
        Some(body) => body.into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    };
    cookies::clear_session(&mut response);
    Ok(response)
}
