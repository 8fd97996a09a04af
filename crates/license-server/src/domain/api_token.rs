//! API tokens of administrators.

use std::fmt;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

/// The permissions of an API token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Read everything.
    Read,
    /// Read and change everything.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 2] = [Self::Read, Self::Admin];

    /// Returns the name of the scope.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }

    /// Parses the name of a scope.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// Returns whether the scope permits what `needed` permits.
    pub fn covers(self, needed: Self) -> bool {
        self >= needed
    }
}

/// The SHA-256 digest of a random secret.
///
/// The secret has 256 random bits, so a digest without salt and iterations suffices. The database
/// finds a secret by its digest. The time of this search depends on the digest only, from which an
/// attacker learns nothing about the secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Returns the digest of a secret.
    pub fn new(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Reads a digest from the database.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Omits the digest.
impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

/// An API token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// The id, which logs and the audit trail use.
    pub id: String,
    /// The name that the administrator chose.
    pub name: String,
    /// The permissions.
    pub scope: Scope,
    /// The digest of the secret.
    pub digest: SecretDigest,
    /// The time of the creation.
    pub created_at: DateTime<Utc>,
    /// The instant at which the token ends. `None` means never.
    pub expires_at: Option<DateTime<Utc>>,
    /// The time at which an administrator revoked the token.
    pub revoked_at: Option<DateTime<Utc>>,
}

impl ApiToken {
    /// Returns whether the token can be used.
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
