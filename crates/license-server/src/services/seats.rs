//! Floating seats, for clients.

mod assignment;
mod caller;
mod denial;
mod receipt;
mod requests;
mod values;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use license_core::Code;
use license_core::ids::Nonce;
use license_core::machine::Machine;
use license_seats::{
    Acquire, Borrow, DenialReason, EndMode, Heartbeat, LeaseSpan, QueuePosition, Release,
    ReturnLoan, SeatCommand, SeatEventKind, SeatGrant, SeatReply, TicketId, TicketRef,
};

pub use requests::{
    AcquireReply, AcquireRequest, BorrowRequest, CancelRequest, GrantedSeat, HeartbeatRequest,
    PollReply, PollRequest, QueueState, ReleaseReply, ReleaseRequest, ReturnRequest,
};

use super::pool_terms::{CurrentTerms, PoolSources, delta, span};
use super::seat_tokens::{self, IssuedTokens, TokenContext, token_mode};
use super::site::{Site, random};
use super::validate::parse_machine;
use crate::domain::{NewAuditEntry, PoolId, Refusal, RefusalKind, ServerCode};
use crate::store::{PoolReply, PoolRequest};
use caller::SeatCaller;
use denial::refusal;
use values::{check_token_id, holder, lease_machine, secret};
use waiting::Waiting;

/// The longest time that a poll waits.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Lends floating seats.
#[derive(Clone)]
pub struct SeatService {
    site: Arc<Site>,
    sources: Arc<PoolSources>,
    tokens: Arc<IssuedTokens>,
    waiting: Arc<Waiting>,
}

