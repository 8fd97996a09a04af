//! Telemetry: installations send it and delete it, and the administrator reads its sums.
//!
//! A request needs no license. Neither the database nor the log has the address of its caller.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use license_core::requests::ActivationSecret;
use license_core::telemetry::{TelemetryBatch, TelemetryDay, TelemetryId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::{StrictPath, not_found};
use super::peer::Peer;
use super::problem::Problem;
use crate::domain::{
    Refusal, RefusalKind, ServerCode, TelemetryDimension, TelemetryRow, TelemetryShare,
};

/// The start of the routes of this module.
pub(super) const ROUTES: &str = "/api/v1/telemetry";

const DELETION_SECRET: HeaderName = HeaderName::from_static("x-deletion-secret");

/// The document of [`TelemetryBatch`].
#[derive(ToSchema)]
#[schema(as = TelemetryBatch)]
#[allow(
    dead_code,
    reason = "describes the JSON of `TelemetryBatch` for the document"
)]
pub(super) struct BatchBody {
    /// The random id of the installation.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    installation: String,
    /// The SHA-256 of the secret that deletes the events.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    commitment: String,
    #[schema(min_items = 1, max_items = 100)]
    events: Vec<TelemetryEventBody>,
}

/// The counts of one day.
#[derive(ToSchema)]
#[schema(as = TelemetryEvent)]
#[allow(
    dead_code,
    reason = "describes the JSON of `TelemetryEvent` for the document"
)]
pub(super) struct TelemetryEventBody {
    /// A random id. An event that is sent twice is stored once.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    /// The UTC day of the counts.
    #[schema(format = Date)]
    day: String,
    /// The version of `license-client`.
    #[schema(max_length = 64)]
    client: String,
    product: String,
    /// The version of the application.
    #[schema(value_type = String, required = false, max_length = 64)]
    version: Option<String>,
    /// The tier in effect.
    tier: String,
    #[schema(pattern = "^[A-Za-z0-9_]{1,64}$")]
    os: String,
    #[schema(pattern = "^[A-Za-z0-9_]{1,64}$")]
    arch: String,
    /// The number of earlier events that were dropped.
    #[schema(maximum = 1000000000)]
    dropped: u32,
    quotas: BTreeMap<String, QuotaBody>,
    refused_features: BTreeMap<String, u32>,
    denials: BTreeMap<String, u32>,
}

/// The counts of a quota.
#[derive(ToSchema)]
#[schema(as = QuotaTelemetry)]
#[allow(
    dead_code,
    reason = "describes the JSON of `QuotaTelemetry` for the document"
)]
pub(super) struct QuotaBody {
    /// The used amount.
    #[schema(maximum = 1000000000)]
    used: u32,
    /// The number of refused requests.
    #[schema(maximum = 1000000000)]
    refused: u32,
}

/// The result of a submission.
#[derive(Serialize, ToSchema)]
#[schema(as = TelemetryReceipt)]
pub(super) struct TelemetryReceiptBody {
    /// The number of new events.
    stored: u64,
    /// The number of events that the server had already.
    known: u64,
    /// The number of events that are older than the retention, or from the future.
    ignored: u64,
}

/// Submits telemetry. Needs no credentials, and the server does not keep who sends it.
///
/// The server accepts telemetry only with its setting `telemetry_days`. A repetition stores nothing
/// twice, with and without `Idempotency-Key`.
#[utoipa::path(
    post,
    path = "/api/v1/telemetry",
    tag = "clients",
    request_body = BatchBody,
    responses((status = 200, description = "The events are stored", body = TelemetryReceiptBody)),
)]
pub(super) async fn submit(
    State(app): State<App>,
    peer: ShortlyKnownPeer,
    StrictJson(batch): StrictJson<TelemetryBatch>,
) -> JsonReply<TelemetryReceiptBody> {
    let receipt = app.services().telemetry.submit(batch).await;
    let receipt = receipt.map_err(|refusal| counted(&app, peer, refusal))?;
    Ok(Json(TelemetryReceiptBody {
        stored: receipt.stored,
        known: receipt.known,
        ignored: receipt.ignored,
    }))
}

