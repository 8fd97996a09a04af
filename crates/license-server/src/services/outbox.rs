//! The outbox of amounts for the billing provider.
//!
//! An amount is queued in the transaction of its settlement, so it is queued once. It is sent with
//! an identifier by which the provider recognizes a repetition, so a server that is killed between
//! the answer and its record sends it again without effect. The provider forgets identifiers after
//! a day. An amount without an answer for 23 hours is therefore not sent again until a person
//! decides.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time;
use serde_json::json;
use tracing::warn;

use super::metering::checked_reason;
use super::people::not_found;
use super::site::Site;
use crate::billing::{BillingProvider, MeteredUsage, ProviderError};
use crate::domain::{
    Actor, Page, PageRequest, Refusal, RefusalKind, SendingResult, SendingState, ServerCode,
    UsageSending,
};
use crate::store::SendingClaim;

/// How long the provider recognizes a repetition, less an hour for clocks that differ.
const RECOGNIZED: TimeDelta = TimeDelta::hours(23);

/// How long an attempt may take. Afterwards, another server may try.
const ATTEMPT: TimeDelta = TimeDelta::minutes(2);

/// The longest time between two attempts.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);

/// The number of amounts that are taken at once.
const AT_ONCE: u32 = 20;

/// Shows amounts of the outbox, and records decisions about them.
#[derive(Clone)]
pub struct OutboxService {
    site: Arc<Site>,
}

impl OutboxService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Sends the amounts that are due. Returns how many the provider has got. The server calls it
    /// every two seconds.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails. The next call continues.
    pub async fn send(&self) -> Result<usize, Refusal> {
        let Some(provider) = &self.site.billing else {
            return Ok(0);
        };
        let (store, tenant, now) = (&self.site.store, &self.site.tenant, self.site.wall());
        let waiting = Some(SendingState::Waiting);
        let first = PageRequest::new(None, Some(1));
        // A claim is a transaction that writes, and is rarely needed.
        if store
            .sendings(tenant, waiting, &first)
            .await?
            .items
            .is_empty()
        {
            return Ok(0);
        }
        let claim = SendingClaim {
            now,
            next_at: time::saturating_add(now, ATTEMPT),
            oldest: time::saturating_sub(now, RECOGNIZED),
            limit: AT_ONCE,
        };
        let details = json!({});
        let audit = self
            .site
            .audit(&Actor::Server, "usage.uncertain", "", details);
        let mut sent = 0_usize;
        for sending in store.claim_sendings(tenant, claim, audit).await? {
            let outcome = self.attempt(provider, &sending).await?;
            let result = result_of(&sending, outcome, now);
            if result.state == SendingState::Sent {
                sent = sent.saturating_add(1);
            }
            store.finish_sending(tenant, result).await?;
        }
        Ok(sent)
    }

    /// Sends an amount. The outer error is one of the store.
    async fn attempt(
        &self,
        provider: &Arc<dyn BillingProvider>,
        sending: &UsageSending,
    ) -> Result<Result<(), ProviderError>, Refusal> {
        let (store, tenant, name) = (&self.site.store, &self.site.tenant, provider.name());
        let billed = store.usage_billed_to(tenant, name, &sending.customer);
        let Some(billed) = billed.await? else {
            let reason = "the customer has no subscription any more".to_owned();
            return Ok(Err(ProviderError::Refused(reason)));
        };
        let usage = MeteredUsage {
            meter: sending.event.clone(),
            customer: billed.id,
            amount: sending.quantity,
            at: sending.at,
            identifier: sending.id.clone(),
        };
        let provider = Arc::clone(provider);
        let task = tokio::task::spawn_blocking(move || provider.report_usage(&usage));
        let lost = |_| {
            Err(ProviderError::Unreachable(
                "the attempt was stopped".to_owned(),
            ))
        };
        Ok(task.await.unwrap_or_else(lost))
    }

    /// Returns amounts in one state or in any, by their identifiers.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(
        &self,
        state: Option<SendingState>,
        page: &PageRequest,
    ) -> Result<Page<UsageSending>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.sendings(tenant, state, page).await?)
    }

    /// Returns an amount.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown amount.
    pub async fn get(&self, id: &str) -> Result<UsageSending, Refusal> {
        let found = self.site.store.sending(&self.site.tenant, id).await?;
        found.ok_or_else(|| not_found("amount"))
    }

    /// Records what a person has found out about an uncertain amount: that the provider has it,
    /// that it is sent again, or that it is dropped.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown amount, `ALREADY_DECIDED` for one that is not uncertain,
    /// and `BAD_REQUEST` for a reason of another length than 1 to 200 characters.
    pub async fn decide(
        &self,
        actor: &Actor,
        id: &str,
        state: SendingState,
        reason: &str,
    ) -> Result<(), Refusal> {
        let reason = checked_reason(reason)?;
        let details = json!({ "state": state.as_str(), "reason": reason });
        let audit = self.site.audit(actor, "usage.decide", id, details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        match store.decide_sending(tenant, id, state, audit).await? {
            None => Err(not_found("amount")),
            Some(true) => Ok(()),
            Some(false) => {
                let detail = "the amount is not uncertain";
                Err(
                    Refusal::new(RefusalKind::Conflict, ServerCode::AlreadyDecided, detail)
                        .hint("GET /api/v1/usage/sendings?state=uncertain lists such amounts"),
                )
            }
        }
    }
}

/// Returns what follows from an attempt. An answer that did not come leaves open whether the
/// provider has the amount, and a refusal does not.
fn result_of(
    sending: &UsageSending,
    outcome: Result<(), ProviderError>,
    now: DateTime<Utc>,
) -> SendingResult {
    let Err(error) = outcome else {
        return SendingResult {
            id: sending.id.clone(),
            attempt: sending.attempts,
            state: SendingState::Sent,
            error: None,
            next_at: now,
            is_refused: false,
        };
    };
    let (id, attempts) = (&sending.id, sending.attempts);
    warn!(id, attempts, %error, "the billing provider has not stored an amount");
    let is_refusal = matches!(
        error,
        ProviderError::Refused(_) | ProviderError::Unauthorized(_)
    );
    let first_at = sending.first_at.map(|at| at.timestamp_millis());
    let is_first = first_at == Some(now.timestamp_millis());
    let minutes = i64::try_from(attempts).unwrap_or(i64::MAX);
    let wait = TimeDelta::try_minutes(minutes).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT));
    SendingResult {
        id: sending.id.clone(),
        attempt: attempts,
        state: SendingState::Waiting,
        error: Some(error.to_string()),
        next_at: time::saturating_add(now, wait),
        // An earlier attempt without an answer stays open.
        is_refused: is_refusal && is_first,
    }
}
