//! `Idempotency-Key`: a repeated POST has one effect, and gets the response of the first one.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use license_core::encoding::hex;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::App;
use super::body::{MAX_LARGE_BODY, ReceivedBody};
use super::credentials::{Caller, license_in};
use super::login::SeatUser;
use super::peer::Peer;
use super::problem::Problem;
use crate::domain::{IdempotencyKey, Refusal, RefusalKind, ServerCode, StoredResponse};
use crate::log_limit;
use crate::services::{IdempotencyService, RequestId, RequestStart, RunningRequest};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks a response that is a repetition.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The maximum length of a key.
const MAX_KEY: usize = 255;

/// Marks a response that contains a secret, which is shown once and never stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownOnce;

/// Answers a repeated POST with the response of the first one.
pub(super) async fn replay(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let key = match key(&request) {
        Ok(Some(key)) => key,
        Ok(None) => return next.run(request).await,
        Err(problem) => return problem.into_response(),
    };
    let body = request.extensions().get::<ReceivedBody>();
    let body = body.map(|body| body.0.clone()).unwrap_or_default();
    let id = request_id(&key, &body);
    request.extensions_mut().insert(id);
    let keeper = Keeper::of(&request, &body);
    let idempotency = match keeper.idempotency(&app).await {
        Ok(idempotency) => idempotency,
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    let running = match idempotency.begin(key, &body).await {
        Ok(RequestStart::New(running)) => running,
        Ok(RequestStart::Answered(stored)) => return replayed(stored),
        Ok(RequestStart::Running) => return in_progress().into_response(),
        Ok(RequestStart::Conflict) => return conflict().into_response(),
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    // The response must be stored, or the record removed, even if the client disconnects. The
    // request therefore runs as a task.
    let task = tokio::spawn(async move {
        let response = next.run(request).await;
        record(&idempotency, running, response).await
    });
    match task.await {
        Ok(response) => response,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The organization that keeps the response to a request.
enum Keeper {
    /// That of the administrator.
    Administrator(IdempotencyService),
    /// That of the license of a client.
    License(String),
    /// That of the license in the file of a client.
    File(String),
    /// That of the server.
    Server,
}

impl Keeper {
    fn of(request: &Request, body: &[u8]) -> Self {
        if let Some(administrator) = request.extensions().get::<Caller>() {
            return Self::Administrator(administrator.services().idempotency.clone());
        }
        if let Some(license) = license_in(request.headers()) {
            return Self::License(license.to_owned());
        }
        let named: NamedLicense = serde_json::from_slice(body).unwrap_or_default();
        match (named.license_key, named.file) {
            (Some(license), _) => Self::License(license),
            (None, Some(file)) => Self::File(file),
            (None, None) => Self::Server,
        }
    }

    async fn idempotency(self, app: &App) -> Result<IdempotencyService, Refusal> {
        let tenants = app.tenants();
        Ok(match self {
            Self::Administrator(idempotency) => idempotency,
            Self::License(license) => tenants.of_license(&license).await?.idempotency.clone(),
            Self::File(file) => tenants.of_machine_request(&file).await?.idempotency.clone(),
            Self::Server => app.services().idempotency.clone(),
        })
    }
}

/// The members of a body that can name a license. The route checks the whole body.
#[derive(Default, Deserialize)]
struct NamedLicense {
    #[serde(default)]
    license_key: Option<String>,
    #[serde(default)]
    file: Option<String>,
}

/// Returns a number for a request with this key and body. The ledger of a vendor keeps it, so a
/// repetition has one effect even if the server was killed before it stored its response.
fn request_id(key: &IdempotencyKey, body: &[u8]) -> RequestId {
    let mut hash = Sha256::new();
    hash.update(b"license-server-request-v1");
    let parts = [
        key.caller.as_bytes(),
        key.route.as_bytes(),
        key.key.as_bytes(),
        body,
    ];
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    RequestId(hash.finalize().into())
}

/// Stores the response of a request that had an effect or met a conflict. Other responses are not
/// stored: the client can repeat the request, and a client without credentials cannot fill the
/// disk.
async fn record(
    idempotency: &IdempotencyService,
    running: RunningRequest,
    response: Response,
) -> Response {
    let status = response.status();
    if !status.is_success() && status != StatusCode::CONFLICT {
        // Even if the record cannot be removed, a repetition is not refused: dropping `running`
        // ends the request.
        let _ = idempotency.abandon(&running).await;
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, 2 * MAX_LARGE_BODY).await else {
        let _ = idempotency.abandon(&running).await;
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let stored = if parts.extensions.get::<ShownOnce>().is_some() {
        shown_once()
    } else {
        StoredResponse {
            status: status.as_u16(),
            content_type: content_type.unwrap_or_default().to_owned(),
            body: bytes.to_vec(),
        }
    };
    if let Err(refusal) = idempotency.finish(&running, stored).await
        && let Some(repeated) = log_limit::pass("response")
    {
        tracing::warn!(
            code = refusal.code,
            repeated,
            "a response cannot be stored, so its request runs again if it is repeated"
        );
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Returns the key of a POST, bound to its caller and route.
fn key(request: &Request) -> Result<Option<IdempotencyKey>, Problem> {
    let value = request.headers().get(IDEMPOTENCY_KEY);
    let Some(value) = value.filter(|_| *request.method() == Method::POST) else {
        return Ok(None);
    };
    let is_valid = |text: &&str| {
        (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let text = value.to_str().ok().filter(is_valid).ok_or_else(|| {
        Problem::malformed("the header Idempotency-Key is not acceptable")
            .values("1 to 255 visible ASCII characters", "another text")
            .hint("send a random UUID")
    })?;
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("", MatchedPath::as_str);
    Ok(Some(IdempotencyKey {
        caller: caller(request),
        // The route alone is not enough: the path can name a session.
        route: format!("{route} {}", request.uri().path()),
        key: text.to_owned(),
    }))
}

/// Returns who sends a request: an administrator, a digest of the credentials, or the address of
/// the peer.
fn caller(request: &Request) -> String {
    if let Some(administrator) = request.extensions().get::<Caller>() {
        return administrator.actor().to_string();
    }
    let login = request.extensions().get::<SeatUser>();
    // Several users can have the same license.
    let user = login.and_then(SeatUser::name).unwrap_or_default();
    match request.headers().get(header::AUTHORIZATION) {
        Some(value) => {
            let hash = Sha256::new().chain_update(value.as_bytes());
            let hash = if user.is_empty() {
                hash
            } else {
                hash.chain_update([0]).chain_update(user)
            };
            hex::encode(&hash.finalize())
        }
        None => {
            let peer = request.extensions().get::<Peer>();
            peer.map_or_else(String::new, |peer| peer.address().to_string())
        }
    }
}

fn replayed(stored: StoredResponse) -> Response {
    let status = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    let mut response = (status, stored.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if let Ok(value) = HeaderValue::try_from(stored.content_type.as_str())
        && !stored.content_type.is_empty()
    {
        headers.insert(header::CONTENT_TYPE, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn conflict() -> Problem {
    let detail = "another request with a different body used this Idempotency-Key";
    Refusal::new(
        RefusalKind::Conflict,
        ServerCode::IdempotencyConflict,
        detail,
    )
    .hint("use a new key for each new request")
    .into()
}

fn in_progress() -> Problem {
    let detail = "the first request with this Idempotency-Key is still running";
    Refusal::new(RefusalKind::Conflict, ServerCode::InProgress, detail)
        .hint("repeat the request later with the same key")
        .retry_after(Duration::from_secs(1))
        .into()
}

/// Returns the response that is stored in place of a response with a secret.
fn shown_once() -> StoredResponse {
    let detail = "the request with this Idempotency-Key succeeded, and its secret was shown once";
    let status = StatusCode::CONFLICT;
    let body = serde_json::json!({
        "type": "about:blank",
        "title": "Conflict",
        "status": status.as_u16(),
        "code": ServerCode::ShownOnce.as_str(),
        "detail": detail,
        "hint": "if the secret is lost, revoke the token or rotate the secret of the webhook",
    });
    StoredResponse {
        status: status.as_u16(),
        content_type: super::problem::PROBLEM_JSON.to_owned(),
        body: body.to_string().into_bytes(),
    }
}
