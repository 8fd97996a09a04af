//! People who have signed in: the credentials of the routes for their own accounts.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::cookies;
use super::peer::Peer;
use super::problem::Problem;
use crate::domain::{Refusal, RefusalKind, ServerCode, SignedIn};
use crate::services::{ClientInfo, csrf_token};

/// A person who has signed in with the cookie of a session.
#[derive(Clone)]
pub(super) struct Person {
    signed_in: Arc<SignedIn>,
    /// The token that changes with the session need.
    csrf_token: Arc<str>,
}

impl Person {
    pub(super) fn signed_in(&self) -> &SignedIn {
        &self.signed_in
    }

    pub(super) fn csrf_token(&self) -> &str {
        &self.csrf_token
    }
}

/// Admits people who have signed in.
pub(super) async fn require_session(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    match person(&app, request.method(), request.headers(), peer).await {
        Ok(Some(person)) => {
            request.extensions_mut().insert(person);
            next.run(request).await
        }
        Ok(None) => Problem::from(no_session()).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// Returns the person whom the cookie of a request names. `None`: there is no cookie, or the
/// request has other credentials, which then count alone.
pub(in crate::api) async fn person(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    peer: Option<Peer>,
) -> Result<Option<Person>, Problem> {
    let secret = cookies::value(headers, cookies::SESSION);
    let Some(secret) = secret.filter(|_| !headers.contains_key(header::AUTHORIZATION)) else {
        return Ok(None);
    };
    cookies::check_csrf(method, headers, secret)?;
    let address = peer.map_or_else(String::new, |peer| peer.address().to_string());
    let found = app.accounts().authenticate(secret, &address).await;
    let signed_in = found.map_err(|refusal| match refusal.kind {
        RefusalKind::Unauthorized => app.count_failure(peer, refusal),
        _ => refusal.into(),
    })?;
    Ok(Some(Person {
        signed_in: Arc::new(signed_in),
        csrf_token: csrf_token(secret).into(),
    }))
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        Ok(found.ok_or_else(no_session)?)
    }
}

/// A person who may have signed in, on a route that needs no session.
pub(super) struct MaybePerson(pub(super) Option<Person>);

impl FromRequestParts<App> for MaybePerson {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        cookies::check_site(&parts.headers)?;
        let peer = parts.extensions.get::<Peer>().copied();
        let found = person(app, &parts.method, &parts.headers, peer).await?;
        Ok(Self(found))
    }
}

/// The program that sends a request of a person, and the cookies that it has.
pub(super) struct Visitor {
    pub(super) client: ClientInfo,
    pub(super) peer: Option<Peer>,
    /// The secret of the former session.
    pub(super) former: Option<String>,
    /// The mark of the device.
    pub(super) device: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        cookies::check_site(&parts.headers)?;
        let peer = parts.extensions.get::<Peer>().copied();
        let cookie = |name| cookies::value(&parts.headers, name).map(str::to_owned);
        Ok(Self {
            client: client_info(&parts.headers, peer),
            peer,
            former: cookie(cookies::SESSION),
            device: cookie(cookies::DEVICE),
        })
    }
}

/// Returns the program and the address of a request.
pub(super) fn client_info(headers: &HeaderMap, peer: Option<Peer>) -> ClientInfo {
    let agent = headers.get(header::USER_AGENT);
    let agent = agent.and_then(|value| value.to_str().ok());
    ClientInfo {
        address: peer.map_or_else(String::new, |peer| peer.address().to_string()),
        user_agent: agent.unwrap_or_default().to_owned(),
    }
}

pub(in crate::api) fn no_session() -> Refusal {
    Refusal::new(
        RefusalKind::Unauthorized,
        ServerCode::Unauthorized,
        "the request has no session of a person",
    )
    .hint("sign in with POST /api/v1/sessions; an API token has no account")
}
