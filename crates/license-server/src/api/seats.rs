//! Floating seats: acquire, heartbeat, release, borrow and return.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use license_core::chrono::TimeDelta;
use license_core::ids::{Commitment, Nonce};
use license_core::session::SessionId;
use license_seats::{InstanceId, Seq};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::{JsonReply, StrictJson};
use super::credentials::LicenseCredential;
use super::login::SeatUser;
use super::numbers::seq;
use super::paths::{StrictPath, not_found};
use super::problem::Problem;
use super::seat_bodies::{QueueBody, SeatBody};
use crate::services::{
    AcquireReply, AcquireRequest, BorrowRequest, GrantedSeat, HeartbeatRequest, ReleaseReply,
    ReleaseRequest, ReturnRequest,
};

/// A request for a seat.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AcquireRequest)]
pub(super) struct AcquireBody {
    /// The session: `sess_` and 32 hexadecimal digits.
    #[schema(value_type = String, pattern = "^sess_[0-9a-f]{32}$")]
    session: SessionId,
    /// The process in the session: `inst_` and 32 random hexadecimal digits.
    #[schema(value_type = String, pattern = "^inst_[0-9a-f]{32}$")]
    instance: InstanceId,
    /// The machine: its digest, its fingerprint or a name.
    #[schema(min_length = 1, max_length = 1024)]
    machine_id: String,
    /// The user. With a login, the default is the user of the login, and no other user is accepted.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 256)]
    user: Option<String>,
    /// Groups of the user, for reservations.
    #[serde(default)]
    #[schema(max_items = 64)]
    groups: Vec<String>,
    /// A random number of 32 hexadecimal digits, which the lease repeats.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
    nonce: Nonce,
    /// The SHA-256 of the secret that releases the seat.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    commitment: Commitment,
    /// Whether to wait in the queue if no seat is free.
    #[serde(default)]
    wait: bool,
}

/// A renewal of a lease.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HeartbeatRequest)]
pub(super) struct HeartbeatBody {
    #[schema(value_type = String, pattern = "^inst_[0-9a-f]{32}$")]
    instance: InstanceId,
    /// The fencing number of the lease.
    #[serde(deserialize_with = "seq")]
    #[schema(value_type = u64, minimum = 1, maximum = 9007199254740991_i64)]
    seq: Seq,
    /// A random number, which a new lease token repeats.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
    nonce: Nonce,
    /// The claim `jti` of the newest lease token that the process has, or any other text if it has
    /// none. If a response with a newer token was lost, this response has a new one. Without this
    /// member, the server assumes that no response was lost.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 64)]
    token: Option<String>,
    /// The machine, which must be that of the lease. The default is the machine of the lease.
    #[serde(default)]
    #[schema(max_length = 1024)]
    machine_id: Option<String>,
}

/// The secret of a lease.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReleaseRequest)]
pub(super) struct ReleaseBody {
    #[schema(value_type = String, pattern = "^inst_[0-9a-f]{32}$")]
    instance: InstanceId,
    /// The fencing number of the lease.
    #[serde(deserialize_with = "seq")]
    #[schema(value_type = u64, minimum = 1, maximum = 9007199254740991_i64)]
    seq: Seq,
    /// The secret of the commitment that the lease carries.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    secret: String,
}

/// The secret of a borrowed seat.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReturnRequest)]
pub(super) struct ReturnBody {
    /// The fencing number of the lease.
    #[serde(deserialize_with = "seq")]
    #[schema(value_type = u64, minimum = 1, maximum = 9007199254740991_i64)]
    seq: Seq,
    /// The secret of the commitment that the lease carries.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    secret: String,
}

/// A request to take a seat off the network.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BorrowRequest)]
pub(super) struct BorrowBody {
    #[schema(value_type = String, pattern = "^inst_[0-9a-f]{32}$")]
    instance: InstanceId,
    /// The fencing number of the lease.
    #[serde(deserialize_with = "seq")]
    #[schema(value_type = u64, minimum = 1, maximum = 9007199254740991_i64)]
    seq: Seq,
    /// The secret of the commitment that the lease carries.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    secret: String,
    /// A random number, which the lease token repeats.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}$")]
    nonce: Nonce,
    /// The machine, which must be that of the lease. The default is the machine of the lease.
    #[serde(default)]
    #[schema(max_length = 1024)]
    machine_id: Option<String>,
    /// The duration in seconds.
    #[schema(minimum = 1, maximum = 31536000)]
    seconds: u32,
}

/// The result of a release.
#[derive(Serialize, ToSchema)]
#[schema(as = Released)]
pub(super) struct ReleasedBody {
    /// Whether this request freed the seat. False if other instances of the session use the seat,
    /// or if the lease had ended before.
    freed: bool,
}

impl From<ReleaseReply> for ReleasedBody {
    fn from(ReleaseReply { freed }: ReleaseReply) -> Self {
        Self { freed }
    }
}

