//! Pools: who holds seats, who waits, and the end of a lease by an administrator.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use license_core::chrono::{DateTime, Utc};
use license_seats::{EndMode, Seq};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::etag::json_with_etag;
use super::live::{self, Watcher};
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::{StrictPath, not_found};
use super::problem::Problem;
use super::seats::session;
use crate::domain::{Page, PoolId, Refusal, RefusalKind, SeatPolicy, is_unsafe};
use crate::services::{EndReply, LeaseView, PoolStatus, TicketView};

/// The seats of a license.
#[derive(Serialize, ToSchema)]
#[schema(as = Pool)]
pub(super) struct PoolBody {
    pool: String,
    /// The license that the terms come from.
    license: String,
    product: String,
    customer: String,
    /// The number of seats, or null without a limit.
    capacity: Option<u32>,
    /// The number of seats with the overage that the policy allows.
    allowed: Option<u32>,
    held: u32,
    late: u32,
    borrowed: u32,
    waiting: u32,
    license_ends_at: Option<DateTime<Utc>>,
    /// Whether more seats are held than the license has, such as after a renewal with fewer seats.
    is_over_capacity: bool,
    #[schema(value_type = Object)]
    policy: SeatPolicy,
}

impl From<PoolStatus> for PoolBody {
    fn from(status: PoolStatus) -> Self {
        let limit = |seats: u32| Some(seats).filter(|_| !status.is_unlimited);
        Self {
            pool: status.pool.as_str().to_owned(),
            license: status.license.to_string(),
            product: status.product,
            customer: status.customer,
            capacity: limit(status.usage.capacity),
            allowed: limit(status.usage.allowed),
            held: status.usage.held,
            late: status.usage.late,
            borrowed: status.usage.borrowed,
            waiting: status.usage.waiting,
            license_ends_at: status.ends_at,
            is_over_capacity: status.is_over_capacity,
            policy: status.policy,
        }
    }
}

/// A session that holds a seat.
#[derive(Serialize, ToSchema)]
#[schema(as = Lease)]
pub(super) struct LeaseBody {
    session: String,
    user: String,
    /// The digest of the machine.
    machine: Option<String>,
    groups: Vec<String>,
    seq: u64,
    /// `floating` or `borrowed`.
    mode: String,
    /// Whether the lease is past its lifetime. Another session can take the seat.
    is_late: bool,
    is_overage: bool,
    held_for_seconds: i64,
    /// Negative if the lease is late.
    expires_in_seconds: i64,
    /// The seconds until the seat can be granted again.
    free_in_seconds: i64,
    /// The number of processes that use the seat.
    instances: u64,
    /// The reason of an administrator why the lease cannot be renewed.
    soft_end: Option<String>,
}

impl From<LeaseView> for LeaseBody {
    fn from(lease: LeaseView) -> Self {
        Self {
            session: lease.session.to_string(),
            user: lease.user,
            machine: lease.machine,
            groups: lease.groups,
            seq: lease.seq,
            mode: lease.mode.to_string(),
            is_late: lease.is_late,
            is_overage: lease.is_overage,
            held_for_seconds: lease.granted_ago.num_seconds(),
            expires_in_seconds: lease.expires_in.num_seconds(),
            free_in_seconds: lease.free_in.num_seconds(),
            instances: u64::try_from(lease.instances).unwrap_or(u64::MAX),
            soft_end: lease.soft_end,
        }
    }
}

/// A session that waits for a seat.
#[derive(Serialize, ToSchema)]
#[schema(as = WaitingSession)]
pub(super) struct TicketBody {
    session: String,
    user: String,
    /// The place in the queue, from 1.
    position: u64,
    waited_seconds: i64,
    /// The seconds for which a seat stays offered to the session.
    offered_for_seconds: Option<i64>,
    /// Whether the session lost its lease a short time ago, and waits before the others.
    is_front: bool,
}

impl From<TicketView> for TicketBody {
    fn from(ticket: TicketView) -> Self {
        Self {
            session: ticket.session.to_string(),
            user: ticket.user,
            position: ticket.position,
            waited_seconds: ticket.waited.num_seconds(),
            offered_for_seconds: ticket.offered_for.map(|time| time.num_seconds()),
            is_front: ticket.is_front,
        }
    }
}

