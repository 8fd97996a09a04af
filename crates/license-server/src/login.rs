//! Logins of users: verifies ID tokens of an OpenID provider (OpenID Connect Core 3.1.3.7).
//!
//! The keys come from a file, or from the provider. They are kept while the provider is out of
//! reach, so that its outage denies no seat to a user who is logged in.

mod key;
mod source;
mod token;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use license_cli_support::{Exit, Failure};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::{info, warn};

use self::key::KeySet;
use self::source::KeySource;
use self::token::{LoginFault, LoginToken};
use crate::clock::ServerClock;
use crate::config::LoginConfig;
use crate::domain::{Refusal, RefusalKind, ServerCode};
use crate::log_limit;

/// The age of keys in milliseconds from which they are loaded again.
const MAX_AGE_MS: u64 = 60 * 60 * 1000;

/// The shortest time in milliseconds between two attempts to load keys because of unknown key ids,
/// which any client can send.
const RELOAD_MS: u64 = 60 * 1000;

/// The shortest time in milliseconds between two attempts without any keys.
const RETRY_MS: u64 = 5 * 1000;

/// The name of a user, from a verified login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginUser(pub(crate) String);

/// Verifies logins at one provider.
pub(crate) struct LoginVerifier {
    config: LoginConfig,
    source: Arc<KeySource>,
    clock: Arc<dyn ServerClock>,
    loaded: RwLock<Option<LoadedKeys>>,
    loading: Arc<Mutex<LoadState>>,
}

#[derive(Clone)]
struct LoadedKeys {
    keys: Arc<KeySet>,
    /// The reading of the boot-time clock.
    at_ms: u64,
}

/// When the keys may be loaded next, by the boot-time clock.
#[derive(Default)]
struct LoadState {
    next_ms: u64,
    has_failed: bool,
}

/// Checks the files of the configuration.
///
/// # Errors
///
/// Returns `LOGIN_KEYS` if a file cannot be used.
pub(crate) fn check(config: &LoginConfig) -> Result<(), Failure> {
    let source = open(config)?;
    if config.keys.is_none() {
        // Keys of the provider are loaded at the first login.
        return Ok(());
    }
    source.load().map(drop).map_err(|reason| unusable(&reason))
}

fn open(config: &LoginConfig) -> Result<KeySource, Failure> {
    KeySource::new(config).map_err(|reason| unusable(&reason))
}

fn unusable(reason: &str) -> Failure {
    Failure::new(Exit::Usage, "LOGIN_KEYS", reason)
        .hint("check login_keys and login_ca_file in `license-server check-config`")
}

impl LoginVerifier {
    /// Reads the files of the configuration. Uses no network.
    ///
    /// # Errors
    ///
    /// Same as [`check`].
    pub(crate) fn new(config: LoginConfig, clock: Arc<dyn ServerClock>) -> Result<Self, Failure> {
        check(&config)?;
        Ok(Self {
            source: Arc::new(open(&config)?),
            config,
            clock,
            loaded: RwLock::default(),
            loading: Arc::default(),
        })
    }

    /// Returns whether seats require a login.
    pub(crate) fn is_required(&self) -> bool {
        self.config.is_required
    }

    /// Verifies an ID token, and returns its user.
    ///
    /// # Errors
    ///
    /// Returns `LOGIN_INVALID`, `LOGIN_EXPIRED`, or `LOGIN_UNAVAILABLE` if the keys of the provider
    /// cannot be loaded.
    pub(crate) async fn verify(self: &Arc<Self>, token: &str) -> Result<LoginUser, Refusal> {
        let token = LoginToken::parse(token).map_err(refused)?;
        let keys = self.keys(token.key_id()).await?;
        let claims = token.verify(&keys).map_err(refused)?;
        let now = self.clock.wall().timestamp();
        claims
            .user(&self.config, now)
            .map(LoginUser)
            .map_err(refused)
    }

    /// Returns the keys, with the one of this id if the provider has it.
    async fn keys(self: &Arc<Self>, id: Option<&str>) -> Result<Arc<KeySet>, Refusal> {
        if let Some(known) = self.known(id) {
            if self.clock.boot_ms().saturating_sub(known.at_ms) > MAX_AGE_MS {
                let verifier = Arc::clone(self);
                tokio::spawn(async move { verifier.renew(known.at_ms).await });
            }
            return Ok(known.keys);
        }
        // One request loads the keys, and the others wait for it.
        let state = Arc::clone(&self.loading).lock_owned().await;
        if let Some(known) = self.known(id) {
            return Ok(known.keys);
        }
        let after = state.next_ms.saturating_sub(self.clock.boot_ms());
        if after > 0 {
            // The key may be new, so this is no refusal of the login.
            return Err(unavailable(state.has_failed, after));
        }
        // The task continues if the client closes its connection. Otherwise, clients could start any
        // number of loads, and a slow load would never count.
        let verifier = Arc::clone(self);
        let loaded = tokio::spawn(async move { verifier.load_again(state).await }).await;
        loaded.unwrap_or_else(|_| Err(unavailable(true, RETRY_MS)))
    }