/// Deletes the telemetry of an installation. A repetition has no effect.
#[utoipa::path(
    delete,
    path = "/api/v1/telemetry/{installation}",
    tag = "clients",
    params(
        ("installation" = String, Path, description = "The random id of the installation",
            pattern = "^[0-9a-f]{32}$"),
        ("X-Deletion-Secret" = String, Header, description = "The secret of the commitment, in \
            hexadecimal", pattern = "^[0-9a-f]{64}$"),
    ),
    responses((status = 204, description = "The server has no events of the installation")),
)]
pub(super) async fn delete(
    State(app): State<App>,
    peer: ShortlyKnownPeer,
    StrictPath(installation): StrictPath<String>,
    DeletionSecret(secret): DeletionSecret,
) -> Result<StatusCode, Problem> {
    let installation =
        TelemetryId::parse(&installation).ok_or_else(|| not_found("installation"))?;
    let deleted = app.services().telemetry.delete(installation, &secret).await;
    deleted.map_err(|refusal| counted(&app, peer, refusal))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The days of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TelemetryQuery {
    /// The first day. The default is 30 days before the last day.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<TelemetryDay>,
    /// The last day. The default is today.
    #[param(value_type = Option<String>, format = Date)]
    through: Option<TelemetryDay>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The sum of one count over all installations that are alike.
#[derive(Serialize, ToSchema)]
#[schema(as = TelemetrySum)]
pub(super) struct SumBody {
    /// The UTC day.
    day: String,
    product: String,
    /// The version of the application, or null if it states none.
    version: Option<String>,
    tier: String,
    os: String,
    arch: String,
    /// `event`, `dropped`, `quota`, `refused_feature` or `denial`.
    kind: String,
    /// The name of the quota or feature, or the reason code. Empty for `event` and `dropped`.
    name: String,
    /// The number of installations.
    installations: u64,
    /// The number of events, dropped events or denials, or the used amount of a quota.
    used: u64,
    /// The number of refused requests.
    refused: u64,
}

impl From<TelemetryRow> for SumBody {
    fn from(row: TelemetryRow) -> Self {
        Self {
            day: row.day,
            product: row.product,
            version: row.version,
            tier: row.tier,
            os: row.os,
            arch: row.arch,
            kind: row.kind,
            name: row.name,
            installations: row.installations,
            used: row.used,
            refused: row.refused,
        }
    }
}

/// Lists the sums of telemetry by day, product, version, tier and platform. Sums of fewer
/// installations than the setting `telemetry_group` are omitted.
#[utoipa::path(
    get,
    path = "/api/v1/telemetry",
    tag = "administration",
    params(TelemetryQuery),
    security(("bearer" = ["usage:read"])),
    responses((status = 200, description = "A page of sums", body = PageBody<SumBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<TelemetryQuery>,
) -> JsonReply<PageBody<SumBody>> {
    let page = PageQuery::new(query.cursor, query.limit).request()?;
    let telemetry = &caller.services().telemetry;
    let found = telemetry.list(query.from, query.through, &page).await?;
    Ok(Json(PageBody::new(found, SumBody::from)))
}

/// The telemetry that was deleted.
#[derive(Serialize, ToSchema)]
#[schema(as = DeletedTelemetry)]
pub(super) struct DeletedTelemetryBody {
    /// The number of events.
    events: u64,
    /// The number of installations.
    installations: u64,
}

/// Deletes the telemetry of all installations, of all days. Programs whose telemetry is on send
/// later days again.
#[utoipa::path(
    delete,
    path = "/api/v1/telemetry",
    tag = "administration",
    security(("bearer" = ["usage:manage"])),
    responses((status = 200, description = "What was deleted", body = DeletedTelemetryBody)),
)]
pub(super) async fn delete_all(caller: Caller) -> JsonReply<DeletedTelemetryBody> {
    let telemetry = &caller.services().telemetry;
    let deleted = telemetry.delete_all(caller.actor()).await?;
    Ok(Json(DeletedTelemetryBody {
        events: deleted.events,
        installations: deleted.installations,
    }))
}

/// The days and the dimension of a summary.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SummaryQuery {
    /// `version`, `os`, `arch`, `tier` or `quota`. The default is `version`.
    by: Option<String>,
    /// The first day. The default is 30 days before the last day.
    #[param(value_type = Option<String>, format = Date)]
    from: Option<TelemetryDay>,
    /// The last day. The default is today.
    #[param(value_type = Option<String>, format = Date)]
    through: Option<TelemetryDay>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The installations of a day with the same value.
#[derive(Serialize, ToSchema)]
#[schema(as = TelemetryShare)]
pub(super) struct ShareBody {
    /// The UTC day.
    day: String,
    /// The value, or `(others)` for values of too few installations. Empty: none is stated.
    value: String,
    /// The number of installations.
    installations: u64,
    /// The used amount of a quota, or the number of events.
    used: u64,
    /// The number of refused requests for a quota.
    refused: u64,
}

impl From<TelemetryShare> for ShareBody {
    fn from(share: TelemetryShare) -> Self {
        Self {
            day: share.day,
            value: share.value,
            installations: share.installations,
            used: share.used,
            refused: share.refused,
        }
    }
}

/// Summarizes the telemetry of the product by day and version, system, tier or quota. Values of
/// fewer installations than the setting `telemetry_group` are shown together, or omitted.
#[utoipa::path(
    get,
    path = "/api/v1/telemetry/summary",
    tag = "administration",
    params(SummaryQuery),
    security(("bearer" = ["usage:read"])),
    responses((status = 200, description = "A page of values", body = PageBody<ShareBody>)),
)]
pub(super) async fn summary(
    caller: Caller,
    StrictQuery(query): StrictQuery<SummaryQuery>,
) -> JsonReply<PageBody<ShareBody>> {
    let page = PageQuery::new(query.cursor, query.limit).request()?;
    let by = query.by.as_deref().unwrap_or("version");
    let dimension = TelemetryDimension::parse(by).ok_or_else(|| {
        Problem::malformed("the dimension is unknown")
            .values("version, os, arch, tier or quota", "another text")
    })?;
    let telemetry = &caller.services().telemetry;
    let days = (query.from, query.through);
    let found = telemetry.summary(dimension, days, &page).await?;
    Ok(Json(PageBody::new(found, ShareBody::from)))
}

