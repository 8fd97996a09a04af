//! Metering: facts, periods, summaries, and exports.

mod csv;
mod customers;
mod facts;
mod settlement;
mod summary;
mod tick;
mod totals;

use std::sync::Arc;

use chrono::{Days, NaiveDate, TimeDelta};
use license_core::encoding::hex;
use license_core::{LicenseId, time};
use serde_json::json;

pub use self::summary::{MeterSummary, PeriodState, UsageSummary};
pub use self::totals::{MeterTotal, UsageTotals};

pub(super) use self::facts::{of_activation, of_entry, of_report, recorded_days};

use self::customers::CustomerLicenses;
use super::people::{bad_request, not_found};
use super::site::{Site, random};
use super::vendor::RequestId;
use crate::domain::{
    Actor, FactKind, Meter, MeterSet, MeteredCustomer, Page, PageRequest, PoolId, Refusal,
    RefusalKind, ServerCode, UsageFact, UsageTotal,
};

/// The settings of metering, anomalies and summaries of telemetry.
#[derive(Clone, Debug)]
pub struct MeteringSettings {
    /// The meters of the product. Without meters, nothing is metered.
    pub meters: MeterSet,
    /// How long a period stays open after its end, so that late reports still belong to it.
    pub grace: TimeDelta,
    /// The number of new machines of a license in a day that is an anomaly, in addition to its
    /// seats. `None`: none is.
    pub anomaly_machines: Option<u32>,
    /// The number of networks of a license in a day that is an anomaly. `None`: none is.
    pub anomaly_networks: Option<u32>,
    /// The smallest number of installations that summaries of telemetry show together.
    pub telemetry_group: u32,
}

impl Default for MeteringSettings {
    fn default() -> Self {
        Self {
            meters: MeterSet::default(),
            grace: TimeDelta::hours(1),
            anomaly_machines: None,
            anomaly_networks: None,
            telemetry_group: 1,
        }
    }
}

/// The number of days for which late reports change earlier periods.
const CORRECTED_DAYS: u64 = 400;

/// The largest amount of an adjustment, and of a fact of a report: 10^12. Sums of facts fit 64
/// bits.
const MAX_AMOUNT: i64 = 1_000_000_000_000;

/// The longest reason of an adjustment in characters.
const MAX_REASON: usize = 200;

/// A request to adjust the amount of a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageAdjustment {
    /// The customer: a pool or one of its licenses.
    pub customer: String,
    /// The meter.
    pub meter: String,
    /// The UTC day to which the adjustment belongs.
    pub day: NaiveDate,
    /// The amount, which can be negative.
    pub quantity: i64,
    /// The reason, for the audit trail.
    pub reason: String,
}

/// Meters what customers use.
#[derive(Clone)]
pub struct MeteringService {
    site: Arc<Site>,
}

