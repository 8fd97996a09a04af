//! Webhooks: endpoints that receive events, and their deliveries.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::idempotency::ShownOnce;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::StrictPath;
use super::problem::Problem;
use crate::domain::{DisabledReason, Webhook, WebhookDelivery, WebhookDeliveryState};
use crate::services::{NewWebhook, WebhookOrder, WebhookUpdate};

/// An endpoint that receives events, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(super) struct WebhookBody {
    id: String,
    url: String,
    /// The kinds of events, such as `license.revoke`, `license.*` or `*`.
    events: Vec<String>,
    description: String,
    is_enabled: bool,
    /// Why the endpoint gets no deliveries: `administrator`, `gone` after the status 410, or
    /// `failing` after five days of failed attempts.
    disabled_reason: Option<&'static str>,
    created_at: DateTime<Utc>,
    /// The originator, such as `token:tok_…`.
    created_by: String,
    /// The first failure since the last success.
    failing_since: Option<DateTime<Utc>>,
    /// The time until which deliveries are also signed with the secret before the last rotation.
    previous_secret_until: Option<DateTime<Utc>>,
}

impl From<Webhook> for WebhookBody {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url.expose().to_owned(),
            events: webhook.events.patterns().to_vec(),
            description: webhook.description,
            is_enabled: webhook.disabled.is_none(),
            disabled_reason: webhook.disabled.map(DisabledReason::as_str),
            created_at: webhook.created_at,
            created_by: webhook.created_by,
            failing_since: webhook.failing_since,
            previous_secret_until: webhook.previous_until,
        }
    }
}

/// An endpoint with its new secret, which is shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewWebhook)]
pub(super) struct NewWebhookBody {
    #[serde(flatten)]
    webhook: WebhookBody,
    /// The secret with which the receiver verifies deliveries (Standard Webhooks).
    secret: String,
}

fn with_secret(status: StatusCode, new: NewWebhook) -> Response {
    let body = NewWebhookBody {
        webhook: new.webhook.into(),
        secret: new.secret.to_string(),
    };
    let mut response = (status, Json(body)).into_response();
    response.extensions_mut().insert(ShownOnce);
    response
}

/// A request for an endpoint.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookRequest)]
pub(super) struct WebhookRequestBody {
    /// An `https` URL with a public address.
    #[schema(min_length = 1, max_length = 2048)]
    url: String,
    /// The kinds of events, such as `license.revoke`, `license.*` or `*`.
    #[schema(min_items = 1, max_items = 32)]
    events: Vec<String>,
    /// A text for people.
    #[serde(default)]
    #[schema(max_length = 200)]
    description: String,
}

/// A change of an endpoint. A missing member stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChange)]
pub(super) struct WebhookChangeBody {
    #[serde(default)]
    #[schema(min_length = 1, max_length = 2048)]
    url: Option<String>,
    #[serde(default)]
    #[schema(min_items = 1, max_items = 32)]
    events: Option<Vec<String>>,
    #[serde(default)]
    #[schema(max_length = 200)]
    description: Option<String>,
    /// The waiting deliveries of an endpoint that is disabled fail. An endpoint that is enabled
    /// receives the events from now on.
    #[serde(default)]
    is_enabled: Option<bool>,
}

/// A delivery of an event.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(super) struct DeliveryBody {
    /// The id, which each attempt states in `webhook-id`.
    id: String,
    /// The number of the event. A test has none.
    event: Option<u64>,
    kind: String,
    /// `waiting`, `delivered` or `failed`.
    state: &'static str,
    /// The attempts since the delivery was queued.
    attempts: u64,
    /// The time at which the delivery was queued, at first or again.
    queued_at: DateTime<Utc>,
    next_at: Option<DateTime<Utc>>,
    last_at: Option<DateTime<Utc>>,
    last_status: Option<u16>,
    last_error: Option<String>,
    /// The first 4 KiB of the last answer.
    last_response: Option<String>,
}

