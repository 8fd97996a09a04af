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

use std::sync::Arc;

use zeroize::Zeroizing;

pub use self::device::DeviceLogin;
pub use self::id_token::LoginStatus;

use self::file::StoredLogin;
use self::provider::Provider;
use super::error::{LoginError, MissingLogin, OnlineError};
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

    /// Returns the stored login of the user, if requests to license servers would have it now, or
    /// after a renewal. Uses no network.
    ///
    /// ```
    /// # let scratch = tempfile::tempdir()?;
    /// use license_client::{FeatureMatrix, LicenseManager, OnlineSettings, StateDir};
    ///
    /// let dir = StateDir::at(scratch.path().join("state"));
    /// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    /// assert_eq!(manager.login_status(&OnlineSettings::new())?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`LoginError::NotConfigured`] or [`LoginError::OtherProvider`] if the settings do
    /// not name the provider of the login, and [`LoginError::Expired`] if the login has ended and
    /// cannot be renewed.
    pub fn login_status(
        &self,
        settings: &OnlineSettings,
    ) -> Result<Option<LoginStatus>, OnlineError> {
        let Some(stored) = file::read(self.readable_paths().user())? else {
            return Ok(None);
        };
        let Some(status) = stored.status() else {
            return Ok(None);
        };
        let provider = Provider::new(&self.resolve_online(settings)?)?;
        let provider = provider.ok_or(LoginError::NotConfigured)?;
        stored.check_provider(&provider)?;
        if !status.is_renewable && !stored.is_fresh(clock::now()) {
            let (provider, source) = (status.issuer, None);
            return Err(LoginError::Expired { provider, source }.into());
        }
        Ok(Some(status))
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

/// The login for requests to license servers, or the reason why they have none.
#[derive(Clone)]
pub(super) enum RequestLogin {
    User(Arc<UserLogin>),
    Missing(MissingLogin),
}

impl RequestLogin {
    /// Reads the settings.
    pub(super) fn new(resolved: &Resolved, store: Store) -> Result<Self, OnlineError> {
        if !resolved.is_login_for_servers() {
            return Ok(Self::Missing(MissingLogin::OtherServer));
        }
        let provider = Provider::new(resolved)?;
        Ok(match provider {
            Some(provider) => Self::User(Arc::new(UserLogin { provider, store })),
            None => Self::Missing(MissingLogin::NotConfigured),
        })
    }

    /// Returns the ID token for requests, if the user has a login.
    ///
    /// # Errors
    ///
    /// Same as [`UserLogin::id_token`].
    pub(super) fn token(&self) -> Result<Option<Zeroizing<String>>, OnlineError> {
        match self {
            Self::User(login) => login.id_token(),
            Self::Missing(_) => Ok(None),
        }
    }

    /// Returns the stored ID token if it lasts for a minute. Uses no network.
    pub(super) fn stored_token(&self) -> Option<Zeroizing<String>> {
        let Self::User(login) = self else {
            return None;
        };
        let stored = login.read().ok().flatten()?;
        stored.is_fresh(clock::now()).then(|| stored.id_token())
    }

    /// Returns why a request had no login.
    pub(super) fn missing(&self) -> MissingLogin {
        match self {
            Self::User(_) => MissingLogin::NotLoggedIn,
            Self::Missing(reason) => *reason,
        }
    }
}

/// The login of a user.
pub(super) struct UserLogin {
    provider: Provider,
    store: Store,
}

impl UserLogin {
    /// Returns the ID token, if the user is logged in. Renews it if it ends within a minute.
    ///
    /// # Errors
    ///
    /// Returns [`LoginError::Expired`] if it has ended and cannot be renewed, and
    /// [`LoginError::OtherProvider`] if it is not one of the configured provider and client id.
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
        let Some(stored) = file::read(&self.store)? else {
            return Ok(None);
        };
        stored.check_provider(&self.provider)?;
        Ok(Some(stored))
    }
}

#[cfg(test)]
mod tests;