    /// Loads the keys, and determines when they may be loaded next.
    async fn load_again(
        &self,
        mut state: OwnedMutexGuard<LoadState>,
    ) -> Result<Arc<KeySet>, Refusal> {
        let is_first = self.loaded().is_none();
        let is_loaded = self.load().await;
        let pause = match (is_loaded, is_first) {
            (true, true) => 0,
            (false, true) => RETRY_MS,
            _ => RELOAD_MS,
        };
        *state = LoadState {
            next_ms: self.clock.boot_ms().saturating_add(pause),
            has_failed: !is_loaded,
        };
        match self.loaded() {
            Some(loaded) if is_loaded => Ok(loaded.keys),
            _ => Err(unavailable(true, pause)),
        }
    }

    /// Loads the keys again, unless another task has done so.
    async fn renew(&self, known_at_ms: u64) {
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

    fn loaded(&self) -> Option<LoadedKeys> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.clone()
    }

    fn known(&self, id: Option<&str>) -> Option<LoadedKeys> {
        self.loaded().filter(|loaded| loaded.keys.has(id))
    }

    /// Loads the keys. Returns whether there are new ones. Otherwise, the old ones stay.
    async fn load(&self) -> bool {
        let source = Arc::clone(&self.source);
        let loaded = tokio::task::spawn_blocking(move || source.load()).await;
        match loaded.unwrap_or_else(|_| Err("the task failed".to_owned())) {
            Ok(keys) => {
                info!(
                    keys = keys.len(),
                    "loaded the keys of the provider of logins"
                );
                let at_ms = self.clock.boot_ms();
                let keys = Arc::new(keys);
                let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
                *loaded = Some(LoadedKeys { keys, at_ms });
                true
            }
            Err(reason) => {
                if let Some(repeated) = log_limit::pass("login_keys") {
                    warn!(
                        reason,
                        repeated, "the keys of the provider of logins cannot be loaded"
                    );
                }
                false
            }
        }
    }
}

/// Returns the refusal of a request without a login.
pub(crate) fn required() -> Refusal {
    let detail = "the request has no login";
    Refusal::new(RefusalKind::Unauthorized, ServerCode::LoginRequired, detail)
        .hint("log in, and send the ID token in the header X-Login-Token")
}

fn refused(fault: LoginFault) -> Refusal {
    match fault {
        LoginFault::Invalid(reason) => {
            let detail = format!("the login is not valid: {reason}");
            Refusal::new(RefusalKind::Unauthorized, ServerCode::LoginInvalid, detail).hint(
                "log in again; the client and the server need the same provider and client id",
            )
        }
        LoginFault::Unverified => {
            let detail = "the login is not valid: expected an e-mail address that the provider \
                          calls verified (`email_verified`), found one that it does not";
            Refusal::new(RefusalKind::Unauthorized, ServerCode::LoginInvalid, detail).hint(
                "verify the address at the provider; the administrator of the server can choose \
                 another claim with login_claim",
            )
        }
        LoginFault::Expired { seconds } => {
            let detail = format!("the login has expired {seconds} s ago");
            Refusal::new(RefusalKind::Unauthorized, ServerCode::LoginExpired, detail)
                .hint("log in again; if the login is new, compare the clocks of both machines")
        }
    }
}

/// Returns the refusal of a login that the server cannot judge, because the keys cannot be loaded
/// or were loaded a short time ago.
fn unavailable(has_failed: bool, after_ms: u64) -> Refusal {
    let (detail, hint) = if has_failed {
        (
            "the server cannot load the keys of the provider of logins",
            "repeat the request later; the log of the server has the reason",
        )
    } else {
        (
            "the server does not know the key of the login, and loads keys at most once a minute",
            "repeat the request later; if the provider has withdrawn the key, log in again",
        )
    };
    Refusal::new(
        RefusalKind::Unavailable,
        ServerCode::LoginUnavailable,
        detail,
    )
    .hint(hint)
    .retry_after(Duration::from_millis(after_ms.max(1000)))
}

#[cfg(test)]
mod tests;
