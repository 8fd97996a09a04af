//! The queue of a pool, as a waiting session sees it: long poll or server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use license_core::ids::Nonce;
use license_core::session::SessionId;
use license_seats::{InstanceId, TicketId};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::App;
use super::credentials::LicenseCredential;
use super::pages::StrictQuery;
use super::paths::{StrictPath, method_not_allowed, not_found};
use super::problem::Problem;
use super::seat_bodies::{QueueBody, SeatBody};
use crate::services::{CancelRequest, PollReply, PollRequest};

/// The longest wait of one request, in seconds.
const MAX_WAIT: u32 = 30;

/// The session that waits.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitQuery {
    /// The session that waits.
    #[param(value_type = String, pattern = "^sess_[0-9a-f]{32}$")]
    session: SessionId,
    /// The process in the session.
    #[param(value_type = String, pattern = "^inst_[0-9a-f]{32}$")]
    instance: InstanceId,
    /// A random number, which the lease repeats.
    #[param(value_type = String, pattern = "^[0-9a-f]{32}$")]
    nonce: Nonce,
    /// The machine, which must be that of the ticket. The default is the machine of the ticket.
    #[serde(default)]
    #[param(max_length = 1024)]
    machine_id: Option<String>,
    /// The seconds to wait for a seat, at most 30.
    #[param(minimum = 0, maximum = 30)]
    #[serde(default)]
    wait: u32,
}

/// The session that leaves the queue.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CancelQuery {
    /// The session that waits.
    #[param(value_type = String, pattern = "^sess_[0-9a-f]{32}$")]
    session: SessionId,
    /// The process in the session.
    #[param(value_type = String, pattern = "^inst_[0-9a-f]{32}$")]
    instance: InstanceId,
}

/// Claims an offered seat, or returns the place in the queue after at most `wait` seconds.
///
/// With `Accept: text/event-stream`, each change of the place is an event `queue`, until an event
/// `seat` or `ended`.
#[utoipa::path(
    get,
    path = "/api/v1/queue/{ticket}",
    tag = "seats",
    params(("ticket" = String, Path, description = "The ticket"), WaitQuery),
    security(("license" = [])),
    responses(
        (status = 200, description = "The place in the queue", body = QueueBody),
        (status = 201, description = "The seat that was offered", body = SeatBody),
    ),
)]
pub(super) async fn wait(
    State(app): State<App>,
    LicenseCredential(credential): LicenseCredential,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<WaitQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if method == Method::HEAD {
        // The response would claim a seat without its lease.
        let allow = [(header::ALLOW, "GET, DELETE")];
        return Ok((allow, method_not_allowed()).into_response());
    }
    if query.wait > MAX_WAIT {
        let problem = Problem::malformed("the wait is out of range");
        let expected = format!("a number from 0 to {MAX_WAIT}");
        return Err(problem.values(expected, query.wait));
    }
    let request = PollRequest {
        credential,
        ticket: ticket(&path)?,
        session: query.session,
        instance: query.instance,
        nonce: query.nonce,
        machine: query.machine_id,
        wait: Duration::from_secs(query.wait.into()),
    };
    let accept = headers.get(header::ACCEPT);
    let accepts_events = accept.and_then(|value| value.to_str().ok());
    if accepts_events.is_some_and(|value| value.contains("text/event-stream")) {
        let first = poll(&app, at_once(&request)).await?;
        return Ok(events(app, request, first).into_response());
    }
    Ok(match poll(&app, request).await? {
        QueuePlace::Seat(seat) => (StatusCode::CREATED, Json(*seat)).into_response(),
        QueuePlace::Queue(place) => Json(place).into_response(),
    })
}

/// Leaves the queue. A repetition has no effect.
#[utoipa::path(
    delete,
    path = "/api/v1/queue/{ticket}",
    tag = "seats",
    params(("ticket" = String, Path, description = "The ticket"), CancelQuery),
    security(("license" = [])),
    responses((status = 204, description = "The session no longer waits")),
)]
pub(super) async fn cancel(
    State(app): State<App>,
    LicenseCredential(credential): LicenseCredential,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<CancelQuery>,
) -> Result<StatusCode, Problem> {
    let request = CancelRequest {
        credential,
        ticket: ticket(&path)?,
        session: query.session,
        instance: query.instance,
    };
    let services = app.tenants().of_license(&request.credential).await?;
    services.seats.cancel(request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Parses a ticket. A ticket that is not well formed does not exist.
fn ticket(text: &str) -> Result<TicketId, Problem> {
    text.parse().map_err(|_| not_found("ticket"))
}

/// The answer to a poll.
enum QueuePlace {
    Seat(Box<SeatBody>),
    Queue(QueueBody),
}

/// Returns the request without its wait.
fn at_once(request: &PollRequest) -> PollRequest {
    PollRequest {
        wait: Duration::ZERO,
        ..request.clone()
    }
}

/// Claims an offered seat, or waits for one. Does not wait while the server stops.
async fn poll(app: &App, request: PollRequest) -> Result<QueuePlace, Problem> {
    let services = app.tenants().of_license(&request.credential).await?;
    let seats = &services.seats;
    let at_once = at_once(&request);
    let reply = tokio::select! {
        reply = seats.poll(request) => reply?,
        () = app.stopped() => seats.poll(at_once).await?,
    };
    Ok(match reply {
        PollReply::Seat(seat) => {
            app.metrics().acquires.with_label_values(&["granted"]).inc();
            app.metrics().lease_tokens.inc();
            QueuePlace::Seat(Box::new(seat.into()))
        }
        PollReply::Queued(state) => QueuePlace::Queue(state.into()),
    })
}

/// The next step of a stream of events.
enum Progress {
    Send(QueuePlace),
    Wait,
    End,
}

/// Returns the events of a ticket. The last event is the seat, or the end of the ticket.
fn events(
    app: App,
    request: PollRequest,
    first: QueuePlace,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let start = (app, request, Progress::Send(first));
    let stream = stream::unfold(start, |(app, request, progress)| async move {
        let place = match progress {
            Progress::Send(place) => place,
            Progress::End => return None,
            Progress::Wait => {
                let next = PollRequest {
                    wait: Duration::from_secs(MAX_WAIT.into()),
                    ..request.clone()
                };
                match poll(&app, next).await {
                    Ok(place) => place,
                    Err(_) => {
                        let event = Event::default().event("ended").data("{}");
                        return Some((Ok(event), (app, request, Progress::End)));
                    }
                }
            }
        };
        // The client connects again, to the server that follows.
        let is_stopping = *app.0.stopping.borrow();
        let (event, next) = match place {
            QueuePlace::Seat(seat) => (event("seat", &seat), Progress::End),
            QueuePlace::Queue(place) if is_stopping => (event("queue", &place), Progress::End),
            QueuePlace::Queue(place) => (event("queue", &place), Progress::Wait),
        };
        Some((Ok(event), (app, request, next)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

fn event(name: &str, content: &impl Serialize) -> Event {
    let data = serde_json::to_string(content).unwrap_or_default();
    Event::default().event(name).data(data)
}
