//! The overview for administrators.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use license_core::chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::credentials::Caller;
use super::etag::json_with_etag;
use super::pools::PoolBody;
use super::problem::Problem;
use super::seat_history::HistoryBody;
use crate::domain::{Permission, Webhook};
use crate::services::{
    EndingLicense, EndingLicenses, HistoryRange, HistoryStep, SeatOverview, ServerHealth,
};

/// The seats of the organization now, in all its pools.
#[derive(Serialize, ToSchema)]
#[schema(as = SeatOverview)]
pub(super) struct SeatsBody {
    /// The number of seats of the licenses, without unlimited ones.
    capacity: u64,
    held: u64,
    waiting: u64,
    /// The number of pools whose license is in effect.
    pool_count: u64,
    /// The number of pools in use without a free seat.
    full_pools: u64,
    /// Whether the organization has more pools than the list.
    has_more: bool,
    /// At most 50 pools: those with the longest queues first, and then those with the highest
    /// shares of held seats.
    pools: Vec<PoolBody>,
}

impl From<&SeatOverview> for SeatsBody {
    fn from(seats: &SeatOverview) -> Self {
        Self {
            capacity: seats.capacity.seats,
            held: seats.held,
            waiting: seats.waiting,
            pool_count: seats.capacity.pools,
            full_pools: seats.full_pools,
            has_more: seats.has_more,
            pools: seats.fullest.iter().cloned().map(Into::into).collect(),
        }
    }
}

/// A license that ends soon, or that is in its days of grace.
#[derive(Serialize, ToSchema)]
#[schema(as = EndingLicense)]
pub(super) struct EndingBody {
    license: String,
    product: String,
    customer: String,
    /// The end without days of grace.
    expires_at: DateTime<Utc>,
    /// The end with the days of grace.
    ends_at: DateTime<Utc>,
}

impl From<&EndingLicense> for EndingBody {
    fn from(license: &EndingLicense) -> Self {
        Self {
            license: license.id.to_string(),
            product: license.product.clone(),
            customer: license.customer.clone(),
            expires_at: license.expires_at,
            ends_at: license.ends_at,
        }
    }
}

/// The licenses that end within 60 days, and those in their days of grace, at most 50 of each.
#[derive(Serialize, ToSchema)]
#[schema(as = EndingLicenses)]
pub(super) struct EndingLicensesBody {
    licenses: Vec<EndingBody>,
    /// Whether more licenses end soon.
    has_more: bool,
}

impl From<&EndingLicenses> for EndingLicensesBody {
    fn from(found: &EndingLicenses) -> Self {
        Self {
            licenses: found.licenses.iter().map(Into::into).collect(),
            has_more: found.has_more,
        }
    }
}

/// A webhook whose deliveries fail.
#[derive(Serialize, ToSchema)]
#[schema(as = FailingWebhook)]
pub(super) struct FailingWebhookBody {
    id: String,
    description: String,
    failing_since: Option<DateTime<Utc>>,
    is_disabled: bool,
}

impl From<Webhook> for FailingWebhookBody {
    fn from(webhook: Webhook) -> Self {
        Self {
            is_disabled: webhook.disabled.is_some(),
            failing_since: webhook.failing_since,
            id: webhook.id,
            description: webhook.description,
        }
    }
}

/// The health of the server.
#[derive(Serialize, ToSchema)]
#[schema(as = ServerHealth)]
pub(super) struct HealthBody {
    /// `ready`, another state as `/readyz` shows it, or the reason code of the database.
    readiness: String,
    /// How many seconds the lease clock is behind the time since the start.
    lease_clock_lag_seconds: Option<i64>,
    /// The seconds since the last periodic work, which runs each second.
    last_work_seconds_ago: Option<i64>,
    /// Whether Redis answers renewals. Null: the server has no Redis.
    redis_is_on: Option<bool>,
    /// The end of the TLS certificate. Null: the server has none.
    certificate_ends_at: Option<DateTime<Utc>>,
}

impl HealthBody {
    fn new(health: &ServerHealth, certificate_ends_at: Option<DateTime<Utc>>) -> Self {
        let readiness = match health.readiness {
            Ok(readiness) => readiness.as_str(),
            Err(code) => code,
        };
        Self {
            readiness: readiness.to_owned(),
            lease_clock_lag_seconds: health.lease_clock_lag.map(|lag| lag.num_seconds()),
            last_work_seconds_ago: health.last_work_ago.map(|ago| ago.num_seconds()),
            redis_is_on: health.redis_is_on,
            certificate_ends_at,
        }
    }
}

/// The state of an organization and its server.
#[derive(Serialize, ToSchema)]
#[schema(as = Overview)]
pub(super) struct OverviewBody {
    seats: SeatsBody,
    /// The seats of all pools together, by hour.
    last_24_hours: HistoryBody,
    /// The seats of all pools together, by day.
    last_30_days: HistoryBody,
    /// Null without the permission `licenses:read`.
    ending_licenses: Option<EndingLicensesBody>,
    /// Null without the permission `webhooks:read`.
    failing_webhooks: Option<Vec<FailingWebhookBody>>,
    /// Null without the permission `settings:read`, and in another organization than that of the
    /// server.
    health: Option<HealthBody>,
}

/// Returns the seats now and in the last 24 hours and 30 days, the licenses that end soon, and the
/// health of the server.
#[utoipa::path(
    get,
    path = "/api/v1/overview",
    tag = "administration",
    security(("bearer" = ["seats:read"])),
    responses(
        (status = 200, description = "The overview", body = OverviewBody),
        (status = 304, description = "The overview has not changed since the ETag"),
    ),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (services, principal) = (caller.services(), caller.principal());
    let range = |step| HistoryRange {
        from: None,
        to: None,
        step,
    };
    let history = &services.seat_history;
    let hours = history.history(None, &range(HistoryStep::Hour)).await?;
    let days = history.history(None, &range(HistoryStep::Day)).await?;
    let overview = &services.overview;
    let ending_licenses = if principal.allows(Permission::ReadLicenses) {
        let found = overview.ending_licenses().await?;
        Some(EndingLicensesBody::from(&found))
    } else {
        None
    };
    let failing_webhooks = if principal.allows(Permission::ReadWebhooks) {
        let found = overview.failing_webhooks().await?;
        Some(found.into_iter().map(Into::into).collect())
    } else {
        None
    };
    let is_own = services.tenant() == app.tenants().own().tenant();
    let health = if is_own && principal.allows(Permission::ReadSettings) {
        let health = overview.health().await;
        Some(HealthBody::new(&health, app.metrics().certificate_end()))
    } else {
        None
    };
    let body = OverviewBody {
        seats: overview.seats().await?.as_ref().into(),
        last_24_hours: hours.into(),
        last_30_days: days.into(),
        ending_licenses,
        failing_webhooks,
        health,
    };
    Ok(json_with_etag(&headers, &body))
}
