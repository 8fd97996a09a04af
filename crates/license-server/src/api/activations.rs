//! Activations: requests of machines, their answers, and deactivations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::body::{JsonReply, StrictJson};
use super::check_ins::ArtifactBody;
use super::credentials::Caller;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::StrictPath;
use super::problem::Problem;
use super::seats::ReleasedBody;
use super::telemetry::ShortlyKnownPeer;
use crate::domain::{ActivationRecord, ActivationState, RefusalKind};
use crate::services::ActivationReply;

/// A file, such as one that a program wrote.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = File)]
pub(super) struct FileBody {
    /// The content of the file.
    #[schema(min_length = 1)]
    pub(super) file: String,
}

/// A request that the vendor must answer.
#[derive(Serialize, ToSchema)]
#[schema(as = ActivationPending)]
struct PendingBody {
    /// The nonce of the request.
    nonce: String,
    /// Always `waiting`.
    state: &'static str,
}

/// An activation request with its answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Activation)]
pub(super) struct ActivationBody {
    nonce: String,
    license: String,
    machine: String,
    /// `waiting`, `answered` or `deactivated`.
    state: &'static str,
    /// The request as the file that the vendor takes.
    request: String,
    requested_at: DateTime<Utc>,
    /// The answer as the file that `license activate` takes.
    answer: Option<String>,
    answered_at: Option<DateTime<Utc>>,
}

impl From<ActivationRecord> for ActivationBody {
    fn from(record: ActivationRecord) -> Self {
        Self {
            nonce: record.nonce,
            license: record.license.to_string(),
            machine: record.machine,
            state: record.state.as_str(),
            request: record.request,
            requested_at: record.requested_at,
            answer: record.answer,
            answered_at: record.answered_at,
        }
    }
}

/// The seat or activation that a receipt has ended.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Deactivation)]
pub(super) enum EndedByReceipt {
    Seat(ReleasedBody),
    Activation(Box<ActivationBody>),
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ActivationQuery {
    /// `waiting`, `answered` or `deactivated`.
    state: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Activates a license on a machine. A site server stores the request until the vendor answers.
#[utoipa::path(
    post,
    path = "/api/v1/activations",
    tag = "clients",
    request_body = FileBody,
    responses(
        (status = 200, description = "The activation token as a file", body = ArtifactBody),
        (status = 202, description = "The request waits for the vendor", body = PendingBody),
    ),
)]
pub(super) async fn request(
    State(app): State<App>,
    StrictJson(body): StrictJson<FileBody>,
) -> Result<Response, Problem> {
    let services = app.tenants().of_machine_request(&body.file).await?;
    Ok(match services.activations.request(&body.file).await? {
        ActivationReply::Stored { nonce } => {
            let state = ActivationState::Waiting.as_str();
            let body = PendingBody { nonce, state };
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
        ActivationReply::Answered { armor } => Json(ArtifactBody { file: armor }).into_response(),
    })
}

/// Ends an activation, or the loan of a borrowed seat, with the receipt of its machine.
#[utoipa::path(
    post,
    path = "/api/v1/deactivations",
    tag = "clients",
    request_body = FileBody,
    responses((
        status = 200,
        description = "The returned seat, or the ended activation",
        body = EndedByReceipt,
    )),
)]
pub(super) async fn deactivate(
    State(app): State<App>,
    ShortlyKnownPeer(peer): ShortlyKnownPeer,
    StrictJson(body): StrictJson<FileBody>,
) -> JsonReply<EndedByReceipt> {
    let services = app.tenants().of_machine_request(&body.file).await?;
    if let Some(released) = services.seats.return_with_receipt(&body.file).await? {
        return Ok(Json(EndedByReceipt::Seat(released.into())));
    }
    let record = services.activations.deactivate(&body.file).await;
    let record = record.map_err(|refusal| match refusal.kind {
        // Anyone can invent receipts, so these are limited like wrong credentials.
        RefusalKind::NotFound => app.count_failure(peer, refusal),
        _ => refusal.into(),
    })?;
    Ok(Json(EndedByReceipt::Activation(Box::new(record.into()))))
}

/// Lists the activation requests, such as those that wait for the vendor.
#[utoipa::path(
    get,
    path = "/api/v1/activation-requests",
    tag = "administration",
    params(ActivationQuery),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "A page of requests", body = PageBody<ActivationBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<ActivationQuery>,
) -> JsonReply<PageBody<ActivationBody>> {
    let page = PageQuery::new(query.cursor, query.limit).request()?;
    let state = query.state.as_deref().map(|text| {
        ActivationState::parse(text).ok_or_else(|| {
            Problem::malformed("the state is unknown")
                .values("waiting, answered or deactivated", "another text")
        })
    });
    let found = caller
        .services()
        .activations
        .list(state.transpose()?, &page)
        .await?;
    Ok(Json(PageBody::new(found, ActivationBody::from)))
}

/// Returns an activation request.
#[utoipa::path(
    get,
    path = "/api/v1/activation-requests/{nonce}",
    tag = "administration",
    params(("nonce" = String, Path, description = "The nonce of the request")),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "The request", body = ActivationBody)),
)]
pub(super) async fn get(
    caller: Caller,
    StrictPath(nonce): StrictPath<String>,
) -> JsonReply<ActivationBody> {
    let record = caller.services().activations.get(&nonce).await?;
    Ok(Json(record.into()))
}

/// Imports the answers of the vendor.
#[utoipa::path(
    post,
    path = "/api/v1/activation-answers",
    tag = "administration",
    request_body = FileBody,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The answered requests", body = PageBody<ActivationBody>)),
)]
pub(super) async fn import(
    caller: Caller,
    StrictJson(body): StrictJson<FileBody>,
) -> JsonReply<PageBody<ActivationBody>> {
    let records = caller
        .services()
        .activations
        .import_answers(caller.actor(), &body.file)
        .await?;
    Ok(Json(PageBody::complete(records, ActivationBody::from)))
}