impl From<WebhookDelivery> for DeliveryBody {
    fn from(delivery: WebhookDelivery) -> Self {
        Self {
            id: delivery.id,
            event: delivery.event,
            kind: delivery.kind,
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            queued_at: delivery.queued_at,
            next_at: delivery.next_at,
            last_at: delivery.last_at,
            last_status: delivery.last_status,
            last_error: delivery.last_error,
            last_response: delivery.last_response,
        }
    }
}

/// A delivery that was queued.
#[derive(Serialize, ToSchema)]
#[schema(as = QueuedDelivery)]
pub(super) struct QueuedBody {
    /// The id of the delivery.
    id: String,
}

/// A request to repeat failed deliveries.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplayRequest)]
pub(super) struct ReplayRequestBody {
    /// The deliveries that were queued since this instant are repeated.
    since: DateTime<Utc>,
}

/// The number of repeated deliveries.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplayResult)]
pub(super) struct ReplayResultBody {
    /// How many deliveries were queued again: at most 1000. Repeat the request until it is 0.
    queued: u64,
}

/// The query of a list of deliveries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveryQuery {
    /// `waiting`, `delivered` or `failed`.
    state: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists the webhooks, without their secrets.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks",
    tag = "administration",
    security(("bearer" = ["webhooks:read"])),
    responses((status = 200, description = "All webhooks", body = PageBody<WebhookBody>)),
)]
pub(super) async fn list(caller: Caller) -> JsonReply<PageBody<WebhookBody>> {
    let webhooks = caller.services().webhooks.list().await?;
    Ok(Json(PageBody::complete(webhooks, WebhookBody::from)))
}

/// Creates a webhook. The caller must also have the permission `audit:read`.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks",
    tag = "administration",
    request_body = WebhookRequestBody,
    security(("bearer" = ["webhooks:manage"])),
    responses((status = 201, description = "The webhook with its secret", body = NewWebhookBody)),
)]
pub(super) async fn create(
    caller: Caller,
    StrictJson(body): StrictJson<WebhookRequestBody>,
) -> Result<Response, Problem> {
    let order = WebhookOrder {
        url: body.url,
        events: body.events,
        description: body.description,
    };
    let webhooks = &caller.services().webhooks;
    let new = webhooks.create(caller.principal(), &order).await?;
    Ok(with_secret(StatusCode::CREATED, new))
}

/// Returns a webhook, without its secret.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks/{webhook}",
    tag = "administration",
    params(("webhook" = String, Path, description = "The id of the webhook")),
    security(("bearer" = ["webhooks:read"])),
    responses((status = 200, description = "The webhook", body = WebhookBody)),
)]
pub(super) async fn get(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> JsonReply<WebhookBody> {
    Ok(Json(caller.services().webhooks.get(&id).await?.into()))
}

/// Changes a webhook. The caller must also have the permission `audit:read`.
#[utoipa::path(
    patch,
    path = "/api/v1/webhooks/{webhook}",
    tag = "administration",
    params(("webhook" = String, Path, description = "The id of the webhook")),
    request_body = WebhookChangeBody,
    security(("bearer" = ["webhooks:manage"])),
    responses((status = 200, description = "The webhook", body = WebhookBody)),
)]
pub(super) async fn update(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
    StrictJson(body): StrictJson<WebhookChangeBody>,
) -> JsonReply<WebhookBody> {
    let update = WebhookUpdate {
        url: body.url,
        events: body.events,
        description: body.description,
        is_enabled: body.is_enabled,
    };
    let webhooks = &caller.services().webhooks;
    let changed = webhooks.update(caller.principal(), &id, update).await?;
    Ok(Json(changed.into()))
}

