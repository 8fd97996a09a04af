//! Usage reports.

use std::collections::BTreeSet;
use std::sync::Arc;

use license_core::usage::UsageReport;
use license_core::{LicenseId, with_causes};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::anomalies;
use super::metering;
use super::site::Site;
use crate::domain::{Actor, Page, PageRequest, Refusal, RefusalKind, UsageLimits, UsageRecord};

/// The bounds of the usage reports of one license.
const LIMITS: UsageLimits = UsageLimits {
    reports: 10_000,
    bytes: 64 * 1024 * 1024,
};

/// The receipt for usage reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageReceipt {
    /// The number of new reports.
    pub stored: usize,
    /// The number of reports that the server had already.
    pub known: usize,
}

/// Stores usage reports and exports them.
#[derive(Clone)]
pub struct UsageService {
    site: Arc<Site>,
}

impl UsageService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Returns the installed license with which a machine sends its reports.
    ///
    /// # Errors
    ///
    /// Returns `UNKNOWN_LICENSE` if the license is not installed.
    pub async fn license(&self, credential: &str) -> Result<LicenseId, Refusal> {
        Ok(self.site.resolve(credential).await?.record.id.clone())
    }

    /// Verifies and stores a file with one or several reports of a machine with `license`. A file
    /// that is sent twice is stored once.
    ///
    /// # Errors
    ///
    /// Returns a refusal if a report is malformed, and `LIMIT_REACHED` if the reports of the
    /// license would exceed 10,000 files or 64 MiB.
    pub async fn submit(&self, license: LicenseId, text: &str) -> Result<UsageReceipt, Refusal> {
        let reports = UsageReport::parse_all(text).map_err(|error| {
            let detail = with_causes(&error).to_string();
            Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
                .hint("send the whole file that `license usage-report` wrote")
        })?;
        self.meter(&license, &reports).await?;
        let count = reports.len();
        let entries: usize = reports.iter().map(|report| report.entries().count()).sum();
        let products = reports
            .iter()
            .flat_map(|report| report.entries().map(|(_, entry, _)| entry.product));
        let product = products
            .min()
            .map_or_else(String::new, |code| code.to_string());
        let record = UsageRecord {
            number: 0,
            license,
            digest: Sha256::digest(text.as_bytes()).into(),
            product,
            report: text.to_owned(),
            entries: u64::try_from(entries).unwrap_or(u64::MAX),
            received_at: self.site.wall(),
        };
        let store = &self.site.store;
        let is_new = store.store_usage(&self.site.tenant, record, LIMITS).await?;
        let (stored, known) = if is_new { (count, 0) } else { (0, count) };
        Ok(UsageReceipt { stored, known })
    }

    /// Meters the entries of a report that are about the licenses of the customer. It happens
    /// before the report is stored, so that a report that is sent again after a crash is metered.
    async fn meter(&self, license: &LicenseId, reports: &[UsageReport]) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        if self.site.metering.meters.is_empty() {
            return Ok(());
        }
        let Some(record) = store.license(tenant, license).await? else {
            return Ok(());
        };
        let own = store.licenses_of_pool(tenant, &record.pool).await?;
        let own: BTreeSet<_> = own.into_iter().map(|record| record.id).collect();
        let start = self.site.metering_start().await?;
        let days = metering::recorded_days(start, self.site.wall());
        let facts = metering::of_report(reports, days, |id| own.contains(id));
        let receipt = store.record_facts(tenant, facts).await?;
        if receipt.conflicting > 0 {
            anomalies::usage_conflict(&self.site, license, receipt.conflicting).await?;
        }
        Ok(())
    }

    /// Deletes the usage reports with the numbers up to `through`, which the vendor has. Returns
    /// how many were deleted.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be written.
    pub async fn delete(&self, actor: &Actor, through: u64) -> Result<usize, Refusal> {
        let details = json!({ "through": through });
        let audit = self
            .site
            .audit(actor, "usage.delete", through.to_string(), details);
        let store = &self.site.store;
        Ok(store
            .delete_usage(&self.site.tenant, through, audit)
            .await?)
    }

    /// Returns usage reports, in the order of arrival.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<UsageRecord>, Refusal> {
        Ok(self.site.store.usage(&self.site.tenant, page).await?)
    }

    /// Returns all reports as one file, which the vendor accepts, and the number of the last one.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn export(&self) -> Result<(String, u64), Refusal> {
        let (mut text, mut last) = (String::new(), 0);
        let mut page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
        loop {
            let found = self.list(&page).await?;
            for record in &found.items {
                last = record.number;
                text.push_str(&record.report);
                if !text.ends_with('\n') {
                    text.push('\n');
                }
            }
            if found.next.is_none() {
                return Ok((text, last));
            }
            page = PageRequest::new(found.next, Some(PageRequest::MAX_LIMIT));
        }
    }
}
