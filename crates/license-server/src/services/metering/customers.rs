//! The licenses of a customer, which decide the included amounts and the first period.

use chrono::NaiveDate;
use license_core::{License, LicenseId, Tier};

use crate::domain::{PeriodAnchor, PoolId, Refusal, UsagePeriod};
use crate::services::site::Site;

/// The licenses of a customer, in the order of their issue. There is at least one.
#[derive(Clone, Debug)]
pub(super) struct CustomerLicenses {
    pool: PoolId,
    name: String,
    first: CustomerLicense,
    others: Vec<CustomerLicense>,
}

/// A license of a customer.
#[derive(Clone, Debug)]
struct CustomerLicense {
    id: LicenseId,
    tier: Tier,
    issued_on: NaiveDate,
}

impl CustomerLicenses {
    /// Reads the licenses of a pool. Returns `None` if it has none.
    pub(super) async fn of(site: &Site, pool: &PoolId) -> Result<Option<Self>, Refusal> {
        let records = site.store.licenses_of_pool(&site.tenant, pool).await?;
        let mut name = String::new();
        let mut licenses = Vec::new();
        for record in records {
            let (id, customer) = (record.id.clone(), record.customer.clone());
            let installed_on = record.installed_at.date_naive();
            // A license whose key was retired still belongs to the customer, with the base tier.
            let license = site.verified(record).ok().map(|found| found.license);
            let issued_at = license.as_ref().and_then(License::issued_at);
            let base_tier = site.matrix.base_tier().name();
            name = customer;
            licenses.push(CustomerLicense {
                id,
                tier: license.map_or(base_tier, |license| license.tier()),
                issued_on: issued_at.map_or(installed_on, |at| at.date_naive()),
            });
        }
        licenses.sort_by_key(|license| license.issued_on);
        let mut licenses = licenses.into_iter();
        Ok(licenses.next().map(|first| Self {
            pool: pool.clone(),
            name,
            first,
            others: licenses.collect(),
        }))
    }

    /// Returns the pool, which names the customer.
    pub(super) fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Returns the name of the customer in the newest license.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the newest license.
    pub(super) fn newest_id(&self) -> &LicenseId {
        &self.others.last().unwrap_or(&self.first).id
    }

    /// Returns the tier of the newest license that was issued in a period or before.
    pub(super) fn tier(&self, period: UsagePeriod) -> Tier {
        let mut newest = self.others.iter().rev();
        let found = newest.find(|license| license.issued_on < period.end);
        found.unwrap_or(&self.first).tier
    }

    /// Returns the day from which periods are counted by default: that of the first license.
    pub(super) fn anchor(&self) -> PeriodAnchor {
        PeriodAnchor::new(self.first.issued_on)
    }
}

#[cfg(test)]
impl CustomerLicenses {
    /// Creates the licenses of a test.
    pub(super) fn for_test(pool: PoolId, licenses: &[(Tier, NaiveDate)]) -> Self {
        let at = license_core::time::MIN;
        let mut licenses = licenses.iter().map(|(tier, day)| CustomerLicense {
            id: LicenseId::from_random(at, &[1; 10]),
            tier: *tier,
            issued_on: *day,
        });
        Self {
            pool,
            name: "ACME Ltd".to_owned(),
            first: licenses.next().unwrap(),
            others: licenses.collect(),
        }
    }
}