/// Deletes a webhook with its deliveries.
#[utoipa::path(
    delete,
    path = "/api/v1/webhooks/{webhook}",
    tag = "administration",
    params(("webhook" = String, Path, description = "The id of the webhook")),
    security(("bearer" = ["webhooks:manage"])),
    responses((status = 204, description = "The webhook is deleted")),
)]
pub(super) async fn delete(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    let webhooks = &caller.services().webhooks;
    webhooks.delete(caller.actor(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces the secret. Deliveries are signed with both secrets for 24 hours.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{webhook}/rotate-secret",
    tag = "administration",
    params(("webhook" = String, Path, description = "The id of the webhook")),
    security(("bearer" = ["webhooks:manage"])),
    responses((status = 200, description = "The webhook with its secret", body = NewWebhookBody)),
)]
pub(super) async fn rotate_secret(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> Result<Response, Problem> {
    let webhooks = &caller.services().webhooks;
    let new = webhooks.rotate(caller.principal(), &id).await?;
    Ok(with_secret(StatusCode::OK, new))
}

/// Sends a test to the webhook, once.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{webhook}/test",
    tag = "administration",
    params(("webhook" = String, Path, description = "The id of the webhook")),
    security(("bearer" = ["webhooks:manage"])),
    responses((status = 202, description = "The test is queued", body = QueuedBody)),
)]
pub(super) async fn test(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> Result<(StatusCode, Json<QueuedBody>), Problem> {
    let webhooks = &caller.services().webhooks;
    let id = webhooks.test(caller.actor(), &id).await?;
    Ok((StatusCode::ACCEPTED, Json(QueuedBody { id })))
}

/// Lists the deliveries, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks/{webhook}/deliveries",
    tag = "administration",
    params(DeliveryQuery, ("webhook" = String, Path, description = "The id of the webhook")),
    security(("bearer" = ["webhooks:read"])),
    responses((status = 200, description = "A page of deliveries", body = PageBody<DeliveryBody>)),
)]
pub(super) async fn deliveries(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
    StrictQuery(query): StrictQuery<DeliveryQuery>,
) -> JsonReply<PageBody<DeliveryBody>> {
    let state = query.state.as_deref().map(|text| {
        WebhookDeliveryState::parse(text).ok_or_else(|| {
            Problem::malformed("the state is unknown")
                .values("waiting, delivered or failed", "another text")
        })
    });
    let state = state.transpose()?;
    let page = PageQuery::new(query.cursor, query.limit).request()?;
    let webhooks = &caller.services().webhooks;
    let found = webhooks.deliveries(&id, state, &page).await?;
    Ok(Json(PageBody::new(found, DeliveryBody::from)))
}

/// Repeats a delivery that was delivered or has failed. Its id stays.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{webhook}/deliveries/{delivery}/replay",
    tag = "administration",
    params(
        ("webhook" = String, Path, description = "The id of the webhook"),
        ("delivery" = String, Path, description = "The id of the delivery"),
    ),
    security(("bearer" = ["webhooks:manage"])),
    responses((status = 202, description = "The delivery is queued", body = QueuedBody)),
)]
pub(super) async fn replay(
    caller: Caller,
    StrictPath((id, delivery)): StrictPath<(String, String)>,
) -> Result<(StatusCode, Json<QueuedBody>), Problem> {
    let webhooks = &caller.services().webhooks;
    webhooks.replay(caller.actor(), &id, &delivery).await?;
    Ok((StatusCode::ACCEPTED, Json(QueuedBody { id: delivery })))
}

/// Repeats the deliveries that failed since an instant, without tests.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{webhook}/replay",
    tag = "administration",
    params(("webhook" = String, Path, description = "The id of the webhook")),
    request_body = ReplayRequestBody,
    security(("bearer" = ["webhooks:manage"])),
    responses((status = 202, description = "The deliveries are queued", body = ReplayResultBody)),
)]
pub(super) async fn replay_failed(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
    StrictJson(body): StrictJson<ReplayRequestBody>,
) -> Result<(StatusCode, Json<ReplayResultBody>), Problem> {
    let webhooks = &caller.services().webhooks;
    let queued = webhooks
        .replay_failed(caller.actor(), &id, body.since)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(ReplayResultBody { queued })))
}
