//! The audit trail.

use std::sync::Arc;

use super::people::bad_request;
use super::site::Site;
use crate::domain::{AuditEntry, AuditFilter, AuditReport, Page, PageRequest, Refusal};

/// Shows and verifies the audit trail.
#[derive(Clone)]
pub struct AuditService {
    site: Arc<Site>,
}

impl AuditService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Returns all entries, the oldest first.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<AuditEntry>, Refusal> {
        self.search(&AuditFilter::default(), page).await
    }

    /// Returns entries that a filter selects, such as everything that a stolen API token did.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if a text of the filter is too long.
    pub async fn search(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, Refusal> {
        if !filter.is_accepted() {
            let expected = format!("at most {} bytes", AuditFilter::MAX_BYTES);
            return Err(bad_request("a condition of the filter is too long")
                .values(expected, "another text"));
        }
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.audit(tenant, filter, page).await?)
    }

    /// Verifies the hash chain.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn verify(&self) -> Result<AuditReport, Refusal> {
        Ok(self.site.store.verify_audit(&self.site.tenant).await?)
    }
}
