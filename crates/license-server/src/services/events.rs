//! Events.

use std::sync::Arc;

use super::site::Site;
use crate::domain::{EventRecord, Page, PageRequest, Refusal};

/// Shows events.
#[derive(Clone)]
pub struct EventService {
    site: Arc<Site>,
}

impl EventService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Returns events, the oldest first. The page always has a cursor, from which a caller
    /// continues to poll.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<EventRecord>, Refusal> {
        Ok(self.site.store.events(&self.site.tenant, page).await?)
    }

    /// Returns events, the newest first. `kind`: only those of a kind such as `license.revoke`, or
    /// of all kinds with a beginning such as `license.*`.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn newest(
        &self,
        kind: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<EventRecord>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.newest_events(tenant, kind, page).await?)
    }
}
