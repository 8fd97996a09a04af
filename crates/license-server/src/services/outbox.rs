//! The outbox of amounts for the billing provider.
//!
//! An amount is queued in the transaction of its settlement, so it is queued once. It is sent with an
//! identifier by which the provider recognizes a repetition, so a server that is killed between the
//! answer and its record sends it again without effect. The provider forgets identifiers after a
//! day. An amount without an answer for 23 hours is therefore not sent again until a person decides.

use std::sync::Arc;

use serde_json::json;

use super::metering::checked_reason;
use super::people::not_found;
use super::site::Site;
use crate::domain::{
    Actor, Page, PageRequest, Refusal, RefusalKind, SendingState, ServerCode, UsageSending,
};

/// Shows amounts of the outbox, and records decisions about them.
#[derive(Clone)]
pub struct OutboxService {
    site: Arc<Site>,
}

impl OutboxService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
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

    /// Records what a person has found out about an uncertain amount: that the provider has it, that
    /// it is sent again, or that it is dropped.
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