/// The end of a lease by an administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EndRequest)]
pub(super) struct EndBody {
    /// The fencing number of the lease. With it, a newer lease of the session stays.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    seq: Option<Seq>,
    /// `soft`: the lease cannot be renewed. `hard`: the seat is free at once.
    #[schema(pattern = "^(soft|hard)$")]
    mode: String,
    /// The reason, which the session sees and the audit trail records.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

impl EndBody {
    /// Returns the fencing number of the lease, if the request states it.
    pub(super) fn seq(&self) -> Option<Seq> {
        self.seq
    }

    /// Returns how the lease ends.
    pub(super) fn mode(&self) -> Result<EndMode, Problem> {
        end_mode(&self.mode)
    }

    /// Returns the reason, which other people read.
    pub(super) fn reason(&self) -> Result<String, Problem> {
        reason(&self.reason)
    }
}

/// The result of the end of a lease.
#[derive(Serialize, ToSchema)]
#[schema(as = EndReply)]
pub(super) struct EndedBody {
    /// The seconds until the seat can be granted again.
    free_in_seconds: i64,
    /// The seconds for which the old session may still use a seat that can already be granted
    /// again.
    overlap_seconds: Option<i64>,
}

impl From<EndReply> for EndedBody {
    fn from(reply: EndReply) -> Self {
        Self {
            free_in_seconds: reply.free_in.num_seconds(),
            overlap_seconds: reply.overlap.map(|overlap| overlap.num_seconds()),
        }
    }
}

/// Lists the pools.
///
/// With `Accept: text/event-stream`, the response is a stream. Each change of the page is an event
/// `change` with the whole page. The stream ends after a minute, and the client connects again.
#[utoipa::path(
    get,
    path = "/api/v1/pools",
    tag = "administration",
    params(PageQuery),
    security(("bearer" = ["seats:read"])),
    responses(
        (status = 200, description = "A page of pools", body = PageBody<PoolBody>),
        (status = 304, description = "The pools have not changed since the ETag"),
    ),
)]
pub(super) async fn list(
    State(app): State<App>,
    watcher: Watcher,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> Result<Response, Problem> {
    let page = query.request()?;
    let pools = watcher.caller().services().pools.clone();
    if watcher.wants_events() {
        let changes = pools.watch();
        let load = move || {
            let (pools, page) = (pools.clone(), page.clone());
            async move {
                let found = pools.shared_list(&page).await?;
                Ok(PageBody::new(Page::clone(&found), PoolBody::from))
            }
        };
        return live::events(&app, watcher, changes, load).await;
    }
    let body = PageBody::new(pools.list(&page).await?, PoolBody::from);
    Ok(live::varied(json_with_etag(watcher.headers(), &body)))
}

/// Returns a pool.
///
/// With `Accept: text/event-stream`, the response is a stream. Each change of the pool is an event
/// `change` with the whole pool. The stream ends after a minute, and the client connects again.
#[utoipa::path(
    get,
    path = "/api/v1/pools/{pool}",
    tag = "administration",
    params(("pool" = String, Path, description = "The pool")),
    security(("bearer" = ["seats:read"])),
    responses(
        (status = 200, description = "The pool", body = PoolBody),
        (status = 304, description = "The pool has not changed since the ETag"),
    ),
)]
pub(super) async fn get(
    State(app): State<App>,
    watcher: Watcher,
    StrictPath(path): StrictPath<String>,
) -> Result<Response, Problem> {
    let (pool, pools) = (pool(&path)?, watcher.caller().services().pools.clone());
    if watcher.wants_events() {
        let changes = pools.watch();
        let load = move || {
            let (pools, pool) = (pools.clone(), pool.clone());
            async move { Ok(PoolBody::from(pools.get(&pool).await?)) }
        };
        return live::events(&app, watcher, changes, load).await;
    }
    let body = PoolBody::from(pools.get(&pool).await?);
    Ok(live::varied(json_with_etag(watcher.headers(), &body)))
}

