//! Requests that may be repeated.

use std::sync::Arc;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::site::Site;
use crate::domain::{IdempotencyKey, IdempotencyState, Refusal, StoredResponse};

/// How long a response is kept.
const RETENTION: TimeDelta = TimeDelta::hours(24);

/// Remembers the responses of requests with an idempotency key.
#[derive(Clone)]
pub struct IdempotencyService {
    site: Arc<Site>,
}

impl IdempotencyService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Looks up a request, and marks a new request as running. The caller then calls
    /// [`finish`](Self::finish) or [`abandon`](Self::abandon).
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn begin(
        &self,
        key: IdempotencyKey,
        body: &[u8],
    ) -> Result<IdempotencyState, Refusal> {
        let digest = Sha256::digest(body).into();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let now = self.site.wall();
        Ok(store.begin_request(tenant, key, digest, now).await?)
    }

    /// Stores the response of a running request.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn finish(
        &self,
        key: &IdempotencyKey,
        response: StoredResponse,
    ) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.finish_request(tenant, key.clone(), response).await?)
    }

    /// Forgets a running request, so that a repetition runs again.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn abandon(&self, key: &IdempotencyKey) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.abandon_request(tenant, key.clone()).await?)
    }

    /// Deletes the records of old requests.
    pub(super) async fn forget_old(&self) -> Result<(), Refusal> {
        let now = self.site.wall();
        let before = license_core::time::saturating_sub(now, RETENTION);
        let store = &self.site.store;
        Ok(store.forget_requests(&self.site.tenant, before).await?)
    }
}
