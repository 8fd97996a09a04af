//! The file `login.json`: the tokens of a login.

use std::fmt;

use license_core::chrono::{DateTime, Utc};
use license_core::encoding::from_strict_json;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::id_token::{IdClaims, LoginStatus};
use super::provider::{LoginGrant, Provider};
use crate::clock;
use crate::online::error::{LoginError, OnlineError};
use crate::state_dir::StateFile;
use crate::store::{Store, StoreLock};

/// The maximum size of the file in bytes.
const MAX_FILE: usize = 64 * 1024;

/// The time before the end of an ID token at which it is renewed, in seconds.
const EARLY: i64 = 60;

/// A login at a provider.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredLogin {
    issuer: String,
    client_id: String,
    id_token: String,
    /// The end of the ID token in Unix seconds, by the clock of this machine.
    expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Omits the tokens.
impl fmt::Debug for StoredLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredLogin")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Drop for StoredLogin {
    fn drop(&mut self) {
        drop(Zeroizing::new(std::mem::take(&mut self.id_token)));
        drop(self.refresh_token.take().map(Zeroizing::new));
    }
}

impl StoredLogin {
    pub(super) fn new(provider: &Provider, grant: LoginGrant) -> Self {
        let expires_at = grant.expires_at(clock::now());
        Self {
            issuer: provider.issuer().to_owned(),
            client_id: provider.client_id().to_owned(),
            id_token: grant.id_token,
            expires_at,
            refresh_token: grant.refresh_token,
        }
    }

    /// Returns the login after a renewal. A provider that sends no new refresh token lets the old
    /// one be used again.
    pub(super) fn renewed(&self, grant: LoginGrant) -> Self {
        let expires_at = grant.expires_at(clock::now());
        Self {
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            id_token: grant.id_token,
            expires_at,
            refresh_token: grant.refresh_token.or_else(|| self.refresh_token.clone()),
        }
    }

    pub(super) fn is_from(&self, provider: &Provider) -> bool {
        self.issuer == provider.issuer() && self.client_id == provider.client_id()
    }

    /// Refuses a login that is not one of the configured provider and client id.
    pub(super) fn check_provider(&self, provider: &Provider) -> Result<(), LoginError> {
        if self.is_from(provider) {
            return Ok(());
        }
        let describe = |client_id: &str, issuer: &str| format!("client `{client_id}` at {issuer}");
        Err(LoginError::OtherProvider {
            expected: describe(provider.client_id(), provider.issuer()),
            found: describe(&self.client_id, &self.issuer),
        })
    }

    pub(super) fn id_token(&self) -> Zeroizing<String> {
        Zeroizing::new(self.id_token.clone())
    }

    pub(super) fn refresh_token(&self) -> Option<&str> {
        self.refresh_token.as_deref()
    }

    /// Returns whether the ID token can be used for another minute.
    pub(super) fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.saturating_sub(now.timestamp()) > EARLY
    }

    /// Returns what the login says about the user. Returns `None` if the file was damaged.
    pub(super) fn status(&self) -> Option<LoginStatus> {
        let claims = IdClaims::read(&self.id_token).ok()?;
        claims.status(&self.client_id, self.refresh_token.is_some())
    }
}

/// Reads the file. A damaged file counts as no login.
pub(super) fn read(store: &Store) -> Result<Option<StoredLogin>, OnlineError> {
    let bytes = store.read(StateFile::Login, MAX_FILE)?.map(Zeroizing::new);
    Ok(bytes.and_then(|bytes| from_strict_json(&bytes).ok()))
}

pub(super) fn write(lock: &StoreLock, login: &StoredLogin) -> Result<(), OnlineError> {
    // The struct has no maps, so that the conversion does not fail.
    let bytes = Zeroizing::new(serde_json::to_vec_pretty(login).unwrap_or_default());
    Ok(lock.write(StateFile::Login, &bytes)?)
}

/// Removes the file, and returns the login that it contained. A damaged file is removed too.
pub(super) fn remove(store: &Store) -> Result<Option<StoredLogin>, OnlineError> {
    if !store.dir().file(StateFile::Login).exists() {
        return Ok(None);
    }
    let lock = store.lock()?;
    let stored = read(store)?;
    lock.remove(StateFile::Login)?;
    Ok(stored)
}
