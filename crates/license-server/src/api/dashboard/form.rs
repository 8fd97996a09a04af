//! Forms that browsers send.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{FromRequest, Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::api::body::{self, ReceivedBody};
use crate::api::peer::Peer;
use crate::api::problem::Problem;
use crate::api::{App, cookies, person};
use crate::domain::ServerCode;

/// The paths whose forms have a file of the vendor.
const LARGE: [&str; 3] = [
    "/licenses/install",
    "/ledger/import",
    "/ledger/import/preview",
];

/// Receives the body of a request. A form with a file is received from a person only who has signed
/// in.
pub(super) async fn receive(state: State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() || !LARGE.contains(&request.uri().path()) {
        return body::receive(state, request, next).await;
    }
    let State(app) = &state;
    let peer = request.extensions().get::<Peer>().copied();
    // The token of the form is checked when the form was received.
    match person::person(app, &Method::GET, request.headers(), peer).await {
        Ok(Some(_)) => body::receive_large(state, request, next).await,
        Ok(None) => Problem::from(person::no_session()).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// The name of the hidden field with the token of a session.
const CSRF_TOKEN: &str = "csrf_token";

/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// The values of a form, without its token. Unknown and missing fields are refused. The values of a
/// field whose name ends with `[]` are the lines of one text, because it can be sent several times.
pub(super) struct PageForm<T>(pub(super) T);

/// A form without visible fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoFields {}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for PageForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, _) = request.into_parts();
        let mut fields = fields(&parts)?;
        fields.retain(|(name, _)| name != CSRF_TOKEN);
        let fields = joined(fields);
        let text = serde_urlencoded::to_string(fields).unwrap_or_default();
        let form = serde_urlencoded::from_str(&text);
        // The error can repeat a name of any length.
        form.map(Self).map_err(|_| {
            Problem::malformed("the form has an unknown, missing or repeated field")
                .hint("open the page again, and send its form")
        })
    }
}

/// Joins the values of fields that can be sent several times.
fn joined(fields: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut joined: Vec<(String, String)> = Vec::new();
    for (name, value) in fields {
        let mut before = joined
            .iter_mut()
            .filter(|(other, _)| name.ends_with("[]") && *other == name);
        match before.next() {
            Some((_, text)) => {
                text.push('\n');
                text.push_str(&value);
            }
            None => joined.push((name, value)),
        }
    }
    joined
}

/// Refuses a change without the token of the session.
pub(super) fn check(request: &Parts, expected: &str) -> Result<(), Problem> {
    if request.method.is_safe() {
        return Ok(());
    }
    cookies::check_site(&request.headers)?;
    let fields = fields(request)?;
    let mut found = fields.iter().filter(|(name, _)| name == CSRF_TOKEN);
    let token = found.next().map(|(_, token)| token.as_bytes());
    let is_right = verify_slices_are_equal(expected.as_bytes(), token.unwrap_or_default()).is_ok();
    if is_right && found.next().is_none() {
        return Ok(());
    }
    Err(refused("the form has no token of the session"))
}

/// Refuses a form without a session that does not come from a page of this server. Otherwise,
/// another site could sign a person in as somebody else.
pub(super) async fn require_own_page(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_from_own_page(request.headers()) {
        return next.run(request).await;
    }
    refused("the form does not come from a page of this server").into_response()
}

/// Returns whether a browser states that a page of this server sends the request. Older browsers
/// send `Origin` only.
fn is_from_own_page(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let host_of = |name| {
        let text = headers.get(name)?.to_str().ok()?;
        let authority = text.rsplit("//").next()?;
        authority.parse::<Authority>().ok()
    };
    let origin = host_of(header::ORIGIN);
    origin.is_some() && origin == host_of(header::HOST)
}

/// Returns the fields of a form in their order.
fn fields(request: &Parts) -> Result<Vec<(String, String)>, Problem> {
    let media_type = request.headers.get(header::CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let media_type = media_type.and_then(|text| text.split(';').next());
    if media_type.map(str::trim) != Some(FORM) {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let detail = "the body is not a form";
        let problem = Problem::new(status, ServerCode::UnsupportedMediaType, detail);
        return Err(problem.values(FORM, media_type.unwrap_or("none")));
    }
    let body = request.extensions.get::<ReceivedBody>();
    let bytes = body.map(|ReceivedBody(bytes)| bytes.as_ref());
    serde_urlencoded::from_bytes(bytes.unwrap_or_default())
        .map_err(|_| Problem::malformed("the form is not well formed"))
}

fn refused(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, ServerCode::CsrfRequired, detail)
        .hint("open the page again, and send its form")
}
