//! The renewals of a lease.

use std::sync::Arc;
use std::time::Duration;

use license_core::ids::Nonce;
use serde_json::json;

use super::super::error::OnlineError;
use super::super::grant::{Expected, Grant, SeatReply, unverified};
use super::super::random;
use super::super::transport::{Answer, Limit, Route};
use super::{Phase, SeatCore, SeatEvent, SeatState};
use crate::boot_time::BootTime;
use crate::returned_seats;

/// The pauses after failed attempts. A pause is also at most a quarter of the lifetime of the
/// lease, so that a short lease is tried several times.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// The shortest time limit of a renewal, and the shortest pause.
const SHORTEST_LIMIT: Duration = Duration::from_secs(1);

/// How often the state is read again, to find out whether a borrowed seat was returned.
const RETURN_INTERVAL: Duration = Duration::from_secs(1);

/// The reason code of a lease that has ended.
const LOST: &str = "LEASE_LOST";

/// When to renew a lease, and what the last attempts brought.
pub(super) struct Renewal {
    /// When to send the next request. `None`: the server has refused to renew the lease.
    due_at: Option<BootTime>,
    failures: u32,
    last_error: Option<Arc<OnlineError>>,
    /// The reason code and the sentence of a lease that cannot be renewed.
    refusal: Option<(String, String)>,
}

impl Renewal {
    pub(super) fn new(renew_at: Option<BootTime>, grant: &Grant) -> Self {
        let latest = grant.valid_until;
        Self {
            due_at: Some(renew_at.map_or(latest, |at| at.min(latest))),
            failures: 0,
            last_error: None,
            refusal: None,
        }
    }

    /// Returns the renewals of a borrowed seat: none. The seat is lost at the end of the loan.
    pub(super) fn of_loan() -> Self {
        let refusal = (LOST.to_owned(), "the loan has ended".to_owned());
        Self {
            due_at: None,
            failures: 0,
            last_error: None,
            refusal: Some(refusal),
        }
    }

    #[cfg(test)]
    pub(super) fn due(&self) -> Option<BootTime> {
        self.due_at
    }

    /// Plans the next attempt after a failed one. `lifetime` is that of the lease.
    fn fail(&mut self, error: OnlineError, lifetime: Duration) {
        let doublings = self.failures.min(5);
        let longest = LONGEST_PAUSE.min(quarter(lifetime));
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(longest);
        let jitter = pause / 4 / 255 * u32::from(random::jitter());
        self.due_at = Some(BootTime::now().after(pause.saturating_sub(jitter)));
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(Arc::new(error));
    }
}

/// Returns a quarter of the lifetime of a lease, but at least [`SHORTEST_LIMIT`].
fn quarter(lifetime: Duration) -> Duration {
    (lifetime / 4).max(SHORTEST_LIMIT)
}

/// The answer to a renewal.
pub(super) struct Renewed {
    pub(super) renew_at: Option<BootTime>,
    /// The new lease, if the answer has a token.
    pub(super) grant: Option<Grant>,
    /// The latest end of the lease by the answer, with or without a token.
    pub(super) ends_by: BootTime,
}

/// The next task that the thread for renewals has for a seat.
pub(in crate::online) struct Due {
    /// When the thread has something to do for the seat.
    pub(in crate::online) at: BootTime,
    /// Whether a request is due, and not only an event.
    pub(in crate::online) is_request: bool,
}

impl SeatCore {
    /// Returns when the seat needs the thread again. Returns `None` if it never does.
    pub(in crate::online) fn due(&self) -> Option<Due> {
        let state = self.state();
        let ends_at = (state.phase == Phase::Held).then_some(state.grant.valid_until);
        let renews_at = match state.phase {
            Phase::Held | Phase::Late => state.renewal.due_at,
            Phase::Lost | Phase::Released => return None,
        };
        match (renews_at, ends_at) {
            (Some(renews_at), Some(ends_at)) if ends_at < renews_at => Some(Due {
                at: ends_at,
                is_request: false,
            }),
            (Some(at), _) => Some(Due {
                at,
                is_request: true,
            }),
            (None, at) => at.map(|at| Due {
                at,
                is_request: false,
            }),
        }
    }

    /// Returns the server, for which one failure counts for all seats.
    pub(in crate::online) fn server(&self) -> &str {
        self.holder.url()
    }

    /// Returns whether another process has returned the borrowed seat. The state is read once a
    /// second.
    pub(super) fn is_returned(&self, state: &mut SeatState) -> bool {
        let holder = &self.holder;
        if !holder.is_borrowed {
            return false;
        }
        let now = BootTime::now();
        match state.returned {
            Some((read_at, is_returned)) if is_returned || now.since(read_at) < RETURN_INTERVAL => {
                is_returned
            }
            _ => {
                let (store, seal) = (&holder.store, &holder.seal);
                let found = returned_seats::is_returned(store, seal, holder.commitment);
                state.returned = Some((now, found));
                found
            }
        }
    }

    /// Emits the event of a lease that has ended, or of a borrowed seat that was returned.
    pub(in crate::online) fn notice_end(&self) {
        let event = {
            let mut state = self.state();
            if state.phase == Phase::Held && self.is_returned(&mut state) {
                state.grant.valid_until = BootTime::now();
                let detail = "another process has returned the borrowed seat".to_owned();
                state.renewal.refusal = Some((LOST.to_owned(), detail));
            }
            let has_ended = state.grant.valid_until <= BootTime::now();
            if state.phase != Phase::Held || !has_ended {
                return;
            }
            match state.renewal.refusal.take() {
                Some((code, detail)) => {
                    state.phase = Phase::Lost;
                    SeatEvent::Lost { code, detail }
                }
                None => {
                    state.phase = Phase::Late;
                    let error = state.renewal.last_error.clone();
                    SeatEvent::Late { error }
                }
            }
        };
        self.emit(&event);
    }

