//! Settling customers: recording copied facts, and deriving amounts.

use chrono::{DateTime, TimeDelta, Timelike, Utc};

use super::customers::CustomerLicenses;
use super::settlement::Situation;
use super::{CORRECTED_DAYS, MeteringService};
use crate::domain::{
    Actor, BilledCustomer, MeteredCustomer, PeriodAnchor, PoolId, Refusal, UsageSettlement,
};

/// The number of days for which facts are kept. Corrections need the facts of whole periods.
const KEPT_DAYS: u64 = 800;

/// The number of days of the longest period.
const LONGEST_PERIOD: u64 = 31;

/// The maximum number of customers that one tick settles. The next tick continues.
const SETTLED_AT_ONCE: u32 = 200;

impl MeteringService {
    /// Records activations and hours of seats, settles customers whose usage has changed, and
    /// deletes old facts. The server calls it once a minute.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails. The next call continues.
    pub(in crate::services) async fn tick(&self) -> Result<(), Refusal> {
        if self.meters().is_empty() {
            return Ok(());
        }
        let (store, tenant, now) = (&self.site.store, &self.site.tenant, self.site.wall());
        store.record_usage(tenant, now).await?;
        // Old facts are looked for in all rows, and an hour early or late does not matter.
        if now.minute() == 0 {
            store.forget_usage(tenant, self.oldest(KEPT_DAYS)).await?;
        }
        let mut result = Ok(());
        for customer in store.due_customers(tenant, now, SETTLED_AT_ONCE).await? {
            // One customer whose rows cannot be read must not stop the others.
            if let Err(refusal) = self.settle(customer, now).await {
                result = Err(refusal);
            }
        }
        result
    }

    /// Derives amounts of closed periods, corrections, sendings and notices from the facts of a
    /// customer.
    async fn settle(&self, before: MeteredCustomer, now: DateTime<Utc>) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let pool = before.customer.clone();
        let Some(licenses) = CustomerLicenses::of(&self.site, &pool).await? else {
            return self.postpone(before, now).await;
        };
        let billed = self.billed(&pool).await?;
        let oldest = self.oldest(CORRECTED_DAYS);
        let days = store.usage_days(tenant, &pool, oldest).await?;
        // A period that began before the oldest corrected day can last beyond it.
        let loaded = self.oldest(CORRECTED_DAYS.saturating_add(LONGEST_PERIOD));
        let mut totals = store.usage_totals(tenant, &pool, loaded).await?;
        let first_closed = totals.iter().map(|total| total.period.start).min();
        totals.retain(|total| total.period.start >= oldest);
        let sendings = store.sendings_of(tenant, &pool).await?;
        let situation = Situation {
            settings: &self.site.metering,
            licenses: &licenses,
            billed: billed.as_ref(),
            before,
            oldest,
            days: &days,
            totals: &totals,
            first_closed,
            sendings: &sendings,
            now,
        };
        let notice = |subject: &PoolId, details| {
            let (actor, action) = (&Actor::Server, "usage.threshold");
            self.site.audit(actor, action, subject.as_str(), details)
        };
        let settlement = situation.settle(&notice);
        // Another server may have settled the customer, and this one tries again if needed.
        store.settle_usage(tenant, settlement).await?;
        Ok(())
    }

    /// Looks at a customer without a license again on the next day.
    async fn postpone(&self, before: MeteredCustomer, now: DateTime<Utc>) -> Result<(), Refusal> {
        let first = PeriodAnchor::new(before.first_day);
        let settlement = UsageSettlement {
            anchor: before.anchor.unwrap_or(first),
            closed_until: before.closed_until,
            due_at: license_core::time::saturating_add(now, TimeDelta::days(1)),
            totals: Vec::new(),
            sendings: Vec::new(),
            notices: Vec::new(),
            before,
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        store.settle_usage(tenant, settlement).await?;
        Ok(())
    }

    /// Returns the customer at the billing provider who pays for a pool.
    async fn billed(&self, pool: &PoolId) -> Result<Option<BilledCustomer>, Refusal> {
        let Some(provider) = &self.site.billing else {
            return Ok(None);
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.usage_billed_to(tenant, provider.name(), pool).await?)
    }
}
