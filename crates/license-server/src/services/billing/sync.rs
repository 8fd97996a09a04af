//! Brings the licenses of subscriptions to the state of their payments.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use sha2::{Digest, Sha256};

use super::{BillingService, BillingSetup, ask, mails};
use crate::billing::ProviderError;
use crate::domain::{
    BillingPlan, BillingReason, BillingSubscription, Entitlement, LicenseStep, PlannedTerms,
    ProviderSubscription, Refusal, RefusalKind, ServerCode,
};
use crate::services::vendor::RequestId;
use crate::services::vendor::subscribed::{self, LedgerLicense};
use crate::services::vendor::subscriptions::{self, SubscribedLicense};
use crate::store::ServerStoreError;

/// The largest number of steps of a license: to reinstate it and to replace it.
const MAX_STEPS: usize = 4;

/// How often a row that another change came before is written again.
const MAX_CONFLICTS: usize = 5;

/// Why an event is processed again later.
pub(super) enum Delay {
    Provider(ProviderError),
    Server(Refusal),
}

impl From<ProviderError> for Delay {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl From<Refusal> for Delay {
    fn from(refusal: Refusal) -> Self {
        Self::Server(refusal)
    }
}

impl From<ServerStoreError> for Delay {
    fn from(error: ServerStoreError) -> Self {
        Self::Server(error.into())
    }
}

impl Delay {
    pub(super) fn note(&self) -> String {
        match self {
            Self::Provider(error) => error.to_string(),
            Self::Server(refusal) => refusal.to_string(),
        }
    }
}

/// A subscription with what follows from it.
struct Target<'a> {
    found: &'a ProviderSubscription,
    entitlement: Entitlement,
    terms: Option<PlannedTerms>,
    /// Why there are no terms.
    fault: Option<String>,
}