/// Acquires a seat. The same session gets its own lease again.
#[utoipa::path(
    post,
    path = "/api/v1/seats",
    tag = "seats",
    request_body = AcquireBody,
    params((
        "X-Login-Token" = Option<String>,
        Header,
        description = "The ID token of the user, if the server has a provider of logins",
    )),
    security(("license" = [])),
    responses(
        (status = 200, description = "The session's own lease", body = SeatBody),
        (status = 201, description = "A new lease", body = SeatBody),
        (status = 202, description = "A ticket of the queue", body = QueueBody),
    ),
)]
pub(super) async fn acquire(
    State(app): State<App>,
    LicenseCredential(credential): LicenseCredential,
    login: SeatUser,
    StrictJson(body): StrictJson<AcquireBody>,
) -> Result<Response, Problem> {
    let request = AcquireRequest {
        credential,
        session: body.session,
        instance: body.instance,
        machine: body.machine_id,
        user: login.or_stated(&app, body.user)?,
        groups: body.groups,
        nonce: body.nonce,
        commitment: body.commitment,
        wait: body.wait,
    };
    let acquired = match app.tenants().of_license(&request.credential).await {
        Ok(services) => services.seats.acquire(request).await,
        Err(refusal) => Err(refusal),
    };
    let result = match &acquired {
        Ok(AcquireReply::Granted(_)) => "granted",
        Ok(AcquireReply::Held(_)) => "held",
        Ok(AcquireReply::Queued(_)) => "queued",
        Err(refusal) => refusal.code,
    };
    app.metrics().acquires.with_label_values(&[result]).inc();
    Ok(match acquired? {
        AcquireReply::Granted(seat) => (StatusCode::CREATED, counted(&app, seat)).into_response(),
        AcquireReply::Held(seat) => counted(&app, seat).into_response(),
        AcquireReply::Queued(state) => {
            (StatusCode::ACCEPTED, Json(QueueBody::from(state))).into_response()
        }
    })
}

/// Returns a seat as JSON, and counts its token.
fn counted(app: &App, seat: GrantedSeat) -> Json<SeatBody> {
    if seat.lease.is_some() {
        app.metrics().lease_tokens.inc();
    }
    Json(seat.into())
}

/// A request about the session in the path: the credential, the session and the body.
pub(super) struct OfSession<B>(String, SessionId, B);

impl<B: DeserializeOwned> FromRequest<App> for OfSession<B> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, content) = request.into_parts();
        let LicenseCredential(credential) =
            LicenseCredential::from_request_parts(&mut parts, app).await?;
        let StrictPath(path) = StrictPath::<String>::from_request_parts(&mut parts, app).await?;
        let request = Request::from_parts(parts, content);
        let StrictJson(body) = StrictJson::from_request(request, app).await?;
        Ok(Self(credential, session(&path)?, body))
    }
}

/// Renews a lease.
#[utoipa::path(
    post,
    path = "/api/v1/seats/{session}/heartbeat",
    tag = "seats",
    params(("session" = String, Path, description = "The session")),
    request_body = HeartbeatBody,
    security(("license" = [])),
    responses((status = 200, description = "The renewed lease", body = SeatBody)),
)]
pub(super) async fn heartbeat(
    State(app): State<App>,
    OfSession(credential, session, body): OfSession<HeartbeatBody>,
) -> JsonReply<SeatBody> {
    let request = HeartbeatRequest {
        credential,
        session,
        instance: body.instance,
        seq: body.seq,
        nonce: body.nonce,
        token: body.token,
        machine: body.machine_id,
    };
    let services = app.tenants().of_license(&request.credential).await?;
    let seat = services.seats.heartbeat(request).await?;
    Ok(counted(&app, seat))
}

/// Releases a seat. A repetition has no effect.
#[utoipa::path(
    post,
    path = "/api/v1/seats/{session}/release",
    tag = "seats",
    params(("session" = String, Path, description = "The session")),
    request_body = ReleaseBody,
    security(("license" = [])),
    responses((status = 200, description = "The seat is free", body = ReleasedBody)),
)]
pub(super) async fn release(
    State(app): State<App>,
    OfSession(credential, session, body): OfSession<ReleaseBody>,
) -> JsonReply<ReleasedBody> {
    let request = ReleaseRequest {
        credential,
        session,
        instance: body.instance,
        seq: body.seq,
        secret: body.secret,
    };
    let services = app.tenants().of_license(&request.credential).await?;
    let released = services.seats.release(request).await?;
    Ok(Json(released.into()))
}

/// Borrows a seat for a machine that leaves the network.
#[utoipa::path(
    post,
    path = "/api/v1/seats/{session}/borrow",
    tag = "seats",
    params(("session" = String, Path, description = "The session")),
    request_body = BorrowBody,
    security(("license" = [])),
    responses((status = 200, description = "The borrowed seat", body = SeatBody)),
)]
pub(super) async fn borrow(
    State(app): State<App>,
    OfSession(credential, session, body): OfSession<BorrowBody>,
) -> JsonReply<SeatBody> {
    let request = BorrowRequest {
        credential,
        session,
        instance: body.instance,
        seq: body.seq,
        secret: body.secret,
        nonce: body.nonce,
        machine: body.machine_id,
        duration: TimeDelta::seconds(body.seconds.into()),
    };
    let services = app.tenants().of_license(&request.credential).await?;
    let seat = services.seats.borrow(request).await?;
    Ok(counted(&app, seat))
}

/// Returns a borrowed seat early. A repetition has no effect.
#[utoipa::path(
    post,
    path = "/api/v1/seats/{session}/return",
    tag = "seats",
    params(("session" = String, Path, description = "The session")),
    request_body = ReturnBody,
    security(("license" = [])),
    responses((status = 200, description = "The seat is free", body = ReleasedBody)),
)]
pub(super) async fn return_seat(
    State(app): State<App>,
    OfSession(credential, session, body): OfSession<ReturnBody>,
) -> JsonReply<ReleasedBody> {
    let request = ReturnRequest {
        credential,
        session,
        seq: body.seq,
        secret: body.secret,
    };
    let services = app.tenants().of_license(&request.credential).await?;
    let released = services.seats.return_loan(request).await?;
    Ok(Json(released.into()))
}

/// Parses a session in a path. A session that is not well formed does not exist.
pub(super) fn session(text: &str) -> Result<SessionId, Problem> {
    text.parse().map_err(|_| not_found("session"))
}
