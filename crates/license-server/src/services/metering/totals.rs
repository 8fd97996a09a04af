//! The usage of all licenses of a customer together. A customer with several licenses has several
//! pools, and each has its own period.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{MeteringService, UsageSummary};
use crate::domain::{LicenseSelection, Meter, Page, PageRequest, PoolId, Refusal};
use crate::services::people::bad_request;

/// The maximum number of pools of a name.
const MAX_POOLS: usize = 100;

/// The usage of the licenses of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageTotals {
    /// The name of the customer, as in its newest license, or the name that was asked for.
    pub name: String,
    /// The usage of each pool in its period. Empty: no license has the name.
    pub pools: Vec<UsageSummary>,
    /// The sums of all pools, in the order of the meters.
    pub meters: Vec<MeterTotal>,
}

/// The amount of a meter, summed over the licenses of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterTotal {
    /// The meter.
    pub meter: Meter,
    /// The amount, with corrections.
    pub quantity: i64,
    /// The part above the included amounts, with corrections.
    pub overage: i64,
    /// The part of the overage that the billing provider has.
    pub sent: u64,
}

impl MeteringService {
    /// Returns the usage of all licenses with a name of a customer. Each pool has its period that
    /// contains the day. Upper and lower case are equal.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` for an empty name, for a day after today or more than 400 days ago, and
    /// for more than 100 pools.
    pub async fn totals(&self, name: &str, day: Option<NaiveDate>) -> Result<UsageTotals, Refusal> {
        if name.is_empty() {
            return Err(bad_request(
                "expected the name of a customer, found an empty text",
            ));
        }
        let mut pools = Vec::new();
        for pool in self.pools_of(name).await? {
            pools.push(self.summary(pool.as_str(), day).await?);
        }
        let newest = pools.last().map(|pool| pool.name.as_str());
        let name = newest.unwrap_or(name.trim()).to_owned();
        let meters = self.meters().iter().enumerate().map(|(place, meter)| {
            let parts = pools.iter().filter_map(|pool| pool.meters.get(place));
            let mut total = MeterTotal {
                meter: meter.clone(),
                quantity: 0,
                overage: 0,
                sent: 0,
            };
            for part in parts {
                let quantity = part.quantity.saturating_add(part.corrections);
                total.quantity = total.quantity.saturating_add(quantity);
                total.overage = total.overage.saturating_add(part.overage);
                total.sent = total.sent.saturating_add(part.sent);
            }
            total
        });
        let meters = meters.collect();
        Ok(UsageTotals {
            name,
            pools,
            meters,
        })
    }

    /// Returns the pools of the licenses with a name of a customer.
    async fn pools_of(&self, name: &str) -> Result<BTreeSet<PoolId>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let selection = LicenseSelection::all(self.site.wall()).customer(name);
        let (mut pools, mut next) = (BTreeSet::new(), None);
        let name = name.trim().to_lowercase();
        loop {
            let page = PageRequest::new(next, Some(PageRequest::MAX_LIMIT));
            let Page { items, next: after } =
                store.search_licenses(tenant, &selection, &page).await?;
            let items = items.into_iter();
            let named = items.filter(|record| record.customer.trim().to_lowercase() == name);
            pools.extend(named.map(|record| record.pool));
            if pools.len() > MAX_POOLS {
                let problem = bad_request("the name has too many pools");
                return Err(problem.values(format!("at most {MAX_POOLS}"), "more"));
            }
            next = after;
            if next.is_none() {
                return Ok(pools);
            }
        }
    }
}
