//! The reasons why a user is not logged in.

use std::time::Duration;

use thiserror::Error;

use super::OnlineError;

/// The reason why a login failed, or cannot be used.
///
/// ```
/// use license_client::LoginError;
///
/// let error = LoginError::Denied { provider: "https://login.acme.example".to_owned() };
/// assert_eq!(error.code(), "LOGIN_DENIED");
/// assert_eq!(error.to_string(), "the login at https://login.acme.example was denied");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The settings name no provider, or not this program's id there.
    #[error("no login is configured: expected the settings `login-issuer` and `login-client-id`")]
    NotConfigured,
    /// The answer is not one of the configured OpenID provider.
    #[error("{provider} does not answer as the configured OpenID provider: {reason}")]
    Provider {
        /// The issuer in the settings.
        provider: String,
        /// The expected and the found content.
        reason: String,
    },
    /// The provider refuses the request, such as for an unknown client id.
    #[error("{provider} refuses the login: {reason}")]
    Refused {
        /// The issuer in the settings.
        provider: String,
        /// The error code of the provider, with its description.
        reason: String,
    },
    /// The user, or a rule of the provider, denied the login.
    #[error("the login at {provider} was denied")]
    Denied {
        /// The issuer in the settings.
        provider: String,
    },
    /// The code was not entered in time.
    #[error("the code of {provider} has expired before it was entered")]
    CodeExpired {
        /// The issuer in the settings.
        provider: String,
    },
    /// The time limit of the caller ended.
    #[error("expected a login within {} s, found none", limit.as_secs())]
    TimedOut {
        /// The time limit.
        limit: Duration,
    },
    /// The user ended the wait.
    #[error("the login was canceled")]
    Canceled,
    /// The server requires a login, and got none.
    #[error("{server} requires a login: {reason}")]
    Required {
        /// The URL of the server.
        server: String,
        /// Why the request had no login.
        reason: MissingLogin,
    },
    /// The stored login is not one of the provider and client id in the settings.
    #[error("expected a login for {expected}, found one for {found}")]
    OtherProvider {
        /// The client id and the issuer in the settings.
        expected: String,
        /// The client id and the issuer of the login.
        found: String,
    },
    /// The login has expired, and was not renewed.
    #[error("the login at {provider} has expired, and was not renewed")]
    Expired {
        /// The issuer in the settings.
        provider: String,
        /// The reason. `None` if the provider permits no renewal.
        #[source]
        source: Option<Box<OnlineError>>,
    },
}

/// Why a request to a license server had no login.
///
/// ```
/// use license_client::MissingLogin;
///
/// assert_eq!(MissingLogin::NotLoggedIn.to_string(), "no user is logged in");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissingLogin {
    /// The settings name no provider.
    NotConfigured,
    /// The user is not logged in.
    NotLoggedIn,
    /// The program names a server that is not in the settings, and such a server gets no login.
    OtherServer,
    /// The server is reached over `http`, over which no login is sent.
    Http,
}

impl std::fmt::Display for MissingLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotConfigured => {
                "expected the settings `login-issuer` and `login-client-id`, found none"
            }
            Self::NotLoggedIn => "no user is logged in",
            Self::OtherServer => "a login is sent only to the servers of the settings",
            Self::Http => "no login is sent over http",
        })
    }
}

impl MissingLogin {
    fn hint(self) -> &'static str {
        match self {
            Self::NotConfigured => {
                "set `login-issuer` and `login-client-id`, and log in; the administrator of the \
                 server has both"
            }
            Self::NotLoggedIn => "log in",
            Self::OtherServer => "name the server in the setting `server-url`",
            Self::Http => "use https for the URL of the server",
        }
    }
}

impl LoginError {
    /// Returns the reason code.
    ///
    /// ```
    /// assert_eq!(license_client::LoginError::Canceled.code(), "LOGIN_CANCELED");
    /// ```
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotConfigured => "LOGIN_NOT_CONFIGURED",
            Self::Provider { .. } => "LOGIN_PROVIDER",
            Self::Refused { .. } => "LOGIN_REFUSED",
            Self::Denied { .. } => "LOGIN_DENIED",
            Self::CodeExpired { .. } => "LOGIN_CODE_EXPIRED",
            Self::TimedOut { .. } => "LOGIN_TIMED_OUT",
            Self::Canceled => "LOGIN_CANCELED",
            Self::Required { .. } => "LOGIN_REQUIRED",
            Self::OtherProvider { .. } => "LOGIN_OTHER_PROVIDER",
            Self::Expired { .. } => "LOGIN_EXPIRED",
        }
    }

    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::NotConfigured => {
                "set `login-issuer` and `login-client-id`; the administrator of the server has both"
            }
            Self::Provider { .. } => {
                "compare `login-issuer` with the member `issuer` of the provider's discovery document"
            }
            Self::Refused { .. } => {
                "check `login-client-id` and `login-scopes`, and whether the provider permits the \
                 device flow to this client"
            }
            Self::Denied { .. } => "log in again and permit the login, or ask the administrator",
            Self::CodeExpired { .. } => "log in again, and enter the new code in time",
            Self::TimedOut { .. } => "log in again, or with a longer time limit",
            Self::Required { reason, .. } => reason.hint(),
            Self::Canceled | Self::OtherProvider { .. } => "log in again",
            Self::Expired { source, .. } => match source {
                Some(source) if is_outage(source) => {
                    "try again when the provider can be reached, or log in again"
                }
                _ => "log in again",
            },
        }
    }

    /// Returns whether the provider could not be reached, so that a later attempt can succeed.
    pub(super) fn is_unreachable(&self) -> bool {
        match self {
            Self::Provider { .. } => true,
            Self::Expired { source, .. } => source.as_deref().is_some_and(is_outage),
            _ => false,
        }
    }
}

/// Returns whether a renewal failed because the provider could not be reached. An answer that is
/// not one of the configured provider mostly comes from a wrong setting.
fn is_outage(error: &OnlineError) -> bool {
    let is_wrong_provider = matches!(error, OnlineError::Login(LoginError::Provider { .. }));
    error.is_unreachable() && !is_wrong_provider
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_provider_that_is_not_reached_makes_an_expired_login_temporary() {
        let provider = "https://login.acme.example".to_owned();
        let expired = |source| {
            let provider = provider.clone();
            let source = Some(Box::new(source));
            LoginError::Expired { provider, source }
        };
        let wrong = LoginError::Provider {
            provider: provider.clone(),
            reason: "expected an ID token, found none".to_owned(),
        };
        let wrong = expired(wrong.into());
        assert!(!wrong.is_unreachable() && wrong.hint() == "log in again");
        let server = provider.clone();
        let outage = expired(OnlineError::Status {
            server,
            status: 503,
        });
        assert!(outage.is_unreachable() && outage.hint().contains("reached"));
    }
}