    /// Postpones the renewal, because the server has just failed for another seat.
    pub(in crate::online) fn postpone(&self) {
        let mut state = self.state();
        let pause = FIRST_PAUSE;
        state.renewal.due_at = Some(BootTime::now().after(pause));
    }

    /// Renews the lease once. Returns whether the server was reached.
    pub(in crate::online) fn renew(&self) -> bool {
        let result = self.request_renewal();
        let is_reached = !result.as_ref().is_err_and(OnlineError::is_unreachable);
        let event = {
            let mut state = self.state();
            match state.phase {
                Phase::Lost | Phase::Released => None,
                _ => state.apply(result),
            }
        };
        if let Some(event) = event {
            self.emit(&event);
        }
        is_reached
    }

    /// Sends a renewal. It has no `Idempotency-Key`, because a repetition has no further effect,
    /// and the server would store each answer for a day. The id of the newest token lets the server
    /// send another one if the answer with a newer token was lost.
    fn request_renewal(&self) -> Result<Renewed, OnlineError> {
        let holder = &self.holder;
        let nonce = random::nonce()?;
        let (body, lifetime) = {
            let state = self.state();
            let lease = &state.grant.lease;
            let body = json!({
                "instance": holder.instance,
                "seq": lease.seq(),
                "nonce": nonce.to_string(),
                "token": lease.id().as_str(),
            });
            (body, state.lifetime())
        };
        let path = format!("/api/v1/seats/{}/heartbeat", holder.session);
        let call = holder.call(&path, body.to_string(), None);
        let route = Route::First(holder.server);
        // A silent server must not use up the time of seats from other servers.
        let limit = Limit::AtMost(quarter(lifetime));
        let answer = holder.transport.send(&call, route, limit)?;
        let reply: SeatReply = answer.parse(holder.url())?;
        let grant = self.check(&reply, &answer, nonce)?;
        let renew_at = reply.renew_at(answer.sent_at);
        let ends_by = reply.ends_by(answer.sent_at);
        Ok(Renewed {
            renew_at,
            grant,
            ends_by,
        })
    }

    fn check(
        &self,
        reply: &SeatReply,
        answer: &Answer,
        nonce: Nonce,
    ) -> Result<Option<Grant>, OnlineError> {
        let holder = &self.holder;
        let expected = Expected {
            license: &holder.license,
            session: holder.session,
            machine: &holder.machine,
            commitment: holder.commitment,
        };
        if reply.seq != self.state().grant.lease.seq() {
            let reason = "its fencing number is not that of the seat";
            return Err(unverified(holder.url(), reason));
        }
        reply.grant(answer, holder.url(), nonce, &expected)
    }
}

impl SeatState {
    /// Applies the result of a request. Returns the event, if there is one.
    pub(super) fn apply(&mut self, result: Result<Renewed, OnlineError>) -> Option<SeatEvent> {
        let now = BootTime::now();
        let Renewed {
            renew_at,
            grant,
            ends_by,
        } = match result {
            Ok(renewed) => renewed,
            Err(error) => return self.refuse(error),
        };
        let renewal = &mut self.renewal;
        (renewal.failures, renewal.last_error) = (0, None);
        if let Some(grant) = grant {
            self.grant = grant;
        }
        // An answer without a signature can only shorten the lease, such as after an administrator
        // has set a shorter lifetime.
        self.grant.valid_until = self.grant.valid_until.min(ends_by);
        // Without a token, the lease that the client can prove ends when it ended before. The
        // next request comes early enough to get a token.
        let reserve = self.lifetime() / 4;
        let soon = now.after(Duration::from_secs(1));
        let left = self.grant.valid_until.since(now).saturating_sub(reserve);
        // A server that does not extend the lease states no time. It says why after the end.
        let due_at = renew_at.map_or(self.grant.valid_until, |at| at.min(now.after(left)));
        self.renewal.due_at = Some(due_at.max(soon));
        if self.phase == Phase::Late && self.grant.valid_until > now {
            self.phase = Phase::Held;
            return Some(SeatEvent::Recovered);
        }
        None
    }

    /// Applies a failed request. Only a refusal over a connection that proves the server can end
    /// the seat.
    pub(super) fn refuse(&mut self, error: OnlineError) -> Option<SeatEvent> {
        let problem = error.problem().filter(|problem| problem.is_authenticated);
        if let Some(problem) = problem {
            let (code, detail) = (problem.code.clone(), problem.detail.clone());
            match code.as_str() {
                "LEASE_LOST" | "UNKNOWN_INSTANCE" => {
                    self.phase = Phase::Lost;
                    return Some(SeatEvent::Lost { code, detail });
                }
                "NOT_RENEWABLE" => {
                    self.renewal.due_at = None;
                    if self.grant.valid_until <= BootTime::now() {
                        self.phase = Phase::Lost;
                        return Some(SeatEvent::Lost { code, detail });
                    }
                    self.renewal.refusal = Some((code, detail));
                    return None;
                }
                _ => {}
            }
        }
        let lifetime = self.lifetime();
        self.renewal.fail(error, lifetime);
        None
    }

    /// Returns the lifetime of the last lease.
    fn lifetime(&self) -> Duration {
        let lifetime = self.grant.lease.lifetime();
        lifetime.to_std().unwrap_or(Duration::ZERO)
    }
}
