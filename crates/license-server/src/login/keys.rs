//! The keys of a provider, which are kept while the provider is out of reach.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::{info, warn};

use super::http::ProviderHttp;
use super::source::{KeySource, LoadedProvider};
use crate::clock::ServerClock;
use crate::log_limit;

/// The age of keys in milliseconds from which they are loaded again.
pub(super) const MAX_AGE_MS: u64 = 60 * 60 * 1000;

/// The shortest time in milliseconds between two attempts to load keys because of unknown key ids,
/// which any client can send.
pub(super) const RELOAD_MS: u64 = 60 * 1000;

/// The shortest time in milliseconds between two attempts without any keys.
const RETRY_MS: u64 = 5 * 1000;

/// The keys and endpoints of one provider, which are loaded when they are needed.
pub(crate) struct ProviderKeys {
    /// The issuer, for the log.
    issuer: String,
    source: Arc<KeySource>,
    clock: Arc<dyn ServerClock>,
    loaded: RwLock<Option<LoadedKeys>>,
    pub(super) loading: Arc<Mutex<LoadState>>,
}

#[derive(Clone)]
pub(super) struct LoadedKeys {
    provider: Arc<LoadedProvider>,
    /// The reading of the boot-time clock.
    at_ms: u64,
}

/// When the keys may be loaded next, by the boot-time clock.
#[derive(Default)]
pub(super) struct LoadState {
    next_ms: u64,
    has_failed: bool,
}

/// The reason why there are no keys, or no key with an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoKeys {
    /// Whether the last attempt has failed. Otherwise, it was too short a time ago.
    pub(crate) has_failed: bool,
    /// After how many milliseconds the keys may be loaded again.
    pub(crate) after_ms: u64,
}

impl ProviderKeys {
    /// Creates the keys of a source. Loads nothing.
    pub(super) fn new(issuer: String, source: KeySource, clock: Arc<dyn ServerClock>) -> Self {
        Self {
            issuer,
            source: Arc::new(source),
            clock,
            loaded: RwLock::default(),
            loading: Arc::default(),
        }
    }

    /// Creates the keys of a provider. Loads nothing.
    pub(crate) fn of_provider(
        issuer: &str,
        http: ProviderHttp,
        clock: Arc<dyn ServerClock>,
    ) -> Self {
        let issuer = issuer.to_owned();
        let source = KeySource::Provider {
            issuer: issuer.clone(),
            http,
        };
        Self::new(issuer, source, clock)
    }

    /// Returns the keys and endpoints, whatever their age.
    ///
    /// # Errors
    ///
    /// Returns [`NoKeys`] if they were never loaded and cannot be loaded now.
    pub(crate) async fn any(self: &Arc<Self>) -> Result<Arc<LoadedProvider>, NoKeys> {
        self.find(|_| true).await
    }

    /// Returns the keys, with the one of this id if the provider has it.
    ///
    /// # Errors
    ///
    /// Returns [`NoKeys`] if the key is unknown, and the keys cannot be loaded now.
    pub(crate) async fn with(
        self: &Arc<Self>,
        id: Option<&str>,
    ) -> Result<Arc<LoadedProvider>, NoKeys> {
        self.find(|provider| provider.keys.has(id)).await
    }

    async fn find(
        self: &Arc<Self>,
        is_wanted: impl Fn(&LoadedProvider) -> bool,
    ) -> Result<Arc<LoadedProvider>, NoKeys> {
        let known = || self.loaded().filter(|loaded| is_wanted(&loaded.provider));
        if let Some(known) = known() {
            if self.clock.boot_ms().saturating_sub(known.at_ms) > MAX_AGE_MS {
                let keys = Arc::clone(self);
                tokio::spawn(async move { keys.renew(known.at_ms).await });
            }
            return Ok(known.provider);
        }
        // One request loads the keys, and the others wait for it.
        let state = Arc::clone(&self.loading).lock_owned().await;
        if let Some(known) = known() {
            return Ok(known.provider);
        }
        let after_ms = state.next_ms.saturating_sub(self.clock.boot_ms());
        if after_ms > 0 {
            // The key may be new, so this is no refusal of the login.
            let has_failed = state.has_failed;
            return Err(NoKeys {
                has_failed,
                after_ms,
            });
        }
        // The task continues if the client closes its connection. Otherwise, clients could start
        // any number of loads, and a slow load would never count.
        let keys = Arc::clone(self);
        let loaded = tokio::spawn(async move { keys.load_again(state).await }).await;
        loaded.unwrap_or(Err(NoKeys {
            has_failed: true,
            after_ms: RETRY_MS,
        }))
    }

    /// Loads the keys, and determines when they may be loaded next.
    async fn load_again(
        &self,
        mut state: OwnedMutexGuard<LoadState>,
    ) -> Result<Arc<LoadedProvider>, NoKeys> {
        let is_first = self.loaded().is_none();
        let is_loaded = self.load().await;
        let after_ms = match (is_loaded, is_first) {
            (true, true) => 0,
            (false, true) => RETRY_MS,
            _ => RELOAD_MS,
        };
        *state = LoadState {
            next_ms: self.clock.boot_ms().saturating_add(after_ms),
            has_failed: !is_loaded,
        };
        match self.loaded() {
            Some(loaded) if is_loaded => Ok(loaded.provider),
            _ => Err(NoKeys {
                has_failed: true,
                after_ms,
            }),
        }
    }

    /// Loads the keys again, unless another task has done so.
    pub(super) async fn renew(&self, known_at_ms: u64) {
        let Ok(mut state) = self.loading.try_lock() else {
            return;
        };
        let now = self.clock.boot_ms();
        let is_renewed = self
            .loaded()
            .is_some_and(|loaded| loaded.at_ms != known_at_ms);
        if is_renewed || now < state.next_ms {
            return;
        }
        state.has_failed = !self.load().await;
        if state.has_failed {
            state.next_ms = self.clock.boot_ms().saturating_add(RELOAD_MS);
        }
    }

    pub(super) fn loaded(&self) -> Option<LoadedKeys> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.clone()
    }

    /// Loads the keys. Returns whether there are new ones. Otherwise, the old ones stay.
    async fn load(&self) -> bool {
        let (source, issuer) = (Arc::clone(&self.source), &self.issuer);
        let loaded = tokio::task::spawn_blocking(move || source.load()).await;
        match loaded.unwrap_or_else(|_| Err("the task failed".to_owned())) {
            Ok(provider) => {
                let keys = provider.keys.len();
                info!(issuer, keys, "loaded the keys of the provider of logins");
                let at_ms = self.clock.boot_ms();
                let provider = Arc::new(provider);
                let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
                *loaded = Some(LoadedKeys { provider, at_ms });
                true
            }
            Err(reason) => {
                if let Some(repeated) = log_limit::pass("login_keys") {
                    warn!(
                        issuer,
                        reason, repeated, "the keys of the provider of logins cannot be loaded"
                    );
                }
                false
            }
        }
    }
}
