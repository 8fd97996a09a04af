//! The history of floating seats, and the number of seats that a pool needs.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::response::Response;
use license_core::chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::credentials::Caller;
use super::etag::json_with_etag;
use super::pages::StrictQuery;
use super::paths::StrictPath;
use super::pools::pool;
use super::problem::Problem;
use crate::services::{HistoryItem, HistoryRange, HistoryStep, SeatHistory, SeatPlan};

/// The time of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryQuery {
    /// The start. The first item contains it. The default is 24 hours or 30 days before the end.
    from: Option<DateTime<Utc>>,
    /// The end. The last item starts before it. The default is now.
    to: Option<DateTime<Utc>>,
    /// The length of the items: `hour`, or `day` in UTC. The default is `hour`. At most 1000 hours
    /// or 400 days are returned.
    #[param(pattern = "^(hour|day)$")]
    step: Option<String>,
}

impl HistoryQuery {
    /// Returns the time that is asked for.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if the step is unknown.
    fn range(&self) -> Result<HistoryRange, Problem> {
        let step = self.step.as_deref().unwrap_or("hour");
        let found: String = step.chars().take(60).collect();
        let step = HistoryStep::parse(step);
        let step = step.ok_or_else(|| {
            Problem::malformed("the step is unknown").values("hour or day", found)
        })?;
        Ok(HistoryRange {
            from: self.from,
            to: self.to,
            step,
        })
    }
}

/// The sums of a step of a history.
#[derive(Serialize, ToSchema)]
#[schema(as = SeatHistoryItem)]
pub(super) struct HistoryItemBody {
    /// The start of the hour or day.
    start: DateTime<Utc>,
    /// The lowest number of seats of the license. Null: unlimited, or no seat was used.
    capacity_low: Option<u32>,
    /// The highest number of seats of the license.
    capacity_high: Option<u32>,
    /// The highest number of seats that were held at one time.
    held_high: u32,
    /// The mean number of held seats. The server observes them each second.
    held_mean: f64,
    /// For how many seconds all seats of the license were held or offered.
    full_seconds: u64,
    /// The number of grants.
    granted: u64,
    /// The grants above the number of seats of the license.
    overage: u64,
    /// The denied requests.
    denied: u64,
    /// The denied requests by reason code.
    denials: BTreeMap<String, u64>,
    /// The sessions that started to wait.
    queued: u64,
    /// The grants after a wait.
    waits: u64,
    /// How long these grants were waited for, in seconds.
    waited_seconds: u64,
    /// The longest of these waits, in seconds.
    longest_wait_seconds: u64,
    /// The sessions that left the queue without a seat.
    abandoned: u64,
    /// The highest number of waiting sessions.
    queue_high: u32,
}

impl From<HistoryItem> for HistoryItemBody {
    fn from(item: HistoryItem) -> Self {
        let capacity = item.capacity();
        let (held_mean, denied) = (item.held_mean(), item.denied());
        let HistoryItem {
            start,
            sums,
            denials,
            ..
        } = item;
        Self {
            start,
            capacity_low: capacity.map(|(low, _)| low),
            capacity_high: capacity.map(|(_, high)| high),
            held_high: sums.held_high,
            held_mean,
            full_seconds: sums.full_ms / 1000,
            granted: sums.granted,
            overage: sums.overage,
            denied,
            denials,
            queued: sums.queued,
            waits: sums.waits,
            waited_seconds: sums.waited_ms / 1000,
            longest_wait_seconds: sums.longest_wait_ms / 1000,
            abandoned: sums.abandoned,
            queue_high: sums.queue_high,
        }
    }
}

/// The history of a pool, or of all pools.
#[derive(Serialize, ToSchema)]
#[schema(as = SeatHistory)]
pub(super) struct HistoryBody {
    /// The length of the items: `hour` or `day`.
    step: String,
    /// The items without a gap, the oldest first.
    items: Vec<HistoryItemBody>,
}

impl From<SeatHistory> for HistoryBody {
    fn from(history: SeatHistory) -> Self {
        Self {
            step: history.step.as_str().to_owned(),
            items: history.items.into_iter().map(Into::into).collect(),
        }
    }
}

