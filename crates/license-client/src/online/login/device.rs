//! A login that waits for the user.

use std::fmt;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::file::{self, StoredLogin};
use super::id_token::LoginStatus;
use super::poll::{PollEnd, PollTimes, poll};
use super::provider::{DeviceCode, Discovered, Provider};
use crate::boot_time::BootTime;
use crate::online::error::{LoginError, OnlineError, one_line};
use crate::store::Store;

/// The time between two looks at the caller's wish to cancel.
const SLICE: Duration = Duration::from_millis(100);

/// A login that has begun. The user opens a page of the provider and enters a code. The example is
/// at `LicenseManager::start_login`.
#[must_use = "the login ends without `wait`"]
pub struct DeviceLogin {
    provider: Provider,
    discovered: Discovered,
    store: Store,
    code: DeviceCode,
    started: BootTime,
}

/// Omits the code of the device, which is a secret.
impl fmt::Debug for DeviceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceLogin")
            .field("provider", &self.provider.issuer())
            .field("user_code", &self.code.user_code)
            .finish_non_exhaustive()
    }
}

impl DeviceLogin {
    pub(super) fn start(provider: Provider, store: Store) -> Result<Self, OnlineError> {
        let started = BootTime::now();
        let discovered = provider.discover()?;
        let mut code = provider.device_code(&discovered)?;
        code.user_code = one_line(&code.user_code);
        code.verification_uri = one_line(&code.verification_uri);
        code.verification_uri_complete = code.verification_uri_complete.as_deref().map(one_line);
        Ok(Self {
            provider,
            discovered,
            store,
            code,
            started,
        })
    }

    /// Returns the page of the provider that the user opens.
    pub fn verification_uri(&self) -> &str {
        &self.code.verification_uri
    }

    /// Returns the same page with the code in it, if the provider has one.
    pub fn verification_uri_complete(&self) -> Option<&str> {
        self.code.verification_uri_complete.as_deref()
    }

    /// Returns the code that the user enters.
    pub fn user_code(&self) -> &str {
        &self.code.user_code
    }

    /// Returns how long the code is valid, from the start of the login.
    pub fn expires_in(&self) -> Duration {
        Duration::from_secs(self.code.expires_in)
    }

    /// Waits for the user, for at most `limit`, and stores the login in the state directory.
    ///
    /// `on_wait` is called at least ten times a second while no request runs. If it returns
    /// `ControlFlow::Break`, the login ends.
    ///
    /// # Errors
    ///
    /// Returns [`LoginError`] if the user is not logged in, with the reason, and other errors if
    /// the provider sends something else or the login cannot be stored.
    pub fn wait(
        self,
        limit: Duration,
        mut on_wait: impl FnMut() -> ControlFlow<()>,
    ) -> Result<LoginStatus, OnlineError> {
        let times = PollTimes {
            interval: self.code.interval.map(Duration::from_secs),
            expires_in: self.expires_in(),
            limit,
        };
        let pause = |span: Duration| {
            let from = BootTime::now();
            loop {
                on_wait()?;
                let left = span.saturating_sub(BootTime::now().since(from));
                if left.is_zero() {
                    return ControlFlow::Continue(());
                }
                thread::sleep(left.min(SLICE));
            }
        };
        let elapsed = || BootTime::now().since(self.started);
        let code = Zeroizing::new(self.code.device_code.clone());
        let ask = || self.provider.poll(&self.discovered, &code);
        let provider = || self.provider.issuer().to_owned();
        let grant = poll(&times, pause, elapsed, ask).map_err(|end| match end {
            PollEnd::Canceled => LoginError::Canceled.into(),
            PollEnd::TimedOut => LoginError::TimedOut { limit }.into(),
            PollEnd::CodeExpired => {
                let provider = provider();
                LoginError::CodeExpired { provider }.into()
            }
            PollEnd::Failed(error) => error,
        })?;
        let stored = StoredLogin::new(&self.provider, grant);
        let status = stored.status().ok_or_else(|| LoginError::Provider {
            provider: provider(),
            reason: "expected an ID token that ends before the year 10000, found another end"
                .to_owned(),
        })?;
        file::write(&self.store.lock()?, &stored)?;
        Ok(status)
    }
}