impl BillingService {
    /// Asks the provider for the state of a subscription, and brings its license to this state.
    /// Returns why the license does not follow.
    pub(super) async fn sync(
        &self,
        setup: &BillingSetup,
        id: &str,
    ) -> Result<Option<String>, Delay> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let name = setup.provider.name();
        for _ in 0..MAX_CONFLICTS {
            let row = store.billing_subscription(tenant, name, id).await?;
            let asked = id.to_owned();
            let found = ask(setup, move |provider| provider.subscription(&asked)).await?;
            let Some(found) = found else {
                return Ok(Some(
                    "the provider does not know the subscription".to_owned(),
                ));
            };
            let plans = store.billing_plans(tenant, name).await?;
            let target = self.target(setup, &found, &plans);
            let (license, fault) = self.step(setup, &target, row.as_ref()).await?;
            let changed = self.row(setup, &target, row.as_ref(), license, fault);
            if self
                .store(setup, row.as_ref(), &target, changed.clone())
                .await?
            {
                if let Some(license) = mails::new_license(row.as_ref(), &changed) {
                    mails::license(&self.site, &found.customer, license).await;
                }
                return Ok(changed.fault);
            }
        }
        let detail = "the subscription changes too often";
        Err(Delay::Server(Refusal::new(
            RefusalKind::Unavailable,
            ServerCode::Busy,
            detail,
        )))
    }

    fn target<'a>(
        &self,
        setup: &BillingSetup,
        found: &'a ProviderSubscription,
        plans: &[BillingPlan],
    ) -> Target<'a> {
        let entitlement = Entitlement::new(found, setup.grace, self.site.wall());
        let (terms, fault) = match PlannedTerms::new(&found.items, plans) {
            Ok(terms) => (Some(terms), None),
            Err(unmapped) => (None, Some(unmapped.to_string())),
        };
        Target {
            found,
            entitlement,
            terms,
            fault,
        }
    }

    /// Changes the license until it is as it should be. Returns the newest license, and why it is
    /// not as it should be.
    async fn step(
        &self,
        setup: &BillingSetup,
        target: &Target<'_>,
        row: Option<&BillingSubscription>,
    ) -> Result<(Option<LedgerLicense>, Option<String>), Delay> {
        let actor = Self::actor(setup);
        let mut id = row.and_then(|row| row.license.clone());
        for _ in 0..MAX_STEPS {
            let license = match &id {
                Some(id) => subscribed::newest(&self.site, id, &actor).await?,
                None => None,
            };
            if let (Some(id), None) = (&id, &license) {
                // The ledger was replaced by an older one.
                return Ok((None, Some(subscriptions::missing(id).to_string())));
            }
            let terms = target.terms.as_ref();
            let current = license
                .as_ref()
                .map(|license| license.current(terms, &self.site.matrix));
            let now = self.site.wall();
            let step = LicenseStep::next(&target.entitlement, terms, current.as_ref(), now);
            let Some(step) = step else {
                return Ok((license, None));
            };
            if step == LicenseStep::Revoke
                && target.entitlement.reason == BillingReason::Refunded
                && let Some(other) = self.doubled(target.found, terms).await?
            {
                let fault = format!(
                    "the customer also pays for subscription {other}, so the license stays"
                );
                return Ok((license, Some(fault)));
            }
            match self.apply(setup, target, step, license.as_ref()).await {
                Ok(next) => id = Some(next),
                Err(refusal) if is_temporary(&refusal) => return Err(refusal.into()),
                Err(refusal) => return Ok((license, Some(refusal.to_string()))),
            }
        }
        Ok((None, Some("the license needs too many steps".to_owned())))
    }

    /// Makes a step. Returns the id of the license afterwards.
    async fn apply(
        &self,
        setup: &BillingSetup,
        target: &Target<'_>,
        step: LicenseStep,
        license: Option<&LedgerLicense>,
    ) -> Result<LicenseId, Refusal> {
        let (site, actor) = (&self.site, Self::actor(setup));
        let reason = format!("subscription {}", target.entitlement.reason);
        let id = license.map(|license| match step {
            LicenseStep::Replace { .. } => license.newest().id().clone(),
            _ => license.license.id().clone(),
        });
        match (step, id) {
            (LicenseStep::Issue { until }, _) => {
                let content = target.content(setup, Some(until));
                let request = request_id(&["issue", setup.provider.name(), &target.found.id]);
                let trial = self.trial_license(target.found).await?;
                subscriptions::issue(site, &actor, content, trial, request).await
            }
            (LicenseStep::Replace { until }, Some(id)) => {
                let content = target.content(setup, until);
                let end = until.map_or_else(String::new, |until| until.timestamp().to_string());
                let terms = format!("{:?}", content.terms);
                let request = request_id(&["replace", id.as_str(), &end, &terms]);
                subscriptions::replace(site, &actor, &id, content, request).await
            }
            (LicenseStep::Revoke, Some(id)) => {
                subscriptions::hold(site, &actor, &id, reason).await?;
                Ok(id)
            }
            (LicenseStep::Reinstate, Some(id)) => {
                subscriptions::release(site, &actor, &id, reason).await?;
                Ok(id)
            }
            (_, None) => Err(no_license()),
        }
    }

    /// Returns the license of the trial that a subscription converts.
    async fn trial_license(
        &self,
        found: &ProviderSubscription,
    ) -> Result<Option<LicenseId>, Refusal> {
        let Some(id) = &found.trial else {
            return Ok(None);
        };
        let trial = self.site.store.trial(&self.site.tenant, id).await?;
        Ok(trial.and_then(|trial| trial.license))
    }

    /// Returns the new row of a subscription.
    fn row(
        &self,
        setup: &BillingSetup,
        target: &Target<'_>,
        row: Option<&BillingSubscription>,
        license: Option<LedgerLicense>,
        fault: Option<String>,
    ) -> BillingSubscription {
        let (found, now) = (target.found, self.site.wall());
        let terms = target.terms.as_ref();
        let is_valid = target.entitlement.is_valid();
        let blocked = license
            .as_ref()
            .and_then(|license| blocked(license, is_valid, now));
        let former = row.and_then(|row| row.license.clone());
        BillingSubscription {
            provider: setup.provider.name().to_owned(),
            id: found.id.clone(),
            customer: found.customer.id.clone(),
            status: found.status,
            state: target.entitlement.state,
            reason: target.entitlement.reason,
            until: target.entitlement.until,
            tier: terms.map(|terms| terms.tier.clone()),
            seats: terms.and_then(|terms| terms.seats),
            is_held: license.as_ref().is_some_and(|license| license.is_held),
            license: license
                .map(|license| license.license.id().clone())
                .or(former),
            period_start: found.period_start,
            period_end: found.period_end,
            cancel_at: found.cancel_at,
            created_at: found.created_at,
            changed_at: now,
            checked_at: now,
            fault: fault.or(blocked).or_else(|| target.fault.clone()),
            version: row.map_or(0, |row| row.version),
        }
    }

    /// Stores a row. Returns whether no other change came first.
    async fn store(
        &self,
        setup: &BillingSetup,
        row: Option<&BillingSubscription>,
        target: &Target<'_>,
        mut changed: BillingSubscription,
    ) -> Result<bool, Delay> {
        let has_changed = row.is_none_or(|row| changed.differs_from(row));
        if let (Some(row), false) = (row, has_changed) {
            changed.changed_at = row.changed_at;
        }
        let audit = if has_changed {
            let (actor, id) = (Self::actor(setup), changed.id.clone());
            let others = self.others(target.found).await?.into_iter();
            let mut details = changed.audited();
            if let Some(members) = details.as_object_mut() {
                let others = others.map(|other| other.id).collect();
                members.insert("others".to_owned(), others);
            }
            Some(self.site.audit(&actor, "subscription.change", id, details))
        } else {
            None
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let customer = target.found.customer.clone();
        let stored = store.put_billing_subscription(tenant, customer, changed, audit);
        Ok(stored.await?)
    }
}