impl MeteringService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Returns the meters of the product.
    pub fn meters(&self) -> &MeterSet {
        &self.site.metering.meters
    }

    /// Returns customers with usage, by their pools.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn customers(&self, page: &PageRequest) -> Result<Page<MeteredCustomer>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.metered_customers(tenant, page).await?)
    }

    /// Returns the amounts of a customer in the period of a day. `customer` is a pool or a license.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown customer, and `BAD_REQUEST` for a day after today or more
    /// than 400 days ago.
    pub async fn summary(
        &self,
        customer: &str,
        day: Option<NaiveDate>,
    ) -> Result<UsageSummary, Refusal> {
        let licenses = self.licenses(customer).await?;
        self.summary_of(&licenses, day).await
    }

    /// Returns the amounts of the customer of a license, for the customer.
    ///
    /// # Errors
    ///
    /// Returns the refusals of [`summary`](Self::summary), and `UNKNOWN_LICENSE` for credentials of
    /// no installed license.
    pub async fn own_summary(
        &self,
        credential: &str,
        day: Option<NaiveDate>,
    ) -> Result<UsageSummary, Refusal> {
        let installed = self.site.resolve(credential).await?;
        let licenses = CustomerLicenses::of(&self.site, &installed.record.pool).await?;
        let licenses = licenses.ok_or_else(|| not_found("customer"))?;
        self.summary_of(&licenses, day).await
    }

    async fn summary_of(
        &self,
        licenses: &CustomerLicenses,
        day: Option<NaiveDate>,
    ) -> Result<UsageSummary, Refusal> {
        let now = self.site.wall();
        let (today, oldest) = (now.date_naive(), self.oldest(CORRECTED_DAYS));
        let day = day.unwrap_or(today);
        if day < oldest || day > today {
            let expected = format!("a day from {oldest} to {today}");
            return Err(bad_request("the period cannot be shown").values(expected, day));
        }
        let pool = licenses.pool();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        // The sums are read first. A settlement in between only makes them older than the totals.
        let days = store.usage_days(tenant, pool, oldest).await?;
        let customer = store.metered_customer(tenant, pool).await?;
        let totals = store.usage_totals(tenant, pool, oldest).await?;
        let sendings = store.sendings_of(tenant, pool).await?;
        let settings = &self.site.metering;
        let view = summary::View {
            settings,
            licenses,
            customer: customer.as_ref(),
            days: &days,
            totals: &totals,
            sendings: &sendings,
            now,
        };
        Ok(view.of(day))
    }

    /// Adds an amount to a meter, or takes it away. A repetition of the request changes nothing.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown customer, and `BAD_REQUEST` for an unknown meter, a day
    /// outside the last 400 days, an amount of 0 or above 10^12, and a reason of another length
    /// than 1 to 200 characters.
    pub async fn adjust(
        &self,
        actor: &Actor,
        order: &UsageAdjustment,
        request: Option<RequestId>,
    ) -> Result<(), Refusal> {
        let licenses = self.licenses(&order.customer).await?;
        let meter = self.meter(&order.meter)?;
        let (oldest, today) = (self.oldest(CORRECTED_DAYS), self.site.wall().date_naive());
        let oldest = oldest.max(self.site.metering_start().await?);
        if !(oldest..=today).contains(&order.day) {
            let expected = format!("a day from {oldest} to {today}");
            let refusal = bad_request("the day cannot be adjusted").about("day");
            return Err(refusal.values(expected, order.day));
        }
        if order.quantity == 0 || order.quantity.unsigned_abs() > MAX_AMOUNT.unsigned_abs() {
            let expected = format!("a whole number from -{MAX_AMOUNT} to {MAX_AMOUNT}, without 0");
            let refusal = bad_request("the amount is not accepted").about("quantity");
            return Err(refusal.values(expected, order.quantity));
        }
        let reason = checked_reason(&order.reason)?;
        let bytes = match request {
            Some(RequestId(bytes)) => bytes,
            None => random()?,
        };
        let id = format!("adj_{}", hex::encode(bytes.get(..16).unwrap_or(&bytes)));
        let details = json!({
            "customer": licenses.pool().as_str(),
            "meter": meter.name,
            "day": order.day.to_string(),
            "quantity": order.quantity,
            "reason": reason,
        });
        let audit = self.site.audit(actor, "usage.adjust", &id, details);
        let fact = UsageFact {
            license: licenses.newest_id().clone(),
            kind: FactKind::Adjustment,
            source: id,
            name: meter.name.clone(),
            day: order.day,
            quantity: order.quantity,
            digest: String::new(),
            is_counted: true,
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        if store.adjust_usage(tenant, fact, audit).await? {
            Ok(())
        } else {
            Err(not_found("customer"))
        }
    }

    /// Changes the day from which the periods of a customer are counted. Closed periods stay, and
    /// the next period ends at the new day of the month.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for a customer without usage, `BAD_REQUEST` for a day before 1970 or
    /// after today, and `ALREADY_DECIDED` if amounts of the first period were queued for the
    /// billing provider. Its start would move, and with it what these amounts are for.
    pub async fn set_anchor(
        &self,
        actor: &Actor,
        customer: &str,
        day: NaiveDate,
    ) -> Result<(), Refusal> {
        let licenses = self.licenses(customer).await?;
        let (first, today) = (time::MIN.date_naive(), self.site.wall().date_naive());
        if !(first..=today).contains(&day) {
            let expected = format!("a day from {first} to {today}");
            return Err(bad_request("the day cannot be an anchor").values(expected, day));
        }
        let pool = licenses.pool();
        self.refuse_moved_start(pool).await?;
        let details = json!({ "anchor": day.to_string() });
        let audit = self
            .site
            .audit(actor, "usage.anchor", pool.as_str(), details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        if store.set_usage_anchor(tenant, pool, day, audit).await? {
            Ok(())
        } else {
            Err(not_found("customer with usage"))
        }
    }

    /// Refuses to move the start of a period of which amounts were queued. The start of a period
    /// that follows a closed one never moves.
    async fn refuse_moved_start(&self, pool: &PoolId) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let customer = store.metered_customer(tenant, pool).await?;
        let customer = customer.ok_or_else(|| not_found("customer with usage"))?;
        let is_pinned = customer.closed_until.is_some();
        if is_pinned || store.sendings_of(tenant, pool).await?.is_empty() {
            return Ok(());
        }
        let detail = "amounts of the first period were queued for the billing provider";
        Err(
            Refusal::new(RefusalKind::Conflict, ServerCode::AlreadyDecided, detail)
                .hint("change the day after the end of the first period"),
        )
    }

    /// Returns recorded amounts as CSV, in the order of recording, and the number of the last row.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn export(&self, page: &PageRequest) -> Result<(String, u64), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let found = store.recorded_totals(tenant, page).await?;
        let last = found
            .next
            .and_then(|next| next.as_str().parse().ok())
            .unwrap_or(0);
        let mut names = std::collections::BTreeMap::new();
        for total in &found.items {
            if !names.contains_key(&total.customer) {
                let name = self.customer_name(&total.customer).await?;
                names.insert(total.customer.clone(), name);
            }
        }
        let text = csv::totals(&found.items, &names);
        Ok((text, last))
    }

    /// Returns the name of a customer in the newest license. Empty: there is no license.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn customer_name(&self, pool: &PoolId) -> Result<String, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let records = store.licenses_of_pool(tenant, pool).await?;
        let newest = records.into_iter().next_back();
        Ok(newest.map_or_else(String::new, |record| record.customer))
    }

    fn meter(&self, name: &str) -> Result<&Meter, Refusal> {
        self.meters().get(name).ok_or_else(|| {
            let names: Vec<_> = self
                .meters()
                .iter()
                .map(|meter| meter.name.as_str())
                .collect();
            bad_request("the product has no such meter")
                .about("meter")
                .values(names.join(", "), "another name")
                .hint("GET /api/v1/meters lists the meters")
        })
    }

    /// Returns the licenses of a customer. `text` is a pool or a license.
    async fn licenses(&self, text: &str) -> Result<CustomerLicenses, Refusal> {
        let found = match PoolId::parse(text) {
            None => None,
            Some(pool) => CustomerLicenses::of(&self.site, &pool).await?,
        };
        if let Some(found) = found {
            return Ok(found);
        }
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let id = LicenseId::parse(text).ok_or_else(|| not_found("customer"))?;
        let record = store.license(tenant, &id).await?;
        let pool = record.ok_or_else(|| not_found("customer"))?.pool;
        let found = CustomerLicenses::of(&self.site, &pool).await?;
        found.ok_or_else(|| not_found("customer"))
    }

    fn oldest(&self, days: u64) -> NaiveDate {
        let today = self.site.wall().date_naive();
        today
            .checked_sub_days(Days::new(days))
            .unwrap_or(NaiveDate::MIN)
    }
}

/// Returns a reason without spaces around it.
pub(super) fn checked_reason(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let is_accepted = (1..=MAX_REASON).contains(&text.chars().count())
        && !text.chars().any(crate::domain::is_unsafe);
    is_accepted.then(|| text.to_owned()).ok_or_else(|| {
        bad_request("the reason is not acceptable")
            .about("reason")
            .values(
                format!("1 to {MAX_REASON} characters without control characters"),
                "another text",
            )
    })
}

/// Returns the sum of the amounts and overages of rows.
fn sums<'a>(rows: impl Iterator<Item = &'a UsageTotal>) -> (i64, i64) {
    rows.fold((0, 0), |(quantity, overage), row| {
        (
            i64::saturating_add(quantity, row.quantity),
            i64::saturating_add(overage, row.overage),
        )
    })
}

impl Site {
    /// Returns the first day that is metered. Earlier usage has no effect, so that it is not
    /// billed.
    pub(super) async fn metering_start(&self) -> Result<NaiveDate, Refusal> {
        let read = || self.store.usage_start(&self.tenant, self.wall());
        Ok(*self.metering_start.get_or_try_init(read).await?)
    }
}