impl SeatService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        let waiting = Arc::<Waiting>::default();
        let others = Arc::clone(&waiting);
        site.store
            .on_ticket_change(Arc::new(move |ticket| match ticket {
                Some(ticket) => others.wake(ticket),
                None => others.wake_all(),
            }));
        Self {
            site,
            sources: Arc::default(),
            tokens: Arc::default(),
            waiting,
        }
    }

    /// Acquires a seat for a session, or a place in the queue. A repeated request gets the same
    /// seat or place.
    ///
    /// # Errors
    ///
    /// Returns the reason code of the denial, with the seats and their holders.
    pub async fn acquire(&self, request: AcquireRequest) -> Result<AcquireReply, Refusal> {
        let machine = parse_machine(&request.machine)?;
        let holder = holder(&request, &machine)?;
        let caller = self.caller(&request.credential).await?;
        self.check_program(&caller.installed.license, &machine, &request.user)?;
        let holder = self.assigned_holder(&caller, holder, &machine).await?;
        let holder = self.with_groups(holder).await?;
        let wait = request
            .wait
            .then(|| random().map(TicketId::from_bytes))
            .transpose()?;
        let command = SeatCommand::Acquire(Acquire {
            holder,
            instance: request.instance,
            commitment: request.commitment,
            wait,
        });
        let reply = self.apply(&caller, command, None).await?;
        let granted = self
            .granted(&reply)
            .map_err(|refusal| self.with_state(refusal, &caller))?;
        match &granted {
            SeatReply::Seat(grant) => {
                let nonce = Some(request.nonce);
                let seat = self.seat(&caller, grant, &machine, nonce, &reply).await?;
                Ok(if grant.is_new {
                    AcquireReply::Granted(seat)
                } else {
                    AcquireReply::Held(seat)
                })
            }
            SeatReply::Queued(position) => Ok(AcquireReply::Queued(queue_state(&caller, position))),
            _ => Err(unexpected()),
        }
    }

    /// Renews a lease. The reply has a new token if less than half of the old token's lifetime is
    /// left, or if the process does not have the last token.
    ///
    /// # Errors
    ///
    /// Returns `LEASE_LOST` if the lease has ended, with the time and the reason.
    pub async fn heartbeat(&self, request: HeartbeatRequest) -> Result<GrantedSeat, Refusal> {
        check_token_id(request.token.as_deref())?;
        let caller = self.caller(&request.credential).await?;
        let command = SeatCommand::Heartbeat(Heartbeat {
            session: request.session,
            instance: request.instance,
            seq: request.seq,
        });
        let reply = self.apply(&caller, command, None).await?;
        let SeatReply::Seat(grant) = self.granted(&reply)? else {
            return Err(unexpected());
        };
        self.check_holder(&caller, &grant, EndMode::Soft).await?;
        if grant.valid_for.is_zero() {
            let refusal = denial::ended(grant.usage);
            return Err(self.with_state(refusal, &caller));
        }
        let is_due = self
            .tokens
            .is_due(&grant, request.token.as_deref(), reply.now);
        let nonce = is_due.then_some(request.nonce);
        let machine = lease_machine(&grant, request.machine.as_deref())?;
        self.seat(&caller, &grant, &machine, nonce, &reply).await
    }

    /// Ends the use of a seat by an instance.
    ///
    /// # Errors
    ///
    /// Returns `SECRET_MISMATCH` if the secret is not that of the instance.
    pub async fn release(&self, request: ReleaseRequest) -> Result<ReleaseReply, Refusal> {
        let caller = self.caller_in_any_state(&request.credential).await?;
        let command = SeatCommand::Release(Release {
            session: request.session,
            instance: request.instance,
            seq: request.seq,
            secret: secret(&request.secret)?,
        });
        self.released(&caller, command).await
    }

    /// Returns a borrowed seat early.
    ///
    /// # Errors
    ///
    /// Returns `SECRET_MISMATCH` if the secret is not that of the loan, and `NOT_BORROWED` if the
    /// seat is not borrowed.
    pub async fn return_loan(&self, request: ReturnRequest) -> Result<ReleaseReply, Refusal> {
        let caller = self.caller_in_any_state(&request.credential).await?;
        let command = SeatCommand::Return(ReturnLoan {
            session: request.session,
            seq: request.seq,
            secret: secret(&request.secret)?,
        });
        self.released(&caller, command).await
    }

    async fn released(
        &self,
        caller: &SeatCaller,
        command: SeatCommand,
    ) -> Result<ReleaseReply, Refusal> {
        let reply = self.apply(caller, command, None).await?;
        match self.granted(&reply)? {
            SeatReply::Released { freed } => Ok(ReleaseReply { freed }),
            _ => Err(unexpected()),
        }
    }

    /// Borrows a seat that the session holds, or extends the loan.
    ///
    /// # Errors
    ///
    /// Returns the reason code of the denial.
    pub async fn borrow(&self, request: BorrowRequest) -> Result<GrantedSeat, Refusal> {
        let caller = self.caller(&request.credential).await?;
        let command = SeatCommand::Borrow(Borrow {
            session: request.session,
            instance: request.instance,
            seq: request.seq,
            secret: secret(&request.secret)?,
            duration: span(request.duration),
        });
        let reply = self.apply(&caller, command, None).await?;
        let SeatReply::Seat(grant) = self.granted(&reply)? else {
            return Err(unexpected());
        };
        self.check_holder(&caller, &grant, EndMode::Hard).await?;
        let machine = lease_machine(&grant, request.machine.as_deref())?;
        let nonce = Some(request.nonce);
        self.seat(&caller, &grant, &machine, nonce, &reply).await
    }

    /// Returns the place of a ticket, and waits for an offer for up to `wait`. A poll claims the
    /// seat that is offered.
    ///
    /// # Errors
    ///
    /// Returns `UNKNOWN_TICKET` if the ticket has ended or belongs to another session.
    pub async fn poll(&self, request: PollRequest) -> Result<PollReply, Refusal> {
        let caller = self.caller(&request.credential).await?;
        let offered = self.waiting.register(request.ticket);
        let reply = self.poll_once(&caller, &request).await?;
        let wait = request.wait.min(MAX_WAIT);
        if wait.is_zero() || matches!(reply, PollReply::Seat(_)) {
            return Ok(reply);
        }
        // The time of the wait passes without an offer for most callers.
        let _ = tokio::time::timeout(wait, offered.wait()).await;
        // The license can have changed meanwhile.
        let caller = self.caller(&request.credential).await?;
        self.poll_once(&caller, &request).await
    }

    async fn poll_once(
        &self,
        caller: &SeatCaller,
        request: &PollRequest,
    ) -> Result<PollReply, Refusal> {
        let command = SeatCommand::Poll(TicketRef {
            ticket: request.ticket,
            session: request.session,
            instance: request.instance,
        });
        let reply = self.apply(caller, command, None).await?;
        match &self.granted(&reply)? {
            SeatReply::Queued(position) => Ok(PollReply::Queued(queue_state(caller, position))),
            SeatReply::Seat(grant) => {
                self.check_holder(caller, grant, EndMode::Hard).await?;
                let machine = lease_machine(grant, request.machine.as_deref())?;
                let nonce = Some(request.nonce);
                let seat = self.seat(caller, grant, &machine, nonce, &reply).await?;
                Ok(PollReply::Seat(seat))
            }
            _ => Err(unexpected()),
        }
    }

    /// Leaves the queue.
    ///
    /// # Errors
    ///
    /// Returns `UNKNOWN_TICKET` if the ticket belongs to another session.
    pub async fn cancel(&self, request: CancelRequest) -> Result<(), Refusal> {
        let caller = self.caller_in_any_state(&request.credential).await?;
        let command = SeatCommand::Cancel(TicketRef {
            ticket: request.ticket,
            session: request.session,
            instance: request.instance,
        });
        let reply = self.apply(&caller, command, None).await?;
        self.granted(&reply).map(drop)
    }

    /// Serves the queues, and ends overdue leases. Returns the number of pools with work to do.
    pub(super) async fn tick(&self) -> Result<usize, Refusal> {
        let due = self.site.store.due_pools(&self.site.tenant).await?;
        for pool in &due {
            match self.current(pool).await {
                Ok(current) => {
                    self.apply_to(pool, &current, SeatCommand::Tick, None)
                        .await?;
                }
                // The license was removed. Leases end when they are used next.
                Err(refusal) if refusal.kind != RefusalKind::Unavailable => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(due.len())
    }

    /// Returns the terms of a pool now.
    pub(super) async fn current(&self, pool: &PoolId) -> Result<CurrentTerms, Refusal> {
        self.sources
            .get(&self.site, pool)
            .await?
            .current(&self.site)
    }

    /// Returns the settings of an administrator for a pool, which has a license.
    pub(super) async fn policy(&self, pool: &PoolId) -> Result<crate::domain::SeatPolicy, Refusal> {
        let source = self.sources.get(&self.site, pool).await?;
        source.current(&self.site)?;
        Ok(source.policy.clone())
    }

    /// Applies the terms of now to a pool, after a change of its policy.
    pub(super) async fn apply_new_terms(&self, pool: &PoolId) -> Result<(), Refusal> {
        let current = self.current(pool).await?;
        self.apply_to(pool, &current, SeatCommand::Tick, None)
            .await
            .map(drop)
    }

    /// Applies a command to a pool, and wakes the callers whose tickets have an offer.
    pub(super) async fn apply_to(
        &self,
        pool: &PoolId,
        current: &CurrentTerms,
        command: SeatCommand,
        audit: Option<NewAuditEntry>,
    ) -> Result<PoolReply, Refusal> {
        let request = PoolRequest {
            pool: pool.clone(),
            terms: Arc::clone(&current.terms),
            license_left: current.license_left,
            command,
        };
        let reply = self
            .site
            .store
            .apply(&self.site.tenant, request, audit)
            .await?;
        let history = &self.site.seat_history;
        history.record(pool, &current.terms, &reply, self.site.wall());
        for event in &reply.outcome.events {
            match event.kind {
                SeatEventKind::Offered { ticket, .. }
                | SeatEventKind::TicketEnded { ticket, .. } => self.waiting.wake(ticket),
                _ => {}
            }
        }
        Ok(reply)
    }

    async fn apply(
        &self,
        caller: &SeatCaller,
        command: SeatCommand,
        audit: Option<NewAuditEntry>,
    ) -> Result<PoolReply, Refusal> {
        self.apply_to(&caller.pool, &caller.current, command, audit)
            .await
    }

    /// Returns the reply of a pool, or its denial.
    pub(super) fn granted(&self, reply: &PoolReply) -> Result<SeatReply, Refusal> {
        match &reply.outcome.reply {
            Ok(granted) => Ok(granted.clone()),
            Err(denial) => Err(refusal(denial, reply.ended_at)),
        }
    }

    /// Adds to the refusal of a license that is not in effect why it is not.
    fn with_state(&self, refusal: Refusal, caller: &SeatCaller) -> Refusal {
        if refusal.code != DenialReason::LicenseEnded.code() {
            return refusal;
        }
        let own = self.site.decide_for_all(&caller.installed.license);
        let verdict = if own.is_valid {
            self.site.decide_for_all(&caller.current.license.license)
        } else {
            own
        };
        let detail = format!("the license is not in effect: {}", verdict.code);
        let refusal = Refusal { detail, ..refusal }
            .values(verdict.evidence.expected(), verdict.evidence.actual());
        match verdict.code {
            Code::Revoked => {
                refusal.hint("ask the license manager: the vendor revoked the license")
            }
            _ => refusal,
        }
    }

    /// Returns a seat, with a signed token if there is a nonce.
    async fn seat(
        &self,
        caller: &SeatCaller,
        grant: &SeatGrant,
        machine: &Machine,
        nonce: Option<Nonce>,
        reply: &PoolReply,
    ) -> Result<GrantedSeat, Refusal> {
        let now = self.site.now();
        let lease = match nonce {
            None => None,
            Some(nonce) => {
                let context = TokenContext {
                    license: &caller.installed.license,
                    pool: &caller.pool,
                    machine,
                    nonce,
                    now,
                };
                let signed = seat_tokens::sign(&self.site, grant, &context).await?;
                signed.map(|signed| {
                    self.tokens.record(grant, &signed, reply.now);
                    signed.token
                })
            }
        };
        Ok(GrantedSeat {
            pool: caller.pool.clone(),
            license: caller.installed.record.id.clone(),
            session: grant.lease.holder.session,
            seq: grant.lease.seq.0,
            mode: token_mode(&grant.lease),
            lease,
            valid_for: delta(grant.valid_for),
            renew_after: grant.renew_after.map(delta),
            expires_at: expiry(now, grant.valid_for),
            is_overage: grant.lease.overage,
            soft_end: grant.lease.soft_end.as_deref().map(str::to_owned),
            usage: grant.usage,
        })
    }
}

fn expiry(now: DateTime<Utc>, valid_for: LeaseSpan) -> DateTime<Utc> {
    license_core::time::saturating_add(now, delta(valid_for))
}

fn queue_state(caller: &SeatCaller, position: &QueuePosition) -> QueueState {
    QueueState {
        ticket: position.ticket,
        pool: caller.pool.clone(),
        position: position.position,
        estimate: position.estimate.map(delta),
        poll_within: delta(position.poll_within),
        usage: position.usage,
    }
}

/// Returns the refusal for a reply that does not belong to its command.
pub(super) fn unexpected() -> Refusal {
    tracing::error!("a pool sent a reply of another command");
    Refusal::new(
        RefusalKind::Internal,
        ServerCode::StorageFailed,
        "the pool sent an unexpected reply",
    )
}
