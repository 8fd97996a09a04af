//! Logins of users: verifies ID tokens of an OpenID provider (OpenID Connect Core 3.1.3.7).
//!
//! The keys come from a file, or from the provider. They are kept while the provider is out of
//! reach, so that its outage denies no seat to a user who is logged in.

mod http;
mod key;
mod keys;
mod source;
mod token;

use std::sync::Arc;
use std::time::Duration;

use license_cli_support::{Exit, Failure};

pub(crate) use self::http::{PROVIDER_TIMEOUT, ProviderHttp, Reach};
pub(crate) use self::keys::{NoKeys, ProviderKeys};
use self::source::KeySource;
pub(crate) use self::source::LoadedProvider;
pub(crate) use self::token::{LoginClaims, LoginFault, LoginToken};
use crate::clock::ServerClock;
use crate::config::LoginConfig;
use crate::domain::{Refusal, RefusalKind, ServerCode};

/// The name of a user, from a verified login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginUser(pub(crate) String);

/// Verifies logins at one provider.
pub(crate) struct LoginVerifier {
    config: LoginConfig,
    keys: Arc<ProviderKeys>,
    clock: Arc<dyn ServerClock>,
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
        let source = open(&config)?;
        let keys = ProviderKeys::new(config.issuer.clone(), source, Arc::clone(&clock));
        Ok(Self {
            config,
            keys: Arc::new(keys),
            clock,
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
    pub(crate) async fn verify(&self, token: &str) -> Result<LoginUser, Refusal> {
        let token = LoginToken::parse(token).map_err(refused)?;
        let provider = self.keys.with(token.key_id()).await.map_err(unavailable)?;
        let claims = token.verify(&provider.keys).map_err(refused)?;
        let now = self.clock.wall().timestamp();
        claims
            .user(&self.config, now)
            .map(LoginUser)
            .map_err(refused)
    }
}

/// Returns the refusal of a request without a login.
pub(crate) fn required() -> Refusal {
    let detail = "the request has no login";
    Refusal::new(RefusalKind::Unauthorized, ServerCode::LoginRequired, detail)
        .hint("log in, and send the ID token in the header X-Login-Token")
}

pub(crate) fn refused(fault: LoginFault) -> Refusal {
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
pub(crate) fn unavailable(missing: NoKeys) -> Refusal {
    let (detail, hint) = if missing.has_failed {
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
    .retry_after(Duration::from_millis(missing.after_ms.max(1000)))
}

#[cfg(test)]
pub(crate) mod tests;