impl Target<'_> {
    /// Returns the content of the license.
    fn content(&self, setup: &BillingSetup, until: Option<DateTime<Utc>>) -> SubscribedLicense {
        let (provider, id) = (setup.provider.name(), &self.found.id);
        let reason: BillingReason = self.entitlement.reason;
        SubscribedLicense {
            customer: self.found.customer.license_name().to_owned(),
            terms: self.terms.clone(),
            until,
            reason: format!("{provider} {id}: {reason}"),
        }
    }
}

/// Returns why billing leaves the license of a customer as it is.
fn blocked(license: &LedgerLicense, is_valid: bool, now: DateTime<Utc>) -> Option<String> {
    if let Some(sold) = &license.sold {
        let is_over = license.sold().is_some_and(|sold| sold.is_over(now));
        let id = sold.id();
        return (!is_over).then(|| format!("a person has renewed or upgraded the license: {id}"));
    }
    let is_blocked = license.is_revoked && !license.is_held && is_valid;
    is_blocked.then(|| "a person has revoked the license".to_owned())
}

fn no_license() -> Refusal {
    let code = ServerCode::NotFound;
    Refusal::new(
        RefusalKind::Internal,
        code,
        "the subscription has no license",
    )
}

/// Returns whether a change can succeed later.
fn is_temporary(refusal: &Refusal) -> bool {
    matches!(
        refusal.kind,
        RefusalKind::Unavailable | RefusalKind::Internal
    ) || refusal.code == "WRONG_CLOCK"
}

/// Returns the number of a step, so that a repetition has one effect.
fn request_id(parts: &[&str]) -> RequestId {
    let mut hash = Sha256::new();
    hash.update(b"license-server-billing-step-v1");
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    RequestId(hash.finalize().into())
}
