//! Requests that may be repeated.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::site::Site;
use crate::domain::{IdempotencyKey, IdempotencyState, Refusal, StoredResponse};

/// How long a response is kept.
const RETENTION: TimeDelta = TimeDelta::hours(24);

/// The largest number of responses that are kept.
const MAX_RESPONSES: u32 = 100_000;

/// Remembers the responses of requests with an idempotency key.
#[derive(Clone)]
pub struct IdempotencyService {
    site: Arc<Site>,
    running: Arc<RunningRequests>,
}

/// The requests that this process runs. A record of the store that is not one of them belongs to a
/// request that ended without a stored response, such as one whose response found the disk full.
#[derive(Debug, Default)]
struct RunningRequests(Mutex<HashSet<IdempotencyKey>>);

impl RunningRequests {
    fn lock(&self) -> MutexGuard<'_, HashSet<IdempotencyKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that runs. Dropping it ends the request, so that a repetition is not refused for ever.
#[derive(Debug)]
pub struct RunningRequest {
    running: Arc<RunningRequests>,
    key: IdempotencyKey,
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}

/// The result of the beginning of a request.
#[derive(Debug)]
pub enum RequestStart {
    /// The request is new. The caller runs it.
    New(RunningRequest),
    /// The request was answered with this response.
    Answered(StoredResponse),
    /// The first request is still running.
    Running,
    /// The key belongs to a request with another body.
    Conflict,
}

impl IdempotencyService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self {
            site,
            running: Arc::default(),
        }
    }

    /// Looks up a request, and marks a new request as running. The caller then calls
    /// [`finish`](Self::finish) or [`abandon`](Self::abandon).
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn begin(&self, key: IdempotencyKey, body: &[u8]) -> Result<RequestStart, Refusal> {
        let digest = Sha256::digest(body).into();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let now = self.site.wall();
        let own = self.running.lock().insert(key.clone());
        let own = own.then(|| RunningRequest {
            running: Arc::clone(&self.running),
            key: key.clone(),
        });
        let state = store.begin_request(tenant, key, digest, now).await?;
        Ok(match (state, own) {
            (IdempotencyState::New | IdempotencyState::Running, Some(own)) => {
                RequestStart::New(own)
            }
            (IdempotencyState::New | IdempotencyState::Running, None)
            | (IdempotencyState::RunningElsewhere, _) => RequestStart::Running,
            (IdempotencyState::Answered(response), _) => RequestStart::Answered(response),
            (IdempotencyState::Conflict, _) => RequestStart::Conflict,
        })
    }

    /// Stores the response of a running request.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn finish(
        &self,
        request: &RunningRequest,
        response: StoredResponse,
    ) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let key = request.key.clone();
        Ok(store.finish_request(tenant, key, response).await?)
    }

    /// Forgets a running request, so that a repetition runs.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn abandon(&self, request: &RunningRequest) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let key = request.key.clone();
        Ok(store.abandon_request(tenant, key).await?)
    }

    /// Deletes the records of old requests, and all but the newest ones.
    pub(super) async fn forget_old(&self) -> Result<(), Refusal> {
        let now = self.site.wall();
        let before = license_core::time::saturating_sub(now, RETENTION);
        let store = &self.site.store;
        Ok(store
            .forget_requests(&self.site.tenant, before, MAX_RESPONSES)
            .await?)
    }
}