/// Lists the sessions that hold seats.
#[utoipa::path(
    get,
    path = "/api/v1/pools/{pool}/leases",
    tag = "administration",
    params(("pool" = String, Path, description = "The pool"), PageQuery),
    security(("bearer" = ["seats:read"])),
    responses((status = 200, description = "A page of leases", body = PageBody<LeaseBody>)),
)]
pub(super) async fn leases(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<LeaseBody>> {
    let found = caller
        .services()
        .pools
        .leases(&pool(&path)?, &query.request()?)
        .await?;
    Ok(Json(PageBody::new(found, LeaseBody::from)))
}

/// Lists the sessions that wait for seats.
#[utoipa::path(
    get,
    path = "/api/v1/pools/{pool}/queue",
    tag = "administration",
    params(("pool" = String, Path, description = "The pool"), PageQuery),
    security(("bearer" = ["seats:read"])),
    responses((status = 200, description = "A page of the queue", body = PageBody<TicketBody>)),
)]
pub(super) async fn queue(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<TicketBody>> {
    let found = caller
        .services()
        .pools
        .queue(&pool(&path)?, &query.request()?)
        .await?;
    Ok(Json(PageBody::new(found, TicketBody::from)))
}

/// Ends the lease of a session.
#[utoipa::path(
    post,
    path = "/api/v1/pools/{pool}/leases/{session}/end",
    tag = "administration",
    params(
        ("pool" = String, Path, description = "The pool"),
        ("session" = String, Path, description = "The session"),
    ),
    request_body = EndBody,
    security(("bearer" = ["seats:manage"])),
    responses((status = 200, description = "The lease has ended", body = EndedBody)),
)]
pub(super) async fn end(
    caller: Caller,
    StrictPath((path, of_session)): StrictPath<(String, String)>,
    StrictJson(body): StrictJson<EndBody>,
) -> JsonReply<EndedBody> {
    let (mode, reason) = (body.mode()?, body.reason()?);
    let (pool, session) = (pool(&path)?, session(&of_session)?);
    let pools = &caller.services().pools;
    let reply = pools
        .end(caller.actor(), &pool, session, body.seq, mode, &reason)
        .await?;
    Ok(Json(reply.into()))
}

/// Returns the policy of a pool.
#[utoipa::path(
    get,
    path = "/api/v1/pools/{pool}/policy",
    tag = "administration",
    params(("pool" = String, Path, description = "The pool")),
    security(("bearer" = ["seats:read"])),
    responses((status = 200, description = "The policy", body = Object)),
)]
pub(super) async fn policy(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> JsonReply<SeatPolicy> {
    Ok(Json(caller.services().pools.policy(&pool(&path)?).await?))
}

/// Replaces the policy of a pool. Absent members get their default.
#[utoipa::path(
    put,
    path = "/api/v1/pools/{pool}/policy",
    tag = "administration",
    params(("pool" = String, Path, description = "The pool")),
    request_body = Object,
    security(("bearer" = ["seats:manage"])),
    responses((status = 200, description = "The policy", body = Object)),
)]
pub(super) async fn set_policy(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictJson(policy): StrictJson<SeatPolicy>,
) -> JsonReply<SeatPolicy> {
    let (pool, pools) = (pool(&path)?, &caller.services().pools);
    pools.set_policy(caller.actor(), &pool, policy).await?;
    Ok(Json(pools.policy(&pool).await?))
}

pub(super) fn pool(text: &str) -> Result<PoolId, Problem> {
    PoolId::parse(text).ok_or_else(|| not_found("pool"))
}

/// Parses how a lease ends.
pub(super) fn end_mode(text: &str) -> Result<EndMode, Problem> {
    match text {
        "soft" => Ok(EndMode::Soft),
        "hard" => Ok(EndMode::Hard),
        _ => {
            let found: String = text.chars().take(60).collect();
            Err(Problem::malformed("the mode is unknown")
                .about("mode")
                .values("soft or hard", found))
        }
    }
}

/// Checks a reason, which other people read.
pub(super) fn reason(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let is_line = !text.chars().any(is_unsafe);
    match text.chars().count() {
        1..=200 if is_line => Ok(text.to_owned()),
        _ => {
            let detail = "the reason is not acceptable";
            let refusal = Refusal::with_code(RefusalKind::BadRequest, "INVALID_REASON", detail);
            let found = format!("{} characters", text.chars().count());
            Err(refusal
                .about("reason")
                .values("1 to 200 characters without control characters", found)
                .hint("state the reason in the member `reason`")
                .into())
        }
    }
}
