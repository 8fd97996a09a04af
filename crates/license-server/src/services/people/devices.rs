//! Marks of known devices.
//!
//! A program with which a person has signed in gets a mark in a cookie. Attempts of strangers do
//! not use up the attempts of a program with a mark, so no stranger can lock the owner of an
//! account out.
//!
//! A mark is bound to the password and to the secret of one-time codes. It ends when one of them
//! changes, so a thief who had signed in before has no attempts of that time left.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::AccountService;
use crate::domain::{Account, AccountId, EmailAddress, Refusal};
use crate::services::site::random;

/// The purpose of the authentication code in a mark.
const PURPOSE: &str = "device";

/// The number of random bytes in a mark.
const NONCE_BYTES: usize = 16;

impl AccountService {
    /// Returns a mark for a program of a person who has proved the credentials of the account.
    pub(super) fn device_mark(&self, account: &Account) -> Result<String, Refusal> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let text = marked_text(&nonce, Some(account));
        let code = self.tools.sealer.authenticate(PURPOSE, &text)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &code[..]].concat()))
    }

    /// Returns a mark for a program that has changed the credentials of an account. The change has
    /// ended all marks.
    pub(super) async fn new_device_mark(&self, account: &AccountId) -> Result<String, Refusal> {
        let account = self.store.account(account).await?;
        self.device_mark(&account.ok_or_else(|| super::not_found("account"))?)
    }

    /// Returns whether the server gave a mark to a program of the person with an address, and the
    /// credentials have not changed since.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn is_known_device(&self, email: &EmailAddress, mark: &str) -> Result<bool, Refusal> {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(mark) else {
            return Ok(false);
        };
        let Some((nonce, code)) = bytes.split_at_checked(NONCE_BYTES) else {
            return Ok(false);
        };
        // An address without an account takes the same work.
        let account = self.store.account_by_email(email).await?;
        let text = marked_text(nonce, account.as_ref());
        let is_authentic = self.tools.sealer.is_authentic(PURPOSE, &text, code);
        Ok(is_authentic && account.is_some())
    }
}

/// Returns the text that the authentication code of a mark covers: the beginning, and the
/// credentials of the account.
pub(super) fn marked_text(nonce: &[u8], account: Option<&Account>) -> Vec<u8> {
    let hash = account.and_then(|account| account.password.as_ref());
    let totp = account.and_then(|account| account.totp.as_ref());
    // A secret that no code has confirmed is not required yet.
    let totp = totp.filter(|totp| totp.last_step.is_some());
    let parts = [
        account.map_or("", |account| account.id.as_str()).as_bytes(),
        hash.map_or("", |hash| hash.expose()).as_bytes(),
        totp.map_or(&[][..], |totp| &totp.secret.0),
    ];
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(part);
    }
    [nonce, &digest.finalize()[..]].concat()
}