/// The peer of a request, which is known only while the request runs. It limits guesses of secrets.
#[derive(Clone, Copy)]
pub(super) struct ShortlyKnownPeer(pub(super) Option<Peer>);

impl FromRequestParts<App> for ShortlyKnownPeer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.extensions.get::<Peer>().copied()))
    }
}

fn counted(app: &App, ShortlyKnownPeer(peer): ShortlyKnownPeer, refusal: Refusal) -> Problem {
    if refusal.kind == RefusalKind::Unauthorized {
        app.count_failure(peer, refusal)
    } else {
        refusal.into()
    }
}

/// The secret that deletes the events of an installation.
pub(super) struct DeletionSecret(ActivationSecret);

impl FromRequestParts<App> for DeletionSecret {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let value = parts.headers.get(DELETION_SECRET);
        let text = value.and_then(|value| value.to_str().ok());
        let secret = text.and_then(ActivationSecret::parse);
        secret.map(Self).ok_or_else(|| {
            let detail = "the request has no secret that deletes telemetry";
            Refusal::new(RefusalKind::Unauthorized, ServerCode::Unauthorized, detail)
                .hint("send the header X-Deletion-Secret with 64 hexadecimal digits")
                .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use license_core::encoding::from_strict_json;
    use serde_json::{Value, json};

    #[test]
    fn the_document_has_the_members_of_an_event() {
        let document: Value = serde_json::from_str(&crate::api::document()).unwrap();
        let schemas = &document["components"]["schemas"];
        let members = |schema: &str| -> BTreeSet<String> {
            let members = schemas[schema]["properties"].as_object().unwrap();
            members.keys().cloned().collect()
        };
        let event = json!({
            "id": "01".repeat(16), "day": "2027-03-01", "client": "0.1.0",
            "product": "CODITECT", "version": "2.4.0", "tier": "PRO", "os": "linux",
            "arch": "x86_64", "dropped": 0, "quotas": {"exports": {"used": 1, "refused": 2}},
            "refused_features": {"sso": 1}, "denials": {"EXPIRED": 1},
        });
        let batch = json!({
            "installation": "02".repeat(16), "commitment": "03".repeat(32), "events": [event],
        });
        let bytes = batch.to_string();
        let read = from_strict_json::<super::TelemetryBatch>(bytes.as_bytes()).unwrap();
        assert_eq!(json!(read), batch);
        let names = |value: &Value| -> BTreeSet<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(members("TelemetryBatch"), names(&batch));
        assert_eq!(members("TelemetryEvent"), names(&event));
        let quota = &event["quotas"]["exports"];
        assert_eq!(members("QuotaTelemetry"), names(quota));
    }
}
