//! The claims of an ID token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::chrono::{DateTime, Utc};
use license_core::encoding::from_strict_json;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::online::error::one_line;

/// The maximum size of an ID token in bytes. It is sent in a header field.
pub(super) const MAX_TOKEN: usize = 12 * 1024;

/// The claims of an ID token that this program reads.
#[derive(Deserialize)]
pub(super) struct IdClaims {
    iss: String,
    aud: TokenAudience,
    exp: i64,
    iat: Option<i64>,
    sub: String,
    email: Option<String>,
    preferred_username: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TokenAudience {
    One(String),
    Several(Vec<String>),
}

/// The login of a user, as the provider describes it.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// use license_client::{FeatureMatrix, LicenseManager, OnlineSettings, StateDir};
///
/// let dir = StateDir::at(scratch.path().join("state"));
/// let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
/// match manager.login_status(&OnlineSettings::new())? {
///     Some(status) => println!("{} until {}", status.name(), status.expires_at),
///     None => println!("not logged in"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoginStatus {
    /// The provider.
    pub issuer: String,
    /// The id of this program at the provider.
    pub client_id: String,
    /// The id of the user at the provider.
    pub subject: String,
    /// The e-mail address, if the provider states it.
    pub email: Option<String>,
    /// The name that the user has at the provider, if the provider states it.
    pub preferred_username: Option<String>,
    /// The end of the ID token.
    pub expires_at: DateTime<Utc>,
    /// Whether the ID token can be renewed without the user.
    pub is_renewable: bool,
}

impl LoginStatus {
    /// Returns the e-mail address, or else the name or id of the user. The example is at
    /// [`LoginStatus`].
    pub fn name(&self) -> &str {
        let name = self.email.as_deref().or(self.preferred_username.as_deref());
        name.unwrap_or(&self.subject)
    }
}

impl IdClaims {
    /// Reads the payload of a token. Verifies no signature.
    ///
    /// # Errors
    ///
    /// Returns the expected and the found content, without the token.
    pub(super) fn read(token: &str) -> Result<Self, String> {
        if token.len() > MAX_TOKEN {
            return Err(format!(
                "expected an ID token of at most {MAX_TOKEN} bytes, found {} bytes",
                token.len()
            ));
        }
        let mut parts = token.split('.');
        let payload = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(payload), Some(_), None) => URL_SAFE_NO_PAD.decode(payload).ok(),
            _ => None,
        };
        let payload = payload.map(Zeroizing::new);
        let payload = payload.ok_or("expected a signed ID token, found other text")?;
        from_strict_json(&payload)
            .map_err(|error| format!("expected the claims of an ID token: {error}"))
    }

    /// Checks that the token is from a provider and for a client.
    ///
    /// # Errors
    ///
    /// Returns the expected and the found value.
    pub(super) fn check(&self, issuer: &str, client_id: &str) -> Result<(), String> {
        if self.iss != issuer {
            let found = one_line(&self.iss);
            return Err(format!(
                "expected an ID token of {issuer}, found one of {found}"
            ));
        }
        let is_for_client = match &self.aud {
            TokenAudience::One(one) => one == client_id,
            TokenAudience::Several(all) => all.iter().any(|one| one == client_id),
        };
        if !is_for_client {
            return Err(format!(
                "expected an ID token for {client_id}, found one for others"
            ));
        }
        Ok(())
    }

    /// Returns the end of a token that was received at a time, in Unix seconds. The lifetime counts
    /// from then, so that the clock of this machine may differ from that of the provider.
    pub(super) fn expires_at(&self, received: DateTime<Utc>) -> i64 {
        let lifetime = self.iat.map(|issued| self.exp.saturating_sub(issued));
        lifetime.map_or(self.exp, |lifetime| {
            received.timestamp().saturating_add(lifetime)
        })
    }

    /// Returns the login. Returns `None` if the token ends after the year 9999.
    pub(super) fn status(&self, client_id: &str, is_renewable: bool) -> Option<LoginStatus> {
        let expires_at = DateTime::from_timestamp(self.exp, 0);
        Some(LoginStatus {
            issuer: self.iss.clone(),
            client_id: client_id.to_owned(),
            subject: one_line(&self.sub),
            email: self.email.as_deref().map(one_line),
            preferred_username: self.preferred_username.as_deref().map(one_line),
            expires_at: expires_at.filter(|end| *end <= license_core::time::MAX)?,
            is_renewable,
        })
    }
}
