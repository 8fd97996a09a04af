//! Logins of users: the device authorization grant (RFC 8628) at an OpenID provider.
//!
//! The ID token is verified by license servers. This module checks only that it is from the
//! configured provider and for this program: it comes from the provider over TLS (OpenID Connect
//! Core 3.1.3.7).

mod device;
mod file;
mod id_token;
mod poll;
mod provider;

use zeroize::Zeroizing;

pub use self::device::DeviceLogin;
pub use self::id_token::LoginStatus;

use self::file::StoredLogin;
use self::provider::Provider;
use super::error::{LoginError, OnlineError};
use super::settings::{OnlineSettings, Resolved};
use crate::clock;
use crate::manager::LicenseManager;
use crate::store::Store;

/// The end of a login on this machine.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// use license_client::{FeatureMatrix, LicenseManager, LogoutOutcome, OnlineSettings, StateDir};
///
/// let dir = StateDir::at(scratch.path().join("state"));
/// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
/// let outcome = manager.logout(&OnlineSettings::new())?;
/// assert!(matches!(outcome, LogoutOutcome::NotLoggedIn));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum LogoutOutcome {
    /// There was no login.
    NotLoggedIn,
    /// The tokens are deleted, and the provider has revoked the refresh token.
    Revoked,
    /// The tokens are deleted. There was no refresh token, or the provider revokes none.
    Deleted,
    /// The tokens are deleted, but the refresh token was not revoked.
    NotRevoked(OnlineError),
}

impl LicenseManager {
    /// Starts a login of the user at the provider of the settings `login-issuer` and
    /// `login-client-id`.
    ///
    /// ```no_run
    /// # fn manager() -> Result<license_client::LicenseManager, Box<dyn std::error::Error>> {
    /// #     Err("only compiled".into())
    /// # }
    /// use std::ops::ControlFlow;
    /// use std::time::Duration;
    ///
    /// let manager = manager()?;
    /// let login = manager.start_login(&license_client::OnlineSettings::new())?;
    /// println!("open {} and enter {}", login.verification_uri(), login.user_code());
    /// let status = login.wait(Duration::from_secs(600), || ControlFlow::Continue(()))?;
    /// println!("logged in as {}", status.name());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Sends two requests, each within the time limit of the settings.
    ///
    /// # Errors
    ///
    /// Returns [`LoginError::NotConfigured`] without the two settings, and other errors if the
    /// provider cannot be reached or refuses the request.
    pub fn start_login(&self, settings: &OnlineSettings) -> Result<DeviceLogin, OnlineError> {
        let provider = Provider::new(&self.resolve_online(settings)?)?;
        let provider = provider.ok_or(LoginError::NotConfigured)?;
        DeviceLogin::start(provider, self.readable_paths().user().clone())
    }

    /// Returns the stored login of the user, from any provider. Uses no network.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{FeatureMatrix, LicenseManager, StateDir};
    ///
    /// let dir = StateDir::at(scratch.path().join("state"));
    /// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// assert_eq!(manager.login_status()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Store`] if the state directory cannot be read.
    pub fn login_status(&self) -> Result<Option<LoginStatus>, OnlineError> {
        let stored = file::read(self.readable_paths().user())?;
        Ok(stored.and_then(|stored| stored.status()))
    }

    /// Deletes the stored login of the user, and then asks the provider to revoke its refresh
    /// token. The tokens are deleted even if the provider cannot be reached. The example is at
    /// [`LogoutOutcome`].
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Store`] if the state directory cannot be read or written.
    pub fn logout(&self, settings: &OnlineSettings) -> Result<LogoutOutcome, OnlineError> {
        let Some(stored) = file::remove(self.readable_paths().user())? else {
            return Ok(LogoutOutcome::NotLoggedIn);
        };
        let Some(refresh_token) = stored.refresh_token() else {
            return Ok(LogoutOutcome::Deleted);
        };
        let revoked = self.resolve_online(settings).and_then(|resolved| {
            let provider = Provider::new(&resolved)?.ok_or(LoginError::NotConfigured)?;
            if stored.is_from(&provider) {
                provider.revoke(refresh_token)
            } else {
                // The token of one provider is never sent to another one.
                Err(LoginError::NotConfigured.into())
            }
        });
        Ok(match revoked {
            Ok(true) => LogoutOutcome::Revoked,
            Ok(false) => LogoutOutcome::Deleted,
            Err(error) => LogoutOutcome::NotRevoked(error),
        })
    }
}

/// The login of a user, for requests to license servers.
pub(super) struct UserLogin {
    provider: Provider,
    store: Store,
}

impl UserLogin {
    /// Reads the settings. Returns `None` if they name no provider, or if the servers may not get
    /// the login.
    pub(super) fn new(resolved: &Resolved, store: Store) -> Result<Option<Self>, OnlineError> {
        if !resolved.is_login_for_servers() {
            return Ok(None);
        }
        let provider = Provider::new(resolved)?;
        Ok(provider.map(|provider| Self { provider, store }))
    }

    /// Returns the ID token for requests, if the user has a login.
    ///
    /// # Errors
    ///
    /// Same as [`Self::id_token`].
    pub(super) fn token_of(login: Option<&Self>) -> Result<Option<Zeroizing<String>>, OnlineError> {
        login.map_or(Ok(None), Self::id_token)
    }

    /// Returns the ID token, if the user is logged in. Renews it if it ends within a minute.
    ///
    /// # Errors
    ///
    /// Returns [`LoginError::Expired`] if it has ended and cannot be renewed.
    fn id_token(&self) -> Result<Option<Zeroizing<String>>, OnlineError> {
        let Some(stored) = self.read()? else {
            return Ok(None);
        };
        if stored.is_fresh(clock::now()) {
            return Ok(Some(stored.id_token()));
        }
        // The lock keeps two processes from using one refresh token, which many providers take for
        // a theft. `Provider::refresh` ends before another process stops waiting for the lock.
        let lock = self.store.lock()?;
        let Some(stored) = self.read()? else {
            return Ok(None);
        };
        if stored.is_fresh(clock::now()) {
            return Ok(Some(stored.id_token()));
        }
        let expired = |source: Option<OnlineError>| LoginError::Expired {
            provider: self.provider.issuer().to_owned(),
            source: source.map(Box::new),
        };
        let Some(refresh_token) = stored.refresh_token() else {
            return Err(expired(None).into());
        };
        let renewed = self.provider.refresh(refresh_token);
        let grant = renewed.map_err(|error| expired(Some(error)))?;
        let renewed = stored.renewed(grant);
        let token = renewed.id_token();
        file::write(&lock, &renewed)?;
        Ok(Some(token))
    }

    /// Returns the login at the configured provider.
    fn read(&self) -> Result<Option<StoredLogin>, OnlineError> {
        let stored = file::read(&self.store)?;
        Ok(stored.filter(|stored| stored.is_from(&self.provider)))
    }
}

#[cfg(test)]
mod tests;
