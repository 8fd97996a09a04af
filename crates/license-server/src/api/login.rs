//! The login of a user: the header `X-Login-Token`.
//!
//! Only an acquire needs a login, and the validation of a license whose users the server assigns.
//! Everything else acts on a lease or a ticket that an acquire has created, so that an outage of
//! the provider ends no seat.

use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};

use super::App;
use super::peer::Peer;
use super::problem::Problem;
use crate::domain::{EmailAddress, Refusal, RefusalKind, ServerCode};
use crate::login::{self, LoginUser};

/// The header with the ID token.
pub(super) const LOGIN_TOKEN: HeaderName = HeaderName::from_static("x-login-token");

/// The route that needs a login.
const ACQUIRE: &str = "/api/v1/seats";

/// The user of a verified login, if the request has one.
#[derive(Clone, Debug)]
pub(super) struct SeatUser(Option<LoginUser>);

/// The login that an acquire has sent, without verification.
pub(super) struct SentLogin {
    token: String,
    peer: Option<Peer>,
}

/// Returns the login of an acquire, if the server has a provider. Other requests need none.
pub(super) fn sent(app: &App, request: &Request) -> Result<Option<SentLogin>, Problem> {
    let route = request.extensions().get::<MatchedPath>();
    let is_acquire =
        *request.method() == Method::POST && route.is_some_and(|route| route.as_str() == ACQUIRE);
    let Some(verifier) = app.login().filter(|_| is_acquire) else {
        return Ok(None);
    };
    let peer = request.extensions().get::<Peer>().copied();
    let sent = sent_in(request.headers(), peer);
    if sent.is_none() && verifier.is_required() {
        return Err(refused(app, peer, login::required()));
    }
    Ok(sent)
}

/// Returns the login in the headers of a request. Two logins count as one that does not verify.
fn sent_in(headers: &HeaderMap, peer: Option<Peer>) -> Option<SentLogin> {
    let mut tokens = headers.get_all(LOGIN_TOKEN).iter();
    let token = match (tokens.next(), tokens.next()) {
        (None, _) => return None,
        (Some(token), None) => token.to_str().unwrap_or_default(),
        (Some(_), Some(_)) => "",
    };
    let token = token.to_owned();
    Some(SentLogin { token, peer })
}

/// The login of a validation, which only a license with assigned users needs.
pub(super) struct ValidationLogin(Option<SentLogin>);

impl ValidationLogin {
    /// Returns the user of a validation, and the refusal of a license with assigned users if the
    /// server requires a login and got none.
    pub(super) async fn user(
        self,
        app: &App,
        stated: Option<String>,
    ) -> Result<(Option<String>, Option<Refusal>), Problem> {
        let is_missing = self.0.is_none();
        let verified = verify(app, self.0).await?;
        let required = app.login().filter(|verifier| verifier.is_required());
        let missing = required.filter(|_| is_missing).map(|_| login::required());
        let user = match (verified.name().is_some(), stated) {
            (false, None) => None,
            (_, stated) => Some(verified.or_stated(app, stated)?),
        };
        Ok((user, missing))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ValidationLogin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>().copied();
        Ok(Self(sent_in(&parts.headers, peer)))
    }
}

/// Verifies a login. A server without a provider ignores it.
pub(super) async fn verify(app: &App, sent: Option<SentLogin>) -> Result<SeatUser, Problem> {
    let (Some(verifier), Some(sent)) = (app.login(), sent) else {
        return Ok(SeatUser(None));
    };
    let verified = verifier.verify(&sent.token).await;
    let user = verified.map_err(|refusal| refused(app, sent.peer, refusal))?;
    app.metrics().logins.with_label_values(&["verified"]).inc();
    Ok(SeatUser(Some(user)))
}

fn refused(app: &App, peer: Option<Peer>, refusal: Refusal) -> Problem {
    let logins = &app.metrics().logins;
    logins.with_label_values(&[refusal.code]).inc();
    // Only a login that is not valid can be a guess.
    if refusal.code == ServerCode::LoginInvalid.as_str() {
        app.count_failure(peer, refusal)
    } else {
        refusal.into()
    }
}

impl SeatUser {
    /// Returns the name of the user, if the login was verified.
    pub(super) fn name(&self) -> Option<&str> {
        self.0.as_ref().map(|LoginUser(name)| name.as_str())
    }

    /// Returns the user of a seat: that of the login, or else the one that the request states.
    pub(super) fn or_stated(self, app: &App, stated: Option<String>) -> Result<String, Problem> {
        match (self.0, stated) {
            (Some(LoginUser(user)), Some(stated)) if !is_same_user(&user, &stated) => {
                let detail = "the request states another user than the login";
                let refusal =
                    Refusal::new(RefusalKind::Forbidden, ServerCode::LoginMismatch, detail);
                let refusal = refusal.values(user, stated);
                Err(refusal.hint("omit `user`, or log in as this user").into())
            }
            (Some(LoginUser(user)), _) => Ok(user),
            (None, Some(stated)) => Ok(stated),
            (None, None) => {
                let problem = Problem::malformed("user: expected the name of the user, found none");
                Err(problem.hint(if app.login().is_some() {
                    "state `user`, or send a login in the header X-Login-Token"
                } else {
                    "state `user`: this server has no provider of logins, so that it ignores logins; \
                     the administrator adds one with login_issuer"
                }))
            }
        }
    }
}

/// Returns whether two names are those of one user: they are equal, or spellings of one address.
fn is_same_user(user: &str, stated: &str) -> bool {
    let address = EmailAddress::parse(user);
    user == stated || (address.is_some() && address == EmailAddress::parse(stated))
}

impl<S: Send + Sync> FromRequestParts<S> for SeatUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        Ok(found.unwrap_or(Self(None)))
    }
}
