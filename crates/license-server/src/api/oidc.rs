//! Sign-in through an identity provider: the two routes that a browser opens, and the logout by the
//! provider.

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use zeroize::Zeroizing;

use super::App;
use super::cookies;
use super::pages::StrictQuery;
use super::paths::StrictPath;
use super::peer::Peer;
use super::person::client_info;
use super::problem::Problem;
use crate::domain::{Refusal, RefusalKind, ServerCode};
use crate::oidc::{ATTEMPT_SECONDS, AuthorizationAnswer, Browser, MAX_PATH, is_own_path};

/// The cookie with the started sign-in. Browsers accept a name with this prefix only over HTTPS,
/// and from this host itself.
const ATTEMPT_COOKIE: &str = "__Host-license_sign_in";

/// The longest cookie with a started sign-in, in bytes.
const MAX_COOKIE: usize = 4096;

/// The parameters of a sign-in.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StartQuery {
    /// The path on this server to which the browser returns. The default is `/`.
    #[param(min_length = 1, max_length = 512)]
    return_to: Option<String>,
}

/// The parameters of an answer of a provider. Providers may add others.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CallbackQuery {
    /// The state of the sign-in.
    #[param(max_length = 512)]
    state: Option<String>,
    /// The code of a successful answer.
    #[param(max_length = 4096)]
    code: Option<String>,
    /// The issuer (RFC 9207).
    #[param(max_length = 512)]
    iss: Option<String>,
    /// The error of another answer.
    #[param(max_length = 512)]
    error: Option<String>,
}

/// A logout token (OpenID Connect Back-Channel Logout 1.0).
#[derive(Deserialize, ToSchema)]
#[schema(as = LogoutToken)]
pub(super) struct LogoutForm {
    /// The token, which the provider has signed.
    logout_token: String,
}

/// Sends the browser to an identity provider.
#[utoipa::path(
    get,
    path = "/api/v1/oidc/{provider}/start",
    tag = "people",
    params(("provider" = String, Path, description = "The id of the identity provider"), StartQuery),
    responses((
        status = 303,
        description = "The URL of the provider, and a cookie for this sign-in",
        headers(("Location" = String), ("Set-Cookie" = String)),
    )),
)]
pub(super) async fn start(
    State(app): State<App>,
    StrictPath(provider): StrictPath<String>,
    StrictQuery(query): StrictQuery<StartQuery>,
) -> Result<Response, Problem> {
    let return_to = query.return_to.as_deref().unwrap_or("/");
    if !is_own_path(return_to) {
        let expected = format!("a path on this server of at most {MAX_PATH} ASCII characters");
        let problem = Problem::malformed("return_to: expected a path on this server");
        return Err(problem.values(expected, "another text"));
    }
    let started = app.oidc().start(&provider, return_to).await;
    let started = started.map_err(|refusal| counted(&app, None, refusal))?;
    let mut response = redirect(&started.location);
    let cookie = &started.cookie;
    cookies::set(&mut response, ATTEMPT_COOKIE, cookie, ATTEMPT_SECONDS);
    Ok(response)
}

/// Takes the answer of an identity provider, and signs the person in.
#[utoipa::path(
    get,
    path = "/api/v1/oidc/{provider}/callback",
    tag = "people",
    params(
        ("provider" = String, Path, description = "The id of the identity provider"),
        CallbackQuery,
    ),
    responses((
        status = 303,
        description = "The path to which the browser returns, and the cookie of the session",
        headers(("Location" = String), ("Set-Cookie" = String)),
    )),
)]
pub(super) async fn callback(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    StrictPath(provider): StrictPath<String>,
    StrictQuery(query): StrictQuery<CallbackQuery>,
) -> Result<Response, Problem> {
    let peer = peer.map(|Extension(peer)| peer);
    let answer = AuthorizationAnswer {
        state: query.state.unwrap_or_default(),
        code: query.code.map(Zeroizing::new),
        issuer: query.iss,
        error: query.error,
    };
    let browser = browser(&headers, peer);
    let finished = app.oidc().finish(&provider, answer, &browser).await;
    let finished = finished.map_err(|refusal| counted(&app, peer, refusal))?;
    count(&app, "signed_in");
    let mut response = redirect(&finished.return_to);
    cookies::set_session(&mut response, &finished.session, &finished.secret);
    cookies::clear(&mut response, ATTEMPT_COOKIE);
    Ok(response)
}

/// Ends sessions at the request of an identity provider (back-channel logout).
#[utoipa::path(
    post,
    path = "/api/v1/oidc/{provider}/logout",
    tag = "people",
    params(("provider" = String, Path, description = "The id of the identity provider")),
    request_body(content = LogoutForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The sessions have ended")),
)]
pub(super) async fn log_out(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    StrictPath(provider): StrictPath<String>,
    form: Result<Form<LogoutForm>, FormRejection>,
) -> Result<StatusCode, Problem> {
    let Ok(Form(form)) = form else {
        let problem = Problem::malformed("expected a form with the member logout_token");
        return Err(problem.hint("send the logout token as application/x-www-form-urlencoded"));
    };
    let address = peer.map(|Extension(peer)| peer.address());
    let ended = app
        .oidc()
        .log_out(&provider, &form.logout_token, address)
        .await;
    ended.map_err(|refusal| {
        // The specification has the status 400 for each token that is not accepted.
        let refusal = match refusal.kind {
            RefusalKind::Unauthorized => Refusal {
                kind: RefusalKind::BadRequest,
                ..refusal
            },
            _ => refusal,
        };
        Problem::from(refusal)
    })?;
    Ok(StatusCode::OK)
}

/// Returns the browser of a request. Another site has sent the browser here, so the server ends its
/// former session and does not continue it.
fn browser(headers: &HeaderMap, peer: Option<Peer>) -> Browser {
    let session = cookies::value(headers, cookies::SESSION);
    let attempt = cookies::value_up_to(headers, ATTEMPT_COOKIE, MAX_COOKIE);
    Browser {
        client: client_info(headers, peer),
        attempt: attempt.map(str::to_owned),
        session: session.map(|secret| secret.to_owned().into()),
    }
}

fn count(app: &App, result: &str) {
    let counters = &app.metrics().provider_sign_ins;
    counters.with_label_values(&[result]).inc();
}

/// Counts a refused sign-in. An answer that does not verify had a request to the provider as its
/// effect, so a peer can cause a limited number of them.
fn counted(app: &App, peer: Option<Peer>, refusal: Refusal) -> Problem {
    count(app, refusal.code);
    if refusal.code == ServerCode::LoginInvalid.as_str() {
        app.count_failure(peer, refusal)
    } else {
        refusal.into()
    }
}

/// Returns a redirect. The address of this page has a code, so no other page sees it.
fn redirect(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::LOCATION, location),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response
}
