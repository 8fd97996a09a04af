//! Active licenses of customers, for the warning about a second license.

use std::collections::BTreeMap;

use license_core::ProductCode;
use license_core::chrono::{DateTime, Utc};

use crate::errors::LedgerError;
use crate::folding::folded;
use crate::ledger::{LedgerReader, LicenseFilter, LicenseStatus};
use crate::services::warnings::IssueWarning;

/// Warnings about the active licenses of a product that are not trials, by the
/// [folded](folded()) name of the customer.
#[derive(Clone, Debug, Default)]
pub struct ActiveLicenses(BTreeMap<String, IssueWarning>);

impl ActiveLicenses {
    /// Reads the licenses of one customer, or of all customers, from the ledger.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn read(
        ledger: &dyn LedgerReader,
        customer: Option<&str>,
        product: ProductCode,
        now: DateTime<Utc>,
    ) -> Result<Self, LedgerError> {
        let filter = LicenseFilter {
            customer_name: customer.map(str::to_owned),
            product: Some(product.to_string()),
            status: Some(LicenseStatus::Active),
            ..LicenseFilter::default()
        };
        let mut active = BTreeMap::new();
        ledger.visit_licenses(&filter, now, &mut |row| {
            let entry = row.entry;
            if entry.member("trial").as_deref() == Some("true") {
                return;
            }
            let customer = entry.member("customer").unwrap_or_default();
            let key = folded(&customer);
            let warning = IssueWarning::ActiveLicense {
                customer,
                license: entry.subject.clone(),
                tier: entry.member("tier").unwrap_or_default(),
                end: entry.time("expires_at"),
                has_others: active.contains_key(&key),
            };
            // The last license in the order of recording is the latest.
            active.insert(key, warning);
        })?;
        Ok(Self(active))
    }

    /// Returns the warning about the latest license of a customer.
    #[must_use]
    pub fn warning(&self, customer: &str) -> Option<IssueWarning> {
        self.0.get(&folded(customer)).cloned()
    }
}
