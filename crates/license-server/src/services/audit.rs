//! The audit trail.

use std::sync::Arc;

use super::site::Site;
use crate::domain::{AuditEntry, AuditReport, Page, PageRequest, Refusal};

/// Shows and verifies the audit trail.
#[derive(Clone)]
pub struct AuditService {
    site: Arc<Site>,
}

impl AuditService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Returns entries, the oldest first.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<AuditEntry>, Refusal> {
        Ok(self.site.store.audit(&self.site.tenant, page).await?)
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
