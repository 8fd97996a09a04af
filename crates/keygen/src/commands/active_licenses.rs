//! Active licenses of customers, for the warning about a second license.

use std::collections::BTreeMap;

use license_cli_support::Failure;
use license_core::ProductCode;
use license_core::chrono::{DateTime, Utc};
use license_issuer::folding::folded;
use license_issuer::ledger::{LedgerReader, LicenseFilter, LicenseStatus};
use license_issuer::services::warnings::IssueWarning;

use crate::failures;

/// Warnings about the active licenses of a product that are not trials, by the
/// [folded](folded()) name of the customer.
pub(super) struct ActiveLicenses(BTreeMap<String, IssueWarning>);

impl ActiveLicenses {
    /// Reads the licenses of one customer, or of all customers, from the ledger.
    pub(super) fn read(
        ledger: &dyn LedgerReader,
        customer: Option<&str>,
        product: ProductCode,
        now: DateTime<Utc>,
    ) -> Result<Self, Failure> {
        let filter = LicenseFilter {
            customer_name: customer.map(str::to_owned),
            product: Some(product.to_string()),
            status: Some(LicenseStatus::Active),
            ..LicenseFilter::default()
        };
        let mut active = BTreeMap::new();
        let read = ledger.visit_licenses(&filter, now, &mut |row| {
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
        });
        read.map_err(failures::ledger_not_read(ledger))?;
        Ok(Self(active))
    }

    /// Returns the warning about the latest license of a customer.
    pub(super) fn warning(&self, customer: &str) -> Option<IssueWarning> {
        self.0.get(&folded(customer)).cloned()
    }
}
