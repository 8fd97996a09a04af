//! Accounts of people.

use std::fmt;

use chrono::{DateTime, Utc};
use license_core::encoding::hex;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::api_token::SecretDigest;
use super::email::EmailAddress;

/// The id of an account. The audit trail names a person by it, and never by the e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(String);

impl AccountId {
    /// Returns the id with these random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("acc_{}", hex::encode(&bytes)))
    }

    /// Parses an id: `acc_` and 32 hexadecimal digits. Returns `None` for another text.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("acc_")?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (digits.len() == 32 && digits.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// Reads an id from the database.
    pub(crate) fn from_column(id: String) -> Self {
        Self(id)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The hash of a password with its parameters, as a PHC string.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Zeroizing<String>);

impl PasswordHash {
    /// Wraps a PHC string.
    pub fn new(phc: String) -> Self {
        Self(Zeroizing::new(phc))
    }

    /// Returns the PHC string.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Omits the hash.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// A secret that is encrypted with a key that is not in the database.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(pub Vec<u8>);

/// Omits the content.
impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(..)")
    }
}

/// The secret of one-time codes of an account (TOTP, RFC 6238).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TotpEnrollment {
    /// The sealed secret.
    pub secret: SealedSecret,
    /// The time step of the last accepted code, which is accepted once. `None`: no code has
    /// confirmed the secret yet, so sign-in asks for none.
    pub last_step: Option<u64>,
}

/// The account of a person. It is independent of organizations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The id.
    pub id: AccountId,
    /// The address, which is unique. `None`: an identity provider vouches for the person within one
    /// organization, so the account claims no address that others could have.
    pub email: Option<EmailAddress>,
    /// The name that the person chose.
    pub name: String,
    /// The hash of the password. `None`: the person signs in through an identity provider only.
    pub password: Option<PasswordHash>,
    /// The secret of one-time codes.
    pub totp: Option<TotpEnrollment>,
    /// The time of the creation.
    pub created_at: DateTime<Utc>,
    /// The time at which the person proved that the address is theirs.
    pub verified_at: Option<DateTime<Utc>>,
}

impl Account {
    /// Returns whether sign-in needs a one-time code.
    pub fn needs_code(&self) -> bool {
        let totp = self.totp.as_ref();
        totp.is_some_and(|totp| totp.last_step.is_some())
    }
}

/// The purpose of a link that a person gets by mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkPurpose {
    /// Creates an account for the address.
    Registration,
    /// Sets a new password.
    PasswordReset,
    /// Replaces the address of an account by the one that got the link.
    EmailChange,
}

impl LinkPurpose {
    /// Returns the name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::PasswordReset => "password_reset",
            Self::EmailChange => "email_change",
        }
    }

    /// Parses the name in the database.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Registration, Self::PasswordReset, Self::EmailChange];
        all.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// The secret of a link, which works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountLink {
    /// The digest of the secret.
    pub digest: SecretDigest,
    /// The purpose.
    pub purpose: LinkPurpose,
    /// The address that gets the link.
    pub email: EmailAddress,
    /// The account, unless the link creates it.
    pub account: Option<AccountId>,
    /// The time of the creation.
    pub created_at: DateTime<Utc>,
    /// The time at which the link ends.
    pub expires_at: DateTime<Utc>,
}

/// A change of an account by its owner or by an administrator at the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// Changes the name.
    Name(String),
    /// Changes the password, and ends all sessions except this one.
    Password(PasswordHash, Option<String>),
    /// Stores the secret of one-time codes until a code confirms it.
    BeginTotp(SealedSecret),
    /// Requires one-time codes from now on. Has the step of the confirming code, the digests of the
    /// recovery codes, and the session that stays.
    ConfirmTotp(u64, Vec<SecretDigest>, Option<String>),
    /// Removes the secret of one-time codes and the recovery codes. Uses up the factor.
    EndTotp(SecondFactor),
    /// Replaces the recovery codes. Uses up the factor.
    RecoveryCodes(SecondFactor, Vec<SecretDigest>),
    /// Uses up the factor of another request, which changes the account later.
    UseFactor(SecondFactor),
}

impl AccountChange {
    /// Returns the state before the change for the audit trail, if it follows from the change
    /// itself. The trail has neither names nor secrets of people.
    pub fn former(&self) -> Option<Value> {
        let has_totp = match self {
            Self::ConfirmTotp(..) => false,
            Self::EndTotp(_) => true,
            _ => return None,
        };
        Some(json!({ "totp": has_totp }))
    }
}

/// The proof of a second factor, which works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondFactor {
    /// The account needs none.
    NotNeeded,
    /// A one-time code of this time step.
    Code(u64),
    /// A recovery code.
    Recovery(SecretDigest),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_form() {
        let id = AccountId::from_random([0xab; 16]);
        assert_eq!(AccountId::parse(id.as_str()), Some(id.clone()));
        let upper = id.as_str().to_uppercase();
        for text in ["", "acc_", "acc_ab", &upper, &format!("{id}0"), "tok_x"] {
            assert_eq!(AccountId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn debug_output_has_neither_addresses_nor_secrets() {
        let account = Account {
            id: AccountId::from_random([1; 16]),
            email: EmailAddress::parse("ann@example.com"),
            name: "Ann".to_owned(),
            password: Some(PasswordHash::new("$argon2id$secret".to_owned())),
            totp: Some(TotpEnrollment {
                secret: SealedSecret(b"sealed".to_vec()),
                last_step: None,
            }),
            created_at: license_core::time::MIN,
            verified_at: None,
        };
        let text = format!("{account:?}");
        for secret in ["ann@example.com", "argon2id", "sealed", "115"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(!account.needs_code());
    }
}
