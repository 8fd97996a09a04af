//! A sign-in that a browser has started, which the browser keeps in a cookie.
//!
//! The server encrypts the cookie and stores nothing, so that anonymous requests fill no table. The
//! state of the authorization request leads back to this cookie only, so that an answer counts in
//! the browser that has started the sign-in.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use license_core::encoding::from_strict_json;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::client::SignInValues;
use crate::domain::{Refusal, RefusalKind, ServerCode};
use crate::services::Sealer;

/// How many seconds a person has to sign in at the provider.
pub(crate) const ATTEMPT_SECONDS: i64 = 600;

/// The purpose of the encryption.
const PURPOSE: &str = "sign-in by an identity provider";

/// A sign-in that has started.
#[derive(Serialize, Deserialize)]
pub(super) struct SignInAttempt {
    /// The id of the provider.
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    /// The path on this server to which the browser returns.
    pub(super) return_to: String,
    /// The end, in Unix seconds.
    expires_at: i64,
}

impl Drop for SignInAttempt {
    fn drop(&mut self) {
        self.nonce.zeroize();
        self.verifier.zeroize();
    }
}

impl SignInAttempt {
    /// Creates an attempt from random bytes.
    pub(super) fn new(
        provider: &str,
        return_to: &str,
        now: DateTime<Utc>,
        random: &Zeroizing<[u8; 96]>,
    ) -> Self {
        let (state, rest) = random.split_at(32);
        let (nonce, verifier) = rest.split_at(32);
        Self {
            provider: provider.to_owned(),
            state: URL_SAFE_NO_PAD.encode(state),
            nonce: URL_SAFE_NO_PAD.encode(nonce),
            verifier: URL_SAFE_NO_PAD.encode(verifier),
            return_to: return_to.to_owned(),
            expires_at: now.timestamp().saturating_add(ATTEMPT_SECONDS),
        }
    }

    /// Returns the encrypted attempt as the value of a cookie.
    pub(super) fn cookie(&self, sealer: &Sealer) -> Result<String, Refusal> {
        let json = Zeroizing::new(serde_json::to_vec(self).unwrap_or_default());
        Ok(URL_SAFE_NO_PAD.encode(sealer.seal(PURPOSE, &json)?))
    }

    /// Returns the attempt of a cookie, if it is one for this provider and this state.
    ///
    /// # Errors
    ///
    /// Returns `LOGIN_STATE` if the browser did not start the sign-in, or started it too long ago.
    pub(super) fn open(
        cookie: Option<&str>,
        (provider, state): (&str, &str),
        now: DateTime<Utc>,
        sealer: &Sealer,
    ) -> Result<Self, Refusal> {
        let sealed = cookie.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let json = sealed.and_then(|bytes| sealer.open(PURPOSE, &bytes).ok());
        let attempt: Option<Self> = json.and_then(|json| from_strict_json(&json).ok());
        let attempt = attempt.filter(|attempt| {
            let is_same = verify_slices_are_equal(attempt.state.as_bytes(), state.as_bytes());
            attempt.provider == provider && is_same.is_ok() && now.timestamp() < attempt.expires_at
        });
        attempt.ok_or_else(refused)
    }

    /// Returns the values of the authorization request.
    pub(super) fn values<'a>(&'a self, redirect_uri: &'a str) -> SignInValues<'a> {
        SignInValues {
            redirect_uri,
            state: &self.state,
            nonce: &self.nonce,
            verifier: &self.verifier,
        }
    }

    /// Returns a digest of the state, which counts once, and the time until which it is remembered.
    pub(super) fn used(&self) -> ([u8; 32], DateTime<Utc>) {
        let mut digest = Sha256::new();
        digest.update(b"state\0");
        digest.update(self.state.as_bytes());
        let end = DateTime::from_timestamp(self.expires_at, 0);
        (
            digest.finalize().into(),
            end.unwrap_or(license_core::time::MAX),
        )
    }
}

/// Returns the refusal of an answer that no sign-in of the browser expects.
pub(super) fn refused() -> Refusal {
    let detail = "this browser did not start a sign-in, or the sign-in was used or has ended";
    Refusal::new(RefusalKind::Forbidden, ServerCode::LoginState, detail).hint(
        "enable cookies, start the sign-in again in this browser, and finish it within 10 minutes",
    )
}