/// Returns the history of all pools together, by hour or by day.
#[utoipa::path(
    get,
    path = "/api/v1/seat-history",
    tag = "administration",
    params(HistoryQuery),
    security(("bearer" = ["seats:read"])),
    responses(
        (status = 200, description = "The history", body = HistoryBody),
        (status = 304, description = "The history has not changed since the ETag"),
    ),
)]
pub(super) async fn all(
    caller: Caller,
    StrictQuery(query): StrictQuery<HistoryQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let history = &caller.services().seat_history;
    let found = history.history(None, &query.range()?).await?;
    Ok(json_with_etag(&headers, &HistoryBody::from(found)))
}

/// Returns the history of a pool, by hour or by day.
#[utoipa::path(
    get,
    path = "/api/v1/pools/{pool}/history",
    tag = "administration",
    params(("pool" = String, Path, description = "The pool"), HistoryQuery),
    security(("bearer" = ["seats:read"])),
    responses(
        (status = 200, description = "The history", body = HistoryBody),
        (status = 304, description = "The history has not changed since the ETag"),
    ),
)]
pub(super) async fn of_pool(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<HistoryQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (pool, range) = (pool(&path)?, query.range()?);
    let history = &caller.services().seat_history;
    let found = history.history(Some(&pool), &range).await?;
    Ok(json_with_etag(&headers, &HistoryBody::from(found)))
}

/// The days of a plan.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PlanQuery {
    /// The first day in UTC. The default is 29 days before the last day.
    from: Option<NaiveDate>,
    /// The last day in UTC. The default is today. At most 400 days are counted.
    through: Option<NaiveDate>,
}

/// A number of seats, and the requests that would have found all of them in use.
#[derive(Serialize, ToSchema)]
#[schema(as = SeatPlanStep)]
pub(super) struct PlanStepBody {
    seats: u32,
    /// At most this number of requests would have found no free seat. A number of seats between two
    /// steps has the value of the lower step.
    without_a_seat: u64,
}

/// The figures for a decision on the number of seats of a pool.
#[derive(Serialize, ToSchema)]
#[schema(as = SeatPlan)]
pub(super) struct SeatPlanBody {
    from: NaiveDate,
    through: NaiveDate,
    /// The number of seats of the license now, or null without a limit.
    capacity: Option<u32>,
    /// The number of seats with the overage that the policy allows.
    allowed: Option<u32>,
    /// The highest number of seats that were held at one time.
    held_high: u32,
    /// The hours in which all seats of the license were in use for some time.
    full_hours: u64,
    full_seconds: u64,
    /// The requests that were granted at once.
    granted: u64,
    /// The requests that had to wait.
    queued: u64,
    /// The requests that were denied, and that more seats would have served.
    denied: u64,
    /// All denials by reason code.
    denials: BTreeMap<String, u64>,
    /// The lowest number of seats with which each request would have found a seat.
    seats_for_all: u32,
    /// The lowest number of seats with which 99 % of the requests would have found a seat.
    seats_for_99_percent: u32,
    /// The requests without a seat by number of seats, from 0.
    steps: Vec<PlanStepBody>,
}

impl From<SeatPlan> for SeatPlanBody {
    fn from(plan: SeatPlan) -> Self {
        let requests = plan.requests();
        let steps = plan.steps().into_iter();
        let steps = steps.map(|(seats, without_a_seat)| PlanStepBody {
            seats,
            without_a_seat,
        });
        Self {
            steps: steps.collect(),
            seats_for_all: plan.seats_for(0),
            seats_for_99_percent: plan.seats_for(10),
            from: plan.from,
            through: plan.through,
            capacity: plan.capacity,
            allowed: plan.allowed,
            held_high: plan.sums.held_high,
            full_hours: plan.full_hours,
            full_seconds: plan.sums.full_ms / 1000,
            granted: requests.granted,
            queued: requests.queued,
            denied: requests.denied,
            denials: plan.denials,
        }
    }
}

/// Returns how many requests would have found no free seat with fewer and with more seats.
#[utoipa::path(
    get,
    path = "/api/v1/pools/{pool}/plan",
    tag = "administration",
    params(("pool" = String, Path, description = "The pool"), PlanQuery),
    security(("bearer" = ["seats:read"])),
    responses(
        (status = 200, description = "The plan", body = SeatPlanBody),
        (status = 304, description = "The plan has not changed since the ETag"),
    ),
)]
pub(super) async fn plan(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<PlanQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let pool = pool(&path)?;
    let history = &caller.services().seat_history;
    let found = history.plan(&pool, query.from, query.through).await?;
    Ok(json_with_etag(&headers, &SeatPlanBody::from(found)))
}
