//! Usage reports.

use std::sync::Arc;

use license_core::usage::UsageReport;
use license_core::with_causes;
use sha2::{Digest, Sha256};

use super::site::Site;
use crate::domain::{Page, PageRequest, Refusal, RefusalKind, UsageRecord};

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

    /// Verifies and stores a file with one or several reports. A report that is sent twice is
    /// stored once.
    ///
    /// # Errors
    ///
    /// Returns a refusal if a report is malformed.
    pub async fn submit(&self, text: &str) -> Result<UsageReceipt, Refusal> {
        let reports = UsageReport::parse_all(text).map_err(|error| {
            let detail = with_causes(&error).to_string();
            Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
                .hint("send the whole file that `license usage report` wrote")
        })?;
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
            digest: Sha256::digest(text.as_bytes()).into(),
            product,
            report: text.to_owned(),
            entries: u64::try_from(entries).unwrap_or(u64::MAX),
            received_at: self.site.wall(),
        };
        let store = &self.site.store;
        let stored = store.store_usage(&self.site.tenant, vec![record]).await?;
        Ok(if stored == 0 {
            UsageReceipt {
                stored: 0,
                known: count,
            }
        } else {
            UsageReceipt {
                stored: count,
                known: 0,
            }
        })
    }

    /// Returns usage reports, in the order of arrival.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<UsageRecord>, Refusal> {
        Ok(self.site.store.usage(&self.site.tenant, page).await?)
    }

    /// Returns all reports as one file, which the vendor accepts.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn export(&self) -> Result<String, Refusal> {
        let mut text = String::new();
        let mut page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
        loop {
            let found = self.list(&page).await?;
            for record in &found.items {
                text.push_str(&record.report);
                if !text.ends_with('\n') {
                    text.push('\n');
                }
            }
            if found.next.is_none() {
                return Ok(text);
            }
            page = PageRequest::new(found.next, Some(PageRequest::MAX_LIMIT));
        }
    }
}
