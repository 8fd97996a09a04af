//! The first step of a sign-in with a one-time code.
//!
//! After the password, a page asks for the code. The page carries a text that proves that the
//! password was right, so that the person enters the password once. The text is no session: without
//! a code, nothing can be done with it. It ends after five minutes, and when the password or the
//! secret of one-time codes changes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use license_core::time::saturating_add;

use super::devices::marked_text;
use super::{AccountService, sessions};
use crate::domain::{Account, AccountId, Refusal};

/// The purpose of the authentication code in the text.
const PURPOSE: &str = "first step of a sign-in";

/// How long the text is valid.
const VALIDITY: TimeDelta = TimeDelta::minutes(5);

/// The number of bytes of the end of the text.
const END_BYTES: usize = 8;

/// The number of bytes of the id of an account.
const ID_BYTES: usize = 36;

impl AccountService {
    /// Returns the text for an account whose password was right.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the server has no key for authentication codes.
    pub fn first_step(&self, account: &Account) -> Result<String, Refusal> {
        let end = saturating_add(self.now(), VALIDITY).timestamp_millis();
        let (end, id) = (end.to_be_bytes(), account.id.as_str().as_bytes());
        let covered = marked_text(&end, Some(account));
        let code = self.tools.sealer.authenticate(PURPOSE, &covered)?;
        Ok(URL_SAFE_NO_PAD.encode([&end[..], id, &code[..]].concat()))
    }

    /// Returns the account of a text.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` if the server did not create the text, if it has ended, or if the
    /// credentials of the account have changed.
    pub async fn account_after_first_step(&self, text: &str) -> Result<Account, Refusal> {
        let account = self.find_after_first_step(text).await?;
        account.ok_or_else(|| {
            sessions::wrong().hint("enter the e-mail address and the password again")
        })
    }

    async fn find_after_first_step(&self, text: &str) -> Result<Option<Account>, Refusal> {
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let parts = bytes.split_first_chunk::<END_BYTES>();
        let parts = parts.and_then(|(end, rest)| Some((end, rest.split_at_checked(ID_BYTES)?)));
        let Some((end, (id, code))) = parts else {
            return Ok(None);
        };
        let id = std::str::from_utf8(id).ok().and_then(AccountId::parse);
        let account = match id {
            Some(id) => self.store.account(&id).await?,
            None => None,
        };
        let covered = marked_text(end, account.as_ref());
        let is_authentic = self.tools.sealer.is_authentic(PURPOSE, &covered, code);
        let is_open = self.now().timestamp_millis() < i64::from_be_bytes(*end);
        Ok(account.filter(|_| is_authentic && is_open))
    }
}
